/* A network in memory: values, constants and nodes. */
#include "loader/graph.h"

#include <stdlib.h>
#include <string.h>

#include "loader/limits.h"
#include "loader/names.h"

static const char *const op_names[GRAPH_OP_COUNT] = {
    [GRAPH_ADD] = "Add",
    [GRAPH_BATCH_NORMALIZATION] = "BatchNormalization",
    [GRAPH_CAST] = "Cast",
    [GRAPH_CEIL] = "Ceil",
    [GRAPH_CLIP] = "Clip",
    [GRAPH_CONCAT] = "Concat",
    [GRAPH_CONSTANT_OF_SHAPE] = "ConstantOfShape",
    [GRAPH_CONV] = "Conv",
    [GRAPH_DIV] = "Div",
    [GRAPH_EXPAND] = "Expand",
    [GRAPH_FLATTEN] = "Flatten",
    [GRAPH_FLOOR] = "Floor",
    [GRAPH_GATHER] = "Gather",
    [GRAPH_IDENTITY] = "Identity",
    [GRAPH_MAX] = "Max",
    [GRAPH_MAX_POOL] = "MaxPool",
    [GRAPH_MIN] = "Min",
    [GRAPH_MUL] = "Mul",
    [GRAPH_PAD] = "Pad",
    [GRAPH_RELU] = "Relu",
    [GRAPH_RESHAPE] = "Reshape",
    [GRAPH_RESIZE] = "Resize",
    [GRAPH_SHAPE] = "Shape",
    [GRAPH_SIGMOID] = "Sigmoid",
    [GRAPH_SLICE] = "Slice",
    [GRAPH_SPLIT] = "Split",
    [GRAPH_SQRT] = "Sqrt",
    [GRAPH_SQUEEZE] = "Squeeze",
    [GRAPH_SUB] = "Sub",
    [GRAPH_TRANSPOSE] = "Transpose",
    [GRAPH_UNSQUEEZE] = "Unsqueeze",
};

const char *graph_op_name(graph_op op)
{
    return (unsigned)op < GRAPH_OP_COUNT ? op_names[op] : "unknown";
}

status graph_new(graph **out, const char *source)
{
    *out = NULL;
    graph *g = heap_array(1, sizeof *g);
    if (!g) return STATUS_MEMORY;
    status s = pool_new(&g->pool);
    if (s == STATUS_OK) {
        g->source = pool_format(g->pool, "%s", path_show(source).text);
        if (!g->source) s = STATUS_MEMORY;
    }
    if (s != STATUS_OK) {
        graph_free(&g);
        return s;
    }
    *out = g;
    return STATUS_OK;
}

void graph_free(graph **g)
{
    if (!g || !*g) return;
    free((*g)->values);
    free((*g)->nodes);
    free((*g)->inputs);
    free((*g)->outputs);
    pool_free(&(*g)->pool);
    free(*g);
    *g = NULL;
}

status graph_add_value(graph *g, const char *name, element type, int *id)
{
    if (g->value_count >= LIMIT_VALUES)
        return fail(STATUS_MODEL, "%s: more than %d values", g->source, LIMIT_VALUES);
    const char *copy;
    TRY(name_copy(g->pool, name, &copy));
    TRY(heap_grow((void **)&g->values, &g->value_capacity, g->value_count + 1, sizeof *g->values));
    *id = (int)g->value_count++;
    g->values[*id] =
        (value){.name = copy, .type = type, .rank = GRAPH_UNKNOWN_RANK, .producer = GRAPH_ABSENT};
    return STATUS_OK;
}

status graph_add_constant(graph *g, const char *name, const constant *c, int *id)
{
    constant *copy = pool_array(g->pool, 1, sizeof *copy);
    if (!copy) return STATUS_MEMORY;
    *copy = *c;
    TRY(graph_add_value(g, name, c->type, id));
    value *v = &g->values[*id];
    v->constant = copy;
    v->rank = c->rank;
    memcpy(v->dims, c->dims, sizeof v->dims);
    return STATUS_OK;
}

