/* Lowering of what looks at a window of height and width: convolution, max pooling, resizing. */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "engine/lower/build.h"
#include "loader/limits.h"

/* Input 0, which must have rank 4, as a tensor in the naming of convolutions. */
static status bring_picture(lowering *l, operand **x, int *tensor)
{
    TRY(lower_operand(l, 0, x));
    if ((*x)->shape.rank != AXES) {
        return fail(STATUS_UNSUPPORTED, "it has an input of rank %d, not 4", (*x)->shape.rank);
    }
    return lower_bring(l, *x, naming_nchw, tensor);
}

/* The filter and the bias: constants of the model, since their addresses name packed weights that
 * outlive the plan. Checked against the input's channels. */
static status conv_weights(lowering *l, int64_t channels, const constant **filter,
                           const constant **bias)
{
    const graph *g = l->graph;
    *bias = NULL;
    for (int i = 1; i < 3; i++) {
        int id = node_input(l->node, i);
        if (id == GRAPH_ABSENT && i == 2) break;
        if (id == GRAPH_ABSENT || !g->values[id].constant) {
            return fail(STATUS_UNSUPPORTED, "its %s is no constant of the model",
                        i == 1 ? "filter" : "bias");
        }
        *(i == 1 ? filter : bias) = g->values[id].constant;
    }
    const constant *f = *filter;
    if (f->rank != 4 || !f->reals || f->count < 1) {
        return fail(STATUS_UNSUPPORTED, "its filter has rank %d, not 4", f->rank);
    }
    int64_t groups = l->node->as.window.groups, outputs = f->dims[0];
    if (groups < 1 || channels % groups || outputs % groups) {
        return fail(STATUS_MODEL,
                    "%" PRId64 " groups do not divide %" PRId64 " and %" PRId64 " channels", groups,
                    channels, outputs);
    }
    if (f->dims[1] != channels / groups) {
        return fail(STATUS_MODEL,
                    "its filter is for %" PRId64 " channels a group, its input has %" PRId64
                    " in %" PRId64 " groups",
                    f->dims[1], channels, groups);
    }
    if (*bias && (!(*bias)->reals || (*bias)->count != outputs)) {
        return fail(STATUS_MODEL, "its bias is not a list of %" PRId64 " numbers", outputs);
    }
    if (outputs > INT_MAX || channels > INT_MAX) {
        return fail(STATUS_UNSUPPORTED, "it has too many channels");
    }
    return STATUS_OK;
}

/* The filter's own size, which a kernel_shape must agree with. */
static status conv_kernel(const window *w, const constant *filter, int kernel[2])
{
    for (int a = 0; a < 2; a++) {
        int64_t size = filter->dims[2 + a];
        if (size > LIMIT_WINDOW || (w->kernel[a] && w->kernel[a] != size)) {
            return fail(STATUS_MODEL, "kernel_shape says %d where its filter has %" PRId64,
                        w->kernel[a], size);
        }
        kernel[a] = (int)size;
    }
    return STATUS_OK;
}

status lower_conv(lowering *l, operand *out)
{
    const window *w = &l->node->as.window;
    operand *x;
    const constant *filter = NULL, *bias = NULL;
    conv_params p = {.groups = w->groups};
    int tensor;
    int64_t size[2];
    TRY(bring_picture(l, &x, &tensor));
    TRY(conv_weights(l, x->shape.dims[1], &filter, &bias));
    TRY(conv_kernel(w, filter, p.kernel));
    TRY(shape_window(w, p.kernel, &x->shape.dims[2], 0, size, p.pads));
    memcpy(p.stride, w->stride, sizeof p.stride);
    memcpy(p.dilation, w->dilation, sizeof p.dilation);
    p.in_channels = (int)x->shape.dims[1];
    p.out_channels = (int)filter->dims[0];
    p.filter = filter->reals;
    p.bias = bias ? bias->reals : NULL;
    shape s = {.rank = 4, .dims = {x->shape.dims[0], p.out_channels, size[0], size[1]}};
    step *step;
    TRY(lower_emit(l, OP_CONV, &tensor, 1, out, &s, naming_nchw, &step));
    step->as.conv = p;
    return STATUS_OK;
}

