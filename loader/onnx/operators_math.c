/* Attributes of operators that compute elements one by one. */
#include "loader/onnx/operator_readers.h"

/* Running statistics are outputs of training alone. */
status read_batch_normalization(node_draft *d)
{
    float epsilon;
    int64_t training = 0, spatial = 1;
    TRY(attribute_float(&d->attributes, "epsilon", 1e-5f, &epsilon));
    d->made.as.epsilon = (double)epsilon;
    attribute_ignore(&d->attributes, "momentum");
    if (d->place.opset >= 14) TRY(attribute_int(&d->attributes, "training_mode", 0, &training));
    if (d->place.opset < 9) TRY(attribute_int(&d->attributes, "spatial", 1, &spatial));
    if (training) return place_fail(&d->place, STATUS_UNSUPPORTED, "training_mode is set");
    if (!spatial) return place_fail(&d->place, STATUS_UNSUPPORTED, "spatial is 0");
    for (int i = 1; i < d->output_count; i++)
        if (d->outputs[i] != GRAPH_ABSENT)
            return place_fail(&d->place, STATUS_UNSUPPORTED, "it gives %d outputs, as in training",
                              i + 1);
    d->output_count = 1;
    return STATUS_OK;
}

/* The engine has one kind of integer, so a cast to a narrow one, which wraps, or to bool, which
 * tests for zero, would be no plain copy. */
static int is_narrow(int64_t type)
{
    return type == ONNX__TENSOR_PROTO__DATA_TYPE__BOOL ||
           type == ONNX__TENSOR_PROTO__DATA_TYPE__INT8 ||
           type == ONNX__TENSOR_PROTO__DATA_TYPE__UINT8 ||
           type == ONNX__TENSOR_PROTO__DATA_TYPE__INT16 ||
           type == ONNX__TENSOR_PROTO__DATA_TYPE__UINT16;
}

status read_cast(node_draft *d)
{
    int64_t to;
    if (!attribute_given(&d->attributes, "to"))
        return place_fail(&d->place, STATUS_MODEL, "to is missing");
    TRY(attribute_int(&d->attributes, "to", 0, &to));
    attribute_ignore(&d->attributes, "saturate"); /* both of 8-bit floats alone */
    attribute_ignore(&d->attributes, "round_mode");
    if (to < 0 || to > INT32_MAX)
        return place_fail(&d->place, STATUS_MODEL, "to is %lld", (long long)to);
    if (is_narrow(to))
        return place_fail(&d->place, STATUS_UNSUPPORTED,
                          "a cast to bool or to an integer of 8 or 16 bits is not supported");
    status s = onnx_element((int32_t)to, "to", &d->made.as.cast_to);
    return s == STATUS_OK ? s : place_fail(&d->place, s, "%s", fail_text());
}

status read_clip_6(node_draft *d)
{
    static const char *const limits[] = {"min", "max"};
    for (int i = 0; i < 2; i++) {
        float limit;
        int id;
        if (!attribute_given(&d->attributes, limits[i])) continue;
        TRY(attribute_float(&d->attributes, limits[i], 0, &limit));
        TRY(graph_add_real(d->graph, NULL, limit, &id));
        draft_set_input(d, 1 + i, id);
    }
    return STATUS_OK;
}

status read_constant_of_shape(node_draft *d)
{
    Onnx__TensorProto *tensor;
    constant *fill = pool_array(d->graph->pool, 1, sizeof *fill);
    float *zero = pool_array(d->graph->pool, 1, sizeof *zero);
    if (!fill || !zero) return STATUS_MEMORY;
    *fill = (constant){.type = ELEMENT_REAL, .rank = 1, .dims = {1}, .count = 1, .reals = zero};
    d->made.as.fill = fill;
    TRY(attribute_tensor(&d->attributes, "value", &tensor));
    if (!tensor) return STATUS_OK;
    status s = onnx_tensor_read(d->data, tensor, d->graph->pool, "value", fill);
    if (s != STATUS_OK) return place_fail(&d->place, s, "%s", fail_text());
    if (fill->count != 1)
        return place_fail(&d->place, STATUS_MODEL, "value has %lld elements, not one",
                          (long long)fill->count);
    return STATUS_OK;
}

/* Without training it passes its input on. Its mask is not made: a node that reads it is refused
 * when the graph is sorted. */
status read_dropout(node_draft *d)
{
    const constant *training = draft_constant(d, 2);
    int given = d->input_count > 2 && d->inputs[2] != GRAPH_ABSENT;
    if (given && !(training && training->count == 1 && training->integers && !*training->integers))
        return place_fail(&d->place, STATUS_UNSUPPORTED, "training_mode may be set");
    attribute_ignore(&d->attributes, d->place.opset < 12 ? "ratio" : "seed");
    d->input_count = d->output_count = 1;
    return STATUS_OK;
}
