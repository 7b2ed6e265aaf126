/* Decoding of plain records into the columns of a table.

It does what `FastDecoder.take` does in fast.py, by the same rules: it stops at the first record
that is not plain. Until then, nothing has changed but the numbers of objects. */

enum { NO_ROW = -1 };
#define NO_PLACE INT64_MIN   /* of a call that was not asked for */
#define UNFINISHED INT64_MIN /* the end of a call that has not ended */

/* What a plan says. The same values stand in row_builder.py. */
enum {
    IS_ASKED_FOR = 1,
    IS_NOT_PLAIN = 2,
    HAS_COVERS = 4,
    KEEPS_ARGUMENTS = 8,
    ARGUMENTS_AS_THEY_ARE = 16,
    RESULT_AS_IT_IS = 32,
};

typedef struct {
    long flags;
    int32_t callee;
    PyObject *object; /* the plan, as Python sees it */
} Plan;

/* The innermost recorded call, for those below it. */
typedef struct {
    int64_t place;
    int32_t depth;
    int32_t callee;
    int64_t instance;
} Above;

typedef struct {
    PyObject *layout; /* owned, as is an identity that is an object */
    Word identity;
    int64_t place;
    Above above;
    long flags;
    PyObject *before; /* owned; what Python knows of a call that was already open, or None */
} OpenCall;

typedef struct {
    int32_t above;
    int32_t callee;
    int is_super; /* -1 where the entry is free */
} Super;

enum { SUPERS = 256, COLUMNS = 8 };

typedef struct {
    /* What is given. */
    Tape *tape;
    int64_t first;
    int64_t last_id;
    PyObject *new_plan;
    PyObject *convert;
    PyObject *convert_result;
    PyObject *leads_to;
    PyObject *numbers;
    SerialNumbers *serials;
    /* The state of decoding. */
    int64_t last_ns;
    int64_t raised;
    OpenCall *open;
    size_t opened;
    size_t open_room;
    Plan *plans;
    size_t planned;
    size_t plan_room;
    unsigned long number;
    Super supers[SUPERS];
    /* The columns. */
    size_t count;
    PyObject *bytes[COLUMNS]; /* what the following point to */
    int64_t *call_ids, *starts, *ends, *instances;
    int32_t *parents, *depths, *callees;
    int8_t *via_super;
    PyObject *arguments; /* a list */
    PyObject **outcomes; /* owned; NULL for None */
    PyObject *ended;     /* a list of ends of earlier calls */
} Decoding;

static unsigned long decodings;

/* Numbers of call, start, end, parent, depth, callee, instance, by super: bytes per row. */
static const Py_ssize_t COLUMN_WIDTHS[COLUMNS] = {8, 8, 8, 4, 4, 4, 8, 1};

