#include "tests/cuda/fault_calls.h"

#include <cuda_runtime_api.h>

#include "kernels/pool.h"

/* The linker sends every call of `name` to __wrap_name and calls the true one __real_name. */

static long count, failing, live;
static const char *failed;
static int releasing, launch_failed;

void calls_fail(long number)
{
    count = 0;
    failing = number;
    failed = NULL;
    releasing = launch_failed = 0;
}

long calls_count(void)
{
    return count;
}

const char *calls_failed(void)
{
    return failed;
}

int calls_failed_releasing(void)
{
    return releasing;
}

long calls_live(void)
{
    return live;
}

static int denied(const char *name)
{
    if (++count != failing) return 0;
    failed = name;
    return 1;
}

/* What made something. */
static cudaError_t made(cudaError_t error)
{
    live += error == cudaSuccess;
    return error;
}

/* What gave something back: it does so even where it is told to fail. */
static cudaError_t ended(const char *name, const void *given, cudaError_t error)
{
    live -= given && error == cudaSuccess;
    if (!denied(name)) return error;
    releasing = 1;
    return cudaErrorUnknown;
}

/* ---- the runtime --------------------------------------------------------------------------------
 */

cudaError_t __real_cudaGetDeviceCount(int *count);
cudaError_t __wrap_cudaGetDeviceCount(int *count);

cudaError_t __wrap_cudaGetDeviceCount(int *count)
{
    return denied("cudaGetDeviceCount") ? cudaErrorUnknown : __real_cudaGetDeviceCount(count);
}

cudaError_t __real_cudaSetDevice(int index);
cudaError_t __wrap_cudaSetDevice(int index);

cudaError_t __wrap_cudaSetDevice(int index)
{
    return denied("cudaSetDevice") ? cudaErrorUnknown : __real_cudaSetDevice(index);
}

cudaError_t __real_cudaGetDeviceProperties(struct cudaDeviceProp *out, int index);
cudaError_t __wrap_cudaGetDeviceProperties(struct cudaDeviceProp *out, int index);

cudaError_t __wrap_cudaGetDeviceProperties(struct cudaDeviceProp *out, int index)
{
    return denied("cudaGetDeviceProperties") ? cudaErrorUnknown
                                             : __real_cudaGetDeviceProperties(out, index);
}

cudaError_t __real_cudaFuncGetAttributes(struct cudaFuncAttributes *out, const void *function);
cudaError_t __wrap_cudaFuncGetAttributes(struct cudaFuncAttributes *out, const void *function);

cudaError_t __wrap_cudaFuncGetAttributes(struct cudaFuncAttributes *out, const void *function)
{
    return denied("cudaFuncGetAttributes") ? cudaErrorUnknown
                                           : __real_cudaFuncGetAttributes(out, function);
}

cudaError_t __real_cudaPointerGetAttributes(struct cudaPointerAttributes *out, const void *at);
cudaError_t __wrap_cudaPointerGetAttributes(struct cudaPointerAttributes *out, const void *at);

cudaError_t __wrap_cudaPointerGetAttributes(struct cudaPointerAttributes *out, const void *at)
{
    return denied("cudaPointerGetAttributes") ? cudaErrorUnknown
                                              : __real_cudaPointerGetAttributes(out, at);
}

cudaError_t __real_cudaMalloc(void **out, size_t bytes);
cudaError_t __wrap_cudaMalloc(void **out, size_t bytes);

cudaError_t __wrap_cudaMalloc(void **out, size_t bytes)
{
    if (denied("cudaMalloc")) return cudaErrorMemoryAllocation;
    return made(__real_cudaMalloc(out, bytes));
}

cudaError_t __real_cudaMallocHost(void **out, size_t bytes);
cudaError_t __wrap_cudaMallocHost(void **out, size_t bytes);

cudaError_t __wrap_cudaMallocHost(void **out, size_t bytes)
{
    if (denied("cudaMallocHost")) return cudaErrorMemoryAllocation;
    return made(__real_cudaMallocHost(out, bytes));
}

