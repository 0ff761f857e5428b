/* TF.js's modelTopology: which node reads which, what comes out, and in which order to go through
 * the nodes. */
#include <stdlib.h>
#include <string.h>

#include "loader/limits.h"
#include "loader/names.h"
#include "loader/tfjs/model.h"

status tfjs_name(name_table *names, const char *name, int number, const char *what)
{
    if (name_table_find(names, name, -1) != -1)
        return fail(STATUS_MODEL, "two %ss are named \"%s\"", what, name_show(name).text);
    return name_table_add(names, name, number);
}

/* "name", "name:0" or "^name" (order only, carries no data: *node is -1). Other outputs than the
 * first exist for operators of training only. */
static status resolve(tfjs_model *m, const char *input, int *node)
{
    *node = -1;
    if (input[0] == '^') return STATUS_OK;
    size_t length = strcspn(input, ":");
    if (input[length] == ':' && strcmp(input + length, ":0") != 0)
        return fail(STATUS_UNSUPPORTED, "reads \"%s\", which is not a first output",
                    name_show(input).text);
    const char *name = input;
    if (input[length] == ':') name = pool_text(m->pool, input, length);
    if (!name) return STATUS_MEMORY;
    *node = name_table_find(&m->node_names, name, -1);
    if (*node < 0)
        return fail(STATUS_MODEL, "reads \"%s\", which no node makes", name_show(input).text);
    return STATUS_OK;
}

static status read_inputs(tfjs_model *m, int id, const cJSON *list)
{
    tfjs_node *n = &m->nodes[id];
    int count = cJSON_GetArraySize(list);
    if (count > LIMIT_LIST)
        return fail(STATUS_MODEL, "node \"%s\" has more than %d inputs", name_show(n->name).text,
                    LIMIT_LIST);
    n->inputs = pool_array(m->pool, (size_t)count, sizeof *n->inputs);
    if (!n->inputs) return STATUS_MEMORY;
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item))
            return fail(STATUS_MODEL, "node \"%s\": an input is no text", name_show(n->name).text);
        int from;
        status s = resolve(m, item->valuestring, &from);
        if (s != STATUS_OK) return fail(s, "node \"%s\" %s", name_show(n->name).text, fail_text());
        if (from < 0) continue;
        n->inputs[n->input_count++] = from;
        m->nodes[from].readers++;
        m->nodes[from].reader = id;
    }
    return STATUS_OK;
}

/* A Const node and the manifest both say what the tensor is: they must agree. */
static status check_constant(const tfjs_node *n, const constant *c)
{
    tfjs_type type = TFJS_TYPE_ABSENT;
    TRY(tfjs_attr_type(n->attr, "dtype", &type));
    if ((type == TFJS_TYPE_FLOAT && c->type != ELEMENT_REAL) ||
        (type == TFJS_TYPE_INT32 && c->type != ELEMENT_INTEGER))
        return fail(STATUS_MODEL, "its dtype is not that of its weights");
    const cJSON *shape = tfjs_json_member(
        tfjs_json_member(tfjs_json_member(n->attr, "value"), "tensor"), "tensorShape");
    if (!shape) return STATUS_OK;
    int rank;
    int64_t dims[TFJS_LIST];
    TRY(tfjs_json_shape(shape, &rank, dims));
    int same = rank < 0 || rank == c->rank;
    for (int i = 0; same && i < rank; i++) same = dims[i] == c->dims[i];
    return same ? STATUS_OK : fail(STATUS_MODEL, "its shape is not that of its weights");
}

static status read_constant(const tfjs_model *m, tfjs_node *n)
{
    int id = name_table_find(&m->weight_names, n->name, -1);
    if (id < 0) return fail(STATUS_MODEL, "tensor \"%s\" has no weights", name_show(n->name).text);
    n->constant = &m->weights[id].data;
    status s = check_constant(n, n->constant);
    return s == STATUS_OK ? s : fail(s, "tensor \"%s\": %s", name_show(n->name).text, fail_text());
}

static status read_nodes(tfjs_model *m, const cJSON *list)
{
    const cJSON *item;
    int id = 0;
    cJSON_ArrayForEach(item, list)
    {
        const char *name = tfjs_json_text(item, "name"), *op = tfjs_json_text(item, "op");
        if (!name || !*name || !op)
            return fail(STATUS_MODEL, "node %d of its topology has no name or no op", id);
        m->nodes[id] = (tfjs_node){
            .name = name, .op = op, .attr = tfjs_json_member(item, "attr"), .reader = -1};
        TRY(tfjs_name(&m->node_names, name, id, "node"));
        id++;
    }
    id = 0;
    cJSON_ArrayForEach(item, list)
    {
        TRY(read_inputs(m, id, tfjs_json_member(item, "input")));
        if (!strcmp(m->nodes[id].op, "Const")) TRY(read_constant(m, &m->nodes[id]));
        id++;
    }
    return STATUS_OK;
}