static void *
room_for_one(void *items, size_t used, size_t *room, size_t size)
{
    if (used < *room) {
        return items;
    }
    size_t wanted = *room ? *room * 2 : 64;
    void *moved = PyMem_Realloc(items, wanted * size);
    if (moved == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    *room = wanted;
    return moved;
}

/* Return the plan of a pair; NULL for an error. The next call moves it. */
static Plan *
plan_of(Decoding *self, Pair *pair)
{
    if (pair->decoding == self->number) {
        return &self->plans[pair->plan];
    }
    PyObject *plan = PyObject_CallFunctionObjArgs(self->new_plan, pair->layout, pair->cls, NULL);
    if (plan == NULL) {
        return NULL;
    }
    long flags, callee;
    PyObject *object;
    if (!PyArg_ParseTuple(plan, "llO", &flags, &callee, &object)) {
        Py_DECREF(plan);
        return NULL;
    }
    Plan *plans = room_for_one(self->plans, self->planned, &self->plan_room, sizeof(Plan));
    if (plans == NULL) {
        Py_DECREF(plan);
        return NULL;
    }
    self->plans = plans;
    plans[self->planned] = (Plan){flags, (int32_t)callee, Py_NewRef(object)};
    Py_DECREF(plan);
    pair->decoding = self->number;
    pair->plan = self->planned;
    return &plans[self->planned++];
}

/* Return whether a captured value is shown as it is. */
static int
is_simple(PyObject *value)
{
    if (PyLong_CheckExact(value)) {
        int overflow;
        long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
        return !overflow && number != INT64_MIN;
    }
    return value == Py_None || PyFloat_CheckExact(value) || PyBool_Check(value);
}

static int64_t
instance_of(Decoding *self, Word identity)
{
    if (is_serial(identity)) {
        int64_t number = number_of(self->serials, (int64_t)(identity >> 1));
        return number == 0 ? -1 : number;
    }
    if ((PyObject *)identity == Py_None) {
        return 0;
    }
    PyObject *number = PyObject_GetItem(self->numbers, (PyObject *)identity);
    int64_t instance = number == NULL ? -1 : PyLong_AsLongLong(number);
    Py_XDECREF(number);
    return instance;
}

/* Return 1 if an override has led to the call, 0 if not, -1 for an error. */
static int
is_super(Decoding *self, int32_t above, int32_t callee)
{
    Super *entry = &self->supers[((uint32_t)above * 31 + (uint32_t)callee) % SUPERS];
    if (entry->is_super < 0 || entry->above != above || entry->callee != callee) {
        PyObject *answer = PyObject_CallFunction(self->leads_to, "ii", (int)above, (int)callee);
        int leads = answer == NULL ? -1 : PyObject_IsTrue(answer);
        Py_XDECREF(answer);
        if (leads < 0) {
            return -1;
        }
        *entry = (Super){above, callee, leads};
    }
    return entry->is_super;
}

/* Set the end of a call; takes over the reference to the outcome, which is NULL for None. */
static int
set_end(Decoding *self, int64_t place, int64_t end_ns, PyObject *outcome)
{
    if (place >= self->first) {
        self->ends[place - self->first] = end_ns;
        Py_XSETREF(self->outcomes[place - self->first], outcome);
        return 0;
    }
    PyObject *end = Py_BuildValue("LLN", (long long)place, (long long)end_ns,
                                  outcome == NULL ? Py_NewRef(Py_None) : outcome);
    return give(self->ended, end);
}

static int
settle(Decoding *self, int64_t end_ns, PyObject *error)
{
    int64_t place = self->raised;
    self->raised = NO_PLACE;
    return place == NO_PLACE ? 0 : set_end(self, place, end_ns, Py_NewRef(error));
}

/* Take the innermost open call; returns 0 if there is none. */
static int
pop_open(Decoding *self, OpenCall *call)
{
    if (self->opened == 0) {
        return 0;
    }
    *call = self->open[--self->opened];
    return 1;
}

static void
forget_open(OpenCall *call)
{
    Py_DECREF(call->layout);
    release_identity(call->identity);
    Py_DECREF(call->before);
}

static int
decode_end(Decoding *self, int64_t end_ns, PyObject *captured)
{
    OpenCall call;
    if (settle(self, end_ns, config.unknown_error) < 0) {
        return -1;
    }
    self->last_ns = end_ns;
    if (!pop_open(self, &call)) {
        return 0;
    }
    int failed = 0;
    if (call.place != NO_PLACE) {
        PyObject *outcome = NULL;
        if (captured != NULL && captured != Py_None) {
            outcome = call.flags & RESULT_AS_IT_IS && is_simple(captured)
                          ? Py_NewRef(captured)
                          : PyObject_CallFunctionObjArgs(
                                self->convert_result, call.layout, captured, NULL);
            failed = outcome == NULL;
        }
        failed = failed || set_end(self, call.place, end_ns, outcome) < 0;
    }
    forget_open(&call);
    return failed ? -1 : 0;
}

/* Return the arguments of a call, and set its callee and instance; NULL for an error. */
static PyObject *
arguments_of(Decoding *self, Pair *pair, const Plan *plan, const Word *values, int32_t *callee,
             int64_t *instance)
{
    *callee = plan->callee;
    if (!(plan->flags & KEEPS_ARGUMENTS)) {
        return Py_NewRef(Py_None);
    }
    int as_they_are = plan->flags & ARGUMENTS_AS_THEY_ARE;
    for (Py_ssize_t i = 0; as_they_are && i < pair->fields; i++) {
        as_they_are = is_simple((PyObject *)values[i]);
    }
    PyObject *captured = as_they_are ? PyTuple_New(pair->fields) : PyList_New(pair->fields);
    if (captured == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < pair->fields; i++) {
        PyObject *value = Py_NewRef((PyObject *)values[i]);
        if (as_they_are) {
            PyTuple_SET_ITEM(captured, i, value);
        }
        else {
            PyList_SET_ITEM(captured, i, value);
        }
    }
    if (as_they_are) {
        return captured;
    }
    PyObject *row = PyObject_CallFunction(self->convert, "OONL", plan->object, pair->layout,
                                          captured, (long long)*instance);
    PyObject *arguments = NULL;
    long number;
    long long same;
    if (row != NULL && PyArg_ParseTuple(row, "lLO", &number, &same, &arguments)) {
        *callee = (int32_t)number;
        Py_INCREF(arguments);
    }
    Py_XDECREF(row);
    return arguments;
}

/* Add the row of a call, and set its place; on an error, nothing is added. */
static int
add_row(Decoding *self, Pair *pair, const Plan *plan, const Word *record, int64_t start_ns,
        OpenCall *call)
{
    int64_t instance = instance_of(self, record[1]);
    if (instance < 0) {
        return -1;
    }
    int32_t callee;
    PyObject *arguments = arguments_of(self, pair, plan, record + 2, &callee, &instance);
    if (arguments == NULL || give(self->arguments, arguments) < 0) {
        return -1;
    }
    const Above *above = &call->above;
    int via_super = 0;
    if (above->place != NO_ROW && above->instance == instance) {
        via_super = is_super(self, above->callee, callee);
        if (via_super < 0) {
            return -1;
        }
    }
    size_t row = self->count++;
    self->call_ids[row] = self->last_id + (int64_t)self->count;
    self->starts[row] = start_ns;
    self->ends[row] = UNFINISHED;
    self->parents[row] = (int32_t)above->place;
    self->depths[row] = above->depth + 1;
    self->callees[row] = callee;
    self->instances[row] = instance;
    self->via_super[row] = (int8_t)via_super;
    self->outcomes[row] = NULL;
    call->place = self->first + (int64_t)row;
    call->above = (Above){call->place, above->depth + 1, callee, instance};
    return 0;
}

/* Decode a begin record; returns 0 if it is not plain, -1 for an error. */
static int
decode_begin(Decoding *self, const Word *record)
{
    Pair *pair = pair_of(record[0]);
    OpenCall *innermost = self->opened ? &self->open[self->opened - 1] : NULL;
    if (innermost != NULL && innermost->flags & HAS_COVERS) {
        return 0;
    }
    Plan *found = plan_of(self, pair);
    if (found == NULL) {
        return -1;
    }
    Plan plan = *found;
    if (plan.flags & IS_NOT_PLAIN) {
        return 0;
    }
    OpenCall *open = room_for_one(self->open, self->opened, &self->open_room, sizeof(OpenCall));
    if (open == NULL) {
        return -1;
    }
    self->open = open;
    int64_t start_ns = self->last_ns = (int64_t)record[2 + pair->fields];
    if (settle(self, start_ns, config.unknown_error) < 0) {
        return -1;
    }
    OpenCall call = {.place = NO_PLACE, .flags = plan.flags};
    call.above = self->opened ? open[self->opened - 1].above : (Above){NO_ROW, -1, -1, -1};
    if (plan.flags & IS_ASKED_FOR && add_row(self, pair, &plan, record, start_ns, &call) < 0) {
        return -1;
    }
    call.identity = record[1];
    if (!is_serial(record[1])) {
        Py_INCREF((PyObject *)record[1]);
    }
    call.layout = Py_NewRef(pair->layout);
    call.before = Py_NewRef(Py_None);
    self->open[self->opened++] = call;
    return 1;
}

/* Decode what Python code has written; returns the number of words, 0 if it is not plain. */
static Py_ssize_t
decode_object(Decoding *self, Py_ssize_t at)
{
    PyObject *object = (PyObject *)self->tape->words[at];
    Py_ssize_t left = self->tape->used - at;
    if (PyLong_CheckExact(object)) {
        return decode_end(self, PyLong_AsLongLong(object), NULL) < 0 ? -1 : 1;
    }
    if (object == config.raise) {
        OpenCall call;
        if (settle(self, self->last_ns, config.unknown_error) < 0) {
            return -1;
        }
        if (pop_open(self, &call)) {
            self->raised = call.place;
            forget_open(&call);
        }
        return 1;
    }
    if ((object != config.error && object != config.result) || left < 3) {
        return 0;
    }
    int64_t time = PyLong_AsLongLong((PyObject *)self->tape->words[at + 1]);
    PyObject *value = (PyObject *)self->tape->words[at + 2];
    if (time == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (object == config.result) {
        return decode_end(self, time, value) < 0 ? -1 : 3;
    }
    self->last_ns = time;
    return settle(self, time, value) < 0 ? -1 : 3;
}

/* Decode the record at `at`; returns the number of words, 0 if it is not plain. */
static Py_ssize_t
decode_record(Decoding *self, Py_ssize_t at)
{
    const Word *record = self->tape->words + at;
    int64_t time = (int64_t)((intptr_t)record[0] >> TAG_BITS);
    switch (record[0] & TAG) {
    case OBJECT:
        return decode_object(self, at);
    case RETURN:
        return decode_end(self, time, NULL) < 0 ? -1 : 1;
    case RESULT:
        return decode_end(self, time, (PyObject *)record[1]) < 0 ? -1 : 2;
    case BEGIN: {
        int begun = decode_begin(self, record);
        return begun <= 0 ? begun : pair_of(record[0])->fields + 3;
    }
    default:
        return 0;
    }
}

/* Take over the calls that were open: tuples of layout, identity, place, what is above,
   what else is known, and flags. */
static int
take_open(Decoding *self, PyObject *open)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(open); i++) {
        OpenCall call;
        PyObject *identity, *place;
        long long above, instance;
        int depth, callee;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(open, i), "OOO(LiiL)Ol", &call.layout, &identity,
                              &place, &above, &depth, &callee, &instance, &call.before,
                              &call.flags)) {
            return -1;
        }
        call.place = place == Py_None ? NO_PLACE : PyLong_AsLongLong(place);
        call.above = (Above){above, depth, callee, instance};
        OpenCall *calls =
            room_for_one(self->open, self->opened, &self->open_room, sizeof(OpenCall));
        if (calls == NULL || PyErr_Occurred()) {
            return -1;
        }
        self->open = calls;
        Py_INCREF(call.layout);
        Py_INCREF(call.before);
        call.identity = PyLong_CheckExact(identity) ? serial_word(-PyLong_AsLongLong(identity))
                                                    : (Word)Py_NewRef(identity);
        self->open[self->opened++] = call;
    }
    return 0;
}

