/* What the CUDA rows of one GPU share: prepare_context.device points to one of these. */
#ifndef POSENET_KERNELS_CUDA_DEVICE_H
#define POSENET_KERNELS_CUDA_DEVICE_H

#include <stddef.h>

#include "kernels/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A vendor library with its handle, opened by the first row that needs it. */
typedef struct cuda_library {
    void *opened; /* NULL: not yet */
    void (*close)(void *opened);
    char missing[512]; /* why it cannot be opened; "": not known to be so */
} cuda_library;

enum { CUDA_LIBRARY_CUDNN, CUDA_LIBRARY_CUBLASLT, CUDA_LIBRARIES };

/* Of a multiprocessor's shared memory each block takes so much beside its own
 * (cudaDevAttrReservedSharedMemoryPerBlock, from compute capability 8.0 on). */
enum { CUDA_BLOCK_RESERVE = 1024 };

typedef struct cuda_device {
    int index;
    int compute;    /* capability that the loaded kernels are made for, 90 for 9.0 */
    char name[256]; /* "NVIDIA H100" */
    int multiprocessors;
    int shared_bytes;       /* shared memory of a multiprocessor */
    int block_shared_bytes; /* the most of it that one block can have */
    cuda_library libraries[CUDA_LIBRARIES];
} cuda_device;

/* Makes GPU `index` the calling thread's current one. STATUS_DEVICE with one sentence where there
 * is no driver, no GPU, no GPU of that number, or one this build has no kernels for. */
status cuda_device_open(int index, cuda_device **out) STATUS_MUST_CHECK;

/* The calling thread's current GPU becomes this one: every entry from outside begins with it. */
status cuda_device_use(const cuda_device *d) STATUS_MUST_CHECK;

/* NULL and a null device are fine. */
void cuda_device_close(cuda_device **d);

/* STATUS_OK, or STATUS_UNSUPPORTED with the sentence where the library was found missing before. */
status cuda_library_check(const cuda_library *library) STATUS_MUST_CHECK;

/* What opening it came to. A failure for anything but memory is kept: the device lacks the library
 * from now on, and rows that need it answer STATUS_UNSUPPORTED. */
status cuda_library_opened(cuda_library *library, status opened) STATUS_MUST_CHECK;

/* STATUS_OK if the current GPU can run this build's kernels; *compute is the capability that they
 * are compiled for, which may be less than the GPU's. */
status cuda_kernels_fit(int *compute) STATUS_MUST_CHECK;

/* Lets launches of `kernel` ask for all the shared memory that a block can have. All of it, since
 * the setting belongs to the kernel and other plans launch it with other sizes. */
status cuda_allow_shared_memory(const cuda_device *d, const void *kernel) STATUS_MUST_CHECK;

/* While `kernel` runs, a multiprocessor has as much shared memory and as little cache as it can.
 * Kernels of a chain that all ask for the same may start beside one another, without a pause. */
status cuda_prefer_shared_memory(const void *kernel) STATUS_MUST_CHECK;

/* *built is 0 where `kernel` is empty because this build has none of its code for the current GPU:
 * it was made for newer instructions than any that the loaded code has. */
status cuda_kernel_is_built(const void *kernel, int *built) STATUS_MUST_CHECK;

/* The GPU, its driver, and the libraries' versions (0: not there) as one line of text. */
status cuda_device_versions(cuda_device *d, char *text, size_t bytes) STATUS_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
