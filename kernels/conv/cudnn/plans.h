/* Execution plans of cuDNN for convolutions: built once for all convolutions of one kind, whatever
 * their weights, and kept by the library's handle as long as a row uses them. */
#ifndef POSENET_KERNELS_CONV_CUDNN_PLANS_H
#define POSENET_KERNELS_CONV_CUDNN_PLANS_H

#include "kernels/conv/cudnn/graph.h"

/* Ways to compute a convolution. Way 0 is the first that works, in an order that was found to be
 * good. The others are what each mode of the heuristics proposes, best first, without what an
 * earlier one proposed: whole in one graph, then the convolution alone. Many numbers are not
 * taken. */
enum { CONV_WAYS_A_LIST = 20, CONV_LISTS = 6, CONV_WAYS = 1 + CONV_LISTS * CONV_WAYS_A_LIST };

typedef struct conv_plan {
    cudnnBackendDescriptor_t plan;
    size_t workspace_bytes;
    int fused; /* bias, residual and activation are in it */
    int users;
    struct conv_plan *next;
} conv_plan;

/* The plan of way `way` for convolution step `s`; `rounds`: operands may be rounded to 10 bits
 * (fp16, tf32). STATUS_UNSUPPORTED where there is no such way. Release it with conv_plan_put. */
status conv_plan_get(cudnn *lib, const network *net, const step *s, int rounds, int way,
                     conv_plan **out) STATUS_MUST_CHECK;

/* NULL is fine. */
void conv_plan_put(cudnn *lib, conv_plan *p);

/* 1 if the activation can be part of the graph. */
int conv_plan_can_fuse(const activation *act);

#endif
