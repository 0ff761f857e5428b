#include "engine/lower/shape.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "loader/limits.h"

status shape_count(const shape *s, int64_t *count)
{
    return graph_element_count(s->dims, s->rank, "a tensor", count);
}

const char *shape_text(const shape *s, char text[SHAPE_TEXT_BYTES])
{
    int used = s->rank > 0 ? 0 : snprintf(text, SHAPE_TEXT_BYTES, "scalar");
    for (int i = 0; i < s->rank; i++) {
        used += snprintf(text + used, (size_t)(SHAPE_TEXT_BYTES - used), "%s%" PRId64, i ? "x" : "",
                         s->dims[i]);
    }
    return text;
}

status shape_axis(int64_t axis, int rank, int *out)
{
    if (axis < -rank || axis >= rank) {
        return fail(STATUS_MODEL, "axis %" PRId64 " is outside a tensor of rank %d", axis, rank);
    }
    *out = (int)(axis < 0 ? axis + rank : axis);
    return STATUS_OK;
}

/* One axis of shape_window. */
static status window_axis(const window *w, int a, int64_t in, int kernel, int pooling, int64_t *out,
                          int *before, int *after)
{
    int stride = w->stride[a], dilation = w->dilation[a];
    if (kernel < 1 || stride < 1 || dilation < 1 || kernel > LIMIT_WINDOW ||
        stride > LIMIT_WINDOW || dilation > LIMIT_WINDOW) {
        return fail(STATUS_MODEL, "kernel %d, stride %d and dilation %d must all be 1 to %d",
                    kernel, stride, dilation, LIMIT_WINDOW);
    }
    if (in < 1 || in >= LIMIT_DIM) {
        return fail(STATUS_MODEL, "an input side of %" PRId64 " has no windows", in);
    }
    int64_t extent = (int64_t)(kernel - 1) * dilation + 1;
    int64_t top = 0, bottom = 0;
    if (w->auto_pad == PAD_SAME_UPPER || w->auto_pad == PAD_SAME_LOWER) {
        *out = (in + stride - 1) / stride;
        int64_t total = (*out - 1) * stride + extent - in;
        if (total < 0) total = 0;
        top = w->auto_pad == PAD_SAME_UPPER ? total / 2 : total - total / 2;
        bottom = total - top;
    } else {
        if (w->auto_pad == PAD_EXPLICIT) {
            top = w->pads[a];
            bottom = w->pads[a + 2];
        }
        if (top < 0 || bottom < 0 || top > LIMIT_WINDOW || bottom > LIMIT_WINDOW) {
            return fail(STATUS_MODEL, "pads %" PRId64 " and %" PRId64 " must be 0 to %d", top,
                        bottom, LIMIT_WINDOW);
        }
        if (pooling && (top >= extent || bottom >= extent)) {
            return fail(STATUS_MODEL,
                        "pads of %" PRId64 " and %" PRId64 " leave windows of %" PRId64
                        " with nothing but padding",
                        top, bottom, extent);
        }
        int64_t room = in + top + bottom - extent;
        int rest = w->ceil_mode && room % stride != 0;
        if (room < 0 && !(rest && -room < stride)) {
            return fail(STATUS_MODEL,
                        "a window of %" PRId64 " is larger than the padded input of %" PRId64,
                        extent, in + top + bottom);
        }
        *out = room < 0 ? 0 : room / stride + 1;
        if (rest) {
            /* One more window, unless it would begin behind the input. */
            if (*out * stride < in + top) *out += 1;
            int64_t needed = (*out - 1) * stride + extent - in - top;
            if (needed > bottom) bottom = needed;
        }
    }
    *before = (int)top;
    *after = (int)bottom;
    return STATUS_OK;
}

status shape_window(const window *w, const int kernel[2], const int64_t in[2], int pooling,
                    int64_t out[2], int pads[4])
{
    for (int a = 0; a < 2; a++) {
        TRY(window_axis(w, a, in[a], kernel[a], pooling, &out[a], &pads[a], &pads[a + 2]));
    }
    return STATUS_OK;
}

