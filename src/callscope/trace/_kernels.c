/* Loops over the columns of a table, in C; python_kernels.py has each in Python, by the same rules.

Columns are buffers of one dimension. Types, lengths, rows and indices are checked: what does not
fit raises an exception. The parts are compiled as one. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "ckernels/columns.h"
#include "ckernels/hashing.h"

#include "ckernels/groups.h"
#include "ckernels/shapes.h"
#include "ckernels/subtrees.h"
#include "ckernels/text.h"
#include "ckernels/times.h"

static PyMethodDef methods[] = {
    {"rows_text", rows_text, METH_VARARGS, "Return the text of rows."},
    {"row_shapes", row_shapes, METH_VARARGS, "Set the shape of each row."},
    {"link_rows", link_rows, METH_VARARGS, "Link calls to their children."},
    {"number_subtrees", number_subtrees, METH_VARARGS, "Set the numbers of subtrees."},
    {"durations", durations, METH_VARARGS, "Set the durations of calls."},
    {"subtract_children", subtract_children, METH_VARARGS, "Subtract the times of children."},
    {"charge", charge, METH_VARARGS, "Take the cost of recording off times."},
    {"count_type", count_type, METH_VARARGS, "Count the values of a type, per row."},
    {"enter_paths", enter_paths, METH_VARARGS, "Set the path of each row."},
    {"follow_objects", follow_objects, METH_VARARGS, "Set the path of each object."},
    {"select_rows", select_rows, METH_VARARGS, "Select the rows of some kinds."},
    {"look_up", look_up, METH_VARARGS, "Set each number to an entry of a column."},
    {"count_numbers", count_numbers, METH_VARARGS, "Count each number of a column."},
    {"scatter", scatter, METH_VARARGS, "Sort a column by another of numbers."},
    {NULL},
};

static PyModuleDef_Slot slots[] = {
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "callscope.trace._kernels",
    .m_doc = "Loops over the columns of a table.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__kernels(void)
{
    return PyModuleDef_Init(&definition);
}
