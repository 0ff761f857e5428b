/* The decoder alone, on four tensors of any runtime. */
#ifndef POSENET_ENGINE_DECODE_TENSORS_H
#define POSENET_ENGINE_DECODE_TENSORS_H

#include "engine/inside.h"

/* As posenet_decode; no pointer but `e` and `options` may be NULL. */
status decode_tensors(posenet *e, const posenet_tensor *tensors, int stride, int logits,
                      const posenet_decode_options *options, int capacity, posenet_pose *poses,
                      int *counts) STATUS_MUST_CHECK;

#endif
