/* Faults in graphs and kernel launches. */
#include "tests/cuda/fault_wrap.h"

extern __typeof__(cudaStreamBeginCapture) __real_cudaStreamBeginCapture,
    __wrap_cudaStreamBeginCapture;
extern __typeof__(cudaStreamEndCapture) __real_cudaStreamEndCapture, __wrap_cudaStreamEndCapture;
extern __typeof__(cudaStreamGetCaptureInfo) __real_cudaStreamGetCaptureInfo,
    __wrap_cudaStreamGetCaptureInfo;
extern __typeof__(cudaGraphNodeGetType) __real_cudaGraphNodeGetType, __wrap_cudaGraphNodeGetType;
extern __typeof__(cudaGraphDestroy) __real_cudaGraphDestroy, __wrap_cudaGraphDestroy;
extern __typeof__(cudaGraphInstantiate) __real_cudaGraphInstantiate, __wrap_cudaGraphInstantiate;
extern __typeof__(cudaGraphExecDestroy) __real_cudaGraphExecDestroy, __wrap_cudaGraphExecDestroy;
extern __typeof__(cudaGraphUpload) __real_cudaGraphUpload, __wrap_cudaGraphUpload;
extern __typeof__(cudaGraphLaunch) __real_cudaGraphLaunch, __wrap_cudaGraphLaunch;
extern __typeof__(cudaGetLastError) __real_cudaGetLastError, __wrap_cudaGetLastError;
extern __typeof__(cudaLaunchKernelExC) __real_cudaLaunchKernelExC, __wrap_cudaLaunchKernelExC;

cudaError_t __wrap_cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode)
{
    return calls_denied("cudaStreamBeginCapture") ? cudaErrorUnknown
                                                  : __real_cudaStreamBeginCapture(stream, mode);
}

cudaError_t __wrap_cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out)
{
    cudaError_t error = __real_cudaStreamEndCapture(stream, out);
    if (*out) (void)calls_made(cudaSuccess);
    return calls_denied("cudaStreamEndCapture") ? cudaErrorUnknown : error;
}

cudaError_t __wrap_cudaStreamGetCaptureInfo(cudaStream_t stream,
                                            enum cudaStreamCaptureStatus *capturing,
                                            unsigned long long *id, cudaGraph_t *graph,
                                            const cudaGraphNode_t **nodes,
                                            const cudaGraphEdgeData **edges, size_t *count)
{
    return calls_denied("cudaStreamGetCaptureInfo")
               ? cudaErrorUnknown
               : __real_cudaStreamGetCaptureInfo(stream, capturing, id, graph, nodes, edges, count);
}

cudaError_t __wrap_cudaGraphNodeGetType(cudaGraphNode_t node, enum cudaGraphNodeType *out)
{
    return calls_denied("cudaGraphNodeGetType") ? cudaErrorUnknown
                                                : __real_cudaGraphNodeGetType(node, out);
}

cudaError_t __wrap_cudaGraphDestroy(cudaGraph_t graph)
{
    return calls_ended("cudaGraphDestroy", graph, __real_cudaGraphDestroy(graph));
}

cudaError_t __wrap_cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph,
                                        unsigned long long flags)
{
    if (calls_denied("cudaGraphInstantiate")) return cudaErrorMemoryAllocation;
    return calls_made(__real_cudaGraphInstantiate(out, graph, flags));
}

cudaError_t __wrap_cudaGraphExecDestroy(cudaGraphExec_t graph)
{
    return calls_ended("cudaGraphExecDestroy", graph, __real_cudaGraphExecDestroy(graph));
}

cudaError_t __wrap_cudaGraphUpload(cudaGraphExec_t graph, cudaStream_t stream)
{
    return calls_denied("cudaGraphUpload") ? cudaErrorUnknown
                                           : __real_cudaGraphUpload(graph, stream);
}

cudaError_t __wrap_cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream)
{
    return calls_denied("cudaGraphLaunch") ? cudaErrorUnknown
                                           : __real_cudaGraphLaunch(graph, stream);
}

/* What `<<<>>>` becomes; its error is only seen by asking for the last one. */
cudaError_t __real___cudaLaunchKernel(cudaKernel_t kernel, dim3 blocks, dim3 threads,
                                      void **arguments, size_t shared, cudaStream_t stream);
cudaError_t __wrap___cudaLaunchKernel(cudaKernel_t kernel, dim3 blocks, dim3 threads,
                                      void **arguments, size_t shared, cudaStream_t stream);
static int launch_failed;

cudaError_t __wrap___cudaLaunchKernel(cudaKernel_t kernel, dim3 blocks, dim3 threads,
                                      void **arguments, size_t shared, cudaStream_t stream)
{
    if (!calls_denied("a kernel launch"))
        return __real___cudaLaunchKernel(kernel, blocks, threads, arguments, shared, stream);
    launch_failed = 1;
    return cudaErrorLaunchOutOfResources;
}

cudaError_t __wrap_cudaGetLastError(void)
{
    cudaError_t error = __real_cudaGetLastError();
    if (!launch_failed) return error;
    launch_failed = 0;
    return cudaErrorLaunchOutOfResources;
}

cudaError_t __wrap_cudaLaunchKernelExC(const cudaLaunchConfig_t *config, const void *kernel,
                                       void **arguments)
{
    if (!calls_denied("cudaLaunchKernelExC"))
        return __real_cudaLaunchKernelExC(config, kernel, arguments);
    launch_failed = 1; /* kept as the last error, too */
    return cudaErrorLaunchOutOfResources;
}
