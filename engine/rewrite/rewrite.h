/* What makes a graph, and then a network, smaller without changing its results.
 *
 *   graph_rewrite     once a model: constant nodes folded, identities away, per-channel arithmetic
 *                     into convolutions, dead nodes away
 *   network_rewrite   once a plan: copies and permutations away, pads, residual additions and
 *                     activations into the steps beside them, dead steps away
 *
 * One rewrite a file; the order is in rewrite.c. None looks at a pair of nodes more than once or
 * twice: time grows with the graph, not with its square.
 */
#ifndef POSENET_ENGINE_REWRITE_REWRITE_H
#define POSENET_ENGINE_REWRITE_REWRITE_H

#include "engine/lower/lower.h"
#include "kernels/op.h"
#include "loader/graph.h"

/* Rewrites in place. New weights come from g->pool and stay where they are for the graph's life.
 * The values that are graph inputs and outputs, and their names, stay. */
status graph_rewrite(graph *g) STATUS_MUST_CHECK;

/* Makes an integer input, which must be a picture, one of real numbers; before graph_rewrite.
 * Refused where the file's type holds no pixels, or where the graph computes with them as they are.
 */
status graph_take_whole_pixels(graph *g, int input) STATUS_MUST_CHECK;

/* Rewrites what lower() gave in place: out->net, and with it the tensors' numbers in out->inputs
 * and out->outputs. */
status network_rewrite(lowered *out, pool *p) STATUS_MUST_CHECK;

/* "Conv_3, Relu_4", cut where the list gets long; NULL with the sentence kept. */
const char *rewrite_join_names(pool *p, const char *a, const char *b) STATUS_MUST_CHECK;

/* ---- of graphs ---- */

/* Who reads each value: how many nodes and graph outputs, and the last of them (GRAPH_ABSENT: a
 * graph output). Valid while no node's inputs change. */
typedef struct value_uses {
    int *count, *reader;
} value_uses;

status graph_fold_constants(graph *g) STATUS_MUST_CHECK;
status graph_skip_identities(graph *g) STATUS_MUST_CHECK;
status graph_scale_into_conv(graph *g, const value_uses *uses) STATUS_MUST_CHECK;
status graph_drop_dead(graph *g) STATUS_MUST_CHECK;

/* ---- of networks ---- */

/* A network with who writes and who reads each tensor, as it was before the current rewrite. */
typedef struct network_index {
    network *net;
    pool *pool;
    int *producer;       /* a tensor's step; -1: none */
    int *readers;        /* how many steps and graph outputs read a tensor */
    unsigned char *dead; /* a step that was merged into another one, or that nobody reads */
} network_index;

status network_skip_copies(network_index *x, lowered *out) STATUS_MUST_CHECK;
status network_pad_into_window(network_index *x) STATUS_MUST_CHECK;
status network_residual_into_conv(network_index *x) STATUS_MUST_CHECK;
status network_activation_into_step(network_index *x) STATUS_MUST_CHECK;
status network_drop_dead(network_index *x, lowered *out) STATUS_MUST_CHECK;

/* Step `first` computes what `second`, the only reader of its output, makes of it: keeps the
 * result in `first`'s place, or in `second`'s if `late`, and drops the other. `merged` is what to
 * keep there, its output and names excepted. */
status network_merge(network_index *x, int first, int second, int late,
                     const step *merged) STATUS_MUST_CHECK;

/* The step whose output tensor `tensor` is read by nobody but one step; -1: none, or others read
 * it too. */
int network_sole_producer(const network_index *x, int tensor);

#endif
