/* The kinds of poolings that rows are made for. */
#ifndef POSENET_KERNELS_MAX_POOL_MAX_POOL_H
#define POSENET_KERNELS_MAX_POOL_MAX_POOL_H

#include "kernels/op.h"

/* 1 if a step is a pooling that keeps some pixels of tensor `x` as they are: every stride-th of
 * every stride-th line. */
static inline int max_pool_thins(const step *s, int x)
{
    const pool_params *p = &s->as.pool;
    return s->op == OP_MAX_POOL && s->inputs[0] == x && p->kernel[0] == 1 && p->kernel[1] == 1 &&
           !p->pads[0] && !p->pads[1] && !p->pads[2] && !p->pads[3];
}

#endif
