/* Records of calls: that one begins, returns, or raises. */

/* Write that a call begins, if no value is captured and nothing has to be called for it. */
static inline int
begin_at_once(Recorder *recorder, PyObject *bound)
{
    Tape *tape = seen_tape();
    if (!recorder->is_plain || tape == NULL || tape->used >= tape->mark || config.follows_contexts
        || config.clock != NULL || known.places == NULL) {
        return 0;
    }
    PyObject *cls = (PyObject *)Py_TYPE(bound);
    Pair *pair = *place_of_pair(recorder, cls);
    if (!is_of(pair, cls) || pair->identified != identifications || pair->identify != NULL) {
        return 0;
    }
    Known *place = place_of(bound);
    int64_t time;
    if (place->object == NULL || (is_dead(place) && !renew(place, bound))) {
        return 0;
    }
    if (read_clock(&time) < 0) {
        PyErr_Clear(); /* it will be read again, and say so again */
        return 0;
    }
    Word *words = tape->words + tape->used;
    words[0] = (Word)Py_NewRef((PyObject *)pair) | BEGIN;
    words[1] = serial_word(place->serial);
    words[2] = (Word)time;
    tape->used += SHORT;
    return 1;
}

/* Write that a call begins. `values` holds one per field; NULL for one left at its default. A call
that may be suspended has a token, and the name of its task. */
static inline Py_ALWAYS_INLINE int
begin_with(Recorder *recorder, PyObject *bound, PyObject *const *values, PyObject *token,
           PyObject *task)
{
    Tape *tape = open_tape();
    if (tape == NULL) {
        return -1;
    }
    PyObject *objects[MOST_BOUND + 3], *found;
    Py_ssize_t count = 0;
    int64_t time;
    Pair *pair = find_pair(recorder, bound);
    if (pair == NULL) {
        return -1;
    }
    Word identity = recorder->binding == ON_INSTANCE ? identity_word(pair, bound)
                                                     : (Word)Py_NewRef(Py_None);
    if (identity == 0) {
        Py_DECREF(pair);
        return -1;
    }
    for (Py_ssize_t i = 0; i < recorder->fields; i++) {
        found = values[i] == NULL ? Py_NewRef(config.none_given)
                                  : capture_field(recorder, i, values[i]);
        if (found == NULL) {
            goto failed;
        }
        objects[count++] = found;
    }
    if (token != NULL) {
        objects[count++] = Py_NewRef(token);
        objects[count++] = Py_NewRef(task);
    }
    found = NULL;
    if (config.follows_contexts && (found = find_maker()) == NULL && PyErr_Occurred()) {
        goto failed;
    }
    Word tag = BEGIN;
    if (found != NULL) {
        objects[count++] = found;
        tag = BEGIN_MADE;
    }
    if (read_clock(&time) < 0) {
        goto failed;
    }
    /* Whatever was called up to here, this call is on this tape. From here on nothing is called. */
    if (reserve(tape, count + 3) < 0) {
        goto failed;
    }
    Word *words = tape->words + tape->used;
    words[0] = (Word)pair | tag;
    words[1] = identity;
    for (Py_ssize_t i = 0; i < count; i++) {
        words[i + 2] = (Word)objects[i];
    }
    words[count + 2] = (Word)time;
    tape->used += count + 3;
    return 0;

failed:
    release_identity(identity);
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_DECREF(objects[i]);
    }
    Py_DECREF(pair);
    return -1;
}

/* The same for a function. */
static Py_NO_INLINE int
begin(Recorder *recorder, PyObject *bound, PyObject *const *values)
{
    return begin_with(recorder, bound, values, NULL, NULL);
}

/* Write that a call has returned; without a tape, it has begun on none. */
static int
end_slowly(const Recorder *recorder, PyObject *result)
{
    Tape *tape = find_tape();
    if (tape == NULL) {
        return 0;
    }
    int64_t time;
    if (read_clock(&time) < 0) {
        return -1;
    }
    PyObject *captured = NULL;
    int failed = 0;
    if (result != Py_None && recorder->captures_result) {
        captured = capture(recorder, result);
        failed = captured == NULL; /* an interrupt: the end is written all the same */
        if (failed && PyErr_ExceptionMatches(PyExc_RecursionError)) {
            PyErr_Clear(); /* the method itself did return */
            failed = 0;
        }
    }
    if (reserve(tape, 2) < 0) {
        Py_XDECREF(captured);
        return -1;
    }
    if (captured == NULL) {
        tape->words[tape->used++] = stamp(time, RETURN);
    }
    else {
        tape->words[tape->used++] = stamp(time, RESULT);
        tape->words[tape->used++] = (Word)captured;
    }
    return failed ? -1 : go_live(recorder);
}

static inline int
end(const Recorder *recorder, PyObject *result)
{
    Tape *tape = seen_tape();
    int64_t time;
    if (recorder->captures_result || recorder->is_live || tape == NULL || tape->used >= tape->room
        || config.clock != NULL) {
        return end_slowly(recorder, result);
    }
    if (read_clock(&time) < 0) {
        return -1;
    }
    tape->words[tape->used++] = stamp(time, RETURN);
    return 0;
}

/* Take the exception that is set; NULL if there is none. */
static PyObject *
take_error(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    if (type == NULL) {
        return NULL;
    }
    PyErr_NormalizeException(&type, &error, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(error, traceback);
        Py_DECREF(traceback);
    }
    Py_DECREF(type);
    return error;
#endif
}

/* Set an exception that was taken, and the reference to it; NULL for none. */
static void
put_error(PyObject *error)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(error);
#else
    PyObject *type = error == NULL ? NULL : Py_NewRef((PyObject *)Py_TYPE(error));
    PyErr_Restore(type, error, error == NULL ? NULL : PyException_GetTraceback(error));
#endif
}

/* Write what stands for an exception that could not be looked at, behind the record that begins with
`raise`. */
static int
write_error(PyObject *error)
{
    int64_t time;
    Tape *tape = find_tape();
    if (tape == NULL || reserve(tape, ERROR_WORDS) < 0 || read_clock(&time) < 0) {
        return tape == NULL ? 0 : -1;
    }
    PyObject *stamped = PyLong_FromLongLong(time);
    if (stamped == NULL) {
        return -1;
    }
    put_object(tape, config.error);
    put_object(tape, stamped);
    Py_DECREF(stamped);
    put_object(tape, error);
    return 0;
}

/* Write what a call has raised. An exception that comes up meanwhile takes the place of it. */
static int
note_error(const Recorder *recorder, PyObject *error)
{
    Tape *tape = find_tape();
    if (tape == NULL || reserve(tape, RAISE_WORDS) < 0) {
        return tape == NULL ? 0 : -1;
    }
    put_object(tape, config.raise);
    PyObject *done = PyObject_CallFunctionObjArgs(recorder->note_error, tape, error, NULL);
    if (done != NULL) {
        Py_DECREF(done);
        return go_live(recorder);
    }
    if (!PyErr_ExceptionMatches(PyExc_RecursionError)) {
        return -1;
    }
    PyErr_Clear();
    int is_at_limit = Py_TYPE(error) == (PyTypeObject *)PyExc_RecursionError;
    return write_error(is_at_limit ? config.at_limit : config.unknown_error);
}
