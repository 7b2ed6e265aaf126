/* The task of asyncio in which a call is made. */

static PyObject *str_asyncio, *str_tasks, *str_current_tasks, *str_thread_id, *str_current_task,
    *str_get_name;

static int
prepare_tasks(void)
{
    str_asyncio = PyUnicode_InternFromString("asyncio");
    str_tasks = PyUnicode_InternFromString("tasks");
    str_current_tasks = PyUnicode_InternFromString("_current_tasks");
    str_thread_id = PyUnicode_InternFromString("_thread_id");
    str_current_task = PyUnicode_InternFromString("current_task");
    str_get_name = PyUnicode_InternFromString("get_name");
    return PyErr_Occurred() ? -1 : 0;
}

#if PY_VERSION_HEX < 0x030C0000
/* Tell whether an event loop runs in this thread; -1, and no exception, if it does not say. */
static int
runs_here(PyObject *loop)
{
    Py_INCREF(loop);
    PyObject *ident = PyObject_GetAttr(loop, str_thread_id);
    Py_DECREF(loop);
    int is_here = -1;
    if (ident != NULL && PyLong_CheckExact(ident)) {
        is_here = PyLong_AsUnsignedLong(ident) == PyThread_get_thread_ident();
    }
    Py_XDECREF(ident);
    PyErr_Clear();
    return is_here;
}

/* Return the running task by way of asyncio's table of them; NULL, and no exception, if that does not
say. Python 3.11 looks for the running loop elsewhere, and asks the system for the process each time. */
static PyObject *
look_up_task(PyObject *asyncio)
{
    PyObject *module = PyObject_GetAttr(asyncio, str_tasks);
    PyObject *table = module == NULL ? NULL : PyObject_GetAttr(module, str_current_tasks);
    PyObject *task = NULL, *loop, *running;
    if (table != NULL && PyDict_CheckExact(table)) {
        task = Py_NewRef(Py_None);
        for (Py_ssize_t at = 0; task == Py_None && PyDict_Next(table, &at, &loop, &running);) {
            PyObject *held = Py_NewRef(running); /* the loop may be a class of the program's */
            int is_here = runs_here(loop);
            if (is_here) {
                Py_SETREF(task, is_here < 0 ? NULL : Py_NewRef(held));
            }
            Py_DECREF(held);
        }
    }
    Py_XDECREF(module);
    Py_XDECREF(table);
    PyErr_Clear();
    return task;
}
#endif

/* Return the running task, as asyncio says; None if there is none, NULL for an error. */
static PyObject *
ask_for_task(void)
{
    PyObject *asyncio = PyDict_GetItemWithError(PyImport_GetModuleDict(), str_asyncio);
    if (asyncio == NULL) {
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    }
#if PY_VERSION_HEX < 0x030C0000
    PyObject *found = look_up_task(asyncio);
    if (found != NULL) {
        return found;
    }
#endif
    PyObject *task = PyObject_CallMethodNoArgs(asyncio, str_current_task);
    if (task == NULL && PyErr_ExceptionMatches(PyExc_RuntimeError)) {
        PyErr_Clear(); /* no event loop runs in this thread */
        return Py_NewRef(Py_None);
    }
    return task;
}

/* Return the task of asyncio that is running; None if there is none, NULL for an error.

A task is switched to by a change of the thread's context: until the next one, it stays the same. */
static PyObject *
running_task(void)
{
    Tape *tape = make_tape();
    if (tape == NULL) {
        return NULL;
    }
    uint64_t contexts = PyThreadState_Get()->context_ver;
    if (tape->task != NULL && tape->task_of == contexts) {
        PyObject *task = tape->task == Py_None ? Py_None
                                               : ((PyWeakReference *)tape->task)->wr_object;
        if (tape->task == Py_None || (task != Py_None && Py_REFCNT(task) > 0)) {
            return Py_NewRef(task);
        }
    }
    PyObject *task = ask_for_task();
    PyObject *weak = task == NULL       ? NULL
                     : task == Py_None ? Py_NewRef(Py_None)
                                       : PyWeakref_NewRef(task, NULL);
    if (task != NULL && weak == NULL) {
        PyErr_Clear();
    }
    tape = find_tape();
    if (tape != NULL) {
        Py_XSETREF(tape->task, weak);
        tape->task_of = contexts;
    }
    else {
        Py_XDECREF(weak);
    }
    return task;
}

/* Return the name of the running task; None if there is none, NULL for an error. */
static PyObject *
task_name(void)
{
    PyObject *task = running_task();
    if (task == NULL || task == Py_None) {
        return task;
    }
    PyObject *name = PyObject_CallMethodNoArgs(task, str_get_name);
    Py_DECREF(task);
    if (name == NULL || PyUnicode_CheckExact(name)) {
        return name;
    }
    PyObject *text = PyObject_Str(name);
    Py_DECREF(name);
    return text;
}
