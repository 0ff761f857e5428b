/* The whole list of steps at one size: preprocess, the model's own, decode. */
#ifndef POSENET_ENGINE_MODEL_NETWORK_H
#define POSENET_ENGINE_MODEL_NETWORK_H

#include "engine/lower/lower.h"
#include "engine/model/model.h"

typedef struct network_request {
    const model *model;
    int width, height, batch;
    int max_poses;
} network_request;

typedef struct built_network {
    network net;
    int input;               /* tensor, NHWC: what preprocess writes */
    int heads[DECODE_HEADS]; /* tensors, NHWC, or windows of one: what decode reads */
    int logits;              /* the heatmap still needs the sigmoid */
} built_network;

/* Everything, from `p`. Refuses heads that do not fit each other or the model's stride. */
status network_build(const network_request *request, pool *p, built_network *out) STATUS_MUST_CHECK;

/* Lowers the model's graph at this size and rewrites the steps, keeping the outputs with keep[i]
 * set (NULL: all). */
status network_lower(const graph *g, int input_nchw, int width, int height, int batch,
                     const int *keep, pool *p, lowered *out) STATUS_MUST_CHECK;

#endif
