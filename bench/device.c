/* Memory of a GPU for the tensors of the network measure, which stay on the device while it is
 * timed. */
#include "bench/device.h"

#include <stdio.h>

int device_processes(long *pids, double *mib, int capacity)
{
    FILE *f = popen("nvidia-smi --query-compute-apps=pid,used_memory --format=csv,noheader,nounits"
                    " 2>/dev/null",
                    "r");
    int count = 0;
    while (f && count < capacity && fscanf(f, "%ld, %lf", &pids[count], &mib[count]) == 2) count++;
    if (f) pclose(f);
    return count;
}

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

void device_name(char *name, size_t bytes)
{
    if (bytes) name[0] = '\0';
}

#endif
