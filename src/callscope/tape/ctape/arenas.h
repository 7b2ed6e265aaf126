/* Memory for records. What was taken off a tape stays where it is, and the tape goes on behind it. */

/* How many words an arena has room for: a thread's first, the last that is not mapped, and those. */
enum { FIRST_SIZE = 1 << 8, LAST_SIZE = 1 << 15, MAPPED_SIZE = 1 << 18 };
/* Words a tape may take before the thread hands it on: a mapped arena has room for four times as
many, and the ends that may still come then. */
enum { LIMIT = (MAPPED_SIZE >> 2) - (1 << 12) };

typedef struct {
    Py_ssize_t shares; /* how many tapes have words in it */
    Py_ssize_t size;
    Word words[];
} Arena;

/* Return an arena with room for so many words.

Most of what a record costs is that the system must find, and clear, the page that it comes to stand
on. It does so at much less cost for pages of 2 MiB, where it is asked to, and has them. */
static Arena *
make_arena(Py_ssize_t size)
{
    Arena *arena;
    size_t bytes = (size_t)size * sizeof(Word);
#ifdef __linux__
    if (size >= MAPPED_SIZE) {
        size_t aligned = MAPPED_SIZE * sizeof(Word);
        char *mapped = mmap(NULL, bytes + aligned, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped == MAP_FAILED) {
            return NULL;
        }
        char *start = (char *)(((uintptr_t)mapped + aligned - 1) & ~(uintptr_t)(aligned - 1));
        if (start > mapped) {
            munmap(mapped, (size_t)(start - mapped));
        }
        munmap(start + bytes, aligned - (size_t)(start - mapped));
        madvise(start, bytes, MADV_HUGEPAGE);
        arena = (Arena *)start;
    }
    else
#endif
    {
        arena = PyMem_RawMalloc(bytes);
        if (arena == NULL) {
            return NULL;
        }
    }
    arena->shares = 1;
    arena->size = size - (Py_ssize_t)(offsetof(Arena, words) / sizeof(Word));
    return arena;
}

/* Let go of a share in an arena. */
static void
leave_arena(Arena *arena)
{
    if (arena == NULL || --arena->shares > 0) {
        return;
    }
#ifdef __linux__
    Py_ssize_t size = arena->size + (Py_ssize_t)(offsetof(Arena, words) / sizeof(Word));
    if (size >= MAPPED_SIZE) {
        munmap(arena, (size_t)size * sizeof(Word));
        return;
    }
#endif
    PyMem_RawFree(arena);
}
