/* Faults in graphs and kernel launches. */
#include "tests/cuda/fault_wrap.h"

/* The linker sends every call of `name` to __wrap_name and calls the true one __real_name. */

cudaError_t __real_cudaStreamBeginCaptureToGraph(cudaStream_t stream, cudaGraph_t graph,
                                                 const cudaGraphNode_t *nodes,
                                                 const cudaGraphEdgeData *edges, size_t count,
                                                 enum cudaStreamCaptureMode mode);
cudaError_t __wrap_cudaStreamBeginCaptureToGraph(cudaStream_t stream, cudaGraph_t graph,
                                                 const cudaGraphNode_t *nodes,
                                                 const cudaGraphEdgeData *edges, size_t count,
                                                 enum cudaStreamCaptureMode mode);

cudaError_t __wrap_cudaStreamBeginCaptureToGraph(cudaStream_t stream, cudaGraph_t graph,
                                                 const cudaGraphNode_t *nodes,
                                                 const cudaGraphEdgeData *edges, size_t count,
                                                 enum cudaStreamCaptureMode mode)
{
    return calls_denied("cudaStreamBeginCaptureToGraph")
               ? cudaErrorUnknown
               : __real_cudaStreamBeginCaptureToGraph(stream, graph, nodes, edges, count, mode);
}

static int capture_makes_graph;

cudaError_t __real_cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode);
cudaError_t __wrap_cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode);

cudaError_t __wrap_cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode)
{
    if (calls_denied("cudaStreamBeginCapture")) return cudaErrorUnknown;
    capture_makes_graph = 1;
    return __real_cudaStreamBeginCapture(stream, mode);
}

cudaError_t __real_cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out);
cudaError_t __wrap_cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out);

cudaError_t __wrap_cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out)
{
    cudaError_t error = __real_cudaStreamEndCapture(stream, out);
    if (capture_makes_graph && *out) (void)calls_made(cudaSuccess);
    capture_makes_graph = 0;
    return calls_denied("cudaStreamEndCapture") ? cudaErrorUnknown : error;
}

cudaError_t __real_cudaGraphCreate(cudaGraph_t *out, unsigned flags);
cudaError_t __wrap_cudaGraphCreate(cudaGraph_t *out, unsigned flags);

cudaError_t __wrap_cudaGraphCreate(cudaGraph_t *out, unsigned flags)
{
    if (calls_denied("cudaGraphCreate")) return cudaErrorMemoryAllocation;
    return calls_made(__real_cudaGraphCreate(out, flags));
}

cudaError_t __real_cudaGraphDestroy(cudaGraph_t graph);
cudaError_t __wrap_cudaGraphDestroy(cudaGraph_t graph);

cudaError_t __wrap_cudaGraphDestroy(cudaGraph_t graph)
{
    return calls_ended("cudaGraphDestroy", graph, __real_cudaGraphDestroy(graph));
}

cudaError_t __real_cudaGraphAddMemcpyNode1D(cudaGraphNode_t *out, cudaGraph_t graph,
                                            const cudaGraphNode_t *nodes, size_t count, void *to,
                                            const void *from, size_t bytes,
                                            enum cudaMemcpyKind kind);
cudaError_t __wrap_cudaGraphAddMemcpyNode1D(cudaGraphNode_t *out, cudaGraph_t graph,
                                            const cudaGraphNode_t *nodes, size_t count, void *to,
                                            const void *from, size_t bytes,
                                            enum cudaMemcpyKind kind);

cudaError_t __wrap_cudaGraphAddMemcpyNode1D(cudaGraphNode_t *out, cudaGraph_t graph,
                                            const cudaGraphNode_t *nodes, size_t count, void *to,
                                            const void *from, size_t bytes,
                                            enum cudaMemcpyKind kind)
{
    return calls_denied("cudaGraphAddMemcpyNode1D")
               ? cudaErrorUnknown
               : __real_cudaGraphAddMemcpyNode1D(out, graph, nodes, count, to, from, bytes, kind);
}

cudaError_t __real_cudaGraphAddEventRecordNode(cudaGraphNode_t *out, cudaGraph_t graph,
                                               const cudaGraphNode_t *nodes, size_t count,
                                               cudaEvent_t event);
cudaError_t __wrap_cudaGraphAddEventRecordNode(cudaGraphNode_t *out, cudaGraph_t graph,
                                               const cudaGraphNode_t *nodes, size_t count,
                                               cudaEvent_t event);

