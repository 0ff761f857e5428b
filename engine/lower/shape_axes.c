/* The shape rules of operators that only move elements or rename axes. */
#include <inttypes.h>

#include "engine/lower/shape.h"
#include "loader/limits.h"

status shape_from_list(list dims, shape *out)
{
    if (dims.count > GRAPH_MAX_RANK) {
        return fail(STATUS_UNSUPPORTED, "a shape of rank %" PRId64 " is over %d", dims.count,
                    GRAPH_MAX_RANK);
    }
    out->rank = (int)dims.count;
    for (int i = 0; i < out->rank; i++) out->dims[i] = dims.items[i];
    int64_t count;
    return shape_count(out, &count);
}

status shape_reshape(const shape *in, list target, int allow_zero, shape *out)
{
    if (target.count > GRAPH_MAX_RANK) {
        return fail(STATUS_UNSUPPORTED, "a shape of rank %" PRId64 " is over %d", target.count,
                    GRAPH_MAX_RANK);
    }
    shape result = {.rank = (int)target.count};
    int inferred = -1;
    for (int i = 0; i < result.rank; i++) {
        int64_t dim = target.items[i];
        if (dim == 0 && !allow_zero) {
            if (i >= in->rank) {
                return fail(STATUS_MODEL, "dim %d is to be copied from an input of rank %d", i,
                            in->rank);
            }
            dim = in->dims[i];
        } else if (dim == -1) {
            if (inferred >= 0) {
                return fail(STATUS_MODEL, "dims %d and %d are both -1", inferred, i);
            }
            inferred = i;
            dim = 1;
        }
        result.dims[i] = dim;
    }
    int64_t have, want;
    TRY(shape_count(in, &have));
    TRY(shape_count(&result, &want));
    if (inferred >= 0 && want > 0 && have % want == 0) {
        result.dims[inferred] = have / want;
        want = have;
    } else if (inferred >= 0) {
        want = -1;
    }
    if (have != want) {
        if (inferred >= 0) result.dims[inferred] = -1;
        char ti[SHAPE_TEXT_BYTES], to[SHAPE_TEXT_BYTES];
        return fail(STATUS_MODEL, "%s cannot become %s", shape_text(in, ti),
                    shape_text(&result, to));
    }
    *out = result;
    return STATUS_OK;
}

status shape_flatten(const shape *in, int64_t axis, shape *out)
{
    if (axis < -in->rank || axis > in->rank) {
        return fail(STATUS_MODEL, "axis %" PRId64 " is outside a tensor of rank %d", axis,
                    in->rank);
    }
    int split = (int)(axis < 0 ? axis + in->rank : axis);
    shape result = {.rank = 2};
    TRY(graph_element_count(in->dims, split, "the first part", &result.dims[0]));
    TRY(graph_element_count(in->dims + split, in->rank - split, "the rest", &result.dims[1]));
    *out = result;
    return STATUS_OK;
}

/* Which axes a node has named so far, each once at most. */
typedef struct axis_set {
    int rank;
    unsigned char named[GRAPH_MAX_RANK];
} axis_set;

/* shape_axis of one more. */
static status name_axis(axis_set *set, int64_t axis, int *out)
{
    TRY(shape_axis(axis, set->rank, out));
    if (set->named[*out]++) return fail(STATUS_MODEL, "axis %d is named twice", *out);
    return STATUS_OK;
}

static status name_axes(axis_set *set, list axes)
{
    int axis;
    for (int64_t i = 0; i < axes.count; i++) TRY(name_axis(set, axes.items[i], &axis));
    return STATUS_OK;
}

status shape_squeeze(const shape *in, list axes, shape *out)
{
    axis_set set = {.rank = in->rank};
    TRY(name_axes(&set, axes));
    shape result = {0};
    for (int i = 0; i < in->rank; i++) {
        if (set.named[i] && in->dims[i] != 1) {
            return fail(STATUS_MODEL, "axis %d has dim %" PRId64 ", not 1", i, in->dims[i]);
        }
        int drop = axes.items ? set.named[i] : in->dims[i] == 1;
        if (!drop) result.dims[result.rank++] = in->dims[i];
    }
    *out = result;
    return STATUS_OK;
}

status shape_unsqueeze(const shape *in, list axes, shape *out)
{
    if (axes.count > GRAPH_MAX_RANK - in->rank) {
        return fail(STATUS_UNSUPPORTED, "a result of rank %" PRId64 " is over %d",
                    axes.count + in->rank, GRAPH_MAX_RANK);
    }
    shape result = {.rank = in->rank + (int)axes.count};
    axis_set set = {.rank = result.rank};
    TRY(name_axes(&set, axes));
    for (int i = 0, from = 0; i < result.rank; i++) {
        result.dims[i] = set.named[i] ? 1 : in->dims[from++];
    }
    *out = result;
    return STATUS_OK;
}

