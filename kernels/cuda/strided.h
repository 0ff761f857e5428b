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

/* What one launch copies. All zero: nothing. */
typedef struct cuda_one_copy {
    cuda_copy of;
    int64_t count; /* elements; 0: no copy */
    int64_t dense; /* on both sides: element i is the i-th in memory */
} cuda_one_copy;

typedef struct cuda_copies {
    cuda_one_copy copy[CUDA_COPIES];
} cuda_copies;

cuda_copies cuda_describe_copies(const cuda_copy *copies, int count);

/* Makes up to CUDA_COPIES copies, converting types, with one launch on the stream (a
 * cudaStream_t). */
status cuda_copy_strided(const cuda_copy *copies, int count, void *stream) STATUS_MUST_CHECK;

/* The same for a graph that is captured once and makes other copies each time: `described`, in
 * pinned memory, is read when it runs, up to `count` copies of about `elements` at most. What they
 * read may come from the kernel before it, and the next kernel may start early. */
status cuda_copy_described(const cuda_copies *described, int count, int64_t elements,
                           const run *r) STATUS_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
