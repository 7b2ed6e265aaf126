/* Columns: buffers of one dimension, whose types and lengths are checked. */

typedef struct {
    Py_buffer view; /* its `obj` is NULL while it is not open */
    Py_ssize_t length;
    char code;
} Column;

static void
close_columns(Column *columns, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        PyBuffer_Release(&columns[i].view);
    }
}

/* Open a buffer whose type is one of `codes`, as of `array.array`. */
static int
open_column(Column *column, PyObject *values, const char *codes, int is_written)
{
    int flags = PyBUF_ND | PyBUF_FORMAT | (is_written ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(values, &column->view, flags) < 0) {
        return -1;
    }
    const char *format = column->view.format;
    if (column->view.ndim != 1 || format == NULL || format[0] == '\0' || format[1] != '\0'
        || strchr(codes, format[0]) == NULL) {
        PyErr_Format(PyExc_TypeError, "the type of a column must be one of '%s', got '%s'", codes,
                     format == NULL ? "B" : format);
        return -1;
    }
    column->code = format[0];
    column->length = column->view.shape[0];
    return 0;
}

/* Open columns of the types `codes`, in capitals where they are written to. They must have `count`
entries or more, by default as many as the first. */
static int
open_columns(Column *columns, PyObject *const *values, const char *codes, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; codes[i] != '\0'; i++) {
        char code[] = {(char)Py_TOLOWER(codes[i]), '\0'};
        if (open_column(&columns[i], values[i], code, Py_ISUPPER(codes[i])) < 0) {
            return -1;
        }
        count = count < 0 ? columns[0].length : count;
        if (columns[i].length < count) {
            PyErr_Format(PyExc_ValueError, "a column must have %zd entries, got %zd", count,
                         columns[i].length);
            return -1;
        }
    }
    return 0;
}

static inline int64_t
integer_at(const Column *column, Py_ssize_t row)
{
    const char *data = column->view.buf;
    if (column->code == 'q') {
        return ((const int64_t *)data)[row];
    }
    return column->code == 'i' ? ((const int32_t *)data)[row] : ((const int8_t *)data)[row];
}

static int
check_parent(Py_ssize_t row, int32_t parent)
{
    if (parent < row) {
        return 0;
    }
    PyErr_Format(PyExc_ValueError, "parents stand before their children, got %d for row %zd",
                 (int)parent, row);
    return -1;
}

static int
check_index(Py_ssize_t row, int64_t index, Py_ssize_t count)
{
    if (index >= 0 && index < count) {
        return 0;
    }
    PyErr_Format(PyExc_ValueError, "row %zd has index %lld, of %zd", row, (long long)index, count);
    return -1;
}

static int
no_entry(Py_ssize_t row)
{
    PyErr_Format(PyExc_ValueError, "a column has no entry for row %zd", row);
    return -1;
}
