/* Folding of the operators that move elements without computing with them. */
#include <inttypes.h>
#include <string.h>

#include "engine/lower/fold.h"

/* Input i, or NULL. */
static const constant *optional(const node *n, const constant *const *inputs, int i)
{
    return i < n->input_count ? inputs[i] : NULL;
}

/* The same elements in the same order under other dims: shares the array. */
static status relabel(folder *f, const constant *x, const shape *s, const constant **out)
{
    constant *c = pool_array(f->pool, 1, sizeof *c);
    if (!c) return STATUS_MEMORY;
    *c = *x;
    c->rank = s->rank;
    memcpy(c->dims, s->dims, sizeof c->dims);
    *out = c;
    return STATUS_OK;
}

static status fold_relabel(folder *f, const node *n, const constant *const *inputs,
                           const constant **out)
{
    shape in = fold_shape(inputs[0]), s;
    list items;
    TRY(fold_list(optional(n, inputs, 1), "the shape or axes", &items));
    switch (n->op) {
    case GRAPH_RESHAPE:
        if (!items.items) return fail(STATUS_MODEL, "it has no shape");
        TRY(shape_reshape(&in, items, n->as.allow_zero, &s));
        break;
    case GRAPH_FLATTEN: TRY(shape_flatten(&in, n->as.axis, &s)); break;
    case GRAPH_SQUEEZE: TRY(shape_squeeze(&in, items, &s)); break;
    default: TRY(shape_unsqueeze(&in, items, &s)); break;
    }
    return relabel(f, inputs[0], &s, out);
}

static status copy_view(folder *f, const constant *x, int64_t offset, const int64_t *strides,
                        const shape *s, const constant **out)
{
    folded result;
    TRY(fold_new(f, x->type, s, &result));
    fold_view(x, offset, strides, s, &result);
    *out = result.constant;
    return STATUS_OK;
}

static status fold_transpose(folder *f, const node *n, const constant *x, const constant **out)
{
    shape in = fold_shape(x), s;
    int axes[GRAPH_MAX_RANK];
    TRY(shape_transpose(&in, n, axes, &s));
    int64_t dense[GRAPH_MAX_RANK], strides[GRAPH_MAX_RANK];
    fold_strides(&in, dense);
    for (int i = 0; i < s.rank; i++) strides[i] = dense[axes[i]];
    return copy_view(f, x, 0, strides, &s, out);
}

static status fold_slice(folder *f, const node *n, const constant *const *inputs,
                         const constant **out)
{
    shape in = fold_shape(inputs[0]), s;
    list starts, ends, axes, steps;
    TRY(fold_list(optional(n, inputs, 1), "starts", &starts));
    TRY(fold_list(optional(n, inputs, 2), "ends", &ends));
    TRY(fold_list(optional(n, inputs, 3), "axes", &axes));
    TRY(fold_list(optional(n, inputs, 4), "steps", &steps));
    slice cut;
    TRY(shape_slice(&in, starts, ends, axes, steps, &cut, &s));
    int64_t dense[GRAPH_MAX_RANK], strides[GRAPH_MAX_RANK], offset = 0;
    fold_strides(&in, dense);
    for (int i = 0; i < s.rank; i++) {
        offset += cut.begin[i] * dense[i];
        strides[i] = cut.step[i] * dense[i];
    }
    return copy_view(f, inputs[0], offset, strides, &s, out);
}

static status fold_split(folder *f, const node *n, const constant *const *inputs,
                         const constant **outputs)
{
    shape in = fold_shape(inputs[0]);
    list sizes;
    int axis;
    TRY(fold_list(optional(n, inputs, 1), "sizes", &sizes));
    TRY(shape_axis(n->as.axis, in.rank, &axis));
    int64_t *parts = pool_array(f->pool, (size_t)n->output_count, sizeof *parts);
    if (!parts) return STATUS_MEMORY;
    TRY(shape_split(in.dims[axis], sizes, n->output_count, f->opset >= 18, parts));
    int64_t strides[GRAPH_MAX_RANK], offset = 0;
    fold_strides(&in, strides);
    for (int i = 0; i < n->output_count; i++) {
        shape s = in;
        s.dims[axis] = parts[i];
        if (n->outputs[i] != GRAPH_ABSENT) {
            TRY(copy_view(f, inputs[0], offset, strides, &s, &outputs[i]));
        }
        offset += parts[i] * strides[axis];
    }
    return STATUS_OK;
}

static status fold_expand(folder *f, const node *n, const constant *const *inputs,
                          const constant **out)
{
    shape in = fold_shape(inputs[0]), want, s;
    list dims;
    TRY(fold_list(optional(n, inputs, 1), "the shape", &dims));
    if (!dims.items) return fail(STATUS_MODEL, "it has no shape");
    TRY(shape_from_list(dims, &want));
    TRY(shape_broadcast(&in, &want, &s));
    int64_t dense[GRAPH_MAX_RANK], strides[GRAPH_MAX_RANK] = {0};
    fold_strides(&in, dense);
    for (int i = 0; i < in.rank; i++) {
        if (in.dims[i] != 1) strides[i + s.rank - in.rank] = dense[i];
    }
    return copy_view(f, inputs[0], 0, strides, &s, out);
}

