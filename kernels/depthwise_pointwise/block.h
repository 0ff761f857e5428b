/* A 3x3 depthwise convolution and the 1x1 convolution after it, MobileNet's block, as one: some
 * pixels go through the first into a buffer that stays in the cache, and from there through the
 * second. The tensor between the two never reaches memory. */
#ifndef POSENET_KERNELS_DEPTHWISE_POINTWISE_BLOCK_H
#define POSENET_KERNELS_DEPTHWISE_POINTWISE_BLOCK_H

#include "kernels/conv/gemm/gemm.h"

/* A row's covers (2 steps), enqueue and release; its prepare gives the kernels (NULL:
 * STATUS_DEVICE). */
int block_covers(const network *net, int first, precision precision);
status block_prepare(const gemm_kernels *kernels, const prepare_context *context,
                     const network *net, work *w) STATUS_MUST_CHECK;
status block_enqueue(const work *w, const network *net, const run *r);

#endif