cudaError_t __wrap_cudaGraphAddEventRecordNode(cudaGraphNode_t *out, cudaGraph_t graph,
                                               const cudaGraphNode_t *nodes, size_t count,
                                               cudaEvent_t event)
{
    return calls_denied("cudaGraphAddEventRecordNode")
               ? cudaErrorUnknown
               : __real_cudaGraphAddEventRecordNode(out, graph, nodes, count, event);
}

cudaError_t __real_cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph,
                                        unsigned long long flags);
cudaError_t __wrap_cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph,
                                        unsigned long long flags);

cudaError_t __wrap_cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph,
                                        unsigned long long flags)
{
    if (calls_denied("cudaGraphInstantiate")) return cudaErrorMemoryAllocation;
    return calls_made(__real_cudaGraphInstantiate(out, graph, flags));
}

cudaError_t __real_cudaGraphExecDestroy(cudaGraphExec_t graph);
cudaError_t __wrap_cudaGraphExecDestroy(cudaGraphExec_t graph);

cudaError_t __wrap_cudaGraphExecDestroy(cudaGraphExec_t graph)
{
    return calls_ended("cudaGraphExecDestroy", graph, __real_cudaGraphExecDestroy(graph));
}

cudaError_t __real_cudaGraphUpload(cudaGraphExec_t graph, cudaStream_t stream);
cudaError_t __wrap_cudaGraphUpload(cudaGraphExec_t graph, cudaStream_t stream);

cudaError_t __wrap_cudaGraphUpload(cudaGraphExec_t graph, cudaStream_t stream)
{
    return calls_denied("cudaGraphUpload") ? cudaErrorUnknown
                                           : __real_cudaGraphUpload(graph, stream);
}

cudaError_t __real_cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream);
cudaError_t __wrap_cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream);

cudaError_t __wrap_cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream)
{
    return calls_denied("cudaGraphLaunch") ? cudaErrorUnknown
                                           : __real_cudaGraphLaunch(graph, stream);
}

cudaError_t __real_cudaGraphExecMemcpyNodeSetParams1D(cudaGraphExec_t graph, cudaGraphNode_t node,
                                                      void *to, const void *from, size_t bytes,
                                                      enum cudaMemcpyKind kind);
cudaError_t __wrap_cudaGraphExecMemcpyNodeSetParams1D(cudaGraphExec_t graph, cudaGraphNode_t node,
                                                      void *to, const void *from, size_t bytes,
                                                      enum cudaMemcpyKind kind);

cudaError_t __wrap_cudaGraphExecMemcpyNodeSetParams1D(cudaGraphExec_t graph, cudaGraphNode_t node,
                                                      void *to, const void *from, size_t bytes,
                                                      enum cudaMemcpyKind kind)
{
    return calls_denied("cudaGraphExecMemcpyNodeSetParams1D")
               ? cudaErrorUnknown
               : __real_cudaGraphExecMemcpyNodeSetParams1D(graph, node, to, from, bytes, kind);
}

cudaError_t __real_cudaGraphNodeSetEnabled(cudaGraphExec_t graph, cudaGraphNode_t node,
                                           unsigned enabled);
cudaError_t __wrap_cudaGraphNodeSetEnabled(cudaGraphExec_t graph, cudaGraphNode_t node,
                                           unsigned enabled);

cudaError_t __wrap_cudaGraphNodeSetEnabled(cudaGraphExec_t graph, cudaGraphNode_t node,
                                           unsigned enabled)
{
    return calls_denied("cudaGraphNodeSetEnabled")
               ? cudaErrorUnknown
               : __real_cudaGraphNodeSetEnabled(graph, node, enabled);
}

/* What `<<<>>>` becomes; its error is only seen by asking for the last one. */
cudaError_t __real___cudaLaunchKernel(cudaKernel_t kernel, dim3 blocks, dim3 threads,
                                      void **arguments, size_t shared, cudaStream_t stream);
cudaError_t __wrap___cudaLaunchKernel(cudaKernel_t kernel, dim3 blocks, dim3 threads,
                                      void **arguments, size_t shared, cudaStream_t stream);
cudaError_t __real_cudaGetLastError(void);
cudaError_t __wrap_cudaGetLastError(void);

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
