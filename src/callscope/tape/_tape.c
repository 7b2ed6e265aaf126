/* The tape in C: what is written for less than an interpreter's instruction costs.

`Tape.unpack` turns what was written into the list that the tape in Python is: records.py says what
stands on it. A `Recorder` knows what the records of one site look like. A shadow's bytecode calls
it; and where the interpreter calls the shadow through its `vectorcall`, `call_shadow` does all that
the bytecode does, without a frame. From Python 3.12 on, `call_in_place` does so for the function
itself, which needs no shadow then.

The parts are compiled as one, so that the compiler sees through all that a call comes by. Each
builds on those above it. */

#include "ctape/platform.h"

#include "ctape/config.h"
#include "ctape/clock.h"

#include "ctape/identities.h"
#include "ctape/numbers.h"
#include "ctape/pairs.h"
#include "ctape/records.h"

#include "ctape/arenas.h"
#include "ctape/tape.h"
#include "ctape/threads.h"

#include "ctape/arrays.h"
#include "ctape/makers.h"
#include "ctape/recorder.h"
#include "ctape/writing.h"
#include "ctape/stack.h"
#include "ctape/vectorcall.h"
#ifdef IN_PLACE
#include "ctape/in_place.h"
#endif
#include "ctape/tasks.h"
#include "ctape/driving.h"
#include "ctape/recorder_type.h"

#include "ctape/decoding.h"

static PyObject *
use(PyObject *Py_UNUSED(module), PyObject *tape)
{
    if (Py_TYPE(tape) != &TapeType) {
        PyErr_SetString(PyExc_TypeError, "use() takes a Tape");
        return NULL;
    }
    set_current((Tape *)Py_NewRef(tape));
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
        "result", "raise_", "error", "suspend", "resume", "at_limit", "unknown_error", "inert",
        "array_class", "type_texts", "most_string", NULL};
    PyObject *given[17];
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "OOOOOOOOOOOOOOOOO!n", keywords, &given[0], &given[1], &given[2], &given[3],
            &given[4], &given[5], &given[6], &given[7], &given[8], &given[9], &given[10],
            &given[11], &given[12], &given[13], &given[14], &given[15], &PyTuple_Type, &given[16],
            &config.most_string)) {
        return NULL;
    }
    PyObject **kept[] = {
        &config.drain, &config.local_tape, &config.class_ref, &config.class_ref_of_bound,
        &config.current, &config.none_given, &config.redacted, &config.result, &config.raise,
        &config.error, &config.suspend, &config.resume, &config.at_limit, &config.unknown_error,
        &config.inert, &config.array_class, &config.type_texts};
    if (PyTuple_GET_SIZE(given[16]) != SCALARS) {
        PyErr_SetString(PyExc_ValueError, "there is one text for each type of SCALARS");
        return NULL;
    }
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        Py_XSETREF(*kept[i], Py_NewRef(given[i]));
    }
    Py_RETURN_NONE;
}

#if PY_VERSION_HEX >= 0x030D0000
/* Since Python 3.13, the interpreter no longer specializes for a class that has been changed a thousand
times (`MAX_VERSIONS_PER_CLASS` in CPython's Objects/typeobject.c). What recordings change is put back,
and need not count. */
static PyObject *
versions_used(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyTypeObject *cls;
    int used = -1;
    if (!PyArg_ParseTuple(args, "O!|i", &PyType_Type, &cls, &used)) {
        return NULL;
    }
    if (used >= 0 && used < cls->tp_versions_used) {
        cls->tp_versions_used = (uint16_t)used;
    }
    return PyLong_FromLong(cls->tp_versions_used);
}
#endif

#ifdef HAS_COUNTER
static PyObject *
choose_clock(PyObject *Py_UNUSED(module), PyObject *is_steady)
{
    if (use_counter(is_steady == Py_True) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}
#endif

static PyMethodDef module_methods[] = {
    {"configure", (PyCFunction)(void (*)(void))configure, METH_VARARGS | METH_KEYWORDS,
     "Say what recorders and tapes need to know of the rest of callscope."},
    {"use", use, METH_O, "Let the present thread, or greenlet, write to a tape."},
    {"collect", (PyCFunction)(void (*)(void))collect, METH_FASTCALL,
     "Let finalizers write to the thread's own tape; for `gc.callbacks`."},
    {"follow_greenlets", follow_greenlets, METH_O, "Let each greenlet write to a tape of its own."},
    {"set_clock", set_clock, METH_O, "Replace the clock; None brings back the real one."},
    {"identify", identify, METH_O, "Return the serial number, below zero, of an object."},
    {"forget_objects", forget_objects, METH_NOARGS, "Give objects new serial numbers from now on."},
    {"forget_classes", forget_classes, METH_NOARGS, "Ask classes anew how to identify objects."},
    {"decode", decode, METH_VARARGS, "Decode plain records into columns."},
    {"current_token", current_token, METH_NOARGS, "Return what led here, or None."},
    {"follow_contexts", follow_contexts, METH_NOARGS, "Note in each call what led to it."},
#ifdef IN_PLACE
    {"is_placed", is_placed, METH_O, "Return whether calls of a function are recorded in place."},
    {"set_give_way", set_give_way, METH_O, "Say what lets shadows take over from what is in place."},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {"versions_used", versions_used, METH_VARARGS, "Return how many versions a class has used, or set it."},
#endif
    {"is_stack_spent", is_stack_spent, METH_NOARGS, "Return whether the C stack has run out."},
#ifdef HAS_COUNTER
    {"choose_clock", choose_clock, METH_O, "Read the CPU's counter, if that is steady, or not."},
#endif
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
    identifications++; /* it may be imported a second time */
    Py_XSETREF(str_identify, PyUnicode_InternFromString("identify"));
    Py_XSETREF(str_error, PyUnicode_InternFromString("error"));
    Py_XSETREF(str_tape, PyUnicode_InternFromString("tape"));
    if (str_identify == NULL || str_error == NULL || str_tape == NULL || prepare_tasks() < 0
        || prepare_driving() < 0) {
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
    PyTypeObject *types[] = {&TapeType, &OwnerType, &RecorderType, &PairType,
                             &SerialNumbersType, &TokenType, &DriveType, &HolderType};
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
