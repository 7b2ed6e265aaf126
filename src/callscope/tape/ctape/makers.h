/* What led here: the token in the context of a call, which the tasks that it creates copy.

Setting a context variable and resetting it costs more than all else that recording a coroutine takes.
So the variable is set once per context, to a holder, and the token in that is exchanged: by writing
to the holder as long as no other context has it, too, and else by giving this context another one. */

typedef struct {
    PyObject_HEAD
    PyObject *token; /* NULL where nothing has led here */
} Holder;

static void
holder_dealloc(Holder *self)
{
    Py_XDECREF(self->token);
    PyObject_Free(self);
}

static PyTypeObject HolderType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "callscope.tape._tape.Holder",
    .tp_doc = "Holds the token of the innermost traced coroutine of one context.",
    .tp_basicsize = sizeof(Holder),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)holder_dealloc,
};

/* The type of the mappings in contexts; NULL before one was seen. */
static PyTypeObject *mapping_type;

static int
note_mapping(PyObject *object, void *found)
{
    if (mapping_type == NULL && strcmp(Py_TYPE(object)->tp_name, "hamt") == 0) {
        mapping_type = Py_TYPE(object);
    }
    if (Py_TYPE(object) == mapping_type) {
        *(PyObject **)found = object;
    }
    return 0;
}

static int
note_root(PyObject *object, void *found)
{
    *(PyObject **)found = object;
    return 0;
}

static int
is_it(PyObject *object, void *sought)
{
    return object == sought;
}

static inline int
visit(PyObject *object, visitproc how, void *arg)
{
    return Py_TYPE(object)->tp_traverse(object, how, arg);
}

/* Tell whether only the present context has a holder, of which the caller has one reference.

A context is a mapping that is never changed, but replaced by another that shares what stays the same.
The holder is in this context's mapping. It is in no other if it is in one node, that one is the root,
and neither that nor the mapping is anybody else's. */
static int
is_exclusive(PyObject *holder)
{
    PyObject *context = PyThreadState_Get()->context, *mapping = NULL, *root = NULL;
    if (context == NULL || Py_REFCNT(holder) != 2) {
        return 0;
    }
    visit(context, note_mapping, &mapping);
    if (mapping == NULL || Py_REFCNT(mapping) != 1) {
        return 0;
    }
    visit(mapping, note_root, &root);
    return root != NULL && Py_REFCNT(root) == 1 && visit(root, is_it, holder);
}

/* Take over a reference to the variable's value, and return one to the token; NULL for none. */
static inline PyObject *
token_in(PyObject *value)
{
    PyObject *token = Py_TYPE(value) == &HolderType ? ((Holder *)value)->token : value;
    token = token == Py_None ? NULL : Py_XNewRef(token);
    Py_DECREF(value);
    return token;
}

/* Return what led here; NULL for nothing, or for an error. */
static PyObject *
find_maker(void)
{
    PyObject *value;
    return PyContextVar_Get(config.current, NULL, &value) < 0 ? NULL : token_in(value);
}

/* Take over a token, and let it be what leads from here; in its place, give back what did before. */
static int
exchange_maker(PyObject **token)
{
    PyObject *value;
    if (PyContextVar_Get(config.current, NULL, &value) < 0) {
        return -1;
    }
    Holder *holder = (Holder *)value;
    if (Py_TYPE(value) == &HolderType && is_exclusive(value)) {
        PyObject *before = holder->token;
        holder->token = *token;
        *token = before;
        Py_DECREF(value);
        return 0;
    }
    holder = PyObject_New(Holder, &HolderType);
    if (holder == NULL) {
        Py_DECREF(value);
        return -1;
    }
    holder->token = *token;
    *token = token_in(value);
    PyObject *set = PyContextVar_Set(config.current, (PyObject *)holder);
    Py_DECREF(holder);
    Py_XDECREF(set);
    return set == NULL ? -1 : 0;
}

/* What Python code reads the variable by. */
static PyObject *
current_token(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    PyObject *token = find_maker();
    return token == NULL && !PyErr_Occurred() ? Py_NewRef(Py_None) : token;
}
