/* The first GPU as a device. */
#include "device.h"

#include <stdio.h>

#include "kernels/cuda/cuda.h"
#include "kernels/cuda/device.h"

static status allocate(size_t bytes, void **out)
{
    return cuda_check(cudaMalloc(out, bytes), "allocating");
}

static void release(void *memory)
{
    (void)cudaFree(memory);
}

static status copy_to(void *device, const void *host, size_t bytes)
{
    return cuda_check(cudaMemcpy(device, host, bytes, cudaMemcpyHostToDevice), "copying up");
}

static status copy_from(void *host, const void *device, size_t bytes)
{
    return cuda_check(cudaMemcpy(host, device, bytes, cudaMemcpyDeviceToHost), "copying down");
}

static status synchronize(void)
{
    return cuda_check(cudaDeviceSynchronize(), "running");
}

static int lacks_library(const void *context)
{
    const cuda_device *d = context;
    for (int i = 0; i < CUDA_LIBRARIES; i++)
        if (*d->libraries[i].missing) return 1;
    return 0;
}

const check_device *device_cuda(void)
{
    static check_device gpu = {.allocate = allocate,
                               .release = release,
                               .copy_to = copy_to,
                               .copy_from = copy_from,
                               .synchronize = synchronize,
                               .packs = &cuda_pack_memory,
                               .lacks_library = lacks_library,
                               .burst = 20};
    static int opened;
    if (opened) return &gpu;
    opened = 1;
    static char reason[256];
    cuda_device *opened_device = NULL;
    cudaStream_t stream = NULL;
    status code = cuda_device_open(0, &opened_device);
    if (code == STATUS_OK) code = cuda_check(cudaStreamCreate(&stream), "making a stream");
    if (code != STATUS_OK) {
        snprintf(reason, sizeof reason, "%s", fail_text());
        gpu.missing = reason;
    } else
        gpu.compute = opened_device->compute;
    gpu.context = opened_device;
    gpu.stream = stream;
    return &gpu;
}
