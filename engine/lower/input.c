/* Which way round a graph input lies: found by following it to the first convolution. */
#include <stdlib.h>
#include <string.h>

#include "engine/lower/build.h"

/* Axis i of a value is axis of[i] of the input; known: whether that was followed so far. */
typedef struct origin {
    unsigned char known, of[AXES];
} origin;

/* Whether axis i of the output is axis i of an input of the same rank. */
static int keeps_axes(graph_op op)
{
    switch (op) {
    case GRAPH_ADD:
    case GRAPH_SUB:
    case GRAPH_MUL:
    case GRAPH_DIV:
    case GRAPH_MIN:
    case GRAPH_MAX:
    case GRAPH_CAST:
    case GRAPH_CEIL:
    case GRAPH_FLOOR:
    case GRAPH_SQRT:
    case GRAPH_CLIP:
    case GRAPH_RELU:
    case GRAPH_SIGMOID:
    case GRAPH_IDENTITY:
    case GRAPH_CONCAT:
    case GRAPH_SLICE:
    case GRAPH_PAD: return 1;
    default: return 0;
    }
}

/* Carries the origin of an input's axes to the output of a node that keeps or permutes them. */
static void follow(const node *n, origin *origins)
{
    if (n->output_count < 1 || n->outputs[0] == GRAPH_ABSENT) return;
    origin *to = &origins[n->outputs[0]];
    for (int i = 0; i < n->input_count && !to->known; i++) {
        if (n->inputs[i] == GRAPH_ABSENT || !origins[n->inputs[i]].known) continue;
        const origin *from = &origins[n->inputs[i]];
        if (keeps_axes(n->op)) *to = *from;
        if (n->op != GRAPH_TRANSPOSE) continue;
        int given = n->as.permutation.rank;
        if (given && given != AXES) return;
        for (int k = 0; k < AXES; k++) {
            int axis = given ? n->as.permutation.axes[k] : AXES - 1 - k;
            if (axis < 0 || axis >= AXES) return;
            to->of[k] = from->of[axis];
        }
        to->known = 1;
    }
}

/* Whether the operator takes n, c, h, w. */
static int wants_nchw(graph_op op)
{
    return op == GRAPH_CONV || op == GRAPH_MAX_POOL || op == GRAPH_BATCH_NORMALIZATION ||
           op == GRAPH_RESIZE;
}

/* The origin of the axes of what the first such operator reads; NULL: none reads the input. */
static const origin *first_reader(const graph *g, int input, origin *origins)
{
    origins[input] = (origin){1, {0, 1, 2, 3}};
    for (size_t i = 0; i < g->node_count; i++) {
        const node *n = &g->nodes[i];
        int id = node_input(n, 0);
        if (wants_nchw(n->op) && id != GRAPH_ABSENT && origins[id].known) return &origins[id];
        follow(n, origins);
    }
    return NULL;
}

status lower_input_axes(const graph *g, size_t input, int *rank, int axis_of[AXES])
{
    int id = g->inputs[input];
    *rank = g->values[id].rank == GRAPH_UNKNOWN_RANK ? AXES : g->values[id].rank;
    status code = lower_rank(g->values[id].name, *rank);
    if (code) return fail_in(code, g->source);
    naming_default(*rank, axis_of);
    if (*rank < AXES) return STATUS_OK;
    memcpy(axis_of, naming_nchw, sizeof naming_nchw);
    origin *origins = heap_array(g->value_count, sizeof *origins);
    if (!origins) return STATUS_MEMORY;
    const origin *read = first_reader(g, id, origins);
    int taken[AXES] = {0}, whole = read != NULL;
    for (int i = 0; whole && i < AXES; i++) whole = !taken[read->of[i]]++;
    for (int i = 0; whole && i < AXES; i++) axis_of[read->of[i]] = naming_nchw[i];
    free(origins);
    return STATUS_OK;
}
