/* What a step, a tensor and an implementation are: plain data, and one row of functions.
 *
 *   network   the tensors and steps of one model at one size: preprocess, primitive steps, decode
 *   row       one implementation of one or several steps in a row (kernels/rows.c lists them all)
 *   work      a row chosen for a place in the network, with what it prepared
 *   run       what changes from frame to frame
 *
 * Layout: every tensor is dense NHWC, whatever the file said. An ONNX tensor of rank 4 written NCHW
 * is the same bytes with its axes named differently (engine/lower/lower.c keeps the names), so
 * transposes between the two vanish. A tensor of lower rank fills its dims from the right.
 *
 * To add an operation: an enum entry here, its parameters, a folder with `NAME_ref.c`, a row, a
 * check case. To add an implementation: a file in the operation's folder, a row, its limit.
 */
#ifndef POSENET_KERNELS_OP_H
#define POSENET_KERNELS_OP_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/pool.h"
#include "kernels/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- tensors --------------------------------------------------------------------------------- */

typedef enum element_type { TYPE_FP32, TYPE_FP16 } element_type;

enum { AXIS_N, AXIS_H, AXIS_W, AXIS_C, AXES };

typedef struct tensor {
    const char *name; /* for messages and inspect: the file's name of the value, or a made-up one */
    element_type type;
    int dims[AXES];        /* n, h, w, c; all at least 1 */
    const float *constant; /* on the host, fp32, NHWC; NULL: computed, lives in the arena */
    size_t offset;         /* bytes into the arena, set by the arena planner; but for windows a
                              multiple of 256, so rows may load 16 bytes at a time */

    /* A window: these are channels first.. of every pixel of tensor `of`, which has `channels` of
     * them and whose memory this is. Only OP_DECODE reads windows. channels 0: a tensor of its own.
     */
    struct {
        int of, first, channels;
    } window;
} tensor;

/* ---- steps ----------------------------------------------------------------------------------- */

typedef enum op {
    OP_PREPROCESS, /* pictures -> the network's input tensor */
    OP_CONV,       /* inputs: x [, residual]; with bias, residual and activation of its own */
    OP_MAX_POOL,
    OP_BINARY,   /* two inputs, broadcast axis by axis (a dim of 1 repeats), then the activation */
    OP_ACTIVATE, /* one input, the activation */
    OP_UNARY,    /* one input, square root, floor, ceil */
    OP_PAD,
    OP_PERMUTE, /* output axis i is input axis permutation[i] */
    OP_COPY,    /* the same elements in memory order: other dims (a reshape), maybe another type */
    OP_SLICE,   /* output index i of an axis reads input index begin + i * step */
    OP_GATHER,  /* output index i of `axis` reads input index indices[i] */
    OP_CONCAT,  /* any number of inputs along `axis` */
    OP_RESIZE,
    OP_EXPAND, /* repeats axes of dim 1 */
    OP_DECODE, /* inputs: heatmap, offset, forward, backward -> poses */
    OP_COUNT
} op;

typedef enum activation_kind {
    ACTIVATION_NONE,
    ACTIVATION_CLAMP,  /* min(max(x, low), high); ReLU is 0, +inf; ReLU6 is 0, 6; NaN stays NaN.
                          low <= high, and both are numbers: lowering sees to it */
    ACTIVATION_SIGMOID /* (float)(1 / (1 + exp(-(double)x))) */
} activation_kind;

typedef struct activation {
    activation_kind kind;
    float low, high;
} activation;

typedef enum binary_kind {
    BINARY_ADD,
    BINARY_SUB,
    BINARY_MUL,
    BINARY_DIV,
    BINARY_MIN,
    BINARY_MAX
} binary_kind;

typedef enum unary_kind { UNARY_SQRT, UNARY_FLOOR, UNARY_CEIL } unary_kind;

/* Pads may differ from side to side (SAME_UPPER at even sizes, explicit pads). */
typedef struct conv_params {
    int groups;
    int kernel[2], stride[2], dilation[2]; /* height, width */
    int pads[4];                           /* top, left, bottom, right */
    int out_channels, in_channels;         /* of the whole tensors, not of one group */
    const float *filter; /* [out_channels][in_channels/groups][kernel h][kernel w], ONNX's order;
                            the address is the weight's identity for the pack cache */
    const float *bias;   /* [out_channels], or NULL */
    activation act;      /* after bias and residual */
} conv_params;

typedef struct pool_params {
    int kernel[2], stride[2], dilation[2], pads[4];
} pool_params;

typedef enum pad_kind { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP } pad_kind;

typedef struct pad_params {
    pad_kind kind;
    int before[AXES], after[AXES]; /* negative: cropped (constant kind only) */
    float value;
} pad_params;

typedef struct slice_params {
    int begin[AXES], step[AXES]; /* steps may be negative */
} slice_params;

typedef struct gather_params {
    int axis, count;
    const int32_t *indices; /* already within 0..dim-1 */
} gather_params;

