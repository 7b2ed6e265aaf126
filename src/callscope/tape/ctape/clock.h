/* The clock that `time.perf_counter_ns` reads, or the CPU's counter in its units.

Where the system itself tells the time from the CPU's counter, and so knows it to be steady and the
same on all cores, the counter is read directly, which takes half the time. It is compared with the
clock ten times a second, and so stays within some hundred nanoseconds of it; and it never goes back. */

/* Read the system's clock. */
static int
read_system_clock(int64_t *time)
{
#if defined(__linux__)
    struct timespec now; /* what CPython does, without the checks in between */
    if (clock_gettime(CLOCK_MONOTONIC, &now) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    *time = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
#elif PY_VERSION_HEX >= 0x030D0000
    PyTime_t now;
    if (PyTime_PerfCounterRaw(&now) < 0) {
        return -1;
    }
    *time = (int64_t)now;
#else
    *time = (int64_t)_PyTime_GetPerfCounter();
#endif
    return 0;
}

#if defined(__linux__) && defined(__x86_64__) && defined(__SIZEOF_INT128__)
#define HAS_COUNTER

enum { LEAST_AGE_NS = 1000000, MOST_AGE_NS = 100000000, SECOND_NS = 1000000000, SAMPLES = 3 };

typedef struct {
    uint64_t ticks;
    int64_t ns;
} Instant;

static struct {
    int is_wanted;
    int is_used;
    Instant first;   /* what the speed of the counter is measured from: seconds ago at most, */
    Instant second;  /* what comes next as that, */
    Instant anchor;  /* and what times are counted from */
    uint64_t factor; /* nanoseconds of a tick, times 2 to the 32nd */
    uint64_t most;   /* ticks after which there is a new anchor */
    int64_t last;    /* the last time that was read */
} counter;

static inline uint64_t
read_counter(void)
{
    return __builtin_ia32_rdtsc();
}

/* Read the counter and the clock at once, as closely as can be. */
static int
read_both(Instant *instant)
{
    uint64_t closest = UINT64_MAX;
    for (int i = 0; i < SAMPLES; i++) {
        int64_t ns;
        uint64_t before = read_counter();
        if (read_system_clock(&ns) < 0) {
            return -1;
        }
        uint64_t took = read_counter() - before;
        if (took < closest) {
            closest = took;
            *instant = (Instant){before + took / 2, ns};
        }
    }
    return 0;
}

/* Compare the counter with the clock anew. */
static Py_NO_INLINE int
set_anchor(void)
{
    Instant now;
    if (read_both(&now) < 0) {
        return -1;
    }
    if (now.ticks <= counter.first.ticks || now.ns <= counter.first.ns) {
        counter.is_used = counter.is_wanted = 0; /* it is not what it was held for */
        return 0;
    }
    counter.is_used = 1;
    uint64_t ticks = now.ticks - counter.first.ticks;
    uint64_t ns = (uint64_t)(now.ns - counter.first.ns);
    counter.factor = (uint64_t)(((unsigned __int128)ns << 32) / ticks);
    counter.anchor = now;
    uint64_t age = ns < MOST_AGE_NS ? ns : MOST_AGE_NS;
    if (now.ns - counter.second.ns > SECOND_NS) {
        counter.first = counter.second;
        counter.second = now;
    }
    counter.most = (uint64_t)(((unsigned __int128)age << 32) / (counter.factor ? counter.factor : 1));
    return 0;
}

/* Use the counter as soon as its speed is known, or the clock alone. */
static int
use_counter(int is_wanted)
{
    counter.is_used = 0;
    counter.is_wanted = is_wanted && read_both(&counter.first) == 0;
    counter.second = counter.first;
    return is_wanted && !counter.is_wanted ? -1 : 0;
}
#endif

static Py_NO_INLINE int
read_replaced_clock(int64_t *time)
{
    PyObject *clock = Py_NewRef(config.clock);
    PyObject *read = PyObject_CallNoArgs(clock);
    Py_DECREF(clock);
    if (read == NULL) {
        return -1;
    }
    *time = PyLong_AsLongLong(read);
    Py_DECREF(read);
    return *time == -1 && PyErr_Occurred() ? -1 : 0;
}

static inline int
read_clock(int64_t *time)
{
    if (config.clock != NULL) {
        return read_replaced_clock(time);
    }
#ifdef HAS_COUNTER
    while (counter.is_used) {
        uint64_t passed = read_counter() - counter.anchor.ticks;
        if (passed < counter.most) {
            int64_t ns = (int64_t)((unsigned __int128)passed * counter.factor >> 32);
            ns += counter.anchor.ns;
            *time = counter.last = ns < counter.last ? counter.last : ns;
            return 0;
        }
        if (set_anchor() < 0) {
            return -1;
        }
    }
    if (read_system_clock(time) < 0) {
        return -1;
    }
    if (counter.is_wanted && *time - counter.first.ns >= LEAST_AGE_NS && set_anchor() < 0) {
        return -1;
    }
    *time = *time < counter.last ? counter.last : *time;
    return 0;
#else
    return read_system_clock(time);
#endif
}
