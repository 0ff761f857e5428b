/* Which kind of elements each value has, and whether its nodes can take them. */
#include "loader/graph.h"

#include <string.h>

#include "loader/names.h"

/* A letter an input, the last one for all that follow: R real, I integer, A either, T either but
 * the same kind for all T. Then the outputs': R, I, T, or C what CAST says, F what the fill is. */
typedef struct kinds {
    const char *inputs;
    char output;
} kinds;

static const kinds kinds_of[GRAPH_OP_COUNT] = {
    [GRAPH_ADD] = {"TT", 'T'},
    [GRAPH_BATCH_NORMALIZATION] = {"RRRRR", 'R'},
    [GRAPH_CAST] = {"A", 'C'},
    [GRAPH_CEIL] = {"R", 'R'},
    [GRAPH_CLIP] = {"TTT", 'T'},
    [GRAPH_CONCAT] = {"T", 'T'},
    [GRAPH_CONSTANT_OF_SHAPE] = {"I", 'F'},
    [GRAPH_CONV] = {"RRR", 'R'},
    [GRAPH_DIV] = {"TT", 'T'},
    [GRAPH_EXPAND] = {"TI", 'T'},
    [GRAPH_FLATTEN] = {"T", 'T'},
    [GRAPH_FLOOR] = {"R", 'R'},
    [GRAPH_GATHER] = {"TI", 'T'},
    [GRAPH_IDENTITY] = {"T", 'T'},
    [GRAPH_MAX] = {"T", 'T'},
    [GRAPH_MAX_POOL] = {"R", 'R'},
    [GRAPH_MIN] = {"T", 'T'},
    [GRAPH_MUL] = {"TT", 'T'},
    [GRAPH_PAD] = {"TITI", 'T'},
    [GRAPH_RELU] = {"T", 'T'},
    [GRAPH_RESHAPE] = {"TI", 'T'},
    [GRAPH_RESIZE] = {"TRRI", 'T'},
    [GRAPH_SHAPE] = {"A", 'I'},
    [GRAPH_SIGMOID] = {"R", 'R'},
    [GRAPH_SLICE] = {"TI", 'T'},
    [GRAPH_SPLIT] = {"TI", 'T'},
    [GRAPH_SQRT] = {"R", 'R'},
    [GRAPH_SQUEEZE] = {"TI", 'T'},
    [GRAPH_SUB] = {"TT", 'T'},
    [GRAPH_TRANSPOSE] = {"T", 'T'},
    [GRAPH_UNSQUEEZE] = {"TI", 'T'},
};

static const char *element_name(element type)
{
    return type == ELEMENT_REAL ? "real" : "integer";
}

static status check_input(const graph *g, const node *n, int i, element wanted)
{
    const value *v = &g->values[n->inputs[i]];
    if (v->type == wanted) return STATUS_OK;
    return fail(STATUS_MODEL,
                "%s: node \"%s\" (%s): its input \"%s\" has %s elements, %s are needed", g->source,
                name_show(n->name).text, graph_op_name(n->op), name_show(v->name).text,
                element_name(v->type), element_name(wanted));
}

/* `same` becomes the kind that the node's T inputs have. */
static status check_inputs(const graph *g, const node *n, element *same)
{
    const char *letters = kinds_of[n->op].inputs;
    size_t last = strlen(letters) - 1;
    int known = 0;
    for (int i = 0; i < n->input_count; i++) {
        if (n->inputs[i] == GRAPH_ABSENT) continue;
        char letter = letters[(size_t)i < last ? (size_t)i : last];
        if (letter == 'T' && !known) {
            *same = g->values[n->inputs[i]].type;
            known = 1;
        }
        if (letter != 'A')
            TRY(check_input(g, n, i,
                            letter == 'R'   ? ELEMENT_REAL
                            : letter == 'I' ? ELEMENT_INTEGER
                                            : *same));
    }
    return STATUS_OK;
}

static element output_kind(const node *n, element same)
{
    switch (kinds_of[n->op].output) {
    case 'R': return ELEMENT_REAL;
    case 'I': return ELEMENT_INTEGER;
    case 'C': return n->as.cast_to;
    case 'F': return n->as.fill->type;
    default: return same;
    }
}

status graph_set_types(graph *g)
{
    for (size_t i = 0; i < g->node_count; i++) {
        const node *n = &g->nodes[i];
        element same = ELEMENT_REAL;
        TRY(check_inputs(g, n, &same));
        for (int j = 0; j < n->output_count; j++)
            if (n->outputs[j] != GRAPH_ABSENT) g->values[n->outputs[j]].type = output_kind(n, same);
    }
    return STATUS_OK;
}
