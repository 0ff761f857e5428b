/* A slot on the GPU: its memory, and its frame as a captured graph of kernels.
 *
 *   upload (descriptor and pictures) -> works, the last of which writes the poses to the host
 *
 * Nothing in it is a copy: the first kernel reads pinned host memory and the last one writes it, so
 * each kernel can start while the one before it ends. What changes from frame to frame lies in that
 * memory, never in the graph. */
#include <stdlib.h>
#include <string.h>

#include "engine/device/cuda.h"
#include "kernels/cuda/cuda.h"

enum { FIRST_PIXELS = 4096 }; /* room for the picture of the run before capture */

static status make_events(slot *s, recorded *r)
{
    unsigned flags = cudaEventDisableTiming;
    TRY(cuda_check(cudaEventCreateWithFlags(&r->ready, flags), "making an event"));
    if (!s->microseconds) return STATUS_OK;
    int wanted = s->plan->work_count + 2;
    r->marks = heap_array((size_t)wanted, sizeof(cudaEvent_t));
    if (!r->marks) return STATUS_MEMORY;
    for (; r->mark_count < wanted; r->mark_count++)
        TRY(cuda_check(cudaEventCreate(&r->marks[r->mark_count]), "making an event"));
    return STATUS_OK;
}

static status make_room(slot *s, recorded *r)
{
    size_t uploads_bytes = (size_t)s->plan->batch * sizeof *r->uploads;
    void *descriptor, *uploads;
    TRY(cuda_check(cudaMalloc(&descriptor, s->descriptor_bytes), "allocating the descriptor"));
    r->descriptor = descriptor;
    TRY(cuda_check(cudaMallocHost(&uploads, uploads_bytes), "allocating pinned memory"));
    r->uploads = uploads;
    memset(r->uploads, 0, uploads_bytes);
    void *copies;
    TRY(cuda_check(cudaMallocHost(&copies, sizeof *r->copies), "allocating pinned memory"));
    r->copies = copies;
    r->uploaded = heap_array((size_t)s->plan->batch, sizeof *r->uploaded);
    if (!r->uploaded) return STATUS_MEMORY;
    TRY(gpu_reserve_pixels(r, FIRST_PIXELS));
    return cuda_check(cudaMemsetAsync(r->pixels, 0, FIRST_PIXELS, r->stream), "clearing");
}

/* Rows read the descriptor's copy, with the same places inside, and write results to the host. */
static void point_rows(slot *s, const recorded *r)
{
    s->run.stream = r->stream;
    s->run.pictures = (const picture *)(const void *)r->descriptor;
    size_t options = (size_t)((unsigned char *)s->row_options - (unsigned char *)s->descriptor);
    s->run.options = (const decode_options *)(const void *)(r->descriptor + options);
    s->run.poses = s->poses;
    s->run.counts = s->counts;
}

status gpu_enqueue_upload(const slot *s, const recorded *r)
{
    upload_request request = {.images = r->uploads,
                              .batch = s->plan->batch,
                              .input_height = s->plan->height,
                              .descriptor_from = s->descriptor,
                              .descriptor_to = r->descriptor,
                              .descriptor_bytes = s->descriptor_bytes,
                              .stream = r->stream};
    return upload_cuda_launch(&request);
}

/* While a graph is captured its nodes say so (a library may end with something else); otherwise the
 * stream keeps order by itself and any work may be what came before. */
status gpu_follows_kernel(cudaStream_t stream, int *follows)
{
    enum cudaStreamCaptureStatus capturing;
    enum cudaGraphNodeType type;
    const cudaGraphNode_t *nodes;
    const cudaGraphEdgeData *edges;
    size_t count = 0;
    *follows = 0;
    TRY(cuda_check(cudaStreamGetCaptureInfo(stream, &capturing, NULL, NULL, &nodes, &edges, &count),
                   "looking at the graph"));
    if (capturing != cudaStreamCaptureStatusActive || count != 1) return STATUS_OK;
    TRY(cuda_check(cudaGraphNodeGetType(nodes[0], &type), "looking at the graph"));
    *follows = type == cudaGraphNodeTypeKernel;
    return STATUS_OK;
}

status gpu_enqueue_works(slot *s, const recorded *r, int first, int count, unsigned mark_flags)
{
    for (int i = first; i < first + count; i++) {
        const work *w = &s->plan->works[i];
        TRY(gpu_follows_kernel(r->stream, &s->run.programmatic));
        TRY(w->row->enqueue(w, &s->plan->net, &s->run));
        if (r->marks)
            TRY(cuda_check(cudaEventRecordWithFlags(r->marks[i + 2], r->stream, mark_flags),
                           "marking a work's end"));
    }
    return STATUS_OK;
}

