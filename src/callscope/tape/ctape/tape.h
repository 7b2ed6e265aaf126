/* What one thread wrote. */

typedef struct Tape {
    PyObject_HEAD
    struct Tape *outer; /* is written to in its place while garbage is collected; or NULL */
    PyObject *task;     /* what is known of the running task (see tasks.h); or NULL */
    uint64_t task_of;   /* how many times the context had changed then */
    PyObject *state;    /* of the thread or greenlet, which also says what is written to; or NULL */
    Arena *arena;
    Word *words; /* those of the arena */
    Py_ssize_t start;
    Py_ssize_t used; /* the first of its words, and the one behind the last */
    Py_ssize_t room; /* where the arena ends */
    Py_ssize_t mark; /* below it a short record finds room, and the tape is not handed on as yet */
} Tape;

static PyTypeObject TapeType;

/* To be called whenever the arena or the start has changed. */
static void
set_mark(Tape *tape)
{
    Py_ssize_t last = tape->room - SHORT;
    tape->mark = last < tape->start + LIMIT ? last : tape->start + LIMIT;
}

/* Go on in an arena that has room for more words. */
static int
grow(Tape *tape, Py_ssize_t more)
{
    Py_ssize_t length = tape->used - tape->start;
    Py_ssize_t wanted = tape->room * 2 > LAST_SIZE ? MAPPED_SIZE : tape->room * 2;
    Py_ssize_t least = (length + more) * 2;
    Py_ssize_t size = FIRST_SIZE;
    while (size < wanted || size < least) {
        size *= 2;
    }
    Arena *arena = make_arena(size);
    if (arena == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (length) {
        memcpy(arena->words, tape->words + tape->start, (size_t)length * sizeof(Word));
    }
    leave_arena(tape->arena);
    tape->arena = arena;
    tape->words = arena->words;
    tape->start = 0;
    tape->used = length;
    tape->room = arena->size;
    set_mark(tape);
    return 0;
}

static inline int
reserve(Tape *tape, Py_ssize_t more)
{
    return tape->used + more <= tape->room ? 0 : grow(tape, more);
}

static inline void
put_object(Tape *tape, PyObject *object)
{
    tape->words[tape->used++] = (Word)Py_NewRef(object);
}

static void
tape_dealloc(Tape *self)
{
    release(self->words, self->start, self->used);
    leave_arena(self->arena);
    Py_XDECREF(self->outer);
    Py_XDECREF(self->state);
    Py_XDECREF(self->task);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static Py_ssize_t
tape_length(Tape *self)
{
    return self->used - self->start;
}

static PyObject *
tape_append(Tape *self, PyObject *object)
{
    if (reserve(self, 1) < 0) {
        return NULL;
    }
    put_object(self, object);
    Py_RETURN_NONE;
}

static PyObject *
tape_extend(Tape *self, PyObject *objects)
{
    if (!PyTuple_CheckExact(objects)) {
        PyErr_Format(PyExc_TypeError, "a record is a tuple, not %.100s", Py_TYPE(objects)->tp_name);
        return NULL;
    }
    Py_ssize_t size = PyTuple_GET_SIZE(objects);
    if (reserve(self, size) < 0) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        put_object(self, PyTuple_GET_ITEM(objects, i));
    }
    return Py_NewRef((PyObject *)self);
}

/* Begin anew behind what was written, which is somebody else's from now on. */
static void
go_on(Tape *self)
{
    int is_spent = self->room >= MAPPED_SIZE / 2 && self->room - self->used < MAPPED_SIZE >> 2;
    self->start = self->used = is_spent ? self->room : self->used;
    set_mark(self);
}

static PyObject *
tape_clear(Tape *self, PyObject *Py_UNUSED(ignored))
{
    Arena *arena = self->arena;
    Word *words = self->words;
    Py_ssize_t start = self->start, used = self->used;
    if (arena != NULL) {
        arena->shares++;
        go_on(self);
        release(words, start, used); /* which may run code that writes */
        leave_arena(arena);
    }
    Py_RETURN_NONE;
}

/* Move what was written to another tape, which is empty, and go on with an empty one. */
static PyObject *
tape_move_to(Tape *self, PyObject *other)
{
    Tape *taker = (Tape *)other;
    if (Py_TYPE(other) != &TapeType || taker == self || taker->arena != NULL) {
        PyErr_SetString(PyExc_ValueError, "move_to() takes another Tape, which is empty");
        return NULL;
    }
    if (self->arena != NULL) {
        self->arena->shares++;
        taker->arena = self->arena;
        taker->words = self->words;
        taker->start = self->start;
        taker->used = taker->room = self->used;
        go_on(self);
    }
    Py_RETURN_NONE;
}

static PyObject *
tape_yield_to(Tape *self, PyObject *args)
{
    PyObject *outer, *state;
    if (!PyArg_ParseTuple(args, "O!O", &TapeType, &outer, &state)) {
        return NULL;
    }
    Py_XSETREF(self->outer, (Tape *)Py_NewRef(outer));
    Py_XSETREF(self->state, Py_NewRef(state));
    Py_RETURN_NONE;
}

/* What stands on the tape stays there: an interrupt may keep the caller from taking the list. */
static PyObject *
tape_unpack(Tape *self, PyObject *args)
{
    Py_ssize_t skipped = 0;
    if (!PyArg_ParseTuple(args, "|n", &skipped)) {
        return NULL;
    }
    PyObject *list = PyList_New(0);
    for (Py_ssize_t at = self->start + skipped; list != NULL && at < self->used;) {
        Py_ssize_t took = unpack(self->words, at, list);
        if (took < 0) {
            Py_CLEAR(list);
            break;
        }
        at += took;
    }
    return list;
}

static PyMethodDef tape_methods[] = {
    {"append", (PyCFunction)tape_append, METH_O, "Write one object."},
    {"move_to", (PyCFunction)tape_move_to, METH_O, "Move what was written to an empty tape."},
    {"yield_to", (PyCFunction)tape_yield_to, METH_VARARGS,
     "Let another be written to in its place while garbage is collected."},
    {"unpack", (PyCFunction)tape_unpack, METH_VARARGS,
     "Return what was written, but so many of the first words."},
    {"clear", (PyCFunction)tape_clear, METH_NOARGS, "Forget what was written."},
    {NULL},
};

static PySequenceMethods tape_as_sequence = {
    .sq_length = (lenfunc)tape_length,
    .sq_inplace_concat = (binaryfunc)tape_extend,
};

static PyTypeObject TapeType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "callscope.tape._tape.Tape",
    .tp_doc = "What one thread wrote.",
    .tp_basicsize = sizeof(Tape),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_dealloc = (destructor)tape_dealloc,
    .tp_methods = tape_methods,
    .tp_as_sequence = &tape_as_sequence,
};
