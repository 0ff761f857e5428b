/* The smallest PoseNet: four 1x1 convolutions of stride 16 on the picture itself, as ONNX bytes.
 *
 * Head h's channel c at cell (y, x) is tiny_bias(h, c) + sum over i of tiny_weight(h, c, i) *
 * input(16 y, 16 x, i). Cells are those of any size k * 16 + 1.
 */
#ifndef POSENET_TESTS_TINY_MODEL_H
#define POSENET_TESTS_TINY_MODEL_H

#include "kernels/decode/decode.h"
#include "tests/onnx_builder.h"

enum { TINY_STRIDE = 16 };

typedef struct tiny_spec {
    const char *names[DECODE_HEADS]; /* of the outputs; NULL: heatmap, offset, displacement_* */
    int nhwc;                        /* input and outputs written NHWC */
    int64_t batch, height, width;    /* 0: dynamic */
    int sigmoid;                     /* the graph makes scores of the logits itself */
    int scaled;                      /* input * (1 / 255) before the convolutions */
    int pooled;                      /* a 3x3 max pooling of stride 1 before the convolutions */
    int turned;                      /* height and width swapped inside, and swapped back */
    int channels;                    /* of the input; 0: 3 */
    int without;                     /* 1 + a head that is left out; 0: none */
    int coarse;                      /* 1 + a head of twice the stride; 0: none */
    int constant;                    /* 1 + a head that is a constant; 0: none */
    int flat;                        /* 1 + a head of rank 3; 0: none */
    int second_input;                /* added to the picture */
    int pixel_type;                  /* ONNX's number of the input's type; 0: float */
    int whole_factor;  /* the picture is multiplied by this before it is cast; 0: it is not */
    const char *extra; /* one more output with the heatmap's channels */
} tiny_spec;

static const char *const tiny_names[DECODE_HEADS] = {"heatmap", "offset", "displacement_fwd",
                                                     "displacement_bwd"};

static inline float tiny_weight(int head, int channel, int input)
{
    return (float)((channel * 7 + input * 5 + head * 3) % 11 - 5) / 64.0f;
}

static inline float tiny_bias(int head, int channel)
{
    return (float)((channel * 5 + head) % 7 - 3) / 4.0f;
}

/* The node's output under another order of axes. */
static inline const char *tiny_transpose(onnx_builder *b, const char *at, const char *to,
                                         const int64_t order[4])
{
    onnx_build_ints(b, onnx_build_node(b, "Transpose", at, to), "perm", 4, order);
    return to;
}

static inline void tiny_filter(onnx_builder *b, int head, const char *filter_name,
                               const char *bias_name)
{
    int channels = decode_channels[head];
    float filter[34 * 3], bias[34];
    for (int c = 0; c < channels; c++) {
        bias[c] = tiny_bias(head, c);
        for (int i = 0; i < 3; i++) filter[c * 3 + i] = tiny_weight(head, c, i);
    }
    onnx_build_floats(b, filter_name, 4, (int64_t[]){channels, 3, 1, 1}, filter);
    onnx_build_floats(b, bias_name, 1, (int64_t[]){channels}, bias);
}

static inline void tiny_head(onnx_builder *b, const tiny_spec *spec, int head, const char *input,
                             const char *name)
{
    const char *filter = pool_format(b->p, "%s_filter", name);
    const char *bias = pool_format(b->p, "%s_bias", name);
    const char *at = pool_format(b->p, "%s_conv", name);
    tiny_filter(b, head, filter, bias);
    if (spec->constant == head + 1) {
        onnx_build_node(b, "Identity", bias, name);
        onnx_build_output(b, name);
        return;
    }
    Onnx__NodeProto *conv =
        onnx_build_node(b, "Conv", pool_format(b->p, "%s,%s,%s", input, filter, bias), at);
    int64_t stride = spec->coarse == head + 1 ? 2 * TINY_STRIDE : TINY_STRIDE;
    onnx_build_ints(b, conv, "strides", 2, (int64_t[]){stride, stride});
    if (spec->sigmoid && head == DECODE_HEATMAP) {
        const char *score = pool_format(b->p, "%s_sigmoid", name);
        onnx_build_node(b, "Sigmoid", at, score);
        at = score;
    }
    if (spec->turned)
        at = tiny_transpose(b, at, pool_format(b->p, "%s_back", name), (int64_t[]){0, 1, 3, 2});
    if (spec->nhwc)
        at = tiny_transpose(b, at, pool_format(b->p, "%s_nhwc", name), (int64_t[]){0, 2, 3, 1});
    if (spec->flat == head + 1) {
        const char *dims = pool_format(b->p, "%s_dims", name);
        onnx_build_integers(b, dims, 3, (int64_t[]){0, 0, -1});
        onnx_build_node(b, "Reshape", pool_format(b->p, "%s,%s", at, dims), name);
    } else
        onnx_build_node(b, "Identity", at, name);
    onnx_build_output(b, name);
}

/* Bytes to release with free(). */
static inline uint8_t *tiny_model(const tiny_spec *spec, size_t *size)
{
    onnx_builder *b = onnx_builder_new(13);
    int64_t any = INT64_MIN, n = spec->batch ? spec->batch : any;
    int64_t h = spec->height ? spec->height : any, w = spec->width ? spec->width : any;
    int64_t c = spec->channels ? spec->channels : 3;
    const char *at = "image";
    const int64_t nhwc[] = {n, h, w, c}, nchw[] = {n, c, h, w};
    onnx_build_typed_input(b, "image", spec->pixel_type ? spec->pixel_type : 1, 4,
                           spec->nhwc ? nhwc : nchw);
    if (spec->second_input) {
        onnx_build_input(b, "second", 4, spec->nhwc ? nhwc : nchw);
        onnx_build_node(b, "Add", "image,second", "both");
        at = "both";
    }
    if (spec->nhwc) at = tiny_transpose(b, at, "image_nchw", (int64_t[]){0, 3, 1, 2});
    if (spec->pixel_type) {
        if (spec->whole_factor) {
            onnx_build_integers(b, "factor", 1, (int64_t[]){spec->whole_factor});
            onnx_build_node(b, "Mul", pool_format(b->p, "%s,factor", at), "multiplied");
            at = "multiplied";
        }
        onnx_build_int(b, onnx_build_node(b, "Cast", at, "pixels"), "to", 1);
        at = "pixels";
    }
    if (spec->turned) at = tiny_transpose(b, at, "turned", (int64_t[]){0, 1, 3, 2});
    if (spec->scaled) {
        onnx_build_floats(b, "scale", 0, NULL, &(float){1.0f / 255.0f});
        onnx_build_node(b, "Mul", pool_format(b->p, "%s,scale", at), "scaled");
        at = "scaled";
    }
    if (spec->pooled) {
        Onnx__NodeProto *pool = onnx_build_node(b, "MaxPool", at, "pooled");
        onnx_build_ints(b, pool, "kernel_shape", 2, (int64_t[]){3, 3});
        onnx_build_ints(b, pool, "pads", 4, (int64_t[]){1, 1, 1, 1});
        at = "pooled";
    }
    for (int head = 0; head < DECODE_HEADS; head++)
        if (spec->without != head + 1)
            tiny_head(b, spec, head, at, spec->names[head] ? spec->names[head] : tiny_names[head]);
    if (spec->extra) tiny_head(b, spec, DECODE_HEATMAP, at, spec->extra);
    uint8_t *bytes;
    *size = onnx_build_pack(b, &bytes);
    onnx_builder_free(&b);
    return bytes;
}

#endif