/* Every work once, on one black pixel: libraries and modules load what they need outside capture.
 */
static status run_once(slot *s, recorded *r)
{
    for (int i = 0; i < s->plan->batch; i++)
        s->pictures[i] = (picture){r->pixels, NULL, 1, 1, 3, 0, PIXEL_RGB, 0};
    *s->row_options = (decode_options){0, 1, 0.5f, 20};
    TRY(gpu_enqueue_upload(s, r));
    TRY(gpu_enqueue_works(s, r, 0, s->plan->work_count, cudaEventRecordDefault));
    return cuda_check(cudaStreamSynchronize(r->stream), "running the works once");
}

/* ---- capture --------------------------------------------------------------------------------- */

static status enqueue_frame(slot *s, recorded *r, const void *user)
{
    (void)user;
    unsigned flags = cudaEventRecordExternal;
    if (r->marks)
        TRY(cuda_check(cudaEventRecordWithFlags(r->marks[0], r->stream, flags), "marking"));
    TRY(gpu_enqueue_upload(s, r));
    if (r->marks)
        TRY(cuda_check(cudaEventRecordWithFlags(r->marks[1], r->stream, flags), "marking"));
    return gpu_enqueue_works(s, r, 0, s->plan->work_count, flags);
}

static status enqueue_network(slot *s, recorded *r, const void *user)
{
    (void)user;
    return gpu_enqueue_works(s, r, s->plan->network_first, s->plan->network_count, 0);
}

status gpu_capture(slot *s, recorded *r, status (*enqueue)(slot *s, recorded *r, const void *user),
                   const void *user, cudaGraphExec_t *out)
{
    TRY(cuda_check(cudaStreamBeginCapture(r->stream, cudaStreamCaptureModeThreadLocal),
                   "capturing a graph"));
    status captured = enqueue(s, r, user);
    cudaGraph_t graph = NULL;
    cudaError_t ended = cudaStreamEndCapture(r->stream, &graph);
    if (captured == STATUS_OK) captured = cuda_check(ended, "capturing a graph");
    if (captured == STATUS_OK)
        captured = cuda_check(cudaGraphInstantiate(out, graph, 0), "instantiating a graph");
    if (graph) (void)cudaGraphDestroy(graph);
    TRY(captured);
    return cuda_check(cudaGraphUpload(*out, r->stream), "uploading a graph");
}

static status record(slot *s, recorded *r)
{
    TRY(cuda_check(cudaStreamCreateWithFlags(&r->stream, cudaStreamNonBlocking),
                   "making a stream"));
    TRY(make_events(s, r));
    TRY(make_room(s, r));
    point_rows(s, r);
    TRY(run_once(s, r));
    TRY(gpu_capture(s, r, enqueue_frame, NULL, &r->frame));
    if (!r->marks) TRY(gpu_capture(s, r, enqueue_network, NULL, &r->network));
    return cuda_check(cudaStreamSynchronize(r->stream), "recording a slot");
}

status gpu_record(device *d, slot *s)
{
    TRY(cuda_device_use(((gpu *)d)->cuda));
    recorded *r = heap_array(1, sizeof *r);
    if (!r) return STATUS_MEMORY;
    s->recorded = r; /* forget releases it, whole or not */
    return record(s, r);
}

void gpu_forget(device *d, slot *s)
{
    recorded *r = s->recorded;
    if (!r) return;
    (void)!cuda_device_use(((gpu *)d)->cuda);
    if (r->stream) (void)cudaStreamSynchronize(r->stream);
    if (r->frame) (void)cudaGraphExecDestroy(r->frame);
    if (r->network) (void)cudaGraphExecDestroy(r->network);
    for (int i = 0; i < INFER_GRAPHS; i++)
        if (r->infer[i].exec) (void)cudaGraphExecDestroy(r->infer[i].exec);
    for (int i = 0; i < r->mark_count; i++) (void)cudaEventDestroy(r->marks[i]);
    if (r->ready) (void)cudaEventDestroy(r->ready);
    if (r->stream) (void)cudaStreamDestroy(r->stream);
    (void)cudaFree(r->descriptor);
    (void)cudaFree(r->pixels);
    (void)cudaFreeHost(r->uploads);
    (void)cudaFreeHost(r->copies);
    (void)cudaFreeHost(r->stage);
    free(r->uploaded);
    free(r->marks);
    free(r);
    s->recorded = NULL;
}
