/* Coroutines and generators: what runs one, and writes when it is suspended and resumed.

The shadow of a coroutine awaits a `Drive`, and that of a generator delegates to one: so each step of
the shadow comes here. It does what `drive` does in shadow/suspend.py. The call begins with the first
step, within which there is no place for an interrupt between its begin and what ends it.

Nothing can delegate to an asynchronous generator. Its shadow awaits the `Drive` once for each value
that it yields; the call is suspended in between. */

/* What tells a call apart that may be suspended. What is known of the call goes with it. */
typedef struct {
    PyObject_HEAD
    PyObject *weak;
} Token;

static void
token_dealloc(Token *self)
{
    if (self->weak != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    PyObject_Free(self);
}

static PyTypeObject TokenType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "callscope.tape._tape.Token",
    .tp_doc = "Tells one call apart that may be suspended.",
    .tp_basicsize = sizeof(Token),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)token_dealloc,
    .tp_weaklistoffset = offsetof(Token, weak),
};

static PyObject *
make_token(void)
{
    Token *token = PyObject_New(Token, &TokenType);
    if (token != NULL) {
        token->weak = NULL;
    }
    return (PyObject *)token;
}

typedef struct {
    PyObject_VAR_HEAD
    Recorder *recorder;
    PyObject *body;     /* the original's generator or coroutine; NULL when it has ended */
    PyObject *leg;      /* of an asynchronous generator: the awaitable of its present step, or NULL */
    PyObject *token;    /* NULL before the call begins */
    PyObject *result;   /* what the body has returned: Python makes an exception of it elsewhere */
    char is_begun;
    char is_silent;     /* whether nothing is recorded */
    char is_closing;    /* whether the present step closes an asynchronous generator */
    PyObject *values[]; /* until it begins: what it is called on, if anything, and the fields */
} Drive;

static PyTypeObject DriveType;

#define SPENT "the C stack of this thread is too small for this many traced generators"

static PyObject *str_throw, *str_close, *str_asend, *str_athrow, *str_aclose;

static int
prepare_driving(void)
{
    str_throw = PyUnicode_InternFromString("throw");
    str_close = PyUnicode_InternFromString("close");
    str_asend = PyUnicode_InternFromString("asend");
    str_athrow = PyUnicode_InternFromString("athrow");
    str_aclose = PyUnicode_InternFromString("aclose");
    return PyErr_Occurred() ? -1 : 0;
}

/* Write that a call is suspended or resumed. */
static int
write_switch(const Drive *self, Word tag)
{
    if (self->is_silent) {
        return 0;
    }
    Tape *tape = make_tape();
    int64_t time;
    if (tape == NULL || read_clock(&time) < 0 || reserve(tape, 2) < 0) {
        return -1;
    }
    tape->words[tape->used] = stamp(time, tag);
    tape->words[tape->used + 1] = (Word)Py_NewRef(self->token);
    tape->used += 2;
    return 0;
}

static void
forget_values(Drive *self)
{
    for (Py_ssize_t i = 0; i < Py_SIZE(self); i++) {
        Py_CLEAR(self->values[i]);
    }
}

/* Close a body that is not run; an exception that is set stays. */
static void
close_body(PyObject *body)
{
    PyObject *error = take_error();
    PyObject *closed = PyObject_CallMethodNoArgs(body, str_close);
    if (closed == NULL) {
        PyErr_Clear();
    }
    Py_XDECREF(closed);
    put_error(error);
}

/* Write that the call begins. */
static int
write_begin(Drive *self)
{
    Recorder *recorder = self->recorder;
    int has_bound = recorder->binding != ON_NOTHING;
    PyObject *task = task_name();
    PyObject *token = task == NULL ? NULL : make_token();
    int failed = token == NULL
                 || begin_with(recorder, has_bound ? self->values[0] : NULL,
                               self->values + has_bound, token, task) < 0;
    Py_XDECREF(task);
    if (failed) {
        Py_XDECREF(token);
        return -1;
    }
    self->token = token;
    return 0;
}

