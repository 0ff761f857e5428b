/* Faults in what our code asks the runtime for: devices, memory, copies, streams and events. */
#include "tests/cuda/fault_wrap.h"

/* The linker sends every call of `name` to __wrap_name and calls the true one __real_name. */

cudaError_t __real_cudaGetDeviceCount(int *count);
cudaError_t __wrap_cudaGetDeviceCount(int *count);

cudaError_t __wrap_cudaGetDeviceCount(int *count)
{
    return calls_denied("cudaGetDeviceCount") ? cudaErrorUnknown : __real_cudaGetDeviceCount(count);
}

cudaError_t __real_cudaSetDevice(int index);
cudaError_t __wrap_cudaSetDevice(int index);

cudaError_t __wrap_cudaSetDevice(int index)
{
    return calls_denied("cudaSetDevice") ? cudaErrorUnknown : __real_cudaSetDevice(index);
}

cudaError_t __real_cudaGetDeviceProperties(struct cudaDeviceProp *out, int index);
cudaError_t __wrap_cudaGetDeviceProperties(struct cudaDeviceProp *out, int index);

cudaError_t __wrap_cudaGetDeviceProperties(struct cudaDeviceProp *out, int index)
{
    return calls_denied("cudaGetDeviceProperties") ? cudaErrorUnknown
                                                   : __real_cudaGetDeviceProperties(out, index);
}

cudaError_t __real_cudaFuncGetAttributes(struct cudaFuncAttributes *out, const void *function);
cudaError_t __wrap_cudaFuncGetAttributes(struct cudaFuncAttributes *out, const void *function);

cudaError_t __wrap_cudaFuncGetAttributes(struct cudaFuncAttributes *out, const void *function)
{
    return calls_denied("cudaFuncGetAttributes") ? cudaErrorUnknown
                                                 : __real_cudaFuncGetAttributes(out, function);
}

cudaError_t __real_cudaPointerGetAttributes(struct cudaPointerAttributes *out, const void *at);
cudaError_t __wrap_cudaPointerGetAttributes(struct cudaPointerAttributes *out, const void *at);

cudaError_t __wrap_cudaPointerGetAttributes(struct cudaPointerAttributes *out, const void *at)
{
    return calls_denied("cudaPointerGetAttributes") ? cudaErrorUnknown
                                                    : __real_cudaPointerGetAttributes(out, at);
}

cudaError_t __real_cudaFuncSetAttribute(const void *function, enum cudaFuncAttribute name,
                                        int value);
cudaError_t __wrap_cudaFuncSetAttribute(const void *function, enum cudaFuncAttribute name,
                                        int value);

cudaError_t __wrap_cudaFuncSetAttribute(const void *function, enum cudaFuncAttribute name,
                                        int value)
{
    return calls_denied("cudaFuncSetAttribute")
               ? cudaErrorUnknown
               : __real_cudaFuncSetAttribute(function, name, value);
}

cudaError_t __real_cudaGetDevice(int *index);
cudaError_t __wrap_cudaGetDevice(int *index);

cudaError_t __wrap_cudaGetDevice(int *index)
{
    return calls_denied("cudaGetDevice") ? cudaErrorUnknown : __real_cudaGetDevice(index);
}

cudaError_t __real_cudaDeviceGetAttribute(int *out, enum cudaDeviceAttr name, int index);
cudaError_t __wrap_cudaDeviceGetAttribute(int *out, enum cudaDeviceAttr name, int index);

cudaError_t __wrap_cudaDeviceGetAttribute(int *out, enum cudaDeviceAttr name, int index)
{
    return calls_denied("cudaDeviceGetAttribute") ? cudaErrorUnknown
                                                  : __real_cudaDeviceGetAttribute(out, name, index);
}

cudaError_t __real_cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int *blocks, const void *function, int threads, size_t shared, unsigned flags);
cudaError_t __wrap_cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int *blocks, const void *function, int threads, size_t shared, unsigned flags);

