/* Memory of a GPU for the tensors of the network measure, which stay on the device while it is
 * timed. */
#include "bench/device.h"

#if defined(POSENET_HAVE_CUDA)

#include <cuda_runtime_api.h>
#include <stdio.h>

void *device_memory(size_t bytes)
{
    void *memory;
    if (cudaMalloc(&memory, bytes) != cudaSuccess) return NULL;
    if (cudaMemset(memory, 0, bytes) == cudaSuccess && cudaDeviceSynchronize() == cudaSuccess)
        return memory;
    cudaFree(memory);
    return NULL;
}

int device_upload(void *to, const void *from, size_t bytes)
{
    return cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice) == cudaSuccess ? 0 : -1;
}

void device_release(void *memory)
{
    if (memory) cudaFree(memory);
}

double device_used_mib(void)
{
    size_t left, whole;
    if (cudaMemGetInfo(&left, &whole) != cudaSuccess) return 0;
    return (double)(whole - left) / (1 << 20);
}

void device_name(char *name, size_t bytes)
{
    struct cudaDeviceProp properties;
    int known = cudaGetDeviceProperties(&properties, 0) == cudaSuccess;
    snprintf(name, bytes, "%s", known ? properties.name : "");
}

#else

void *device_memory(size_t bytes)
{
    (void)bytes;
    return NULL;
}

int device_upload(void *to, const void *from, size_t bytes)
{
    (void)to;
    (void)from;
    (void)bytes;
    return -1;
}

void device_release(void *memory)
{
    (void)memory;
}

double device_used_mib(void)
{
    return 0;
}

void device_name(char *name, size_t bytes)
{
    if (bytes) name[0] = '\0';
}

#endif
