/* Relations and times of calls. */

#define UNFINISHED INT64_MIN

static PyObject *
link_rows(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *values[3];
    Py_ssize_t first, size;
    Column columns[3] = {0};
    if (!PyArg_ParseTuple(args, "nnOOO:link_rows", &first, &size, &values[0], &values[1],
                          &values[2])) {
        return NULL;
    }
    int failed = open_columns(columns, values, "iII", size) < 0;
    const int32_t *parents = columns[0].view.buf;
    int32_t *last = columns[1].view.buf, *previous = columns[2].view.buf;
    for (Py_ssize_t row = first < 0 ? 0 : first; !failed && row < size; row++) {
        int32_t parent = parents[row];
        if (parent >= 0 && !(failed = check_parent(row, parent) < 0)) {
            previous[row] = last[parent];
            last[parent] = (int32_t)row;
        }
    }
    close_columns(columns, 3);
    return failed ? NULL : Py_NewRef(Py_None);
}

static int64_t
difference(int64_t value, int64_t other)
{
    return (int64_t)((uint64_t)value - (uint64_t)other);
}

static PyObject *
durations(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *values[3];
    Column columns[3] = {0};
    if (!PyArg_ParseTuple(args, "OOO:durations", &values[0], &values[1], &values[2])) {
        return NULL;
    }
    int failed = open_columns(columns, values, "Qqq", -1) < 0, all_ended = 1;
    int64_t *times = columns[0].view.buf;
    const int64_t *starts = columns[1].view.buf, *ends = columns[2].view.buf;
    for (Py_ssize_t row = 0; !failed && row < columns[0].length; row++) {
        int has_ended = ends[row] != UNFINISHED;
        times[row] = has_ended ? difference(ends[row], starts[row]) : 0;
        all_ended &= has_ended;
    }
    close_columns(columns, 3);
    return failed ? NULL : PyBool_FromLong(all_ended);
}

static PyObject *
subtract_children(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *values[3];
    Column columns[3] = {0};
    if (!PyArg_ParseTuple(args, "OOO:subtract_children", &values[0], &values[1], &values[2])) {
        return NULL;
    }
    int failed = open_columns(columns, values, "Qqi", -1) < 0;
    int64_t *times = columns[0].view.buf;
    const int64_t *whole = columns[1].view.buf;
    const int32_t *parents = columns[2].view.buf;
    for (Py_ssize_t row = 0; !failed && row < columns[0].length; row++) {
        int32_t parent = parents[row];
        if (parent >= 0 && !(failed = check_parent(row, parent) < 0)) {
            times[parent] = difference(times[parent], whole[row]);
        }
    }
    close_columns(columns, 3);
    return failed ? NULL : Py_NewRef(Py_None);
}

/* Flags of a row. */
enum { WAITS = 1, STAYS = 2 };

/* Take the cost of recording off; python_kernels.py says by what rules. */
static int
charge_rows(const Column *columns, double inside)
{
    double *own = columns[0].view.buf, *running = columns[1].view.buf;
    double *below = columns[2].view.buf, *least = columns[3].view.buf;
    const int64_t *alone = columns[4].view.buf, *whole = columns[5].view.buf;
    const int32_t *parents = columns[6].view.buf, *counts = columns[7].view.buf;
    const int8_t *flags = columns[8].view.buf;
    const double *costs = columns[9].view.buf;
    for (Py_ssize_t row = columns[0].length - 1; row >= 0; row--) {
        int32_t parent = parents[row], count = counts[row];
        if (check_index(row, count, columns[9].length) < 0 || check_parent(row, parent) < 0) {
            return -1;
        }
        if (flags[row] & STAYS) {
            continue;
        }
        double time = (double)alone[row] + own[row] - inside;
        double ran = (double)whole[row] - below[row] - inside;
        own[row] = time = time > 0 ? time : 0;
        time += least[row];
        running[row] = ran = ran < time ? time : ran;
        if (parent >= 0) {
            own[parent] -= costs[count] - inside;
            below[parent] += costs[count] + below[row];
            least[parent] += flags[row] & WAITS ? 0 : ran;
        }
    }
    return 0;
}

static PyObject *
charge(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *values[9], *costs;
    double inside;
    Column columns[10] = {0};
    if (!PyArg_ParseTuple(args, "OOOOOOOOOOd:charge", &values[0], &values[1], &values[2],
                          &values[3], &values[4], &values[5], &values[6], &values[7], &values[8],
                          &costs, &inside)) {
        return NULL;
    }
    int failed = open_columns(columns, values, "DDDDqqiib", -1) < 0
                 || open_column(&columns[9], costs, "d", 0) < 0 || charge_rows(columns, inside) < 0;
    close_columns(columns, 10);
    return failed ? NULL : Py_NewRef(Py_None);
}
