/* Pools as lists of blocks, and checked allocation on the heap. */
#include "kernels/pool.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024 };

/* Blocks form a list; small arrays share one, a large array has one of its own. */
typedef struct block {
    struct block *next;
    size_t used, size; /* of the payload, in bytes */
    unsigned char *payload;
} block;

struct pool {
    block *first;
    size_t bytes;
};

static size_t round_up(size_t bytes)
{
    return (bytes + POOL_ALIGNMENT - 1) / POOL_ALIGNMENT * POOL_ALIGNMENT;
}

status pool_new(pool **out)
{
    *out = heap_array(1, sizeof **out);
    return *out ? STATUS_OK : STATUS_MEMORY;
}

static block *block_new(pool *p, size_t size)
{
    size_t header = round_up(sizeof(block));
    block *b = aligned_alloc(POOL_ALIGNMENT, header + size);
    if (!b) return NULL;
    memset(b, 0, header + size);
    b->payload = (unsigned char *)b + header;
    b->size = size;
    p->bytes += header + size;
    return b;
}

/* The block that has room for `bytes`. A large array goes behind the first block, which stays open
 * for small ones. */
static block *block_for(pool *p, size_t bytes)
{
    block *first = p->first;
    if (first && first->size - first->used >= bytes) return first;
    int large = bytes > BLOCK_BYTES / 4;
    block *b = block_new(p, large ? bytes : BLOCK_BYTES);
    if (!b) return NULL;
    if (large && first) {
        b->next = first->next;
        first->next = b;
    } else {
        b->next = first;
        p->first = b;
    }
    return b;
}

void *pool_array(pool *p, size_t count, size_t size)
{
    if (size && count > (SIZE_MAX / 2 - 4 * POOL_ALIGNMENT) / size) {
        fail(STATUS_MEMORY, "an array of %zu elements of %zu bytes is too large", count, size);
        return NULL;
    }
    size_t bytes = round_up(count && size ? count * size : 1);
    block *b = block_for(p, bytes);
    if (!b) {
        fail(STATUS_MEMORY, "out of memory: %zu bytes", bytes);
        return NULL;
    }
    void *array = b->payload + b->used;
    b->used += bytes;
    return array;
}

char *pool_text(pool *p, const char *text, size_t length)
{
    if (length == SIZE_MAX) {
        fail(STATUS_MEMORY, "a text of %zu bytes is too large", length);
        return NULL;
    }
    char *copy = pool_array(p, length + 1, 1);
    if (copy && length) memcpy(copy, text, length);
    return copy;
}

char *pool_format(pool *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) {
        fail(STATUS_ARGUMENT, "a text cannot be formatted");
        return NULL;
    }
    char *text = pool_array(p, (size_t)length + 1, 1);
    if (!text) return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

size_t pool_bytes(const pool *p)
{
    return p ? p->bytes : 0;
}

void pool_free(pool **p)
{
    if (!p || !*p) return;
    for (block *b = (*p)->first; b;) {
        block *next = b->next;
        free(b);
        b = next;
    }
    free(*p);
    *p = NULL;
}

void *heap_array(size_t count, size_t size)
{
    void *array = calloc(count ? count : 1, size ? size : 1);
    if (!array) fail(STATUS_MEMORY, "out of memory: %zu elements of %zu bytes", count, size);
    return array;
}

status heap_grow(void **array, size_t *capacity, size_t needed, size_t size)
{
    if (needed <= *capacity) return STATUS_OK;
    size_t next = *capacity ? *capacity : 16;
    while (next < needed) {
        if (next > SIZE_MAX / 2) return fail(STATUS_MEMORY, "an array of %zu is too large", needed);
        next *= 2;
    }
    if (next > SIZE_MAX / size) return fail(STATUS_MEMORY, "an array of %zu is too large", needed);
    void *moved = realloc(*array, next * size);
    if (!moved) return fail(STATUS_MEMORY, "out of memory: %zu bytes", next * size);
    memset((char *)moved + *capacity * size, 0, (next - *capacity) * size);
    *array = moved;
    *capacity = next;
    return STATUS_OK;
}
