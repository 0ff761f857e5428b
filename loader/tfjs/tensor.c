/* One tensor of a TF.js weights manifest.
 *
 * Quantised weights are q * scale + min, in double, rounded once to float, as TF.js computes them:
 * in float arithmetic the heads drift by 0.1 pixels.
 */
#include "loader/tfjs/tensor.h"

#include <math.h>
#include <string.h>

#include "loader/half.h"
#include "loader/names.h"

static status finite_member(const cJSON *object, const char *key, double *out)
{
    const cJSON *number = tfjs_json_member(object, key);
    if (!cJSON_IsNumber(number) || !isfinite(number->valuedouble))
        return fail(STATUS_MODEL, "its quantization has no number \"%s\"", key);
    *out = number->valuedouble;
    return STATUS_OK;
}

static status read_storage(const cJSON *entry, element *type, tfjs_storage *out)
{
    const char *dtype = tfjs_json_text(entry, "dtype");
    const cJSON *quantization = tfjs_json_member(entry, "quantization");
    const char *packed = quantization ? tfjs_json_text(quantization, "dtype") : NULL;
    if (!dtype) return fail(STATUS_MODEL, "it has no dtype");
    int real = !strcmp(dtype, "float32");
    if (!real && strcmp(dtype, "int32") != 0)
        return fail(STATUS_UNSUPPORTED, "its dtype is \"%s\", not float32 or int32",
                    name_show(dtype).text);
    *type = real ? ELEMENT_REAL : ELEMENT_INTEGER;
    *out = (tfjs_storage){.kind = real ? STORED_FLOAT32 : STORED_INT32, .bytes = 4};
    if (!quantization) return STATUS_OK;

    if (!packed) return fail(STATUS_MODEL, "its quantization has no dtype");
    if (real && !strcmp(packed, "float16")) {
        *out = (tfjs_storage){.kind = STORED_FLOAT16, .bytes = 2};
        return STATUS_OK;
    }
    if (!strcmp(packed, "uint8"))
        *out = (tfjs_storage){.kind = STORED_UINT8, .bytes = 1};
    else if (!strcmp(packed, "uint16"))
        *out = (tfjs_storage){.kind = STORED_UINT16, .bytes = 2};
    else
        return fail(STATUS_UNSUPPORTED, "it is quantised to \"%s\", not uint8, uint16 or float16",
                    name_show(packed).text);
    out->quantised = 1;
    TRY(finite_member(quantization, "scale", &out->scale));
    return finite_member(quantization, "min", &out->min);
}

static status read_dims(const cJSON *entry, constant *c)
{
    const cJSON *shape = tfjs_json_member(entry, "shape"), *item;
    if (!cJSON_IsArray(shape)) return fail(STATUS_MODEL, "it has no shape");
    c->rank = 0;
    cJSON_ArrayForEach(item, shape)
    {
        if (c->rank == GRAPH_MAX_RANK)
            return fail(STATUS_UNSUPPORTED, "it has more than %d dimensions", GRAPH_MAX_RANK);
        if (!tfjs_json_integer(item, &c->dims[c->rank++]))
            return fail(STATUS_MODEL, "dimension %d of its shape is no size", c->rank - 1);
    }
    return graph_element_count(c->dims, c->rank, "its shape", &c->count);
}

static uint32_t word_at(const unsigned char *b)
{
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static double stored_number(const tfjs_storage *s, const unsigned char *b)
{
    double q = s->kind == STORED_UINT8 ? b[0] : (double)(b[0] | b[1] << 8);
    return q * s->scale + s->min;
}

static void unpack_reals(const tfjs_storage *s, const unsigned char *b, int64_t count, float *out)
{
    for (int64_t i = 0; i < count; i++, b += s->bytes) {
        if (s->quantised) {
            out[i] = (float)stored_number(s, b);
        } else if (s->kind == STORED_FLOAT16) {
            out[i] = half_to_float((uint16_t)(b[0] | b[1] << 8));
        } else {
            uint32_t bits = word_at(b);
            memcpy(&out[i], &bits, sizeof bits);
        }
    }
}

static status unpack_integers(const tfjs_storage *s, const unsigned char *b, int64_t count,
                              int64_t *out)
{
    for (int64_t i = 0; i < count; i++, b += s->bytes) {
        if (!s->quantised) {
            uint32_t bits = word_at(b);
            out[i] = bits < 0x80000000u ? (int64_t)bits : (int64_t)bits - 0x100000000LL;
            continue;
        }
        double number = floor(stored_number(s, b) + 0.5); /* JavaScript's Math.round */
        if (!(fabs(number) <= 2147483648.0))
            return fail(STATUS_MODEL, "element %lld is outside int32", (long long)i);
        out[i] = (int64_t)number;
    }
    return STATUS_OK;
}

status tfjs_unpack(const tfjs_storage *s, const unsigned char *b, pool *p, constant *c)
{
    if (c->type == ELEMENT_REAL) {
        float *reals = pool_array(p, (size_t)c->count, sizeof *reals);
        if (!reals) return STATUS_MEMORY;
        unpack_reals(s, b, c->count, reals);
        c->reals = reals;
        return STATUS_OK;
    }
    int64_t *integers = pool_array(p, (size_t)c->count, sizeof *integers);
    if (!integers) return STATUS_MEMORY;
    c->integers = integers;
    return unpack_integers(s, b, c->count, integers);
}

status tfjs_read_entry(const cJSON *entry, tfjs_weight *w, tfjs_storage *s, size_t *size)
{
    w->name = tfjs_json_text(entry, "name");
    if (!w->name) return fail(STATUS_MODEL, "a tensor of the weights manifest has no name");
    status result = read_storage(entry, &w->data.type, s);
    if (result == STATUS_OK) result = read_dims(entry, &w->data);
    if (result != STATUS_OK)
        return fail(result, "tensor \"%s\": %s", name_show(w->name).text, fail_text());
    *size = (size_t)(w->data.count * s->bytes); /* at most 2^31 elements of 4 bytes */
    return STATUS_OK;
}
