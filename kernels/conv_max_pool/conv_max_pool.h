/* What the rows of a convolution and its max pooling ask alike. */
#ifndef POSENET_KERNELS_CONV_MAX_POOL_CONV_MAX_POOL_H
#define POSENET_KERNELS_CONV_MAX_POOL_CONV_MAX_POOL_H

#include "kernels/network.h"

/* 1 if the step after the convolution `first` pools its output to halves, by square windows of
 * `kernel` at `stride`. */
static inline int conv_max_pool_follows(const network *net, int first, int kernel, int stride)
{
    if (first + 1 >= net->step_count) return 0;
    const step *conv = &net->steps[first], *pool = conv + 1;
    const pool_params *p = &pool->as.pool;
    if (pool->op != OP_MAX_POOL || pool->inputs[0] != conv->output) return 0;
    for (int i = 0; i < 2; i++)
        if (p->kernel[i] != kernel || p->stride[i] != stride || p->dilation[i] != 1) return 0;
    return net->tensors[pool->output].type == TYPE_FP16;
}

#endif
