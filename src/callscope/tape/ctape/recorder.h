/* What is known of the records of one site, and how values are captured for them. */

/* The most parameters and fields of a function whose calls are recorded without a frame. */
enum { MOST_BOUND = 32 };
enum { PAIRS = 8, ALIGNMENT_BITS = 4 };
enum Binding { ON_NOTHING, ON_INSTANCE, ON_CLASS };
enum Capture { AS_IT_IS = 'v', ITS_TYPE = 't', BY_CALL = 'c', HIDDEN = 'h', SPREAD = 's',
               ITEMS = 'i' };
enum Drives { FUNCTION = 'f', GENERATOR = 'g', COROUTINE = 'c', ASYNC_GENERATOR = 'a' };
enum { MOST_ITEMS = 10 }; /* of those captured from `*args`, as in shadow/capture.py */

typedef struct Recorder {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    PyObject *layout;
    PyObject *original;    /* the site's function; borrowed where it is recorded in place */
    Pair *pairs[PAIRS];    /* by address of the class: those seen last; some are NULL */
    PyObject *on;          /* the cell that says whether calls of a shadow are recorded */
    PyObject *value;       /* Python function that captures a value */
    PyObject *note_error;  /* Python function that writes what a call raised */
    PyObject *is_compiling; /* Python function, or NULL where nothing compiles */
    PyObject *is_akin;     /* Python function that finds strangers, or NULL where there are none */
    PyObject *spreads;     /* tuple: the Python function of each field that is spread, or None */
    char *captures;        /* how each field is captured: one of `Capture` for each */
    char captures_result;
    char is_live;
    char is_plain; /* whether nothing is written of a call but the object and the time */
    char binding;
    char drives;   /* one of `Drives`: what kind of function it is */
    Py_ssize_t fields;
    Py_ssize_t objects; /* of a begin record: the fields, and what tells one that suspends apart */
    char is_in_place;
    vectorcallfunc by;       /* how it is called without callscope, where it is in place */
    /* Of the function that is called, for `call_shadow` and `call_in_place`. */
    PyObject *shadow;        /* weak reference to it; NULL where nothing is attached */
    struct Recorder *next;   /* the one attached before, and where this one is pointed to from */
    struct Recorder **at;
    PyObject *code;
    Py_ssize_t positional_only;
    Py_ssize_t positional;   /* with the positional-only ones */
    Py_ssize_t named;        /* with the keyword-only ones */
    Py_ssize_t only_positional; /* the same as `positional`; -1 if there are others */
    Py_ssize_t first_field;  /* parameter of the first field: 0, or 1 behind the bound one */
    char has_args;
    char has_kwargs;
} Recorder;

static PyTypeObject RecorderType;

static inline int
is_scalar(PyObject *value)
{
    if (value == Py_None || PyLong_CheckExact(value) || PyBool_Check(value)
        || PyFloat_CheckExact(value)) {
        return 1;
    }
    return PyUnicode_CheckExact(value) && PyUnicode_GET_LENGTH(value) <= config.most_string;
}

/* Return the name of the type of a scalar, borrowed; NULL for any other value. */
static PyObject *
type_text(PyObject *value)
{
    for (int i = 0; i < SCALARS; i++) {
        if (Py_IS_TYPE(value, scalars[i])) {
            return PyTuple_GET_ITEM(config.type_texts, i);
        }
    }
    return NULL;
}

static PyObject *
capture(const Recorder *recorder, PyObject *value)
{
    PyObject *text;
    switch (recorder->captures_result) {
    case AS_IT_IS:
        return is_scalar(value) ? Py_NewRef(value) : summary_of(recorder->value, value, 0);
    case ITS_TYPE:
        text = type_text(value);
        return text != NULL ? Py_NewRef(text) : summary_of(recorder->value, value, 1);
    default:
        return PyObject_CallOneArg(recorder->value, value);
    }
}

/* Capture the values of `*args`, which are few. */
static PyObject *
capture_items(const Recorder *recorder, PyObject *values)
{
    Py_ssize_t count = PyTuple_GET_SIZE(values);
    PyObject *items = PyTuple_New(count);
    for (Py_ssize_t i = 0; items != NULL && i < count; i++) {
        PyObject *item = capture(recorder, PyTuple_GET_ITEM(values, i));
        if (item == NULL) {
            Py_CLEAR(items);
        }
        else {
            PyTuple_SET_ITEM(items, i, item);
        }
    }
    return items;
}

static inline PyObject *
name_of_parameter(const Recorder *recorder, Py_ssize_t parameter)
{
    return PyTuple_GET_ITEM(((PyCodeObject *)recorder->code)->co_localsplusnames, parameter);
}

/* Return a keyword-only parameter's default, borrowed; NULL where it has none. */
static PyObject *
keyword_default(const Recorder *recorder, PyObject *defaults, Py_ssize_t parameter)
{
    PyObject *found = NULL;
    if (defaults != NULL) {
        found = PyDict_GetItemWithError(defaults, name_of_parameter(recorder, parameter));
        if (found == NULL) {
            PyErr_Clear(); /* a key that cannot be compared: it is asked again, and says so again */
        }
    }
    return found;
}