cudaError_t __real_cudaFree(void *memory);
cudaError_t __wrap_cudaFree(void *memory);

cudaError_t __wrap_cudaFree(void *memory)
{
    return ended("cudaFree", memory, __real_cudaFree(memory));
}

cudaError_t __real_cudaFreeHost(void *memory);
cudaError_t __wrap_cudaFreeHost(void *memory);

cudaError_t __wrap_cudaFreeHost(void *memory)
{
    return ended("cudaFreeHost", memory, __real_cudaFreeHost(memory));
}

cudaError_t __real_cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind);
cudaError_t __wrap_cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind);

cudaError_t __wrap_cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
    return denied("cudaMemcpy") ? cudaErrorUnknown : __real_cudaMemcpy(to, from, bytes, kind);
}

cudaError_t __real_cudaMemcpyAsync(void *to, const void *from, size_t bytes,
                                   enum cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t __wrap_cudaMemcpyAsync(void *to, const void *from, size_t bytes,
                                   enum cudaMemcpyKind kind, cudaStream_t stream);

cudaError_t __wrap_cudaMemcpyAsync(void *to, const void *from, size_t bytes,
                                   enum cudaMemcpyKind kind, cudaStream_t stream)
{
    return denied("cudaMemcpyAsync") ? cudaErrorUnknown
                                     : __real_cudaMemcpyAsync(to, from, bytes, kind, stream);
}

cudaError_t __real_cudaMemset(void *to, int value, size_t bytes);
cudaError_t __wrap_cudaMemset(void *to, int value, size_t bytes);

cudaError_t __wrap_cudaMemset(void *to, int value, size_t bytes)
{
    return denied("cudaMemset") ? cudaErrorUnknown : __real_cudaMemset(to, value, bytes);
}

cudaError_t __real_cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream);
cudaError_t __wrap_cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream);

cudaError_t __wrap_cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream)
{
    return denied("cudaMemsetAsync") ? cudaErrorUnknown
                                     : __real_cudaMemsetAsync(to, value, bytes, stream);
}

cudaError_t __real_cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags);
cudaError_t __wrap_cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags);

cudaError_t __wrap_cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags)
{
    if (denied("cudaStreamCreateWithFlags")) return cudaErrorMemoryAllocation;
    return made(__real_cudaStreamCreateWithFlags(out, flags));
}

cudaError_t __real_cudaStreamDestroy(cudaStream_t stream);
cudaError_t __wrap_cudaStreamDestroy(cudaStream_t stream);

cudaError_t __wrap_cudaStreamDestroy(cudaStream_t stream)
{
    return ended("cudaStreamDestroy", stream, __real_cudaStreamDestroy(stream));
}

cudaError_t __real_cudaStreamSynchronize(cudaStream_t stream);
cudaError_t __wrap_cudaStreamSynchronize(cudaStream_t stream);

cudaError_t __wrap_cudaStreamSynchronize(cudaStream_t stream)
{
    return denied("cudaStreamSynchronize") ? cudaErrorUnknown
                                           : __real_cudaStreamSynchronize(stream);
}

cudaError_t __real_cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t __wrap_cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);

cudaError_t __wrap_cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
    return denied("cudaStreamWaitEvent") ? cudaErrorUnknown
                                         : __real_cudaStreamWaitEvent(stream, event, flags);
}

cudaError_t __real_cudaEventCreate(cudaEvent_t *out);
cudaError_t __wrap_cudaEventCreate(cudaEvent_t *out);

cudaError_t __wrap_cudaEventCreate(cudaEvent_t *out)
{
    if (denied("cudaEventCreate")) return cudaErrorMemoryAllocation;
    return made(__real_cudaEventCreate(out));
}

cudaError_t __real_cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags);
cudaError_t __wrap_cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags);

