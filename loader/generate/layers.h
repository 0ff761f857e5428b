/* A PoseNet as a list of layers: what it computes, before any exporter's way to write it. */
#ifndef POSENET_LOADER_GENERATE_LAYERS_H
#define POSENET_LOADER_GENERATE_LAYERS_H

#include "loader/generate/generate.h"

enum { LAYER_IMAGE = -1, LAYERS_MOST = 96, LAYER_HEADS = 4 };

typedef enum layer_kind { LAYER_CONV, LAYER_DEPTHWISE, LAYER_MAX_POOL, LAYER_ADD } layer_kind;
typedef enum layer_activation { LAYER_LINEAR, LAYER_RELU, LAYER_RELU6 } layer_activation;

typedef struct layer {
    layer_kind kind;
    const char *scope;        /* TensorFlow's name scope of its nodes */
    const char *weight_scope; /* and of its variables */
    int input, other;         /* layers, or LAYER_IMAGE; `other` is ADD's second */
    int channels_in, channels;
    int kernel, stride, dilation;
    int same; /* TensorFlow's SAME; 0: symmetric padding of half the kernel */
    layer_activation activation;
    int is_head;
    /* What a channel's outputs are before the activation: mean in [-shift, shift] + center,
     * deviation in [least, most]. Of heads in the head's own unit. */
    float center, shift, least, most;

    /* Convolutions only, made by layers_calibrate. The result is
     * (conv - mean) / sqrt(variance + epsilon) * gamma + beta. */
    float *weights; /* O I H W */
    float *gamma, *beta, *mean, *variance;
} layer;

typedef struct layer_list {
    pool *pool;
    layer layers[LAYERS_MOST];
    int count;
    int heads[LAYER_HEADS]; /* heatmap, offset, forward, backward */
    float epsilon;
} layer_list;

/* Fills `list` for an architecture; everything comes from list->pool. */
status layers_make(const generate_settings *settings, layer_list *list) STATUS_MUST_CHECK;

/* Gives every convolution its weights and statistics. */
status layers_calibrate(const generate_settings *settings, layer_list *list) STATUS_MUST_CHECK;

/* Copies weights and statistics into the same layers at another stride. */
void layers_share(const layer_list *from, layer_list *to);

/* gamma / sqrt(variance + epsilon) of a channel, and what is left as bias. */
double layer_scale(const layer_list *list, const layer *l, int channel);
double layer_bias(const layer_list *list, const layer *l, int channel);

/* Of a number above 0: by Newton's method, so that every machine gives the same bits. */
double layer_root(double x);

#endif