/* Return the default of a field that holds one value, borrowed; NULL where it has none. */
static inline PyObject *
default_of(const Recorder *recorder, Py_ssize_t field)
{
    PyFunctionObject *function = (PyFunctionObject *)recorder->original;
    if (function == NULL) { /* the collector is clearing the recorder */
        return NULL;
    }
    Py_ssize_t parameter = field + recorder->first_field;
    if (parameter >= recorder->positional) {
        parameter -= recorder->has_args;
        return keyword_default(recorder, function->func_kwdefaults, parameter);
    }
    PyObject *defaults = function->func_defaults;
    Py_ssize_t at = defaults == NULL ? -1 : parameter - recorder->positional + PyTuple_GET_SIZE(defaults);
    return at < 0 ? NULL : PyTuple_GET_ITEM(defaults, at);
}

static PyObject *
capture_field(const Recorder *recorder, Py_ssize_t field, PyObject *value)
{
    char how = recorder->captures[field];
    if (how == SPREAD || how == ITEMS) {
        Py_ssize_t size = PyTuple_CheckExact(value) ? PyTuple_GET_SIZE(value) : PyDict_GET_SIZE(value);
        if (size == 0) {
            return Py_NewRef(config.none_given);
        }
        return how == ITEMS && size <= MOST_ITEMS
                   ? capture_items(recorder, value)
                   : PyObject_CallOneArg(PyTuple_GET_ITEM(recorder->spreads, field), value);
    }
    if (value == default_of(recorder, field)) {
        return Py_NewRef(config.none_given);
    }
    if (how == HIDDEN) {
        return Py_NewRef(PyTuple_GET_ITEM(recorder->spreads, field));
    }
    return capture(recorder, value);
}

/* Return where what stands for the site and a class is kept. */
static inline Pair **
place_of_pair(Recorder *recorder, PyObject *cls)
{
    return &recorder->pairs[(uintptr_t)cls >> ALIGNMENT_BITS & (PAIRS - 1)];
}

static inline int
is_of(const Pair *pair, PyObject *cls)
{
    return pair != NULL && ((PyWeakReference *)pair->cls)->wr_object == cls;
}

/* Return what stands for the site and the class of what it was called on. */
static Pair *
find_pair(Recorder *recorder, PyObject *bound)
{
    if (recorder->binding == ON_NOTHING) {
        return (Pair *)Py_NewRef((PyObject *)recorder->pairs[0]);
    }
    int on_class = recorder->binding == ON_CLASS;
    PyObject *cls = on_class ? bound : (PyObject *)Py_TYPE(bound);
    Pair **place = place_of_pair(recorder, cls);
    if (is_of(*place, cls)) {
        return (Pair *)Py_NewRef((PyObject *)*place);
    }
    PyObject *ref = PyObject_CallOneArg(on_class ? config.class_ref_of_bound : config.class_ref, cls);
    if (ref == NULL) {
        return NULL;
    }
    Pair *pair = make_pair(recorder->layout, ref, recorder->objects);
    Py_DECREF(ref);
    if (pair != NULL && recorder->is_akin != NULL) {
        PyObject *akin = PyObject_CallOneArg(recorder->is_akin, cls);
        pair->is_of_stranger = akin == Py_False;
        Py_XDECREF(akin);
        if (akin == NULL) {
            Py_CLEAR(pair);
        }
    }
    if (pair != NULL) {
        Py_INCREF(pair);
        Py_XSETREF(*place, pair);
    }
    return pair;
}

/* Tell whether the class of what a method was called on is none of those that are recorded. */
static int
is_of_stranger(Recorder *recorder, PyObject *bound)
{
    Pair *pair = find_pair(recorder, bound);
    int found = pair == NULL ? -1 : pair->is_of_stranger;
    Py_XDECREF((PyObject *)pair);
    return found;
}

/* Ask the class how its objects are identified. */
static int
ask_class(Pair *pair)
{
    PyObject *how = PyObject_GetAttr(pair->cls, str_identify);
    if (how == NULL) {
        return -1;
    }
    if (PyCFunction_Check(how) && PyCFunction_GET_FUNCTION(how) == identify) {
        Py_CLEAR(how);
    }
    Py_XSETREF(pair->identify, how);
    pair->identified = identifications;
    return 0;
}

/* Return the identity of what a method is called on; 0 for an error. */
static inline Word
identity_word(Pair *pair, PyObject *bound)
{
    if (pair->identified != identifications && ask_class(pair) < 0) {
        return 0;
    }
    if (pair->identify == NULL) {
        int64_t serial = serial_of(bound);
        return serial == 0 ? 0 : serial_word(serial);
    }
    PyObject *identify = Py_NewRef(pair->identify); /* the class may be asked again meanwhile */
    PyObject *identity = PyObject_CallOneArg(identify, bound);
    Py_DECREF(identify);
    return (Word)identity;
}

static int
go_live(const Recorder *recorder)
{
    if (!recorder->is_live) {
        return 0;
    }
    PyObject *done = PyObject_CallNoArgs(config.drain);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}
