/* The inner loops in AVX-512: tiles of 9 x 48 sums in registers. Compiled for AVX-512 as a whole,
 * called only where the processor has it (see gemm_cpu.c). */
#include "kernels/conv/gemm_loops.h"

#include <immintrin.h>

/* A tile of the result: 27 of 32 registers, with three for the filter and one for the input. */
enum { ROWS = 9, VECTORS = 3, CHUNK_BYTES = 192 * 1024 };

enum { AHEAD = 8 }; /* rows of the filter that are fetched before they are needed */

#define INLINE static inline __attribute__((always_inline))

/* Lanes of vector `v` that lie within `columns`. */
INLINE __mmask16 lanes_within(int v, int columns)
{
    int left = columns - v * GEMM_LANES;
    return left >= GEMM_LANES ? (__mmask16)0xffff : (__mmask16)((1u << left) - 1);
}

/* NaN is kept: the second operand is the result where either is one. */
INLINE __m512 clamped(__m512 x, float low, float high)
{
    return _mm512_min_ps(_mm512_set1_ps(high), _mm512_max_ps(_mm512_set1_ps(low), x));
}

INLINE void store(const gemm_job *job, int64_t at, __mmask16 lanes, __m512 sum)
{
    if (job->residual) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(lanes, job->residual + at));
    _mm512_mask_storeu_ps(job->y + at, lanes, clamped(sum, job->low, job->high));
}

/* `rows` and `vectors` are constants wherever this is expanded: the sums stay in registers. */
INLINE void tile(const int rows, const int vectors, const gemm_job *job, int first_row,
                 const float *panel, int first_column)
{
    const float *a = job->a + first_row * job->a_stride;
    const int64_t stride = job->a_stride;
    const int depth = job->depth;
    __m512 sums[ROWS][VECTORS];
#pragma GCC unroll 9
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) sums[r][v] = _mm512_load_ps(panel + v * GEMM_LANES);
    for (int k = 0; k < depth; k++) {
        __m512 filter[VECTORS];
        panel += vectors * GEMM_LANES;
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) {
            filter[v] = _mm512_load_ps(panel + v * GEMM_LANES);
            _mm_prefetch((const char *)(panel + (AHEAD * vectors + v) * GEMM_LANES), _MM_HINT_T0);
        }
#pragma GCC unroll 9
        for (int r = 0; r < rows; r++) {
            __m512 x = _mm512_set1_ps(a[r * stride + k]);
#pragma GCC unroll 3
            for (int v = 0; v < vectors; v++)
                sums[r][v] = _mm512_fmadd_ps(x, filter[v], sums[r][v]);
        }
    }
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) {
        __mmask16 lanes = lanes_within(v, job->columns - first_column);
        int64_t at = first_row * job->y_stride + first_column + v * GEMM_LANES;
#pragma GCC unroll 9
        for (int r = 0; r < rows; r++, at += job->y_stride) store(job, at, lanes, sums[r][v]);
    }
}

#define ROWS_CASE(rows)                                                                            \
    case rows:                                                                                     \
        if (vectors == 3)                                                                          \
            tile(rows, 3, job, first_row, panel, first_column);                                    \
        else if (vectors == 2)                                                                     \
            tile(rows, 2, job, first_row, panel, first_column);                                    \
        else                                                                                       \
            tile(rows, 1, job, first_row, panel, first_column);                                    \
        break

static void tile_of(int rows, int vectors, const gemm_job *job, int first_row, const float *panel,
                    int first_column)
{
    switch (rows) {
        ROWS_CASE(1);
        ROWS_CASE(2);
        ROWS_CASE(3);
        ROWS_CASE(4);
        ROWS_CASE(5);
        ROWS_CASE(6);
        ROWS_CASE(7);
        ROWS_CASE(8);
        ROWS_CASE(9);
    }
}

/* Vectors in the panel that starts with `left` vectors to go: 3, but never a lonely one at the end
 * where two panels of 2 do. */
static int panel_vectors(int left)
{
    return left == 4 || left == 2 ? 2 : left < VECTORS ? left : VECTORS;
}

static size_t panel_bytes(int depth, int columns)
{
    return (size_t)gemm_vectors(columns) * GEMM_LANES * ((size_t)depth + 1) * sizeof(float);
}

/* Panels of 1 to 3 vectors of columns, each [1 + depth][vectors][GEMM_LANES], bias first. */
static void pack(const conv_params *p, void *panels)
{
    int depth = p->kernel[0] * p->kernel[1] * p->in_channels, first = 0;
    float *to = panels;
    for (int left = gemm_vectors(p->out_channels), vectors; left > 0; left -= vectors) {
        vectors = panel_vectors(left);
        int end = first + vectors * GEMM_LANES;
        for (int c = first; c < end; c++) *to++ = gemm_bias_at(p, c);
        for (int k = 0; k < depth; k++)
            for (int c = first; c < end; c++) *to++ = gemm_filter_at(p, k, c);
        first = end;
    }
}

static int chunk_rows(int depth)
{
    int rows = CHUNK_BYTES / (int)sizeof(float) / (depth < CHUNK_BYTES ? depth : CHUNK_BYTES);
    return rows > 2 * ROWS ? rows / ROWS * ROWS : 2 * ROWS;
}

