/* OP_CONV without groups as a matrix product, for the rows that differ in instruction set only. */
#ifndef POSENET_KERNELS_CONV_CONV_GEMM_H
#define POSENET_KERNELS_CONV_CONV_GEMM_H

#include "kernels/conv/gemm/gemm.h"

/* A row's covers, enqueue and release; its prepare gives the kernels (NULL: STATUS_DEVICE). */
int conv_gemm_covers(const network *net, int first, precision precision);
status conv_gemm_prepare(const gemm_kernels *kernels, const prepare_context *context,
                         const network *net, work *w) STATUS_MUST_CHECK;
status conv_gemm_enqueue(const work *w, const network *net, const run *r);

#endif
