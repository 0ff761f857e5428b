/* Graph rewrite: who reads the output of an Identity, or of a Cast that changes nothing, reads its
 * input instead. One that makes a graph output stays, for the output's name. */
#include <stdlib.h>

#include "engine/rewrite/rewrite.h"

static int changes_nothing(const graph *g, const node *n)
{
    if (n->input_count < 1 || n->inputs[0] == GRAPH_ABSENT || n->output_count < 1 ||
        n->outputs[0] == GRAPH_ABSENT) {
        return 0;
    }
    return n->op == GRAPH_IDENTITY ||
           (n->op == GRAPH_CAST && n->as.cast_to == g->values[n->inputs[0]].type);
}

status graph_skip_identities(graph *g)
{
    int *same_as = heap_array(g->value_count, sizeof *same_as);
    if (!same_as) return STATUS_MEMORY;
    for (size_t i = 0; i < g->value_count; i++) same_as[i] = (int)i;
    for (size_t i = 0; i < g->node_count; i++) {
        node *n = &g->nodes[i];
        for (int k = 0; k < n->input_count; k++) {
            if (n->inputs[k] != GRAPH_ABSENT) n->inputs[k] = same_as[n->inputs[k]];
        }
        if (changes_nothing(g, n)) same_as[n->outputs[0]] = n->inputs[0];
    }
    free(same_as);
    return STATUS_OK;
}
