/* The kinds of convolutions that rows are made for. */
#ifndef POSENET_KERNELS_CONV_CONV_H
#define POSENET_KERNELS_CONV_CONV_H

#include "kernels/op.h"

/* 1 if a step is a 1x1 convolution that reads each pixel where it lies: a matrix product. */
static inline int conv_is_pointwise(const step *s)
{
    const conv_params *p = &s->as.conv;
    return s->op == OP_CONV && p->groups == 1 && p->kernel[0] == 1 && p->kernel[1] == 1 &&
           p->stride[0] == 1 && p->stride[1] == 1 && !p->pads[0] && !p->pads[1] && !p->pads[2] &&
           !p->pads[3];
}

/* 1 if a step is a 3x3 convolution of each channel by itself. */
static inline int conv_is_depthwise_3x3(const step *s)
{
    const conv_params *p = &s->as.conv;
    return s->op == OP_CONV && p->groups == p->in_channels && p->groups == p->out_channels &&
           p->kernel[0] == 3 && p->kernel[1] == 3;
}

#endif
