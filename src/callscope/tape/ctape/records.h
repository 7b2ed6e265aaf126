/* Records: how they are written into words, let go of, and unpacked.

A tape is an array of words. Records follow one another, and each is written whole without calling
into Python, so that neither a signal handler nor a finalizer ever sees half of one:

    begin    pair | BEGIN, identity, captured values..., time
    begin    pair | BEGIN_MADE, identity, captured values..., maker, time
    return   time << 3 | RETURN
    result   time << 3 | RESULT, captured value
    suspend  time << 3 | SUSPEND, token
    resume   time << 3 | RESUME, token
    object   a pointer: what Python code has appended

The pair stands for the layout and the class; an identity is a serial number (see identities.h), or
an object if the class has another way to tell its objects apart. Most of what writing costs is new
memory: so what can be left out is. */

typedef uintptr_t Word;

enum { OBJECT = 0, BEGIN = 1, RETURN = 2, RESULT = 3, SUSPEND = 4, BEGIN_MADE = 5, RESUME = 6, TAG = 7 };
enum { TAG_BITS = 3 };

enum { RAISE_WORDS = 1, ERROR_WORDS = 3 };
/* How many words a begin record takes of which nothing is captured. */
enum { SHORT = 3 };

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

static PyObject *
marker_of(Word tag)
{
    return tag == RESULT ? config.result : tag == SUSPEND ? config.suspend : config.resume;
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
    case SUSPEND:
    case RESUME:
        if (PyList_Append(list, marker_of(word & TAG)) < 0 || give(list, time_of(word)) < 0) {
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
