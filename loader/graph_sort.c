/* The topological order of a graph's nodes: linear in nodes and edges, without recursion. */
#include "loader/graph.h"

#include <stdlib.h>
#include <string.h>

#include "loader/names.h"

/* Producers as the nodes say them, so that a rewrite need not keep them up to date. `given` marks
 * the graph's inputs. */
static status find_producers(graph *g, const unsigned char *given)
{
    for (size_t i = 0; i < g->value_count; i++) g->values[i].producer = GRAPH_ABSENT;
    for (size_t i = 0; i < g->node_count; i++) {
        const node *n = &g->nodes[i];
        for (int j = 0; j < n->output_count; j++) {
            if (n->outputs[j] == GRAPH_ABSENT) continue;
            value *v = &g->values[n->outputs[j]];
            if (v->producer != GRAPH_ABSENT)
                return fail(STATUS_MODEL,
                            "%s: value \"%s\" is made twice, by node \"%s\" and \"%s\"", g->source,
                            name_show(v->name).text, name_show(g->nodes[v->producer].name).text,
                            name_show(n->name).text);
            if (v->constant || given[n->outputs[j]])
                return fail(STATUS_MODEL,
                            "%s: value \"%s\", made by node \"%s\" (%s), is %s already", g->source,
                            name_show(v->name).text, name_show(n->name).text, graph_op_name(n->op),
                            v->constant ? "a constant" : "an input of the network");
            v->producer = (int)i;
        }
    }
    return STATUS_OK;
}

typedef struct visit {
    int node, next_input;
} visit;

enum { VISIT_NEW, VISIT_OPEN, VISIT_DONE };

typedef struct sorting {
    graph *g;
    unsigned char *given; /* by value: an input of the network */
    unsigned char *state; /* by node: VISIT_... */
    visit *stack;
    node *sorted;
    size_t sorted_count;
} sorting;

/* The producer that value `id`, an input of node `n`, still waits for, or GRAPH_ABSENT. */
static status pending_producer(const sorting *s, const node *n, int id, int *producer)
{
    *producer = GRAPH_ABSENT;
    if (id == GRAPH_ABSENT) return STATUS_OK;
    const value *v = &s->g->values[id];
    if (v->constant || s->given[id]) return STATUS_OK;
    if (v->producer == GRAPH_ABSENT)
        return fail(STATUS_MODEL, "%s: node \"%s\" (%s): nothing makes its input \"%s\"",
                    s->g->source, name_show(n->name).text, graph_op_name(n->op),
                    name_show(v->name).text);
    if (s->state[v->producer] == VISIT_OPEN)
        return fail(
            STATUS_MODEL, "%s: node \"%s\" (%s): its input \"%s\" depends on its own output",
            s->g->source, name_show(n->name).text, graph_op_name(n->op), name_show(v->name).text);
    if (s->state[v->producer] == VISIT_NEW) *producer = v->producer;
    return STATUS_OK;
}

/* Depth first from node `root`, with a stack of its own: a model may be 100,000 nodes deep. */
static status visit_from(sorting *s, int root)
{
    size_t depth = 0;
    s->stack[depth++] = (visit){root, 0};
    s->state[root] = VISIT_OPEN;
    while (depth) {
        visit *top = &s->stack[depth - 1];
        const node *n = &s->g->nodes[top->node];
        int producer = GRAPH_ABSENT;
        while (top->next_input < n->input_count && producer == GRAPH_ABSENT)
            TRY(pending_producer(s, n, n->inputs[top->next_input++], &producer));
        if (producer != GRAPH_ABSENT) {
            s->state[producer] = VISIT_OPEN;
            s->stack[depth++] = (visit){producer, 0};
        } else {
            s->state[top->node] = VISIT_DONE;
            s->sorted[s->sorted_count++] = *n;
            depth--;
        }
    }
    return STATUS_OK;
}

static status sort_nodes(sorting *s)
{
    graph *g = s->g;
    for (size_t i = 0; i < g->input_count; i++) s->given[g->inputs[i]] = 1;
    TRY(find_producers(g, s->given));
    for (size_t i = 0; i < g->node_count; i++)
        if (s->state[i] == VISIT_NEW) TRY(visit_from(s, (int)i));
    for (size_t i = 0; i < g->output_count; i++) {
        const value *v = &g->values[g->outputs[i]];
        if (!v->constant && v->producer == GRAPH_ABSENT && !s->given[g->outputs[i]])
            return fail(STATUS_MODEL, "%s: nothing makes the network's output \"%s\"", g->source,
                        name_show(v->name).text);
    }
    if (g->node_count) memcpy(g->nodes, s->sorted, g->node_count * sizeof *g->nodes);
    return find_producers(g, s->given);
}

status graph_sort(graph *g)
{
    sorting s = {.g = g};
    status result = STATUS_MEMORY;
    s.given = heap_array(g->value_count, 1);
    s.state = heap_array(g->node_count, 1);
    s.stack = heap_array(g->node_count, sizeof *s.stack);
    s.sorted = heap_array(g->node_count, sizeof *s.sorted);
    if (s.given && s.state && s.stack && s.sorted) result = sort_nodes(&s);
    free(s.given);
    free(s.state);
    free(s.stack);
    free(s.sorted);
    return result;
}
