/* Numbers of subtrees. */

/* What the number of a subtree follows from. */
typedef struct {
    Column numbers, kinds, last, previous, objects, strands;
} Forest;

/* Return the number of a child and whether it is on the object and the strand of its parent. */
static uint64_t
child_key(const Forest *forest, int32_t parent, int32_t child)
{
    const int64_t *objects = forest->objects.view.buf;
    const int32_t *strands = forest->strands.view.buf, *numbers = forest->numbers.view.buf;
    return 4 * (uint64_t)(uint32_t)numbers[child] + 2 * (objects[child] == objects[parent])
           + (strands[child] == strands[parent]);
}

/* Return the hash of a subtree whose children have their numbers; set an exception for bad links. */
static uint64_t
subtree_hash(const Forest *forest, int32_t row)
{
    const int32_t *kinds = forest->kinds.view.buf, *previous = forest->previous.view.buf;
    uint64_t hash = mixed(0, (uint32_t)kinds[row]);
    int64_t end = forest->numbers.length;
    for (int32_t child = ((int32_t *)forest->last.view.buf)[row]; child >= 0;
         child = previous[child]) {
        if (child <= row || child >= end) {
            PyErr_Format(PyExc_ValueError, "row %d has child %d", (int)row, (int)child);
            return 0;
        }
        hash = mixed(hash, child_key(forest, row, child));
        end = child;
    }
    return hash;
}

static int
are_equal_subtrees(const Forest *forest, int32_t row, int32_t other)
{
    const int32_t *kinds = forest->kinds.view.buf, *previous = forest->previous.view.buf;
    const int32_t *last = forest->last.view.buf;
    int32_t child = last[row], its = last[other];
    if (kinds[row] != kinds[other]) {
        return 0;
    }
    while (child >= 0 && its >= 0) {
        if (child_key(forest, row, child) != child_key(forest, other, its)) {
            return 0;
        }
        child = previous[child];
        its = previous[its];
    }
    return child < 0 && its < 0;
}

static int
number_rows(const Forest *forest, const HashTable *table)
{
    int32_t *numbers = forest->numbers.view.buf;
    for (int32_t row = (int32_t)forest->numbers.length - 1; row >= 0; row--) {
        size_t place = (size_t)subtree_hash(forest, row) & table->mask;
        if (PyErr_Occurred()) {
            return -1;
        }
        int32_t *entry = &table->numbers[place];
        while (*entry != 0 && !are_equal_subtrees(forest, row, *entry - 1)) {
            place = (place + 1) & table->mask;
            entry = &table->numbers[place];
        }
        *entry = *entry == 0 ? row + 1 : *entry;
        numbers[row] = *entry - 1;
    }
    return 0;
}

static PyObject *
number_subtrees(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *values[6];
    Column columns[6] = {0};
    HashTable table = {0};
    if (!PyArg_ParseTuple(args, "OOOOOO:number_subtrees", &values[0], &values[1], &values[2],
                          &values[3], &values[4], &values[5])) {
        return NULL;
    }
    int failed = open_columns(columns, values, "Iiiiqi", -1) < 0;
    if (!failed && columns[0].length >= INT32_MAX) {
        failed = 1;
        PyErr_SetString(PyExc_ValueError, "rows must be numbers of 31 bits");
    }
    Forest forest = {columns[0], columns[1], columns[2], columns[3], columns[4], columns[5]};
    failed = failed || open_table(&table, columns[0].length) < 0 || number_rows(&forest, &table) < 0;
    PyMem_Free(table.numbers);
    close_columns(columns, 6);
    return failed ? NULL : Py_NewRef(Py_None);
}
