/* Any bytes as an ONNX model: a graph, or a refusal of one line. */
#include <stdlib.h>
#include <string.h>

#include "loader/graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Every number in a graph that was accepted is within its list. */
static void check(const graph *g)
{
    for (size_t i = 0; i < g->node_count; i++) {
        const node *n = &g->nodes[i];
        if (!n->name || !*n->name || (unsigned)n->op >= GRAPH_OP_COUNT) abort();
        for (int k = 0; k < n->input_count + n->output_count; k++) {
            int id = n->inputs[k]; /* the outputs follow the inputs */
            if (id != GRAPH_ABSENT && (size_t)id >= g->value_count) abort();
            if (k >= n->input_count && id != GRAPH_ABSENT && g->values[id].producer != (int)i)
                abort();
        }
    }
    for (size_t i = 0; i < g->value_count; i++) {
        const constant *c = g->values[i].constant;
        if (c && (c->rank > GRAPH_MAX_RANK || !c->reals == !c->integers)) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    graph *g = NULL;
    fail_clear();
    if (onnx_read_memory(bytes, size, &g) == STATUS_OK)
        check(g);
    else if (g || !*fail_text() || strchr(fail_text(), '\n'))
        abort();
    graph_free(&g);
    return 0;
}
