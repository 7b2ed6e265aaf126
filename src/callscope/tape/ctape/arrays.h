/* Texts of arrays and tensors, kept by class, dtype and shape.

Python decides once per class whether dtype and shape can be read without running Python code, and
makes each text. The next array of the same class, dtype and shape gets it without a call. */

enum { ARRAY_CLASSES = 256, ARRAY_TEXTS = 1024, MOST_DIMENSIONS = 6, ARRAY_MODES = 2 };

typedef struct {
    PyObject *cls;    /* weak reference; NULL where the place is free */
    PyObject *dtype;  /* the descriptor; NULL if Python has to look at the values */
    PyObject *shape;
    PyObject *guards; /* tuple: functions that return None or False while the two can be read */
} ArrayClass;

typedef struct {
    PyObject *cls; /* the weak reference */
    PyObject *dtype;
    Py_ssize_t dimensions;
    int64_t sizes[MOST_DIMENSIONS];
} ArrayKey;

typedef struct {
    ArrayKey key;                  /* owns its objects; `cls` is NULL where the place is free */
    PyObject *texts[ARRAY_MODES];  /* by what is captured: values, types */
} ArrayText;

static ArrayClass array_classes[ARRAY_CLASSES];
static ArrayText array_texts[ARRAY_TEXTS];

static inline size_t
mixed(uint64_t hash, uint64_t with)
{
    return (hash ^ with) * 0x9E3779B97F4A7C15u;
}

/* Ask Python how arrays of a class are read; NULL for an error. */
static Py_NO_INLINE ArrayClass *
ask_array_class(ArrayClass *place, PyTypeObject *type)
{
    PyObject *dtype = NULL, *shape = NULL, *guards = NULL;
    PyObject *cls = PyWeakref_NewRef((PyObject *)type, NULL);
    PyObject *known = cls == NULL ? NULL : PyObject_CallOneArg(config.array_class, (PyObject *)type);
    if (known == NULL
        || (known != Py_None && !PyArg_ParseTuple(known, "OOO!", &dtype, &shape, &PyTuple_Type, &guards))) {
        Py_XDECREF(cls);
        Py_XDECREF(known);
        return NULL;
    }
    Py_XSETREF(place->cls, cls);
    Py_XSETREF(place->dtype, Py_XNewRef(dtype));
    Py_XSETREF(place->shape, Py_XNewRef(shape));
    Py_XSETREF(place->guards, Py_XNewRef(guards));
    Py_DECREF(known);
    return place;
}

static inline ArrayClass *
array_class_of(PyTypeObject *type)
{
    ArrayClass *place = &array_classes[mixed(0, (uintptr_t)type) >> 32 & (ARRAY_CLASSES - 1)];
    if (place->cls != NULL && ((PyWeakReference *)place->cls)->wr_object == (PyObject *)type) {
        return place;
    }
    return ask_array_class(place, type);
}

static int
is_unguarded(PyObject *guards)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(guards); i++) {
        PyObject *answer = PyObject_CallNoArgs(PyTuple_GET_ITEM(guards, i));
        Py_XDECREF(answer);
        if (answer != Py_None && answer != Py_False) {
            return 0;
        }
    }
    return 1;
}

static PyObject *
read_attribute(PyObject *descriptor, PyObject *value)
{
    return Py_TYPE(descriptor)->tp_descr_get(descriptor, value, (PyObject *)Py_TYPE(value));
}

static int
read_sizes(PyObject *shape, ArrayKey *key)
{
    if (!PyTuple_Check(shape) || PyTuple_GET_SIZE(shape) > MOST_DIMENSIONS) {
        return 0;
    }
    key->dimensions = PyTuple_GET_SIZE(shape);
    for (Py_ssize_t i = 0; i < key->dimensions; i++) {
        PyObject *size = PyTuple_GET_ITEM(shape, i);
        int overflow = 1;
        key->sizes[i] = PyLong_CheckExact(size) ? PyLong_AsLongLongAndOverflow(size, &overflow) : 0;
        if (overflow) {
            return 0;
        }
    }
    return 1;
}

