/* Expected microseconds of CUDA rows, for the cover where nothing was timed (row.estimate). They
 * are rough: what an H200 took in fp16, in chains of one picture's layers and of many's, fitted
 * with four numbers a row. Only their order between rows of the same step matters. Rows that are
 * alone in what they compute need none. */
#ifndef POSENET_KERNELS_CUDA_ESTIMATE_H
#define POSENET_KERNELS_CUDA_ESTIMATE_H

#include "kernels/op.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cuda_rates {
    double start_us;      /* launch, first loads, last stores */
    double depth_us;      /* of 1024 products added one after the other */
    double flops_us;      /* floating-point operations a microsecond, GPU full, on fp16 tensors */
    double flops_us_fp32; /* and on fp32 tensors */
    double bytes_us;      /* bytes moved a microsecond */
} cuda_rates;

/* start + depth + the longer of computing and moving, for one step. */
double cuda_estimate(const network *net, const step *s, const cuda_rates *rates);

#ifdef __cplusplus
}
#endif
#endif
