/* The fast CPU convolutions' engine room: pixels' inputs are brought together chunk by chunk in a
 * buffer that stays in the cache, and each chunk is multiplied by all of the filter before the
 * next.
 *
 * The rows (conv_avx512, conv_amx, depthwise_pointwise_avx512, …) say where the inputs come from;
 * the inner loops come in one set of functions an instruction set. */
#ifndef POSENET_KERNELS_CONV_GEMM_GEMM_H
#define POSENET_KERNELS_CONV_GEMM_GEMM_H

#include "kernels/op.h"
#include "kernels/pack.h"

enum { GEMM_LANES = 16 };

/* y[r][c] = clamp(bias[c] + sum over k of a[r][k] * filter[k][c] + residual[r][c]). */
typedef struct gemm_job {
    const float *a; /* [rows][depth], rows a_stride apart; not read by kernels that stage */
    int64_t a_stride;
    const void *staged; /* what stage() made of a */
    int rows, depth, columns;
    const void *panels;    /* what pack() made: filter and bias */
    const float *residual; /* [rows][columns], rows y_stride apart; or NULL */
    float *y;              /* [rows][columns] */
    int64_t y_stride;
    float low, high;
    int past_cache; /* 1: y goes straight to memory, in whole and aligned vectors */
} gemm_job;

/* What a convolution reads around its output pixels; pads: top, left. */
typedef struct window_job {
    const float *x; /* one image, [height][width][channels] */
    int height, width, channels, y_width;
    int kernel[2], stride[2], dilation[2], pads[2];
} window_job;

/* A 3x3 depthwise convolution, clamped. */
typedef struct depthwise_job {
    const float *x; /* one image, [height][width][channels] */
    int height, width, channels, y_width;
    int stride[2], dilation[2], pads[2]; /* pads: top, left */
    const float *filter; /* [1 + 9][channels rounded up to GEMM_LANES]: bias, then the taps */
    float low, high;
} depthwise_job;

/* The inner loops of one instruction set. */
typedef struct gemm_kernels {
    const char *name;             /* of the order that pack writes */
    int grain;                    /* rows that are computed together */
    int (*chunk_rows)(int depth); /* how many rows to bring together, a multiple */
    size_t (*panel_bytes)(int depth, int columns);
    void (*pack)(const conv_params *p, void *panels);
    size_t (*staged_bytes)(int rows, int depth); /* NULL, with stage: gemm reads a itself */
    void (*stage)(const float *a, int64_t a_stride, int rows, int depth, int first_row,
                  void *staged); /* rows first_row.. (a multiple of grain) of the chunk */
    void (*gemm)(const gemm_job *job);

    /* Output pixels first..first+count-1 of the image, row by row, to rows `to_stride` apart: the
     * windows in the order [kernel h][kernel w][in], zeros outside, or the depthwise results. */
    void (*gather)(const window_job *job, int first, int count, float *to, int64_t to_stride);
    void (*depthwise)(const depthwise_job *job, int first, int count, float *to, int64_t to_stride);
} gemm_kernels;

/* NULL where this machine or this build has no such instructions. */
const gemm_kernels *gemm_kernels_avx512(void);
const gemm_kernels *gemm_kernels_amx(void);

/* ---- one convolution's product --------------------------------------------------------------- */

typedef struct gemm_plan {
    const gemm_kernels *kernels;
    const void *panels;
    int pixels, depth, columns, threads;
    int chunk, piece;                  /* rows brought together, and gathered at a time */
    int64_t buffer_stride;             /* floats from row to row where inputs are gathered */
    size_t buffer_bytes, staged_bytes; /* of each thread */
    float low, high;
} gemm_plan;

/* A plan for the product of `p` (whose depth is its whole window) into `y`. `gathered`: rows come
 * from a gemm_gather, else they stand in memory one after another. *workspace: bytes needed. */
status gemm_plan_make(const prepare_context *context, const gemm_kernels *kernels,
                      const conv_params *p, const tensor *y, int gathered, gemm_plan *out,
                      size_t *workspace) STATUS_MUST_CHECK;

/* Writes rows first..first+count-1 of the product's left side, `stride` floats apart. */
typedef void (*gemm_gather)(const void *user, int first, int count, float *to, int64_t stride);

typedef struct gemm_run {
    const gemm_plan *plan;
    const float *rows; /* [pixels][depth], or NULL: */
    gemm_gather gather;
    const void *user;
    const float *residual; /* or NULL */
    float *y;
    unsigned char *workspace;
} gemm_run;

/* Computes all pixels on the plan's threads. */
void gemm_compute(const gemm_run *r);

/* The filter and bias of a 3x3 depthwise convolution as depthwise_job takes them, from the cache.
 */
status gemm_pack_depthwise(const prepare_context *context, const conv_params *p,
                           const float **filter) STATUS_MUST_CHECK;

static inline int gemm_vectors(int columns)
{
    return (columns + GEMM_LANES - 1) / GEMM_LANES;
}

/* Filter element of row k (in the order [kernel h][kernel w][in]) and column c; 0 beyond them. */
static inline float gemm_filter_at(const conv_params *p, int k, int c)
{
    int window = p->kernel[0] * p->kernel[1], ins = p->in_channels / p->groups;
    if (k >= window * ins || c >= p->out_channels) return 0;
    return p->filter[((int64_t)c * ins + k % ins) * window + k / ins];
}

static inline float gemm_bias_at(const conv_params *p, int c)
{
    return p->bias && c < p->out_channels ? p->bias[c] : 0;
}

#endif
