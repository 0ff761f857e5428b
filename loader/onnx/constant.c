/* ONNX's Constant nodes. */
#include "loader/onnx/constant.h"

#include <string.h>

static status from_reals(pool *p, const float *list, size_t count, int rank, constant *out)
{
    float *copy = pool_array(p, count, sizeof *copy);
    if (!copy) return STATUS_MEMORY;
    if (count) memcpy(copy, list, count * sizeof *copy);
    *out = (constant){.type = ELEMENT_REAL,
                      .rank = rank,
                      .dims = {(int64_t)count},
                      .count = (int64_t)count,
                      .reals = copy};
    return STATUS_OK;
}

static status from_integers(pool *p, const int64_t *list, size_t count, int rank, constant *out)
{
    int64_t *copy = pool_array(p, count, sizeof *copy);
    if (!copy) return STATUS_MEMORY;
    if (count) memcpy(copy, list, count * sizeof *copy);
    *out = (constant){.type = ELEMENT_INTEGER,
                      .rank = rank,
                      .dims = {(int64_t)count},
                      .count = (int64_t)count,
                      .integers = copy};
    return STATUS_OK;
}

static status from_tensor(onnx_data *data, attributes *a, pool *p, constant *out)
{
    Onnx__TensorProto *tensor;
    TRY(attribute_tensor(a, "value", &tensor));
    status s = onnx_tensor_read(data, tensor, p, "value", out);
    return s == STATUS_OK ? s : place_fail(a->place, s, "%s", fail_text());
}

static status read_value(onnx_data *data, attributes *a, pool *p, constant *out)
{
    const float *reals;
    const int64_t *integers;
    float real;
    int64_t integer;
    size_t count;
    if (attribute_given(a, "value")) return from_tensor(data, a, p, out);
    if (attribute_given(a, "value_float")) {
        TRY(attribute_float(a, "value_float", 0, &real));
        return from_reals(p, &real, 1, 0, out);
    }
    if (attribute_given(a, "value_int")) {
        TRY(attribute_int(a, "value_int", 0, &integer));
        return from_integers(p, &integer, 1, 0, out);
    }
    if (attribute_given(a, "value_floats")) {
        TRY(attribute_floats(a, "value_floats", &reals, &count));
        return from_reals(p, reals, count, 1, out);
    }
    if (attribute_given(a, "value_ints")) {
        TRY(attribute_ints(a, "value_ints", &integers, &count));
        return from_integers(p, integers, count, 1, out);
    }
    TRY(attributes_end(a)); /* names value_string, sparse_value or what else there is */
    return place_fail(a->place, STATUS_MODEL, "has no value");
}

status onnx_constant_read(onnx_data *data, const node_place *place, const Onnx__NodeProto *proto,
                          pool *p, constant *out)
{
    attributes a;
    TRY(attributes_begin(&a, proto, place));
    TRY(read_value(data, &a, p, out));
    return attributes_end(&a);
}