/* src = scale[axis] * dst + shift[axis] for each of h and w (and n, c, which stay 1 and 0),
 * clamped; linear blends the two neighbours, nearest takes the `rounding` of src. */
typedef enum resize_kind { KIND_NEAREST, KIND_LINEAR } resize_kind;
typedef enum nearest_rounding {
    NEAREST_PREFER_FLOOR,
    NEAREST_PREFER_CEIL,
    NEAREST_FLOOR,
    NEAREST_CEIL
} nearest_rounding;

typedef struct resize_params {
    resize_kind kind;
    nearest_rounding rounding;
    double scale[AXES], shift[AXES];
} resize_params;

typedef enum normalization {
    NORMALIZE_NONE,      /* x, 0..255 */
    NORMALIZE_MOBILENET, /* x / 127.5 - 1 */
    NORMALIZE_RESNET     /* x + (-123.15, -115.90, -103.06) for R, G, B */
} normalization;

typedef struct preprocess_params {
    normalization normalize;
} preprocess_params;

typedef struct decode_params {
    int stride;    /* input pixels per heatmap cell */
    int logits;    /* heatmap needs the sigmoid */
    int max_poses; /* room for each picture in the results; what options ask for is at most this */
    int input_height, input_width;
} decode_params;

enum { STEP_MAX_INPUTS = 16 };

typedef struct step {
    op op;
    int input_count;
    int inputs[STEP_MAX_INPUTS]; /* tensor numbers */
    int output;                  /* tensor number; -1 for OP_DECODE */
    const char *nodes;           /* the ONNX nodes it came from, "Conv_3, Relu_4"; never NULL */
    union {
        preprocess_params preprocess;
        conv_params conv;
        pool_params pool;
        struct {
            binary_kind kind;
            activation act;
        } binary;
        activation act;
        unary_kind unary;
        pad_params pad;
        int permutation[AXES];
        slice_params slice;
        gather_params gather;
        int concat_axis;
        resize_params resize;
        decode_params decode;
    } as;
} step;

typedef struct network {
    int tensor_count, step_count;
    tensor *tensors;
    step *steps;
} network;

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
     * output may be read from outside the run, unless the row writes all. Pure: looks at ops,
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

    int writes_all; /* the output of every covered step has room and is written, not only the last
                       one's */

    int plain; /* of all rows of its device the one that others are checked against by the tuner */
} row;

/* Every row that this build has, ref first; a NULL-terminated list. */
extern const row *const all_rows[];

/* The row of that name, or NULL. */
const row *row_find(const char *name);

/* ---- helpers for rows ------------------------------------------------------------------------ */

static inline size_t type_bytes(element_type type)
{
    return type == TYPE_FP16 ? 2 : 4;
}

static inline int64_t tensor_count(const tensor *t)
{
    return (int64_t)t->dims[AXIS_N] * t->dims[AXIS_H] * t->dims[AXIS_W] * t->dims[AXIS_C];
}

static inline size_t tensor_bytes(const tensor *t)
{
    return (size_t)tensor_count(t) * type_bytes(t->type);
}

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
    int last = i == w->first + w->count - 1;
    return net->steps[i].output >= 0 && (last || w->row->writes_all);
}

/* The tensor in whose memory a tensor lies: itself, but for windows. */
static inline int tensor_home(const network *net, int number)
{
    const tensor *t = &net->tensors[number];
    return t->window.channels ? t->window.of : number;
}

/* Elements from one index of each axis to the next. */
static inline void tensor_strides(const tensor *t, int64_t strides[AXES])
{
    strides[AXIS_C] = 1;
    strides[AXIS_W] = t->window.channels ? t->window.channels : t->dims[AXIS_C];
    strides[AXIS_H] = strides[AXIS_W] * t->dims[AXIS_W];
    strides[AXIS_N] = strides[AXIS_H] * t->dims[AXIS_H];
}

/* The usual end of `prepare`, and the usual `release`: w->state is a block of its own, with nothing
 * in it that has to be released. work_keep copies `bytes` from `state` into it. */
status work_keep(work *w, const void *state, size_t bytes) STATUS_MUST_CHECK;
void work_release(work *w);

/* How many ways w->row has to compute the steps of `w`; at least 1. */
int work_ways(const prepare_context *context, const network *net, const work *w);

/* "conv", "max_pool", … */
const char *op_name(op o);

/* "ref", "cpu", "cuda"; "fp32", "tf32", "fp16". */
const char *device_kind_name(device_kind device);
const char *precision_name(precision p);

/* What is applied to a step's results last; NULL for an operation without activation. To be written
 * to only where the step may be. */
activation *step_activation(const step *s);

/* Floating-point operations of a step (a multiply-add counts 2), and bytes it must at least move
 * (inputs, weights and output once each). For inspect, profile and the roofline. */
int64_t step_flops(const network *net, const step *s);
int64_t step_bytes(const network *net, const step *s);

#ifdef __cplusplus
}
#endif
#endif
