/* Where tensors lie: never two alive ones in the same place, and close to the least room possible.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/plan/arena.h"

enum { MOST_ITEMS = 200 };

static uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void check_placement(const arena_item *items, int count, size_t peak)
{
    for (int i = 0; i < count; i++) {
        cr_assert_eq(items[i].offset % ARENA_ALIGNMENT, 0);
        cr_assert_leq(items[i].offset + items[i].bytes, peak);
        for (int j = 0; j < i; j++) {
            int together = items[i].first <= items[j].last && items[j].first <= items[i].last;
            int apart = items[i].offset + items[i].bytes <= items[j].offset ||
                        items[j].offset + items[j].bytes <= items[i].offset;
            cr_assert(!together || apart || !items[i].bytes || !items[j].bytes,
                      "items %d and %d overlap", i, j);
        }
    }
}

/* peak / bound */
static double place(arena_item *items, int count, int moments)
{
    size_t peak, bound;
    cr_assert_eq(arena_lower_bound(items, count, moments, &bound), STATUS_OK);
    cr_assert_eq(arena_place(items, count, moments, &peak), STATUS_OK);
    check_placement(items, count, peak);
    cr_assert_geq(peak, bound);
    return bound ? (double)peak / (double)bound : 1;
}

Test(arena, nothing_needs_no_room)
{
    size_t peak = 1;
    cr_assert_eq(arena_place(NULL, 0, 1, &peak), STATUS_OK);
    cr_assert_eq(peak, 0);
}

Test(arena, a_chain_needs_its_two_largest_neighbours)
{
    enum { STEPS = 40 };
    arena_item items[STEPS];
    for (int i = 0; i < STEPS; i++)
        items[i] = (arena_item){
            .bytes = (size_t)(1000 + 997 * (i % 7)), .first = i, .last = i + 1 < STEPS ? i + 1 : i};
    cr_assert_leq(place(items, STEPS, STEPS), 1.0001);
}

Test(arena, moments_of_no_overlap_share_their_room)
{
    arena_item items[] = {{.bytes = 1, .first = 0, .last = 0},
                          {.bytes = 256, .first = 1, .last = 1}};
    size_t peak;
    cr_assert_eq(arena_place(items, 2, 2, &peak), STATUS_OK);
    cr_assert_eq(peak, 256);
}

/* Networks like PoseNet's: a chain with residuals, workspaces and four heads that stay. */
Test(arena, random_networks_stay_within_the_limit)
{
    double worst = 1;
    for (uint32_t seed = 1; seed <= 300; seed++) {
        uint32_t state = seed;
        int moments = 10 + (int)(random_next(&state) % 60), count = 0;
        arena_item items[MOST_ITEMS];
        size_t bytes = 256 * (1 + random_next(&state) % 4000);
        for (int i = 0; i + 1 < moments; i++) {
            int reach = random_next(&state) % 4 == 0 ? 1 + (int)(random_next(&state) % 4) : 1;
            if (random_next(&state) % 5 == 0)
                bytes = bytes / 2 + 1;
            else if (random_next(&state) % 5 == 0)
                bytes = bytes * 2 % (1 << 22) + 1;
            int last = i + reach < moments ? i + reach : moments - 1;
            items[count++] = (arena_item){.bytes = bytes, .first = i, .last = last};
            if (random_next(&state) % 3 == 0)
                items[count++] = (arena_item){
                    .bytes = 256 * (random_next(&state) % 2000), .first = i, .last = i};
        }
        for (int head = 0; head < 4; head++)
            items[count++] = (arena_item){.bytes = bytes / 4 * (size_t)(head + 1),
                                          .first = moments - 5 + head,
                                          .last = moments - 1};
        double ratio = place(items, count, moments);
        cr_expect_leq(ratio, 1.02, "seed %u: %f", seed, ratio);
        if (ratio > worst) worst = ratio;
    }
    cr_log_info("worst of 300 networks: %.4f of the lower bound", worst);
}

/* Lifetimes without any structure, far worse than networks. */
Test(arena, random_lifetimes_never_overlap)
{
    for (uint32_t seed = 1; seed <= 30; seed++) {
        uint32_t state = seed;
        int moments = 2 + (int)(random_next(&state) % 50);
        int count = (int)(random_next(&state) % MOST_ITEMS);
        arena_item items[MOST_ITEMS];
        for (int i = 0; i < count; i++) {
            int a = (int)(random_next(&state) % (uint32_t)moments);
            int b = (int)(random_next(&state) % (uint32_t)moments);
            items[i] = (arena_item){.bytes = random_next(&state) % 100000,
                                    .first = a < b ? a : b,
                                    .last = a < b ? b : a};
        }
        cr_expect_leq(place(items, count, moments), 1.15);
    }
}

Test(arena, the_same_items_get_the_same_places)
{
    arena_item first[64], second[64];
    uint32_t state = 7;
    for (int i = 0; i < 64; i++) {
        first[i] = (arena_item){.bytes = random_next(&state) % 5000, .first = i / 4, .last = i / 3};
        second[i] = first[i];
    }
    place(first, 64, 64);
    place(second, 64, 64);
    for (int i = 0; i < 64; i++) cr_assert_eq(first[i].offset, second[i].offset);
}

Test(arena, refuses_what_cannot_be)
{
    size_t peak;
    arena_item huge[] = {{.bytes = SIZE_MAX - 10, .first = 0, .last = 0}};
    cr_assert_eq(arena_place(huge, 1, 1, &peak), STATUS_MEMORY);
    arena_item sum[] = {{.bytes = SIZE_MAX / 3}, {.bytes = SIZE_MAX / 3}};
    cr_assert_eq(arena_place(sum, 2, 1, &peak), STATUS_MEMORY);
    arena_item late[] = {{.bytes = 1, .first = 0, .last = 1}};
    cr_assert_eq(arena_place(late, 1, 1, &peak), STATUS_ARGUMENT);
    arena_item backwards[] = {{.bytes = 1, .first = 1, .last = 0}};
    cr_assert_eq(arena_place(backwards, 1, 2, &peak), STATUS_ARGUMENT);
}
