/* The fast CPU convolutions' inner loops: a small matrix product and a 3x3 depthwise convolution on
 * rows of channels, chosen once for the machine's instruction set.
 *
 * The rows that use them (conv_cpu, depthwise_pointwise_cpu) gather some pixels' inputs into a
 * buffer that stays in the cache, and multiply it by all of the filter before they go on. */
#ifndef POSENET_KERNELS_CONV_GEMM_H
#define POSENET_KERNELS_CONV_GEMM_H

#include "kernels/op.h"
#include "kernels/pack.h"

/* A tile of the result is GEMM_ROWS x (GEMM_VECTORS * GEMM_LANES) sums in registers: 27 of 32, with
 * three for the filter and one for the input. */
enum { GEMM_LANES = 16, GEMM_ROWS = 9, GEMM_VECTORS = 3 };

/* y[r][c] = clamp(bias[c] + sum over k of a[r][k] * filter[k][c] + residual[r][c]). */
typedef struct gemm_job {
    const float *a; /* [rows][depth], rows a_stride apart */
    int64_t a_stride;
    int rows, depth, columns;
    const float *panels;   /* gemm_pack's */
    const float *residual; /* [rows][columns], rows y_stride apart; or NULL */
    float *y;              /* [rows][columns] */
    int64_t y_stride;
    float low, high;
} gemm_job;

/* Some pixels of one row of a 3x3 depthwise convolution, clamped. */
typedef struct depthwise_job {
    const float *x; /* the image, [height][width][channels] */
    int height, width, channels;
    int stride[2], dilation[2], pads[2]; /* pads: top, left */
    const float *filter; /* [1 + 9][channels rounded up to GEMM_LANES]: bias, then the taps */
    float low, high;
} depthwise_job;

typedef struct gemm_kernels {
    void (*gemm)(const gemm_job *job);

    /* Output pixels first..first+count-1 of output row `y_row` to `to`, `to_stride` apart. */
    void (*depthwise)(const depthwise_job *job, int y_row, int first, int count, float *to,
                      int64_t to_stride);
    int fast; /* 0: plain loops, for machines that have nothing better */
} gemm_kernels;

/* The best for this machine. */
const gemm_kernels *gemm_choose(void);

extern const gemm_kernels gemm_plain, gemm_avx512; /* gemm_avx512: AVX-512 F only */

/* Vectors in the panel that starts with `left` vectors to go: 3, but never a lonely one at the end
 * where two panels of 2 do. */
static inline int gemm_panel_vectors(int left)
{
    return left == 4 || left == 2 ? 2 : left < GEMM_VECTORS ? left : GEMM_VECTORS;
}

static inline int gemm_vectors(int columns)
{
    return (columns + GEMM_LANES - 1) / GEMM_LANES;
}

/* The filter and bias of a convolution without groups, from the cache: panels of 1 to 3 vectors of
 * output channels, each panel [1 + depth][vectors * GEMM_LANES], bias first, zeros beyond the last
 * channel. The order of depth is [kernel h][kernel w][in]. */
status gemm_pack(const prepare_context *context, const conv_params *p,
                 const float **panels) STATUS_MUST_CHECK;

/* The filter and bias of a 3x3 depthwise convolution, as depthwise_job takes them. */
status gemm_pack_depthwise(const prepare_context *context, const conv_params *p,
                           const float **filter) STATUS_MUST_CHECK;

/* The activation as limits; 0 if it is no clamp. */
int gemm_limits(const activation *act, float *low, float *high);

#endif
