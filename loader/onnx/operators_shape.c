/* Attributes of operators that move elements and compute shapes. */
#include "loader/onnx/operator_readers.h"

static status read_axis(node_draft *d, int64_t fallback)
{
    return attribute_int(&d->attributes, "axis", fallback, &d->made.as.axis);
}

status read_axis_0(node_draft *d)
{
    return read_axis(d, 0);
}

status read_flatten(node_draft *d)
{
    return read_axis(d, 1);
}

status read_concat(node_draft *d)
{
    if (!attribute_given(&d->attributes, "axis"))
        return place_fail(&d->place, STATUS_MODEL, "axis is missing");
    return read_axis(d, 0);
}

static const char *const pad_modes[] = {
    [PAD_MODE_CONSTANT] = "constant",
    [PAD_MODE_REFLECT] = "reflect",
    [PAD_MODE_EDGE] = "edge",
    [PAD_MODE_WRAP] = "wrap",
    NULL,
};

status read_pad(node_draft *d)
{
    int mode;
    TRY(attribute_choice(&d->attributes, "mode", pad_modes, PAD_MODE_CONSTANT, &mode));
    if (mode == PAD_MODE_WRAP && d->place.opset < 19)
        return place_fail(&d->place, STATUS_MODEL, "mode \"wrap\" came with opset 19");
    d->made.as.pad_mode = (pad_mode)mode;
    return STATUS_OK;
}

status read_pad_2(node_draft *d)
{
    float fill;
    int id;
    TRY(draft_ints_to_input(d, "pads", 1));
    if (d->input_count < 2) return place_fail(&d->place, STATUS_MODEL, "pads are missing");
    TRY(attribute_float(&d->attributes, "value", 0, &fill));
    TRY(graph_add_real(d->graph, NULL, fill, &id));
    draft_set_input(d, 2, id);
    return read_pad(d);
}

status read_reshape_14(node_draft *d)
{
    int64_t allow;
    TRY(attribute_int(&d->attributes, "allowzero", 0, &allow));
    d->made.as.allow_zero = allow != 0;
    return STATUS_OK;
}

status read_shape(node_draft *d)
{
    d->made.as.range.end = INT64_MAX;
    if (d->place.opset < 15) return STATUS_OK;
    TRY(attribute_int(&d->attributes, "start", 0, &d->made.as.range.start));
    return attribute_int(&d->attributes, "end", INT64_MAX, &d->made.as.range.end);
}

status read_slice_1(node_draft *d)
{
    TRY(draft_ints_to_input(d, "starts", 1));
    TRY(draft_ints_to_input(d, "ends", 2));
    if (d->input_count < 3 || d->inputs[1] == GRAPH_ABSENT)
        return place_fail(&d->place, STATUS_MODEL, "starts or ends are missing");
    return draft_ints_to_input(d, "axes", 3);
}

status read_split_2(node_draft *d)
{
    TRY(draft_ints_to_input(d, "split", 1));
    return read_axis(d, 0);
}

/* num_outputs says what the list of outputs says. */
status read_split_18(node_draft *d)
{
    int64_t parts;
    TRY(attribute_int(&d->attributes, "num_outputs", d->output_count, &parts));
    if (parts != d->output_count)
        return place_fail(&d->place, STATUS_MODEL, "num_outputs is %lld, it has %d outputs",
                          (long long)parts, d->output_count);
    return read_axis(d, 0);
}

status read_squeeze_1(node_draft *d)
{
    return draft_ints_to_input(d, "axes", 1);
}

status read_unsqueeze_1(node_draft *d)
{
    TRY(draft_ints_to_input(d, "axes", 1));
    if (d->input_count < 2) return place_fail(&d->place, STATUS_MODEL, "axes are missing");
    return STATUS_OK;
}

status read_transpose(node_draft *d)
{
    const int64_t *axes;
    size_t count;
    unsigned seen = 0;
    TRY(attribute_ints(&d->attributes, "perm", &axes, &count));
    if (count > GRAPH_MAX_RANK)
        return place_fail(&d->place, STATUS_UNSUPPORTED, "perm has %zu axes, more than %d", count,
                          GRAPH_MAX_RANK);
    for (size_t i = 0; i < count; i++) {
        if (axes[i] < 0 || axes[i] >= (int64_t)count || (seen >> axes[i] & 1))
            return place_fail(&d->place, STATUS_MODEL, "perm is no permutation of its %zu axes",
                              count);
        seen |= 1u << axes[i];
        d->made.as.permutation.axes[i] = (int)axes[i];
    }
    d->made.as.permutation.rank = (int)count;
    return STATUS_OK;
}
