/* Calls that are recorded in place: of functions that stay what they are, where they are.

Since Python 3.12 the interpreter asks for a function's own `vectorcall` once that has been set
(https://docs.python.org/3.12/c-api/function.html#c.PyFunction_SetVectorcall), and no specialized
instruction passes it by. So the recorder is attached to the function itself, and its address tells
which recorder that is. */

typedef struct {
    PyObject *function; /* its address; NULL where the place is free */
    Recorder *recorder;
} Placed;

static struct {
    Placed *places;
    size_t size; /* a power of two, or 0 */
    size_t used;
} placed;

enum { FIRST_PLACED = 64 };

/* Return the place of a function, or the free one where it is to go. There is one. */
static inline Placed *
placed_at(PyObject *function)
{
    size_t at = spread_bits((uintptr_t)function);
    for (;; at++) {
        Placed *place = &placed.places[at & (placed.size - 1)];
        if (place->function == function || place->function == NULL) {
            return place;
        }
    }
}

static inline Recorder *
recorder_in_place(PyObject *function)
{
    return placed.size ? placed_at(function)->recorder : NULL;
}

/* Make a table of another size. */
static int
resize_placed(size_t size)
{
    Placed *before = placed.places, *places = PyMem_Calloc(size, sizeof(Placed));
    size_t size_before = placed.size;
    if (places == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    placed.places = places;
    placed.size = size;
    for (size_t i = 0; i < size_before; i++) {
        if (before[i].function != NULL) {
            *placed_at(before[i].function) = before[i];
        }
    }
    PyMem_Free(before);
    return 0;
}

/* Free a place, and put anew what stands behind it, up to the next free one. */
static void
free_placed(Placed *place)
{
    *place = (Placed){NULL, NULL};
    placed.used--;
    for (;;) {
        place = place + 1 == placed.places + placed.size ? placed.places : place + 1;
        if (place->function == NULL) {
            return;
        }
        Placed moved = *place;
        *place = (Placed){NULL, NULL};
        *placed_at(moved.function) = moved;
    }
}

/* How many calls of Python code may be needed to weave shadows, besides those of the program. */
enum { SPARE_CALLS = 200 };

/* Lets shadows take over, and returns whether they have; NULL before anything is recorded in place. */
static PyObject *give_way;

/* Let shadows take over from here on, for their bytecode takes none of the C stack.

Return whether they have; -1 for an interrupt. */
static Py_NO_INLINE int
use_shadows(void)
{
    static int is_under_way;
    if (is_under_way || give_way == NULL) {
        return 0;
    }
    is_under_way = 1;
    PyThreadState *thread = PyThreadState_Get();
    thread->py_recursion_remaining += SPARE_CALLS;
    PyObject *done = PyObject_CallNoArgs(give_way);
    thread->py_recursion_remaining -= SPARE_CALLS;
    is_under_way = 0;
    if (done == NULL) {
        return -1;
    }
    Py_DECREF(done);
    return done == Py_True;
}

/* Call a function where the C stack is short: shadows take over, and record what it calls.

Where they cannot, this call does take one of the interpreter's levels of C, which keep count of what
is left of the stack. */
static Py_NO_INLINE PyObject *
call_where_short(Recorder *recorder, PyObject *function, PyObject *const *args, size_t nargsf,
                 PyObject *kwnames)
{
    PyThreadState *thread = PyThreadState_Get();
    PyObject *result = NULL;
    Py_INCREF(recorder);
    int has_shadow = use_shadows();
    if (has_shadow >= 0) {
        int is_detached = recorder->original == NULL;
        recorder->original = function; /* for the length of this call, in which it lives */
        thread->c_recursion_remaining -= has_shadow ? 0 : EVALUATION_LEVELS;
        result = call_recorded(recorder, function, function, recorder->by, args, nargsf, kwnames);
        thread->c_recursion_remaining += has_shadow ? 0 : EVALUATION_LEVELS;
        recorder->original = is_detached ? NULL : recorder->original;
    }
    Py_DECREF(recorder);
    return result;
}

static PyObject *
call_in_place(PyObject *function, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Recorder *recorder = recorder_in_place(function);
    if (recorder == NULL || PyFunction_GET_CODE(function) != recorder->code
        || (recorder->binding != ON_NOTHING && PyVectorcall_NARGS(nargsf) == 0)) {
        return call_in_c(call_bytecode, function, args, nargsf, kwnames);
    }
    if (is_stack_short()) {
        return call_where_short(recorder, function, args, nargsf, kwnames);
    }
    return call_recorded(recorder, function, function, recorder->by, args, nargsf, kwnames);
}

/* Forget the function, which is gone or is recorded no more. */
static void
leave_function(Recorder *self)
{
    self->original = NULL;
    Py_CLEAR(self->shadow);
    Py_DECREF(self);
}

static PyObject *
recorder_detach(Recorder *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *function = self->original;
    Placed *place = placed.size && self->is_in_place && function != NULL ? placed_at(function) : NULL;
    if (place != NULL && place->recorder == self) {
        if (((PyFunctionObject *)function)->vectorcall == call_in_place) {
            set_vectorcall(function, self->by);
        }
        free_placed(place);
        leave_function(self);
    }
    Py_RETURN_NONE;
}

static PyObject *
forget_function(PyObject *recorder, PyObject *Py_UNUSED(reference))
{
    Recorder *self = (Recorder *)recorder;
    Placed *place = self->original == NULL ? NULL : placed_at(self->original);
    if (place != NULL && place->recorder == self) {
        free_placed(place);
        leave_function(self);
    }
    Py_RETURN_NONE;
}

static PyMethodDef forgets = {"forget_function", forget_function, METH_O, "Be told of its end."};

/* Record the calls of a function itself, in place of the recorder that does so now. */
static PyObject *
recorder_attach_in_place(Recorder *self, PyObject *function)
{
    if (!PyFunction_Check(function) || !read_parameters(self, function)) {
        PyErr_SetString(PyExc_TypeError, "calls of this cannot be recorded in place");
        return NULL;
    }
    size_t size = placed.size ? placed.size * 2 : FIRST_PLACED;
    if (placed.used * 2 >= placed.size && resize_placed(size) < 0) {
        return NULL;
    }
    PyObject *callback = PyCFunction_New(&forgets, (PyObject *)self);
    int failed = callback == NULL || watch_function(self, function, callback) < 0;
    Py_XDECREF(callback);
    if (failed) {
        return NULL;
    }
    /* From here on nothing is called. */
    Placed *place = placed_at(function);
    Recorder *before = place->recorder;
    self->by = before != NULL ? before->by : ((PyFunctionObject *)function)->vectorcall;
    PyObject *owned = self->is_in_place ? NULL : self->original;
    self->is_in_place = 1;
    self->original = function;
    *place = (Placed){function, (Recorder *)Py_NewRef(self)};
    if (before != NULL) {
        leave_function(before);
    }
    else {
        placed.used++;
        set_vectorcall(function, call_in_place);
    }
    Py_XDECREF(owned);
    Py_RETURN_NONE;
}

/* Return whether the calls of a function are recorded in place. */
static PyObject *
is_placed(PyObject *Py_UNUSED(module), PyObject *function)
{
    return PyBool_FromLong(recorder_in_place(function) != NULL);
}

static PyObject *
set_give_way(PyObject *Py_UNUSED(module), PyObject *called)
{
    Py_XSETREF(give_way, Py_NewRef(called));
    Py_RETURN_NONE;
}
