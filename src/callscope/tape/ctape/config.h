/* What the module is told of the rest of callscope. */

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
    PyObject *suspend;       /* begins a suspend record */
    PyObject *resume;        /* begins a resume record */
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
