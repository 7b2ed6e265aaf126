/* The tape in C: what is written for less than an interpreter's instruction costs.

A tape is an array of words. Records follow one another, and each is written whole without calling
into Python, so that neither a signal handler nor a finalizer ever sees half of one:

    begin    pair | BEGIN, identity, captured values..., time
    begin    pair | BEGIN_MADE, identity, captured values..., maker, time
    return   time << 3 | RETURN
    result   time << 3 | RESULT, captured value
    object   a pointer: what Python code has appended

The pair stands for the layout and the class; an identity is a serial number (see Identities), or
an object if the class has another way to tell its objects apart. Most of what writing costs is new
memory: so what can be left out is.

`Tape.unpack` turns them into the list that the tape in Python is: callscope/tape/records.py says
what stands on it. A `Recorder` knows what the records of one shadow look like. A shadow's bytecode calls
it; and where the interpreter calls the shadow through its `vectorcall`, `call_shadow` does all that
the bytecode does, without a frame. Each call goes one of these ways, and so is recorded once.
*/

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

#ifdef Py_GIL_DISABLED
#error "A tape in C relies on the global interpreter lock; use the one in Python."
#endif

#if UINTPTR_MAX < UINT64_MAX
#error "A time takes one word; where words have 32 bits, use the tape in Python."
#endif

#ifdef _MSC_VER
#define THREAD_LOCAL __declspec(thread)
#elif defined(__GLIBC__)
/* Found without a call: a few bytes are always to be had, also by what is loaded late. (Not with
musl, whose loader refuses it.) */
#define THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define THREAD_LOCAL _Thread_local
#endif

typedef uintptr_t Word;

enum { OBJECT = 0, BEGIN = 1, RETURN = 2, RESULT = 3, BEGIN_MADE = 5, TAG = 7 };
enum { TAG_BITS = 3, MOST_BOUND = 32, RAISE_WORDS = 1, ERROR_WORDS = 3 };

/* How many words an arena has room for: a thread's first, the last that is not mapped, and those. */
enum { FIRST_SIZE = 1 << 8, LAST_SIZE = 1 << 15, MAPPED_SIZE = 1 << 18 };
/* Words a tape may take before the thread hands it on: a mapped arena has room for four times as
many, and the ends that may still come then. */
enum { LIMIT = (MAPPED_SIZE >> 2) - (1 << 12) };

/* What the module is given once, by `configure`. */
static struct {
    PyObject *drain;         /* hands what was written to the readers */
    PyObject *local_tape;    /* makes this thread's tape */
    PyObject *class_ref;     /* returns what stands for a class */
    PyObject *class_ref_of_bound;
    PyObject *current;       /* the context variable that says what led here */
    PyObject *none_given;    /* stands for an argument left at its default */
    PyObject *redacted;      /* stands for a hidden one */
    PyObject *type_texts;    /* tuple: what is captured of a scalar's type, for each of `scalars` */
    PyObject *result;        /* begins a result record */
    PyObject *raise;         /* begins a raise record */
    PyObject *error;         /* begins an error record */
    PyObject *at_limit;      /* stands for an error where no function could be called any more */
    PyObject *unknown_error; /* stands for an error that could not be looked at */
    PyObject *inert;         /* what a recorder becomes in a pickle */
    PyObject *clock;         /* a replacement for the clock; NULL for the real one */
    int follows_contexts;    /* whether anything has ever set `current` */
    Py_ssize_t most_string;  /* length of the longest string that is kept as it is */
} config;

/* The types whose names `config.type_texts` holds, in the same order. */
enum { SCALARS = 5 };
static PyTypeObject *scalars[SCALARS];

static PyObject *str_identify;

/* Grows when classes begin or cease to be identified in another way. */
static unsigned long identifications;

