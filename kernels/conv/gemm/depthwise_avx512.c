/* The left side of the product in AVX-512: 3x3 depthwise convolution, and windows gathered. */
#include "kernels/conv/gemm/gemm_loops.h"
#include "kernels/conv/gemm/lanes_avx512.h"

enum { PIXELS = 4 }; /* neighbours that share one load of the filter */

/* Steps between taps and between neighbouring pixels, and between taps of the filter, in floats. */
typedef struct steps {
    int64_t down, across, along, lanes;
} steps;

/* Taps top..bottom-1 by left..right-1 of the nine lie inside the picture. */
typedef struct range {
    int top, bottom, left, right;
} range;

/* 16 channels of `pixels` neighbours with the same taps inside; `x` is the first tap of the first
 * one, maybe outside. `pixels`, `full` (the mask has all lanes) and the range, where it is all nine
 * taps, are constants wherever this is expanded. */
INLINE void compute(const int pixels, const int full, const range in, const depthwise_job *job,
                    const float *filter, __mmask16 mask, const steps *by, const float *x, float *to,
                    int64_t to_stride)
{
    __m512 sums[PIXELS];
#pragma GCC unroll 4
    for (int i = 0; i < pixels; i++) sums[i] = _mm512_load_ps(filter);
#pragma GCC unroll 3
    for (int ky = in.top; ky < in.bottom; ky++)
#pragma GCC unroll 3
        for (int kx = in.left; kx < in.right; kx++) {
            const float *at = x + ky * by->down + kx * by->across;
            __m512 weight = _mm512_load_ps(filter + (1 + 3 * ky + kx) * by->lanes);
#pragma GCC unroll 4
            for (int i = 0; i < pixels; i++) {
                __m512 pixel = full ? _mm512_loadu_ps(at + i * by->along)
                                    : _mm512_maskz_loadu_ps(mask, at + i * by->along);
                sums[i] = _mm512_fmadd_ps(pixel, weight, sums[i]);
            }
        }
#pragma GCC unroll 4
    for (int i = 0; i < pixels; i++)
        _mm512_mask_storeu_ps(to + i * to_stride, mask, clamped(sums[i], job->low, job->high));
}

/* All channels of `pixels` neighbours. */
INLINE void channels_of(const int pixels, const range in, const depthwise_job *job, const steps *by,
                        const float *x, float *to, int64_t to_stride)
{
    int c = 0;
    for (; c + GEMM_LANES <= job->channels; c += GEMM_LANES)
        compute(pixels, 1, in, job, job->filter + c, 0xffff, by, x + c, to + c, to_stride);
    if (c < job->channels)
        compute(pixels, 0, in, job, job->filter + c, first_lanes(job->channels - c), by, x + c,
                to + c, to_stride);
}

/* The taps of 0..2 that fall within 0..size-1: from *low to *high - 1. */
INLINE void inside(int start, int dilation, int size, int *low, int *high)
{
    *low = 0;
    *high = 3;
    while (*low < 3 && start + *low * dilation < 0) ++*low;
    while (*high > *low && start + (*high - 1) * dilation >= size) --*high;
}

/* `count` pixels, all taps inside from left to right: in blocks of PIXELS, the last of which may
 * compute pixels again that the one before has done. */
INLINE void run_of(const range in, const depthwise_job *job, const steps *by, const float *x,
                   int count, float *to, int64_t to_stride)
{
    int i = 0;
    if (count >= PIXELS)
        for (; i < count; i += PIXELS) {
            if (i > count - PIXELS) i = count - PIXELS;
            channels_of(PIXELS, in, job, by, x + i * by->along, to + i * to_stride, to_stride);
        }
    for (; i < count; i++)
        channels_of(1, in, job, by, x + i * by->along, to + i * to_stride, to_stride);
}

/* `count` pixels of output row `row` from `column` on. */
static void row_of(const depthwise_job *job, const steps *by, int row, int column, int count,
                   float *to, int64_t to_stride)
{
    int y = row * job->stride[0] - job->pads[0], x = column * job->stride[1] - job->pads[1];
    const float *from = job->x + ((int64_t)y * job->width + x) * job->channels;
    range in;
    inside(y, job->dilation[0], job->height, &in.top, &in.bottom);
    while (count > 0) {
        inside(x, job->dilation[1], job->width, &in.left, &in.right);
        int whole = in.right - in.left == 3, here = 1;
        if (whole) here = (job->width - 1 - 2 * job->dilation[1] - x) / job->stride[1] + 1;
        if (here > count) here = count;
        const range all = {0, 3, 0, 3}, across = {in.top, in.bottom, 0, 3};
        if (!whole)
            channels_of(1, in, job, by, from, to, to_stride);
        else if (in.bottom - in.top < 3)
            run_of(across, job, by, from, here, to, to_stride);
        else
            run_of(all, job, by, from, here, to, to_stride);
        count -= here;
        x += here * job->stride[1];
        from += here * by->along;
        to += here * to_stride;
    }
}

void gemm_depthwise_avx512(const depthwise_job *job, int first, int count, float *to,
                           int64_t to_stride)
{
    steps by = {(int64_t)job->dilation[0] * job->width * job->channels,
                (int64_t)job->dilation[1] * job->channels, (int64_t)job->stride[1] * job->channels,
                (int64_t)gemm_vectors(job->channels) * GEMM_LANES};
    for (int i = 0, here; i < count; i += here) {
        int column = (first + i) % job->y_width;
        here = job->y_width - column < count - i ? job->y_width - column : count - i;
        row_of(job, &by, (first + i) / job->y_width, column, here, to + i * to_stride, to_stride);
    }
}

/* ---- windows --------------------------------------------------------------------------------- */

INLINE void copy(const float *from, int count, float *to)
{
    int i = 0;
    for (; i + GEMM_LANES <= count; i += GEMM_LANES)
        _mm512_storeu_ps(to + i, _mm512_loadu_ps(from + i));
    if (i < count) {
        __mmask16 rest = first_lanes(count - i);
        _mm512_mask_storeu_ps(to + i, rest, _mm512_maskz_loadu_ps(rest, from + i));
    }
}

static void clear(int count, float *to)
{
    for (int i = 0; i < count; i += GEMM_LANES)
        _mm512_mask_storeu_ps(to + i, first_lanes(count - i), _mm512_setzero_ps());
}

/* One row of the window that starts at (y, x). */
static void window_row(const window_job *job, int y, int x, float *to)
{
    int channels = job->channels, across = job->kernel[1];
    const float *line = job->x + (int64_t)y * job->width * channels;
    if (y < 0 || y >= job->height) {
        clear(across * channels, to);
    } else if (job->dilation[1] == 1 && x >= 0 && x + across <= job->width) {
        copy(line + (int64_t)x * channels, across * channels, to);
    } else {
        for (int k = 0; k < across; k++, x += job->dilation[1], to += channels) {
            if (x < 0 || x >= job->width)
                clear(channels, to);
            else
                copy(line + (int64_t)x * channels, channels, to);
        }
    }
}

void gemm_gather_avx512(const window_job *job, int first, int count, float *to, int64_t to_stride)
{
    int row = first / job->y_width, column = first % job->y_width;
    for (int i = 0; i < count; i++, to += to_stride) {
        int y = row * job->stride[0] - job->pads[0], x = column * job->stride[1] - job->pads[1];
        for (int k = 0; k < job->kernel[0]; k++)
            window_row(job, y + k * job->dilation[0], x, to + k * job->kernel[1] * job->channels);
        if (++column == job->y_width) {
            column = 0;
            row++;
        }
    }
}
