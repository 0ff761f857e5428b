/* Operations that move elements: pad, permute, copy, slice, gather, concat, expand; and resize. */
#include <stdio.h>

#include "family.h"

static step *one_to_one(problem *p, op o, int x, int y)
{
    step *s = problem_step(p, o);
    s->inputs[s->input_count++] = x;
    s->output = y;
    return s;
}

static int tensor_of(problem *p, const int dims[AXES])
{
    return problem_tensor(p, dims[0], dims[1], dims[2], dims[3], FILL_UNIT);
}

/* ---- pad ------------------------------------------------------------------------------------- */

typedef struct pad_case {
    int dims[AXES];
    pad_params params; /* kind, before, after, value */
} pad_case;

static const pad_case pad_cases[] = {
    {{1, 1, 1, 1}, {PAD_CONSTANT, {0, 0, 0, 0}, {0, 0, 0, 0}, 0}},
    {{3, 5, 7, 9}, {PAD_CONSTANT, {0, 1, 2, 0}, {0, 2, 1, 0}, 0}},
    {{1, 5, 7, 3}, {PAD_CONSTANT, {1, 0, 3, 2}, {0, 0, 0, 5}, -1.5f}},
    {{1, 5, 7, 4}, {PAD_CONSTANT, {0, -1, 2, 0}, {0, 1, -3, -1}, 0.5f}},
    {{1, 5, 7, 3}, {PAD_REFLECT, {0, 4, 2, 0}, {0, 1, 6, 0}, 0}},
    {{1, 5, 7, 3}, {PAD_EDGE, {0, 1, 9, 0}, {0, 7, 2, 1}, 0}},
    {{1, 5, 7, 3}, {PAD_WRAP, {0, 2, 3, 0}, {0, 1, 4, 2}, 0}},
    {{2, 5, 7, 20}, {PAD_REFLECT, {0, 2, 3, 0}, {0, 1, 2, 0}, 0}},
    {{1, 129, 129, 64}, {PAD_CONSTANT, {0, 1, 1, 0}, {0, 1, 1, 0}, 0}},
};

static status build_pad(problem *p, int index)
{
    static const char *const kinds[] = {"constant", "reflect", "edge", "wrap"};
    const pad_case *c = &pad_cases[index];
    int dims[AXES];
    for (int i = 0; i < AXES; i++) dims[i] = c->dims[i] + c->params.before[i] + c->params.after[i];
    snprintf(p->name, sizeof p->name, "%s %dx%dx%dx%d to %dx%dx%dx%d", kinds[c->params.kind],
             c->dims[0], c->dims[1], c->dims[2], c->dims[3], dims[0], dims[1], dims[2], dims[3]);
    int x = tensor_of(p, c->dims), y = tensor_of(p, dims);
    one_to_one(p, OP_PAD, x, y)->as.pad = c->params;
    return STATUS_OK;
}

const family pad_family = {"pad", sizeof pad_cases / sizeof *pad_cases, build_pad};

/* ---- permute, copy, slice -------------------------------------------------------------------- */

static status build_permute(problem *p, int index)
{
    static const int orders[][AXES] = {{0, 1, 2, 3}, {0, 3, 1, 2}, {0, 2, 3, 1}, {3, 2, 1, 0},
                                       {0, 2, 1, 3}, {1, 0, 3, 2}, {0, 1, 3, 2}};
    static const int from[AXES] = {3, 35, 9, 33};
    const int *order = orders[index];
    int dims[AXES];
    for (int i = 0; i < AXES; i++) dims[i] = from[order[i]];
    snprintf(p->name, sizeof p->name, "3x35x9x33 by %d,%d,%d,%d", order[0], order[1], order[2],
             order[3]);
    int x = tensor_of(p, from), y = tensor_of(p, dims);
    step *s = one_to_one(p, OP_PERMUTE, x, y);
    for (int i = 0; i < AXES; i++) s->as.permutation[i] = order[i];
    return STATUS_OK;
}

const family permute_family = {"permute", 7, build_permute};