/* The clock that `time.perf_counter_ns` reads. */
static int
read_clock(int64_t *time)
{
    if (config.clock != NULL) {
        PyObject *read = PyObject_CallNoArgs(config.clock);
        if (read == NULL) {
            return -1;
        }
        *time = PyLong_AsLongLong(read);
        Py_DECREF(read);
        return *time == -1 && PyErr_Occurred() ? -1 : 0;
    }
#if defined(__linux__)
    struct timespec now; /* what CPython does, without the checks in between */
    if (clock_gettime(CLOCK_MONOTONIC, &now) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    *time = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
#elif PY_VERSION_HEX >= 0x030D0000
    PyTime_t now;
    if (PyTime_PerfCounterRaw(&now) < 0) {
        return -1;
    }
    *time = (int64_t)now;
#else
    *time = (int64_t)_PyTime_GetPerfCounter();
#endif
    return 0;
}

/* Identities

An object has a serial number from the first time that somebody asks for it until it dies. A new
weak reference for each object, kept for as long as the trace, would cost more than all the rest:
for the collector visits each again and again. So there is one for each address that an object has
had, and it tells whether the object that stands there is still the same. */

typedef struct {
    PyObject *object;        /* its address; NULL where the place is free */
    PyWeakReference *ref;    /* dead once the object is */
    int64_t serial;
} Known;

static struct {
    Known *places;
    size_t size; /* a power of two */
    size_t used;
    int64_t last;
} known;

enum { FIRST_PLACES = 1024 };

/* Return the place of an object, or the free one where it is to go. */
static inline Known *
place_of(PyObject *object)
{
    size_t at = (size_t)((uint64_t)(uintptr_t)object * 0x9E3779B97F4A7C15u >> 32);
    for (;; at++) {
        Known *place = &known.places[at & (known.size - 1)];
        if (place->object == object || place->object == NULL) {
            return place;
        }
    }
}

static inline int
is_dead(const Known *place)
{
    return place->ref->wr_object == Py_None;
}

static int
grow_known(void)
{
    size_t living = 0;
    for (size_t i = 0; i < known.size; i++) {
        living += known.places[i].object != NULL && !is_dead(&known.places[i]);
    }
    size_t size = FIRST_PLACES;
    while (size < living * 4) {
        size *= 2;
    }
    Known *before = known.places, *places = PyMem_Calloc(size, sizeof(Known));
    size_t size_before = known.size;
    if (places == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    known.places = places;
    known.size = size;
    known.used = 0;
    /* Letting go of a reference that is dead, and has no callback, runs no code. */
    for (size_t i = 0; i < size_before; i++) {
        if (before[i].object == NULL) {
            continue;
        }
        if (is_dead(&before[i])) {
            Py_DECREF(before[i].ref);
            continue;
        }
        *place_of(before[i].object) = before[i];
        known.used++;
    }
    PyMem_Free(before);
    return 0;
}

/* Let a dead reference that nobody else holds be the one of a new object, which has none as yet.

It saves what it costs to free the one and make the other, a tenth of what recording a call takes. */
static inline int
renew(Known *place, PyObject *object)
{
    if (PyType_Check(object)) { /* those of static types are kept elsewhere */
        return 0;
    }
    PyWeakReference *ref = place->ref;
    PyObject **refs = (PyObject **)((char *)object + Py_TYPE(object)->tp_weaklistoffset);
    if (*refs != NULL || Py_REFCNT(ref) != 1) {
        return 0;
    }
    ref->wr_object = object;
    ref->hash = -1;
    *refs = (PyObject *)ref;
    place->serial = ++known.last;
    return 1;
}

/* Return the serial number of an object that takes weak references; 0 for an error. */
static int64_t
serial_of(PyObject *object)
{
    Known *place = known.places == NULL ? NULL : place_of(object);
    if (place != NULL && place->object != NULL && (!is_dead(place) || renew(place, object))) {
        return place->serial;
    }
    /* This may run the collector, and so anything: the place is looked for again. */
    PyObject *ref = PyWeakref_NewRef(object, NULL);
    if (ref == NULL || (known.used * 2 >= known.size && grow_known() < 0)) {
        Py_XDECREF(ref);
        return 0;
    }
    place = place_of(object);
    if (place->object == NULL) {
        place->object = object;
        known.used++;
    }
    else if (is_dead(place)) {
        Py_DECREF(place->ref);
    }
    else { /* the collector has led here, too */
        Py_DECREF(ref);
        return place->serial;
    }
    place->ref = (PyWeakReference *)ref;
    place->serial = ++known.last;
    return place->serial;
}

/* What Python code calls where it writes a record, or summarizes an object. */
static PyObject *
identify(PyObject *Py_UNUSED(module), PyObject *object)
{
    int64_t serial = serial_of(object);
    return serial == 0 ? NULL : PyLong_FromLongLong(-serial);
}

static PyObject *
living(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    PyObject *found = PySet_New(NULL);
    for (size_t i = 0; found != NULL && i < known.size; i++) {
        Known *place = &known.places[i];
        if (place->object == NULL || is_dead(place)) {
            continue;
        }
        PyObject *serial = PyLong_FromLongLong(-place->serial);
        if (serial == NULL || PySet_Add(found, serial) < 0) {
            Py_CLEAR(found);
        }
        Py_XDECREF(serial);
    }
    return found;
}

static PyObject *
forget_objects(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    Known *places = known.places;
    size_t size = known.size;
    known.places = NULL;
    known.size = known.used = 0;
    for (size_t i = 0; i < size; i++) {
        if (places[i].object != NULL) {
            Py_DECREF(places[i].ref);
        }
    }
    PyMem_Free(places);
    Py_RETURN_NONE;
}

/* Tapes */

/* Memory for records. What was taken off a tape stays where it is, and the tape goes on behind it. */
typedef struct {
    Py_ssize_t shares; /* how many tapes have words in it */
    Py_ssize_t size;
    Word words[];
} Arena;

typedef struct {
    PyObject_HEAD
    Arena *arena;
    Word *words; /* those of the arena */
    Py_ssize_t start;
    Py_ssize_t used; /* the first of its words, and the one behind the last */
    Py_ssize_t room; /* where the arena ends */
    Py_ssize_t mark; /* below it a short record finds room, and the tape is not handed on as yet */
} Tape;

/* Return an arena with room for so many words.

Most of what a record costs is that the system must find, and clear, the page that it comes to stand
on. It does so at much less cost for pages of 2 MiB, where it is asked to, and has them. */
static Arena *
make_arena(Py_ssize_t size)
{
    Arena *arena;
    size_t bytes = (size_t)size * sizeof(Word);
#ifdef __linux__
    if (size >= MAPPED_SIZE) {
        size_t aligned = MAPPED_SIZE * sizeof(Word);
        char *mapped = mmap(NULL, bytes + aligned, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped == MAP_FAILED) {
            return NULL;
        }
        char *start = (char *)(((uintptr_t)mapped + aligned - 1) & ~(uintptr_t)(aligned - 1));
        if (start > mapped) {
            munmap(mapped, (size_t)(start - mapped));
        }
        munmap(start + bytes, aligned - (size_t)(start - mapped));
        madvise(start, bytes, MADV_HUGEPAGE);
        arena = (Arena *)start;
    }
    else
#endif
    {
        arena = PyMem_RawMalloc(bytes);
        if (arena == NULL) {
            return NULL;
        }
    }
    arena->shares = 1;
    arena->size = size - (Py_ssize_t)(offsetof(Arena, words) / sizeof(Word));
    return arena;
}

/* Let go of a share in an arena. */
static void
leave_arena(Arena *arena)
{
    if (arena == NULL || --arena->shares > 0) {
        return;
    }
#ifdef __linux__
    Py_ssize_t size = arena->size + (Py_ssize_t)(offsetof(Arena, words) / sizeof(Word));
    if (size >= MAPPED_SIZE) {
        munmap(arena, (size_t)size * sizeof(Word));
        return;
    }
#endif
    PyMem_RawFree(arena);
}

typedef struct {
    PyObject_HEAD
    Tape *tape;
} Owner;

/* A site and a class that it was called on. */
typedef struct {
    PyObject_HEAD
    PyObject *layout;
    PyObject *cls;            /* its `ClassRef`; None where the method is called on nothing */
    PyObject *identify;       /* how its objects are identified; NULL for a serial number */
    unsigned long identified; /* what `identifications` was when that was asked */
    Py_ssize_t fields;
} Pair;

static PyTypeObject TapeType;
static PyTypeObject PairType;
static PyTypeObject RecorderType;

/* What `vectorcall` is of a function that nobody has changed. */
static vectorcallfunc call_bytecode;

/* This thread's tape. The thread's `Owner` keeps it, and forgets it when the thread ends. */
static THREAD_LOCAL Tape *current;

enum { SHORT = 3 };

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

static inline Word
stamp(int64_t time, Word tag)
{
    return (Word)time << TAG_BITS | tag;
}

static PyObject *
time_of(Word word)
{
    return PyLong_FromLongLong((int64_t)((intptr_t)word >> TAG_BITS));
}

static Pair *
pair_of(Word word)
{
    return (Pair *)(word & ~(Word)TAG);
}

/* Return how many objects stand between the identity in a begin record and its time. */
static Py_ssize_t
objects_of(Word word)
{
    return pair_of(word)->fields + ((word & TAG) == BEGIN_MADE);
}

/* An identity is an object, or a serial number with its last bit set. */
static inline Word
serial_word(int64_t serial)
{
    return (Word)serial << 1 | 1;
}

static inline int
is_serial(Word identity)
{
    return identity & 1;
}

/* Return an identity as Python sees it: a number below zero, which no address is. */
static PyObject *
identity_of(Word identity)
{
    return is_serial(identity) ? PyLong_FromLongLong(-(int64_t)(identity >> 1))
                               : Py_NewRef((PyObject *)identity);
}

static inline void
release_identity(Word identity)
{
    if (!is_serial(identity)) {
        Py_DECREF((PyObject *)identity);
    }
}

/* Let go of the words from `at` on. */
static void
release(Word *words, Py_ssize_t at, Py_ssize_t used)
{
    while (at < used) {
        Word word = words[at];
        Py_ssize_t objects = 0;
        switch (word & TAG) {
        case OBJECT:
            Py_DECREF((PyObject *)word);
            at += 1;
            break;
        case BEGIN:
        case BEGIN_MADE:
            objects = objects_of(word);
            release_identity(words[at + 1]);
            for (Py_ssize_t i = 0; i < objects; i++) {
                Py_DECREF((PyObject *)words[at + 2 + i]);
            }
            Py_DECREF((PyObject *)pair_of(word));
            at += objects + 3;
            break;
        case RETURN:
            at += 1;
            break;
        default:
            Py_DECREF((PyObject *)words[at + 1]);
            at += 2;
        }
    }
}

static void
tape_dealloc(Tape *self)
{
    release(self->words, self->start, self->used);
    leave_arena(self->arena);
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

/* Append to the list, and take over the reference. */
static int
give(PyObject *list, PyObject *object)
{
    if (object == NULL) {
        return -1;
    }
    int failed = PyList_Append(list, object);
    Py_DECREF(object);
    return failed;
}

/* Append the record at `at`; return the number of words it takes. */
static Py_ssize_t
unpack(const Word *words, Py_ssize_t at, PyObject *list)
{
    Word word = words[at];
    switch (word & TAG) {
    case OBJECT:
        return PyList_Append(list, (PyObject *)word) < 0 ? -1 : 1;
    case RETURN:
        return give(list, time_of(word)) < 0 ? -1 : 1;
    case RESULT:
        if (PyList_Append(list, config.result) < 0 || give(list, time_of(word)) < 0) {
            return -1;
        }
        return PyList_Append(list, (PyObject *)words[at + 1]) < 0 ? -1 : 2;
    default: {
        Pair *pair = pair_of(word);
        Py_ssize_t objects = objects_of(word);
        int failed = PyList_Append(list, pair->layout);
        failed |= give(list, identity_of(words[at + 1]));
        failed |= PyList_Append(list, pair->cls);
        for (Py_ssize_t i = 0; i < objects; i++) {
            failed |= PyList_Append(list, (PyObject *)words[at + 2 + i]);
        }
        if ((word & TAG) != BEGIN_MADE) {
            failed |= PyList_Append(list, Py_None);
        }
        failed |= give(list, PyLong_FromLongLong((int64_t)words[at + 2 + objects]));
        return failed ? -1 : objects + 3;
    }
    }
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

/* What stands on the tape stays there: an interrupt may keep the caller from taking the list. */
static PyObject *
tape_unpack(Tape *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *list = PyList_New(0);
    for (Py_ssize_t at = self->start; list != NULL && at < self->used;) {
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
    {"unpack", (PyCFunction)tape_unpack, METH_NOARGS, "Return what was written."},
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

/* Owners: a thread has one among its local variables, and it dies with the thread. */

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

/* Pairs */

static Pair *
make_pair(PyObject *layout, PyObject *cls, Py_ssize_t fields)
{
    Pair *pair = PyObject_New(Pair, &PairType);
    if (pair != NULL) {
        pair->layout = Py_NewRef(layout);
        pair->cls = Py_NewRef(cls);
        pair->identify = NULL;
        pair->identified = 0;
        pair->fields = fields;
    }
    return pair;
}

static void
pair_dealloc(Pair *self)
{
    Py_DECREF(self->layout);
    Py_DECREF(self->cls);
    Py_XDECREF(self->identify);
    PyObject_Free(self);
}

static PyTypeObject PairType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "callscope.tape._tape.Pair",
    .tp_basicsize = sizeof(Pair),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)pair_dealloc,
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

/* Recorders */

enum { PAIRS = 8, ALIGNMENT_BITS = 4 };
enum Binding { ON_NOTHING, ON_INSTANCE, ON_CLASS };
enum Capture { AS_IT_IS = 'v', ITS_TYPE = 't', BY_CALL = 'c', HIDDEN = 'h', SPREAD = 's' };

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    PyObject *layout;
    PyObject *original;    /* the function that the shadow stands in for */
    Pair *pairs[PAIRS];    /* by address of the class: those seen last; some are NULL */
    PyObject *on;          /* the cell that says whether calls are recorded */
    PyObject *value;       /* Python function that captures a value */
    PyObject *note_error;  /* Python function that writes what a call raised */
    PyObject *is_compiling; /* Python function, or NULL where nothing compiles */
    PyObject *defaults;    /* tuple: the default of each field; the field's own marker if none */
    PyObject *spreads;     /* tuple: the Python function of each field that is spread, or None */
    char *captures;        /* how each field is captured: one of `Capture` for each */
    char captures_result;
    char is_live;
    char is_plain; /* whether nothing is written of a call but the object and the time */
    char binding;
    Py_ssize_t fields;
    /* Of the shadow itself, for `call_shadow`. */
    PyObject *code;
    PyObject *names;         /* tuple: the parameters without `*args` and `**kwargs` */
    Py_ssize_t positional_only;
    Py_ssize_t positional;   /* with the positional-only ones */
    Py_ssize_t named;        /* with the keyword-only ones */
    Py_ssize_t only_positional; /* the same as `positional`; -1 if there are others */
    Py_ssize_t first_field;  /* parameter of the first field: 0, or 1 behind the bound one */
    char has_args;
    char has_kwargs;
} Recorder;

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
        if (is_scalar(value)) {
            return Py_NewRef(value);
        }
        break;
    case ITS_TYPE:
        text = type_text(value);
        if (text != NULL) {
            return Py_NewRef(text);
        }
        break;
    default:
        break;
    }
    return PyObject_CallOneArg(recorder->value, value);
}

static PyObject *
capture_field(const Recorder *recorder, Py_ssize_t field, PyObject *value)
{
    char how = recorder->captures[field];
    if (how == SPREAD) {
        int is_empty = PyTuple_CheckExact(value) ? PyTuple_GET_SIZE(value) == 0
                                                 : PyDict_GET_SIZE(value) == 0;
        return is_empty ? Py_NewRef(config.none_given)
                        : PyObject_CallOneArg(PyTuple_GET_ITEM(recorder->spreads, field), value);
    }
    if (value == PyTuple_GET_ITEM(recorder->defaults, field)) {
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

/* Return what stands for the site and the class of what it was called on, borrowed. */
static Pair *
find_pair(Recorder *recorder, PyObject *bound)
{
    if (recorder->binding == ON_NOTHING) {
        return recorder->pairs[0];
    }
    int on_class = recorder->binding == ON_CLASS;
    PyObject *cls = on_class ? bound : (PyObject *)Py_TYPE(bound);
    Pair **place = place_of_pair(recorder, cls);
    if (is_of(*place, cls)) {
        return *place;
    }
    PyObject *ref = PyObject_CallOneArg(on_class ? config.class_ref_of_bound : config.class_ref, cls);
    if (ref == NULL) {
        return NULL;
    }
    Pair *pair = make_pair(recorder->layout, ref, recorder->fields);
    Py_DECREF(ref);
    if (pair != NULL) {
        Py_XSETREF(*place, pair);
    }
    return pair;
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
    return (Word)PyObject_CallOneArg(pair->identify, bound);
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

/* Write that a call begins, if no value is captured and nothing has to be called for it. */
static inline int
begin_at_once(Recorder *recorder, PyObject *bound)
{
    Tape *tape = current;
    if (!recorder->is_plain || tape == NULL || tape->used >= tape->mark || config.follows_contexts
        || config.clock != NULL || known.places == NULL) {
        return 0;
    }
    PyObject *cls = (PyObject *)Py_TYPE(bound);
    Pair *pair = *place_of_pair(recorder, cls);
    if (!is_of(pair, cls) || pair->identified != identifications || pair->identify != NULL) {
        return 0;
    }
    Known *place = place_of(bound);
    int64_t time;
    if (place->object == NULL || (is_dead(place) && !renew(place, bound))) {
        return 0;
    }
    if (read_clock(&time) < 0) {
        PyErr_Clear(); /* it will be read again, and say so again */
        return 0;
    }
    Word *words = tape->words + tape->used;
    words[0] = (Word)Py_NewRef((PyObject *)pair) | BEGIN;
    words[1] = serial_word(place->serial);
    words[2] = (Word)time;
    tape->used += SHORT;
    return 1;
}

/* Write that a call begins. `values` holds one per field; NULL for one left at its default. */
static int
begin(Recorder *recorder, PyObject *bound, PyObject *const *values)
{
    Tape *tape = open_tape();
    if (tape == NULL) {
        return -1;
    }
    PyObject *objects[MOST_BOUND + 1], *found;
    Py_ssize_t count = 0;
    int64_t time;
    Pair *pair = find_pair(recorder, bound);
    if (pair == NULL) {
        return -1;
    }
    Py_INCREF(pair);
    Word identity = recorder->binding == ON_INSTANCE ? identity_word(pair, bound)
                                                     : (Word)Py_NewRef(Py_None);
    if (identity == 0) {
        Py_DECREF(pair);
        return -1;
    }
    for (Py_ssize_t i = 0; i < recorder->fields; i++) {
        found = values[i] == NULL ? Py_NewRef(config.none_given)
                                  : capture_field(recorder, i, values[i]);
        if (found == NULL) {
            goto failed;
        }
        objects[count++] = found;
    }
    found = NULL;
    if (config.follows_contexts && PyContextVar_Get(config.current, NULL, &found) < 0) {
        goto failed;
    }
    Word tag = BEGIN;
    if (found == Py_None) {
        Py_DECREF(found);
    }
    else if (found != NULL) {
        objects[count++] = found;
        tag = BEGIN_MADE;
    }
    /* What was called up to here may have changed the tape. From here on nothing is called. */
    tape = current;
    if (tape == NULL || reserve(tape, count + 3) < 0 || read_clock(&time) < 0) {
        goto failed;
    }
    Word *words = tape->words + tape->used;
    words[0] = (Word)pair | tag;
    words[1] = identity;
    for (Py_ssize_t i = 0; i < count; i++) {
        words[i + 2] = (Word)objects[i];
    }
    words[count + 2] = (Word)time;
    tape->used += count + 3;
    return 0;

failed:
    release_identity(identity);
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_DECREF(objects[i]);
    }
    Py_DECREF(pair);
    return -1;
}

/* Write that a call has returned. */
static int
end_slowly(const Recorder *recorder, PyObject *result)
{
    int64_t time;
    if (read_clock(&time) < 0) {
        return -1;
    }
    PyObject *captured = NULL;
    int failed = 0;
    if (result != Py_None && recorder->captures_result) {
        captured = capture(recorder, result);
        failed = captured == NULL; /* an interrupt: the end is written all the same */
        if (failed && PyErr_ExceptionMatches(PyExc_RecursionError)) {
            PyErr_Clear(); /* the method itself did return */
            failed = 0;
        }
    }
    Tape *tape = current;
    if (tape == NULL || reserve(tape, 2) < 0) {
        Py_XDECREF(captured);
        return -1;
    }
    if (captured == NULL) {
        tape->words[tape->used++] = stamp(time, RETURN);
    }
    else {
        tape->words[tape->used++] = stamp(time, RESULT);
        tape->words[tape->used++] = (Word)captured;
    }
    return failed ? -1 : go_live(recorder);
}

static inline int
end(const Recorder *recorder, PyObject *result)
{
    Tape *tape = current;
    int64_t time;
    if (recorder->captures_result || recorder->is_live || tape == NULL || tape->used >= tape->room) {
        return end_slowly(recorder, result);
    }
    if (read_clock(&time) < 0) {
        return -1;
    }
    tape->words[tape->used++] = stamp(time, RETURN);
    return 0;
}

/* Write what a call has raised. An exception that comes up meanwhile takes the place of it. */
static int
note_error(const Recorder *recorder, PyObject *error)
{
    Tape *tape = current;
    if (tape == NULL || reserve(tape, RAISE_WORDS) < 0) {
        return -1;
    }
    put_object(tape, config.raise);
    PyObject *done = PyObject_CallFunctionObjArgs(recorder->note_error, tape, error, NULL);
    if (done != NULL) {
        Py_DECREF(done);
        return go_live(recorder);
    }
    if (!PyErr_ExceptionMatches(PyExc_RecursionError)) {
        return -1;
    }
    PyErr_Clear();
    int64_t time;
    tape = current;
    if (tape == NULL || reserve(tape, ERROR_WORDS) < 0 || read_clock(&time) < 0) {
        return -1;
    }
    PyObject *stamped = PyLong_FromLongLong(time);
    if (stamped == NULL) {
        return -1;
    }
    put_object(tape, config.error);
    put_object(tape, stamped);
    Py_DECREF(stamped);
    put_object(tape, Py_TYPE(error) == (PyTypeObject *)PyExc_RecursionError ? config.at_limit
                                                                            : config.unknown_error);
    return 0;
}

/* What a shadow's bytecode calls. */

static PyObject *
recorder_enter(Recorder *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Py_ssize_t count = PyVectorcall_NARGS(nargsf);
    int has_bound = self->binding != ON_NOTHING;
    if (count != self->fields + has_bound || kwnames != NULL) {
        PyErr_SetString(PyExc_TypeError, "a recorder takes one argument per field");
        return NULL;
    }
    PyObject *bound = has_bound ? args[0] : NULL;
    if (!begin_at_once(self, bound) && begin(self, bound, args + has_bound) < 0) {
        return NULL;
    }
    if (go_live(self) < 0) {
        return NULL;
    }
    Py_RETURN_TRUE;
}

static PyObject *
recorder_leave(Recorder *self, PyObject *result)
{
    if (end(self, result) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Take the shadow's frame, which the exception came through last, out of its traceback. */
static int
drop_own_frame(const Recorder *recorder, PyObject *error)
{
    PyTracebackObject *traceback = (PyTracebackObject *)PyException_GetTraceback(error);
    if (traceback == NULL) {
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

static PyObject *
recorder_fail(Recorder *self, PyObject *error)
{
    if (drop_own_frame(self, error) < 0) {
        return NULL;
    }
    if (note_error(self, error) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
recorder_reduce(Recorder *Py_UNUSED(self), PyObject *Py_UNUSED(ignored))
{
    return Py_BuildValue("O()", config.inert);
}

/* Calls without a frame */

enum { LEAST_REMAINING = 200, DEEPEST = 400, SURELY_SAFE = 100 };

/* How many such calls this thread is in. */
static THREAD_LOCAL int depth;

static PyObject *call_shadow(PyObject *, PyObject *const *, size_t, PyObject *);

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

/* Find the values of the named parameters; NULL for what is left at its default.

Return false where the bytecode has to see to it: wrong arguments, and what `*args` and `**kwargs`
take of what is captured. */
static int
bind(const Recorder *recorder, PyObject *function, PyObject *const *args, Py_ssize_t count,
     PyObject *kwnames, PyObject **values)
{
    Py_ssize_t keywords = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
    if (count > recorder->positional && (!recorder->has_args || recorder->fields)) {
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
        Py_ssize_t at = recorder->positional_only;
        while (at < recorder->named && PyTuple_GET_ITEM(recorder->names, at) != name) {
            at++;
        }
        if (at == recorder->named || values[at] != NULL) {
            return 0;
        }
        values[at] = args[count + i];
    }
    PyObject *defaults = PyFunction_GET_DEFAULTS(function);
    Py_ssize_t required = recorder->positional - (defaults == NULL ? 0 : PyTuple_GET_SIZE(defaults));
    for (Py_ssize_t i = given; i < required; i++) {
        if (values[i] == NULL) {
            return 0;
        }
    }
    PyObject *keyword_defaults = PyFunction_GET_KW_DEFAULTS(function);
    for (Py_ssize_t i = recorder->positional; i < recorder->named; i++) {
        if (values[i] != NULL) {
            continue;
        }
        PyObject *name = PyTuple_GET_ITEM(recorder->names, i);
        if (keyword_defaults == NULL || PyDict_GetItemWithError(keyword_defaults, name) == NULL) {
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
`**kwargs`. What the two with stars take is nothing here. */
static void
arrange(const Recorder *recorder, PyObject **values, PyObject **fields)
{
    Py_ssize_t at = 0;
    for (Py_ssize_t i = recorder->first_field; i < recorder->positional; i++) {
        fields[at++] = values[i];
    }
    if (recorder->has_args) {
        fields[at++] = NULL;
    }
    for (Py_ssize_t i = recorder->positional; i < recorder->named; i++) {
        fields[at++] = values[i];
    }
    if (recorder->has_kwargs) {
        fields[at++] = NULL;
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

/* Tell whether the C stack is nearly as deep as the interpreter lets it be.

A call through C takes some of it, and one from bytecode to bytecode does not: so a program that has
raised its recursion limit may go deeper than C could follow. */
static int
is_deep(void)
{
#if PY_VERSION_HEX >= 0x030E0000
    return depth > DEEPEST;
#elif PY_VERSION_HEX >= 0x030C0000
    return PyThreadState_Get()->c_recursion_remaining < LEAST_REMAINING;
#else
    return 0; /* there is one limit for both */
#endif
}

/* Call a shadow so that what it leads to takes no more of the C stack. */
static PyObject *
call_without_c(PyObject *function, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Py_INCREF(function);
    set_vectorcall(function, call_bytecode);
    PyObject *result = call_bytecode(function, args, nargsf, kwnames);
    set_vectorcall(function, call_shadow);
    Py_DECREF(function);
    return result;
}

static PyObject *
call_shadow(PyObject *function, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    if (depth > SURELY_SAFE && is_deep()) {
        return call_without_c(function, args, nargsf, kwnames);
    }
    Recorder *recorder = recorder_of_shadow(function);
    if (recorder == NULL || recorder->original == NULL) { /* the collector is clearing it */
        return call_bytecode(function, args, nargsf, kwnames);
    }
    PyFunctionObject *original = (PyFunctionObject *)recorder->original;
    PyObject *values[MOST_BOUND], *fields[MOST_BOUND];
    Py_ssize_t count = PyVectorcall_NARGS(nargsf);
    if (PyCell_GET(recorder->on) != Py_True || PyFunction_GET_CODE(function) != recorder->code
        || PyFunction_GET_DEFAULTS(function) != original->func_defaults
        || PyFunction_GET_KW_DEFAULTS(function) != original->func_kwdefaults
        || (recorder->binding != ON_NOTHING && count == 0)) {
        return call_bytecode(function, args, nargsf, kwnames);
    }
    PyObject *const *captured = args + recorder->first_field;
    if (kwnames != NULL || count != recorder->only_positional) {
        if (!bind(recorder, function, args, count, kwnames, values)) {
            return call_bytecode(function, args, nargsf, kwnames);
        }
        arrange(recorder, values, fields);
        captured = fields;
    }
    int compiling = is_compiling(recorder);
    if (compiling) {
        return compiling < 0 ? NULL : call_bytecode(function, args, nargsf, kwnames);
    }
    Py_INCREF(recorder); /* the shadow may be gone when the call ends */
    PyObject *result = NULL;
    PyObject *bound = recorder->binding == ON_NOTHING ? NULL : args[0];
    if (begin_at_once(recorder, bound) || begin(recorder, bound, captured) == 0) {
        if (go_live(recorder) == 0) {
            depth++;
            result = original->vectorcall((PyObject *)original, args, nargsf, kwnames);
            depth--;
        }
        if (result != NULL) {
            if (end(recorder, result) < 0) {
                Py_CLEAR(result);
            }
        }
        else {
#if PY_VERSION_HEX >= 0x030C0000
            PyObject *error = PyErr_GetRaisedException();
            if (note_error(recorder, error) == 0) {
                PyErr_SetRaisedException(error);
            }
            else {
                Py_DECREF(error);
            }
#else
            PyObject *type, *error, *traceback;
            PyErr_Fetch(&type, &error, &traceback);
            PyErr_NormalizeException(&type, &error, &traceback);
            if (traceback != NULL) {
                PyException_SetTraceback(error, traceback);
            }
            if (note_error(recorder, error) == 0) {
                PyErr_Restore(type, error, traceback);
            }
            else {
                Py_XDECREF(type);
                Py_XDECREF(error);
                Py_XDECREF(traceback);
            }
#endif
        }
    }
    Py_DECREF(recorder);
    return result;
}

/* Let the interpreter call a shadow without a frame, wherever it goes through `vectorcall`. */
static PyObject *
recorder_attach(Recorder *self, PyObject *function)
{
    if (!PyFunction_Check(function)) {
        PyErr_SetString(PyExc_TypeError, "a shadow is a function");
        return NULL;
    }
    PyFunctionObject *shadow = (PyFunctionObject *)function;
    PyCodeObject *code = (PyCodeObject *)shadow->func_code;
    self->positional_only = code->co_posonlyargcount;
    self->positional = code->co_argcount;
    self->named = code->co_argcount + code->co_kwonlyargcount;
    self->has_args = (code->co_flags & CO_VARARGS) != 0;
    self->has_kwargs = (code->co_flags & CO_VARKEYWORDS) != 0;
    self->first_field = self->binding != ON_NOTHING;
    int has_others = self->has_args || self->has_kwargs || self->named > self->positional;
    self->only_positional = has_others ? -1 : self->positional;
    /* The object may be the first of `*args`. */
    int is_odd = self->binding != ON_NOTHING && self->positional == 0;
    Py_XSETREF(self->code, Py_NewRef(shadow->func_code));
    if (self->named + 2 > MOST_BOUND || is_odd) {
        Py_RETURN_FALSE;
    }
    if (shadow->vectorcall != call_shadow) {
        call_bytecode = shadow->vectorcall;
    }
    set_vectorcall(function, call_shadow);
    Py_RETURN_TRUE;
}

static int
recorder_init(Recorder *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {
        "layout", "original", "on", "binding", "captures", "result", "value",
        "note_error", "defaults", "spreads", "is_compiling", "live", "names", NULL};
    PyObject *layout, *original, *on, *value, *note, *defaults, *spreads, *compiling, *names;
    const char *captures;
    Py_ssize_t fields;
    int binding, result, live;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "OO!O!Cs#COOO!O!OpO!", keywords, &layout, &PyFunction_Type, &original,
            &PyCell_Type, &on, &binding, &captures, &fields, &result,
            &value, &note, &PyTuple_Type, &defaults, &PyTuple_Type, &spreads, &compiling, &live,
            &PyTuple_Type, &names)) {
        return -1;
    }
    if (PyTuple_GET_SIZE(defaults) != fields || PyTuple_GET_SIZE(spreads) != fields
        || fields > MOST_BOUND) {
        PyErr_SetString(PyExc_ValueError, "a recorder has one capture, default and spread per field");
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
    self->captures_result = result == '-' ? 0 : (char)result;
    self->is_live = (char)live;
    self->binding = binding == 'i' ? ON_INSTANCE : binding == 'c' ? ON_CLASS : ON_NOTHING;
    self->is_plain = fields == 0 && self->binding == ON_INSTANCE;
    self->vectorcall = (vectorcallfunc)recorder_enter;
    Py_XSETREF(self->layout, Py_NewRef(layout));
    Py_XSETREF(self->original, Py_NewRef(original));
    for (int i = 0; i < PAIRS; i++) {
        Py_CLEAR(self->pairs[i]);
    }
    if (self->binding == ON_NOTHING) {
        self->pairs[0] = make_pair(layout, Py_None, fields);
        if (self->pairs[0] == NULL) {
            return -1;
        }
    }
    Py_XSETREF(self->on, Py_NewRef(on));
    Py_XSETREF(self->value, Py_NewRef(value));
    Py_XSETREF(self->note_error, Py_NewRef(note));
    Py_XSETREF(self->defaults, Py_NewRef(defaults));
    Py_XSETREF(self->spreads, Py_NewRef(spreads));
    Py_XSETREF(self->names, Py_NewRef(names));
    Py_XSETREF(self->is_compiling, compiling == Py_None ? NULL : Py_NewRef(compiling));
    return 0;
}

static int
recorder_traverse(Recorder *self, visitproc visit, void *arg)
{
    Py_VISIT(self->layout);
    Py_VISIT(self->original);
    Py_VISIT(self->on);
    Py_VISIT(self->value);
    Py_VISIT(self->note_error);
    Py_VISIT(self->is_compiling);
    Py_VISIT(self->defaults);
    Py_VISIT(self->spreads);
    Py_VISIT(self->code);
    Py_VISIT(self->names);
    return 0;
}

/* What a call that is running needs stays. It can be in no cycle but through these two. */
static int
recorder_clear(Recorder *self)
{
    Py_CLEAR(self->defaults);
    Py_CLEAR(self->original);
    return 0;
}

static void
recorder_dealloc(Recorder *self)
{
    PyObject_GC_UnTrack(self);
    Py_CLEAR(self->layout);
    Py_CLEAR(self->original);
    for (int i = 0; i < PAIRS; i++) {
        Py_CLEAR(self->pairs[i]);
    }
    Py_CLEAR(self->on);
    Py_CLEAR(self->value);
    Py_CLEAR(self->note_error);
    Py_CLEAR(self->is_compiling);
    Py_CLEAR(self->defaults);
    Py_CLEAR(self->spreads);
    Py_CLEAR(self->code);
    Py_CLEAR(self->names);
    PyMem_Free(self->captures);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef recorder_methods[] = {
    {"leave", (PyCFunction)recorder_leave, METH_O, "Write that a call has returned."},
    {"fail", (PyCFunction)recorder_fail, METH_O, "Write what a call has raised."},
    {"attach", (PyCFunction)recorder_attach, METH_O, "Let a shadow be called without a frame."},
    {"__reduce__", (PyCFunction)recorder_reduce, METH_NOARGS, "A pickled shadow is switched off."},
    {NULL},
};

static PyTypeObject RecorderType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "callscope.tape._tape.Recorder",
    .tp_doc = "Writes the records of one shadow; calling it writes that a call begins.",
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

/* The module */

static PyObject *
use(PyObject *Py_UNUSED(module), PyObject *tape)
{
    if (Py_TYPE(tape) != &TapeType) {
        PyErr_SetString(PyExc_TypeError, "use() takes a Tape");
        return NULL;
    }
    current = (Tape *)tape;
    Py_RETURN_NONE;
}

static PyObject *
set_clock(PyObject *Py_UNUSED(module), PyObject *clock)
{
    Py_XSETREF(config.clock, clock == Py_None ? NULL : Py_NewRef(clock));
    Py_RETURN_NONE;
}

static PyObject *
forget_classes(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    identifications++;
    Py_RETURN_NONE;
}

static PyObject *
follow_contexts(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    config.follows_contexts = 1;
    Py_RETURN_NONE;
}

static PyObject *
read_time(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    int64_t time;
    return read_clock(&time) < 0 ? NULL : PyLong_FromLongLong(time);
}

static PyObject *
configure(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {
        "drain", "local_tape", "class_ref", "class_ref_of_bound", "current", "omitted", "redacted",
        "result", "raise_", "error", "at_limit", "unknown_error", "inert", "type_texts", "most_string",
        NULL};
    PyObject *given[14];
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "OOOOOOOOOOOOOO!n", keywords, &given[0], &given[1], &given[2], &given[3],
            &given[4], &given[5], &given[6], &given[7], &given[8], &given[9], &given[10],
            &given[11], &given[12], &PyTuple_Type,
            &given[13], &config.most_string)) {
        return NULL;
    }
    PyObject **kept[] = {
        &config.drain, &config.local_tape, &config.class_ref, &config.class_ref_of_bound,
        &config.current, &config.none_given, &config.redacted, &config.result, &config.raise,
        &config.error, &config.at_limit, &config.unknown_error, &config.inert, &config.type_texts};
    if (PyTuple_GET_SIZE(given[13]) != SCALARS) {
        PyErr_SetString(PyExc_ValueError, "there is one text for each type of SCALARS");
        return NULL;
    }
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        Py_XSETREF(*kept[i], Py_NewRef(given[i]));
    }
    Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
    {"configure", (PyCFunction)(void (*)(void))configure, METH_VARARGS | METH_KEYWORDS,
     "Say what recorders and tapes need to know of the rest of callscope."},
    {"use", use, METH_O, "Let the present thread write to a tape, which something else keeps."},
    {"set_clock", set_clock, METH_O, "Replace the clock; None brings back the real one."},
    {"identify", identify, METH_O, "Return the serial number, below zero, of an object."},
    {"living", living, METH_NOARGS, "Return the serial numbers of the objects that are alive."},
    {"forget_objects", forget_objects, METH_NOARGS, "Give objects new serial numbers from now on."},
    {"forget_classes", forget_classes, METH_NOARGS, "Ask classes anew how to identify objects."},
    {"follow_contexts", follow_contexts, METH_NOARGS, "Note in each call what led to it."},
    {"read_clock", read_time, METH_NOARGS, "Return what the clock says, in nanoseconds."},
    {NULL},
};

static int
execute(PyObject *module)
{
    /* What it knows is the process's. Python 3.11 has no slot to say so. */
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "the tape in C is for the main interpreter alone");
        return -1;
    }
    identifications = 1;
    str_identify = PyUnicode_InternFromString("identify");
    if (str_identify == NULL) {
        return -1;
    }
    PyTypeObject *of_scalars[] = {
        &PyLong_Type, &PyFloat_Type, &PyBool_Type, &PyUnicode_Type, Py_TYPE(Py_None)};
    memcpy(scalars, of_scalars, sizeof(scalars));
    PyObject *named = PyTuple_Pack(SCALARS, scalars[0], scalars[1], scalars[2], scalars[3], scalars[4]);
    if (named == NULL || PyModule_AddObject(module, "SCALARS", named) < 0) {
        Py_XDECREF(named);
        return -1;
    }
    PyTypeObject *types[] = {&TapeType, &OwnerType, &RecorderType, &PairType};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (PyModule_AddType(module, types[i]) < 0) {
            return -1;
        }
    }
    if (PyModule_AddIntConstant(module, "LIMIT", LIMIT) < 0) {
        return -1;
    }
    return PyModule_AddIntConstant(module, "MOST_FIELDS", MOST_BOUND);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, execute},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "callscope.tape._tape",
    .m_doc = "The tape in C.",
    .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__tape(void)
{
    return PyModuleDef_Init(&module_definition);
}
