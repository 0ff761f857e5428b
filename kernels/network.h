/* What a network is: the tensors and steps of one model at one size, as plain data.
 *
 * Layout: every tensor is dense NHWC, whatever the file said. An ONNX tensor of rank 4 written NCHW
 * is the same bytes with its axes named differently (engine/lower/lower.c keeps the names), so
 * transposes between the two vanish. A tensor of lower rank fills its dims from the right.
 *
 * To add an operation: an enum entry here, its parameters, a folder with `NAME_ref.c`, a row, a
 * check case (kernels/op.h). */
#ifndef POSENET_KERNELS_NETWORK_H
#define POSENET_KERNELS_NETWORK_H

#include <stddef.h>
#include <stdint.h>

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
    OP_CONV,       /* inputs: x [, residual of y's dims]; bias and activation are its own */
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

/* ---- helpers --------------------------------------------------------------------------------- */

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

/* "conv", "max_pool", … */
const char *op_name(op o);

/* What is applied to a step's results last; NULL for an operation without activation. To be written
 * to only where the step may be. */
activation *step_activation(const step *s);

/* The activation as a clamp, without one from -inf to +inf; 0 if it is something else. */
int activation_limits(const activation *act, float *low, float *high);

/* Floating-point operations of a step (a multiply-add counts 2), and bytes it must at least move
 * (inputs, weights and output once each). For inspect, profile and the roofline. */
int64_t step_flops(const network *net, const step *s);
int64_t step_bytes(const network *net, const step *s);

#ifdef __cplusplus
}
#endif
#endif