cudaError_t __wrap_cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags)
{
    if (denied("cudaEventCreateWithFlags")) return cudaErrorMemoryAllocation;
    return made(__real_cudaEventCreateWithFlags(out, flags));
}

cudaError_t __real_cudaEventDestroy(cudaEvent_t event);
cudaError_t __wrap_cudaEventDestroy(cudaEvent_t event);

cudaError_t __wrap_cudaEventDestroy(cudaEvent_t event)
{
    return ended("cudaEventDestroy", event, __real_cudaEventDestroy(event));
}

cudaError_t __real_cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t __wrap_cudaEventRecord(cudaEvent_t event, cudaStream_t stream);

cudaError_t __wrap_cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    return denied("cudaEventRecord") ? cudaErrorUnknown : __real_cudaEventRecord(event, stream);
}

cudaError_t __real_cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags);
cudaError_t __wrap_cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags);

cudaError_t __wrap_cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags)
{
    return denied("cudaEventRecordWithFlags")
               ? cudaErrorUnknown
               : __real_cudaEventRecordWithFlags(event, stream, flags);
}

cudaError_t __real_cudaEventQuery(cudaEvent_t event);
cudaError_t __wrap_cudaEventQuery(cudaEvent_t event);

cudaError_t __wrap_cudaEventQuery(cudaEvent_t event)
{
    cudaError_t error = __real_cudaEventQuery(event);
    if (error == cudaErrorNotReady) return error; /* asked again and again: counted once */
    return denied("cudaEventQuery") ? cudaErrorUnknown : error;
}

cudaError_t __real_cudaEventSynchronize(cudaEvent_t event);
cudaError_t __wrap_cudaEventSynchronize(cudaEvent_t event);

cudaError_t __wrap_cudaEventSynchronize(cudaEvent_t event)
{
    return denied("cudaEventSynchronize") ? cudaErrorUnknown : __real_cudaEventSynchronize(event);
}

cudaError_t __real_cudaEventElapsedTime(float *out, cudaEvent_t from, cudaEvent_t to);
cudaError_t __wrap_cudaEventElapsedTime(float *out, cudaEvent_t from, cudaEvent_t to);

cudaError_t __wrap_cudaEventElapsedTime(float *out, cudaEvent_t from, cudaEvent_t to)
{
    return denied("cudaEventElapsedTime") ? cudaErrorUnknown
                                          : __real_cudaEventElapsedTime(out, from, to);
}

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
    return denied("cudaStreamBeginCaptureToGraph")
               ? cudaErrorUnknown
               : __real_cudaStreamBeginCaptureToGraph(stream, graph, nodes, edges, count, mode);
}

static int capture_makes_graph;

cudaError_t __real_cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode);
cudaError_t __wrap_cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode);

cudaError_t __wrap_cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode)
{
    if (denied("cudaStreamBeginCapture")) return cudaErrorUnknown;
    capture_makes_graph = 1;
    return __real_cudaStreamBeginCapture(stream, mode);
}

cudaError_t __real_cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out);
cudaError_t __wrap_cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out);

cudaError_t __wrap_cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out)
{
    cudaError_t error = __real_cudaStreamEndCapture(stream, out);
    live += capture_makes_graph && *out;
    capture_makes_graph = 0;
    return denied("cudaStreamEndCapture") ? cudaErrorUnknown : error;
}

cudaError_t __real_cudaGraphCreate(cudaGraph_t *out, unsigned flags);
cudaError_t __wrap_cudaGraphCreate(cudaGraph_t *out, unsigned flags);

cudaError_t __wrap_cudaGraphCreate(cudaGraph_t *out, unsigned flags)
{
    if (denied("cudaGraphCreate")) return cudaErrorMemoryAllocation;
    return made(__real_cudaGraphCreate(out, flags));
}

cudaError_t __real_cudaGraphDestroy(cudaGraph_t graph);
cudaError_t __wrap_cudaGraphDestroy(cudaGraph_t graph);

