/* Text of rows. */

enum { ROOM = 256 /* bytes per row that a text has room for at first */ };

typedef struct {
    PyObject *bytes;
    Py_ssize_t used;
} Text;

static int
write_chars(Text *text, const char *data, Py_ssize_t size)
{
    Py_ssize_t room = PyBytes_GET_SIZE(text->bytes);
    if (size > room - text->used) {
        if (size > PY_SSIZE_T_MAX / 2 - room) {
            PyErr_NoMemory();
            return -1;
        }
        if (_PyBytes_Resize(&text->bytes, 2 * room + size) < 0) {
            return -1;
        }
    }
    memcpy(PyBytes_AS_STRING(text->bytes) + text->used, data, (size_t)size);
    text->used += size;
    return 0;
}

/* Two digits of each number below a hundred. */
static const char PAIRS[] =
    "0001020304050607080910111213141516171819"
    "2021222324252627282930313233343536373839"
    "4041424344454647484950515253545556575859"
    "6061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

static int
write_integer(Text *text, int64_t value)
{
    char digits[20], *first = digits + sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    while (rest >= 10) {
        first -= 2;
        memcpy(first, &PAIRS[2 * (rest % 100)], 2);
        rest /= 100;
    }
    if (rest > 0 || first == digits + sizeof(digits)) {
        *--first = (char)('0' + rest);
    }
    if (value < 0) {
        *--first = '-';
    }
    return write_chars(text, first, digits + sizeof(digits) - first);
}

