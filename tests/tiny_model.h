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
    int without;                     /* 1 + a head that is left out; 0: none */
    const char *extra;               /* one more output with the heatmap's channels */
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

static inline void tiny_head(onnx_builder *b, const tiny_spec *spec, int head, const char *input,
                             const char *name)
{
    int channels = decode_channels[head];
    float filter[34 * 3], bias[34];
    for (int c = 0; c < channels; c++) {
        bias[c] = tiny_bias(head, c);
        for (int i = 0; i < 3; i++) filter[c * 3 + i] = tiny_weight(head, c, i);
    }
    const char *filter_name = pool_format(b->p, "%s_filter", name);
    const char *bias_name = pool_format(b->p, "%s_bias", name);
    onnx_build_floats(b, filter_name, 4, (int64_t[]){channels, 3, 1, 1}, filter);
    onnx_build_floats(b, bias_name, 1, (int64_t[]){channels}, bias);
    int scored = spec->sigmoid && head == DECODE_HEATMAP;
    const char *at = spec->nhwc || scored ? pool_format(b->p, "%s_conv", name) : name;
    Onnx__NodeProto *conv = onnx_build_node(
        b, "Conv", pool_format(b->p, "%s,%s,%s", input, filter_name, bias_name), at);
    onnx_build_ints(b, conv, "strides", 2, (int64_t[]){TINY_STRIDE, TINY_STRIDE});
    if (scored) {
        const char *score = spec->nhwc ? pool_format(b->p, "%s_sigmoid", name) : name;
        onnx_build_node(b, "Sigmoid", at, score);
        at = score;
    }
    if (spec->nhwc) {
        Onnx__NodeProto *back = onnx_build_node(b, "Transpose", at, name);
        onnx_build_ints(b, back, "perm", 4, (int64_t[]){0, 2, 3, 1});
    }
    onnx_build_output(b, name);
}

/* Bytes to release with free(). */
static inline uint8_t *tiny_model(const tiny_spec *spec, size_t *size)
{
    onnx_builder *b = onnx_builder_new(13);
    int64_t any = INT64_MIN, n = spec->batch ? spec->batch : any;
    int64_t h = spec->height ? spec->height : any, w = spec->width ? spec->width : any;
    const char *at = "image";
    if (spec->nhwc) {
        onnx_build_input(b, "image", 4, (int64_t[]){n, h, w, 3});
        Onnx__NodeProto *to = onnx_build_node(b, "Transpose", "image", "image_nchw");
        onnx_build_ints(b, to, "perm", 4, (int64_t[]){0, 3, 1, 2});
        at = "image_nchw";
    } else
        onnx_build_input(b, "image", 4, (int64_t[]){n, 3, h, w});
    if (spec->scaled) {
        onnx_build_floats(b, "scale", 0, NULL, &(float){1.0f / 255.0f});
        onnx_build_node(b, "Mul", pool_format(b->p, "%s,scale", at), "scaled");
        at = "scaled";
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
