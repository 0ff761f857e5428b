/* Faults in what our code asks the runtime for: devices, memory, copies, streams and events. */
#include "tests/cuda/fault_wrap.h"

extern __typeof__(cudaGetDeviceCount) __real_cudaGetDeviceCount, __wrap_cudaGetDeviceCount;
extern __typeof__(cudaSetDevice) __real_cudaSetDevice, __wrap_cudaSetDevice;
extern __typeof__(cudaGetDeviceProperties) __real_cudaGetDeviceProperties,
    __wrap_cudaGetDeviceProperties;
extern __typeof__(cudaFuncGetAttributes) __real_cudaFuncGetAttributes, __wrap_cudaFuncGetAttributes;
extern __typeof__(cudaPointerGetAttributes) __real_cudaPointerGetAttributes,
    __wrap_cudaPointerGetAttributes;
extern __typeof__(cudaFuncSetAttribute) __real_cudaFuncSetAttribute, __wrap_cudaFuncSetAttribute;
extern __typeof__(cudaGetDevice) __real_cudaGetDevice, __wrap_cudaGetDevice;
extern __typeof__(cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags)
    __real_cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags,
    __wrap_cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags;
extern __typeof__(cudaDriverGetVersion) __real_cudaDriverGetVersion, __wrap_cudaDriverGetVersion;
extern __typeof__(cudaRuntimeGetVersion) __real_cudaRuntimeGetVersion, __wrap_cudaRuntimeGetVersion;
extern __typeof__(cudaMalloc) __real_cudaMalloc, __wrap_cudaMalloc;
extern __typeof__(cudaMallocHost) __real_cudaMallocHost, __wrap_cudaMallocHost;
extern __typeof__(cudaFree) __real_cudaFree, __wrap_cudaFree;
extern __typeof__(cudaFreeHost) __real_cudaFreeHost, __wrap_cudaFreeHost;
extern __typeof__(cudaMemcpy) __real_cudaMemcpy, __wrap_cudaMemcpy;
extern __typeof__(cudaMemcpyAsync) __real_cudaMemcpyAsync, __wrap_cudaMemcpyAsync;
extern __typeof__(cudaMemset) __real_cudaMemset, __wrap_cudaMemset;
extern __typeof__(cudaMemsetAsync) __real_cudaMemsetAsync, __wrap_cudaMemsetAsync;
extern __typeof__(cudaStreamCreateWithFlags) __real_cudaStreamCreateWithFlags,
    __wrap_cudaStreamCreateWithFlags;
extern __typeof__(cudaStreamDestroy) __real_cudaStreamDestroy, __wrap_cudaStreamDestroy;
extern __typeof__(cudaStreamSynchronize) __real_cudaStreamSynchronize, __wrap_cudaStreamSynchronize;
extern __typeof__(cudaStreamQuery) __real_cudaStreamQuery, __wrap_cudaStreamQuery;
extern __typeof__(cudaStreamWaitEvent) __real_cudaStreamWaitEvent, __wrap_cudaStreamWaitEvent;
extern __typeof__(cudaEventCreate) __real_cudaEventCreate, __wrap_cudaEventCreate;
extern __typeof__(cudaEventCreateWithFlags) __real_cudaEventCreateWithFlags,
    __wrap_cudaEventCreateWithFlags;
extern __typeof__(cudaEventDestroy) __real_cudaEventDestroy, __wrap_cudaEventDestroy;
extern __typeof__(cudaEventRecord) __real_cudaEventRecord, __wrap_cudaEventRecord;
extern __typeof__(cudaEventRecordWithFlags) __real_cudaEventRecordWithFlags,
    __wrap_cudaEventRecordWithFlags;
extern __typeof__(cudaEventSynchronize) __real_cudaEventSynchronize, __wrap_cudaEventSynchronize;
extern __typeof__(cudaEventElapsedTime) __real_cudaEventElapsedTime, __wrap_cudaEventElapsedTime;

cudaError_t __wrap_cudaGetDeviceCount(int *count)
{
    return calls_denied("cudaGetDeviceCount") ? cudaErrorUnknown : __real_cudaGetDeviceCount(count);
}

cudaError_t __wrap_cudaSetDevice(int index)
{
    return calls_denied("cudaSetDevice") ? cudaErrorUnknown : __real_cudaSetDevice(index);
}

cudaError_t __wrap_cudaGetDeviceProperties(struct cudaDeviceProp *out, int index)
{
    return calls_denied("cudaGetDeviceProperties") ? cudaErrorUnknown
                                                   : __real_cudaGetDeviceProperties(out, index);
}

cudaError_t __wrap_cudaFuncGetAttributes(struct cudaFuncAttributes *out, const void *function)
{
    return calls_denied("cudaFuncGetAttributes") ? cudaErrorUnknown
                                                 : __real_cudaFuncGetAttributes(out, function);
}

cudaError_t __wrap_cudaPointerGetAttributes(struct cudaPointerAttributes *out, const void *at)
{
    return calls_denied("cudaPointerGetAttributes") ? cudaErrorUnknown
                                                    : __real_cudaPointerGetAttributes(out, at);
}

cudaError_t __wrap_cudaFuncSetAttribute(const void *function, enum cudaFuncAttribute name,
                                        int value)
{
    return calls_denied("cudaFuncSetAttribute")
               ? cudaErrorUnknown
               : __real_cudaFuncSetAttribute(function, name, value);
}

