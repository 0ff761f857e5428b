/* What the files of the CUDA device share: the device, what it keeps for a slot, and who does what.
 *
 *   cuda.c         opening, memory, copies, decoding tensors of anyone's
 *   cuda_pixels.c  pictures of a frame to where the preprocessing finds them
 *   cuda_record.c  a slot's memory and graphs
 *   cuda_infer.c   the network alone, from tensors to tensors of the caller's
 *   cuda_frame.c   launching a slot's frame, waiting for it; works one by one
 *   cuda_tune.c    what the tuner asks
 */
#ifndef POSENET_ENGINE_DEVICE_CUDA_H
#define POSENET_ENGINE_DEVICE_CUDA_H

#include <cuda_runtime_api.h>

#include "engine/device/slot.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/strided.h"
#include "kernels/preprocess/upload_cuda.h"

typedef struct gpu {
    device base;
    cuda_device *cuda;
    unsigned char *scratch; /* device memory of gpu_decode; grows */
    size_t scratch_bytes;
} gpu;

/* How many rows of a picture fitted so are uploaded; `planes` 0: not known yet. */
typedef struct uploaded_rows {
    letterbox box;
    int planes, rows[UPLOAD_PLANES];
} uploaded_rows;

/* What a graph of infer reads before and writes after the network. */
typedef struct infer_copies {
    cuda_copies in, out;
} infer_copies;

/* One that was asked for lately. */
typedef struct infer_graph {
    void *input;          /* the network reads it where it lies; NULL: it is copied in */
    int copies_out;       /* 0: no head is wanted */
    int64_t used;         /* recorded.infers when it was asked for; 0: nothing is here */
    cudaGraphExec_t exec; /* NULL: not made yet */
} infer_graph;

enum { INFER_GRAPHS = 6 };

/* slot.recorded. */
typedef struct recorded {
    cudaStream_t stream;
    cudaEvent_t ready;         /* of a caller's stream */
    unsigned char *descriptor; /* the device's copy of the slot's */
    upload_image *uploads;     /* pinned; of the next frame, one an image of the batch */
    uploaded_rows *uploaded;   /* of the last frames, one an image of the batch */
    unsigned char *pixels;     /* device memory: uploaded pictures; grows */
    size_t pixels_bytes;
    unsigned char *stage; /* pinned: rows of pageable pictures; grows */
    size_t stage_bytes;
    cudaGraphExec_t frame, network; /* network: its works alone, for compute; not with marks */

    infer_graph infer[INFER_GRAPHS]; /* not with marks */
    int64_t infers;                  /* graphs asked for */
    infer_copies *copies;            /* pinned; of the next infer */
    cudaEvent_t *marks;              /* with microseconds: start, uploaded, after each work */
    int mark_count;
    int64_t launched, nap; /* nanoseconds, where waiting sleeps: when; how long before a look */
} recorded;

/* Fills s->pictures as the device's rows read them and r->uploads with what has to be brought up,
 * staging what is pageable; puts what has to be waited for on the stream. */
status gpu_place_pictures(slot *s, recorded *r) STATUS_MUST_CHECK;

/* What comes next on the slot's stream comes after what is on a caller's (NULL: the default one).
 */
status gpu_wait_for_stream(recorded *r, void *stream) STATUS_MUST_CHECK;

/* Bytes of the pictures that r->uploads bring up. */
int64_t gpu_uploaded_bytes(const slot *s, const recorded *r);

/* Room for the pictures, as gpu_place_pictures does before it is known what comes. */
status gpu_reserve_pixels(recorded *r, size_t bytes) STATUS_MUST_CHECK;

/* Puts the upload on the slot's stream: descriptor and pictures as they are when it runs. */
status gpu_enqueue_upload(const slot *s, const recorded *r) STATUS_MUST_CHECK;

/* Puts works on the slot's stream, each with its mark where there are marks. */
status gpu_enqueue_works(slot *s, const recorded *r, int first, int count,
                         unsigned mark_flags) STATUS_MUST_CHECK;

/* 1 if what comes next on the stream follows a kernel and nothing else: only then may it start
 * early. */
status gpu_follows_kernel(cudaStream_t stream, int *follows) STATUS_MUST_CHECK;

/* What `enqueue` puts on the slot's stream as a graph that is ready to be launched, in *out. */
status gpu_capture(slot *s, recorded *r, status (*enqueue)(slot *s, recorded *r, const void *user),
                   const void *user, cudaGraphExec_t *out) STATUS_MUST_CHECK;

/* The copy that takes every element of `from` to `to`. */
cuda_copy gpu_copy_of(const view *from, const view *to);

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
status gpu_infer(device *d, slot *s, const view *input,
                 const view heads[DECODE_HEADS]) STATUS_MUST_CHECK;

#endif
