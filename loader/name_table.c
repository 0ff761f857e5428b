/* Which number a name has: open addressing, linear probing. */
#include "loader/name_table.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/pool.h"

/* FNV-1a with a seed, and a last mix so that the low bits depend on every byte. The seed keeps a
 * file from being written so that all of its names collide; no result depends on it. */
static uint64_t hash_name(const char *name, uint64_t seed)
{
    uint64_t hash = seed;
    for (const unsigned char *s = (const unsigned char *)name; *s; s++)
        hash = (hash ^ *s) * 1099511628211u;
    hash = (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 29);
}

/* The slot that holds the name, or the free one where it would go. */
static name_slot *find_slot(const name_table *t, const char *name)
{
    size_t mask = t->capacity - 1;
    size_t at = (size_t)hash_name(name, t->seed) & mask;
    while (t->slots[at].name && strcmp(t->slots[at].name, name) != 0) at = (at + 1) & mask;
    return &t->slots[at];
}

void name_table_begin(name_table *t)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    *t = (name_table){.seed = 14695981039346656037u ^ (uint64_t)(uintptr_t)t ^
                              ((uint64_t)now.tv_nsec << 24)};
}

int name_table_find(const name_table *t, const char *name, int absent)
{
    if (t->count == 0) return absent;
    const name_slot *slot = find_slot(t, name);
    return slot->name ? slot->number : absent;
}

static status grow(name_table *t)
{
    name_table larger = {
        .count = t->count, .capacity = t->capacity ? 2 * t->capacity : 256, .seed = t->seed};
    larger.slots = heap_array(larger.capacity, sizeof *larger.slots);
    if (!larger.slots) return STATUS_MEMORY;
    for (size_t i = 0; i < t->capacity; i++)
        if (t->slots[i].name) *find_slot(&larger, t->slots[i].name) = t->slots[i];
    free(t->slots);
    *t = larger;
    return STATUS_OK;
}

status name_table_add(name_table *t, const char *name, int number)
{
    if (2 * (t->count + 1) > t->capacity) TRY(grow(t));
    *find_slot(t, name) = (name_slot){name, number};
    t->count++;
    return STATUS_OK;
}

void name_table_end(name_table *t)
{
    free(t->slots);
    t->slots = NULL;
    t->count = t->capacity = 0;
}
