/* Calls without a frame.

Where the interpreter calls a function through its `vectorcall`, this module may stand there: for a
shadow `call_shadow`, which does all that the shadow's bytecode does, and from Python 3.12 on, for a
function that is recorded in place, `call_in_place`. Each call goes one of these ways, and so is
recorded once. */

/* What `vectorcall` is of a function that nobody has changed. */
static vectorcallfunc call_bytecode;

static PyObject *call_shadow(PyObject *, PyObject *const *, size_t, PyObject *);

/* The recorders whose shadows may be called without a frame. */
static Recorder *attached;
/* Whether the shadows' bytecode is run meanwhile, for the C stack was short in some thread. */
static int is_by_bytecode;
/* How many calls are running that found it short. */
static Py_ssize_t short_calls;

/* Return the recorder of a shadow, borrowed: it stands in a cell of its closure. */
static inline Recorder *
recorder_of_shadow(PyObject *function)
{
    PyObject *closure = PyFunction_GET_CLOSURE(function);
    Py_ssize_t size = closure == NULL ? 0 : PyTuple_GET_SIZE(closure);
    for (Py_ssize_t i = 0; i < size; i++) {
        PyObject *held = PyCell_GET(PyTuple_GET_ITEM(closure, i));
        if (held != NULL && Py_TYPE(held) == &RecorderType) {
            return (Recorder *)held;
        }
    }
    return NULL;
}

/* Return the parameter that a keyword names, from those that it may; -1 if it names none. */
static Py_ssize_t
find_parameter(const Recorder *recorder, PyObject *keyword)
{
    for (Py_ssize_t at = recorder->positional_only; at < recorder->named; at++) {
        if (name_of_parameter(recorder, at) == keyword) {
            return at;
        }
    }
    for (Py_ssize_t at = recorder->positional_only; at < recorder->named; at++) {
        if (PyUnicode_Compare(name_of_parameter(recorder, at), keyword) == 0) {
            return at;
        }
    }
    return -1;
}

/* Find the values of the named parameters; NULL for what is left at its default. What `**kwargs`
takes is put into a new dict, if it is captured.

Return 1; 0 where the arguments are wrong, which the function itself is to say; -1 for an error. */
static int
bind(const Recorder *recorder, PyObject *function, PyObject *const *args, Py_ssize_t count,
     PyObject *kwnames, PyObject **values, PyObject **others)
{
    Py_ssize_t keywords = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
    if (count > recorder->positional && !recorder->has_args) {
        return 0;
    }
    Py_ssize_t given = count < recorder->positional ? count : recorder->positional;
    for (Py_ssize_t i = 0; i < given; i++) {
        values[i] = args[i];
    }
    for (Py_ssize_t i = given; i < recorder->named; i++) {
        values[i] = NULL;
    }
    for (Py_ssize_t i = 0; i < keywords; i++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, i);
        Py_ssize_t at = find_parameter(recorder, name);
        if (at < 0 ? !recorder->has_kwargs : values[at] != NULL) {
            return 0;
        }
        if (at >= 0) {
            values[at] = args[count + i];
        }
        else if (recorder->fields) {
            if (*others == NULL && (*others = PyDict_New()) == NULL) {
                return -1;
            }
            if (PyDict_SetItem(*others, name, args[count + i]) < 0) {
                return -1;
            }
        }
    }
    PyObject *defaults = PyFunction_GET_DEFAULTS(function);
    Py_ssize_t required = recorder->positional - (defaults == NULL ? 0 : PyTuple_GET_SIZE(defaults));
    for (Py_ssize_t i = given; i < required; i++) {
        if (values[i] == NULL) {
            return 0;
        }
    }
    defaults = PyFunction_GET_KW_DEFAULTS(function);
    for (Py_ssize_t i = recorder->positional; i < recorder->named; i++) {
        if (values[i] == NULL && keyword_default(recorder, defaults, i) == NULL) {
            return 0;
        }
    }
    return 1;
}

static int
is_compiling(const Recorder *recorder)
{
    if (recorder->is_compiling == NULL) {
        return 0;
    }
    PyObject *answer = PyObject_CallNoArgs(recorder->is_compiling);
    if (answer == NULL) {
        return -1;
    }
    Py_DECREF(answer);
    return answer == Py_True;
}

