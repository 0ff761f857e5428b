/* How far two arrays on the device are apart, for the tuner. */
#ifndef POSENET_KERNELS_CUDA_COMPARE_H
#define POSENET_KERNELS_CUDA_COMPARE_H

#include "kernels/cuda/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The largest |got - want| / (1 + |want|) of `count` (at least 1) elements: 0 where both are the
 * same, infinite where just one is a number. `scratch`: four bytes on the device. Waits for the
 * default stream only. */
status cuda_compare(const void *got, const void *want, element_type type, int64_t count,
                    unsigned *scratch, double *worst) STATUS_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
