#include "engine/lower/fold.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

shape fold_shape(const constant *c)
{
    shape s = {.rank = c->rank};
    memcpy(s.dims, c->dims, sizeof s.dims);
    return s;
}

void fold_strides(const shape *s, int64_t strides[GRAPH_MAX_RANK])
{
    int64_t stride = 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        /* Unsigned: with a dim of 0 the others may be of any size. */
        stride = (int64_t)((uint64_t)stride * (uint64_t)s->dims[i]);
    }
}

status fold_new(folder *f, element type, const shape *s, folded *out)
{
    int64_t count;
    TRY(shape_count(s, &count));
    if (count > f->budget) {
        return fail(STATUS_UNSUPPORTED, "constants of more than %lld elements are computed",
                    FOLD_MAX_ELEMENTS);
    }
    f->budget -= count;
    memset(out, 0, sizeof *out);
    out->constant = pool_array(f->pool, 1, sizeof *out->constant);
    if (!out->constant) return STATUS_MEMORY;
    constant *c = out->constant;
    c->type = type;
    c->rank = s->rank;
    memcpy(c->dims, s->dims, sizeof c->dims);
    c->count = count;
    if (type == ELEMENT_REAL) {
        c->reals = out->reals = pool_array(f->pool, (size_t)count, sizeof *out->reals);
    } else {
        c->integers = out->integers = pool_array(f->pool, (size_t)count, sizeof *out->integers);
    }
    return c->reals || c->integers ? STATUS_OK : STATUS_MEMORY;
}

void fold_view(const constant *from, int64_t offset, const int64_t strides[GRAPH_MAX_RANK],
               const shape *out, folded *to)
{
    int last = out->rank - 1;
    int64_t row = last >= 0 ? out->dims[last] : 1, step = last >= 0 ? strides[last] : 0;
    int64_t index[GRAPH_MAX_RANK] = {0};
    for (int64_t at = 0; at < to->constant->count; at += row) {
        if (to->reals) {
            for (int64_t i = 0; i < row; i++) to->reals[at + i] = from->reals[offset + i * step];
        } else {
            for (int64_t i = 0; i < row; i++) {
                to->integers[at + i] = from->integers[offset + i * step];
            }
        }
        for (int axis = last - 1; axis >= 0; axis--) {
            offset += strides[axis];
            if (++index[axis] < out->dims[axis]) break;
            offset -= strides[axis] * out->dims[axis];
            index[axis] = 0;
        }
    }
}

status fold_list(const constant *c, const char *what, list *out)
{
    *out = (list){NULL, 0};
    if (!c) return STATUS_OK;
    if (c->type != ELEMENT_INTEGER || c->rank > 1) {
        return fail(STATUS_MODEL, "%s must be a list of integers", what);
    }
    *out = (list){c->integers, c->count};
    return STATUS_OK;
}

status fold_shape_node(folder *f, const node *n, const shape *in, const constant **out)
{
    int64_t rank = in->rank, start = n->as.range.start, end = n->as.range.end;
    start = start < -rank ? 0 : start < 0 ? start + rank : start > rank ? rank : start;
    end = end < -rank ? 0 : end < 0 ? end + rank : end > rank ? rank : end;
    shape s = {.rank = 1, .dims = {end > start ? end - start : 0}};
    folded result;
    TRY(fold_new(f, ELEMENT_INTEGER, &s, &result));
    for (int64_t i = 0; i < s.dims[0]; i++) result.integers[i] = in->dims[start + i];
    *out = result.constant;
    return STATUS_OK;
}

/* `c` repeated to the shape `want`; itself where it has one element or that shape already. */
static status broadcast(folder *f, const constant *c, const shape *want, int64_t count,
                        const constant **out)
{
    *out = c;
    if (c->count == 1 || c->count == count) return STATUS_OK;
    shape have = fold_shape(c);
    int64_t dense[GRAPH_MAX_RANK], strides[GRAPH_MAX_RANK] = {0};
    fold_strides(&have, dense);
    for (int i = 0; i < have.rank; i++) {
        if (have.dims[i] != 1) strides[i + want->rank - have.rank] = dense[i];
    }
    folded result;
    TRY(fold_new(f, c->type, want, &result));
    fold_view(c, 0, strides, want, &result);
    *out = result.constant;
    return STATUS_OK;
}

static double real_operation(graph_op op, double a, double b)
{
    switch (op) {
    case GRAPH_ADD: return a + b;
    case GRAPH_SUB: return a - b;
    case GRAPH_MUL: return a * b;
    case GRAPH_DIV: return a / b;
    case GRAPH_MIN: return isnan(a) || a < b ? a : b;
    default: return isnan(a) || a > b ? a : b;
    }
}

static int64_t integer_operation(graph_op op, int64_t a, int64_t b)
{
    switch (op) {
    case GRAPH_ADD: return (int64_t)((uint64_t)a + (uint64_t)b);
    case GRAPH_SUB: return (int64_t)((uint64_t)a - (uint64_t)b);
    case GRAPH_MUL: return (int64_t)((uint64_t)a * (uint64_t)b);
    case GRAPH_DIV: return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
    case GRAPH_MIN: return a < b ? a : b;
    default: return a > b ? a : b;
    }
}