static status add_output(tfjs_model *m, int node, const char *name)
{
    if (!strcmp(m->nodes[node].op, "Const") || !strcmp(m->nodes[node].op, "Placeholder"))
        return fail(STATUS_MODEL, "output \"%s\" is not computed", name_show(name).text);
    m->outputs[m->output_count++] = (tfjs_output){.node = node, .name = name};
    m->nodes[node].readers++;
    return STATUS_OK;
}

/* What the signature lists. Its keys are the model's own names for its outputs, unless they only
 * repeat a node's name, as "Identity_1:0" does; then the node that does the work has the name. */
static status outputs_of_signature(tfjs_model *m, const cJSON *list)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        const char *tensor = tfjs_json_text(item, "name");
        int node = -1;
        if (!tensor || !item->string)
            return fail(STATUS_MODEL, "an output of its signature has no name");
        TRY(resolve(m, tensor, &node));
        if (node < 0)
            return fail(STATUS_MODEL, "output \"%s\" carries no data", name_show(tensor).text);
        size_t length = strlen(m->nodes[node].name);
        const char *name = item->string;
        if (!strncmp(name, m->nodes[node].name, length) && strchr(":", name[length])) {
            int worker = node;
            for (int i = 0; i < m->node_count && !strcmp(m->nodes[worker].op, "Identity") &&
                            m->nodes[worker].input_count == 1;
                 i++)
                worker = m->nodes[worker].inputs[0];
            name = m->nodes[worker].name;
        }
        TRY(add_output(m, node, name));
    }
    return STATUS_OK;
}

static status read_outputs(tfjs_model *m)
{
    const cJSON *signature = tfjs_json_member(m->json, "signature");
    if (!signature)
        signature = tfjs_json_member(tfjs_json_member(m->json, "userDefinedMetadata"), "signature");
    const cJSON *listed = tfjs_json_member(signature, "outputs");
    int count = listed ? cJSON_GetArraySize(listed) : 0;
    if (count > LIMIT_LIST) return fail(STATUS_MODEL, "more than %d outputs", LIMIT_LIST);
    m->outputs = pool_array(m->pool, (size_t)(count + m->node_count), sizeof *m->outputs);
    if (!m->outputs) return STATUS_MEMORY;
    if (count) return outputs_of_signature(m, listed);
    for (int i = 0; i < m->node_count; i++) {
        const tfjs_node *n = &m->nodes[i];
        if (n->readers || !strcmp(n->op, "Const") || !strcmp(n->op, "Placeholder") ||
            !strcmp(n->op, "NoOp"))
            continue;
        TRY(add_output(m, i, n->name));
    }
    return m->output_count ? STATUS_OK : fail(STATUS_MODEL, "its topology has no output");
}

/* Depth first from the outputs, without recursion: a file may be as deep as it has nodes. */
static status order_nodes(tfjs_model *m)
{
    enum { NEW, OPEN, DONE };
    size_t count = (size_t)m->node_count;
    unsigned char *mark = pool_array(m->pool, count, sizeof *mark);
    int *stack = pool_array(m->pool, count, sizeof *stack);
    int *next = pool_array(m->pool, count, sizeof *next);
    m->live = pool_array(m->pool, count, sizeof *m->live);
    if (!mark || !stack || !next || !m->live) return STATUS_MEMORY;
    for (int i = 0; i < m->output_count; i++) {
        int depth = 0, node = m->outputs[i].node;
        if (mark[node] == DONE) continue;
        mark[node] = OPEN;
        stack[depth++] = node;
        while (depth) {
            node = stack[depth - 1];
            if (next[node] == m->nodes[node].input_count) {
                mark[node] = DONE;
                m->live[m->live_count++] = node;
                depth--;
                continue;
            }
            int from = m->nodes[node].inputs[next[node]++];
            if (mark[from] == OPEN)
                return fail(STATUS_MODEL, "node \"%s\" depends on itself",
                            name_show(m->nodes[from].name).text);
            if (mark[from] == DONE) continue;
            mark[from] = OPEN;
            stack[depth++] = from;
        }
    }
    return STATUS_OK;
}

status tfjs_read_topology(tfjs_model *m)
{
    const cJSON *topology = tfjs_json_member(m->json, "modelTopology");
    const cJSON *list = tfjs_json_member(topology, "node");
    if (!cJSON_IsArray(list))
        return fail(STATUS_MODEL, "it has no modelTopology with nodes: is it a layers model?");
    m->node_count = cJSON_GetArraySize(list);
    if (m->node_count > LIMIT_NODES) return fail(STATUS_MODEL, "more than %d nodes", LIMIT_NODES);
    m->nodes = pool_array(m->pool, (size_t)m->node_count, sizeof *m->nodes);
    if (!m->nodes) return STATUS_MEMORY;
    TRY(read_nodes(m, list));
    TRY(read_outputs(m));
    return order_nodes(m);
}