cudaError_t __wrap_cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int *blocks, const void *function, int threads, size_t shared, unsigned flags)
{
    return calls_denied("cudaOccupancyMaxActiveBlocksPerMultiprocessor")
               ? cudaErrorUnknown
               : __real_cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
                     blocks, function, threads, shared, flags);
}

cudaError_t __real_cudaDriverGetVersion(int *version);
cudaError_t __wrap_cudaDriverGetVersion(int *version);

cudaError_t __wrap_cudaDriverGetVersion(int *version)
{
    return calls_denied("cudaDriverGetVersion") ? cudaErrorUnknown
                                                : __real_cudaDriverGetVersion(version);
}

cudaError_t __real_cudaRuntimeGetVersion(int *version);
cudaError_t __wrap_cudaRuntimeGetVersion(int *version);

cudaError_t __wrap_cudaRuntimeGetVersion(int *version)
{
    return calls_denied("cudaRuntimeGetVersion") ? cudaErrorUnknown
                                                 : __real_cudaRuntimeGetVersion(version);
}

cudaError_t __real_cudaMalloc(void **out, size_t bytes);
cudaError_t __wrap_cudaMalloc(void **out, size_t bytes);

cudaError_t __wrap_cudaMalloc(void **out, size_t bytes)
{
    if (calls_denied("cudaMalloc")) return cudaErrorMemoryAllocation;
    return calls_made(__real_cudaMalloc(out, bytes));
}

cudaError_t __real_cudaMallocHost(void **out, size_t bytes);
cudaError_t __wrap_cudaMallocHost(void **out, size_t bytes);

cudaError_t __wrap_cudaMallocHost(void **out, size_t bytes)
{
    if (calls_denied("cudaMallocHost")) return cudaErrorMemoryAllocation;
    return calls_made(__real_cudaMallocHost(out, bytes));
}

cudaError_t __real_cudaFree(void *memory);
cudaError_t __wrap_cudaFree(void *memory);

cudaError_t __wrap_cudaFree(void *memory)
{
    return calls_ended("cudaFree", memory, __real_cudaFree(memory));
}

cudaError_t __real_cudaFreeHost(void *memory);
cudaError_t __wrap_cudaFreeHost(void *memory);

cudaError_t __wrap_cudaFreeHost(void *memory)
{
    return calls_ended("cudaFreeHost", memory, __real_cudaFreeHost(memory));
}

cudaError_t __real_cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind);
cudaError_t __wrap_cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind);

cudaError_t __wrap_cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
    return calls_denied("cudaMemcpy") ? cudaErrorUnknown : __real_cudaMemcpy(to, from, bytes, kind);
}

cudaError_t __real_cudaMemcpyAsync(void *to, const void *from, size_t bytes,
                                   enum cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t __wrap_cudaMemcpyAsync(void *to, const void *from, size_t bytes,
                                   enum cudaMemcpyKind kind, cudaStream_t stream);

cudaError_t __wrap_cudaMemcpyAsync(void *to, const void *from, size_t bytes,
                                   enum cudaMemcpyKind kind, cudaStream_t stream)
{
    return calls_denied("cudaMemcpyAsync") ? cudaErrorUnknown
                                           : __real_cudaMemcpyAsync(to, from, bytes, kind, stream);
}

cudaError_t __real_cudaMemset(void *to, int value, size_t bytes);
cudaError_t __wrap_cudaMemset(void *to, int value, size_t bytes);

cudaError_t __wrap_cudaMemset(void *to, int value, size_t bytes)
{
    return calls_denied("cudaMemset") ? cudaErrorUnknown : __real_cudaMemset(to, value, bytes);
}

cudaError_t __real_cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream);
cudaError_t __wrap_cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream);

cudaError_t __wrap_cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream)
{
    return calls_denied("cudaMemsetAsync") ? cudaErrorUnknown
                                           : __real_cudaMemsetAsync(to, value, bytes, stream);
}

cudaError_t __real_cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags);
cudaError_t __wrap_cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags);

cudaError_t __wrap_cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags)
{
    if (calls_denied("cudaStreamCreateWithFlags")) return cudaErrorMemoryAllocation;
    return calls_made(__real_cudaStreamCreateWithFlags(out, flags));
}

