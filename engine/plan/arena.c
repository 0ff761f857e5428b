/* Dynamic storage allocation with known lifetimes is NP-hard; first placing the large (or the large
 * and long-lived) items, each into the smallest gap that takes it, comes close. What is left over
 * is won by trying other orders, the item that makes the peak earlier first of all. */
#include "engine/plan/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/pool.h"

/* Trying one order looks at every pair of items; a network of thousands must not take minutes. */
enum { TRIES = 1000, PAIRS = 50 * 1000 * 1000 };

/* One way to place all items: the order they are placed in and what came of it. */
typedef struct placement {
    int *order;      /* items, the first to be placed first */
    int *by_offset;  /* items placed so far, lowest offset first */
    size_t *offsets; /* one an item */
    size_t peak;
} placement;

static size_t rounded(size_t bytes)
{
    return (bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
}

/* All sums of sizes stay below SIZE_MAX, so nothing later needs a check. */
static status check_items(const arena_item *items, int count, int moments)
{
    size_t total = 0;
    for (int i = 0; i < count; i++) {
        const arena_item *it = &items[i];
        if (it->first < 0 || it->last < it->first || it->last >= moments)
            return fail(STATUS_ARGUMENT, "arena item %d lives from moment %d to %d of %d", i,
                        it->first, it->last, moments);
        if (it->bytes > SIZE_MAX / 2 - ARENA_ALIGNMENT - total)
            return fail(STATUS_MEMORY, "the arena would be too large: item %d has %zu bytes", i,
                        it->bytes);
        total += rounded(it->bytes);
    }
    return STATUS_OK;
}

/* The lowest offset of the smallest gap between `it`'s contemporaries that takes it. */
static size_t best_gap(const arena_item *items, const placement *p, int placed,
                       const arena_item *it)
{
    size_t need = rounded(it->bytes), end = 0, best = 0, best_size = SIZE_MAX;
    for (int i = 0; i < placed; i++) {
        int other = p->by_offset[i];
        if (items[other].last < it->first || items[other].first > it->last) continue;
        size_t start = p->offsets[other];
        if (start > end && start - end >= need && start - end < best_size) {
            best = end;
            best_size = start - end;
        }
        if (start + rounded(items[other].bytes) > end) end = start + rounded(items[other].bytes);
    }
    return best_size == SIZE_MAX ? end : best;
}

static void place_in_order(const arena_item *items, int count, placement *p)
{
    p->peak = 0;
    for (int placed = 0; placed < count; placed++) {
        int item = p->order[placed];
        size_t offset = best_gap(items, p, placed, &items[item]);
        p->offsets[item] = offset;
        int at = placed;
        for (; at > 0 && p->offsets[p->by_offset[at - 1]] > offset; at--)
            p->by_offset[at] = p->by_offset[at - 1];
        p->by_offset[at] = item;
        size_t end = offset + rounded(items[item].bytes);
        if (end > p->peak) p->peak = end;
    }
}

/* Insertion sort by descending weight; ties keep the order of the items. */
static void order_by(const arena_item *items, int count, int by_lifetime, int *order)
{
    for (int i = 0; i < count; i++) {
        double weight = (double)items[i].bytes;
        if (by_lifetime) weight *= items[i].last - items[i].first + 1;
        int at = i;
        for (; at > 0; at--) {
            const arena_item *before = &items[order[at - 1]];
            double other = (double)before->bytes;
            if (by_lifetime) other *= before->last - before->first + 1;
            if (other >= weight) break;
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
}

static void keep_better(arena_item *items, int count, const placement *p, size_t *peak)
{
    if (p->peak >= *peak) return;
    *peak = p->peak;
    for (int i = 0; i < count; i++) items[i].offset = p->offsets[i];
}

/* Where in the order the item that made the peak stands. */
static int highest(const arena_item *items, int count, const placement *p)
{
    int at = 0;
    for (int i = 0; i < count; i++) {
        int item = p->order[i];
        if (p->offsets[item] + rounded(items[item].bytes) == p->peak) at = i;
    }
    return at;
}

static void move(int *order, int from, int to)
{
    int item = order[from];
    if (to < from)
        memmove(order + to + 1, order + to, (size_t)(from - to) * sizeof *order);
    else
        memmove(order + from, order + from + 1, (size_t)(to - from) * sizeof *order);
    order[to] = item;
}

/* Places the item that makes the peak earlier, or any item elsewhere in the order, as long as that
 * does no harm. The steps are random, the same ones every time. */
static void improve(arena_item *items, int count, placement *p, size_t bound, size_t *peak)
{
    uint32_t random = 1;
    size_t before = p->peak;
    int64_t affordable = PAIRS / ((int64_t)count * count + 1);
    int tries = affordable < TRIES ? (int)affordable : TRIES;
    for (int i = 0; i < tries && bound < *peak; i++) {
        random = random * 1664525u + 1013904223u;
        int to = (int)((random >> 8) % (uint32_t)count);
        random = random * 1664525u + 1013904223u;
        int from = (int)((random >> 8) % (uint32_t)count);
        if (i % 2 == 0) {
            from = highest(items, count, p);
            to = to % (from + 1);
        }
        move(p->order, from, to);
        place_in_order(items, count, p);
        if (p->peak > before) {
            move(p->order, to, from);
            place_in_order(items, count, p);
        }
        before = p->peak;
        keep_better(items, count, p, peak);
    }
}

status arena_lower_bound(const arena_item *items, int count, int moments, size_t *bound)
{
    TRY(check_items(items, count, moments));
    size_t *starting = heap_array((size_t)moments + 1, 2 * sizeof *starting);
    if (!starting) return STATUS_MEMORY;
    size_t *ended = starting + moments + 1;
    for (int i = 0; i < count; i++) {
        starting[items[i].first] += rounded(items[i].bytes);
        ended[items[i].last + 1] += rounded(items[i].bytes);
    }
    size_t alive = 0;
    *bound = 0;
    for (int moment = 0; moment < moments; moment++) {
        alive += starting[moment];
        alive -= ended[moment];
        if (alive > *bound) *bound = alive;
    }
    free(starting);
    return STATUS_OK;
}

status arena_place(arena_item *items, int count, int moments, size_t *peak)
{
    size_t bound;
    TRY(arena_lower_bound(items, count, moments, &bound));
    *peak = SIZE_MAX;
    int *orders = heap_array((size_t)count, 2 * sizeof *orders);
    size_t *offsets = heap_array((size_t)count, sizeof *offsets);
    if (orders && offsets) {
        placement p = {.order = orders, .by_offset = orders + count, .offsets = offsets};
        for (int by_lifetime = 1; by_lifetime >= 0; by_lifetime--) {
            order_by(items, count, by_lifetime, p.order);
            place_in_order(items, count, &p);
            keep_better(items, count, &p, peak);
            improve(items, count, &p, bound, peak);
        }
    }
    free(orders);
    free(offsets);
    return orders && offsets ? STATUS_OK : STATUS_MEMORY;
}
