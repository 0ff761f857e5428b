// What the CUDA rows of MobileNet's block have in common: which steps, the order of the 1x1 filter.
#ifndef POSENET_KERNELS_DEPTHWISE_POINTWISE_BLOCK_CUDA_CUH
#define POSENET_KERNELS_DEPTHWISE_POINTWISE_BLOCK_CUDA_CUH

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include "kernels/cuda/cuda.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/op.h"

// 2 where a 3x3 depthwise and a 1x1 convolution of fp16 tensors begin at step `first`, with clamps
// and channels that are multiples of 8; else 0. The second may add a residual.
int block_steps(const network *net, int first);

// Halves of the 1x1 filter for 32 channels and 16 inputs from `first_channel` and `first_in` on, in
// the order of four matrix products' fragments; `to` has BLOCK_FRAGMENT_HALVES zeros.
enum { BLOCK_FRAGMENT_HALVES = 512 };
void block_write_fragment(const conv_params *pointwise, int first_channel, int first_in,
                          __half *to);

#endif
