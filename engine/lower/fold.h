/* Evaluates nodes whose inputs are all known: weights that pass through Mul and Transpose when a
 * model is opened, and the integer chains that compute sizes once a size is asked for.
 *
 * Results are what a runtime gives that computes node by node in single precision; integers wrap
 * as two's complement. On failure the kept sentence says only why, not which node.
 */
#ifndef POSENET_ENGINE_LOWER_FOLD_H
#define POSENET_ENGINE_LOWER_FOLD_H

#include "engine/lower/shape.h"
#include "kernels/pool.h"
#include "loader/graph.h"

/* Elements that folding may make in all: bounds what a hostile file can ask for. The largest real
 * network has 25 million weights. */
#define FOLD_MAX_ELEMENTS (1LL << 26)

typedef struct folder {
    pool *pool; /* results come from here */
    int opset;
    int64_t budget; /* elements that may still be made; starts at FOLD_MAX_ELEMENTS */
} folder;

/* A result being filled: one of the arrays is set, as in `constant`. */
typedef struct folded {
    constant *constant;
    float *reals;
    int64_t *integers;
} folded;

/* A new constant of that type and shape, taken from the budget. */
status fold_new(folder *f, element type, const shape *s, folded *out) STATUS_MUST_CHECK;

/* Fills `to` (of shape `out`): its element at index i is from's at offset + sum of i * strides. */
void fold_view(const constant *from, int64_t offset, const int64_t strides[GRAPH_MAX_RANK],
               const shape *out, folded *to);

/* Row-major strides, in elements, of a dense tensor. */
void fold_strides(const shape *s, int64_t strides[GRAPH_MAX_RANK]);

shape fold_shape(const constant *c);

/* The integers of a constant of rank 0 or 1, not copied; c NULL: items NULL. */
status fold_list(const constant *c, const char *what, list *out) STATUS_MUST_CHECK;

/* Evaluates `n` with the constants `inputs` (NULL where an optional one is left out; the first is
 * never NULL) into `outputs` (NULL where nobody asked). *done 0: an operator that is not folded,
 * such as a convolution. */
status fold_node(folder *f, const node *n, const constant *const *inputs, const constant **outputs,
                 int *done) STATUS_MUST_CHECK;

/* SHAPE of a tensor of shape `in`. */
status fold_shape_node(folder *f, const node *n, const shape *in,
                       const constant **out) STATUS_MUST_CHECK;

/* The operators that move elements; part of fold_node. */
status fold_move(folder *f, const node *n, const constant *const *inputs, const constant **outputs,
                 int *done) STATUS_MUST_CHECK;

#endif