/* Copies `length` elements. */
static void copy_run(const constant *from, int64_t from_at, folded *to, int64_t to_at,
                     int64_t length)
{
    if (length <= 0) return;
    if (to->reals) {
        memcpy(to->reals + to_at, from->reals + from_at, (size_t)length * sizeof *to->reals);
    } else {
        memcpy(to->integers + to_at, from->integers + from_at,
               (size_t)length * sizeof *to->integers);
    }
}

/* Elements of the axes before and behind `axis`; 0 before it where there are none at all. */
static void around(const shape *s, int axis, int64_t *outer, int64_t *inner)
{
    *outer = *inner = 1;
    for (int i = 0; i < s->rank; i++) {
        if (s->dims[i] == 0) *outer = 0;
    }
    if (!*outer) return;
    for (int i = 0; i < axis; i++) *outer *= s->dims[i];
    for (int i = axis + 1; i < s->rank; i++) *inner *= s->dims[i];
}

static status fold_gather(folder *f, const node *n, const constant *const *inputs,
                          const constant **out)
{
    const constant *x = inputs[0], *at = optional(n, inputs, 1);
    if (!at || at->type != ELEMENT_INTEGER) return fail(STATUS_MODEL, "it has no integer indices");
    shape in = fold_shape(x), indices = fold_shape(at), s;
    int axis;
    TRY(shape_axis(n->as.axis, in.rank, &axis));
    TRY(shape_gather(&in, axis, &indices, &s));
    folded result;
    TRY(fold_new(f, x->type, &s, &result));
    int64_t outer, inner, dim = in.dims[axis], to = 0;
    around(&in, axis, &outer, &inner);
    for (int64_t i = 0; i < at->count; i++) {
        if (at->integers[i] < -dim || at->integers[i] >= dim) {
            return fail(STATUS_MODEL, "index %" PRId64 " is outside 0..%" PRId64, at->integers[i],
                        dim - 1);
        }
    }
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t i = 0; i < at->count; i++, to += inner) {
            int64_t index = at->integers[i] < 0 ? at->integers[i] + dim : at->integers[i];
            copy_run(x, (o * dim + index) * inner, &result, to, inner);
        }
    }
    *out = result.constant;
    return STATUS_OK;
}

static status fold_concat(folder *f, const node *n, const constant *const *inputs,
                          const constant **out)
{
    shape s = fold_shape(inputs[0]);
    int axis;
    TRY(shape_axis(n->as.axis, s.rank, &axis));
    for (int i = 1; i < n->input_count; i++) {
        if (!inputs[i]) return fail(STATUS_MODEL, "input %d is missing", i);
        if (inputs[i]->type != inputs[0]->type) {
            return fail(STATUS_MODEL, "inputs 0 and %d differ in type", i);
        }
        shape part = fold_shape(inputs[i]);
        TRY(shape_concat(&s, &part, axis));
    }
    folded result;
    TRY(fold_new(f, inputs[0]->type, &s, &result));
    int64_t outer, inner, start = 0, row;
    around(&s, axis, &outer, &inner);
    row = s.dims[axis] * inner;
    for (int i = 0; i < n->input_count; i++) {
        int64_t length = inputs[i]->dims[axis] * inner;
        for (int64_t o = 0; o < outer; o++) {
            copy_run(inputs[i], o * length, &result, o * row + start, length);
        }
        start += length;
    }
    *out = result.constant;
    return STATUS_OK;
}

static void fill(folded *to, float real, int64_t integer)
{
    for (int64_t i = 0; i < to->constant->count; i++) {
        if (to->reals) {
            to->reals[i] = real;
        } else {
            to->integers[i] = integer;
        }
    }
}

static status fold_constant_of_shape(folder *f, const node *n, const constant *dims,
                                     const constant **out)
{
    list items;
    shape s;
    TRY(fold_list(dims, "the shape", &items));
    TRY(shape_from_list(items, &s));
    const constant *value = n->as.fill;
    if (value && value->count != 1) return fail(STATUS_MODEL, "its value is not one element");
    folded result;
    TRY(fold_new(f, value ? value->type : ELEMENT_REAL, &s, &result));
    fill(&result, value && value->reals ? value->reals[0] : 0,
         value && value->integers ? value->integers[0] : 0);
    *out = result.constant;
    return STATUS_OK;
}

status fold_move(folder *f, const node *n, const constant *const *inputs, const constant **outputs,
                 int *done)
{
    switch (n->op) {
    case GRAPH_RESHAPE:
    case GRAPH_FLATTEN:
    case GRAPH_SQUEEZE:
    case GRAPH_UNSQUEEZE: return fold_relabel(f, n, inputs, outputs);
    case GRAPH_TRANSPOSE: return fold_transpose(f, n, inputs[0], outputs);
    case GRAPH_SLICE: return fold_slice(f, n, inputs, outputs);
    case GRAPH_SPLIT: return fold_split(f, n, inputs, outputs);
    case GRAPH_EXPAND: return fold_expand(f, n, inputs, outputs);
    case GRAPH_GATHER: return fold_gather(f, n, inputs, outputs);
    case GRAPH_CONCAT: return fold_concat(f, n, inputs, outputs);
    case GRAPH_CONSTANT_OF_SHAPE: return fold_constant_of_shape(f, n, inputs[0], outputs);
    default: *done = 0; return STATUS_OK;
    }
}