/* Return the first step of an asynchronous generator, which is not registered at an event loop: a
loop knows the shadow, which closes it. */
static PyObject *
first_leg(PyObject *body)
{
    PyThreadState *thread = PyThreadState_Get();
    PyObject *first = thread->async_gen_firstiter, *last = thread->async_gen_finalizer;
    thread->async_gen_firstiter = thread->async_gen_finalizer = NULL;
    PyObject *leg = Py_TYPE(body)->tp_as_async->am_anext(body);
    thread->async_gen_firstiter = first;
    thread->async_gen_finalizer = last;
    return leg;
}

/* Begin the call; where that fails, there is none. */
static int
begin_drive(Drive *self)
{
    int is_leg = self->recorder->drives == ASYNC_GENERATOR;
    if ((is_leg && (self->leg = first_leg(self->body)) == NULL)
        || (!self->is_silent && write_begin(self) < 0)) {
        if (!is_leg) {
            close_body(self->body);
        }
        Py_CLEAR(self->leg);
        Py_CLEAR(self->body);
        return -1;
    }
    self->is_begun = 1;
    forget_values(self);
    return 0;
}

/* Tell what has become of a body whose method has returned NULL. */
static PySendResult
returned(PyObject **result)
{
    if (!PyErr_ExceptionMatches(PyExc_StopIteration)) {
        return PYGEN_ERROR;
    }
    PyObject *stop = take_error();
    PyObject *value = ((PyStopIterationObject *)stop)->value;
    *result = Py_NewRef(value == NULL ? Py_None : value);
    Py_DECREF(stop);
    return PYGEN_RETURN;
}

static PySendResult
throw_into(PyObject *body, PyObject *error, PyObject **result)
{
    *result = PyObject_CallMethodOneArg(body, str_throw, error);
    return *result != NULL ? PYGEN_NEXT : returned(result);
}

/* Run the body until it is suspended, or ends. */
static PySendResult
step_body(PyObject *body, PyObject *argument, int is_thrown, PyObject **result)
{
    int is_short = is_stack_short();
    if (is_short && is_last_of_stack()) {
        PyErr_SetString(PyExc_RecursionError, SPENT);
        close_body(body);
        return PYGEN_ERROR;
    }
#ifdef COUNTS_LEVELS
    /* As in `call_in_c`, while there is room. */
    PyThreadState *thread = PyThreadState_Get();
    int levels = is_short ? 0 : EVALUATION_LEVELS;
    thread->c_recursion_remaining += levels;
#endif
    PySendResult status = is_thrown ? throw_into(body, argument, result)
                                    : PyIter_Send(body, argument, result);
#ifdef COUNTS_LEVELS
    thread->c_recursion_remaining -= levels;
#endif
    return status;
}

/* Run it so that the tasks it creates know their creator. */
static PySendResult
step_as_current(PyObject *token, PyObject *body, PyObject *argument, int is_thrown, PyObject **result)
{
    PyObject *maker = Py_NewRef(token);
    if (exchange_maker(&maker) < 0) {
        Py_XDECREF(maker);
        return PYGEN_ERROR;
    }
    PySendResult status = step_body(body, argument, is_thrown, result);
    PyObject *error = status == PYGEN_ERROR ? take_error() : NULL;
    if (exchange_maker(&maker) < 0) {
        Py_CLEAR(*result);
        Py_CLEAR(error);
        status = PYGEN_ERROR;
    }
    if (error != NULL) {
        put_error(error);
    }
    Py_XDECREF(maker);
    return status;
}

/* Write how the call has ended; returns -1 for an error that has come up. */
static int
write_end(Drive *self, PyObject *result)
{
    int failed = 0;
    if (!self->is_silent) {
        if (result == NULL) {
            fail(self->recorder);
        }
        else {
            failed = end(self->recorder, result);
        }
    }
    Py_CLEAR(self->leg);
    Py_CLEAR(self->body);
    return failed;
}

