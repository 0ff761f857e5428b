/* cuDNN 9, found at run time: the backend (graph) API and one handle a device. */
#ifndef POSENET_KERNELS_CUDA_CUDNN_H
#define POSENET_KERNELS_CUDA_CUDNN_H

#include <cudnn.h>

#include "kernels/cuda/device.h"

typedef struct cudnn {
    void *library;
    cudnnHandle_t handle; /* NULL when opened without a device, or not needed yet */
    void *kept;           /* what rows keep beside it, released by */
    void (*release_kept)(struct cudnn *lib);

    size_t (*version)(void);
    cudnnStatus_t (*create)(cudnnHandle_t *handle);
    cudnnStatus_t (*destroy)(cudnnHandle_t handle);
    cudnnStatus_t (*set_stream)(cudnnHandle_t handle, cudaStream_t stream);
    const char *(*error_string)(cudnnStatus_t code);
    void (*last_error)(char *text, size_t bytes);
    cudnnStatus_t (*make)(cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t *out);
    cudnnStatus_t (*unmake)(cudnnBackendDescriptor_t descriptor);
    cudnnStatus_t (*finalize)(cudnnBackendDescriptor_t descriptor);
    cudnnStatus_t (*set)(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                         cudnnBackendAttributeType_t type, int64_t count, const void *values);
    cudnnStatus_t (*get)(const cudnnBackendDescriptor_t descriptor,
                         cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                         int64_t room, int64_t *count, void *values);
    cudnnStatus_t (*execute)(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                             cudnnBackendDescriptor_t pack);
} cudnn;

/* The library alone, without a handle: graphs can be built and checked where there is no GPU. */
status cudnn_open(cudnn **out) STATUS_MUST_CHECK;
void cudnn_close(void *opened);

/* The device's own, opened by the first call: with a handle, and without (to ask its version). */
status cudnn_of(cuda_device *d, cudnn **out) STATUS_MUST_CHECK;
status cudnn_library_of(cuda_device *d, cudnn **out) STATUS_MUST_CHECK;

/* STATUS_OK, or "cuDNN: `doing` failed: its own words". */
status cudnn_check(const cudnn *lib, cudnnStatus_t code, const char *doing) STATUS_MUST_CHECK;

#endif