static status build_copy(problem *p, int index)
{
    static const char *const names[] = {"1x1x1x1", "3x5x7x9 to 1x1x45x21", "to the other type",
                                        "1x33x33x64"};
    snprintf(p->name, sizeof p->name, "%s", names[index]);
    int x, y;
    switch (index) {
    case 0:
        x = problem_tensor(p, 1, 1, 1, 1, FILL_EVERY);
        y = problem_tensor(p, 1, 1, 1, 1, FILL_UNIT);
        break;
    case 1:
        x = problem_tensor(p, 3, 5, 7, 9, FILL_EVERY);
        y = problem_tensor(p, 1, 1, 45, 21, FILL_UNIT);
        break;
    case 2:
        x = problem_tensor(p, 1, 5, 7, 9, FILL_EVERY);
        y = problem_tensor(p, 1, 5, 7, 9, FILL_UNIT);
        p->tensors[y].type = p->type == TYPE_FP16 ? TYPE_FP32 : TYPE_FP16;
        break;
    default:
        x = problem_tensor(p, 1, 33, 33, 64, FILL_UNIT);
        y = problem_tensor(p, 1, 33, 33, 64, FILL_UNIT);
    }
    one_to_one(p, OP_COPY, x, y);
    return STATUS_OK;
}

const family copy_family = {"copy", 4, build_copy};

typedef struct slice_case {
    int dims[AXES], begin[AXES], step[AXES], count[AXES];
} slice_case;

static const slice_case slice_cases[] = {
    {{1, 1, 1, 1}, {0, 0, 0, 0}, {1, 1, 1, 1}, {1, 1, 1, 1}},
    {{3, 9, 7, 33}, {0, 0, 0, 16}, {1, 1, 1, 1}, {3, 9, 7, 17}},
    {{3, 9, 7, 33}, {1, 2, 1, 3}, {1, 3, 2, 5}, {2, 3, 3, 6}},
    {{1, 9, 7, 5}, {0, 8, 6, 4}, {1, -1, -2, -1}, {1, 9, 4, 5}},
};

static status build_slice(problem *p, int index)
{
    const slice_case *c = &slice_cases[index];
    snprintf(p->name, sizeof p->name, "%dx%dx%dx%d to %dx%dx%dx%d", c->dims[0], c->dims[1],
             c->dims[2], c->dims[3], c->count[0], c->count[1], c->count[2], c->count[3]);
    int x = tensor_of(p, c->dims), y = tensor_of(p, c->count);
    step *s = one_to_one(p, OP_SLICE, x, y);
    for (int i = 0; i < AXES; i++) {
        s->as.slice.begin[i] = c->begin[i];
        s->as.slice.step[i] = c->step[i];
    }
    return STATUS_OK;
}

const family slice_family = {"slice", sizeof slice_cases / sizeof *slice_cases, build_slice};

/* ---- gather, concat, expand ------------------------------------------------------------------ */

static status build_gather(problem *p, int index)
{
    static const int from[AXES] = {3, 5, 7, 33};
    int axis = index % AXES, count = 1 + 6 * (index / AXES), dims[AXES];
    for (int i = 0; i < AXES; i++) dims[i] = i == axis ? count : from[i];
    snprintf(p->name, sizeof p->name, "%d of axis %d", count, axis);
    int32_t *indices = pool_array(p->pool, (size_t)count, sizeof *indices);
    if (!indices) return STATUS_MEMORY;
    for (int i = 0; i < count; i++) indices[i] = (int32_t)problem_random(p, (uint32_t)from[axis]);
    int x = tensor_of(p, from), y = tensor_of(p, dims);
    one_to_one(p, OP_GATHER, x, y)->as.gather = (gather_params){axis, count, indices};
    return STATUS_OK;
}

const family gather_family = {"gather", 2 * AXES, build_gather};

