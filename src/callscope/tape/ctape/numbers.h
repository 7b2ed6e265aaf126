/* Numbers of objects in one trace, by their serial numbers (see identities.h). */

typedef struct {
    int64_t serial; /* 0 where the place is free */
    int64_t number; /* below zero if the object was gone at the last sweep */
} Numbered;

typedef struct {
    PyObject_HEAD
    Numbered *places;
    size_t size; /* a power of two, or 0 */
    size_t used;
    size_t gone;
    size_t sweep_at;
    long long last;
} SerialNumbers;

enum { FIRST_SWEEP = 1024, NEIGHBOURS = 64 };

/* Objects made one after another stand side by side, for most calls are on one of the last. */
static inline Numbered *
numbered_place(Numbered *places, size_t size, int64_t serial)
{
    size_t at = spread_bits((uint64_t)serial / NEIGHBOURS) * NEIGHBOURS + (size_t)serial % NEIGHBOURS;
    for (;; at++) {
        Numbered *place = &places[at & (size - 1)];
        if (place->serial == serial || place->serial == 0) {
            return place;
        }
    }
}

/* Move all, or all that are not gone, to a table with room for more. */
static int
resize_numbers(SerialNumbers *self, int drops_gone)
{
    size_t kept = self->used - (drops_gone ? self->gone : 0);
    size_t size = FIRST_SWEEP;
    while (size < (kept + 1) * 2) {
        size *= 2;
    }
    Numbered *places = PyMem_Calloc(size, sizeof(Numbered));
    if (places == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < self->size; i++) {
        Numbered *place = &self->places[i];
        if (place->serial && !(drops_gone && place->number < 0)) {
            *numbered_place(places, size, place->serial) = *place;
        }
    }
    PyMem_Free(self->places);
    self->places = places;
    self->size = size;
    self->gone = drops_gone ? 0 : self->gone;
    self->used = kept;
    return 0;
}

/* Return the number of an object, which is given one if it has none; 0 for an error. */
static int64_t
number_of(SerialNumbers *self, int64_t serial)
{
    if ((self->used + 1) * 2 > self->size && resize_numbers(self, 0) < 0) {
        return 0;
    }
    Numbered *place = numbered_place(self->places, self->size, serial);
    if (place->serial == 0) {
        place->serial = serial;
        place->number = ++self->last;
        self->used++;
    }
    return place->number < 0 ? -place->number : place->number;
}

static int64_t
serial_in(PyObject *identity)
{
    int64_t serial = PyLong_AsLongLong(identity);
    if (serial >= 0 && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_ValueError, "a serial number is below zero");
    }
    return PyErr_Occurred() ? 0 : -serial;
}

static PyObject *
numbers_subscript(SerialNumbers *self, PyObject *identity)
{
    int64_t serial = serial_in(identity);
    int64_t number = serial == 0 ? 0 : number_of(self, serial);
    return number == 0 ? NULL : PyLong_FromLongLong(number);
}

static PyObject *
numbers_get(SerialNumbers *self, PyObject *identity)
{
    int64_t serial = serial_in(identity);
    if (serial == 0) {
        return NULL;
    }
    Numbered *place = self->size ? numbered_place(self->places, self->size, serial) : NULL;
    if (place == NULL || place->serial == 0) {
        Py_RETURN_NONE;
    }
    return PyLong_FromLongLong(place->number < 0 ? -place->number : place->number);
}

/* Forget those that were gone at the last sweep, and note those that are gone now. */
static PyObject *
numbers_sweep(SerialNumbers *self, PyObject *Py_UNUSED(ignored))
{
    if (self->gone && resize_numbers(self, 1) < 0) {
        return NULL;
    }
    if (self->used < self->sweep_at) {
        Py_RETURN_NONE;
    }
    for (size_t i = 0; i < self->size; i++) {
        self->places[i].number = -self->places[i].number;
    }
    self->gone = self->used;
    for (size_t i = 0; i < known.size; i++) {
        Known *living = &known.places[i];
        if (living->object != NULL && !is_dead(living)) {
            Numbered *place = numbered_place(self->places, self->size, living->serial);
            if (place->number < 0) {
                place->number = -place->number;
                self->gone--;
            }
        }
    }
    size_t twice = 2 * (self->used - self->gone);
    self->sweep_at = twice > FIRST_SWEEP ? twice : FIRST_SWEEP;
    Py_RETURN_NONE;
}

static PyObject *
numbers_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    SerialNumbers *self = (SerialNumbers *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->sweep_at = FIRST_SWEEP;
    }
    return (PyObject *)self;
}

static void
numbers_dealloc(SerialNumbers *self)
{
    PyMem_Free(self->places);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef numbers_methods[] = {
    {"get", (PyCFunction)numbers_get, METH_O, "Return the number of an object, or None."},
    {"sweep", (PyCFunction)numbers_sweep, METH_NOARGS, "Forget objects that have been gone."},
    {NULL},
};

static PyMemberDef numbers_members[] = {
    {"last", T_LONGLONG, offsetof(SerialNumbers, last), 0, "The last number that was given."},
    {NULL},
};

static PyMappingMethods numbers_as_mapping = {
    .mp_subscript = (binaryfunc)numbers_subscript,
};

static PyTypeObject SerialNumbersType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "callscope.tape._tape.SerialNumbers",
    .tp_doc = "Numbers of objects in one trace, by their serial numbers.",
    .tp_basicsize = sizeof(SerialNumbers),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = numbers_new,
    .tp_dealloc = (destructor)numbers_dealloc,
    .tp_methods = numbers_methods,
    .tp_members = numbers_members,
    .tp_as_mapping = &numbers_as_mapping,
};