static PyObject *
place_object(int64_t place)
{
    return place == NO_PLACE ? Py_NewRef(Py_None) : PyLong_FromLongLong(place);
}

static PyObject *
open_list(const Decoding *self)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < self->opened; i++) {
        const OpenCall *call = &self->open[i];
        const Above *above = &call->above;
        PyObject *item = Py_BuildValue(
            "ONN(LiiL)O", call->layout, identity_of(call->identity), place_object(call->place),
            (long long)above->place, (int)above->depth, (int)above->callee,
            (long long)above->instance, call->before);
        if (give(list, item) < 0) {
            Py_CLEAR(list);
        }
    }
    return list;
}

static PyObject *
outcome_list(Decoding *self)
{
    PyObject *list = PyList_New((Py_ssize_t)self->count);
    for (size_t i = 0; list != NULL && i < self->count; i++) {
        PyObject *outcome = self->outcomes[i];
        self->outcomes[i] = NULL;
        PyList_SET_ITEM(list, (Py_ssize_t)i, outcome == NULL ? Py_NewRef(Py_None) : outcome);
    }
    return list;
}

/* Return the columns of numbers, and let go of them. */
static PyObject *
column_tuple(Decoding *self)
{
    PyObject *columns = PyTuple_New(COLUMNS);
    for (int i = 0; columns != NULL && i < COLUMNS; i++) {
        Py_ssize_t size = (Py_ssize_t)self->count * COLUMN_WIDTHS[i];
        if (_PyBytes_Resize(&self->bytes[i], size) < 0) {
            Py_CLEAR(columns);
        }
        else {
            PyTuple_SET_ITEM(columns, i, self->bytes[i]);
            self->bytes[i] = NULL;
        }
    }
    return columns;
}