status shape_transpose(const shape *in, const node *n, int axes[GRAPH_MAX_RANK], shape *out)
{
    int given = n->as.permutation.rank;
    if (given && given != in->rank) {
        return fail(STATUS_MODEL, "a permutation of %d axes for a tensor of rank %d", given,
                    in->rank);
    }
    shape result = {.rank = in->rank};
    axis_set set = {.rank = in->rank};
    for (int i = 0; i < in->rank; i++) {
        TRY(name_axis(&set, given ? n->as.permutation.axes[i] : in->rank - 1 - i, &axes[i]));
        result.dims[i] = in->dims[axes[i]];
    }
    *out = result;
    return STATUS_OK;
}

/* A slice bound: negative counts from the end, then held within low..high. */
static int64_t bound(int64_t at, int64_t dim, int64_t low, int64_t high)
{
    if (at < 0) at = at < -dim ? -1 - dim : at;
    if (at < 0) at += dim;
    return at < low ? low : at > high ? high : at;
}

status shape_slice(const shape *in, list starts, list ends, list axes, list steps, slice *cut,
                   shape *out)
{
    int64_t count = starts.count;
    if (ends.count != count || (axes.items && axes.count != count) ||
        (steps.items && steps.count != count) || count > in->rank) {
        return fail(STATUS_MODEL, "starts, ends, axes and steps do not fit each other or rank %d",
                    in->rank);
    }
    shape result = *in;
    for (int i = 0; i < GRAPH_MAX_RANK; i++) {
        cut->begin[i] = 0;
        cut->step[i] = 1;
    }
    axis_set set = {.rank = in->rank};
    for (int i = 0; i < (int)count; i++) {
        int axis;
        TRY(name_axis(&set, axes.items ? axes.items[i] : i, &axis));
        int64_t dim = in->dims[axis], step = steps.items ? steps.items[i] : 1;
        if (step == 0) return fail(STATUS_MODEL, "axis %d has step 0", axis);
        int64_t low = step > 0 ? 0 : -1, high = step > 0 ? dim : dim - 1;
        int64_t begin = bound(starts.items[i], dim, 0, high);
        int64_t end = bound(ends.items[i], dim, low, high);
        int64_t span = step > 0 ? end - begin : begin - end;
        /* |step| without overflow; anything from the span on takes one element. */
        int64_t stride = step > 0 ? step : step <= -LIMIT_DIM ? LIMIT_DIM : -step;
        int64_t taken = dim > 0 && span > 0 ? (span - 1) / stride + 1 : 0;
        result.dims[axis] = taken;
        cut->begin[axis] = taken > 0 ? begin : 0;
        cut->step[axis] = taken > 1 ? step : 1;
    }
    *out = result;
    return STATUS_OK;
}

status shape_pad(const shape *in, list pads, list axes, pad_mode mode, padding *amounts, shape *out)
{
    int64_t count = axes.items ? axes.count : in->rank;
    if (count > in->rank || pads.count != 2 * count) {
        return fail(STATUS_MODEL, "%" PRId64 " pads for %" PRId64 " axes of a tensor of rank %d",
                    pads.count, count, in->rank);
    }
    shape result = *in;
    for (int i = 0; i < GRAPH_MAX_RANK; i++) amounts->before[i] = amounts->after[i] = 0;
    axis_set set = {.rank = in->rank};
    for (int i = 0; i < (int)count; i++) {
        int axis;
        TRY(name_axis(&set, axes.items ? axes.items[i] : i, &axis));
        int64_t before = pads.items[i], after = pads.items[count + i], dim = in->dims[axis];
        int64_t most = mode == PAD_MODE_CONSTANT  ? LIMIT_DIM
                       : mode == PAD_MODE_REFLECT ? dim - 1
                       : mode == PAD_MODE_WRAP    ? dim
                       : dim > 0                  ? LIMIT_DIM
                                                  : 0;
        int64_t least = mode == PAD_MODE_CONSTANT ? -dim : 0;
        if (before < least || after < least || before > most || after > most ||
            before + dim + after < 0) {
            return fail(STATUS_MODEL,
                        "axis %d of dim %" PRId64 " cannot be padded by %" PRId64 " and %" PRId64,
                        axis, dim, before, after);
        }
        amounts->before[axis] = before;
        amounts->after[axis] = after;
        result.dims[axis] = before + dim + after;
    }
    *out = result;
    return STATUS_OK;
}