status lower_max_pool(lowering *l, operand *out)
{
    const window *w = &l->node->as.window;
    operand *x;
    pool_params p;
    int tensor;
    int64_t size[2];
    TRY(bring_picture(l, &x, &tensor));
    TRY(shape_window(w, w->kernel, &x->shape.dims[2], 1, size, p.pads));
    memcpy(p.kernel, w->kernel, sizeof p.kernel);
    memcpy(p.stride, w->stride, sizeof p.stride);
    memcpy(p.dilation, w->dilation, sizeof p.dilation);
    shape s = {.rank = 4, .dims = {x->shape.dims[0], x->shape.dims[1], size[0], size[1]}};
    step *step;
    TRY(lower_emit(l, OP_MAX_POOL, &tensor, 1, out, &s, naming_nchw, &step));
    step->as.pool = p;
    return STATUS_OK;
}

/* The factor and the size of each axis, from whichever of scales and sizes the node has. */
static status resize_sizes(lowering *l, const shape *in, shape *out, double factor[AXES])
{
    const constant *scales;
    list sizes;
    TRY(lower_known(l, 2, "scales", &scales));
    TRY(lower_list(l, 3, "sizes", &sizes));
    if (scales && scales->count == 0) scales = NULL;
    if (sizes.count == 0) sizes.items = NULL;
    if (!scales == !sizes.items) {
        return fail(STATUS_MODEL, "it needs either scales or sizes");
    }
    if ((scales && (!scales->reals || scales->count != in->rank)) ||
        (sizes.items && sizes.count != in->rank)) {
        return fail(STATUS_MODEL, "it has not one scale or size an axis");
    }
    out->rank = in->rank;
    for (int i = 0; i < in->rank; i++) {
        if (scales) {
            factor[i] = scales->reals[i];
            TRY(shape_resize(in->dims[i], scales->reals[i], &out->dims[i]));
        } else {
            out->dims[i] = sizes.items[i];
            if (sizes.items[i] < 1) return fail(STATUS_MODEL, "size %" PRId64, sizes.items[i]);
            factor[i] = (double)sizes.items[i] / (double)in->dims[i];
        }
    }
    return STATUS_OK;
}

static nearest_rounding rounding_of(resize_rounding r)
{
    switch (r) {
    case RESIZE_ROUND_PREFER_CEIL: return NEAREST_PREFER_CEIL;
    case RESIZE_FLOOR: return NEAREST_FLOOR;
    case RESIZE_CEIL: return NEAREST_CEIL;
    default: return NEAREST_PREFER_FLOOR;
    }
}

status lower_resize(lowering *l, operand *out)
{
    const resize_rule *rule = &l->node->as.resize;
    operand *x;
    int tensor, naming[AXES];
    double factor[AXES];
    shape s;
    TRY(lower_operand(l, 0, &x));
    if (x->shape.rank > AXES) return fail(STATUS_UNSUPPORTED, "rank %d", x->shape.rank);
    TRY(resize_sizes(l, &x->shape, &s, factor));
    /* As it lies, if that puts the axes that change on height and width; NHWC files do. */
    int fits = x->tensor >= 0;
    for (int i = 0; fits && i < s.rank; i++) {
        int axis = x->axis_of[i];
        fits =
            (factor[i] == 1 && s.dims[i] == x->shape.dims[i]) || axis == AXIS_H || axis == AXIS_W;
    }
    if (fits) {
        memcpy(naming, x->axis_of, sizeof naming);
    } else if (s.rank == AXES) {
        memcpy(naming, naming_nchw, sizeof naming);
    } else {
        return fail(STATUS_UNSUPPORTED, "it resizes a tensor of rank %d", s.rank);
    }
    resize_params p = {.kind = rule->mode == RESIZE_LINEAR ? KIND_LINEAR : KIND_NEAREST,
                       .rounding = rounding_of(rule->rounding),
                       .scale = {1, 1, 1, 1}};
    for (int i = 0; i < s.rank; i++) {
        int axis = naming[i];
        if (factor[i] == 1 && s.dims[i] == x->shape.dims[i]) continue;
        if (axis != AXIS_H && axis != AXIS_W) {
            return fail(STATUS_UNSUPPORTED, "axis %d is resized, not only height and width", i);
        }
        shape_resize_coordinates(rule->coordinates, x->shape.dims[i], s.dims[i], factor[i],
                                 &p.scale[axis], &p.shift[axis]);
    }
    TRY(lower_bring(l, x, naming, &tensor));
    step *step;
    TRY(lower_emit(l, OP_RESIZE, &tensor, 1, out, &s, naming, &step));
    step->as.resize = p;
    return STATUS_OK;
}
