/* PoseNets out of nothing: the exact architectures of Google's checkpoints with seeded weights.
 *
 * The weights are random, but every layer's outputs have a mean and a spread that are set: a
 * picture is sent through while the weights are made, and each channel is normalised by what it
 * saw, as batch normalisation does it. So half precision and decoding are exercised for real:
 * activations stay within some tens on any picture, rounding all weights and activations to fp16
 * moves a head by less than 1 % of its norm, some cells of the heatmaps pass 0.5, offsets are of
 * some pixels, displacements of some tens.
 *
 * The random numbers are integers, and the arithmetic is IEEE's four operations: the same seed
 * gives the same bytes on every machine.
 */
#ifndef POSENET_LOADER_GENERATE_GENERATE_H
#define POSENET_LOADER_GENERATE_GENERATE_H

#include "loader/graph.h"

typedef enum generate_architecture {
    GENERATE_RESNET50,
    GENERATE_MOBILENET_V1
} generate_architecture;

/* How exporters write one and the same network. */
typedef enum generate_dialect {
    GENERATE_NCHW,         /* folded batch normalisation, auto_pad, heads named heatmaps, ... */
    GENERATE_TF2ONNX_NHWC, /* NHWC at its edges, TensorFlow's names */
    GENERATE_TORCH_BN      /* BatchNormalization nodes, explicit pads, names that are numbers */
} generate_dialect;

typedef struct generate_settings {
    generate_architecture architecture;
    generate_dialect dialect;
    int stride;     /* 8, 16 or 32 */
    int multiplier; /* of MobileNet's channels, in hundredths: 50, 75, 100 or 101 */
    uint64_t seed;
    int sigmoid;     /* 1: the heatmaps are scores */
    int scale_input; /* 1: the network takes pixels 0..255 and normalises them itself */
    int nameless;    /* 1: the outputs' names tell nothing */
} generate_settings;

/* Makes the network. Weights depend on architecture, multiplier and seed only: two strides of one
 * seed share them, as the official checkpoints do. */
status generate_graph(const generate_settings *settings, graph **out) STATUS_MUST_CHECK;

#endif
