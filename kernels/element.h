/* Elements and positions of tensors, for rows that compute on the host: fp16 values are converted
 * when they are loaded and rounded when they are stored. */
#ifndef POSENET_KERNELS_ELEMENT_H
#define POSENET_KERNELS_ELEMENT_H

#include <math.h>
#include <string.h>

#include "kernels/op.h"

/* IEEE 754 binary16 to binary32: exact. */
static inline float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = half >> 10 & 0x1fu, mantissa = half & 0x3ffu, bits;
    if (exponent == 0) { /* zero and subnormals: mantissa * 2^-24 */
        float magnitude = (float)mantissa * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    if (exponent == 31)
        bits = sign | 0x7f800000u | mantissa << 13;
    else
        bits = sign | (exponent + 112) << 23 | mantissa << 13;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Binary32 to binary16: to nearest, ties to even; too large becomes infinite, NaN stays NaN. */
static inline uint16_t float_to_half(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return sign | 0x7e00u;
    if (magnitude >= 0x477ff000u) return sign | 0x7c00u; /* 65520 and more round to infinity */
    if (magnitude < 0x38800000u) {                       /* below 2^-14: a multiple of 2^-24 */
        float scaled;
        memcpy(&scaled, &magnitude, sizeof scaled);
        return sign | (uint16_t)rintf(scaled * 0x1p24f);
    }
    uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
    return sign | (uint16_t)((rounded - 0x38000000u) >> 13);
}

static inline float element_load(const void *data, element_type type, int64_t index)
{
    return type == TYPE_FP16 ? half_to_float(((const uint16_t *)data)[index])
                             : ((const float *)data)[index];
}

static inline void element_store(void *data, element_type type, int64_t index, float value)
{
    if (type == TYPE_FP16)
        ((uint16_t *)data)[index] = float_to_half(value);
    else
        ((float *)data)[index] = value;
}

/* Where position `at` lies in memory, in elements. */
static inline int64_t tensor_index(const tensor *t, const int at[AXES])
{
    int64_t index = at[0];
    for (int axis = 1; axis < AXES; axis++) index = index * t->dims[axis] + at[axis];
    return index;
}

/* Moves `at` to the next position in memory order; 0 after the last one. */
static inline int tensor_next(const tensor *t, int at[AXES])
{
    for (int axis = AXES - 1; axis >= 0; axis--) {
        if (++at[axis] < t->dims[axis]) return 1;
        at[axis] = 0;
    }
    return 0;
}

/* Which element of the input an output element is a copy of: fills `place` from `at`. */
typedef void (*source_rule)(const step *s, const tensor *x, const int at[AXES], int place[AXES]);

/* Computes a step that only moves elements. */
static inline status move_elements(const work *w, const network *net, const run *r,
                                   source_rule rule)
{
    const step *s = &net->steps[w->first];
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[s->output];
    const void *from = tensor_at(net, s->inputs[0], r);
    void *to = tensor_at(net, s->output, r);
    int at[AXES] = {0}, place[AXES];
    int64_t index = 0;
    do {
        rule(s, x, at, place);
        float value = element_load(from, x->type, tensor_index(x, place));
        element_store(to, y->type, index++, value);
    } while (tensor_next(y, at));
    return STATUS_OK;
}

static inline float activate(const activation *act, float x)
{
    if (act->kind == ACTIVATION_SIGMOID) return (float)(1.0 / (1.0 + exp(-(double)x)));
    if (act->kind == ACTIVATION_CLAMP) {
        if (x < act->low) x = act->low;
        if (x > act->high) x = act->high;
    }
    return x;
}

#endif
