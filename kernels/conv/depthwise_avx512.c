/* The left side of the product in AVX-512: 3x3 depthwise convolution, and windows gathered.
 *
 * The depthwise convolution goes through all of its pixels for 16 channels before the next 16: the
 * nine taps of the filter stay in registers, and of three rows of input that follow one another two
 * are still in the cache. */
#include "kernels/conv/gemm_loops.h"
#include "kernels/conv/lanes_avx512.h"

enum { PIXELS = 4, TAPS = 9, LINE = 64 }; /* neighbours computed together */

/* Sixteen channels of the filter, and which of them there are. */
typedef struct slice {
    __m512 bias, taps[TAPS];
    __mmask16 mask;
} slice;

/* Steps between taps and between neighbouring pixels, in floats. */
typedef struct steps {
    int64_t down, across, along;
} steps;

/* PIXELS neighbours whose taps all lie inside; `x` is the first tap of the first one. `full` (all
 * 16 channels are there) is a constant wherever this is expanded. */
INLINE void whole_pixels(const int full, const depthwise_job *job, const slice *f, const steps *by,
                         const float *x, float *to, int64_t to_stride)
{
    __m512 sums[PIXELS];
#pragma GCC unroll 4
    for (int i = 0; i < PIXELS; i++) sums[i] = f->bias;
#pragma GCC unroll 9
    for (int tap = 0; tap < TAPS; tap++) {
        const float *at = x + tap / 3 * by->down + tap % 3 * by->across;
#pragma GCC unroll 4
        for (int i = 0; i < PIXELS; i++) {
            __m512 pixel = full ? _mm512_loadu_ps(at + i * by->along)
                                : _mm512_maskz_loadu_ps(f->mask, at + i * by->along);
            sums[i] = _mm512_fmadd_ps(pixel, f->taps[tap], sums[i]);
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < PIXELS; i++)
        _mm512_mask_storeu_ps(to + i * to_stride, f->mask, clamped(sums[i], job->low, job->high));
}

/* One pixel anywhere; (x, y) is its first tap. */
static void border_pixel(const depthwise_job *job, const slice *f, const steps *by, int y, int x,
                         const float *from, float *to)
{
    __m512 sum = f->bias;
    for (int tap = 0; tap < TAPS; tap++) {
        int tap_y = y + tap / 3 * job->dilation[0], tap_x = x + tap % 3 * job->dilation[1];
        if (tap_y < 0 || tap_x < 0 || tap_y >= job->height || tap_x >= job->width) continue;
        const float *at = from + tap / 3 * by->down + tap % 3 * by->across;
        sum = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(f->mask, at), f->taps[tap], sum);
    }
    _mm512_mask_storeu_ps(to, f->mask, clamped(sum, job->low, job->high));
}

/* `count` pixels of output row `row` from `column` on, 16 channels from `c` on. */
static void row_of(const depthwise_job *job, const slice *f, const steps *by, int c, int row,
                   int column, int count, float *to, int64_t to_stride)
{
    int y = row * job->stride[0] - job->pads[0];
    int inside = y >= 0 && y + 2 * job->dilation[0] < job->height;
    int reach = (PIXELS - 1) * job->stride[1] + 2 * job->dilation[1];
    for (int i = 0; i < count;) {
        int x = (column + i) * job->stride[1] - job->pads[1];
        const float *from = job->x + ((int64_t)y * job->width + x) * job->channels + c;
        float *here = to + i * to_stride;
        if (inside && x >= 0 && x + reach < job->width && i + PIXELS <= count) {
            if (f->mask == 0xffff)
                whole_pixels(1, job, f, by, from, here, to_stride);
            else
                whole_pixels(0, job, f, by, from, here, to_stride);
            i += PIXELS;
        } else {
            border_pixel(job, f, by, y, x, from, here);
            i++;
        }
    }
}

/* Asks for the input of output rows first..last, which the slices then read in small pieces. */
static void fetch_rows(const depthwise_job *job, int first, int last)
{
    int64_t row = (int64_t)job->width * job->channels;
    int top = first * job->stride[0] - job->pads[0];
    int bottom = last * job->stride[0] - job->pads[0] + 2 * job->dilation[0] + 1;
    if (top < 0) top = 0;
    if (bottom > job->height) bottom = job->height;
    const char *at = (const char *)(job->x + top * row);
    const char *end = (const char *)(job->x + bottom * row);
    for (; top < bottom && at < end; at += LINE) _mm_prefetch(at, _MM_HINT_T1);
}

void gemm_depthwise_avx512(const depthwise_job *job, int first, int count, float *to,
                           int64_t to_stride)
{
    int64_t lanes = (int64_t)gemm_vectors(job->channels) * GEMM_LANES;
    steps by = {(int64_t)job->dilation[0] * job->width * job->channels,
                (int64_t)job->dilation[1] * job->channels, (int64_t)job->stride[1] * job->channels};
    fetch_rows(job, first / job->y_width, (first + count - 1) / job->y_width);
    for (int c = 0; c < job->channels; c += GEMM_LANES) {
        slice f = {.bias = _mm512_load_ps(job->filter + c), .mask = first_lanes(job->channels - c)};
        for (int tap = 0; tap < TAPS; tap++)
            f.taps[tap] = _mm512_load_ps(job->filter + (tap + 1) * lanes + c);
        for (int i = 0, here; i < count; i += here) {
            int column = (first + i) % job->y_width;
            here = job->y_width - column < count - i ? job->y_width - column : count - i;
            row_of(job, &f, &by, c, (first + i) / job->y_width, column, here,
                   to + i * to_stride + c, to_stride);
        }
    }
}

/* ---- windows ------------------------------------------------------------------------------------
 */

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
    for (int i = first; i < first + count; i++, to += to_stride) {
        int y = i / job->y_width * job->stride[0] - job->pads[0];
        int x = i % job->y_width * job->stride[1] - job->pads[1];
        for (int k = 0; k < job->kernel[0]; k++)
            window_row(job, y + k * job->dilation[0], x, to + k * job->kernel[1] * job->channels);
    }
}
