/* What an implementation is: one row of functions, which compute steps of a network.
 *
 *   network   the tensors and steps of one model at one size (kernels/network.h)
 *   row       one implementation of one or several steps in a row (kernels/rows.c lists them all)
 *   work      a row chosen for a place in the network, with what it prepared
 *   run       what changes from frame to frame
 *
 * To add an implementation: a file in the operation's folder, a row, its limit, a check case where
 * none reaches it.
 */
#ifndef POSENET_KERNELS_OP_H
#define POSENET_KERNELS_OP_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/network.h"
#include "kernels/pool.h"
#include "kernels/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what changes from frame to frame -------------------------------------------------------- */

typedef enum pixel_format { PIXEL_RGB, PIXEL_BGR, PIXEL_RGBA, PIXEL_BGRA, PIXEL_NV12 } pixel_format;

/* One 8-bit picture where the rows run: in host memory for ref and cpu rows, else the device's. */
typedef struct picture {
    const uint8_t *data;   /* top left */
    const uint8_t *chroma; /* NV12: the interleaved U V plane; else NULL */
    int width, height;
    int64_t pitch, chroma_pitch; /* bytes from row to row */
    pixel_format format;
    int flip; /* mirrored: x of the results becomes width - 1 - x */
} picture;

typedef struct decode_options {
    int single;            /* the best point of each part: one pose */
    int max_poses;         /* 1..decode_params.max_poses */
    float score_threshold; /* for root parts */
    float nms_radius;      /* input pixels */
} decode_options;

enum { PARTS = 17, EDGES = 16 };

/* Laid out as posenet_pose in engine/posenet.h. x and y in pixels of the source picture. */
typedef struct keypoint {
    float x, y, score;
} keypoint;

typedef struct pose {
    float score;
    keypoint keypoints[PARTS];
} pose;

/* All pointers are in the device's memory. The network's batch is tensors[..].dims[AXIS_N]. */
typedef struct run {
    unsigned char *arena;
    struct {
        int tensor;
        void *at; /* where it lies instead of in the arena, aligned as there; NULL: none does */
    } outside;
    const picture *pictures;       /* one an image of the batch */
    const decode_options *options; /* one for the batch */
    pose *poses;                   /* decode_params.max_poses an image */
    int *counts;                   /* one an image */
    void *stream;                  /* cudaStream_t for cuda rows, else NULL */
    int programmatic; /* what comes before on the stream is a kernel, so one that waits for it by
                         itself may start early (kernels/cuda/launch.cuh) */
} run;

/* ---- rows ------------------------------------------------------------------------------------ */

typedef enum device_kind { DEVICE_REF, DEVICE_CPU, DEVICE_CUDA } device_kind;
typedef enum precision { PRECISION_FP32, PRECISION_TF32, PRECISION_FP16 } precision;

typedef struct pack_cache pack_cache; /* kernels/pack.h */

/* What a row may use while it prepares. */
typedef struct prepare_context {
    precision precision;
    int threads;       /* host threads that a cpu row may use; 0: all */
    pack_cache *packs; /* weights in a row's own order, kept once per (row, weight, variant) */
    void *device;      /* cuda rows: handles shared by a device's rows; else NULL */
} prepare_context;

typedef struct work {
    const struct row *row;
    int first, count;       /* the steps it covers */
    int variant;            /* which of the row's ways; see row.variants */
    void *state;            /* what prepare made; NULL is fine */
    size_t workspace_bytes; /* asked for by prepare: part of the arena while the work runs */
    size_t workspace;       /* offset into the arena, a multiple of 256; set by the arena planner */
} work;

typedef struct row {
    const char *name;   /* the file's name without its ending: "conv_onednn" */
    device_kind device; /* ref rows also serve the cpu where nothing faster covers a step */
    int least_compute;  /* cuda rows: the least compute capability, 80 for 8.0; 0: any */

    /* How many steps from `first` on this row computes as one (0: it does not). Only the last one's
     * output may be read from outside the run, unless the row writes more. Pure: looks at ops,
     * params, dims and types. */
    int (*covers)(const network *net, int first, precision precision);

    /* How many ways the row has to compute the steps of `w` on this device (tile sizes, a library's
     * algorithms), for the tuner to time; NULL: one. Way 0 is the row's own choice. */
    int (*variants)(const prepare_context *context, const network *net, const work *w);

    /* What the ways' numbers mean. Choices that the tuner keeps on disk name ways by number, so
     * raise this whenever a number may come to name another way: ways added, taken out or put in
     * another order, which a changed model of their cost does, too. Rows with ways begin at 1. */
    int revision;

    /* Makes w->state for way w->variant and sets w->workspace_bytes; may be NULL. May allocate and
     * pack weights. STATUS_UNSUPPORTED where this device has no such way after all. */
    status (*prepare)(const prepare_context *context, const network *net, work *w);

    /* Computes the steps, or puts their computation on run->stream. Allocates nothing. */
    status (*enqueue)(const work *w, const network *net, const run *r);

    /* Releases w->state; may be NULL. */
    void (*release)(work *w);

    /* Expected cost of covering these steps, in any unit that is the same for all rows of a device,
     * until a measurement replaces it; NULL: 1 a step for a device's own rows, 1000 for ref's. */
    double (*estimate)(const network *net, int first, int count);

    /* |got - ref| <= limit * (1 + |ref|) in the kernel check and in validate; `limit_because` says
     * why it is what it is. 0: the same bits. limit_fp16 holds for fp16 tensors and tf32. */
    double limit, limit_fp16;
    const char *limit_because;

    int writes; /* of so many of the last covered steps the output has room and is written; 0: of
                   the last one alone; ROW_WRITES_ALL */

    int in_place; /* the output of the first step, a convolution with a residual, may lie where the
                     residual does: each of its elements is read by who will write it there */

    int plain; /* of all rows of its device the one that others are checked against by the tuner */
} row;

enum { ROW_WRITES_ALL = INT_MAX };

/* 1 if a row writes the output of step `i` of a run that ends with step `last` where others find
 * it. */
static inline int row_writes(const row *r, int i, int last)
{
    return i == last || last - i < r->writes;
}

/* Every row that this build has, ref first; a NULL-terminated list. */
extern const row *const all_rows[];

/* The row of that name, or NULL. */
const row *row_find(const char *name);

/* ---- helpers for rows ------------------------------------------------------------------------ */

/* Where a tensor is during a run. A constant is on the host: cuda rows upload it in prepare. */
static inline void *tensor_at(const network *net, int number, const run *r)
{
    const tensor *t = &net->tensors[number];
    if (r->outside.at && r->outside.tensor == number) return r->outside.at;
    return t->constant ? (void *)(uintptr_t)t->constant : r->arena + t->offset;
}

/* 1 if the work writes the output of step `i`, one of those that it covers, where others find it.
 */
static inline int work_writes(const work *w, const network *net, int i)
{
    return net->steps[i].output >= 0 && row_writes(w->row, i, w->first + w->count - 1);
}

/* The usual end of `prepare`, and the usual `release`: w->state is a block of its own, with nothing
 * in it that has to be released. work_keep copies `bytes` from `state` into it. */
status work_keep(work *w, const void *state, size_t bytes) STATUS_MUST_CHECK;
void work_release(work *w);

/* How many ways w->row has to compute the steps of `w`; at least 1. */
int work_ways(const prepare_context *context, const network *net, const work *w);

/* "ref", "cpu", "cuda"; "fp32", "tf32", "fp16". */
const char *device_kind_name(device_kind device);
const char *precision_name(precision p);

#ifdef __cplusplus
}
#endif
#endif
