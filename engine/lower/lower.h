/* From a graph and a size to a network: shapes, the constant chains that depend on them, and steps.
 *
 * Shapes known, every integer chain can be folded, and what is left becomes steps, as many as the
 * file asks for: engine/rewrite/rewrite.h makes the graph plain before and the steps fewer after.
 */
#ifndef POSENET_ENGINE_LOWER_LOWER_H
#define POSENET_ENGINE_LOWER_LOWER_H

#include "kernels/op.h"
#include "loader/graph.h"

/* What to lower: the graph's runtime inputs get these dims (in the file's own axis order), and of
 * the outputs those with keep[i] set are computed; steps that feed none of them are left out, and
 * what is wrong with them is not noticed. */
typedef struct lower_request {
    const graph *graph; /* outlives the network, which points to its weights */
    const int64_t (*input_dims)[GRAPH_MAX_RANK]; /* one a graph input; all at least 1 */
    const int *keep;                             /* one a graph output; NULL: all */
} lower_request;

/* Where a graph value went. `axis_of[i]` is the NHWC axis that the value's axis i became. */
typedef struct lowered_value {
    int tensor;            /* -1: not computed as a tensor (known at plan time, or left out) */
    const constant *known; /* the value itself where it is known at plan time */
    int rank;              /* GRAPH_UNKNOWN_RANK: left out */
    int64_t dims[GRAPH_MAX_RANK];
    int axis_of[AXES];
} lowered_value;

/* `net` has primitive steps only: no preprocess, no decode. Everything, net included, is in `pool`.
 * A graph input's tensor is one that no step writes. */
typedef struct lowered {
    network net;
    size_t input_count, output_count;
    lowered_value *inputs;  /* one a graph input */
    lowered_value *outputs; /* one a graph output */
} lowered;

/* Lowers into `p` (the plan's pool). Refuses, naming node and operator, shapes that disagree and
 * whatever no step computes (rank over 4 at run time, sizes known only at run time). */
status lower(const lower_request *request, pool *p, lowered *out) STATUS_MUST_CHECK;

/* Which NHWC axis each axis of a graph input will become, so that a caller can tell height from
 * width before any size is known: of rank 4, whatever the first convolution behind it wants (NCHW
 * where it reads the input as it is, NHWC where a Transpose stands between); else the last axes.
 * *rank is the input's (unknown: 4); over 4 is refused. */
status lower_input_axes(const graph *g, size_t input, int *rank,
                        int axis_of[AXES]) STATUS_MUST_CHECK;

#endif
