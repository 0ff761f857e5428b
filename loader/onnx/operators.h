/* The ONNX operators that the engine knows, one row a range of opsets. */
#ifndef POSENET_LOADER_ONNX_OPERATORS_H
#define POSENET_LOADER_ONNX_OPERATORS_H

#include "loader/graph.h"
#include "loader/limits.h"
#include "loader/onnx/attributes.h"
#include "loader/onnx/tensor.h"

/* A node on its way from the file into the graph. Its inputs are values already; reading its
 * attributes fills made.as and, where an older opset has as an attribute what is an input in the
 * newest, adds constants to `inputs`. */
typedef struct node_draft {
    graph *graph;
    onnx_data *data;
    node_place place;
    attributes attributes;
    node made;                  /* op and as */
    int inputs[LIMIT_LIST + 8]; /* room for what is added */
    int input_count;
    int outputs[LIMIT_LIST];
    int output_count;
} node_draft;

typedef struct operator_row {
    const char *name;
    int first, last; /* opsets */
    graph_op op;
    int least_inputs, most_inputs, least_outputs, most_outputs; /* in that opset's form */
    status (*read)(node_draft *d);                              /* NULL: it has no attributes */
} operator_row;

/* The row of an operator, in *out. Refuses an unknown operator, and one that this opset does not
 * have, each in its own sentence. */
status operator_find(const node_place *place, const operator_row **out) STATUS_MUST_CHECK;

/* Checks the draft's counts against the row, reads its attributes, refuses unknown ones. */
status operator_read(const operator_row *row, node_draft *d) STATUS_MUST_CHECK;

/* The draft's constant input, or NULL if it is absent or known only later. */
const constant *draft_constant(const node_draft *d, int index);

/* Sets an input beyond those that the file has; those between are absent. */
void draft_set_input(node_draft *d, int index, int value_id);

/* Turns a list attribute into a constant input, if it is given. */
status draft_ints_to_input(node_draft *d, const char *name, int index) STATUS_MUST_CHECK;
status draft_floats_to_input(node_draft *d, const char *name, int index) STATUS_MUST_CHECK;

#endif
