/* A slot's frame on the GPU: one captured graph, launched and waited for once a frame.
 *
 *   picture copies (one node an image; switched off where nothing is to be copied), descriptor up
 *   -> works -> poses and counts down
 *
 * Sizes and addresses of pictures change the copy nodes and the descriptor, never the graph. */
#include <stdlib.h>
#include <string.h>

#include "engine/device_cuda.h"
#include "kernels/cuda/cuda.h"

enum { FIRST_PIXELS = 4096 }; /* room for the picture of the run before capture */

/* ---- record ---------------------------------------------------------------------------------- */

static status make_events(slot *s, recorded *r)
{
    unsigned flags = cudaEventDisableTiming;
    unsigned wait = s->device->blocking ? cudaEventBlockingSync : 0;
    TRY(cuda_check(cudaEventCreateWithFlags(&r->done, flags | wait), "making an event"));
    TRY(cuda_check(cudaEventCreateWithFlags(&r->ready, flags), "making an event"));
    if (!s->microseconds) return STATUS_OK;
    int wanted = s->plan->work_count + 3;
    r->marks = heap_array((size_t)wanted, sizeof(cudaEvent_t));
    if (!r->marks) return STATUS_MEMORY;
    for (; r->mark_count < wanted; r->mark_count++)
        TRY(cuda_check(cudaEventCreate(&r->marks[r->mark_count]), "making an event"));
    return STATUS_OK;
}

static status make_room(slot *s, recorded *r)
{
    size_t batch = (size_t)s->plan->batch;
    r->uploads = heap_array(batch, sizeof *r->uploads);
    r->set = heap_array(batch, sizeof *r->set);
    r->upload_nodes = heap_array(batch, sizeof(cudaGraphNode_t));
    if (!r->uploads || !r->set || !r->upload_nodes) return STATUS_MEMORY;
    void *descriptor, *results;
    TRY(cuda_check(cudaMalloc(&descriptor, s->descriptor_bytes), "allocating the descriptor"));
    r->descriptor = descriptor;
    TRY(cuda_check(cudaMalloc(&results, s->results_bytes), "allocating the results"));
    r->results = results;
    TRY(gpu_reserve_pixels(r, FIRST_PIXELS));
    /* Rows write as many poses as they find; what they leave is copied down all the same. */
    TRY(cuda_check(cudaMemsetAsync(r->results, 0, s->results_bytes, r->stream), "clearing"));
    return cuda_check(cudaMemsetAsync(r->pixels, 0, FIRST_PIXELS, r->stream), "clearing");
}

/* Rows find the blocks where the slot has them, with the same places inside. */
static void point_rows(slot *s, const recorded *r)
{
    s->run.stream = r->stream;
    s->run.pictures = (const picture *)(const void *)r->descriptor;
    size_t options = (size_t)((unsigned char *)s->row_options - (unsigned char *)s->descriptor);
    s->run.options = (const decode_options *)(const void *)(r->descriptor + options);
    size_t poses = (size_t)((unsigned char *)s->poses - (unsigned char *)s->results);
    size_t counts = (size_t)((unsigned char *)s->counts - (unsigned char *)s->results);
    s->run.poses = (pose *)(void *)(r->results + poses);
    s->run.counts = (int *)(void *)(r->results + counts);
}