/* Tiles share the rows evenly: a last tile of one row would wait for its own sums. */
static void gemm(const gemm_job *job)
{
    int tiles = (job->rows + ROWS - 1) / ROWS;
    const float *panel = job->panels;
    int first_column = 0;
    for (int left = gemm_vectors(job->columns), vectors; left > 0; left -= vectors) {
        vectors = panel_vectors(left);
        for (int i = 0; i < tiles; i++) {
            int first = (int)((int64_t)job->rows * i / tiles);
            int end = (int)((int64_t)job->rows * (i + 1) / tiles);
            tile_of(end - first, vectors, job, first, panel, first_column);
        }
        panel += (int64_t)(job->depth + 1) * vectors * GEMM_LANES;
        first_column += vectors * GEMM_LANES;
    }
}

/* ---- depthwise ----------------------------------------------------------------------------------
 */

enum { PIXELS = 4, ALL_LANES = 0xffff }; /* neighbours that share one load of the filter */

/* Where the taps of some pixels lie. */
typedef struct taps {
    const float *x;               /* of the first tap of the first pixel; maybe outside */
    int64_t down, across, along;  /* from tap to tap, and from pixel to pixel */
    int top, bottom, left, right; /* taps inside: top..bottom-1, left..right-1 */
} taps;

/* 16 channels of `pixels` neighbours, from channel `c` on. `pixels` and `whole` (all nine taps are
 * inside) are constants wherever this is expanded. */
INLINE void channels_of(const int pixels, const int whole, const depthwise_job *job, const taps *t,
                        int64_t lanes, int c, __mmask16 mask, float *to, int64_t to_stride)
{
    const int top = whole ? 0 : t->top, bottom = whole ? 3 : t->bottom;
    const int left = whole ? 0 : t->left, right = whole ? 3 : t->right;
    __m512 sums[PIXELS];
    const float *filter = job->filter + c;
    for (int i = 0; i < pixels; i++) sums[i] = _mm512_load_ps(filter);
    for (int ky = top; ky < bottom; ky++)
        for (int kx = left; kx < right; kx++) {
            const float *x = t->x + ky * t->down + kx * t->across + c;
            __m512 weight = _mm512_load_ps(filter + (1 + 3 * ky + kx) * lanes);
            for (int i = 0; i < pixels; i++) {
                __m512 pixel = mask == ALL_LANES ? _mm512_loadu_ps(x + i * t->along)
                                                 : _mm512_maskz_loadu_ps(mask, x + i * t->along);
                sums[i] = _mm512_fmadd_ps(pixel, weight, sums[i]);
            }
        }
    for (int i = 0; i < pixels; i++)
        _mm512_mask_storeu_ps(to + i * to_stride + c, mask, clamped(sums[i], job->low, job->high));
}

INLINE void pixels_of(const int pixels, const int whole, const depthwise_job *job, const taps *t,
                      float *to, int64_t to_stride)
{
    int64_t lanes = (int64_t)gemm_vectors(job->channels) * GEMM_LANES;
    int full = job->channels / GEMM_LANES * GEMM_LANES;
    for (int c = 0; c < full; c += GEMM_LANES)
        channels_of(pixels, whole, job, t, lanes, c, ALL_LANES, to, to_stride);
    if (full < job->channels)
        channels_of(pixels, whole, job, t, lanes, full, lanes_within(0, job->channels - full), to,
                    to_stride);
}

/* The taps of 0..2 that fall within 0..size-1: from *low to *high - 1. */
static void inside(int start, int dilation, int size, int *low, int *high)
{
    *low = 0;
    *high = 3;
    while (*low < 3 && start + *low * dilation < 0) ++*low;
    while (*high > *low && start + (*high - 1) * dilation >= size) --*high;
}

void gemm_depthwise_avx512(const depthwise_job *job, int y_row, int first, int count, float *to,
                           int64_t to_stride)
{
    int y = y_row * job->stride[0] - job->pads[0];
    taps t = {.down = (int64_t)job->dilation[0] * job->width * job->channels,
              .across = (int64_t)job->dilation[1] * job->channels,
              .along = (int64_t)job->stride[1] * job->channels};
    inside(y, job->dilation[0], job->height, &t.top, &t.bottom);
    for (int i = 0; i < count;) {
        int x = (first + i) * job->stride[1] - job->pads[1], last, width = job->width;
        t.x = job->x + ((int64_t)y * width + x) * job->channels;
        inside(x, job->dilation[1], width, &t.left, &t.right);
        last = x + (PIXELS - 1) * job->stride[1] + 2 * job->dilation[1];
        if (t.bottom - t.top == 3 && t.right - t.left == 3 && last < width && i + PIXELS <= count) {
            pixels_of(PIXELS, 1, job, &t, to + i * to_stride, to_stride);
            i += PIXELS;
        } else {
            pixels_of(1, 0, job, &t, to + i * to_stride, to_stride);
            i++;
        }
    }
}

const gemm_kernels gemm_loops_avx512 = {.name = "gemm avx512",
                                        .grain = 1,
                                        .chunk_rows = chunk_rows,
                                        .panel_bytes = panel_bytes,
                                        .pack = pack,
                                        .gemm = gemm,
                                        .depthwise = gemm_depthwise_avx512};
