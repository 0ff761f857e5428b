/* One pixel of a picture as red, green and blue, the same on the host and in CUDA. */
#ifndef POSENET_KERNELS_PREPROCESS_PIXEL_H
#define POSENET_KERNELS_PREPROCESS_PIXEL_H

#include "kernels/exact.h"
#include "kernels/op.h"

typedef struct pixel {
    uint8_t red, green, blue;
} pixel;

HOST_DEVICE static inline uint8_t pixel_from_256ths(int value)
{
    value = value < 0 ? 0 : value / 256; /* not a shift: that is not defined below 0 */
    return (uint8_t)(value > 255 ? 255 : value);
}

/* BT.601, limited range (luma 16..235, chroma 16..240), in 256ths with rounding:
 *   R = (298 (Y-16)                + 409 (V-128) + 128) / 256, held within 0..255
 *   G = (298 (Y-16) - 100 (U-128) - 208 (V-128) + 128) / 256
 *   B = (298 (Y-16) + 516 (U-128)               + 128) / 256 */
HOST_DEVICE static inline pixel pixel_from_yuv(int y, int u, int v)
{
    int luma = 298 * (y - 16) + 128;
    u -= 128;
    v -= 128;
    pixel p = {pixel_from_256ths(luma + 409 * v), pixel_from_256ths(luma - 100 * u - 208 * v),
               pixel_from_256ths(luma + 516 * u)};
    return p;
}

/* The pixel at (x, y), which lies within the picture. Alpha is dropped; NV12's chroma belongs to
 * squares of 2x2 pixels and is not interpolated. */
HOST_DEVICE static inline pixel pixel_load(const picture *from, int x, int y)
{
    const uint8_t *line = from->data + y * from->pitch;
    if (from->format == PIXEL_NV12) {
        const uint8_t *uv = from->chroma + (y / 2) * from->chroma_pitch + (x / 2) * 2;
        return pixel_from_yuv(line[x], uv[0], uv[1]);
    }
    int wide = from->format == PIXEL_RGBA || from->format == PIXEL_BGRA;
    int swapped = from->format == PIXEL_BGR || from->format == PIXEL_BGRA;
    const uint8_t *at = line + (int64_t)x * (wide ? 4 : 3);
    pixel p = {at[swapped ? 2 : 0], at[1], at[swapped ? 0 : 2]};
    return p;
}

/* 0..255 of channel 0..2 (red, green, blue) to what the network was trained on. */
HOST_DEVICE static inline float pixel_normalize(normalization rule, int channel, float value)
{
    if (rule == NORMALIZE_MOBILENET) return exact_quotient(value, 127.5f) - 1.0f;
    if (rule == NORMALIZE_RESNET)
        return value + (channel == 0 ? -123.15f : channel == 1 ? -115.90f : -103.06f);
    return value;
}

#endif