static int
write_bytes(Text *text, PyObject *bytes)
{
    if (!PyBytes_CheckExact(bytes)) {
        PyErr_Format(PyExc_TypeError, "a piece of text must be bytes, got %.100s",
                     Py_TYPE(bytes)->tp_name);
        return -1;
    }
    return write_chars(text, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
}

/* Write an escape of a character below 0x10000. */
static int
write_escape(Text *text, Py_UCS4 code)
{
    static const char DIGITS[] = "0123456789abcdef", SPECIAL[] = "\"\\\b\f\n\r\t",
                      LETTERS[] = "\"\\bfnrt";
    const char *special = code != 0 && code < 0x80 ? strchr(SPECIAL, (int)code) : NULL;
    if (special != NULL) {
        const char escape[] = {'\\', LETTERS[special - SPECIAL]};
        return write_chars(text, escape, 2);
    }
    const char escape[] = {'\\',
                           'u',
                           DIGITS[code >> 12 & 15],
                           DIGITS[code >> 8 & 15],
                           DIGITS[code >> 4 & 15],
                           DIGITS[code & 15]};
    return write_chars(text, escape, 6);
}

static int
write_character(Text *text, Py_UCS4 code)
{
    if (code < 0x10000) {
        return write_escape(text, code);
    }
    code -= 0x10000;
    return write_escape(text, 0xD800 | code >> 10) < 0 || write_escape(text, 0xDC00 | (code & 0x3FF))
               ? -1
               : 0;
}

/* Write a string as JSON, in ASCII. */
static int
write_string(Text *text, PyObject *string)
{
#if PY_VERSION_HEX < 0x030C0000
    if (PyUnicode_READY(string) < 0) {
        return -1;
    }
#endif
    int kind = PyUnicode_KIND(string);
    const void *data = PyUnicode_DATA(string);
    Py_ssize_t size = PyUnicode_GET_LENGTH(string), begin = 0;
    int failed = write_chars(text, "\"", 1) < 0;
    for (Py_ssize_t i = 0; i <= size && !failed; i++) {
        Py_UCS4 code = i < size ? PyUnicode_READ(kind, data, i) : '"';
        if (code >= ' ' && code < 0x7F && code != '"' && code != '\\') {
            continue;
        }
        if (kind == PyUnicode_1BYTE_KIND) {
            failed = write_chars(text, (const char *)data + begin, i - begin) < 0;
        }
        for (; !failed && begin < i && kind != PyUnicode_1BYTE_KIND; begin++) {
            const char character = (char)PyUnicode_READ(kind, data, begin);
            failed = write_chars(text, &character, 1) < 0;
        }
        begin = i + 1;
        failed = failed || (i < size && write_character(text, code) < 0);
    }
    return failed ? -1 : write_chars(text, "\"", 1);
}

/* Write a value; `convert` returns the bytes of what is neither bytes nor an integer of 64 bits. */
static int
write_value(Text *text, PyObject *value, PyObject *convert)
{
    if (PyBytes_CheckExact(value)) {
        return write_bytes(text, value);
    }
    if (PyLong_CheckExact(value)) {
        int overflow;
        int64_t number = PyLong_AsLongLongAndOverflow(value, &overflow);
        if (!overflow && number != INT64_MIN) {
            return write_integer(text, number);
        }
    }
    PyObject *bytes = PyObject_CallOneArg(convert, value);
    int failed = bytes == NULL || write_bytes(text, bytes) < 0;
    Py_XDECREF(bytes);
    return failed ? -1 : 0;
}

static const char *const KINDS[] = {
    "integer", "difference", "optional", "choice", "value", "argument", "json", NULL};

/* What is written of a column. */
typedef struct {
    char kind; /* the first letter of one of `KINDS` */
    char is_list;
    Column values;
    Column others;     /* of a difference */
    int64_t number;    /* what is subtracted; what is written as null; the index of an argument */
    PyObject *objects; /* a list of values or of arguments, or the tuple of choices; borrowed */
    PyObject *convert; /* borrowed */
} Written;

/* Take what a description holds apart from its columns of integers. */
static int
parse_written(Written *written, const char *kind, PyObject *values, PyObject *with, PyObject *convert)
{
    int is_list = strchr("vaj", kind[0]) != NULL, is_choice = kind[0] == 'c';
    const char *const *known = KINDS;
    while (*known != NULL && strcmp(*known, kind) != 0) {
        known++;
    }
    if (*known == NULL || (convert != NULL) != (strchr("aj", kind[0]) != NULL)) {
        PyErr_Format(PyExc_ValueError, "a column must be of a known kind, got %s", kind);
        return -1;
    }
    if ((is_list && !PyList_Check(values)) || (is_choice && !PyTuple_Check(with))) {
        PyErr_SetString(PyExc_TypeError, "values must be a list, and choices a tuple");
        return -1;
    }
    written->kind = kind[0];
    written->is_list = (char)is_list;
    written->objects = is_choice ? with : values;
    written->convert = convert != NULL ? convert : with;
    if (strchr("ioaj", kind[0]) != NULL) {
        written->number = PyLong_AsLongLong(with);
    }
    return written->number == -1 && PyErr_Occurred() ? -1 : 0;
}

static int
open_written(Written *written, PyObject *description)
{
    const char *kind;
    PyObject *values, *with, *convert = NULL;
    if (!PyTuple_Check(description)) {
        PyErr_SetString(PyExc_TypeError, "a column must be described by a tuple");
        return -1;
    }
    if (!PyArg_ParseTuple(description, "sOO|O", &kind, &values, &with, &convert)
        || parse_written(written, kind, values, with, convert) < 0) {
        return -1;
    }
    if (written->is_list) {
        return 0;
    }
    if (written->kind == 'd' && open_column(&written->others, with, "qib", 0) < 0) {
        return -1;
    }
    return open_column(&written->values, values, "qib", 0);
}

static int
write_difference(Text *text, int64_t value, int64_t other)
{
    if (other < 0 ? value > INT64_MAX + other : value < INT64_MIN + other) {
        PyErr_SetString(PyExc_OverflowError, "a difference must fit in 64 bits");
        return -1;
    }
    return write_integer(text, value - other);
}

static int
write_object(Text *text, const Written *written, Py_ssize_t row)
{
    if (row >= PyList_GET_SIZE(written->objects)) {
        return no_entry(row);
    }
    PyObject *value = PyList_GET_ITEM(written->objects, row);
    if (written->kind == 'a' || (written->kind == 'j' && written->number != -1)) {
        if (!PyTuple_Check(value) || written->number < 0
            || written->number >= PyTuple_GET_SIZE(value)) {
            PyErr_Format(PyExc_TypeError, "row %zd lacks argument %lld", row,
                         (long long)written->number);
            return -1;
        }
        value = PyTuple_GET_ITEM(value, written->number);
    }
    Py_INCREF(value); /* `convert` may change the list */
    int failed = written->kind == 'j' && PyUnicode_Check(value)
                     ? write_string(text, value)
                     : write_value(text, value, written->convert);
    Py_DECREF(value);
    return failed;
}

static int
write_entry(Text *text, const Written *written, Py_ssize_t row)
{
    if (written->is_list) {
        return write_object(text, written, row);
    }
    if (row >= written->values.length) {
        return no_entry(row);
    }
    int64_t value = integer_at(&written->values, row);
    switch (written->kind) {
    case 'i':
        return write_difference(text, value, written->number);
    case 'd':
        return row >= written->others.length
                   ? no_entry(row)
                   : write_difference(text, value, integer_at(&written->others, row));
    case 'o':
        return value == written->number ? write_chars(text, "null", 4) : write_integer(text, value);
    default:
        return check_index(row, value, PyTuple_GET_SIZE(written->objects)) < 0
                   ? -1
                   : write_bytes(text, PyTuple_GET_ITEM(written->objects, value));
    }
}

/* Write a row: the bytes of its template as they are, for an index the entry of that column. */
static int
write_row(Text *text, PyObject *template, const Written *columns, Py_ssize_t count, Py_ssize_t row)
{
    if (!PyTuple_Check(template)) {
        PyErr_SetString(PyExc_TypeError, "a template must be a tuple");
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(template); i++) {
        PyObject *piece = PyTuple_GET_ITEM(template, i);
        if (!PyLong_CheckExact(piece)) {
            if (write_bytes(text, piece) < 0) {
                return -1;
            }
            continue;
        }
        Py_ssize_t column = PyLong_AsSsize_t(piece);
        if (column < 0 || column >= count) {
            if (!PyErr_Occurred()) {
                PyErr_Format(PyExc_ValueError, "a template has column %zd of %zd", column, count);
            }
            return -1;
        }
        if (write_entry(text, &columns[column], row) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
write_rows(Text *text, const Column *rows, int64_t first, const Column *shapes, PyObject *templates,
           const Written *columns, Py_ssize_t count)
{
    if (rows->view.obj != NULL && rows->length < shapes->length) {
        return no_entry(rows->length);
    }
    for (Py_ssize_t i = 0; i < shapes->length; i++) {
        int64_t row = rows->view.obj == NULL ? first + i : integer_at(rows, i);
        int64_t shape = integer_at(shapes, i);
        if (check_index(i, row, PY_SSIZE_T_MAX) < 0
            || check_index(i, shape, PyTuple_GET_SIZE(templates)) < 0
            || write_row(text, PyTuple_GET_ITEM(templates, shape), columns, count, row) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Open what rows_text() is given, and write it. */
static int
write_text(Text *text, PyObject *numbers, PyObject *shape_of, PyObject *templates,
           PyObject *descriptions, Written *columns, Column *opened)
{
    Column *rows = &opened[0], *shapes = &opened[1];
    Py_ssize_t count = PyTuple_GET_SIZE(descriptions);
    int64_t first = 0;
    if (PyLong_Check(numbers)) {
        first = PyLong_AsSsize_t(numbers);
        if (first < 0 || first > PY_SSIZE_T_MAX / 2) {
            if (!PyErr_Occurred()) {
                PyErr_SetString(PyExc_ValueError, "the first row is out of range");
            }
            return -1;
        }
    }
    else if (open_column(rows, numbers, "i", 0) < 0) {
        return -1;
    }
    if (open_column(shapes, shape_of, "i", 0) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (open_written(&columns[i], PyTuple_GET_ITEM(descriptions, i)) < 0) {
            return -1;
        }
    }
    text->bytes = PyBytes_FromStringAndSize(NULL, ROOM * (shapes->length + 1));
    if (text->bytes == NULL
        || write_rows(text, rows, first, shapes, templates, columns, count) < 0) {
        return -1;
    }
    return _PyBytes_Resize(&text->bytes, text->used);
}

static PyObject *
rows_text(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *numbers, *shape_of, *templates, *descriptions;
    if (!PyArg_ParseTuple(args, "OOO!O!:rows_text", &numbers, &shape_of, &PyTuple_Type, &templates,
                          &PyTuple_Type, &descriptions)) {
        return NULL;
    }
    Text text = {NULL, 0};
    Column opened[2] = {0};
    Py_ssize_t count = PyTuple_GET_SIZE(descriptions);
    Written *columns = PyMem_Calloc((size_t)count + 1, sizeof(Written));
    if (columns == NULL) {
        return PyErr_NoMemory();
    }
    if (write_text(&text, numbers, shape_of, templates, descriptions, columns, opened) < 0) {
        Py_CLEAR(text.bytes);
    }
    close_columns(opened, 2);
    for (Py_ssize_t i = 0; i < count; i++) {
        close_columns(&columns[i].values, 1);
        close_columns(&columns[i].others, 1);
    }
    PyMem_Free(columns);
    return text.bytes;
}
