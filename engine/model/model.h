/* A model as long as a handle is open: the rewritten graph, its heads, and what its files say. */
#ifndef POSENET_ENGINE_MODEL_MODEL_H
#define POSENET_ENGINE_MODEL_MODEL_H

#include "engine/posenet.h"
#include "engine/rewrite/joined_heads.h"
#include "kernels/decode/decode.h"
#include "kernels/op.h"
#include "loader/graph.h"

enum { MODEL_MAX_BATCH = 256 };

/* Where to read the model from, and what the caller knows better than its files. */
typedef struct model_request {
    const char *path;  /* .onnx or TF.js .json, else whichever its first byte says; or NULL: */
    const void *bytes; /* an ONNX model in memory */
    size_t byte_count;
    posenet_normalize normalize;
    const char *heads[DECODE_HEADS]; /* output names; NULL: found by name and channels */
} model_request;

typedef struct model {
    graph *graph;
    int heads[DECODE_HEADS]; /* numbers of the graph's outputs */
    int heads_nchw, input_nchw;
    joined_heads joined; /* weights of the heads that one convolution can compute */
    int stride;
    int fixed_width, fixed_height, fixed_batch; /* what the file fixes; 0: any */
    normalization normalize;
} model;

status model_open(const model_request *request, model **out) STATUS_MUST_CHECK;

/* NULL and a null model are fine. */
void model_close(model **m);

/* Input sides that `width` x `height` stand for: 0 is the file's fixed side, else 513; any other is
 * rounded to k * stride + 1. Outside 33..2049, or not what the file fixes: refused. */
status model_input_size(const model *m, int *width, int *height) STATUS_MUST_CHECK;

#endif
