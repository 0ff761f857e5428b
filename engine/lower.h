/* From a graph and a size to a network: shapes, the constant chains that depend on them, and steps.
 *
 *   model life   graph_rewrite (engine/rewrite/rewrite.h): once, whatever does not depend on the
 * size plan life    lower: shapes known -> every integer chain folded -> steps -> steps fused
 */
#ifndef POSENET_ENGINE_LOWER_H
#define POSENET_ENGINE_LOWER_H

#include "kernels/op.h"
#include "loader/graph.h"

enum { LOWER_MAX_OUTPUTS = 64 };

/* What to lower: the graph's runtime inputs get these dims (in the file's own axis order), and of
 * the outputs those with keep[i] set are computed; steps that feed none of them are left out. */
typedef struct lower_request {
    const graph *graph;
    const int64_t (*input_dims)[GRAPH_MAX_RANK]; /* one a graph input */
    const int *keep;                             /* one a graph output; NULL: all */
} lower_request;

/* Where a graph value went. `axis_of[i]` is the NHWC axis that the value's axis i became. */
typedef struct lowered_value {
    int tensor; /* -1: not computed as a tensor (an integer, known at plan time, or left out) */
    const constant *known; /* the value itself where it is known at plan time */
    int rank;
    int64_t dims[GRAPH_MAX_RANK];
    int axis_of[AXES];
} lowered_value;

/* `net` has primitive steps only: no preprocess, no decode. Everything, net included, is in `pool`.
 */
typedef struct lowered {
    network net;
    lowered_value *inputs;  /* one a graph input */
    lowered_value *outputs; /* one a graph output */
} lowered;

/* Lowers into `p` (the plan's pool). Refuses, naming node and operator, shapes that disagree and
 * whatever no step computes (rank over 4 at run time, sizes known only at run time). */
status lower(const lower_request *request, pool *p, lowered *out) STATUS_MUST_CHECK;

#endif
