/* What a decoder, on the host or on a device, may be given. */
#include "kernels/decode/decode.h"

static const char *const head_names[DECODE_HEADS] = {"heatmap", "offset", "forward displacement",
                                                     "backward displacement"};

static status check_head(const decode_heads *heads, int which)
{
    const head_view *view = &heads->head[which];
    const int *dims = view->dims, *first = heads->head[DECODE_HEATMAP].dims;
    const char *name = head_names[which];
    if (!view->data) return fail(STATUS_ARGUMENT, "the %s has no data", name);
    if (view->type != TYPE_FP32 && view->type != TYPE_FP16)
        return fail(STATUS_ARGUMENT, "the %s is neither fp32 nor fp16", name);
    if (dims[AXIS_C] != decode_channels[which])
        return fail(STATUS_ARGUMENT, "the %s has %d channels, not %d", name, dims[AXIS_C],
                    decode_channels[which]);
    if (dims[AXIS_N] < 1 || dims[AXIS_H] < 1 || dims[AXIS_W] < 1)
        return fail(STATUS_ARGUMENT, "the %s has %d images of %dx%d cells", name, dims[AXIS_N],
                    dims[AXIS_W], dims[AXIS_H]);
    if (dims[AXIS_N] != first[AXIS_N] || dims[AXIS_H] != first[AXIS_H] ||
        dims[AXIS_W] != first[AXIS_W])
        return fail(STATUS_ARGUMENT, "the %s is %dx%dx%d (images, height, width), not %dx%dx%d",
                    name, dims[AXIS_N], dims[AXIS_H], dims[AXIS_W], first[AXIS_N], first[AXIS_H],
                    first[AXIS_W]);
    return STATUS_OK;
}

status decode_check(const decode_heads *heads)
{
    for (int which = 0; which < DECODE_HEADS; which++) TRY(check_head(heads, which));
    const int *dims = heads->head[DECODE_HEATMAP].dims;
    if (dims[AXIS_N] > DECODE_MAX_IMAGES)
        return fail(STATUS_ARGUMENT, "the heads are of %d images, more than %d", dims[AXIS_N],
                    DECODE_MAX_IMAGES);
    if ((int64_t)dims[AXIS_H] * dims[AXIS_W] > INT32_MAX / PARTS)
        return fail(STATUS_ARGUMENT, "the heatmap of %dx%d cells is too large", dims[AXIS_W],
                    dims[AXIS_H]);
    if (heads->stride < 1 || heads->stride > 1024)
        return fail(STATUS_ARGUMENT, "the stride is %d, not 1..1024", heads->stride);
    return STATUS_OK;
}

status decode_check_options(const decode_options *options, int capacity)
{
    if (options->max_poses < 1 || options->max_poses > capacity)
        return fail(STATUS_ARGUMENT, "max poses is %d, not 1..%d", options->max_poses, capacity);
    if (!(options->score_threshold >= 0 && options->score_threshold <= 1))
        return fail(STATUS_ARGUMENT, "the score threshold is %g, not 0..1",
                    (double)options->score_threshold);
    if (!(options->nms_radius > 0 && options->nms_radius <= DECODE_LARGEST))
        return fail(STATUS_ARGUMENT, "the nms radius is %g, not above 0 and at most %g",
                    (double)options->nms_radius, (double)DECODE_LARGEST);
    return STATUS_OK;
}

size_t decode_workspace_bytes(int height, int width)
{
    return (size_t)height * (size_t)width * PARTS * sizeof(uint64_t);
}
