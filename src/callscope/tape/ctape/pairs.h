/* A site and a class that it was called on: what the records of these calls have in common. */

typedef struct {
    PyObject_HEAD
    PyObject *layout;
    PyObject *cls;            /* its `ClassRef`; None where the method is called on nothing */
    PyObject *identify;       /* how its objects are identified; NULL for a serial number */
    unsigned long identified; /* what `identifications` was when that was asked */
    int is_of_stranger;       /* whether calls on such objects are not recorded */
    Py_ssize_t fields;
    unsigned long decoding; /* the decoding that has a plan of it (see decoding.h), */
    size_t plan;            /* and which */
} Pair;

static PyTypeObject PairType;

static Pair *
make_pair(PyObject *layout, PyObject *cls, Py_ssize_t fields)
{
    Pair *pair = PyObject_New(Pair, &PairType);
    if (pair != NULL) {
        pair->layout = Py_NewRef(layout);
        pair->cls = Py_NewRef(cls);
        pair->identify = NULL;
        pair->identified = 0;
        pair->is_of_stranger = 0;
        pair->fields = fields;
        pair->decoding = 0;
        pair->plan = 0;
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