static PyObject *
result_of(Decoding *self, Py_ssize_t at)
{
    return Py_BuildValue("nLNNNONO", at - self->tape->start, (long long)self->last_ns,
                         place_object(self->raised), open_list(self), column_tuple(self),
                         self->arguments, outcome_list(self), self->ended);
}

static int
make_columns(Decoding *self)
{
    /* A begin record takes three words at the least. */
    size_t room = (size_t)(self->tape->used - self->tape->start) / SHORT + 1;
    void *columns[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
        self->bytes[i] = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)room * COLUMN_WIDTHS[i]);
        if (self->bytes[i] == NULL) {
            return -1;
        }
        columns[i] = PyBytes_AS_STRING(self->bytes[i]);
    }
    self->call_ids = columns[0];
    self->starts = columns[1];
    self->ends = columns[2];
    self->parents = columns[3];
    self->depths = columns[4];
    self->callees = columns[5];
    self->instances = columns[6];
    self->via_super = columns[7];
    for (size_t i = 0; i < SUPERS; i++) {
        self->supers[i].is_super = -1;
    }
    self->outcomes = PyMem_New(PyObject *, room);
    if (self->outcomes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->arguments = PyList_New(0);
    self->ended = PyList_New(0);
    return self->arguments == NULL || self->ended == NULL ? -1 : 0;
}

