/* What the module is told of the rest of callscope, and the clock. */

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
    PyObject *array_class;   /* returns how arrays of a class are read; see arrays.h */
    PyObject *clock;         /* a replacement for the clock; NULL for the real one */
    int follows_contexts;    /* whether anything has ever set `current` */
    Py_ssize_t most_string;  /* length of the longest string that is kept as it is */
} config;

/* The types whose names `config.type_texts` holds, in the same order. */
enum { SCALARS = 5 };
static PyTypeObject *scalars[SCALARS];

static PyObject *str_identify, *str_error;

/* Grows when classes begin or cease to be identified in another way. */
static unsigned long identifications;

/* The clock that `time.perf_counter_ns` reads. */
static int
read_clock(int64_t *time)
{
    if (config.clock != NULL) {
        PyObject *clock = Py_NewRef(config.clock);
        PyObject *read = PyObject_CallNoArgs(clock);
        Py_DECREF(clock);
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