/* Tell what the end of a step of an asynchronous generator means: that it yields, if it has returned;
its own end is an exception. */
static PySendResult
after_leg(Drive *self, PySendResult status, PyObject **result)
{
    if (status == PYGEN_RETURN && self->is_closing) {
        Py_CLEAR(*result);
        PyErr_SetNone(PyExc_GeneratorExit);
        return PYGEN_ERROR;
    }
    if (status == PYGEN_RETURN) {
        Py_CLEAR(self->leg);
        Py_XSETREF(self->result, Py_NewRef(*result));
        return PYGEN_NEXT;
    }
    if (status == PYGEN_ERROR && PyErr_ExceptionMatches(PyExc_StopAsyncIteration)) {
        PyErr_Clear();
        *result = Py_NewRef(Py_None);
        return PYGEN_RETURN;
    }
    return status;
}

/* Write that the call is suspended, or how it has ended. */
static PySendResult
write_step(Drive *self, PySendResult status, PyObject **result)
{
    PySendResult of_call = self->leg == NULL ? status : after_leg(self, status, result);
    int failed = of_call == PYGEN_NEXT ? write_switch(self, SUSPEND) : write_end(self, *result);
    if (failed < 0) {
        Py_CLEAR(*result);
    }
    if (*result == NULL) {
        return PYGEN_ERROR;
    }
    /* Where an asynchronous generator has yielded, its shadow waits no longer. */
    return status == PYGEN_RETURN ? PYGEN_RETURN : of_call;
}

static PySendResult
run_step(Drive *self, PyObject *argument, int is_thrown, PyObject **result)
{
    *result = NULL;
    if (self->body == NULL) {
        *result = Py_NewRef(Py_None);
        return PYGEN_RETURN;
    }
    int is_first = !self->is_begun;
    if ((is_first ? begin_drive(self) : write_switch(self, RESUME)) < 0) {
        return PYGEN_ERROR;
    }
    Py_INCREF(self);
    PyObject *body = Py_NewRef(self->leg != NULL ? self->leg : self->body);
    PySendResult status = PYGEN_ERROR;
    if (!is_first || self->is_silent || go_live(self->recorder) == 0) {
        status = self->recorder->drives == GENERATOR || self->is_silent
                     ? step_body(body, argument, is_thrown, result)
                     : step_as_current(self->token, body, argument, is_thrown, result);
    }
    status = write_step(self, status, result);
    Py_DECREF(body);
    Py_DECREF(self);
    return status;
}

static PySendResult
drive_am_send(Drive *self, PyObject *argument, PyObject **result)
{
    return run_step(self, argument, 0, result);
}

/* Note what the body has returned, where it has; else return what it has yielded, or NULL.

Python 3.11 gets it from `drive_am_send`. Later ones look for an exception that holds it, which costs
more than to read it off here. */
static PyObject *
yielded(Drive *self, PySendResult status, PyObject *result)
{
    if (status != PYGEN_RETURN) {
        return result;
    }
#if PY_VERSION_HEX >= 0x030C0000
    Py_XSETREF(self->result, result);
    PyErr_SetNone(PyExc_StopIteration);
#else
    (void)self;
    PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, result);
    if (stop != NULL) {
        PyErr_SetObject(PyExc_StopIteration, stop);
        Py_DECREF(stop);
    }
    Py_DECREF(result);
#endif
    return NULL;
}

static PyObject *
drive_next(Drive *self)
{
    PyObject *result;
    PySendResult status = run_step(self, Py_None, 0, &result);
#if PY_VERSION_HEX >= 0x030C0000
    if (status == PYGEN_RETURN) {
        Py_XSETREF(self->result, result);
        return NULL; /* which needs no exception here */
    }
#endif
    return yielded(self, status, result);
}

static PyObject *
drive_send(Drive *self, PyObject *argument)
{
    PyObject *result;
    PySendResult status = run_step(self, argument, 0, &result);
    return yielded(self, status, result);
}

