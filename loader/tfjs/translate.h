/* From TensorFlow's nodes to a graph: one handler an operator.
 *
 * Pictures are NHWC in TensorFlow. In the graph every real value of the network is NCHW, and two
 * kinds of Transpose stand at its edges: behind each input, and before each output.
 *
 * Dilation. TensorFlow writes a dilated convolution as a sandwich: SpaceToBatchND(x, block, pads)
 * splits the picture into block x block phases, a convolution with stride 1 works on each, and
 * BatchToSpaceND(y, block, crops) weaves them together again. Element o of the result is phase
 * o % block, place o / block, so tap t of the convolution reads padded x at o + t * block: the
 * sandwich is one convolution with dilation `block` on x padded by
 *     start = pads[0] - crops[0],   end = pads[1] - crops[1]
 * (cropping k elements off the result is the same as padding k less). The padding inside, if any,
 * counts `block` times, since it is added to each phase. pads[1] and crops[1] both hold what
 * makes the size a multiple of the block, so their difference does not depend on the size, even
 * where TensorFlow computes both while it runs; integers.h computes them for many sizes.
 */
#ifndef POSENET_LOADER_TFJS_TRANSLATE_H
#define POSENET_LOADER_TFJS_TRANSLATE_H

#include "loader/tfjs/model.h"

/* What became of a TensorFlow node. */
typedef struct tfjs_result {
    int value;    /* NCHW; GRAPH_ABSENT for constants and for chains of integers */
    int origin;   /* the first node whose picture has this one's height and width at every size */
    int sandwich; /* it is split into phases: see above; -1 if not */
    int shared;   /* the graph value is read by more than one chain of nodes */
} tfjs_result;

typedef struct tfjs_sandwich {
    int node; /* SpaceToBatchND */
    int block[2];
    int conv;           /* the graph node inside, GRAPH_ABSENT so far */
    int inner_pads[4];  /* that it adds to each phase: top, left, bottom, right */
    int inner_reach[2]; /* (kernel - 1) * dilation within a phase */
} tfjs_sandwich;

typedef struct tfjs_translation {
    const tfjs_model *model;
    graph *g;
    tfjs_result *results; /* one a node of the model */
    tfjs_sandwich *sandwiches;
    size_t sandwich_count, sandwich_capacity; /* on the heap */
    int zero, six;                            /* Relu6's limits, GRAPH_ABSENT so far */
} tfjs_translation;

/* Translates node `id`; its inputs have been. The sentence needs the node's name before it. */
typedef status tfjs_handler(tfjs_translation *t, int id);

tfjs_handler tfjs_conv, tfjs_depthwise, tfjs_fused_conv, tfjs_fused_depthwise, tfjs_bias_add,
    tfjs_max_pool, tfjs_pad, tfjs_space_to_batch, tfjs_batch_to_space, tfjs_add, tfjs_sub, tfjs_mul,
    tfjs_div, tfjs_relu, tfjs_relu6, tfjs_sigmoid, tfjs_batch_norm, tfjs_identity;

/* Input `index` of the node as a picture. out->shared says whether anyone else reads it. */
status tfjs_picture(const tfjs_translation *t, int id, int index,
                    tfjs_result *out) STATUS_MUST_CHECK;

/* Refuses every data_format but NHWC. */
status tfjs_check_format(const cJSON *attr) STATUS_MUST_CHECK;

/* The same, refused where it is split into phases: for whatever mixes neighbours. */
status tfjs_whole_picture(const tfjs_translation *t, int id, int index,
                          tfjs_result *out) STATUS_MUST_CHECK;

/* Input `index` of the node as a constant, through any Identity; NULL if it is none. */
const constant *tfjs_constant_input(const tfjs_translation *t, int id, int index);

/* Input `index` as a constant of one number a channel; `channels` -1: any number. */
status tfjs_channels_input(const tfjs_translation *t, int id, int index, int64_t channels,
                           const constant **out) STATUS_MUST_CHECK;

/* Appends a node with one output, a picture of `channels` (-1: unknown) named `name`. `value` may
 * point at the input that it replaces. */
status tfjs_emit(tfjs_translation *t, graph_op op, const char *name, const int *inputs,
                 int input_count, int64_t channels, node **out, int *value) STATUS_MUST_CHECK;

/* Adds `c` to the graph, its axes reordered: axis i of the result is axis order[i]. `c` has four
 * axes. */
status tfjs_add_reordered(tfjs_translation *t, const char *name, const constant *c,
                          const int order[4], int *value) STATUS_MUST_CHECK;

/* Adds a constant operand of a pixel-wise operator, NHWC as TensorFlow aligns it, as NCHW. */
status tfjs_add_operand(tfjs_translation *t, const char *name, const constant *c,
                        int *value) STATUS_MUST_CHECK;

/* Adds a list of one number a channel as it is. */
status tfjs_add_list(tfjs_translation *t, const char *name, const constant *c,
                     int *value) STATUS_MUST_CHECK;

/* x + bias where x is no convolution's private result; `name` names the sum. */
status tfjs_emit_bias(tfjs_translation *t, const char *name, int x, const constant *bias,
                      int *value) STATUS_MUST_CHECK;

/* Relu, Relu6 or Sigmoid by its TensorFlow name; STATUS_UNSUPPORTED for another. */
status tfjs_emit_activation(tfjs_translation *t, const char *op, const char *name, int x,
                            int *value) STATUS_MUST_CHECK;

/* Batch normalisation with the node's inputs first..first + 3 as scale, offset, mean, variance. */
status tfjs_emit_batch_norm(tfjs_translation *t, int id, int first, const char *name, int x,
                            int *value) STATUS_MUST_CHECK;

#endif
