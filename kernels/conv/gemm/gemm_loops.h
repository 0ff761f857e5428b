/* The sets of inner loops, whether or not this machine can run them. Only for gemm_cpu.c, which
 * asks first, and for the loops themselves. */
#ifndef POSENET_KERNELS_CONV_GEMM_GEMM_LOOPS_H
#define POSENET_KERNELS_CONV_GEMM_GEMM_LOOPS_H

#include "kernels/conv/gemm/gemm.h"

extern const gemm_kernels gemm_loops_avx512, gemm_loops_amx;

void gemm_depthwise_avx512(const depthwise_job *job, int first, int count, float *to,
                           int64_t to_stride);
void gemm_gather_avx512(const window_job *job, int first, int count, float *to, int64_t to_stride);

#endif