cudaError_t __wrap_cudaGraphDestroy(cudaGraph_t graph)
{
    return ended("cudaGraphDestroy", graph, __real_cudaGraphDestroy(graph));
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
    return denied("cudaGraphAddMemcpyNode1D")
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
    return denied("cudaGraphAddEventRecordNode")
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
    if (denied("cudaGraphInstantiate")) return cudaErrorMemoryAllocation;
    return made(__real_cudaGraphInstantiate(out, graph, flags));
}

cudaError_t __real_cudaGraphExecDestroy(cudaGraphExec_t graph);
cudaError_t __wrap_cudaGraphExecDestroy(cudaGraphExec_t graph);

cudaError_t __wrap_cudaGraphExecDestroy(cudaGraphExec_t graph)
{
    return ended("cudaGraphExecDestroy", graph, __real_cudaGraphExecDestroy(graph));
}

cudaError_t __real_cudaGraphUpload(cudaGraphExec_t graph, cudaStream_t stream);
cudaError_t __wrap_cudaGraphUpload(cudaGraphExec_t graph, cudaStream_t stream);

cudaError_t __wrap_cudaGraphUpload(cudaGraphExec_t graph, cudaStream_t stream)
{
    return denied("cudaGraphUpload") ? cudaErrorUnknown : __real_cudaGraphUpload(graph, stream);
}

cudaError_t __real_cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream);
cudaError_t __wrap_cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream);

cudaError_t __wrap_cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream)
{
    return denied("cudaGraphLaunch") ? cudaErrorUnknown : __real_cudaGraphLaunch(graph, stream);
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
    return denied("cudaGraphExecMemcpyNodeSetParams1D")
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
    return denied("cudaGraphNodeSetEnabled") ? cudaErrorUnknown
                                             : __real_cudaGraphNodeSetEnabled(graph, node, enabled);
}

/* What `<<<>>>` becomes; its error is only seen by asking for the last one. */
cudaError_t __real___cudaLaunchKernel(cudaKernel_t kernel, dim3 blocks, dim3 threads,
                                      void **arguments, size_t shared, cudaStream_t stream);
cudaError_t __wrap___cudaLaunchKernel(cudaKernel_t kernel, dim3 blocks, dim3 threads,
                                      void **arguments, size_t shared, cudaStream_t stream);
cudaError_t __real_cudaGetLastError(void);
cudaError_t __wrap_cudaGetLastError(void);

cudaError_t __wrap___cudaLaunchKernel(cudaKernel_t kernel, dim3 blocks, dim3 threads,
                                      void **arguments, size_t shared, cudaStream_t stream)
{
    if (!denied("a kernel launch"))
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

/* ---- host memory --------------------------------------------------------------------------------
 */

void *__real_heap_array(size_t length, size_t size);
void *__wrap_heap_array(size_t length, size_t size);
void *__real_pool_array(pool *p, size_t length, size_t size);
void *__wrap_pool_array(pool *p, size_t length, size_t size);
status __real_heap_grow(void **array, size_t *capacity, size_t needed, size_t size);
status __wrap_heap_grow(void **array, size_t *capacity, size_t needed, size_t size);

void *__wrap_heap_array(size_t length, size_t size)
{
    if (!denied("heap_array")) return __real_heap_array(length, size);
    (void)fail(STATUS_MEMORY, "out of memory: a planted fault");
    return NULL;
}

void *__wrap_pool_array(pool *p, size_t length, size_t size)
{
    if (!denied("pool_array")) return __real_pool_array(p, length, size);
    (void)fail(STATUS_MEMORY, "out of memory: a planted fault");
    return NULL;
}

status __wrap_heap_grow(void **array, size_t *capacity, size_t needed, size_t size)
{
    if (!denied("heap_grow")) return __real_heap_grow(array, capacity, needed, size);
    return fail(STATUS_MEMORY, "out of memory: a planted fault");
}
