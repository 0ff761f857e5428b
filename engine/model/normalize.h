/* How 8-bit pixels become a model's input, where the caller leaves it to the model. */
#ifndef POSENET_ENGINE_MODEL_NORMALIZE_H
#define POSENET_ENGINE_MODEL_NORMALIZE_H

#include "engine/posenet.h"
#include "kernels/op.h"
#include "loader/graph.h"

/* AUTO: none if the graph scales its input before the first convolution, mobilenet if it has
 * depthwise convolutions, resnet if it starts with 7x7/2, else refused. For a graph as it was read:
 * rewrites may fold a scaling into the convolution. */
status normalize_choose(const graph *g, posenet_normalize wish,
                        normalization *out) STATUS_MUST_CHECK;

#endif
