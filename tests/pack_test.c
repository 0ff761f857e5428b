/* The pack cache, the operation's tables, and conversion to and from fp16. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/element.h"
#include "kernels/pack.h"
#include "kernels/rows.h"
#include "kernels/threads.h"

static int fills;

static status fill(void *user, void *memory, size_t bytes)
{
    fills++;
    memset(memory, *(const int *)user, bytes);
    return STATUS_OK;
}

static status fill_fails(void *user, void *memory, size_t bytes)
{
    (void)user;
    (void)memory;
    (void)bytes;
    return fail(STATUS_DEVICE, "no");
}

Test(pack, packs_once_a_row_weight_and_variant)
{
    pack_cache *cache = NULL;
    float weight[2] = {0};
    int value = 7;
    void *a = NULL, *b = NULL, *c = NULL, *d = NULL, *e = NULL;
    cr_assert_eq(pack_cache_new(NULL, &cache), STATUS_OK);
    pack_key key = {"row", weight, "wide", 4};
    cr_assert_eq(pack_get(cache, &key, 100, fill, &value, &a), STATUS_OK);
    cr_assert_eq(pack_get(cache, &key, 100, fill, &value, &b), STATUS_OK);
    key.variant = "tall";
    cr_assert_eq(pack_get(cache, &key, 100, fill, &value, &c), STATUS_OK);
    key.weight = weight + 1;
    cr_assert_eq(pack_get(cache, &key, 100, fill, &value, &d), STATUS_OK);
    key.row = "other";
    cr_assert_eq(pack_get(cache, &key, 100, fill, &value, &e), STATUS_OK);
    cr_assert_eq(a, b);
    cr_assert(a != c && c != d && d != e);
    cr_assert_eq(fills, 4);
    cr_assert_eq(((unsigned char *)e)[99], 7);
    cr_assert_eq((uintptr_t)a % POOL_ALIGNMENT, 0);
    cr_assert_eq(pack_cache_bytes(cache), 400);
    pack_cache_free(&cache);
    cr_assert_null(cache);
    pack_cache_free(&cache);
}

Test(pack, keeps_nothing_that_failed)
{
    pack_cache *cache = NULL;
    float weight = 0;
    int value = 3;
    void *out = NULL;
    cr_assert_eq(pack_cache_new(NULL, &cache), STATUS_OK);
    pack_key key = {"row", &weight, NULL, 0};
    cr_assert_eq(pack_get(cache, &key, 10, fill_fails, NULL, &out), STATUS_DEVICE);
    cr_assert_eq(pack_cache_bytes(cache), 0);
    cr_assert_eq(pack_get(cache, &key, 10, fill, &value, &out), STATUS_OK);
    cr_assert_eq(((unsigned char *)out)[9], 3);
    pack_cache_free(&cache);
}

Test(element, every_half_survives_the_way_to_float_and_back)
{
    for (uint32_t half = 0; half < 0x10000; half++) {
        float value = half_to_float((uint16_t)half);
        if (isnan(value)) {
            cr_assert(isnan(half_to_float(float_to_half(value))));
            continue;
        }
        cr_assert_eq(float_to_half(value), half, "%#x", half);
    }
}

Test(element, halves_round_to_nearest_even)
{
    static const struct {
        float value;
        uint16_t half;
    } known[] = {{1.0f, 0x3c00},
                 {-2.0f, 0xc000},
                 {65504.0f, 0x7bff},
                 {65519.0f, 0x7bff},
                 {65520.0f, 0x7c00},
                 {-1e30f, 0xfc00},
                 {0x1p-24f, 0x0001},
                 {0x1p-25f, 0x0000},
                 {0x1.8p-24f, 0x0002},
                 {0x1.000002p-25f, 0x0001},
                 {1.0f + 0x1p-11f, 0x3c00},
                 {1.0f + 0x1.8p-10f, 0x3c02},
                 {0x1.fffp-15f, 0x0400},
                 {0x1.ff8p-15f, 0x03ff}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        cr_assert_eq(float_to_half(known[i].value), known[i].half, "%a is %#x, not %#x",
                     (double)known[i].value, float_to_half(known[i].value), known[i].half);
}

Test(op, rows_have_names_of_their_own_and_say_why)
{
    for (int i = 0; all_rows[i]; i++) {
        cr_assert_eq(row_find(all_rows[i]->name), all_rows[i]);
        cr_assert_not_null(all_rows[i]->limit_because);
        cr_assert(all_rows[i]->covers && all_rows[i]->enqueue);
    }
    cr_assert_null(row_find("conv"));
    for (int o = 0; o < OP_COUNT; o++) cr_assert_str_neq(op_name((op)o), "unknown");
}

Test(op, counts_work)
{
    tensor tensors[2] = {{.dims = {1, 9, 9, 16}}, {.dims = {1, 9, 9, 32}}};
    float bias[32] = {0};
    step s = {.op = OP_CONV, .input_count = 1, .inputs = {0}, .output = 1};
    s.as.conv = (conv_params){
        .groups = 2, .kernel = {3, 3}, .out_channels = 32, .in_channels = 16, .bias = bias};
    network net = {2, 1, tensors, &s};
    cr_assert_eq(step_flops(&net, &s), 2 * 81 * 32 * 9 * 8);
    cr_assert_eq(step_bytes(&net, &s), 4 * (81 * 16 + 81 * 32 + 32 * 8 * 9 + 32));
}

typedef struct sums {
    int seen[64];
} sums;

static void task(void *data, int index, int count)
{
    int first, end;
    threads_share(64, 3, index, count, &first, &end);
    for (int i = first; i < end; i++) ((sums *)data)->seen[i]++;
}

Test(threads, every_part_is_computed_once)
{
    for (int count = 1; count < 9; count++) {
        sums s = {{0}};
        threads_run(count, task, &s);
        for (int i = 0; i < 64; i++) cr_assert_eq(s.seen[i], 1, "%d of %d threads", i, count);
    }
}
