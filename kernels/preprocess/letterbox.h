/* How a picture is fitted into the network's input, and how points come back.
 *
 * The picture is padded with zeros to the input's aspect ratio, then resized (tfjs PoseNet's
 * padAndResizeTo). Preprocess rows use the way in, decoders the way back, on the host and in CUDA.
 */
#ifndef POSENET_KERNELS_PREPROCESS_LETTERBOX_H
#define POSENET_KERNELS_PREPROCESS_LETTERBOX_H

#include <math.h>

#include "kernels/exact.h"

typedef struct letterbox {
    int source_width, source_height;
    int input_width, input_height;
    int left, top; /* source pixels of padding; the right and the bottom get the same; at least 0 */
    int flip;      /* points are mirrored on the way back; the picture itself never is */
} letterbox;

/* All sizes at least 1 and at most 2^20 (so nothing overflows). The pad can round to -0.5 or
 * less only by an ulp, when both ratios are the same: it is held at 0. */
HOST_DEVICE static inline letterbox letterbox_fit(int source_width, int source_height,
                                                  int input_width, int input_height, int flip)
{
    letterbox box = {source_width, source_height, input_width, input_height, 0, 0, flip};
    double width = source_width, height = source_height;
    double target = (double)input_width / input_height;
    if (width / height < target) {
        double pad = 0.5 * (exact_product_double(target, height) - width);
        box.left = (int)floor(pad + 0.5);
    } else {
        double pad = 0.5 * (exact_product_double(1.0 / target, width) - height);
        box.top = (int)floor(pad + 0.5);
    }
    if (box.left < 0) box.left = 0;
    if (box.top < 0) box.top = 0;
    return box;
}

HOST_DEVICE static inline int letterbox_padded_width(const letterbox *box)
{
    return box->source_width + 2 * box->left;
}

HOST_DEVICE static inline int letterbox_padded_height(const letterbox *box)
{
    return box->source_height + 2 * box->top;
}

/* A point in pixels of the network's input, to pixels of the source picture. */
HOST_DEVICE static inline void letterbox_back(const letterbox *box, float *x, float *y)
{
    double scale_x = (double)letterbox_padded_width(box) / box->input_width;
    double scale_y = (double)letterbox_padded_height(box) / box->input_height;
    double source_x = exact_product_double(*x, scale_x) - box->left;
    double source_y = exact_product_double(*y, scale_y) - box->top;
    if (box->flip) source_x = box->source_width - 1 - source_x;
    *x = (float)source_x;
    *y = (float)source_y;
}

/* Where one output row or column reads along one axis of the padded picture: two neighbours and
 * how far it lies between them (no half-pixel centres, corners not aligned). All in fp32. */
typedef struct resize_tap {
    int lower, upper; /* of the padded picture */
    float fraction;
} resize_tap;

/* `ratio` is (float)padded / (float)output, rounded once. */
HOST_DEVICE static inline resize_tap letterbox_tap(int output, float ratio, int padded)
{
    resize_tap tap;
    float source = exact_product(ratio, (float)output);
    float lower = floorf(source);
    tap.lower = (int)lower < padded - 1 ? (int)lower : padded - 1;
    tap.upper = (int)ceilf(source) < padded - 1 ? (int)ceilf(source) : padded - 1;
    tap.fraction = source - lower;
    return tap;
}

/* a + (b - a) * fraction, every operation rounded. */
HOST_DEVICE static inline float letterbox_blend(float a, float b, float fraction)
{
    return a + exact_product(b - a, fraction);
}

/* The rows of the source picture that output row `output` reads and no output row before it does:
 * how many, from *first on. Over all output rows these are all that resizing reads, each once. */
HOST_DEVICE static inline int letterbox_new_rows(const letterbox *box, int output, int *first)
{
    int padded = letterbox_padded_height(box);
    float ratio = exact_quotient((float)padded, (float)box->input_height);
    resize_tap tap = letterbox_tap(output, ratio, padded);
    int from = tap.lower, to = tap.upper;
    if (output > 0) {
        int before = letterbox_tap(output - 1, ratio, padded).upper;
        if (from <= before) from = before + 1;
    }
    from -= box->top;
    to -= box->top;
    *first = from < 0 ? 0 : from;
    if (to >= box->source_height) to = box->source_height - 1;
    return to < *first ? 0 : to - *first + 1;
}

#endif