status graph_add_integers(graph *g, const char *name, const int64_t *data, size_t count, int scalar,
                          int *id)
{
    int64_t *copy = pool_array(g->pool, count, sizeof *copy);
    if (!copy) return STATUS_MEMORY;
    if (count) memcpy(copy, data, count * sizeof *copy);
    constant c = {.type = ELEMENT_INTEGER,
                  .rank = scalar ? 0 : 1,
                  .dims = {(int64_t)count},
                  .count = (int64_t)count,
                  .integers = copy};
    return graph_add_constant(g, name, &c, id);
}

status graph_add_real(graph *g, const char *name, float data, int *id)
{
    float *copy = pool_array(g->pool, 1, sizeof *copy);
    if (!copy) return STATUS_MEMORY;
    *copy = data;
    constant c = {.type = ELEMENT_REAL, .count = 1, .reals = copy};
    return graph_add_constant(g, name, &c, id);
}

status graph_add_node(graph *g, graph_op op, const char *name, const int *inputs, int input_count,
                      const int *outputs, int output_count, node **out)
{
    if (g->node_count >= LIMIT_NODES)
        return fail(STATUS_MODEL, "%s: more than %d nodes", g->source, LIMIT_NODES);
    const char *copy;
    if (name && *name) {
        TRY(name_copy(g->pool, name, &copy));
    } else {
        copy = pool_format(g->pool, "%s_%zu", graph_op_name(op), g->node_count);
        if (!copy) return STATUS_MEMORY;
    }
    size_t total = (size_t)input_count + (size_t)output_count;
    int *lists = pool_array(g->pool, total, sizeof *lists);
    if (!lists) return STATUS_MEMORY;
    TRY(heap_grow((void **)&g->nodes, &g->node_capacity, g->node_count + 1, sizeof *g->nodes));
    if (input_count) memcpy(lists, inputs, (size_t)input_count * sizeof *lists);
    if (output_count) memcpy(lists + input_count, outputs, (size_t)output_count * sizeof *lists);

    node *n = &g->nodes[g->node_count];
    *n = (node){.op = op,
                .name = copy,
                .input_count = input_count,
                .inputs = lists,
                .output_count = output_count,
                .outputs = lists + input_count};
    for (int i = 0; i < output_count; i++)
        if (n->outputs[i] != GRAPH_ABSENT) g->values[n->outputs[i]].producer = (int)g->node_count;
    g->node_count++;
    *out = n;
    return STATUS_OK;
}

static status append(int **list, size_t *count, size_t *capacity, int id)
{
    TRY(heap_grow((void **)list, capacity, *count + 1, sizeof **list));
    (*list)[(*count)++] = id;
    return STATUS_OK;
}

status graph_add_input(graph *g, int value_id)
{
    return append(&g->inputs, &g->input_count, &g->input_capacity, value_id);
}

status graph_add_output(graph *g, int value_id)
{
    return append(&g->outputs, &g->output_count, &g->output_capacity, value_id);
}

status graph_element_count(const int64_t *dims, int rank, const char *what, int64_t *count)
{
    int64_t product = 1;
    int empty = 0;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0)
            return fail(STATUS_MODEL, "%s: dimension %d is %lld", what, i, (long long)dims[i]);
        if (dims[i] > LIMIT_DIM)
            return fail(STATUS_MODEL, "%s: dimension %d is %lld, more than %lld", what, i,
                        (long long)dims[i], (long long)LIMIT_DIM);
        if (dims[i] == 0) {
            empty = 1;
            continue;
        }
        if (product > LIMIT_ELEMENTS / dims[i])
            return fail(STATUS_MODEL, "%s: more than %lld elements", what,
                        (long long)LIMIT_ELEMENTS);
        product *= dims[i];
    }
    *count = empty ? 0 : product;
    return STATUS_OK;
}
