/* What follows a convolution that a library computed alone: bias, residual and activation. */
#ifndef POSENET_KERNELS_CONV_EPILOGUE_CUDA_H
#define POSENET_KERNELS_CONV_EPILOGUE_CUDA_H

#include "kernels/cuda/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y = activate(y + bias + residual) of the step that `w` covers, in place. `bias`: [channels] fp32,
 * or NULL where it is in y already; `residual`: 1 if the step's is still to be added. */
status conv_epilogue(const work *w, const network *net, const run *r, const float *bias,
                     int residual) STATUS_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
