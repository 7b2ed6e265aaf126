/* Which tape the present thread writes to. */

/* This thread's tape. The thread's `Owner` keeps it, and forgets it when the thread ends. */
static THREAD_LOCAL Tape *current;

typedef struct {
    PyObject_HEAD
    Tape *tape;
} Owner;

static int
owner_init(Owner *self, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    Tape *tape;
    if (!PyArg_ParseTuple(args, "O!", &TapeType, &tape)) {
        return -1;
    }
    Py_XSETREF(self->tape, (Tape *)Py_NewRef((PyObject *)tape));
    current = tape;
    return 0;
}

static void
owner_dealloc(Owner *self)
{
    if (current == self->tape) {
        current = NULL;
    }
    Py_XDECREF(self->tape);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyTypeObject OwnerType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "callscope.tape._tape.Owner",
    .tp_doc = "Keeps the tape that the present thread writes to.",
    .tp_basicsize = sizeof(Owner),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)owner_init,
    .tp_dealloc = (destructor)owner_dealloc,
};

/* Return this thread's tape, borrowed, with room for what the thread may write. */
static Tape *
open_tape(void)
{
    if (current == NULL) {
        PyObject *tape = PyObject_CallNoArgs(config.local_tape);
        if (tape == NULL) {
            return NULL;
        }
        Py_DECREF(tape); /* the thread's owner keeps it, and has made it current */
        if (current == NULL) {
            PyErr_SetString(PyExc_RuntimeError, "this thread has no tape");
            return NULL;
        }
    }
    if (current->used - current->start > LIMIT) {
        PyObject *done = PyObject_CallNoArgs(config.drain);
        if (done == NULL) {
            return NULL;
        }
        Py_DECREF(done);
    }
    return current;
}
