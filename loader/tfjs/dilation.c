/* TensorFlow's dilation: SpaceToBatchND, convolution, BatchToSpaceND. The rule is derived in
 * loader/tfjs/translate.h. */
#include <string.h>

#include "loader/limits.h"
#include "loader/tfjs/integers.h"
#include "loader/tfjs/translate.h"

/* Sizes that pads and crops are computed for. They are sums of a constant and of what the size
 * lacks to a multiple of the block, so they repeat after LIMIT_BLOCK sizes at the latest. */
enum { PROBES = 2 * LIMIT_BLOCK };

static status read_block(const tfjs_translation *t, int id, int block[2])
{
    const constant *c = tfjs_constant_input(t, id, 1);
    if (!c || c->type != ELEMENT_INTEGER || c->rank != 1 || c->count != 2)
        return fail(STATUS_UNSUPPORTED, "its block shape is no constant of height and width");
    for (int i = 0; i < 2; i++) {
        if (c->integers[i] < 1 || c->integers[i] > LIMIT_BLOCK)
            return fail(STATUS_MODEL, "its block shape is outside 1..%d", LIMIT_BLOCK);
        block[i] = (int)c->integers[i];
    }
    return STATUS_OK;
}

status tfjs_space_to_batch(tfjs_translation *t, int id)
{
    tfjs_result *r = &t->results[id];
    if (t->model->nodes[id].input_count != 3)
        return fail(STATUS_MODEL, "needs a picture, a block shape and paddings");
    TRY(tfjs_whole_picture(t, id, 0, r));
    tfjs_sandwich s = {.node = id, .conv = GRAPH_ABSENT};
    TRY(read_block(t, id, s.block));
    TRY(heap_grow((void **)&t->sandwiches, &t->sandwich_capacity, t->sandwich_count + 1,
                  sizeof *t->sandwiches));
    r->sandwich = (int)t->sandwich_count;
    r->origin = id;
    t->sandwiches[t->sandwich_count++] = s;
    return STATUS_OK;
}

/* Four integers: start and end of height, start and end of width. */
static status pair_of_sides(const tfjs_translation *t, int id, const tfjs_probe *probe,
                            int64_t out[4])
{
    tfjs_integers v;
    TRY(tfjs_evaluate(t, t->model->nodes[id].inputs[2], probe, &v));
    if (v.rank != 2 || v.dims[0] != 2 || v.dims[1] != 2)
        return fail(STATUS_MODEL, "its paddings or crops are not 2 x 2");
    for (int i = 0; i < 4; i++) {
        if (v.values[i] < 0 || v.values[i] > LIMIT_WINDOW)
            return fail(STATUS_MODEL, "its paddings or crops are outside 0..%d", LIMIT_WINDOW);
        out[i] = v.values[i];
    }
    return STATUS_OK;
}

/* pads - crops, which must be the same for every size. */
static status settle_pads(const tfjs_translation *t, int id, const tfjs_sandwich *s,
                          int64_t pads[4])
{
    const tfjs_node *open = &t->model->nodes[s->node];
    tfjs_probe probe = {.origin = t->results[open->inputs[0]].origin};
    for (int i = 0; i < PROBES; i++) {
        int64_t pad[4], crop[4];
        int64_t size[4] = {1 + i % 3, LIMIT_BLOCK + i, LIMIT_BLOCK + (7 * i + 3) % PROBES,
                           3 + i % 5};
        memcpy(probe.dims, size, sizeof size);
        TRY(pair_of_sides(t, s->node, &probe, pad));
        TRY(pair_of_sides(t, id, &probe, crop));
        for (int k = 0; k < 4; k++) {
            if (i == 0)
                pads[k] = pad[k] - crop[k];
            else if (pads[k] != pad[k] - crop[k])
                return fail(STATUS_UNSUPPORTED,
                            "paddings less crops of its dilation depend on the picture's size");
        }
    }
    return STATUS_OK;
}

status tfjs_batch_to_space(tfjs_translation *t, int id)
{
    tfjs_result *r = &t->results[id];
    if (t->model->nodes[id].input_count != 3)
        return fail(STATUS_MODEL, "needs a picture, a block shape and crops");
    TRY(tfjs_picture(t, id, 0, r));
    if (r->sandwich < 0) return fail(STATUS_UNSUPPORTED, "has no SpaceToBatchND before it");
    const tfjs_sandwich *s = &t->sandwiches[r->sandwich];
    if (s->conv == GRAPH_ABSENT)
        return fail(STATUS_UNSUPPORTED, "no convolution stands between it and SpaceToBatchND");
    int block[2];
    int64_t sides[4]; /* height start, end, width start, end */
    TRY(read_block(t, id, block));
    if (block[0] != s->block[0] || block[1] != s->block[1])
        return fail(STATUS_UNSUPPORTED, "its block shape is not that of its SpaceToBatchND");
    TRY(settle_pads(t, id, s, sides));

    window *w = &t->g->nodes[s->conv].as.window;
    int same_size = 1;
    for (int axis = 0; axis < 2; axis++) {
        int64_t start = sides[2 * axis] + (int64_t)s->inner_pads[axis] * block[axis];
        int64_t end = sides[2 * axis + 1] + (int64_t)s->inner_pads[axis + 2] * block[axis];
        if (start < 0 || end < 0)
            return fail(STATUS_UNSUPPORTED, "it crops more than its SpaceToBatchND pads");
        if (start > LIMIT_WINDOW || end > LIMIT_WINDOW)
            return fail(STATUS_MODEL, "its paddings are more than %d", LIMIT_WINDOW);
        w->pads[axis] = (int)start;
        w->pads[axis + 2] = (int)end;
        same_size &= start + end == (int64_t)s->inner_reach[axis] * block[axis];
    }
    r->sandwich = -1;
    r->origin = same_size ? t->results[t->model->nodes[s->node].inputs[0]].origin : id;
    return STATUS_OK;
}
