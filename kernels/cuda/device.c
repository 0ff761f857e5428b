/* Opening a GPU, what it has, and what it lacks. */
#include "kernels/cuda/device.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernels/cuda/cuda.h"

static status count_devices(int *count)
{
    *count = 0;
    cudaError_t error = cudaGetDeviceCount(count);
    if (error == cudaErrorInsufficientDriver || error == cudaErrorNoDevice) {
        (void)cudaGetLastError();
        *count = 0;
        return fail(STATUS_DEVICE, "no CUDA device: %s", cudaGetErrorString(error));
    }
    TRY(cuda_check(error, "looking for GPUs"));
    return *count > 0 ? STATUS_OK : fail(STATUS_DEVICE, "no CUDA device: none is visible");
}

static status describe(cuda_device *d)
{
    struct cudaDeviceProp properties;
    TRY(cuda_check(cudaGetDeviceProperties(&properties, d->index), "reading the GPU's properties"));
    snprintf(d->name, sizeof d->name, "%s", properties.name);
    d->multiprocessors = properties.multiProcessorCount;
    d->shared_bytes = (int)properties.sharedMemPerMultiprocessor;
    d->block_shared_bytes = (int)properties.sharedMemPerBlockOptin;
    TRY(cuda_device_use(d));
    status fit = cuda_kernels_fit(&d->compute);
    if (fit != STATUS_OK)
        return fail(fit, "%s (compute capability %d.%d): this build has no kernels for it: %s",
                    d->name, properties.major, properties.minor, fail_text());
    return STATUS_OK;
}

status cuda_device_open(int index, cuda_device **out)
{
    *out = NULL;
    int count;
    TRY(count_devices(&count));
    if (index < 0 || index >= count)
        return fail(STATUS_DEVICE, "no CUDA device %d: there %s %d, numbered from 0", index,
                    count == 1 ? "is" : "are", count);
    cuda_device *d = heap_array(1, sizeof *d);
    if (!d) return STATUS_MEMORY;
    d->index = index;
    status described = describe(d);
    if (described != STATUS_OK) {
        free(d);
        return described;
    }
    *out = d;
    return STATUS_OK;
}

status cuda_device_use(const cuda_device *d)
{
    return cuda_check(cudaSetDevice(d->index), "choosing the GPU");
}

/* What a kernel declares for itself counts, too. */
status cuda_allow_shared_memory(const cuda_device *d, const void *kernel)
{
    const char *doing = "asking for shared memory";
    struct cudaFuncAttributes own;
    TRY(cuda_check(cudaFuncGetAttributes(&own, kernel), doing));
    return cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                           d->block_shared_bytes - (int)own.sharedSizeBytes),
                      doing);
}

status cuda_prefer_shared_memory(const void *kernel)
{
    return cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout,
                                           cudaSharedmemCarveoutMaxShared),
                      "asking for shared memory");
}

/* An empty kernel needs no registers to speak of. */
status cuda_kernel_is_built(const void *kernel, int *built)
{
    struct cudaFuncAttributes attributes;
    TRY(cuda_check(cudaFuncGetAttributes(&attributes, kernel), "loading the kernels"));
    *built = attributes.numRegs >= 32;
    return STATUS_OK;
}

status cuda_library_check(const cuda_library *library)
{
    return *library->missing ? fail(STATUS_UNSUPPORTED, "%s", library->missing) : STATUS_OK;
}

status cuda_library_opened(cuda_library *library, status opened)
{
    if (opened == STATUS_OK || opened == STATUS_MEMORY) return opened;
    snprintf(library->missing, sizeof library->missing, "%s", fail_text());
    return STATUS_UNSUPPORTED;
}

void cuda_device_close(cuda_device **d)
{
    if (!d || !*d) return;
    for (int i = 0; i < CUDA_LIBRARIES; i++) {
        cuda_library *library = &(*d)->libraries[i];
        if (library->opened) library->close(library->opened);
    }
    free(*d);
    *d = NULL;
}
