/* Who an object is.

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

/* Spread a number, as of a block of objects or an address, over the places of a table. */
static inline size_t
spread_bits(uint64_t number)
{
    return (size_t)(number * 0x9E3779B97F4A7C15u >> 32);
}

/* Return the place of an object, or the free one where it is to go. */
static inline Known *
place_of(PyObject *object)
{
    size_t at = spread_bits((uintptr_t)object);
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
