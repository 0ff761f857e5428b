/* One of ONNX's operator tests: a folder with a model and, in each test_data_set_*, its inputs and
 * the outputs that they must give, one TensorProto a file. */
#ifndef POSENET_TESTS_ONNX_OPERATORS_CASE_H
#define POSENET_TESTS_ONNX_OPERATORS_CASE_H

#include <onnx.pb-c.h>

#include "loader/graph.h"

enum { CASE_MAX_TENSORS = 64 };

typedef struct operator_case {
    Onnx__ModelProto *model;
    int input_count, output_count;
    Onnx__TensorProto *inputs[CASE_MAX_TENSORS], *outputs[CASE_MAX_TENSORS];
    const char *names[CASE_MAX_TENSORS]; /* of the inputs, in the model */
    graph *data; /* the inputs, then the outputs, as constants that are its outputs */
} operator_case;

/* Reads data set `set` of the folder. Where Pad or MaxPool are tested on integers, which this
 * engine does not compute with, they are made floats, which hold them exactly. STATUS_FILE with an
 * empty case: there is no such set. */
status case_read(const char *folder, int set, operator_case *out) STATUS_MUST_CHECK;

const constant *case_input(const operator_case *c, int i);
const constant *case_output(const operator_case *c, int i);

/* The model as the loader reads it. Opsets beyond the loader's newest are said to be the newest,
 * and 6 to be 7: where an operator changed, its attributes, types or counts are refused. Real
 * inputs stay inputs, unless a node takes them where this engine wants a constant; all others
 * become constants (`all_constant`: the real ones, too). */
status case_graph(const operator_case *c, int all_constant, graph **out) STATUS_MUST_CHECK;

void case_free(operator_case *c);

#endif
