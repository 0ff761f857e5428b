/* One frame in flight: an arena, the frame's descriptor, its results, and what the device recorded.
 *
 *   free -> submitted (launch) -> free again (wait)
 *
 * A slot belongs to one plan on one device and is used by one thread at a time.
 */
#ifndef POSENET_ENGINE_DEVICE_SLOT_H
#define POSENET_ENGINE_DEVICE_SLOT_H

#include "engine/device/device.h"
#include "engine/plan/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A picture as the caller gave it. */
typedef struct slot_image {
    picture picture; /* pitches settled: never 0 */
    int on_device;   /* the pointers are device memory */
    void *stream;    /* the picture is ready when this stream is; NULL: ready now */
} slot_image;

typedef struct slot_ledger {
    int64_t bytes_up, bytes_down, bytes_staged;
    int launches, waits;
    double upload_us, preprocess_us, network_us, decode_us, download_us; /* with microseconds */
} slot_ledger;

typedef struct slot {
    device *device;
    const plan *plan;

    /* What the caller asks for. images has the plan's batch; those from image_count on are copies
     * of the first, so that rows always find a whole batch; their results are not handed out. */
    int image_count;
    slot_image *images;
    decode_options options;

    /* What rows read, filled by launch and compute, and what they write: two blocks of pinned
     * host memory, of multiples of 16 bytes. pictures and counts are the batch long, poses batch *
     * plan->max_poses. Images without a frame (image_count < batch) are decoded, too. */
    void *descriptor, *results;
    size_t descriptor_bytes, results_bytes;
    picture *pictures;           /* in descriptor */
    decode_options *row_options; /* in descriptor */
    pose *poses;                 /* in results */
    int *counts;                 /* in results */

    /* Pinned host memory lent to the caller, or where pageable pictures are staged. */
    unsigned char *frame;
    size_t frame_bytes;

    run run; /* arena and, from record on, where rows find descriptor and results */
    slot_ledger ledger;
    double *microseconds; /* one a work, of the last run; NULL: not asked for */
    void *recorded;       /* the device's own */
    int computed;         /* the arena holds a whole frame's heads */
} slot;

/* A slot of `p` in *out; `profile` times every work. */
status slot_new(device *d, const plan *p, int profile, slot **out) STATUS_MUST_CHECK;

/* No frame may be in flight. NULL and a null slot are fine. */
void slot_free(slot **s);

/* Makes the pinned buffer at least `bytes` long; what it held is lost when it grows. */
status slot_reserve(slot *s, size_t bytes) STATUS_MUST_CHECK;

/* Fills the descriptor: 1..batch images, and options that were checked before. */
void slot_describe(slot *s, const slot_image *images, int count, const decode_options *options);

/* Tensor `number` of the plan where the slot has it. */
view slot_tensor(const slot *s, int number);

/* Tensor `number` of the plan from, or to, `v` (the tensor's dims). Inner tensors of a row and
 * tensors whose room another one has taken hold nothing meaningful; see plan_request.keep_all. */
status slot_write(slot *s, int number, const view *v) STATUS_MUST_CHECK;
status slot_read(slot *s, int number, const view *v) STATUS_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
