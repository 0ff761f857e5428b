/* Weights in a row's own order, packed once and shared by all plans of a model. */
#ifndef POSENET_KERNELS_PACK_H
#define POSENET_KERNELS_PACK_H

#include "kernels/op.h"

/* Where packed weights live. Host: aligned heap. CUDA: device memory. */
typedef struct pack_memory {
    void *user;
    status (*allocate)(void *user, size_t bytes, void **out);
    void (*release)(void *user, void *memory);
} pack_memory;

/* What identifies one packed array: the row's name, the weight's address, and whatever else its
 * layout depends on (a library's own description, a tile), as bytes. */
typedef struct pack_key {
    const char *row;
    const void *weight;
    const void *variant; /* may be NULL */
    size_t variant_bytes;
} pack_key;

/* Fills `memory` (`bytes` long, of the cache's kind) from whatever `user` says. */
typedef status (*pack_fill)(void *user, void *memory, size_t bytes);

/* An empty cache; `memory` is copied, NULL means 64-byte aligned host memory. */
status pack_cache_new(const pack_memory *memory, pack_cache **out) STATUS_MUST_CHECK;

/* The packed array of `key` in *out: the one made before, or a new one of `bytes` filled by `fill`.
 * Belongs to the cache. Nothing is kept when `fill` fails. */
status pack_get(pack_cache *cache, const pack_key *key, size_t bytes, pack_fill fill, void *user,
                void **out) STATUS_MUST_CHECK;

/* Bytes held. */
size_t pack_cache_bytes(const pack_cache *cache);

void pack_cache_free(pack_cache **cache);

#endif
