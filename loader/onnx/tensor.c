/* ONNX tensors, wherever their elements stand, as constants. */
#include "loader/onnx/tensor.h"

#include <stdlib.h>
#include <string.h>

#include "loader/half.h"
#include "loader/limits.h"

#define TYPE(name) ONNX__TENSOR_PROTO__DATA_TYPE__##name

/* One data type: how wide its elements are as raw bytes, and in which list they stand otherwise. */
typedef enum typed_list { LIST_FLOAT, LIST_INT32, LIST_INT64, LIST_DOUBLE, LIST_UINT64 } typed_list;

typedef struct data_type {
    int32_t number;
    const char *name;
    int known; /* else refused by its name */
    element element;
    size_t bytes;
    typed_list list;
} data_type;

static const data_type data_types[] = {
    {TYPE(FLOAT), "float", 1, ELEMENT_REAL, 4, LIST_FLOAT},
    {TYPE(DOUBLE), "double", 1, ELEMENT_REAL, 8, LIST_DOUBLE},
    {TYPE(FLOAT16), "float16", 1, ELEMENT_REAL, 2, LIST_INT32},
    {TYPE(BFLOAT16), "bfloat16", 1, ELEMENT_REAL, 2, LIST_INT32},
    {TYPE(INT64), "int64", 1, ELEMENT_INTEGER, 8, LIST_INT64},
    {TYPE(INT32), "int32", 1, ELEMENT_INTEGER, 4, LIST_INT32},
    {TYPE(INT16), "int16", 1, ELEMENT_INTEGER, 2, LIST_INT32},
    {TYPE(INT8), "int8", 1, ELEMENT_INTEGER, 1, LIST_INT32},
    {TYPE(UINT64), "uint64", 1, ELEMENT_INTEGER, 8, LIST_UINT64},
    {TYPE(UINT32), "uint32", 1, ELEMENT_INTEGER, 4, LIST_UINT64},
    {TYPE(UINT16), "uint16", 1, ELEMENT_INTEGER, 2, LIST_INT32},
    {TYPE(UINT8), "uint8", 1, ELEMENT_INTEGER, 1, LIST_INT32},
    {TYPE(BOOL), "bool", 1, ELEMENT_INTEGER, 1, LIST_INT32},
    {.number = TYPE(STRING), .name = "string"},
    {.number = TYPE(COMPLEX64), .name = "complex64"},
    {.number = TYPE(COMPLEX128), .name = "complex128"},
};

static status find_type(int32_t number, const char *what, const data_type **out)
{
    for (size_t i = 0; i < sizeof data_types / sizeof *data_types; i++) {
        if (data_types[i].number != number) continue;
        *out = &data_types[i];
        if ((*out)->known) return STATUS_OK;
        return fail(STATUS_UNSUPPORTED, "%s: elements of type %s are not supported", what,
                    (*out)->name);
    }
    return fail(STATUS_UNSUPPORTED, "%s: elements of ONNX type number %d are not supported", what,
                number);
}

status onnx_element(int32_t number, const char *what, element *out)
{
    const data_type *type = NULL;
    TRY(find_type(number, what, &type));
    *out = type->element;
    return STATUS_OK;
}

int onnx_holds_bytes(int32_t number)
{
    return number != TYPE(INT8) && number != TYPE(BOOL);
}

/* ---- elements -------------------------------------------------------------------------------- */

/* ONNX's raw bytes are little-endian whatever the machine is. */
static uint64_t little_endian(const unsigned char *bytes, size_t width)
{
    uint64_t number = 0;
    for (size_t i = 0; i < width; i++) number |= (uint64_t)bytes[i] << (8 * i);
    return number;
}

