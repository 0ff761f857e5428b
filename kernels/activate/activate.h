/* Activations of many floats at once, for cpu rows: the bits of element.h's activate. */
#ifndef POSENET_KERNELS_ACTIVATE_ACTIVATE_H
#define POSENET_KERNELS_ACTIVATE_ACTIVATE_H

#include <math.h>

#include "kernels/op.h"

/* Floats that stay in the nearest cache while they are computed and then activated. */
enum { ACTIVATE_PIECE = 4096 };

static inline void activate_floats(const activation *act, int64_t count, float *x)
{
    float low = act->low, high = act->high;
    if (act->kind == ACTIVATION_CLAMP)
        for (int64_t i = 0; i < count; i++) {
            float value = x[i] < low ? low : x[i];
            x[i] = value > high ? high : value;
        }
    if (act->kind == ACTIVATION_SIGMOID)
        for (int64_t i = 0; i < count; i++) x[i] = (float)(1.0 / (1.0 + exp(-(double)x[i])));
}

#endif
