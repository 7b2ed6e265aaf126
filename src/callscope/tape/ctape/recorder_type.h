/* The recorder as Python sees it: a shadow's bytecode calls it. */

/* The recorder, by address alone, whose call could not begin, and which is about to be told so. */
static THREAD_LOCAL const Recorder *unbegun;

/* Take the shadow's frame, which the exception came through last, out of its traceback. */
static int
drop_own_frame(const Recorder *recorder, PyObject *error)
{
    PyTracebackObject *traceback = (PyTracebackObject *)PyException_GetTraceback(error);
    if (traceback == NULL || traceback->tb_frame == NULL) { /* for there was no memory for a frame */
        Py_XDECREF(traceback);
        return 0;
    }
    PyCodeObject *code = PyFrame_GetCode(traceback->tb_frame);
    int failed = 0;
    if ((PyObject *)code == recorder->code) {
        PyObject *next = (PyObject *)traceback->tb_next;
        failed = PyException_SetTraceback(error, next == NULL ? Py_None : next);
    }
    Py_DECREF(code);
    Py_DECREF(traceback);
    return failed;
}

/* Give back, or take again, the level of Python code that a shadow's frame takes, so that what it calls
goes as deep as without callscope. Python 3.11 makes a call with stars through C, where the level
counts what is left of the stack. */
static inline void
give_levels(const Recorder *recorder, int levels)
{
#if PY_VERSION_HEX >= 0x030C0000
    (void)recorder;
    PyThreadState_Get()->py_recursion_remaining += levels;
#else
    if (!recorder->has_args && !recorder->has_kwargs) {
        PyThreadState_Get()->recursion_remaining += levels;
    }
#endif
}

