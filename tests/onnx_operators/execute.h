/* Computes a whole graph on a host device, one tensor beside the other. */
#ifndef POSENET_TESTS_ONNX_OPERATORS_EXECUTE_H
#define POSENET_TESTS_ONNX_OPERATORS_EXECUTE_H

#include "kernels/op.h"
#include "loader/graph.h"

/* Rewrites, lowers, covers and runs `g`. `inputs` has one constant a graph input; `outputs` gets
 * one a graph output, in `p`. */
status execute(graph *g, device_kind device, const constant *const *inputs, pool *p,
               constant *outputs) STATUS_MUST_CHECK;

#endif
