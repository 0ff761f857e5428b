/* What the hand-written convolution rows share: weights on the device, and the kernels' arguments.
 */
#ifndef POSENET_KERNELS_CONV_WEIGHTS_CUDA_H
#define POSENET_KERNELS_CONV_WEIGHTS_CUDA_H

#include "kernels/cuda/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 1 if step `first` is a convolution whose operands are computed tensors, small enough to count and
 * for a grid; conv_cuda_covers_plain: and all of one type. */
int conv_cuda_covers(const network *net, int first);
int conv_cuda_covers_plain(const network *net, int first);

/* Puts filter ([kernel h][kernel w][in/groups][out]) and bias on the device, both in fp32 whatever
 * the tensors' type, and keeps them in w->state. */
status conv_cuda_prepare(const prepare_context *context, const network *net,
                         work *w) STATUS_MUST_CHECK;

/* The bias on the device, in fp32; *out: NULL where there is none. */
status conv_cuda_pack_bias(const prepare_context *context, const conv_params *p,
                           const float **out) STATUS_MUST_CHECK;

/* Packed filters have zeros up to multiples of these: k, and output channels. */
enum { CONV_CUDA_STEP = 64, CONV_CUDA_ROWS = 128 };

/* The filter as fp16 matrix fragments (kernels/cuda/mma.cuh): k = (kernel y, kernel x, input
 * channel), padded as said;
 * [channel / 16][k / 16][lane][8 halves: b0, b1 of 8 channels, b0, b1 of the next 8]. */
status conv_cuda_pack_fragments(const prepare_context *context, const conv_params *p,
                                void **out) STATUS_MUST_CHECK;

/* The filter as fp16 rows for products of a warpgroup (kernels/cuda/wgmma.cuh): k and its padding
 * as above, [k / 64][channel][64], rows permuted. */
status conv_cuda_pack_rows(const prepare_context *context, const conv_params *p,
                           void **out) STATUS_MUST_CHECK;

/* Everything a kernel needs, passed by value. */
typedef struct conv_arguments {
    const void *x, *residual;   /* residual: NULL, or y's dims */
    const float *filter, *bias; /* bias: or NULL */
    void *y;
    element_type x_type, y_type, residual_type;
    int x_dims[AXES], y_dims[AXES];
    int groups, kernel[2], stride[2], dilation[2], pads[2]; /* pads: top, left */
    activation act;
} conv_arguments;

conv_arguments conv_cuda_arguments(const work *w, const network *net, const run *r);

#ifdef __cplusplus
}
#endif
#endif
