/* What the tape needs of the system and the compiler, and where it cannot be. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

#ifdef Py_GIL_DISABLED
#error "A tape in C relies on the global interpreter lock; use the one in Python."
#endif

#if UINTPTR_MAX < UINT64_MAX
#error "A time takes one word; where words have 32 bits, use the tape in Python."
#endif

/* Whether calls can be recorded in place: not before Python 3.12, and where it was tried. */
#if PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030E0000
#define IN_PLACE
#endif

#ifdef _MSC_VER
#define THREAD_LOCAL __declspec(thread)
#elif defined(__GLIBC__)
/* Found without a call: a few bytes are always to be had, also by what is loaded late. (Not with
musl, whose loader refuses it.) */
#define THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define THREAD_LOCAL _Thread_local
#endif
