/* Counting calls, failing one of them, and the allocations on the host. */
#include "tests/cuda/fault_calls.h"

#include "kernels/pool.h"
#include "tests/cuda/fault_wrap.h"

static long count, failing, live;
static const char *failed;
static int releasing;

void calls_fail(long number)
{
    count = 0;
    failing = number;
    failed = NULL;
    releasing = 0;
}

long calls_count(void)
{
    return count;
}

const char *calls_failed(void)
{
    return failed;
}

int calls_failed_releasing(void)
{
    return releasing;
}

long calls_live(void)
{
    return live;
}

int calls_denied(const char *name)
{
    if (++count != failing) return 0;
    failed = name;
    return 1;
}

cudaError_t calls_made(cudaError_t error)
{
    live += error == cudaSuccess;
    return error;
}

cudaError_t calls_ended(const char *name, const void *given, cudaError_t error)
{
    live -= given && error == cudaSuccess;
    if (!calls_denied(name)) return error;
    releasing = 1;
    return cudaErrorUnknown;
}

/* ---- host memory ----------------------------------------------------------------------------- */

void *__real_heap_array(size_t length, size_t size);
void *__wrap_heap_array(size_t length, size_t size);
void *__real_pool_array(pool *p, size_t length, size_t size);
void *__wrap_pool_array(pool *p, size_t length, size_t size);
status __real_heap_grow(void **array, size_t *capacity, size_t needed, size_t size);
status __wrap_heap_grow(void **array, size_t *capacity, size_t needed, size_t size);

void *__wrap_heap_array(size_t length, size_t size)
{
    if (!calls_denied("heap_array")) return __real_heap_array(length, size);
    (void)fail(STATUS_MEMORY, "out of memory: a planted fault");
    return NULL;
}

void *__wrap_pool_array(pool *p, size_t length, size_t size)
{
    if (!calls_denied("pool_array")) return __real_pool_array(p, length, size);
    (void)fail(STATUS_MEMORY, "out of memory: a planted fault");
    return NULL;
}

status __wrap_heap_grow(void **array, size_t *capacity, size_t needed, size_t size)
{
    if (!calls_denied("heap_grow")) return __real_heap_grow(array, capacity, needed, size);
    return fail(STATUS_MEMORY, "out of memory: a planted fault");
}