static status enqueue_works(slot *s, recorded *r, int first, int count, unsigned mark_flags)
{
    for (int i = first; i < first + count; i++) {
        const work *w = &s->plan->works[i];
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
    TRY(cuda_check(cudaMemcpyAsync(r->descriptor, s->descriptor, s->descriptor_bytes,
                                   cudaMemcpyHostToDevice, r->stream),
                   "uploading the descriptor"));
    TRY(enqueue_works(s, r, 0, s->plan->work_count, cudaEventRecordDefault));
    return cuda_check(cudaStreamSynchronize(r->stream), "running the works once");
}

/* The nodes before the works: `nodes` gets them all, *count of them. */
static status add_uploads(slot *s, recorded *r, cudaGraphNode_t *nodes, size_t *count)
{
    size_t before = 0;
    if (r->marks) {
        TRY(cuda_check(cudaGraphAddEventRecordNode(&nodes[0], r->graph, NULL, 0, r->marks[0]),
                       "adding the first mark"));
        before = 1;
    }
    cudaGraphNode_t *first = before ? &nodes[0] : NULL;
    *count = before;
    for (int i = 0; i < s->plan->batch; i++) {
        r->set[i] = (upload){s->descriptor, r->pixels, 1};
        TRY(cuda_check(cudaGraphAddMemcpyNode1D(&r->upload_nodes[i], r->graph, first, before,
                                                r->pixels, s->descriptor, 1,
                                                cudaMemcpyHostToDevice),
                       "adding a picture's copy"));
        nodes[(*count)++] = r->upload_nodes[i];
    }
    return cuda_check(cudaGraphAddMemcpyNode1D(&nodes[(*count)++], r->graph, first, before,
                                               r->descriptor, s->descriptor, s->descriptor_bytes,
                                               cudaMemcpyHostToDevice),
                      "adding the descriptor's copy");
}

/* What the stream does after the uploads, while it is captured. */
static status enqueue_frame(slot *s, recorded *r)
{
    unsigned flags = cudaEventRecordExternal;
    if (r->marks)
        TRY(cuda_check(cudaEventRecordWithFlags(r->marks[1], r->stream, flags), "marking"));
    TRY(enqueue_works(s, r, 0, s->plan->work_count, flags));
    TRY(cuda_check(cudaMemcpyAsync(s->results, r->results, s->results_bytes, cudaMemcpyDeviceToHost,
                                   r->stream),
                   "downloading the poses"));
    if (!r->marks) return STATUS_OK;
    return cuda_check(cudaEventRecordWithFlags(r->marks[r->mark_count - 1], r->stream, flags),
                      "marking");
}

static status capture(slot *s, recorded *r, cudaGraphNode_t *nodes)
{
    size_t count;
    TRY(cuda_check(cudaGraphCreate(&r->graph, 0), "making the frame's graph"));
    TRY(add_uploads(s, r, nodes, &count));
    TRY(cuda_check(cudaStreamBeginCaptureToGraph(r->stream, r->graph, nodes, NULL, count,
                                                 cudaStreamCaptureModeThreadLocal),
                   "capturing the frame"));
    status captured = enqueue_frame(s, r);
    cudaGraph_t graph = NULL;
    cudaError_t ended = cudaStreamEndCapture(r->stream, &graph);
    TRY(captured);
    TRY(cuda_check(ended, "capturing the frame"));
    TRY(cuda_check(cudaGraphInstantiate(&r->frame, r->graph, 0), "instantiating the frame"));
    return cuda_check(cudaGraphUpload(r->frame, r->stream), "uploading the frame's graph");
}

/* The network's works alone; marks would be those of the frame's graph, so not with them. */
static status capture_network(slot *s, recorded *r)
{
    const plan *p = s->plan;
    TRY(cuda_check(cudaStreamBeginCapture(r->stream, cudaStreamCaptureModeThreadLocal),
                   "capturing the network"));
    status captured = enqueue_works(s, r, p->network_first, p->network_count, 0);
    cudaGraph_t graph = NULL;
    cudaError_t ended = cudaStreamEndCapture(r->stream, &graph);
    if (captured == STATUS_OK) captured = cuda_check(ended, "capturing the network");
    if (captured == STATUS_OK)
        captured =
            cuda_check(cudaGraphInstantiate(&r->network, graph, 0), "instantiating the network");
    if (graph) (void)cudaGraphDestroy(graph);
    return captured;
}

static status record(slot *s, recorded *r)
{
    TRY(cuda_check(cudaStreamCreateWithFlags(&r->stream, cudaStreamNonBlocking),
                   "making a stream"));
    TRY(make_events(s, r));
    TRY(make_room(s, r));
    point_rows(s, r);
    TRY(run_once(s, r));
    cudaGraphNode_t *nodes = heap_array((size_t)s->plan->batch + 2, sizeof(cudaGraphNode_t));
    if (!nodes) return STATUS_MEMORY;
    status captured = capture(s, r, nodes);
    free(nodes);
    TRY(captured);
    if (!r->marks) TRY(capture_network(s, r));
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
    if (r->graph) (void)cudaGraphDestroy(r->graph);
    for (int i = 0; i < r->mark_count; i++) (void)cudaEventDestroy(r->marks[i]);
    if (r->done) (void)cudaEventDestroy(r->done);
    if (r->ready) (void)cudaEventDestroy(r->ready);
    if (r->stream) (void)cudaStreamDestroy(r->stream);
    (void)cudaFree(r->descriptor);
    (void)cudaFree(r->results);
    (void)cudaFree(r->pixels);
    (void)cudaFreeHost(r->stage);
    free(r->marks);
    free(r->uploads);
    free(r->set);
    free(r->upload_nodes);
    free(r);
    s->recorded = NULL;
}

/* ---- launch and wait ------------------------------------------------------------------------- */

/* Makes copy node i do what the next frame needs; a node that does it already is left alone. */
static status set_upload(recorded *r, int i)
{
    const upload *want = &r->uploads[i];
    upload *is = &r->set[i];
    if (want->bytes && (want->from != is->from || want->to != is->to || want->bytes != is->bytes))
        TRY(cuda_check(cudaGraphExecMemcpyNodeSetParams1D(r->frame, r->upload_nodes[i], want->to,
                                                          want->from, want->bytes,
                                                          cudaMemcpyHostToDevice),
                       "changing a picture's copy"));
    if (!want->bytes != !is->bytes)
        TRY(cuda_check(cudaGraphNodeSetEnabled(r->frame, r->upload_nodes[i], want->bytes > 0),
                       "switching a picture's copy"));
    *is = *want;
    return STATUS_OK;
}

status gpu_launch(device *d, slot *s)
{
    recorded *r = s->recorded;
    TRY(cuda_device_use(((gpu *)d)->cuda));
    s->ledger = (slot_ledger){.bytes_up = (int64_t)s->descriptor_bytes,
                              .bytes_down = (int64_t)s->results_bytes,
                              .launches = 1};
    TRY(gpu_place_pictures(s, r));
    *s->row_options = s->options;
    for (int i = 0; i < s->plan->batch; i++) TRY(set_upload(r, i));
    TRY(cuda_check(cudaGraphLaunch(r->frame, r->stream), "launching the frame"));
    return cuda_check(cudaEventRecord(r->done, r->stream), "marking the frame's end");
}

static status elapsed(const recorded *r, int from, int to, double *microseconds)
{
    float milliseconds = 0;
    TRY(cuda_check(cudaEventElapsedTime(&milliseconds, r->marks[from], r->marks[to]),
                   "reading a work's time"));
    *microseconds = (double)milliseconds * 1000;
    return STATUS_OK;
}

static status read_times(slot *s, const recorded *r)
{
    const plan *p = s->plan;
    int decode = p->network_first + p->network_count, last = r->mark_count - 1;
    for (int i = 0; i < p->work_count; i++) TRY(elapsed(r, i + 1, i + 2, &s->microseconds[i]));
    TRY(elapsed(r, 0, 1, &s->ledger.upload_us));
    TRY(elapsed(r, 1, p->network_first + 1, &s->ledger.preprocess_us));
    TRY(elapsed(r, p->network_first + 1, decode + 1, &s->ledger.network_us));
    TRY(elapsed(r, decode + 1, last - 1, &s->ledger.decode_us));
    return elapsed(r, last - 1, last, &s->ledger.download_us);
}

status gpu_wait(device *d, slot *s)
{
    recorded *r = s->recorded;
    TRY(cuda_device_use(((gpu *)d)->cuda));
    cudaError_t error;
    if (d->blocking) {
        error = cudaEventSynchronize(r->done);
    } else {
        while ((error = cudaEventQuery(r->done)) == cudaErrorNotReady) continue;
        (void)cudaGetLastError(); /* the runtime keeps "not ready" as an error */
    }
    s->ledger.waits = 1;
    TRY(cuda_check(error, "computing the frame"));
    return s->microseconds ? read_times(s, r) : STATUS_OK;
}

/* ---- compute --------------------------------------------------------------------------------- */

static status copy_pictures(slot *s, recorded *r)
{
    TRY(gpu_place_pictures(s, r));
    *s->row_options = s->options;
    for (int i = 0; i < s->plan->batch; i++) {
        const upload *up = &r->uploads[i];
        if (!up->bytes) continue;
        TRY(cuda_check(
            cudaMemcpyAsync(up->to, up->from, up->bytes, cudaMemcpyHostToDevice, r->stream),
            "uploading a picture"));
    }
    return cuda_check(cudaMemcpyAsync(r->descriptor, s->descriptor, s->descriptor_bytes,
                                      cudaMemcpyHostToDevice, r->stream),
                      "uploading the descriptor");
}

/* Works one by one. Only the first one (preprocess) and the last one (decode) read the frame. */
static status compute_works(slot *s, recorded *r, int first, int count)
{
    int last = first + count == s->plan->work_count;
    if (first == 0 || last) TRY(copy_pictures(s, r));
    if (r->marks)
        TRY(cuda_check(cudaEventRecord(r->marks[first + 1], r->stream), "marking the start"));
    TRY(enqueue_works(s, r, first, count, cudaEventRecordDefault));
    if (!last) return STATUS_OK;
    return cuda_check(cudaMemcpyAsync(s->results, r->results, s->results_bytes,
                                      cudaMemcpyDeviceToHost, r->stream),
                      "downloading the poses");
}

status gpu_compute(device *d, slot *s, int first, int count)
{
    recorded *r = s->recorded;
    const plan *p = s->plan;
    TRY(cuda_device_use(((gpu *)d)->cuda));
    if (r->network && first == p->network_first && count == p->network_count)
        TRY(cuda_check(cudaGraphLaunch(r->network, r->stream), "launching the network"));
    else
        TRY(compute_works(s, r, first, count));
    TRY(cuda_check(cudaStreamSynchronize(r->stream), "computing works"));
    for (int i = first; s->microseconds && i < first + count; i++)
        TRY(elapsed(r, i + 1, i + 2, &s->microseconds[i]));
    return STATUS_OK;
}