static status fold_binary(folder *f, graph_op op, const constant *a, const constant *b,
                          const constant **out)
{
    if (a->type != b->type) return fail(STATUS_MODEL, "one operand is real, the other integer");
    shape sa = fold_shape(a), sb = fold_shape(b), s;
    TRY(shape_broadcast(&sa, &sb, &s));
    folded result;
    TRY(fold_new(f, a->type, &s, &result));
    int64_t count = result.constant->count;
    TRY(broadcast(f, a, &s, count, &a));
    TRY(broadcast(f, b, &s, count, &b));
    int64_t step_a = a->count > 1, step_b = b->count > 1;
    for (int64_t i = 0; i < count; i++) {
        if (result.reals) {
            result.reals[i] = (float)real_operation(op, a->reals[i * step_a], b->reals[i * step_b]);
        } else {
            int64_t divisor = b->integers[i * step_b];
            if (op == GRAPH_DIV && divisor == 0) return fail(STATUS_MODEL, "division by zero");
            result.integers[i] = integer_operation(op, a->integers[i * step_a], divisor);
        }
    }
    *out = result.constant;
    return STATUS_OK;
}

static double real_function(graph_op op, double x)
{
    switch (op) {
    case GRAPH_SQRT: return sqrt(x);
    case GRAPH_CEIL: return ceil(x);
    case GRAPH_FLOOR: return floor(x);
    case GRAPH_RELU: return x < 0 ? 0 : x;
    default: return 1 / (1 + exp(-x));
    }
}

static status fold_unary(folder *f, graph_op op, const constant *x, const constant **out)
{
    if (x->type != ELEMENT_REAL) return fail(STATUS_UNSUPPORTED, "it has integers to work on");
    shape s = fold_shape(x);
    folded result;
    TRY(fold_new(f, ELEMENT_REAL, &s, &result));
    for (int64_t i = 0; i < x->count; i++) {
        result.reals[i] = (float)real_function(op, x->reals[i]);
    }
    *out = result.constant;
    return STATUS_OK;
}

/* Towards zero; what does not fit becomes the nearest integer that does, NaN becomes 0. */
static int64_t to_integer(float x)
{
    if (isnan(x)) return 0;
    if (x >= 9223372036854775808.0f) return INT64_MAX;
    if (x < -9223372036854775808.0f) return INT64_MIN;
    return (int64_t)x;
}

static status fold_cast(folder *f, element type, const constant *x, const constant **out)
{
    *out = x;
    if (x->type == type) return STATUS_OK;
    shape s = fold_shape(x);
    folded result;
    TRY(fold_new(f, type, &s, &result));
    for (int64_t i = 0; i < x->count; i++) {
        if (result.reals) {
            result.reals[i] = (float)x->integers[i];
        } else {
            result.integers[i] = to_integer(x->reals[i]);
        }
    }
    *out = result.constant;
    return STATUS_OK;
}

/* MIN and MAX of any number of operands. */
static status fold_extremum(folder *f, const node *n, const constant *const *inputs,
                            const constant **out)
{
    const constant *sum = inputs[0];
    for (int i = 1; i < n->input_count; i++) {
        if (!inputs[i]) return fail(STATUS_MODEL, "input %d is missing", i);
        TRY(fold_binary(f, n->op, sum, inputs[i], &sum));
    }
    *out = sum;
    return STATUS_OK;
}

static status fold_clip(folder *f, const node *n, const constant *const *inputs,
                        const constant **out)
{
    const constant *x = inputs[0];
    const constant *low = n->input_count > 1 ? inputs[1] : NULL;
    const constant *high = n->input_count > 2 ? inputs[2] : NULL;
    if (low) TRY(fold_binary(f, GRAPH_MAX, x, low, &x));
    if (high) TRY(fold_binary(f, GRAPH_MIN, x, high, &x));
    *out = x;
    return STATUS_OK;
}

status fold_node(folder *f, const node *n, const constant *const *inputs, const constant **outputs,
                 int *done)
{
    *done = 1;
    for (int i = 0; i < n->output_count; i++) outputs[i] = NULL;
    if (n->input_count < 1 || n->output_count < 1) return fail(STATUS_MODEL, "it has no input");
    switch (n->op) {
    case GRAPH_ADD:
    case GRAPH_SUB:
    case GRAPH_MUL:
    case GRAPH_DIV:
        if (n->input_count != 2 || !inputs[1]) return fail(STATUS_MODEL, "it needs two inputs");
        return fold_binary(f, n->op, inputs[0], inputs[1], outputs);
    case GRAPH_MIN:
    case GRAPH_MAX: return fold_extremum(f, n, inputs, outputs);
    case GRAPH_CLIP: return fold_clip(f, n, inputs, outputs);
    case GRAPH_SQRT:
    case GRAPH_CEIL:
    case GRAPH_FLOOR:
    case GRAPH_RELU:
    case GRAPH_SIGMOID: return fold_unary(f, n->op, inputs[0], outputs);
    case GRAPH_CAST: return fold_cast(f, n->as.cast_to, inputs[0], outputs);
    case GRAPH_IDENTITY: outputs[0] = inputs[0]; return STATUS_OK;
    case GRAPH_SHAPE: {
        shape in = fold_shape(inputs[0]);
        return fold_shape_node(f, n, &in, outputs);
    }
    default: return fold_move(f, n, inputs, outputs, done);
    }
}
