/* Copies between tensors of anyone's layout on the device. */
#ifndef POSENET_KERNELS_CUDA_STRIDED_H
#define POSENET_KERNELS_CUDA_STRIDED_H

#include "kernels/op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Element (n, y, x, c) lies at data + the sum of index * stride, in elements; device memory. */
typedef struct cuda_strided {
    void *data;
    element_type type;
    int64_t strides[AXES];
} cuda_strided;

typedef struct cuda_copy {
    cuda_strided from, to;
    int dims[AXES];
} cuda_copy;

enum { CUDA_COPIES = 4 };

/* Makes up to CUDA_COPIES copies, converting types, with one launch on the stream (a
 * cudaStream_t). */
status cuda_copy_strided(const cuda_copy *copies, int count, void *stream) STATUS_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
