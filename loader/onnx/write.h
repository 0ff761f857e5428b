/* Graphs as ONNX files, in the form of any opset from 8 on. */
#ifndef POSENET_LOADER_ONNX_WRITE_H
#define POSENET_LOADER_ONNX_WRITE_H

#include "loader/graph.h"

enum { ONNX_WRITE_OLDEST = 8, ONNX_WRITE_DEFAULT = 13, ONNX_WRITE_NEWEST = 21 };

/* Writes `g` at opset `opset`; 0: ONNX_WRITE_DEFAULT, or the oldest above it that can say what is
 * in the graph. An opset that cannot is refused, naming the node. Values without a name, or with
 * one that is taken, get another. Outputs must have a known rank. */
status onnx_write_opset(const graph *g, const char *path, int opset) STATUS_MUST_CHECK;

#endif
