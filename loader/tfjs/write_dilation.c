/* Dilation as TensorFlow writes it where the picture's size is not known: pads and crops of
 * SpaceToBatchND and BatchToSpaceND are computed from the picture's shape. */
#include "loader/limits.h"
#include "loader/tfjs/write_node.h"

/* A chain of integer nodes under one name scope. */
typedef struct chain {
    tfjs_writer *w;
    const char *prefix;
} chain;

/* "prefix/suffix"; "" where memory is out, which w->result says. */
static const char *named(chain *c, const char *suffix)
{
    char *name = pool_format(c->w->pool, "%s/%s", c->prefix, suffix);
    if (!name && c->w->result == STATUS_OK) c->w->result = STATUS_MEMORY;
    return name ? name : "";
}

static const char *integers(chain *c, const char *suffix, int rank, const int *list, int count)
{
    const char *name = "";
    if (c->w->result == STATUS_OK)
        c->w->result = tfjs_write_integers(c->w, c->prefix, suffix, rank, list, count, &name);
    return name;
}

static const char *binary(chain *c, const char *op, const char *suffix, const char *a,
                          const char *b)
{
    const char *name = named(c, suffix);
    cJSON *n = tfjs_new_node(c->w, op, name, (const char *const[]){a, b}, 2);
    tfjs_set_type(c->w, n, "T", "DT_INT32");
    return name;
}

/* list[begin..end), or list[begin] alone. */
static const char *range(chain *c, const char *suffix, const char *list, int begin, int end,
                         int alone)
{
    const char *name = named(c, suffix);
    chain inner = {.w = c->w, .prefix = name};
    const int one = 1;
    const char *inputs[4] = {list, integers(&inner, "stack", 1, &begin, 1),
                             integers(&inner, "stack_1", 1, &end, 1),
                             integers(&inner, "stack_2", 1, &one, 1)};
    cJSON *n = tfjs_new_node(c->w, "StridedSlice", name, inputs, 4);
    tfjs_set_type(c->w, n, "T", "DT_INT32");
    tfjs_set_type(c->w, n, "Index", "DT_INT32");
    tfjs_set_integer(c->w, n, "begin_mask", 0);
    tfjs_set_integer(c->w, n, "end_mask", 0);
    tfjs_set_integer(c->w, n, "ellipsis_mask", 0);
    tfjs_set_integer(c->w, n, "new_axis_mask", 0);
    tfjs_set_integer(c->w, n, "shrink_axis_mask", alone);
    return name;
}

static const char *pack(chain *c, const char *suffix, const char *a, const char *b)
{
    const char *name = named(c, suffix);
    cJSON *n = tfjs_new_node(c->w, "Pack", name, (const char *const[]){a, b}, 2);
    tfjs_set_type(c->w, n, "T", "DT_INT32");
    tfjs_set_integer(c->w, n, "axis", 0);
    tfjs_set_integer(c->w, n, "N", 2);
    return name;
}

/* [[starts[0], ends[0]], [starts[1], ends[1]]] */
static const char *sides(chain *c, const char *suffix, const int starts[2], const char *ends)
{
    const char *scope = named(c, suffix);
    chain inner = {.w = c->w, .prefix = scope};
    const char *start0 = integers(&inner, "0/start", 0, &starts[0], 1);
    const char *row0 = pack(&inner, "0", start0, range(&inner, "0/end", ends, 0, 1, 1));
    const char *start1 = integers(&inner, "1/start", 0, &starts[1], 1);
    const char *row1 = pack(&inner, "1", start1, range(&inner, "1/end", ends, 1, 2, 1));
    return pack(c, suffix, row0, row1);
}

/* What the convolution itself pads: before and after, height and width. */
static void own_pads(const window *win, int before[2], int after[2])
{
    for (int axis = 0; axis < 2; axis++) {
        int reach = (win->kernel[axis] - 1) * win->dilation[axis];
        before[axis] = win->auto_pad == PAD_VALID      ? 0
                       : win->auto_pad == PAD_EXPLICIT ? win->pads[axis]
                                                       : reach / 2;
        after[axis] = win->auto_pad == PAD_VALID      ? 0
                      : win->auto_pad == PAD_EXPLICIT ? win->pads[axis + 2]
                                                      : reach - reach / 2;
    }
}

status tfjs_write_split(tfjs_writer *w, const char *prefix, const window *win, const char **x,
                        const char **crops)
{
    chain c = {.w = w, .prefix = prefix};
    int before[2], after[2], sum[2];
    own_pads(win, before, after);
    for (int i = 0; i < 2; i++) {
        sum[i] = before[i] + after[i];
        if (win->dilation[i] > LIMIT_BLOCK || before[i] > LIMIT_WINDOW ||
            after[i] + win->dilation[i] > LIMIT_WINDOW)
            return fail(STATUS_UNSUPPORTED, "has dilation %d with pads %d and %d", win->dilation[i],
                        before[i], after[i]);
    }

    const char *shape = named(&c, "Shape");
    cJSON *n = tfjs_new_node(w, "Shape", shape, x, 1);
    tfjs_set_type(w, n, "T", "DT_FLOAT");
    tfjs_set_type(w, n, "out_type", "DT_INT32");
    const char *size = range(&c, "spatial", shape, 1, 3, 0);
    const char *block = integers(&c, "block_shape", 1, win->dilation, 2);
    /* What the padded size lacks to a multiple of the block. */
    const char *padded = binary(&c, "Add", "padded", size, integers(&c, "pads", 1, sum, 2));
    const char *over = binary(&c, "FloorMod", "mod", padded, block);
    const char *lack = binary(&c, "Sub", "sub", block, over);
    const char *extra = binary(&c, "FloorMod", "mod_1", lack, block);
    const char *end = binary(&c, "Add", "end", extra, integers(&c, "pads_end", 1, after, 2));
    const char *paddings = sides(&c, "paddings", before, end);
    *crops = sides(&c, "crops", (const int[]){0, 0}, extra);

    const char *split = named(&c, "SpaceToBatchND");
    n = tfjs_new_node(w, "SpaceToBatchND", split, (const char *const[]){*x, block, paddings}, 3);
    tfjs_set_type(w, n, "T", "DT_FLOAT");
    tfjs_set_type(w, n, "Tpaddings", "DT_INT32");
    tfjs_set_type(w, n, "Tblock_shape", "DT_INT32");
    *x = split;
    return w->result;
}

status tfjs_write_join(tfjs_writer *w, const char *prefix, const window *win, const char *crops,
                       const char **x)
{
    chain c = {.w = w, .prefix = prefix};
    const char *block = integers(&c, "BatchToSpaceND/block_shape", 1, win->dilation, 2);
    const char *join = named(&c, "BatchToSpaceND");
    cJSON *n = tfjs_new_node(w, "BatchToSpaceND", join, (const char *const[]){*x, block, crops}, 3);
    tfjs_set_type(w, n, "T", "DT_FLOAT");
    tfjs_set_type(w, n, "Tcrops", "DT_INT32");
    tfjs_set_type(w, n, "Tblock_shape", "DT_INT32");
    *x = join;
    return w->result;
}