/* The same for four bytes, written so that compilers make one load of it. */
static uint32_t little_endian_4(const unsigned char *b)
{
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static float float_of_bits(uint32_t bits)
{
    float real;
    memcpy(&real, &bits, sizeof real);
    return real;
}

static double double_of_bits(uint64_t bits)
{
    double real;
    memcpy(&real, &bits, sizeof real);
    return real;
}

static float real_of_bits(int32_t type, uint64_t bits)
{
    switch (type) {
    case TYPE(FLOAT16): return half_to_float((uint16_t)bits);
    case TYPE(BFLOAT16): return float_of_bits((uint32_t)(bits & 0xffff) << 16);
    case TYPE(DOUBLE): return (float)double_of_bits(bits);
    default: return float_of_bits((uint32_t)bits);
    }
}

/* Of `bits` as many as the type has, in two's complement where it is signed; what uint64 holds
 * beyond int64 is refused. */
static status integer_of_bits(const data_type *type, uint64_t bits, const char *what, int64_t *out)
{
    uint64_t sign = (uint64_t)1 << (8 * type->bytes - 1), own = bits & (sign | (sign - 1));
    switch (type->number) {
    case TYPE(BOOL): *out = bits != 0; break;
    case TYPE(INT8):
    case TYPE(INT16):
    case TYPE(INT32): *out = (int64_t)(own ^ sign) - (int64_t)sign; break;
    case TYPE(INT64): memcpy(out, &bits, sizeof *out); break;
    default:
        if (own > INT64_MAX)
            return fail(STATUS_UNSUPPORTED, "%s: holds %llu, more than int64 can", what,
                        (unsigned long long)own);
        *out = (int64_t)own;
    }
    return STATUS_OK;
}

static uint64_t listed_bits(const Onnx__TensorProto *t, typed_list list, size_t i)
{
    uint32_t narrow = 0;
    uint64_t bits = 0;
    switch (list) {
    case LIST_FLOAT: memcpy(&narrow, &t->float_data[i], sizeof narrow); return narrow;
    case LIST_INT32: return (uint32_t)t->int32_data[i];
    case LIST_INT64: return (uint64_t)t->int64_data[i];
    case LIST_DOUBLE: memcpy(&bits, &t->double_data[i], sizeof bits); return bits;
    case LIST_UINT64: return t->uint64_data[i];
    }
    return bits;
}

static size_t listed_count(const Onnx__TensorProto *t, typed_list list)
{
    switch (list) {
    case LIST_FLOAT: return t->n_float_data;
    case LIST_INT32: return t->n_int32_data;
    case LIST_INT64: return t->n_int64_data;
    case LIST_DOUBLE: return t->n_double_data;
    case LIST_UINT64: return t->n_uint64_data;
    }
    return 0;
}

/* `raw` NULL: the elements stand in the type's list. Its count is checked already. */
static status convert(const Onnx__TensorProto *t, const data_type *type, const unsigned char *raw,
                      const char *what, const constant *c, float *reals, int64_t *integers)
{
    if (raw && type->number == TYPE(FLOAT)) { /* nearly all that there is, so it has its own loop */
        for (int64_t i = 0; i < c->count; i++)
            reals[i] = float_of_bits(little_endian_4(raw + 4 * i));
        return STATUS_OK;
    }
    for (int64_t i = 0; i < c->count; i++) {
        uint64_t bits = raw ? little_endian(raw + (size_t)i * type->bytes, type->bytes)
                            : listed_bits(t, type->list, (size_t)i);
        if (reals)
            reals[i] = real_of_bits(type->number, bits);
        else
            TRY(integer_of_bits(type, bits, what, &integers[i]));
    }
    return STATUS_OK;
}

/* ---- tensors --------------------------------------------------------------------------------- */

static status read_dims(const Onnx__TensorProto *t, const char *what, constant *c)
{
    if (t->n_dims > GRAPH_MAX_RANK)
        return fail(STATUS_UNSUPPORTED, "%s: has %zu dimensions, more than %d", what, t->n_dims,
                    GRAPH_MAX_RANK);
    c->rank = (int)t->n_dims;
    for (int i = 0; i < c->rank; i++) c->dims[i] = t->dims[i];
    return graph_element_count(c->dims, c->rank, what, &c->count);
}

static status check_count(size_t got, size_t needed, const char *unit, const char *what)
{
    if (got == needed) return STATUS_OK;
    return fail(STATUS_MODEL, "%s: holds %zu %s, its dims and type need %zu", what, got, unit,
                needed);
}

static int is_external(const Onnx__TensorProto *t)
{
    return t->has_data_location && t->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

/* Makes sure of the elements before room is made for them, so that a claim costs nothing. */
static status check_elements(const onnx_data *data, const Onnx__TensorProto *t,
                             const data_type *type, const char *what, int64_t count)
{
    if (t->segment) return fail(STATUS_UNSUPPORTED, "%s: is one segment of a tensor", what);
    if (is_external(t)) {
        if (data->model_path) return STATUS_OK;
        return fail(STATUS_UNSUPPORTED, "%s: a model in memory cannot have external data", what);
    }
    if (t->has_raw_data)
        return check_count(t->raw_data.len, (size_t)count * type->bytes, "raw bytes", what);
    return check_count(listed_count(t, type->list), (size_t)count, "elements", what);
}

static status read_elements(onnx_data *data, Onnx__TensorProto *t, const data_type *type, pool *p,
                            const char *what, constant *c)
{
    size_t count = (size_t)c->count;
    unsigned char *external = NULL;
    status s = STATUS_OK;
    if (is_external(t)) s = onnx_external_read(data, t, count * type->bytes, what, &external);
    float *reals = NULL;
    int64_t *integers = NULL;
    if (s == STATUS_OK && type->element == ELEMENT_REAL) {
        c->reals = reals = pool_array(p, count, sizeof *reals);
        if (!reals) s = STATUS_MEMORY;
    } else if (s == STATUS_OK) {
        c->integers = integers = pool_array(p, count, sizeof *integers);
        if (!integers) s = STATUS_MEMORY;
    }
    const unsigned char *raw = external ? external : t->has_raw_data ? t->raw_data.data : NULL;
    if (s == STATUS_OK) s = convert(t, type, raw, what, c, reals, integers);
    free(external);
    return s;
}

status onnx_tensor_read(onnx_data *data, Onnx__TensorProto *t, pool *p, const char *what,
                        constant *out)
{
    const data_type *type = NULL;
    TRY(find_type(t->has_data_type ? t->data_type : 0, what, &type));
    *out = (constant){.type = type->element};
    TRY(read_dims(t, what, out));
    TRY(check_elements(data, t, type, what, out->count));
    TRY(read_elements(data, t, type, p, what, out));
    if (t->has_raw_data) onnx_drop_bytes(data->message, &t->raw_data);
    return STATUS_OK;
}
