/* Attributes of Resize and of Upsample, which is read as Resize. */
#include "loader/onnx/operator_readers.h"

enum { INPUT_ROI = 1, INPUT_SCALES = 2, INPUT_SIZES = 3 };

static const char *const modes[] = {[RESIZE_NEAREST] = "nearest", [RESIZE_LINEAR] = "linear", NULL};
static const char *const coordinates[] = {
    [RESIZE_HALF_PIXEL] = "half_pixel",
    [RESIZE_PYTORCH_HALF_PIXEL] = "pytorch_half_pixel",
    [RESIZE_ALIGN_CORNERS] = "align_corners",
    [RESIZE_ASYMMETRIC] = "asymmetric",
    NULL,
};
static const char *const roundings[] = {
    [RESIZE_ROUND_PREFER_FLOOR] = "round_prefer_floor",
    [RESIZE_ROUND_PREFER_CEIL] = "round_prefer_ceil",
    [RESIZE_FLOOR] = "floor",
    [RESIZE_CEIL] = "ceil",
    NULL,
};
static const char *const aspect_policies[] = {"stretch", NULL};

static status read_mode(node_draft *d, resize_rule *rule)
{
    int mode;
    TRY(attribute_choice(&d->attributes, "mode", modes, RESIZE_NEAREST, &mode));
    rule->mode = (resize_mode)mode;
    return STATUS_OK;
}

/* The form of opset 10 and older, where scales are input 1. */
static status read_old(node_draft *d)
{
    resize_rule *rule = &d->made.as.resize;
    TRY(read_mode(d, rule));
    rule->coordinates = RESIZE_ASYMMETRIC;
    rule->rounding = RESIZE_FLOOR;
    if (d->input_count == 2) draft_set_input(d, INPUT_SCALES, d->inputs[1]);
    d->inputs[INPUT_ROI] = GRAPH_ABSENT;
    const constant *scales = draft_constant(d, INPUT_SCALES);
    if (scales && scales->count == 0)
        return place_fail(&d->place, STATUS_MODEL, "scales are empty");
    return STATUS_OK;
}

status read_upsample_7(node_draft *d)
{
    TRY(draft_floats_to_input(d, "scales", INPUT_SCALES));
    if (d->input_count <= INPUT_SCALES)
        return place_fail(&d->place, STATUS_MODEL, "scales are missing");
    return read_old(d);
}

status read_upsample_9(node_draft *d)
{
    return read_old(d);
}

/* Opset 10 does not say how nearest rounds; ONNX Runtime, which its exporters were tested with,
 * takes the floor where an axis grows and the ceiling where it shrinks. */
status read_resize_10(node_draft *d)
{
    TRY(read_old(d));
    resize_rule *rule = &d->made.as.resize;
    const constant *scales = draft_constant(d, INPUT_SCALES);
    int larger = 0, smaller = 0;
    if (rule->mode != RESIZE_NEAREST) return STATUS_OK;
    if (!scales || !scales->reals)
        return place_fail(&d->place, STATUS_UNSUPPORTED,
                          "its rounding depends on its scales, and they are no constant");
    for (int64_t i = 0; i < scales->count; i++) {
        larger |= scales->reals[i] > 1;
        smaller |= scales->reals[i] < 1;
    }
    if (larger && smaller)
        return place_fail(&d->place, STATUS_UNSUPPORTED, "one axis grows while another shrinks");
    rule->rounding = smaller ? RESIZE_CEIL : RESIZE_FLOOR;
    return STATUS_OK;
}

static status refuse_nonzero(node_draft *d, const char *name)
{
    int64_t number;
    TRY(attribute_int(&d->attributes, name, 0, &number));
    if (number == 0) return STATUS_OK;
    return place_fail(&d->place, STATUS_UNSUPPORTED, "%s %lld is not supported", name,
                      (long long)number);
}

/* What came with opset 18. */
static status read_resize_18(node_draft *d)
{
    int policy;
    TRY(refuse_nonzero(d, "antialias"));
    TRY(attribute_choice(&d->attributes, "keep_aspect_ratio_policy", aspect_policies, 0, &policy));
    if (attribute_given(&d->attributes, "axes"))
        return place_fail(&d->place, STATUS_UNSUPPORTED,
                          "axes are not supported: scales or sizes must be given for every axis");
    return STATUS_OK;
}

/* Writers that had to fill a place before an optional input could be left out put an empty tensor
 * there. The region of interest belongs to tf_crop_and_resize alone. */
static void drop_unused_inputs(node_draft *d)
{
    for (int i = INPUT_ROI; i < d->input_count; i++) {
        const constant *c = draft_constant(d, i);
        if (i == INPUT_ROI || (c && c->count == 0)) d->inputs[i] = GRAPH_ABSENT;
    }
}

status read_resize(node_draft *d)
{
    resize_rule *rule = &d->made.as.resize;
    int number;
    TRY(read_mode(d, rule));
    TRY(attribute_choice(&d->attributes, "coordinate_transformation_mode", coordinates,
                         RESIZE_HALF_PIXEL, &number));
    rule->coordinates = (resize_coordinates)number;
    TRY(attribute_choice(&d->attributes, "nearest_mode", roundings, RESIZE_ROUND_PREFER_FLOOR,
                         &number));
    rule->rounding = (resize_rounding)number;
    TRY(refuse_nonzero(d, "exclude_outside"));
    attribute_ignore(&d->attributes, "cubic_coeff_a");
    attribute_ignore(&d->attributes, "extrapolation_value");
    if (d->place.opset >= 18) TRY(read_resize_18(d));
    drop_unused_inputs(d);
    int scales = d->input_count > INPUT_SCALES && d->inputs[INPUT_SCALES] != GRAPH_ABSENT;
    int sizes = d->input_count > INPUT_SIZES && d->inputs[INPUT_SIZES] != GRAPH_ABSENT;
    if (scales == sizes)
        return place_fail(&d->place, STATUS_MODEL, "%s scales and sizes are given",
                          scales ? "both" : "neither");
    return STATUS_OK;
}
