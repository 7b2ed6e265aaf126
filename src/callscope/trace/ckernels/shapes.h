/* Shapes of calls: what the lines of calls have in common. */

/* What the shape of a call follows from. */
typedef struct {
    Column callees, strands, ends;
    PyObject *arguments, *outcomes; /* lists; borrowed */
} Calls;

/* Return the type of a value; one more for infinity and NaN, which JSON lacks. */
static uintptr_t
kind_of(PyObject *value)
{
    int is_finite = !PyFloat_CheckExact(value) || isfinite(PyFloat_AS_DOUBLE(value));
    return (uintptr_t)Py_TYPE(value) + !is_finite;
}

static int
is_unfinished(const Calls *calls, Py_ssize_t row)
{
    return ((int64_t *)calls->ends.view.buf)[row] == INT64_MIN;
}

static uint64_t
hash_of(const Calls *calls, Py_ssize_t row)
{
    PyObject *arguments = PyList_GET_ITEM(calls->arguments, row);
    uint64_t hash = mixed((uint32_t)((int32_t *)calls->callees.view.buf)[row],
                          (uint32_t)((int32_t *)calls->strands.view.buf)[row]);
    hash = mixed(hash, kind_of(PyList_GET_ITEM(calls->outcomes, row)) + is_unfinished(calls, row));
    if (!PyTuple_CheckExact(arguments)) {
        return mixed(hash, kind_of(arguments));
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(arguments); i++) {
        hash = mixed(hash, kind_of(PyTuple_GET_ITEM(arguments, i)));
    }
    return hash;
}

static int
have_same_kinds(PyObject *values, PyObject *others)
{
    if (!PyTuple_CheckExact(values) || !PyTuple_CheckExact(others)) {
        return kind_of(values) == kind_of(others);
    }
    Py_ssize_t size = PyTuple_GET_SIZE(values);
    if (size != PyTuple_GET_SIZE(others)) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        if (kind_of(PyTuple_GET_ITEM(values, i)) != kind_of(PyTuple_GET_ITEM(others, i))) {
            return 0;
        }
    }
    return 1;
}

static int
have_same_shape(const Calls *calls, Py_ssize_t row, Py_ssize_t other)
{
    const int32_t *callees = calls->callees.view.buf, *strands = calls->strands.view.buf;
    return callees[row] == callees[other] && strands[row] == strands[other]
           && is_unfinished(calls, row) == is_unfinished(calls, other)
           && kind_of(PyList_GET_ITEM(calls->outcomes, row))
                  == kind_of(PyList_GET_ITEM(calls->outcomes, other))
           && have_same_kinds(PyList_GET_ITEM(calls->arguments, row),
                              PyList_GET_ITEM(calls->arguments, other));
}

/* Return the entry of a row's shape in a table of shapes; 0 if there was none. */
static int32_t *
shape_of(const HashTable *table, const Calls *calls, Py_ssize_t row, PyObject *firsts)
{
    size_t place = (size_t)hash_of(calls, row) & table->mask;
    int32_t *numbers = table->numbers;
    while (numbers[place] != 0
           && !have_same_shape(calls, row,
                               PyLong_AsSsize_t(PyList_GET_ITEM(firsts, numbers[place] - 1)))) {
        place = (place + 1) & table->mask;
    }
    return &numbers[place];
}

/* Set the shapes of rows from `first` on, and add the first row of each to a list. */
static int
set_shapes(const Calls *calls, Py_ssize_t first, const Column *shapes, PyObject *firsts,
           const HashTable *table)
{
    for (Py_ssize_t i = 0; i < shapes->length; i++) {
        int32_t *shape = shape_of(table, calls, first + i, firsts);
        if (*shape == 0) {
            PyObject *row = PyLong_FromSsize_t(first + i);
            int failed = row == NULL || PyList_Append(firsts, row) < 0;
            Py_XDECREF(row);
            if (failed) {
                return -1;
            }
            *shape = (int32_t)PyList_GET_SIZE(firsts);
        }
        ((int32_t *)shapes->view.buf)[i] = *shape - 1;
    }
    return 0;
}

static PyObject *
new_shapes(const Calls *calls, Py_ssize_t first, const Column *shapes)
{
    HashTable table;
    if (open_table(&table, shapes->length) < 0) {
        return NULL;
    }
    PyObject *firsts = PyList_New(0);
    if (firsts != NULL && set_shapes(calls, first, shapes, firsts, &table) < 0) {
        Py_CLEAR(firsts);
    }
    PyMem_Free(table.numbers);
    return firsts;
}

static PyObject *
row_shapes(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *written, *values[3], *firsts = NULL;
    Py_ssize_t first;
    Column columns[3] = {0}, shapes = {0};
    Calls calls;
    if (!PyArg_ParseTuple(args, "OnOOOO!O!:row_shapes", &written, &first, &values[0], &values[1],
                          &values[2], &PyList_Type, &calls.arguments, &PyList_Type,
                          &calls.outcomes)) {
        return NULL;
    }
    if (open_column(&shapes, written, "i", 1) == 0) {
        Py_ssize_t end = shapes.length + (first > INT32_MAX ? 0 : first);
        if (first < 0 || first > INT32_MAX || end > INT32_MAX || end > PyList_GET_SIZE(calls.arguments)
            || end > PyList_GET_SIZE(calls.outcomes)) {
            PyErr_Format(PyExc_ValueError, "a list lacks rows from %zd to %zd", first, end);
        }
        else if (open_columns(columns, values, "iiq", end) == 0) {
            calls.callees = columns[0];
            calls.strands = columns[1];
            calls.ends = columns[2];
            firsts = new_shapes(&calls, first, &shapes);
        }
    }
    close_columns(&shapes, 1);
    close_columns(columns, 3);
    return firsts;
}
