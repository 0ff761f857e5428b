/* Memory that is given back all at once: a model's names, nodes and weights, a plan's steps.
 *
 * What lives as long as its owner comes from the owner's pool, so an error path releases one thing.
 *
 *   pool *p;
 *   TRY(pool_new(&p));
 *   int64_t *dims = pool_array(p, rank, sizeof *dims);
 *   if (!dims) return STATUS_MEMORY;       the sentence is already kept
 *   pool_free(&p);
 */
#ifndef POSENET_KERNELS_POOL_H
#define POSENET_KERNELS_POOL_H

#include <stddef.h>

#include "kernels/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pool pool;

enum { POOL_ALIGNMENT = 64 }; /* of every array, in bytes: a cache line, and what wide loads like */

/* An empty pool in *out. */
status pool_new(pool **out) STATUS_MUST_CHECK;

/* `count` zeroed elements of `size` bytes, or NULL with the sentence kept (out of memory, or the
 * product overflows). `count` 0 gives a valid pointer. */
void *pool_array(pool *p, size_t count, size_t size) STATUS_MUST_CHECK;

/* A terminated copy of `length` bytes of text, or NULL with the sentence kept. */
char *pool_text(pool *p, const char *text, size_t length) STATUS_MUST_CHECK;

/* printf into the pool, or NULL with the sentence kept. */
char *pool_format(pool *p, const char *format, ...) STATUS_FORMAT(2, 3) STATUS_MUST_CHECK;

/* Bytes that the pool holds from the system. */
size_t pool_bytes(const pool *p);

/* Gives everything back and nulls the pointer; NULL and a null pointer are fine. */
void pool_free(pool **p);

/* `count` zeroed elements on the heap for what grows or is given back alone (release with free()),
 * or NULL with the sentence kept. */
void *heap_array(size_t count, size_t size) STATUS_MUST_CHECK;

/* Makes room for at least `needed` elements: *array may move; new elements are zeroed; *capacity is
 * updated. On failure both stay as they were. */
status heap_grow(void **array, size_t *capacity, size_t needed, size_t size) STATUS_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
