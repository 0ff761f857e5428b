/* IEEE 754 half precision, as files store it. */
#ifndef POSENET_LOADER_HALF_H
#define POSENET_LOADER_HALF_H

#include <stdint.h>
#include <string.h>

/* Exact: every half is a float; a NaN keeps its sign and payload. */
static inline float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = (half >> 10) & 31, fraction = half & 1023;
    uint32_t bits = 0;
    float real = 0;
    if (exponent == 0) { /* zero and subnormals: fraction * 2^-24, which a float holds exactly */
        real = (float)fraction * (1.0f / 16777216.0f);
        memcpy(&bits, &real, sizeof bits);
    } else {
        bits = (exponent == 31 ? 255u : exponent + 112) << 23 | fraction << 13;
    }
    bits |= sign;
    memcpy(&real, &bits, sizeof real);
    return real;
}

#endif