/* Arrange the values as the fields stand: positional parameters, `*args`, keyword-only ones,
`**kwargs`. */
static void
arrange(const Recorder *recorder, PyObject **values, PyObject *items, PyObject *others,
        PyObject **fields)
{
    Py_ssize_t at = 0;
    for (Py_ssize_t i = recorder->first_field; i < recorder->positional; i++) {
        fields[at++] = values[i];
    }
    if (recorder->has_args) {
        fields[at++] = items;
    }
    for (Py_ssize_t i = recorder->positional; i < recorder->named; i++) {
        fields[at++] = values[i];
    }
    if (recorder->has_kwargs) {
        fields[at++] = others;
    }
}

static void
set_vectorcall(PyObject *function, vectorcallfunc called)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyFunction_SetVectorcall((PyFunctionObject *)function, called);
#else
    ((PyFunctionObject *)function)->vectorcall = called;
#endif
}

/* Let all shadows be called by their bytecode, or without a frame again. */
static void
run_bytecode(int is_wanted)
{
    for (Recorder *recorder = attached; recorder != NULL; recorder = recorder->next) {
        PyObject *shadow = ((PyWeakReference *)recorder->shadow)->wr_object;
        if (shadow != Py_None) {
            set_vectorcall(shadow, is_wanted ? call_bytecode : call_shadow);
        }
    }
    is_by_bytecode = is_wanted;
}

/* Call a shadow so that what it leads to, through whatever shadows, takes no more of the C stack. */
static Py_NO_INLINE PyObject *
call_without_c(PyObject *function, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    run_bytecode(1);
    short_calls++;
    PyObject *result = call_in_c(call_bytecode, function, args, nargsf, kwnames);
    short_calls--;
    return result;
}

/* Go through C again where there is much room, and no call is running that found there was none. */
static inline void
leave_bytecode(void)
{
    if (is_by_bytecode && short_calls == 0 && is_stack_ample()) {
        run_bytecode(0);
    }
}

/* Tell whether a shadow is as it was attached, and its calls are recorded. */
static inline int
is_as_attached(const Recorder *recorder, PyObject *function, Py_ssize_t count)
{
    PyFunctionObject *original = (PyFunctionObject *)recorder->original;
    return original != NULL /* else the collector is clearing it */
           && PyCell_GET(recorder->on) != Py_False && PyFunction_GET_CODE(function) == recorder->code
           && PyFunction_GET_DEFAULTS(function) == original->func_defaults
           && PyFunction_GET_KW_DEFAULTS(function) == original->func_kwdefaults
           && (recorder->binding == ON_NOTHING || count > 0);
}

/* Write that a call begins whose arguments are not the fields as they stand.

Return 1; 0 where the bytecode has to see to it; -1 for an error. (What it keeps on the stack is gone
when the original is called.) */
static Py_NO_INLINE int
bind_and_begin(Recorder *recorder, PyObject *function, PyObject *const *args, Py_ssize_t count,
               PyObject *kwnames)
{
    PyObject *values[MOST_BOUND], *fields[MOST_BOUND], *items = NULL, *others = NULL;
    int compiling = is_compiling(recorder);
    if (compiling) {
        return compiling < 0 ? -1 : 0;
    }
    int bound = bind(recorder, function, args, count, kwnames, values, &others);
    if (bound > 0 && count > recorder->positional && recorder->fields) {
        items = PyTuple_New(count - recorder->positional);
        if (items == NULL) {
            bound = -1;
        }
        for (Py_ssize_t i = recorder->positional; items != NULL && i < count; i++) {
            PyTuple_SET_ITEM(items, i - recorder->positional, Py_NewRef(args[i]));
        }
    }
    if (bound > 0) {
        arrange(recorder, values, items, others, fields);
        bound = begin(recorder, recorder->binding == ON_NOTHING ? NULL : args[0], fields) < 0 ? -1 : 1;
    }
    Py_XDECREF(items);
    Py_XDECREF(others);
    return bound;
}

/* The same for any call; 0 also where it is not to be recorded. */
static inline int
begin_call(Recorder *recorder, PyObject *function, PyObject *const *args, Py_ssize_t count,
           PyObject *kwnames)
{
    int is_strange = recorder->is_akin == NULL ? 0 : is_of_stranger(recorder, args[0]);
    if (is_strange) {
        return is_strange < 0 ? -1 : 0;
    }
    if (kwnames != NULL || count != recorder->only_positional) {
        return bind_and_begin(recorder, function, args, count, kwnames);
    }
    int compiling = is_compiling(recorder);
    if (compiling) {
        return compiling < 0 ? -1 : 0;
    }
    PyObject *bound = recorder->binding == ON_NOTHING ? NULL : args[0];
    return begin_at_once(recorder, bound) || begin(recorder, bound, args + recorder->first_field) == 0
               ? 1
               : -1;
}

