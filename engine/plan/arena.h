/* Where tensors and workspaces lie in one block of memory, so that what is not alive at the same
 * time shares room. */
#ifndef POSENET_ENGINE_PLAN_ARENA_H
#define POSENET_ENGINE_PLAN_ARENA_H

#include <stddef.h>

#include "kernels/status.h"

enum { ARENA_ALIGNMENT = 256 };

typedef struct arena_item {
    size_t bytes;
    int first, last; /* alive from moment `first` to moment `last`, both included */
    size_t offset;   /* set by arena_place: a multiple of ARENA_ALIGNMENT */
} arena_item;

/* Gives every item an offset so that items alive at the same moment never overlap; *peak is the
 * size of the block. Deterministic. Moments are 0..moments-1. */
status arena_place(arena_item *items, int count, int moments, size_t *peak) STATUS_MUST_CHECK;

/* The largest sum of bytes (each rounded up to ARENA_ALIGNMENT) alive at one moment: no placement
 * can be smaller. */
status arena_lower_bound(const arena_item *items, int count, int moments,
                         size_t *bound) STATUS_MUST_CHECK;

#endif