cudaError_t __wrap_cudaGetDevice(int *index)
{
    return calls_denied("cudaGetDevice") ? cudaErrorUnknown : __real_cudaGetDevice(index);
}

cudaError_t __wrap_cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int *blocks, const void *function, int threads, size_t shared, unsigned flags)
{
    return calls_denied("cudaOccupancyMaxActiveBlocksPerMultiprocessor")
               ? cudaErrorUnknown
               : __real_cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
                     blocks, function, threads, shared, flags);
}

cudaError_t __wrap_cudaDriverGetVersion(int *version)
{
    return calls_denied("cudaDriverGetVersion") ? cudaErrorUnknown
                                                : __real_cudaDriverGetVersion(version);
}

cudaError_t __wrap_cudaRuntimeGetVersion(int *version)
{
    return calls_denied("cudaRuntimeGetVersion") ? cudaErrorUnknown
                                                 : __real_cudaRuntimeGetVersion(version);
}

cudaError_t __wrap_cudaMalloc(void **out, size_t bytes)
{
    if (calls_denied("cudaMalloc")) return cudaErrorMemoryAllocation;
    return calls_made(__real_cudaMalloc(out, bytes));
}

cudaError_t __wrap_cudaMallocHost(void **out, size_t bytes)
{
    if (calls_denied("cudaMallocHost")) return cudaErrorMemoryAllocation;
    return calls_made(__real_cudaMallocHost(out, bytes));
}

cudaError_t __wrap_cudaFree(void *memory)
{
    return calls_ended("cudaFree", memory, __real_cudaFree(memory));
}

cudaError_t __wrap_cudaFreeHost(void *memory)
{
    return calls_ended("cudaFreeHost", memory, __real_cudaFreeHost(memory));
}

cudaError_t __wrap_cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
    return calls_denied("cudaMemcpy") ? cudaErrorUnknown : __real_cudaMemcpy(to, from, bytes, kind);
}

cudaError_t __wrap_cudaMemcpyAsync(void *to, const void *from, size_t bytes,
                                   enum cudaMemcpyKind kind, cudaStream_t stream)
{
    return calls_denied("cudaMemcpyAsync") ? cudaErrorUnknown
                                           : __real_cudaMemcpyAsync(to, from, bytes, kind, stream);
}

cudaError_t __wrap_cudaMemset(void *to, int value, size_t bytes)
{
    return calls_denied("cudaMemset") ? cudaErrorUnknown : __real_cudaMemset(to, value, bytes);
}

cudaError_t __wrap_cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream)
{
    return calls_denied("cudaMemsetAsync") ? cudaErrorUnknown
                                           : __real_cudaMemsetAsync(to, value, bytes, stream);
}

cudaError_t __wrap_cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags)
{
    if (calls_denied("cudaStreamCreateWithFlags")) return cudaErrorMemoryAllocation;
    return calls_made(__real_cudaStreamCreateWithFlags(out, flags));
}

cudaError_t __wrap_cudaStreamDestroy(cudaStream_t stream)
{
    return calls_ended("cudaStreamDestroy", stream, __real_cudaStreamDestroy(stream));
}

cudaError_t __wrap_cudaStreamSynchronize(cudaStream_t stream)
{
    return calls_denied("cudaStreamSynchronize") ? cudaErrorUnknown
                                                 : __real_cudaStreamSynchronize(stream);
}

cudaError_t __wrap_cudaStreamQuery(cudaStream_t stream)
{
    cudaError_t error = __real_cudaStreamQuery(stream);
    if (error == cudaErrorNotReady) return error; /* asked again and again: counted once */
    return calls_denied("cudaStreamQuery") ? cudaErrorUnknown : error;
}

cudaError_t __wrap_cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
    return calls_denied("cudaStreamWaitEvent") ? cudaErrorUnknown
                                               : __real_cudaStreamWaitEvent(stream, event, flags);
}

cudaError_t __wrap_cudaEventCreate(cudaEvent_t *out)
{
    if (calls_denied("cudaEventCreate")) return cudaErrorMemoryAllocation;
    return calls_made(__real_cudaEventCreate(out));
}

cudaError_t __wrap_cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags)
{
    if (calls_denied("cudaEventCreateWithFlags")) return cudaErrorMemoryAllocation;
    return calls_made(__real_cudaEventCreateWithFlags(out, flags));
}

cudaError_t __wrap_cudaEventDestroy(cudaEvent_t event)
{
    return calls_ended("cudaEventDestroy", event, __real_cudaEventDestroy(event));
}

cudaError_t __wrap_cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    return calls_denied("cudaEventRecord") ? cudaErrorUnknown
                                           : __real_cudaEventRecord(event, stream);
}

cudaError_t __wrap_cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags)
{
    return calls_denied("cudaEventRecordWithFlags")
               ? cudaErrorUnknown
               : __real_cudaEventRecordWithFlags(event, stream, flags);
}

cudaError_t __wrap_cudaEventSynchronize(cudaEvent_t event)
{
    return calls_denied("cudaEventSynchronize") ? cudaErrorUnknown
                                                : __real_cudaEventSynchronize(event);
}

cudaError_t __wrap_cudaEventElapsedTime(float *out, cudaEvent_t from, cudaEvent_t to)
{
    return calls_denied("cudaEventElapsedTime") ? cudaErrorUnknown
                                                : __real_cudaEventElapsedTime(out, from, to);
}
