/* A TF.js graph model as its files have it: TensorFlow's nodes, and the weights in TensorFlow's
 * own layouts (HWIO, HWIM). loader/tfjs/translate.h makes a graph of it.
 *
 * Everything lives in the model's pool and goes with it: a graph made of it has copies.
 */
#ifndef POSENET_LOADER_TFJS_MODEL_H
#define POSENET_LOADER_TFJS_MODEL_H

#include "loader/graph.h"
#include "loader/name_table.h"
#include "loader/tfjs/json.h"

typedef struct tfjs_node {
    const char *name, *op; /* in the JSON */
    const cJSON *attr;     /* NULL if it has none */
    int input_count;
    int *inputs;              /* nodes, control inputs left out */
    int readers;              /* inputs of other nodes, and places among the model's outputs */
    int reader;               /* the last of them, -1 if none */
    const constant *constant; /* Const nodes with weights */
} tfjs_node;

/* A tensor as the weights manifest has it. */
typedef struct tfjs_weight {
    const char *name;
    constant data;
} tfjs_weight;

typedef struct tfjs_output {
    int node;
    const char *name; /* what the signature calls it, or the node's name */
} tfjs_output;

typedef struct tfjs_model {
    const char *path; /* of model.json, for messages */
    pool *pool;
    cJSON *json;
    int node_count, weight_count, output_count;
    tfjs_node *nodes;
    name_table node_names;
    tfjs_weight *weights;
    name_table weight_names;
    tfjs_output *outputs;
    int live_count; /* nodes that the outputs need */
    int *live;      /* those nodes, producers first */
} tfjs_model;

/* Reads model.json's weights manifest and the shards beside it into m->weights. */
status tfjs_read_weights(tfjs_model *m) STATUS_MUST_CHECK;

/* Reads the topology into m->nodes, m->outputs and m->live. Weights must have been read. */
status tfjs_read_topology(tfjs_model *m) STATUS_MUST_CHECK;

/* Gives a name its number; a name that has one already is refused with `what` in the sentence. */
status tfjs_name(name_table *names, const char *name, int number,
                 const char *what) STATUS_MUST_CHECK;

#endif
