/* Graph rewrite: a node whose inputs are all constants becomes the constants it computes. */
#include <stdlib.h>

#include "engine/lower/fold.h"
#include "engine/rewrite/rewrite.h"

/* Room for the longest lists of any node. */
typedef struct lists {
    const constant **inputs, **outputs;
} lists;

/* Folds one node. What fails to fold stays: if a wanted output depends on it, lowering says so. */
static status fold_one(graph *g, node *n, folder *f, lists *room)
{
    for (int i = 0; i < n->input_count; i++) {
        int id = n->inputs[i];
        room->inputs[i] = id == GRAPH_ABSENT ? NULL : g->values[id].constant;
        if (!room->inputs[i] && (id != GRAPH_ABSENT || i == 0)) return STATUS_OK;
    }
    int done;
    status code = fold_node(f, n, room->inputs, room->outputs, &done);
    if (code == STATUS_MEMORY) return code;
    if (code) fail_clear();
    if (code || !done) return STATUS_OK;
    for (int i = 0; i < n->output_count; i++) {
        if (n->outputs[i] == GRAPH_ABSENT) continue;
        g->values[n->outputs[i]].constant = room->outputs[i];
        g->values[n->outputs[i]].producer = GRAPH_ABSENT;
    }
    n->output_count = 0;
    return STATUS_OK;
}

status graph_fold_constants(graph *g)
{
    size_t most = 1;
    for (size_t i = 0; i < g->node_count; i++) {
        const node *n = &g->nodes[i];
        if ((size_t)n->input_count > most) most = (size_t)n->input_count;
        if ((size_t)n->output_count > most) most = (size_t)n->output_count;
    }
    folder f = {g->pool, g->opset, FOLD_MAX_ELEMENTS};
    lists room = {heap_array(most, sizeof *room.inputs), heap_array(most, sizeof *room.outputs)};
    status code = room.inputs && room.outputs ? STATUS_OK : STATUS_MEMORY;
    for (size_t i = 0; !code && i < g->node_count; i++) {
        node *n = &g->nodes[i];
        if (n->input_count > 0 && n->output_count > 0) code = fold_one(g, n, &f, &room);
    }
    free(room.inputs);
    free(room.outputs);
    return code;
}
