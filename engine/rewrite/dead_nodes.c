/* Graph rewrite: nodes that no graph output depends on go. */
#include <stdlib.h>

#include "engine/rewrite/rewrite.h"

/* Whether a node makes something needed; marks what it reads if so. */
static int visit(const node *n, unsigned char *needed)
{
    int wanted = 0;
    for (int k = 0; k < n->output_count; k++) {
        wanted |= n->outputs[k] != GRAPH_ABSENT && needed[n->outputs[k]];
    }
    for (int k = 0; wanted && k < n->input_count; k++) {
        if (n->inputs[k] != GRAPH_ABSENT) needed[n->inputs[k]] = 1;
    }
    return wanted;
}

status graph_drop_dead(graph *g)
{
    unsigned char *needed = heap_array(g->value_count, sizeof *needed);
    unsigned char *kept = heap_array(g->node_count, sizeof *kept);
    if (!needed || !kept) {
        free(needed);
        free(kept);
        return STATUS_MEMORY;
    }
    for (size_t i = 0; i < g->output_count; i++) needed[g->outputs[i]] = 1;
    for (size_t i = g->node_count; i-- > 0;) {
        kept[i] = (unsigned char)visit(&g->nodes[i], needed);
    }
    size_t count = 0;
    for (size_t i = 0; i < g->node_count; i++) {
        const node *n = &g->nodes[i];
        for (int k = 0; k < n->output_count; k++) {
            if (n->outputs[k] == GRAPH_ABSENT) continue;
            g->values[n->outputs[k]].producer = kept[i] ? (int)count : GRAPH_ABSENT;
        }
        if (kept[i]) g->nodes[count++] = *n;
    }
    g->node_count = count;
    free(needed);
    free(kept);
    return STATUS_OK;
}
