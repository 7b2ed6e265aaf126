/* The C stack: how far down calls may go through C.

A call through C takes some of it, and one from bytecode to bytecode takes none. So calls through C
stay in the upper part, and leave to the program what it could use without callscope. */

#if defined(_WIN32)
#include <windows.h>
#elif defined(__linux__) || defined(__APPLE__)
#include <pthread.h>
#endif

/* Bytes that one of the interpreter's levels of C takes, at most as a rule. */
enum { LEVEL_BYTES = 512 };
/* A stack that is too small for all these levels, or where they are not counted, is divided. */
#if PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030E0000
#define COUNTS_LEVELS
enum { EVALUATION_LEVELS = 2, SHARE = 16 };
#else
enum { SHARE = 8 };
#endif
/* What a generator that is run needs of the stack; of a small one, an eighth has to do. */
enum { LAST_BYTES = 1 << 15 };
/* What there surely is below the first call, and may be above it, where the system does not tell. */
enum { SURELY_BELOW = 1 << 15, MAYBE_ABOVE = 1 << 20 };

/* Where the present thread's calls may go through C: from `floor` on, for so many bytes. */
static THREAD_LOCAL struct {
    uintptr_t floor; /* 0 before it is measured */
    uintptr_t bytes;
    uintptr_t middle;
    uintptr_t last; /* the stack's last bytes end here; 0 where that is not known */
} upper;

static inline uintptr_t
stack_pointer(void)
{
#if defined(__GNUC__) || defined(__clang__)
    return (uintptr_t)__builtin_frame_address(0);
#else
    volatile char here = 0;
    return (uintptr_t)&here;
#endif
}

/* Find the bounds of the present thread's stack. */
static int
find_stack(uintptr_t *low, uintptr_t *high)
{
#if defined(_WIN32)
    ULONG_PTR start, end;
    GetCurrentThreadStackLimits(&start, &end);
    *low = start;
    *high = end;
    return 0;
#elif defined(__APPLE__)
    *high = (uintptr_t)pthread_get_stackaddr_np(pthread_self());
    *low = *high - pthread_get_stacksize_np(pthread_self());
    return 0;
#elif defined(__linux__)
    pthread_attr_t attributes;
    void *start = NULL;
    size_t size = 0, guard = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return -1;
    }
    int failed = pthread_attr_getstack(&attributes, &start, &size)
                 | pthread_attr_getguardsize(&attributes, &guard);
    pthread_attr_destroy(&attributes);
    *low = (uintptr_t)start + guard;
    *high = (uintptr_t)start + size;
    return failed || size <= guard ? -1 : 0;
#else
    (void)low;
    (void)high;
    return -1;
#endif
}

/* Return how many bytes of a stack are left to the program. */
static uintptr_t
bytes_left_to_program(uintptr_t size)
{
    uintptr_t most = size - size / SHARE;
#ifdef COUNTS_LEVELS
    int levels = PyThreadState_Get()->c_recursion_remaining;
    uintptr_t needed = levels > 0 ? (uintptr_t)levels * LEVEL_BYTES : 0;
    return needed < most ? needed : most;
#else
    return most;
#endif
}

static Py_NO_INLINE void
measure_stack(uintptr_t here)
{
    uintptr_t low, high;
    if (find_stack(&low, &high) < 0) {
        low = here - SURELY_BELOW;
        high = here + MAYBE_ABOVE;
        upper.floor = low;
    }
    else {
        uintptr_t eighth = (high - low) / 8;
        upper.floor = low + bytes_left_to_program(high - low);
        upper.last = low + (eighth < LAST_BYTES ? eighth : LAST_BYTES);
    }
    upper.bytes = high - upper.floor;
    upper.middle = upper.bytes / 2;
}

/* Tell whether the present call must take no more of the C stack.

A stack pointer that is beyond the stack's bounds is on a stack that nothing is known of. */
static inline int
is_stack_short(void)
{
    uintptr_t here = stack_pointer();
    if (upper.floor == 0) {
        measure_stack(here);
    }
    return here - upper.floor >= upper.bytes;
}

/* Tell whether the C stack has all but run out; only asked where it is short. */
static inline int
is_last_of_stack(void)
{
    uintptr_t here = stack_pointer();
    return here < upper.last && upper.last - here <= LAST_BYTES;
}

static PyObject *
is_stack_spent(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(is_stack_short() && is_last_of_stack());
}

/* Tell whether there is much room for calls through C. */
static inline int
is_stack_ample(void)
{
    uintptr_t above = stack_pointer() - upper.floor;
    return above >= upper.middle && above < upper.bytes;
}

/* Call a function by its vectorcall.

From bytecode to bytecode, calls take none of the interpreter's levels of C; so what this one takes is
given back meanwhile, and what it leads to has as many as without callscope. */
static inline PyObject *
call_in_c(vectorcallfunc called, PyObject *function, PyObject *const *args, size_t nargsf,
          PyObject *kwnames)
{
#ifdef COUNTS_LEVELS
    PyThreadState *thread = PyThreadState_Get();
    thread->c_recursion_remaining += EVALUATION_LEVELS;
#endif
    PyObject *result = called(function, args, nargsf, kwnames);
#ifdef COUNTS_LEVELS
    thread->c_recursion_remaining -= EVALUATION_LEVELS;
#endif
    return result;
}
