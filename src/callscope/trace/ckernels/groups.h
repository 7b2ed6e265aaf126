/* Groups of calls. */

enum { STEPS = 1024 /* steps from path to path that are kept at hand */ };

/* Return how many values of a tuple or a dict are of a type. */
static int32_t
count_among(PyObject *values, PyTypeObject *type)
{
    int32_t count = 0;
    Py_ssize_t position = 0;
    PyObject *value;
    if (PyTuple_CheckExact(values)) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(values); i++) {
            count += Py_IS_TYPE(PyTuple_GET_ITEM(values, i), type);
        }
    }
    else if (PyDict_CheckExact(values)) {
        while (PyDict_Next(values, &position, NULL, &value)) {
            count += Py_IS_TYPE(value, type);
        }
    }
    return count;
}

static PyObject *
count_type(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *counted, *type, *arguments, *outcomes;
    Column counts = {0};
    if (!PyArg_ParseTuple(args, "OO!O!O!:count_type", &counted, &PyType_Type, &type, &PyList_Type,
                          &arguments, &PyList_Type, &outcomes)) {
        return NULL;
    }
    int failed = open_columns(&counts, &counted, "I", -1) < 0;
    if (!failed && (counts.length > PyList_GET_SIZE(arguments)
                    || counts.length > PyList_GET_SIZE(outcomes))) {
        failed = 1;
        PyErr_Format(PyExc_ValueError, "a list must have %zd entries", counts.length);
    }
    for (Py_ssize_t row = 0; !failed && row < counts.length; row++) {
        ((int32_t *)counts.view.buf)[row] =
            count_among(PyList_GET_ITEM(arguments, row), (PyTypeObject *)type)
            + Py_IS_TYPE(PyList_GET_ITEM(outcomes, row), (PyTypeObject *)type);
    }
    close_columns(&counts, 1);
    return failed ? NULL : Py_NewRef(Py_None);
}

/* A step from the path of a parent to that of a child. */
typedef struct {
    int32_t path;
    int32_t kind;
    int32_t to; /* -1 where there is no step yet */
} Step;

static int
ask_step(Step *step, PyObject *enter, int32_t path, int32_t kind)
{
    PyObject *number = PyObject_CallFunction(enter, "ii", (int)path, (int)kind);
    if (number == NULL) {
        return -1;
    }
    long to = PyLong_AsLong(number);
    Py_DECREF(number);
    if (to < 0 || to > INT32_MAX) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_ValueError, "a path must be a number of 31 bits");
        }
        return -1;
    }
    *step = (Step){path, kind, (int32_t)to};
    return 0;
}

/* Return the path of a child, given that of its parent; -1 if `enter` fails. */
static int32_t
next_path(Step *steps, PyObject *enter, int32_t path, int32_t kind)
{
    Step *step = &steps[((uint32_t)path * 31 + (uint32_t)kind) % STEPS];
    int is_known = step->to >= 0 && step->path == path && step->kind == kind;
    if (!is_known && ask_step(step, enter, path, kind) < 0) {
        return -1;
    }
    return step->to;
}