static status build_concat(problem *p, int index)
{
    static const int axes[] = {AXIS_C, AXIS_H, AXIS_W, AXIS_N, AXIS_C, AXIS_C};
    static const int inputs[] = {2, 3, 2, 2, 1, STEP_MAX_INPUTS};
    int axis = axes[index], count = inputs[index], dims[AXES] = {2, 5, 3, 7};
    snprintf(p->name, sizeof p->name, "%d along axis %d", count, axis);
    step *s = problem_step(p, OP_CONCAT);
    s->as.concat_axis = axis;
    s->input_count = count;
    int total = 0;
    for (int i = 0; i < count; i++) {
        dims[axis] = 1 + 3 * i;
        total += dims[axis];
        s->inputs[i] = tensor_of(p, dims);
    }
    dims[axis] = total;
    s->output = tensor_of(p, dims);
    return STATUS_OK;
}

const family concat_family = {"concat", 6, build_concat};

static status build_expand(problem *p, int index)
{
    static const int from[][AXES] = {{1, 1, 1, 1}, {1, 1, 1, 9}, {1, 5, 1, 1}, {3, 1, 7, 1}};
    static const int to[][AXES] = {{1, 1, 1, 1}, {3, 5, 7, 9}, {3, 5, 7, 9}, {3, 5, 7, 9}};
    snprintf(p->name, sizeof p->name, "%dx%dx%dx%d to %dx%dx%dx%d", from[index][0], from[index][1],
             from[index][2], from[index][3], to[index][0], to[index][1], to[index][2],
             to[index][3]);
    int x = tensor_of(p, from[index]), y = tensor_of(p, to[index]);
    one_to_one(p, OP_EXPAND, x, y);
    return STATUS_OK;
}

const family expand_family = {"expand", 4, build_expand};

/* ---- resize ---------------------------------------------------------------------------------- */

typedef struct resize_case {
    const char *name;
    int n, h, w, c, to_h, to_w;
    resize_kind kind;
    nearest_rounding rounding;
    double scale_h, scale_w, shift_h, shift_w;
} resize_case;

static const resize_case resize_cases[] = {
    {"one pixel", 1, 1, 1, 3, 5, 4, KIND_LINEAR, NEAREST_FLOOR, 0.2, 0.25, 0, 0},
    {"twice, asymmetric", 3, 5, 7, 9, 10, 14, KIND_LINEAR, NEAREST_FLOOR, 0.5, 0.5, 0, 0},
    {"half-pixel", 1, 5, 7, 33, 8, 11, KIND_LINEAR, NEAREST_FLOOR, 0.625, 7.0 / 11, -0.1875,
     3.5 / 11 - 0.5},
    {"corners", 1, 5, 7, 3, 9, 13, KIND_LINEAR, NEAREST_FLOOR, 0.5, 0.5, 0, 0},
    {"down", 1, 9, 9, 4, 3, 4, KIND_LINEAR, NEAREST_FLOOR, 3, 2.25, 1, 0.625},
    {"nearest floor", 1, 5, 7, 9, 10, 14, KIND_NEAREST, NEAREST_FLOOR, 0.5, 0.5, 0, 0},
    {"nearest ceil", 1, 5, 7, 9, 10, 14, KIND_NEAREST, NEAREST_CEIL, 0.5, 0.5, 0, 0},
    {"nearest prefer floor", 1, 5, 7, 9, 10, 14, KIND_NEAREST, NEAREST_PREFER_FLOOR, 0.5, 0.5, 0,
     0},
    {"nearest prefer ceil", 3, 5, 7, 9, 10, 14, KIND_NEAREST, NEAREST_PREFER_CEIL, 0.5, 0.5, -0.25,
     -0.25},
};

static status build_resize(problem *p, int index)
{
    const resize_case *c = &resize_cases[index];
    snprintf(p->name, sizeof p->name, "%s %dx%d to %dx%d", c->name, c->h, c->w, c->to_h, c->to_w);
    int x = problem_tensor(p, c->n, c->h, c->w, c->c, FILL_UNIT);
    int y = problem_tensor(p, c->n, c->to_h, c->to_w, c->c, FILL_UNIT);
    one_to_one(p, OP_RESIZE, x, y)->as.resize = (resize_params){
        c->kind, c->rounding, {1, c->scale_h, c->scale_w, 1}, {0, c->shift_h, c->shift_w, 0}};
    return STATUS_OK;
}

const family resize_family = {"resize", sizeof resize_cases / sizeof *resize_cases, build_resize};
