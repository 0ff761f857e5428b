/* Attributes of convolution and pooling. */
#include "loader/onnx/operator_readers.h"

static const char *const auto_pads[] = {
    [PAD_EXPLICIT] = "NOTSET",
    [PAD_SAME_UPPER] = "SAME_UPPER",
    [PAD_SAME_LOWER] = "SAME_LOWER",
    [PAD_VALID] = "VALID",
    NULL,
};

/* A list of `count` window sizes, left as they are if absent. */
static status read_sizes(node_draft *d, const char *name, int least, size_t count, int *sizes)
{
    const int64_t *list;
    size_t given;
    TRY(attribute_ints(&d->attributes, name, &list, &given));
    if (!list) return STATUS_OK;
    if (given != count)
        return place_fail(&d->place, STATUS_UNSUPPORTED,
                          "%s has %zu elements; only windows over two axes (%zu) are supported",
                          name, given, count);
    for (size_t i = 0; i < count; i++) {
        if (list[i] < least || list[i] > LIMIT_WINDOW)
            return place_fail(&d->place, STATUS_MODEL, "%s[%zu] is %lld, not within %d..%d", name,
                              i, (long long)list[i], least, LIMIT_WINDOW);
        sizes[i] = (int)list[i];
    }
    return STATUS_OK;
}

/* What convolution and pooling share. With auto_pad set, pads mean nothing (older exporters write
 * them nevertheless). */
static status read_window(node_draft *d, window *w)
{
    int padding;
    *w = (window){.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
    TRY(attribute_choice(&d->attributes, "auto_pad", auto_pads, PAD_EXPLICIT, &padding));
    w->auto_pad = (auto_pad)padding;
    TRY(read_sizes(d, "kernel_shape", 1, 2, w->kernel));
    TRY(read_sizes(d, "strides", 1, 2, w->stride));
    TRY(read_sizes(d, "pads", 0, 4, w->pads));
    return STATUS_OK;
}

/* The filter says the kernel where the attribute does not; where both do, they must agree. One that
 * is still to be folded (cast, transposed) says it when the graph is lowered. */
static status read_filter(node_draft *d, window *w)
{
    const constant *filter = draft_constant(d, 1);
    if (!filter) return STATUS_OK;
    if (filter->rank != 4)
        return place_fail(&d->place, STATUS_UNSUPPORTED,
                          "the filter has %d dimensions; only windows over two axes (4) are "
                          "supported",
                          filter->rank);
    for (int i = 0; i < 2; i++) {
        int64_t side = filter->dims[2 + i];
        if (side < 1 || side > LIMIT_WINDOW)
            return place_fail(&d->place, STATUS_MODEL,
                              "the filter's side is %lld, not within 1..%d", (long long)side,
                              LIMIT_WINDOW);
        if (w->kernel[i] && w->kernel[i] != side)
            return place_fail(&d->place, STATUS_MODEL,
                              "kernel_shape[%d] is %d, the filter's side is %lld", i, w->kernel[i],
                              (long long)side);
        w->kernel[i] = (int)side;
    }
    return STATUS_OK;
}

status read_conv(node_draft *d)
{
    window *w = &d->made.as.window;
    int64_t groups;
    TRY(read_window(d, w));
    TRY(read_sizes(d, "dilations", 1, 2, w->dilation));
    TRY(attribute_int(&d->attributes, "group", 1, &groups));
    if (groups < 1 || groups > INT32_MAX)
        return place_fail(&d->place, STATUS_MODEL, "group is %lld", (long long)groups);
    w->groups = (int)groups;
    return read_filter(d, w);
}

/* storage_order says how Indices count, and Indices are not computed. */
status read_max_pool(node_draft *d)
{
    window *w = &d->made.as.window;
    int64_t ceil_mode = 0;
    TRY(read_window(d, w));
    if (!w->kernel[0]) return place_fail(&d->place, STATUS_MODEL, "kernel_shape is missing");
    if (d->place.opset >= 8) attribute_ignore(&d->attributes, "storage_order");
    if (d->place.opset >= 10) {
        TRY(read_sizes(d, "dilations", 1, 2, w->dilation));
        TRY(attribute_int(&d->attributes, "ceil_mode", 0, &ceil_mode));
    }
    w->ceil_mode = ceil_mode != 0;
    d->output_count = 1;
    return STATUS_OK;
}
