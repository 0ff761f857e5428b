/* What the files of the CUDA device share: the device, what it keeps for a slot, and who does what.
 *
 *   device_cuda.c         opening, memory, copies, decoding tensors of anyone's
 *   device_cuda_pixels.c  pictures of a frame to where the preprocessing finds them
 *   device_cuda_tune.c    what the tuner asks
 *   device_cuda_frame.c   recording a slot's graph, launching it, waiting for it
 */
#ifndef POSENET_ENGINE_DEVICE_CUDA_H
#define POSENET_ENGINE_DEVICE_CUDA_H

#include <cuda_runtime_api.h>

#include "engine/slot.h"
#include "kernels/cuda/device.h"

typedef struct gpu {
    device base;
    cuda_device *cuda;
    unsigned char *scratch; /* device memory of gpu_decode; grows */
    size_t scratch_bytes;
} gpu;

/* One picture's way up: what its copy node does in the graph as it is now. */
typedef struct upload {
    const void *from; /* pinned host memory */
    void *to;
    size_t bytes; /* 0: the node is off */
} upload;

/* slot.recorded. All memory is the device's, but for `stage`. */
typedef struct recorded {
    cudaStream_t stream;
    cudaEvent_t done, ready; /* ready: of a caller's stream */
    unsigned char *descriptor, *results;
    unsigned char *pixels; /* uploaded pictures; grows */
    size_t pixels_bytes;
    unsigned char *stage; /* pinned host memory for pageable pictures; grows */
    size_t stage_bytes;
    upload *uploads; /* of the next frame, one an image */
    upload *set;     /* what the graph's nodes are set to */
    cudaGraphNode_t *upload_nodes;
    cudaGraph_t graph;
    cudaGraphExec_t frame, network; /* network: its works alone, for compute */
    cudaEvent_t *marks; /* with microseconds: start, uploaded, after each work, downloaded */
    int mark_count;
} recorded;

/* Fills s->pictures as the device's rows read them and r->uploads with the copies to make, staging
 * what is pageable; puts what has to be waited for on the stream; counts bytes in the ledger. */
status gpu_place_pictures(slot *s, recorded *r) STATUS_MUST_CHECK;

/* Room for the pictures, as gpu_place_pictures does before it is known what comes. */
status gpu_reserve_pixels(recorded *r, size_t bytes) STATUS_MUST_CHECK;

/* Makes g->scratch at least `bytes` long. */
status gpu_reserve_scratch(gpu *g, size_t bytes) STATUS_MUST_CHECK;

status gpu_measure(device *d, slot *s, int repeats, double *microseconds) STATUS_MUST_CHECK;
status gpu_compare(device *d, const void *got, const void *want, element_type type, int64_t count,
                   double *worst) STATUS_MUST_CHECK;
status gpu_identify(device *d, char *text, size_t bytes) STATUS_MUST_CHECK;

status gpu_record(device *d, slot *s) STATUS_MUST_CHECK;
void gpu_forget(device *d, slot *s);
status gpu_launch(device *d, slot *s) STATUS_MUST_CHECK;
status gpu_wait(device *d, slot *s) STATUS_MUST_CHECK;
status gpu_compute(device *d, slot *s, int first, int count) STATUS_MUST_CHECK;

#endif