status shape_broadcast(const shape *a, const shape *b, shape *out)
{
    shape result = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 0; i < result.rank; i++) {
        int ia = i - (result.rank - a->rank), ib = i - (result.rank - b->rank);
        int64_t da = ia < 0 ? 1 : a->dims[ia], db = ib < 0 ? 1 : b->dims[ib];
        if (da != db && da != 1 && db != 1) {
            char ta[SHAPE_TEXT_BYTES], tb[SHAPE_TEXT_BYTES];
            return fail(STATUS_MODEL, "%s and %s do not broadcast", shape_text(a, ta),
                        shape_text(b, tb));
        }
        result.dims[i] = da == 1 ? db : da;
    }
    *out = result;
    return STATUS_OK;
}

status shape_gather(const shape *in, int axis, const shape *indices, shape *out)
{
    shape result = {.rank = in->rank - 1 + indices->rank};
    if (result.rank > GRAPH_MAX_RANK) {
        return fail(STATUS_UNSUPPORTED, "a result of rank %d is over %d", result.rank,
                    GRAPH_MAX_RANK);
    }
    int at = 0;
    for (int i = 0; i < axis; i++) result.dims[at++] = in->dims[i];
    for (int i = 0; i < indices->rank; i++) result.dims[at++] = indices->dims[i];
    for (int i = axis + 1; i < in->rank; i++) result.dims[at++] = in->dims[i];
    *out = result;
    return STATUS_OK;
}

status shape_concat(shape *sum, const shape *part, int axis)
{
    int same = sum->rank == part->rank;
    for (int i = 0; same && i < sum->rank; i++) {
        same = i == axis || sum->dims[i] == part->dims[i];
    }
    if (!same) {
        char ts[SHAPE_TEXT_BYTES], tp[SHAPE_TEXT_BYTES];
        return fail(STATUS_MODEL, "%s and %s differ outside axis %d", shape_text(sum, ts),
                    shape_text(part, tp), axis);
    }
    if (part->dims[axis] < 0 || sum->dims[axis] > LIMIT_DIM - part->dims[axis]) {
        return fail(STATUS_MODEL, "the parts' sizes along axis %d add up to too much", axis);
    }
    sum->dims[axis] += part->dims[axis];
    return STATUS_OK;
}

status shape_split(int64_t dim, list sizes, int parts, int uneven, int64_t *out)
{
    if (parts < 1) return fail(STATUS_MODEL, "no outputs");
    if (!sizes.items) {
        int64_t each = (dim + parts - 1) / parts;
        if (dim % parts && (!uneven || each * (parts - 1) > dim)) {
            return fail(STATUS_MODEL, "%" PRId64 " does not divide into %d parts", dim, parts);
        }
        for (int i = 0; i < parts; i++) out[i] = i < parts - 1 ? each : dim - each * (parts - 1);
        return STATUS_OK;
    }
    if (sizes.count != parts) {
        return fail(STATUS_MODEL, "%" PRId64 " sizes for %d outputs", sizes.count, parts);
    }
    int64_t left = dim;
    for (int i = 0; i < parts; i++) {
        if (sizes.items[i] < 0 || sizes.items[i] > left) {
            return fail(STATUS_MODEL, "part %d has size %" PRId64 " of %" PRId64 " left", i,
                        sizes.items[i], left);
        }
        out[i] = sizes.items[i];
        left -= out[i];
    }
    if (left) return fail(STATUS_MODEL, "the sizes leave %" PRId64 " of %" PRId64, left, dim);
    return STATUS_OK;
}

status shape_resize(int64_t dim, float factor, int64_t *out)
{
    float size = floorf((float)dim * factor);
    if (!(factor > 0) || !(size >= 1) || size >= (float)LIMIT_DIM) {
        return fail(STATUS_MODEL, "%" PRId64 " cannot be resized by %g", dim, (double)factor);
    }
    *out = (int64_t)size;
    return STATUS_OK;
}

void shape_resize_coordinates(resize_coordinates kind, int64_t in, int64_t out, double factor,
                              double *scale, double *shift)
{
    *scale = 1 / factor;
    *shift = 0;
    switch (kind) {
    case RESIZE_HALF_PIXEL: *shift = 0.5 / factor - 0.5; break;
    case RESIZE_PYTORCH_HALF_PIXEL:
        if (out > 1) {
            *shift = 0.5 / factor - 0.5;
        } else {
            *scale = 0;
        }
        break;
    case RESIZE_ALIGN_CORNERS: *scale = out > 1 ? (double)(in - 1) / (double)(out - 1) : 0; break;
    case RESIZE_ASYMMETRIC: break;
    }
}
