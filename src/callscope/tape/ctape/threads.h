/* Which tape the present thread writes to, or the greenlet that it runs. */

/* The tape that was written to last. It is the present one unless the thread has gone on to another
greenlet since. */
static THREAD_LOCAL Tape *current;

/* What is known of greenlets, once there can be any. */
static struct {
    PyObject *states;                /* dict: address of a greenlet to what has its tape */
    PyObject *(*get_present)(void); /* returns the greenlet that runs */
} greenlets;

/* How many times the thread's context had changed when `current` was set; each switch to another
greenlet changes it. */
static THREAD_LOCAL uint64_t contexts_seen;

/* Where the function is in greenlet's table of what it has for C: its interface, which stays. */
enum { GET_PRESENT = 4 };

static PyObject *str_tape;

static inline int
is_elsewhere(void)
{
    return greenlets.states != NULL && PyThreadState_Get()->context_ver != contexts_seen;
}

/* Return the tape that was written to last if that is the present one; else NULL. */
static inline Tape *
seen_tape(void)
{
    return is_elsewhere() ? NULL : current;
}

/* Let the present thread write to a tape. The reference is taken. */
static void
set_current(Tape *tape)
{
    Tape *before = current;
    current = tape;
    contexts_seen = greenlets.states == NULL ? 0 : PyThreadState_Get()->context_ver;
    Py_XDECREF((PyObject *)before);
}

/* Return the present greenlet's tape, without running code of Python's; NULL, and no exception, if
it is not known. */
static PyObject *
tape_of_greenlet(void)
{
    PyObject *greenlet = greenlets.states == NULL ? NULL : greenlets.get_present();
    PyObject *key = greenlet == NULL ? NULL : PyLong_FromVoidPtr(greenlet);
    PyObject *state = key == NULL ? NULL : PyDict_GetItemWithError(greenlets.states, key);
    PyObject *tape = state == NULL ? NULL : PyObject_GetAttr(state, str_tape);
    Py_XDECREF(key);
    Py_XDECREF(greenlet);
    PyErr_Clear(); /* the interpreter may be shut down */
    return tape;
}

/* Return the present tape, borrowed; NULL, and no exception, if there is none as yet. */
static Tape *
find_slowly(void)
{
    while (seen_tape() == NULL) {
        PyObject *tape = tape_of_greenlet();
        if (tape == NULL || Py_TYPE(tape) != &TapeType) {
            Py_XDECREF(tape);
            return NULL;
        }
        set_current((Tape *)tape); /* which may let go of another, and so run anything */
    }
    return current;
}

static inline Tape *
find_tape(void)
{
    Tape *tape = seen_tape();
    return tape != NULL ? tape : find_slowly();
}

/* Return the present tape, borrowed, and make it if there is none; NULL for an error. */
static Tape *
make_tape(void)
{
    while (find_tape() == NULL) {
        PyObject *tape = PyObject_CallNoArgs(config.local_tape);
        if (tape == NULL) {
            return NULL;
        }
        if (Py_TYPE(tape) != &TapeType) {
            Py_DECREF(tape);
            PyErr_SetString(PyExc_RuntimeError, "this thread has no tape");
            return NULL;
        }
        set_current((Tape *)tape);
    }
    return current;
}

/* The same, with room for what the thread may write. */
static Tape *
open_slowly(void)
{
    Tape *tape = make_tape();
    if (tape == NULL || tape->used - tape->start <= LIMIT) {
        return tape;
    }
    PyObject *done = PyObject_CallNoArgs(config.drain);
    if (done == NULL) {
        return NULL;
    }
    Py_DECREF(done);
    return make_tape();
}

static inline Tape *
open_tape(void)
{
    Tape *tape = seen_tape();
    return tape != NULL && tape->used - tape->start <= LIMIT ? tape : open_slowly();
}

/* The tape that the present thread wrote to when it began to collect garbage; NULL if it collects
none, or within no code of callscope's own. */
static THREAD_LOCAL Tape *set_aside;

/* Be called by the collector, before and after: finalizers are the program's, wherever it runs. It
is not Python code, for an interrupt that falls into that would be lost. */
static PyObject *
collect(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyUnicode_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "collect() takes a phase and what is known of it");
        return NULL;
    }
    int begins = PyUnicode_CompareWithASCIIString(args[0], "start") == 0;
    Tape *tape = begins ? seen_tape() : set_aside;
    if (tape == NULL || tape->outer == NULL || (begins && set_aside != NULL)) {
        Py_RETURN_NONE;
    }
    Tape *next = (Tape *)Py_NewRef(begins ? tape->outer : tape);
    set_aside = begins ? (Tape *)Py_NewRef(tape) : NULL;
    int failed = PyObject_SetAttr(tape->state, str_tape, (PyObject *)next);
    set_current(next);
    if (!begins) {
        Py_DECREF(tape);
    }
    if (failed) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Follow greenlets from now on; `states` tells which tape each has. */
static PyObject *
follow_greenlets(PyObject *Py_UNUSED(module), PyObject *states)
{
    if (!PyDict_Check(states)) {
        PyErr_SetString(PyExc_TypeError, "follow_greenlets() takes a dict");
        return NULL;
    }
    void **interface = PyCapsule_Import("greenlet._C_API", 0);
    if (interface == NULL) {
        return NULL;
    }
    greenlets.get_present = (PyObject *(*)(void))interface[GET_PRESENT];
    Py_XSETREF(greenlets.states, Py_NewRef(states));
    Py_RETURN_NONE;
}

typedef struct {
    PyObject_HEAD
    Tape **place; /* where the thread has its tape */
} Owner;

static int
owner_init(Owner *self, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    PyObject *tape;
    if (!PyArg_ParseTuple(args, "O!", &TapeType, &tape)) {
        return -1;
    }
    self->place = &current;
    set_current((Tape *)Py_NewRef(tape));
    return 0;
}

static void
owner_dealloc(Owner *self)
{
    if (self->place == &current) { /* and it is not another thread that clears up */
        set_current(NULL);
    }
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyTypeObject OwnerType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "callscope.tape._tape.Owner",
    .tp_doc = "Lets the present thread write to a tape, for as long as it lives.",
    .tp_basicsize = sizeof(Owner),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)owner_init,
    .tp_dealloc = (destructor)owner_dealloc,
};
