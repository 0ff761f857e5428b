/* What follows a convolution that a library computed alone: bias, residual and activation. */
#ifndef POSENET_KERNELS_CONV_EPILOGUE_CUDA_H
#define POSENET_KERNELS_CONV_EPILOGUE_CUDA_H

#include "kernels/cuda/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y = activate(y + bias + residual), in place; bias ([channels] fp32) and residual may be NULL. */
status conv_epilogue(const work *w, const network *net, const run *r, const float *bias);

#ifdef __cplusplus
}
#endif
#endif