static void
release_key(ArrayKey *key)
{
    Py_CLEAR(key->cls);
    Py_CLEAR(key->dtype);
}

/* Read what the text of an array depends on. Return false, with no error set, where Python has to. */
static int
read_key(PyObject *value, ArrayKey *key)
{
    *key = (ArrayKey){0};
    const ArrayClass *found = array_class_of(Py_TYPE(value));
    if (found == NULL) {
        PyErr_Clear();
        return 0;
    }
    if (found->dtype == NULL) {
        return 0;
    }
    /* Another class may take the place meanwhile. */
    PyObject *shape_of = Py_NewRef(found->shape), *dtype_of = Py_NewRef(found->dtype);
    PyObject *guards = Py_NewRef(found->guards);
    key->cls = Py_NewRef(found->cls);
    if (is_unguarded(guards)) {
        PyObject *shape = read_attribute(shape_of, value);
        if (shape != NULL && read_sizes(shape, key)) {
            key->dtype = read_attribute(dtype_of, value);
        }
        Py_XDECREF(shape);
    }
    Py_DECREF(shape_of);
    Py_DECREF(dtype_of);
    Py_DECREF(guards);
    if (key->dtype == NULL) {
        PyErr_Clear();
        release_key(key);
        return 0;
    }
    return 1;
}

/* Return where the texts of a key are, or are to go. */
static ArrayText *
place_of_text(const ArrayKey *key)
{
    uint64_t hash = mixed((uintptr_t)key->cls, (uintptr_t)key->dtype);
    for (Py_ssize_t i = 0; i < key->dimensions; i++) {
        hash = mixed(hash, (uint64_t)key->sizes[i]);
    }
    return &array_texts[hash >> 32 & (ARRAY_TEXTS - 1)];
}

static int
is_key(const ArrayKey *one, const ArrayKey *other)
{
    return one->cls == other->cls && one->dtype == other->dtype
           && one->dimensions == other->dimensions
           && memcmp(one->sizes, other->sizes, sizeof(int64_t) * (size_t)one->dimensions) == 0;
}

/* Tell whether keeping a dtype keeps nothing of the program alive. */
static int
is_builtin(PyObject *dtype)
{
    /* NumPy has others for structures, and they may hold any object. */
    PyObject *answer = PyObject_GetAttrString(dtype, "isbuiltin");
    if (answer == NULL) {
        PyErr_Clear();
        return 1;
    }
    int is_one = PyLong_CheckExact(answer) && PyLong_AsLong(answer) == 1;
    Py_DECREF(answer);
    return is_one;
}

/* Keep a text, and take over the references of its key. */
static void
keep_text(ArrayKey *key, int mode, PyObject *text)
{
    /* A text in angle brackets says that the summary has failed. */
    int is_text = PyUnicode_Check(text) && PyUnicode_GET_LENGTH(text) > 0
                  && PyUnicode_READ_CHAR(text, 0) != '<';
    if (!is_text || !is_builtin(key->dtype)) {
        release_key(key);
        return;
    }
    ArrayText *place = place_of_text(key);
    if (!is_key(&place->key, key)) {
        ArrayText before = *place;
        *place = (ArrayText){.key = *key};
        *key = before.key;
        Py_XDECREF(before.texts[0]);
        Py_XDECREF(before.texts[1]);
    }
    release_key(key);
    Py_XSETREF(place->texts[mode], Py_NewRef(text));
}

/* Return the summary of a value that is not a scalar, which `summarize` makes. */
static PyObject *
summary_of(PyObject *summarize, PyObject *value, int mode)
{
    ArrayKey key;
    if (!read_key(value, &key)) {
        return PyObject_CallOneArg(summarize, value);
    }
    ArrayText *place = place_of_text(&key);
    PyObject *text = is_key(&place->key, &key) ? Py_XNewRef(place->texts[mode]) : NULL;
    if (text != NULL) {
        release_key(&key);
        return text;
    }
    text = PyObject_CallOneArg(summarize, value);
    if (text == NULL) {
        release_key(&key);
    }
    else {
        keep_text(&key, mode, text);
    }
    return text;
}