/* Write what a call has raised, unless that was to begin. */
static PyObject *
recorder_fail(Recorder *self, PyObject *error)
{
    if (drop_own_frame(self, error) < 0) {
        return NULL;
    }
    if (unbegun == self) {
        unbegun = NULL;
    }
    else {
        give_levels(self, -1);
        if (note_error(self, error) < 0) {
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

/* Tell whether a recorder is given an error, and nothing else. */
static inline int
is_given_error(Py_ssize_t count, PyObject *kwnames)
{
    return kwnames != NULL && count == 0 && PyTuple_GET_SIZE(kwnames) == 1
           && PyTuple_GET_ITEM(kwnames, 0) == str_error;
}

/* Write that a call begins or, where it is given an `error`, what it has raised.

Both by one vectorcall: Python 3.11 lets no method of a type written in C be called at the limit of
recursion, where a call has begun and then cannot go on. */
static PyObject *
recorder_call(Recorder *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Py_ssize_t count = PyVectorcall_NARGS(nargsf);
    int has_bound = self->binding != ON_NOTHING;
    if (is_given_error(count, kwnames)) {
        return recorder_fail(self, args[0]);
    }
    if (count != self->fields + has_bound || kwnames != NULL) {
        PyErr_SetString(PyExc_TypeError, "a recorder takes one argument per field");
        return NULL;
    }
    leave_bytecode();
    PyObject *bound = has_bound ? args[0] : NULL;
    if (!begin_at_once(self, bound) && begin(self, bound, args + has_bound) < 0) {
        unbegun = self;
        return NULL;
    }
    if (unbegun == self) {
        unbegun = NULL;
    }
    give_levels(self, 1);
    if (go_live(self) < 0) {
        return NULL;
    }
    Py_RETURN_TRUE;
}

/* Return what runs a coroutine or a generator and writes its records or, where it is given an `error`,
only take the shadow's frame out of that. */
static PyObject *
recorder_drive(Recorder *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Py_ssize_t count = PyVectorcall_NARGS(nargsf);
    if (kwnames == NULL) {
        return make_drive(self, args, count);
    }
    if (!is_given_error(count, kwnames)) {
        PyErr_SetString(PyExc_TypeError, "a recorder takes no other keyword than error");
        return NULL;
    }
    if (drop_own_frame(self, args[0]) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
recorder_leave(Recorder *self, PyObject *result)
{
    give_levels(self, -1);
    if (end(self, result) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
recorder_reduce(Recorder *Py_UNUSED(self), PyObject *Py_UNUSED(ignored))
{
    return Py_BuildValue("O()", config.inert);
}

static int
recorder_init(Recorder *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {
        "layout", "original", "on", "binding", "captures", "result", "value",
        "note_error", "spreads", "is_compiling", "is_akin", "live", "kind", NULL};
    PyObject *layout, *original, *on, *value, *note, *spreads, *compiling, *akin;
    const char *captures;
    Py_ssize_t fields;
    int binding, result, live, kind = FUNCTION;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "OO!O!Cs#COOO!OOp|C", keywords, &layout, &PyFunction_Type, &original,
            &PyCell_Type, &on, &binding, &captures, &fields, &result, &value, &note, &PyTuple_Type,
            &spreads, &compiling, &akin, &live, &kind)) {
        return -1;
    }
    if (PyTuple_GET_SIZE(spreads) != fields || fields > MOST_BOUND) {
        PyErr_SetString(PyExc_ValueError, "a recorder has one capture and spread per field");
        return -1;
    }
    char *copy = PyMem_Malloc((size_t)fields + 1);
    if (copy == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(copy, captures, (size_t)fields + 1);
    PyMem_Free(self->captures);
    self->captures = copy;
    self->fields = fields;
    self->drives = (char)kind;
    self->objects = fields + (kind == FUNCTION ? 0 : 2);
    self->captures_result = result == '-' ? 0 : (char)result;
    self->is_live = (char)live;
    self->binding = binding == 'i' ? ON_INSTANCE : binding == 'c' ? ON_CLASS : ON_NOTHING;
    self->is_plain = fields == 0 && self->binding == ON_INSTANCE;
    self->vectorcall = (vectorcallfunc)(kind == FUNCTION ? recorder_call : recorder_drive);
    Py_XSETREF(self->layout, Py_NewRef(layout));
    Py_XSETREF(self->original, Py_NewRef(original));
    read_parameters(self, original);
    for (int i = 0; i < PAIRS; i++) {
        Py_CLEAR(self->pairs[i]);
    }
    if (self->binding == ON_NOTHING) {
        self->pairs[0] = make_pair(layout, Py_None, self->objects);
        if (self->pairs[0] == NULL) {
            return -1;
        }
    }
    Py_XSETREF(self->on, Py_NewRef(on));
    Py_XSETREF(self->value, Py_NewRef(value));
    Py_XSETREF(self->note_error, Py_NewRef(note));
    Py_XSETREF(self->spreads, Py_NewRef(spreads));
    Py_XSETREF(self->is_compiling, compiling == Py_None ? NULL : Py_NewRef(compiling));
    Py_XSETREF(self->is_akin, akin == Py_None ? NULL : Py_NewRef(akin));
    return 0;
}

static int
recorder_traverse(Recorder *self, visitproc visit, void *arg)
{
    Py_VISIT(self->layout);
    if (!self->is_in_place) {
        Py_VISIT(self->original);
    }
    Py_VISIT(self->on);
    Py_VISIT(self->value);
    Py_VISIT(self->note_error);
    Py_VISIT(self->is_compiling);
    Py_VISIT(self->is_akin);
    Py_VISIT(self->spreads);
    Py_VISIT(self->code);
    return 0;
}

/* What a call that is running needs stays. It can be in no cycle but through this one. */
static int
recorder_clear(Recorder *self)
{
    if (!self->is_in_place) {
        Py_CLEAR(self->original);
    }
    return 0;
}

static void
recorder_dealloc(Recorder *self)
{
    PyObject_GC_UnTrack(self);
    unlink_recorder(self);
    Py_CLEAR(self->shadow);
    Py_CLEAR(self->layout);
    recorder_clear(self);
    for (int i = 0; i < PAIRS; i++) {
        Py_CLEAR(self->pairs[i]);
    }
    Py_CLEAR(self->on);
    Py_CLEAR(self->value);
    Py_CLEAR(self->note_error);
    Py_CLEAR(self->is_compiling);
    Py_CLEAR(self->is_akin);
    Py_CLEAR(self->spreads);
    Py_CLEAR(self->code);
    PyMem_Free(self->captures);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef recorder_methods[] = {
    {"leave", (PyCFunction)recorder_leave, METH_O, "Write that a call has returned."},
    {"attach", (PyCFunction)recorder_attach, METH_O, "Let a shadow be called without a frame."},
#ifdef IN_PLACE
    {"attach_in_place", (PyCFunction)recorder_attach_in_place, METH_O,
     "Record the calls of a function itself."},
    {"detach", (PyCFunction)recorder_detach, METH_NOARGS, "Record them no more."},
#endif
    {"__reduce__", (PyCFunction)recorder_reduce, METH_NOARGS, "A pickled shadow is switched off."},
    {NULL},
};

static PyTypeObject RecorderType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "callscope.tape._tape.Recorder",
    .tp_doc = "Writes the records of one site: calling it, that a call begins or fails.",
    .tp_basicsize = sizeof(Recorder),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)recorder_init,
    .tp_dealloc = (destructor)recorder_dealloc,
    .tp_traverse = (traverseproc)recorder_traverse,
    .tp_clear = (inquiry)recorder_clear,
    .tp_call = PyVectorcall_Call,
    .tp_vectorcall_offset = offsetof(Recorder, vectorcall),
    .tp_methods = recorder_methods,
};
