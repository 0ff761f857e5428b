/* ONNX's Constant nodes, which become constant values and no nodes. */
#ifndef POSENET_LOADER_ONNX_CONSTANT_H
#define POSENET_LOADER_ONNX_CONSTANT_H

#include "loader/onnx/attributes.h"
#include "loader/onnx/tensor.h"

/* The value of a Constant node, whichever of its attributes holds it. */
status onnx_constant_read(onnx_data *data, const node_place *place, const Onnx__NodeProto *proto,
                          pool *p, constant *out) STATUS_MUST_CHECK;

#endif