/* Write what the exception is that a call has raised, and leave it set. */
static Py_NO_INLINE void
fail(const Recorder *recorder)
{
    if (!PyErr_Occurred()) { /* so it is where there was no memory for a frame */
        PyErr_NoMemory();
    }
    PyObject *error = take_error();
    if (note_error(recorder, error) == 0) {
        put_error(error);
    }
    else {
        Py_DECREF(error);
    }
}

/* Call a site's function and record it. Where it is not to be recorded, call what was called. */
static inline PyObject *
call_recorded(Recorder *recorder, PyObject *called, PyObject *original, vectorcallfunc by,
              PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Py_INCREF(recorder); /* nothing else may hold it when the call ends */
    PyObject *result = NULL;
    int begun = begin_call(recorder, called, args, PyVectorcall_NARGS(nargsf), kwnames);
    if (begun > 0) {
        if (go_live(recorder) == 0) {
            result = call_in_c(by, original, args, nargsf, kwnames);
        }
        if (result == NULL) {
            fail(recorder);
        }
        else if (end(recorder, result) < 0) {
            Py_CLEAR(result);
        }
    }
    else if (begun == 0) {
        result = call_in_c(call_bytecode, called, args, nargsf, kwnames);
    }
    Py_DECREF(recorder);
    return result;
}

static PyObject *
call_shadow(PyObject *function, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    if (is_stack_short()) {
        return call_without_c(function, args, nargsf, kwnames);
    }
    Recorder *recorder = recorder_of_shadow(function);
    if (recorder == NULL || !is_as_attached(recorder, function, PyVectorcall_NARGS(nargsf))) {
        return call_in_c(call_bytecode, function, args, nargsf, kwnames);
    }
    PyObject *original = recorder->original;
    vectorcallfunc by = ((PyFunctionObject *)original)->vectorcall;
    return call_recorded(recorder, function, original, by, args, nargsf, kwnames);
}

static void
link_recorder(Recorder *recorder)
{
    recorder->next = attached;
    recorder->at = &attached;
    if (attached != NULL) {
        attached->at = &recorder->next;
    }
    attached = recorder;
}

static void
unlink_recorder(Recorder *recorder)
{
    if (recorder->at != NULL) {
        *recorder->at = recorder->next;
        if (recorder->next != NULL) {
            recorder->next->at = recorder->at;
        }
    }
}

/* Take over what the code of a function says of its parameters; return whether calls of it can be
recorded without a frame. */
static int
read_parameters(Recorder *self, PyObject *function)
{
    PyCodeObject *code = (PyCodeObject *)PyFunction_GET_CODE(function);
    self->positional_only = code->co_posonlyargcount;
    self->positional = code->co_argcount;
    self->named = code->co_argcount + code->co_kwonlyargcount;
    self->has_args = (code->co_flags & CO_VARARGS) != 0;
    self->has_kwargs = (code->co_flags & CO_VARKEYWORDS) != 0;
    /* The object may be the first of `*args`. */
    int is_odd = self->binding != ON_NOTHING && self->positional == 0;
    self->first_field = self->binding != ON_NOTHING && !is_odd;
    int has_others = self->has_args || self->has_kwargs || self->named > self->positional;
    self->only_positional = has_others ? -1 : self->positional;
    Py_XSETREF(self->code, Py_NewRef(code));
    return self->named + 2 <= MOST_BOUND && !is_odd;
}

static int
watch_function(Recorder *self, PyObject *function, PyObject *callback)
{
    PyObject *weak = PyWeakref_NewRef(function, callback);
    if (weak == NULL) {
        return -1;
    }
    Py_XSETREF(self->shadow, weak);
    if (call_bytecode == NULL) {
        call_bytecode = ((PyFunctionObject *)function)->vectorcall;
    }
    return 0;
}

/* Let the interpreter call a shadow without a frame, wherever it goes through `vectorcall`. */
static PyObject *
recorder_attach(Recorder *self, PyObject *function)
{
    if (!PyFunction_Check(function)) {
        PyErr_SetString(PyExc_TypeError, "a shadow is a function");
        return NULL;
    }
    if (!read_parameters(self, function) || self->drives != FUNCTION) {
        Py_RETURN_FALSE;
    }
    if (watch_function(self, function, NULL) < 0) {
        return NULL;
    }
    if (self->at == NULL) {
        link_recorder(self);
    }
    leave_bytecode();
    set_vectorcall(function, is_by_bytecode ? call_bytecode : call_shadow);
    Py_RETURN_TRUE;
}
