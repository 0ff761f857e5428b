/* What a step computes, as one number: steps of the same signature take the same time and may be
 * computed by the same rows in the same way.
 *
 * Counted in: operations, parameters, shapes and types of tensors, and how the steps hang together.
 * Left out: names, and the values of weights and constants. */
#ifndef POSENET_ENGINE_PLAN_SIGNATURE_H
#define POSENET_ENGINE_PLAN_SIGNATURE_H

#include "kernels/op.h"

/* Of `count` steps from `first` on. Tensors count by where they come from, not by their number. */
uint64_t signature_of(const network *net, int first, int count);

/* Goes on from `hash` over `bytes` bytes; a first call takes SIGNATURE_START. */
#define SIGNATURE_START 0xcbf29ce484222325u
uint64_t signature_add(uint64_t hash, const void *data, size_t bytes);

#endif
