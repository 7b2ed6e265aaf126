/* Hash tables of numbers from 1, with open addressing; what the keys are is up to the user. */

typedef struct {
    int32_t *numbers; /* 0 where there is none */
    size_t mask;      /* their count, a power of two, less 1 */
} HashTable;

/* Open a table for up to `count` numbers, which take half of its places at most. */
static int
open_table(HashTable *table, Py_ssize_t count)
{
    size_t size = 16;
    while (size / 2 < (size_t)count) {
        size *= 2;
    }
    table->mask = size - 1;
    table->numbers = PyMem_Calloc(size, sizeof(int32_t));
    if (table->numbers == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static uint64_t
mixed(uint64_t hash, uint64_t next)
{
    hash = (hash ^ next) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 29;
}
