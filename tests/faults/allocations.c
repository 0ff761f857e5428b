#include "tests/faults/allocations.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **out, size_t alignment, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t length);
void __real_free(void *memory);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **out, size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);
void __wrap_free(void *memory);

/* Rows may allocate from several threads. */
static atomic_long count, live, failing;
static atomic_int failing_all;

void allocations_fail(long number, int all)
{
    count = 0;
    failing = number;
    failing_all = all;
}

long allocations_count(void)
{
    return count;
}

long allocations_live(void)
{
    return live;
}

/* 1 if this allocation is to fail. */
static int denied(void)
{
    long number = atomic_fetch_add(&count, 1) + 1;
    int deny = number == failing || (failing && failing_all && number > failing);
    if (deny) errno = ENOMEM;
    return deny;
}

static void *given(void *memory)
{
    if (memory) atomic_fetch_add(&live, 1);
    return memory;
}

void *__wrap_malloc(size_t size)
{
    return denied() ? NULL : given(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return denied() ? NULL : given(__real_calloc(n, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    if (denied()) return NULL;
    void *memory = __real_realloc(old, size);
    return old ? memory : given(memory);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return denied() ? NULL : given(__real_aligned_alloc(alignment, size));
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t size)
{
    if (denied()) return ENOMEM;
    int code = __real_posix_memalign(out, alignment, size);
    if (!code) given(*out);
    return code;
}

char *__wrap_strdup(const char *text)
{
    return denied() ? NULL : given(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t length)
{
    return denied() ? NULL : given(__real_strndup(text, length));
}

void __wrap_free(void *memory)
{
    if (memory) atomic_fetch_sub(&live, 1);
    __real_free(memory);
}
