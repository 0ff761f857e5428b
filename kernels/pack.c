/* The pack cache: a list, since a model has about a hundred weights. */
#include "kernels/pack.h"

#include <stdlib.h>
#include <string.h>

typedef struct packed {
    const void *weight;
    char *row;     /* owned, terminated */
    void *variant; /* owned */
    size_t variant_bytes;
    void *memory; /* the cache's kind */
    size_t bytes;
} packed;

struct pack_cache {
    pack_memory memory;
    packed *items;
    size_t count, capacity;
};

static status host_allocate(void *user, size_t bytes, void **out)
{
    (void)user;
    size_t rounded = bytes / POOL_ALIGNMENT * POOL_ALIGNMENT + POOL_ALIGNMENT;
    *out = rounded > bytes ? aligned_alloc(POOL_ALIGNMENT, rounded) : NULL;
    if (!*out) return fail(STATUS_MEMORY, "out of memory: %zu bytes for packed weights", bytes);
    return STATUS_OK;
}

static void host_release(void *user, void *memory)
{
    (void)user;
    free(memory);
}

status pack_cache_new(const pack_memory *memory, pack_cache **out)
{
    *out = NULL;
    pack_cache *cache = heap_array(1, sizeof *cache);
    if (!cache) return STATUS_MEMORY;
    cache->memory = memory ? *memory : (pack_memory){NULL, host_allocate, host_release};
    *out = cache;
    return STATUS_OK;
}

static int same(const packed *item, const pack_key *key)
{
    return item->weight == key->weight && strcmp(item->row, key->row) == 0 &&
           item->variant_bytes == key->variant_bytes &&
           (key->variant_bytes == 0 ||
            memcmp(item->variant, key->variant, key->variant_bytes) == 0);
}

static void release_item(const pack_cache *cache, packed *item)
{
    if (item->memory) cache->memory.release(cache->memory.user, item->memory);
    free(item->row);
    free(item->variant);
}

static status make(const pack_cache *cache, const pack_key *key, size_t bytes, pack_fill fill,
                   void *user, packed *item)
{
    size_t length = strlen(key->row);
    item->row = heap_array(length + 1, 1);
    item->variant = heap_array(key->variant_bytes, 1);
    if (!item->row || !item->variant) return STATUS_MEMORY;
    memcpy(item->row, key->row, length);
    if (key->variant_bytes) memcpy(item->variant, key->variant, key->variant_bytes);
    TRY(cache->memory.allocate(cache->memory.user, bytes, &item->memory));
    return fill(user, item->memory, bytes);
}

status pack_get(pack_cache *cache, const pack_key *key, size_t bytes, pack_fill fill, void *user,
                void **out)
{
    for (size_t i = 0; i < cache->count; i++)
        if (same(&cache->items[i], key)) {
            *out = cache->items[i].memory;
            return STATUS_OK;
        }
    TRY(heap_grow((void **)&cache->items, &cache->capacity, cache->count + 1,
                  sizeof *cache->items));
    packed item = {key->weight, NULL, NULL, key->variant_bytes, NULL, bytes};
    status made = make(cache, key, bytes, fill, user, &item);
    if (made != STATUS_OK) {
        release_item(cache, &item);
        return made;
    }
    cache->items[cache->count++] = item;
    *out = item.memory;
    return STATUS_OK;
}

size_t pack_cache_bytes(const pack_cache *cache)
{
    size_t bytes = 0;
    for (size_t i = 0; i < cache->count; i++) bytes += cache->items[i].bytes;
    return bytes;
}

void pack_cache_free(pack_cache **cache)
{
    if (!cache || !*cache) return;
    for (size_t i = 0; i < (*cache)->count; i++) release_item(*cache, &(*cache)->items[i]);
    free((*cache)->items);
    free(*cache);
    *cache = NULL;
}
