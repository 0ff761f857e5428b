/* What differs between computing on the host and on a GPU, as one small table of functions.
 *
 *   host.c   ref and cpu rows: memory is the heap, a launch computes at once
 *   cuda.c   cuda rows: a launch replays the slot's own captured graph
 *
 * Who calls what, in order:
 *   open                device_open
 *   plan                allocate/release for packed weights; rows prepare
 *   slot_new            allocate(_pinned), then record
 *   frame               launch, then wait
 *   infer, validate     transfer, compute, transfer; or infer, which is all three at once
 *   slot_free           forget, then release(_pinned)
 *   close               close
 *
 * After record, launch, wait and compute allocate nothing, but for a pinned buffer that grows the
 * first time that a larger pageable picture comes.
 */
#ifndef POSENET_ENGINE_DEVICE_DEVICE_H
#define POSENET_ENGINE_DEVICE_DEVICE_H

#include "engine/device/view.h"
#include "kernels/decode/decode.h"
#include "kernels/op.h"
#include "kernels/pack.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct device device;
struct slot; /* engine/device/slot.h */

typedef struct device_calls {
    void (*close)(device *d);

    /* Memory that rows read and write, aligned to 256 bytes, not cleared. Also the pack cache's. */
    status (*allocate)(device *d, size_t bytes, void **out);
    void (*release)(device *d, void *memory); /* NULL is fine */

    /* Host memory, cleared, aligned to 64 bytes, from which the device copies at full speed. */
    status (*allocate_pinned)(device *d, size_t bytes, void **out);
    void (*release_pinned)(device *d, void *memory); /* NULL is fine */

    /* Copies every element between any two views (host or device memory, any strides, fp32 or
     * fp16; same dims) and returns when it is done. May be slow: it is not on a frame's way. */
    status (*transfer)(device *d, const view *from, const view *to);

    /* Makes a slot ready to be launched. Its plan, arena, host descriptor and host results are
     * there; this one makes `s->run` (where rows find them on this device) and, on a GPU, runs
     * every work once and captures the frame: descriptor and pictures up, works, the last of which
     * writes poses and counts to the host. Keeps what it needs in s->recorded.
     * s->images is not filled yet: a warm-up needs a picture of its own. */
    status (*record)(device *d, struct slot *s);
    void (*forget)(device *d,
                   struct slot *s); /* releases that; fine if record failed or never ran */

    /* Starts the frame that s->images, s->image_count and s->options describe, and fills s->ledger.
     * What is not usable as it is, is uploaded (pageable host memory through the slot's pinned
     * buffer), streams of device pictures are waited for on the device. wait returns when poses and
     * counts are in s->poses and s->counts. */
    status (*launch)(device *d, struct slot *s);
    status (*wait)(device *d, struct slot *s);

    /* Computes works first..first+count-1 of the slot's plan from what its arena holds, and returns
     * when they are done: infer, validate and step-by-step runs. Where preprocess is among them,
     * pictures are uploaded as in launch. With s->microseconds every work is timed. */
    status (*compute)(device *d, struct slot *s, int first, int count);

    /* The network alone, from one tensor in device memory to others (those whose data is NULL are
     * skipped), dims as the plan's, after what is on the default stream. A slot's first ones
     * capture graphs of their own. NULL where device memory is host memory. */
    status (*infer)(device *d, struct slot *s, const view *input, const view heads[DECODE_HEADS]);

    /* Decodes heads that lie in device memory: images i of the batch to poses[i * capacity] and
     * counts[i], in host memory. Checked before (decode_check, decode_check_options). NULL where
     * device memory is host memory. */
    status (*decode)(device *d, const decode_heads *heads, const decode_options *options,
                     int capacity, pose *poses, int *counts);

    /* The rest is for the tuner (engine/tune/tune.h). */

    /* Median microseconds of the slot's network, works between preprocess and decode, one frame
     * after the other; the slot was made without `profile`. */
    status (*measure)(device *d, struct slot *s, int repeats, double *microseconds);

    /* The largest |got - want| / (1 + |want|) of two dense arrays in device memory: 0 where both
     * are the same, infinite where just one is a number. */
    status (*compare)(device *d, const void *got, const void *want, element_type type,
                      int64_t count, double *worst);

    /* One line that names everything of the device that decides what is fastest on it: its model,
     * its driver, its libraries' versions. */
    status (*identify)(device *d, char *text, size_t bytes);
} device_calls;

/* An implementation puts this first in a struct of its own. */
struct device {
    const device_calls *calls;
    device_kind kind;
    int compute;    /* a GPU's compute capability that this build has kernels for, 90 for 9.0 */
    int blocking;   /* wait sleeps instead of spinning: a frame is seen up to 0.1 ms late */
    void *rows;     /* prepare_context.device: what a GPU's rows share; NULL on the host */
    char name[128]; /* "cpu", "cuda:0 (NVIDIA H100)" */
};

/* The ref or the cpu device in *out. */
status device_host_open(device_kind kind, device **out) STATUS_MUST_CHECK;

/* GPU `index` in *out; STATUS_DEVICE with one sentence if there is no such GPU, driver or library.
 * cuda.c, or none.c in a build without CUDA. */
status device_cuda_open(int index, device **out) STATUS_MUST_CHECK;

/* Waits for nothing: no slot may be in flight. NULL and a null device are fine. */
void device_close(device **d);

/* The pack cache's memory on this device. */
pack_memory device_pack_memory(device *d);

#ifdef __cplusplus
}
#endif
#endif