static int
enter_rows(const Column *columns, PyObject *enter)
{
    int32_t *paths = columns[0].view.buf;
    const int32_t *parents = columns[1].view.buf, *kinds = columns[2].view.buf;
    Step steps[STEPS]; /* those last taken */
    memset(steps, -1, sizeof(steps));
    for (Py_ssize_t row = 0; row < columns[0].length; row++) {
        int32_t parent = parents[row];
        if (check_parent(row, parent) < 0) {
            return -1;
        }
        paths[row] = next_path(steps, enter, parent < 0 ? -1 : paths[parent], kinds[row]);
        if (paths[row] < 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *
enter_paths(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *values[3], *enter;
    Column columns[3] = {0};
    if (!PyArg_ParseTuple(args, "OOOO:enter_paths", &values[0], &values[1], &values[2], &enter)) {
        return NULL;
    }
    int failed = open_columns(columns, values, "Iii", -1) < 0 || enter_rows(columns, enter) < 0;
    close_columns(columns, 3);
    return failed ? NULL : Py_NewRef(Py_None);
}

/* Return the entry of an object in a table of the last row of each, plus 1; 0 if there was none. */
static int32_t *
last_row(const HashTable *table, const int64_t *numbers, int64_t number)
{
    size_t place = (size_t)mixed(0, (uint64_t)number) & table->mask;
    while (table->numbers[place] != 0 && numbers[table->numbers[place] - 1] != number) {
        place = (place + 1) & table->mask;
    }
    return &table->numbers[place];
}

static int
follow_rows(const Column *columns, const HashTable *table, PyObject *enter)
{
    int32_t *paths = columns[0].view.buf;
    const int32_t *parents = columns[1].view.buf, *kinds = columns[2].view.buf;
    const int64_t *numbers = columns[3].view.buf;
    const int8_t *accepted = columns[4].view.buf;
    Step steps[STEPS];
    memset(steps, -1, sizeof(steps));
    for (Py_ssize_t row = 0; row < columns[0].length; row++) {
        int32_t parent = parents[row], kind = kinds[row];
        paths[row] = -1;
        if (check_parent(row, parent) < 0 || check_index(row, kind, columns[4].length) < 0) {
            return -1;
        }
        if (!accepted[kind]) {
            continue;
        }
        int is_inner = parent >= 0 && accepted[kinds[parent]] && numbers[parent] == numbers[row];
        int32_t *last = last_row(table, numbers, numbers[row]);
        int32_t path = *last == 0 ? -1 : paths[*last - 1];
        if ((path = next_path(steps, enter, path, 2 * kind + is_inner)) < 0) {
            return -1;
        }
        if (*last != 0) {
            paths[*last - 1] = -1;
        }
        paths[row] = path;
        *last = (int32_t)row + 1;
    }
    return 0;
}

static PyObject *
follow_objects(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *values[5], *enter;
    Column columns[5] = {0}; /* paths, parents, kinds, numbers, accepted */
    HashTable table = {0};
    if (!PyArg_ParseTuple(args, "OOOOOO:follow_objects", &values[0], &values[1], &values[2],
                          &values[3], &values[4], &enter)) {
        return NULL;
    }
    int failed = open_columns(columns, values, "Iiiq", -1) < 0
                 || open_column(&columns[4], values[4], "b", 0) < 0;
    if (!failed && columns[4].length > INT32_MAX / 2) {
        failed = 1;
        PyErr_SetString(PyExc_ValueError, "kinds must be numbers of 30 bits");
    }
    failed = failed || open_table(&table, columns[0].length) < 0
             || follow_rows(columns, &table, enter) < 0;
    PyMem_Free(table.numbers);
    close_columns(columns, 5);
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *
select_rows(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *values[3];
    Column columns[3] = {0}; /* rows, kinds, accepted */
    Py_ssize_t count = 0;
    if (!PyArg_ParseTuple(args, "OOO:select_rows", &values[0], &values[1], &values[2])) {
        return NULL;
    }
    int failed = open_columns(columns, values, "Ii", -1) < 0
                 || open_column(&columns[2], values[2], "b", 0) < 0;
    for (Py_ssize_t row = 0; !failed && row < columns[0].length; row++) {
        int32_t kind = ((int32_t *)columns[1].view.buf)[row];
        if (!(failed = check_index(row, kind, columns[2].length) < 0)
            && ((int8_t *)columns[2].view.buf)[kind]) {
            ((int32_t *)columns[0].view.buf)[count++] = (int32_t)row;
        }
    }
    close_columns(columns, 3);
    return failed ? NULL : PyLong_FromSsize_t(count);
}

static int
look_up_rows(const Column *indices, const Column *numbers, const Column *source, const Column *outer)
{
    for (Py_ssize_t row = 0; row < indices->length; row++) {
        int64_t index = ((int32_t *)indices->view.buf)[row];
        const Column *column = index >= 0 ? source : outer;
        if (index == -1) {
            continue;
        }
        index = index >= 0 ? index : -2 - index;
        if (check_index(row, index, column->length) < 0) {
            return -1;
        }
        ((int64_t *)numbers->view.buf)[row] = ((int64_t *)column->view.buf)[index];
    }
    return 0;
}

static PyObject *
look_up(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *values[4];
    Column columns[4] = {0}; /* indices, numbers, source, outer */
    if (!PyArg_ParseTuple(args, "OOOO:look_up", &values[1], &values[0], &values[2], &values[3])) {
        return NULL;
    }
    int failed = open_columns(columns, values, "iQ", -1) < 0
                 || open_columns(&columns[2], &values[2], "qq", 0) < 0
                 || look_up_rows(&columns[0], &columns[1], &columns[2], &columns[3]) < 0;
    close_columns(columns, 4);
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *
count_numbers(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *values[2];
    Column columns[2] = {0};
    if (!PyArg_ParseTuple(args, "OO:count_numbers", &values[0], &values[1])) {
        return NULL;
    }
    int failed = open_columns(columns, values, "iQ", 0) < 0;
    for (Py_ssize_t row = 0; !failed && row < columns[0].length; row++) {
        int32_t number = ((int32_t *)columns[0].view.buf)[row];
        if (!(failed = check_index(row, number, columns[1].length) < 0)) {
            ((int64_t *)columns[1].view.buf)[number]++;
        }
    }
    close_columns(columns, 2);
    return failed ? NULL : Py_NewRef(Py_None);
}

static int
scatter_rows(const Column *numbers, const Column *places, const Column *source,
             const Column *target)
{
    int64_t *place = places->view.buf;
    for (Py_ssize_t row = 0; row < numbers->length; row++) {
        int32_t number = ((int32_t *)numbers->view.buf)[row];
        if (check_index(row, number, places->length) < 0
            || check_index(row, place[number], target->length) < 0) {
            return -1;
        }
        memcpy((char *)target->view.buf + 8 * place[number]++, (char *)source->view.buf + 8 * row, 8);
    }
    return 0;
}

static PyObject *
scatter(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *values[4];
    Column columns[4] = {0}; /* numbers, places, source, target */
    if (!PyArg_ParseTuple(args, "OOOO:scatter", &values[0], &values[1], &values[2], &values[3])) {
        return NULL;
    }
    int failed = open_columns(columns, values, "iQ", 0) < 0
                 || open_column(&columns[2], values[2], "qd", 0) < 0
                 || open_column(&columns[3], values[3], "qd", 1) < 0;
    if (!failed && columns[2].code != columns[3].code) {
        failed = 1;
        PyErr_SetString(PyExc_TypeError, "both columns of values must be of one type");
    }
    if (!failed && columns[2].length < columns[0].length) {
        failed = 1;
        no_entry(columns[2].length);
    }
    failed = failed || scatter_rows(&columns[0], &columns[1], &columns[2], &columns[3]) < 0;
    close_columns(columns, 4);
    return failed ? NULL : Py_NewRef(Py_None);
}