static void
forget_decoding(Decoding *self)
{
    for (size_t i = 0; i < self->count; i++) {
        Py_XDECREF(self->outcomes[i]);
    }
    for (size_t i = 0; i < self->opened; i++) {
        forget_open(&self->open[i]);
    }
    for (size_t i = 0; i < self->planned; i++) {
        Py_DECREF(self->plans[i].object);
    }
    for (int i = 0; i < COLUMNS; i++) {
        Py_XDECREF(self->bytes[i]);
    }
    PyMem_Free(self->outcomes);
    PyMem_Free(self->open);
    PyMem_Free(self->plans);
    Py_XDECREF(self->arguments);
    Py_XDECREF(self->ended);
}

static PyObject *
decode(PyObject *Py_UNUSED(module), PyObject *args)
{
    Decoding self = {.number = ++decodings};
    PyObject *open, *raised;
    long long first, last_id, last_ns;
    if (!PyArg_ParseTuple(args, "O!LLO!OLOOOOOO!", &TapeType, &self.tape, &first, &last_id,
                          &PyList_Type, &open, &raised,
                          &last_ns, &self.new_plan, &self.convert, &self.convert_result,
                          &self.leads_to, &self.numbers, &SerialNumbersType, &self.serials)) {
        return NULL;
    }
    self.first = first;
    self.last_id = last_id;
    self.last_ns = last_ns;
    self.raised = raised == Py_None ? NO_PLACE : PyLong_AsLongLong(raised);
    PyObject *result = NULL;
    if (make_columns(&self) == 0 && take_open(&self, open) == 0 && !PyErr_Occurred()) {
        Py_ssize_t at = self.tape->start, took = 1;
        while (at < self.tape->used && (took = decode_record(&self, at)) > 0) {
            at += took;
        }
        result = took < 0 ? NULL : result_of(&self, at);
    }
    forget_decoding(&self);
    return result;
}
