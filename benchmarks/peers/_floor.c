/* The least that any wrapper in C can cost: it reads the clock, calls, and reads the clock again. */

#include <Python.h>

#include <stddef.h>

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    PyObject *function;
} Floor;

static volatile long long last;

static void
read_clock(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    PyTime_t now;
    (void)PyTime_PerfCounterRaw(&now);
    last = now;
#else
    last = _PyTime_GetPerfCounter();
#endif
}

static PyObject *
call(Floor *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    read_clock();
    PyObject *result = PyObject_Vectorcall(self->function, args, nargsf, kwnames);
    read_clock();
    return result;
}

static PyObject *
bind(PyObject *self, PyObject *object, PyObject *Py_UNUSED(owner))
{
    return object == NULL || object == Py_None ? Py_NewRef(self) : PyMethod_New(self, object);
}

static int
init(Floor *self, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    PyObject *function;
    if (!PyArg_ParseTuple(args, "O", &function)) {
        return -1;
    }
    self->vectorcall = (vectorcallfunc)call;
    Py_XSETREF(self->function, Py_NewRef(function));
    return 0;
}

static void
dealloc(Floor *self)
{
    Py_XDECREF(self->function);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyTypeObject FloorType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "_floor.Floor",
    .tp_basicsize = sizeof(Floor),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)init,
    .tp_dealloc = (destructor)dealloc,
    .tp_call = PyVectorcall_Call,
    .tp_vectorcall_offset = offsetof(Floor, vectorcall),
    .tp_descr_get = bind,
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "_floor", .m_size = -1};

PyMODINIT_FUNC
PyInit__floor(void)
{
    PyObject *made = PyModule_Create(&module);
    if (made != NULL && PyModule_AddType(made, &FloorType) < 0) {
        Py_CLEAR(made);
    }
    return made;
}
