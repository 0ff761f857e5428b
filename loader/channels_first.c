/* NHWC at the edges of a graph whose inside is NCHW. */
#include "loader/channels_first.h"

#include <string.h>

static const int to_nchw[4] = {0, 3, 1, 2}, to_nhwc[4] = {0, 2, 3, 1};

static int is_transpose(const node *n, const int axes[4])
{
    return n->op == GRAPH_TRANSPOSE && n->as.permutation.rank == 4 &&
           !memcmp(n->as.permutation.axes, axes, 4 * sizeof *axes);
}

static void permute_dims(value *v, const value *from, const int axes[4])
{
    v->rank = from->rank;
    if (from->rank != 4) return;
    int64_t dims[4];
    for (int i = 0; i < 4; i++) dims[i] = from->dims[axes[i]];
    memcpy(v->dims, dims, sizeof dims);
}

/* How many nodes and outputs read the value; the last such node in *reader. */
static int count_readers(const graph *g, int id, int *reader)
{
    int count = 0;
    for (size_t i = 0; i < g->node_count; i++)
        for (int k = 0; k < g->nodes[i].input_count; k++)
            if (g->nodes[i].inputs[k] == id) {
                *reader = (int)i;
                count++;
            }
    for (size_t i = 0; i < g->output_count; i++) count += g->outputs[i] == id;
    return count;
}

/* Whoever read the Transpose's result reads the input instead. */
static void turn_input(graph *g, int input)
{
    int reader = GRAPH_ABSENT;
    if (count_readers(g, input, &reader) != 1 || reader == GRAPH_ABSENT ||
        !is_transpose(&g->nodes[reader], to_nchw))
        return;
    int inner = g->nodes[reader].outputs[0];
    for (size_t i = 0; i < g->output_count; i++)
        if (g->outputs[i] == inner) return;
    for (size_t i = 0; i < g->node_count; i++)
        for (int k = 0; k < g->nodes[i].input_count; k++)
            if (g->nodes[i].inputs[k] == inner) g->nodes[i].inputs[k] = input;
    permute_dims(&g->values[input], &g->values[input], to_nchw);
}

static void turn_output(graph *g, size_t index)
{
    int output = g->outputs[index], unused = GRAPH_ABSENT;
    int producer = g->values[output].producer;
    if (producer == GRAPH_ABSENT || !is_transpose(&g->nodes[producer], to_nhwc) ||
        count_readers(g, output, &unused) != 1)
        return;
    int inner = g->nodes[producer].inputs[0];
    value *v = &g->values[inner];
    if (v->producer == GRAPH_ABSENT) return;
    for (size_t i = 0; i < g->output_count; i++)
        if (g->outputs[i] == inner) return;
    permute_dims(v, &g->values[output], to_nchw);
    v->name = g->values[output].name;
    g->outputs[index] = inner;
}

void graph_channels_first(graph *g)
{
    for (size_t i = 0; i < g->input_count; i++) turn_input(g, g->inputs[i]);
    for (size_t i = 0; i < g->output_count; i++) turn_output(g, i);
}
