/* What the files of the lowering share: values on their way to tensors, and how steps are made. */
#ifndef POSENET_ENGINE_LOWER_BUILD_H
#define POSENET_ENGINE_LOWER_BUILD_H

#include "engine/lower/fold.h"
#include "engine/lower/lower.h"
#include "engine/lower/shape.h"

/* A value, and its copy under another naming of its axes if one was needed: so that several
 * readers share one permutation, or one rearranged constant. */
typedef struct operand {
    const char *name;
    const constant *known; /* NULL: computed at run time */
    int tensor;            /* -1: none (yet) */
    shape shape;           /* rank GRAPH_UNKNOWN_RANK: nothing made it */
    int axis_of[AXES];     /* where `tensor` is set */
    int other_tensor;      /* -1: none */
    int other_axis_of[AXES];
} operand;

typedef struct lowering {
    const graph *graph;
    pool *pool;
    folder folder;
    const node *node;                   /* being lowered */
    operand *values;                    /* one a graph value */
    unsigned char *needed;              /* one a graph value: a wanted output depends on it */
    const constant **inputs, **outputs; /* room for the longest lists of any node */
    network net;
    size_t tensor_capacity, step_capacity;
} lowering;

/* The naming that convolutions, pools and their like work in: n, c, h, w. */
extern const int naming_nchw[AXES];

/* A value's axes on the last NHWC axes, in order. */
void naming_default(int rank, int axis_of[AXES]);

/* Refuses a rank over 4, naming the value. */
status lower_rank(const char *name, int rank) STATUS_MUST_CHECK;

/* An operand that nothing made yet. */
void operand_clear(operand *o, const char *name);

/* The node's input i, which must be there and made. */
status lower_operand(lowering *l, int i, operand **out) STATUS_MUST_CHECK;

/* The node's input i as a constant: NULL if left out; refused if known only at run time. */
status lower_known(lowering *l, int i, const char *what, const constant **out) STATUS_MUST_CHECK;

/* The same as a list of integers; items NULL if left out. */
status lower_list(lowering *l, int i, const char *what, list *out) STATUS_MUST_CHECK;

/* The tensor that holds `o` with its axis i on the NHWC axis naming[i]: its own where the axes of
 * dim > 1 are there already, else a permuted one (a step; at once for a constant). */
status lower_bring(lowering *l, operand *o, const int naming[AXES], int *tensor) STATUS_MUST_CHECK;

/* Makes `o` of shape `s` a new tensor under `naming`, and appends the step that computes it from
 * `inputs`; *out (valid until the next call) is there to set its parameters. */
status lower_emit(lowering *l, op op, const int *inputs, int input_count, operand *o,
                  const shape *s, const int naming[AXES], step **out) STATUS_MUST_CHECK;

/* Makes `o` a tensor that no step writes: a graph input. */
status lower_input(lowering *l, operand *o, const shape *s,
                   const int naming[AXES]) STATUS_MUST_CHECK;

/* Makes `to` another name of `from`, whose axis i is from's axis axes[i] (NULL: the same). */
void lower_alias(const operand *from, const int *axes, const shape *s, operand *to);

/* Makes `to` the elements of `from`, row-major, under shape `s`: a renaming where only axes of dim
 * 1 come and go, else a copy in memory order. */
status lower_reshape(lowering *l, operand *from, const shape *s, operand *to) STATUS_MUST_CHECK;

/* to = a kind b, broadcast. `to` may be neither. */
status lower_binary(lowering *l, binary_kind kind, operand *a, operand *b,
                    operand *to) STATUS_MUST_CHECK;

/* to = the activation of x. */
status lower_activate(lowering *l, activation act, operand *x, operand *to) STATUS_MUST_CHECK;

/* One node whose inputs are not all known, by kind of operator (lower_node picks). `out` is the
 * operand of its output 0. */
status lower_node(lowering *l) STATUS_MUST_CHECK;
status lower_conv(lowering *l, operand *out) STATUS_MUST_CHECK;
status lower_max_pool(lowering *l, operand *out) STATUS_MUST_CHECK;
status lower_batch_norm(lowering *l, operand *out) STATUS_MUST_CHECK;
status lower_resize(lowering *l, operand *out) STATUS_MUST_CHECK;
status lower_relabel(lowering *l, operand *out) STATUS_MUST_CHECK;
status lower_transpose(lowering *l, operand *out) STATUS_MUST_CHECK;
status lower_slice(lowering *l, operand *out) STATUS_MUST_CHECK;
status lower_split(lowering *l) STATUS_MUST_CHECK;
status lower_gather(lowering *l, operand *out) STATUS_MUST_CHECK;
status lower_concat(lowering *l, operand *out) STATUS_MUST_CHECK;
status lower_pad(lowering *l, operand *out) STATUS_MUST_CHECK;
status lower_expand(lowering *l, operand *out) STATUS_MUST_CHECK;

#endif
