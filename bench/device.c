/* Memory of a GPU for the tensors of the network measure, which stay on the device while it is
 * timed. */
#include "bench/session.h"

#if defined(POSENET_HAVE_CUDA)

#include <cuda_runtime_api.h>

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

#endif
