/* Graph rewrite: a picture of whole numbers, as uint8 is, that the graph casts before it computes
 * with it is one of real numbers from the start; the Cast changes nothing any more. */
#include <stdlib.h>

#include "engine/rewrite/rewrite.h"
#include "loader/names.h"

/* Whether the operator only moves the elements of its first input. */
static int only_moves(graph_op op)
{
    switch (op) {
    case GRAPH_EXPAND:
    case GRAPH_FLATTEN:
    case GRAPH_GATHER:
    case GRAPH_IDENTITY:
    case GRAPH_RESHAPE:
    case GRAPH_SLICE:
    case GRAPH_SPLIT:
    case GRAPH_SQUEEZE:
    case GRAPH_TRANSPOSE:
    case GRAPH_UNSQUEEZE: return 1;
    default: return 0;
    }
}

/* Follows the whole numbers from node to node; 0 in *good where one computes with them. */
static status follow(const graph *g, int input, int *good)
{
    unsigned char *whole = heap_array(g->value_count, 1);
    if (!whole) return STATUS_MEMORY;
    whole[input] = 1;
    *good = 1;
    for (size_t i = 0; i < g->node_count; i++) {
        const node *n = &g->nodes[i];
        int reads = 0;
        for (int k = 0; k < n->input_count; k++)
            reads |= n->inputs[k] != GRAPH_ABSENT && whole[n->inputs[k]];
        if (!reads || n->op == GRAPH_CAST || n->op == GRAPH_SHAPE) continue;
        *good &= only_moves(n->op);
        for (int k = 0; k < n->output_count; k++)
            if (n->outputs[k] != GRAPH_ABSENT) whole[n->outputs[k]] = 1;
    }
    free(whole);
    return STATUS_OK;
}

status graph_take_whole_pixels(graph *g, int input)
{
    const shown_name name = name_show(g->values[input].name);
    int good;
    if (!g->values[input].holds_bytes)
        return fail(STATUS_UNSUPPORTED, "%s: input \"%s\" is of a type which holds no 0..255",
                    g->source, name.text);
    TRY(follow(g, input, &good));
    if (!good)
        return fail(STATUS_UNSUPPORTED,
                    "%s: the graph computes with input \"%s\" before it is cast", g->source,
                    name.text);
    g->values[input].type = ELEMENT_REAL;
    return graph_set_types(g);
}
