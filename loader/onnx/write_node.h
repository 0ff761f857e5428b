/* A node as ONNX writes it: shared by the writer's own files only. */
#ifndef POSENET_LOADER_ONNX_WRITE_NODE_H
#define POSENET_LOADER_ONNX_WRITE_NODE_H

#include <onnx.pb-c.h>

#include "loader/graph.h"

typedef struct onnx_shape {
    int rank; /* GRAPH_UNKNOWN_RANK */
    int64_t dims[GRAPH_MAX_RANK];
} onnx_shape;

typedef struct onnx_writer {
    const graph *g;
    pool *pool; /* of the messages; they point into the graph's weights */
    int opset;
    const char **names;         /* of values, each one only once */
    onnx_shape *shapes;         /* of values */
    unsigned char *initializer; /* constants that a node reads as an input */
} onnx_writer;

/* Fills w->shapes: the file's own, and what follows from it. */
status onnx_find_shapes(onnx_writer *w) STATUS_MUST_CHECK;

/* The oldest opset that can say what the node says, in *opset. */
int onnx_least_opset(const graph *g, const node *n);

/* Fills `out` with inputs, outputs and attributes, and marks the constants among the inputs. */
status onnx_write_node(onnx_writer *w, const node *n, Onnx__NodeProto *out) STATUS_MUST_CHECK;

/* A constant as a message; `name` may be NULL. */
status onnx_write_tensor(onnx_writer *w, const constant *c, const char *name,
                         Onnx__TensorProto *out) STATUS_MUST_CHECK;

#endif