/* Return what is thrown as one object: the method of that name takes one to three. */
static PyObject *
one_error(PyObject *const *args, Py_ssize_t count)
{
    PyObject *type = Py_NewRef(args[0]);
    if (count == 1 || !PyExceptionClass_Check(type)) {
        return type;
    }
    PyObject *error = Py_XNewRef(args[1] == Py_None ? NULL : args[1]);
    PyObject *traceback = count < 3 || args[2] == Py_None ? NULL : Py_NewRef(args[2]);
    PyErr_NormalizeException(&type, &error, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(error, traceback);
    }
    Py_DECREF(type);
    Py_XDECREF(traceback);
    return error;
}

static PyObject *
drive_throw(Drive *self, PyObject *const *args, Py_ssize_t count)
{
    if (count < 1 || count > 3) {
        PyErr_SetString(PyExc_TypeError, "throw() takes an exception");
        return NULL;
    }
    PyObject *result, *error = one_error(args, count);
    PySendResult status = run_step(self, error, 1, &result);
    Py_DECREF(error);
    return yielded(self, status, result);
}

static PyObject *
drive_close(Drive *self, PyObject *Py_UNUSED(ignored))
{
    if (self->body == NULL) {
        Py_RETURN_NONE;
    }
    if (self->is_begun && write_switch(self, RESUME) < 0) {
        return NULL;
    }
    PyObject *body = Py_NewRef(self->leg != NULL ? self->leg : self->body);
    Py_CLEAR(self->leg);
    Py_CLEAR(self->body);
    PyObject *closed = PyObject_CallMethodNoArgs(body, str_close);
    Py_DECREF(body);
    if (!self->is_begun || self->is_silent) {
        return closed;
    }
    PyObject *exit = closed == NULL ? NULL : PyObject_CallNoArgs(PyExc_GeneratorExit);
    if (exit == NULL) {
        Py_CLEAR(closed);
        fail(self->recorder);
    }
    else if (note_error(self->recorder, exit) < 0) {
        Py_CLEAR(closed);
    }
    Py_XDECREF(exit);
    return closed;
}

/* Let the next step of an asynchronous generator be what one of its methods returns. */
static PyObject *
set_leg(Drive *self, PyObject *method, PyObject *argument)
{
    if (self->body == NULL) { /* the shadow asks for no step then */
        PyErr_SetString(PyExc_RuntimeError, "what is driven has ended");
        return NULL;
    }
    PyObject *leg = PyObject_CallMethodObjArgs(self->body, method, argument, NULL);
    if (leg == NULL) {
        return NULL;
    }
    Py_XSETREF(self->leg, leg);
    Py_RETURN_NONE;
}

static PyObject *
drive_asend(Drive *self, PyObject *argument)
{
    return set_leg(self, str_asend, argument);
}

static PyObject *
drive_athrow(Drive *self, PyObject *error)
{
    return set_leg(self, str_athrow, error);
}

static PyObject *
drive_aclose(Drive *self, PyObject *Py_UNUSED(ignored))
{
    self->is_closing = 1;
    return set_leg(self, str_aclose, NULL);
}

static PyObject *
drive_silence(Drive *self, PyObject *Py_UNUSED(ignored))
{
    self->is_silent = 1;
    Py_RETURN_NONE;
}

static PyObject *
drive_is_open(Drive *self, void *Py_UNUSED(ignored))
{
    return PyBool_FromLong(self->body != NULL);
}