cudaError_t __real_cudaStreamDestroy(cudaStream_t stream);
cudaError_t __wrap_cudaStreamDestroy(cudaStream_t stream);

cudaError_t __wrap_cudaStreamDestroy(cudaStream_t stream)
{
    return calls_ended("cudaStreamDestroy", stream, __real_cudaStreamDestroy(stream));
}

cudaError_t __real_cudaStreamSynchronize(cudaStream_t stream);
cudaError_t __wrap_cudaStreamSynchronize(cudaStream_t stream);

cudaError_t __wrap_cudaStreamSynchronize(cudaStream_t stream)
{
    return calls_denied("cudaStreamSynchronize") ? cudaErrorUnknown
                                                 : __real_cudaStreamSynchronize(stream);
}

cudaError_t __real_cudaStreamQuery(cudaStream_t stream);
cudaError_t __wrap_cudaStreamQuery(cudaStream_t stream);

cudaError_t __wrap_cudaStreamQuery(cudaStream_t stream)
{
    cudaError_t error = __real_cudaStreamQuery(stream);
    if (error == cudaErrorNotReady) return error; /* asked again and again: counted once */
    return calls_denied("cudaStreamQuery") ? cudaErrorUnknown : error;
}

cudaError_t __real_cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t __wrap_cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);

cudaError_t __wrap_cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
    return calls_denied("cudaStreamWaitEvent") ? cudaErrorUnknown
                                               : __real_cudaStreamWaitEvent(stream, event, flags);
}

cudaError_t __real_cudaEventCreate(cudaEvent_t *out);
cudaError_t __wrap_cudaEventCreate(cudaEvent_t *out);

cudaError_t __wrap_cudaEventCreate(cudaEvent_t *out)
{
    if (calls_denied("cudaEventCreate")) return cudaErrorMemoryAllocation;
    return calls_made(__real_cudaEventCreate(out));
}

cudaError_t __real_cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags);
cudaError_t __wrap_cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags);

cudaError_t __wrap_cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags)
{
    if (calls_denied("cudaEventCreateWithFlags")) return cudaErrorMemoryAllocation;
    return calls_made(__real_cudaEventCreateWithFlags(out, flags));
}

cudaError_t __real_cudaEventDestroy(cudaEvent_t event);
cudaError_t __wrap_cudaEventDestroy(cudaEvent_t event);

cudaError_t __wrap_cudaEventDestroy(cudaEvent_t event)
{
    return calls_ended("cudaEventDestroy", event, __real_cudaEventDestroy(event));
}

cudaError_t __real_cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t __wrap_cudaEventRecord(cudaEvent_t event, cudaStream_t stream);

cudaError_t __wrap_cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    return calls_denied("cudaEventRecord") ? cudaErrorUnknown
                                           : __real_cudaEventRecord(event, stream);
}

cudaError_t __real_cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags);
cudaError_t __wrap_cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags);

cudaError_t __wrap_cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags)
{
    return calls_denied("cudaEventRecordWithFlags")
               ? cudaErrorUnknown
               : __real_cudaEventRecordWithFlags(event, stream, flags);
}

cudaError_t __real_cudaEventSynchronize(cudaEvent_t event);
cudaError_t __wrap_cudaEventSynchronize(cudaEvent_t event);

cudaError_t __wrap_cudaEventSynchronize(cudaEvent_t event)
{
    return calls_denied("cudaEventSynchronize") ? cudaErrorUnknown
                                                : __real_cudaEventSynchronize(event);
}

cudaError_t __real_cudaEventElapsedTime(float *out, cudaEvent_t from, cudaEvent_t to);
cudaError_t __wrap_cudaEventElapsedTime(float *out, cudaEvent_t from, cudaEvent_t to);

cudaError_t __wrap_cudaEventElapsedTime(float *out, cudaEvent_t from, cudaEvent_t to)
{
    return calls_denied("cudaEventElapsedTime") ? cudaErrorUnknown
                                                : __real_cudaEventElapsedTime(out, from, to);
}