/* Return what runs a body, and writes the records of its call: its arguments are what follows. */
static PyObject *
make_drive(Recorder *recorder, PyObject *const *args, Py_ssize_t count)
{
    if (count != 1 + (recorder->binding != ON_NOTHING) + recorder->fields
        || !(PyGen_CheckExact(args[0]) || PyCoro_CheckExact(args[0]) || PyAsyncGen_CheckExact(args[0]))) {
        PyErr_SetString(PyExc_TypeError, "a recorder takes what runs, and one argument per field");
        return NULL;
    }
    Drive *drive = PyObject_GC_NewVar(Drive, &DriveType, count - 1);
    if (drive == NULL) {
        return NULL;
    }
    drive->recorder = (Recorder *)Py_NewRef((PyObject *)recorder);
    drive->body = Py_NewRef(args[0]);
    drive->token = NULL;
    drive->leg = drive->result = NULL;
    drive->is_begun = drive->is_silent = drive->is_closing = 0;
    for (Py_ssize_t i = 1; i < count; i++) {
        drive->values[i - 1] = Py_NewRef(args[i]);
    }
    PyObject_GC_Track(drive);
    return (PyObject *)drive;
}

static int
drive_traverse(Drive *self, visitproc visit, void *arg)
{
    Py_VISIT(self->recorder);
    Py_VISIT(self->body);
    Py_VISIT(self->leg);
    Py_VISIT(self->result);
    for (Py_ssize_t i = 0; i < Py_SIZE(self); i++) {
        Py_VISIT(self->values[i]);
    }
    return 0;
}

static int
drive_clear(Drive *self)
{
    Py_CLEAR(self->leg);
    Py_CLEAR(self->body);
    Py_CLEAR(self->result);
    forget_values(self);
    return 0;
}

/* Write that a call has ended that nobody will resume: an interrupt fell between two steps. */
static void
give_up(const Drive *self)
{
    PyObject *error = take_error();
    Tape *tape = write_switch(self, RESUME) < 0 ? NULL : find_tape();
    if (tape != NULL && reserve(tape, RAISE_WORDS) == 0) {
        put_object(tape, config.raise);
        (void)write_error(config.unknown_error);
    }
    PyErr_Clear();
    put_error(error);
}

static void
drive_dealloc(Drive *self)
{
    PyObject_GC_UnTrack(self);
    if (self->body != NULL && self->is_begun && !self->is_silent) {
        give_up(self);
    }
    drive_clear(self);
    Py_XDECREF(self->token);
    Py_DECREF(self->recorder);
    PyObject_GC_Del(self);
}

static PyMethodDef drive_methods[] = {
    {"send", (PyCFunction)drive_send, METH_O, "Resume the body with a value."},
    {"throw", (PyCFunction)(void (*)(void))drive_throw, METH_FASTCALL,
     "Resume the body with an exception."},
    {"close", (PyCFunction)drive_close, METH_NOARGS, "Close the body."},
    {"asend", (PyCFunction)drive_asend, METH_O, "Let the next step send a value."},
    {"athrow", (PyCFunction)drive_athrow, METH_O, "Let the next step throw an exception."},
    {"aclose", (PyCFunction)drive_aclose, METH_NOARGS, "Let the next step close the body."},
    {"silence", (PyCFunction)drive_silence, METH_NOARGS, "Record nothing."},
    {NULL},
};

static PyMemberDef drive_members[] = {
    {"result", T_OBJECT_EX, offsetof(Drive, result), READONLY, "What the body has returned, or yielded."},
    {NULL},
};

static PyGetSetDef drive_getters[] = {
    {"is_open", (getter)drive_is_open, NULL, "Whether the body has not ended.", NULL},
    {NULL},
};

static PyAsyncMethods drive_as_async = {
    .am_await = PyObject_SelfIter,
    .am_send = (sendfunc)drive_am_send,
};

static PyTypeObject DriveType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "callscope.tape._tape.Drive",
    .tp_doc = "Runs a coroutine or a generator, and writes the records of its call.",
    .tp_basicsize = offsetof(Drive, values),
    .tp_itemsize = sizeof(PyObject *),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)drive_dealloc,
    .tp_traverse = (traverseproc)drive_traverse,
    .tp_clear = (inquiry)drive_clear,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = (iternextfunc)drive_next,
    .tp_methods = drive_methods,
    .tp_members = drive_members,
    .tp_getset = drive_getters,
    .tp_as_async = &drive_as_async,
};
