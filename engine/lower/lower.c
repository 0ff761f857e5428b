#include "engine/lower/lower.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/lower/build.h"
#include "loader/names.h"

/* Puts 'model.onnx: node "Conv_3" (Conv, opset 13)' before the kept sentence. */
static status fail_at(const graph *g, const node *n, status code)
{
    char where[1024];
    snprintf(where, sizeof where, "%s: node \"%s\" (%s, opset %d)", g->source,
             name_show(n->name).text, graph_op_name(n->op), g->opset);
    return fail_in(code, where);
}

/* Marks what the wanted outputs depend on. */
static void mark_needed(lowering *l, const int *keep)
{
    const graph *g = l->graph;
    for (size_t i = 0; i < g->output_count; i++) {
        if (!keep || keep[i]) l->needed[g->outputs[i]] = 1;
    }
    for (size_t i = g->node_count; i-- > 0;) {
        const node *n = &g->nodes[i];
        int wanted = 0;
        for (int k = 0; k < n->output_count; k++) {
            wanted |= n->outputs[k] != GRAPH_ABSENT && l->needed[n->outputs[k]];
        }
        for (int k = 0; wanted && k < n->input_count; k++) {
            if (n->inputs[k] != GRAPH_ABSENT) l->needed[n->inputs[k]] = 1;
        }
    }
}

static int node_needed(const lowering *l, const node *n)
{
    for (int k = 0; k < n->output_count; k++) {
        if (n->outputs[k] != GRAPH_ABSENT && l->needed[n->outputs[k]]) return 1;
    }
    return 0;
}

/* Everything that `lowering` holds. */
static status lowering_new(lowering *l, const graph *g, pool *p)
{
    size_t inputs = 1, outputs = 1;
    for (size_t i = 0; i < g->node_count; i++) {
        const node *n = &g->nodes[i];
        if ((size_t)n->input_count > inputs) inputs = (size_t)n->input_count;
        if ((size_t)n->output_count > outputs) outputs = (size_t)n->output_count;
    }
    *l = (lowering){.graph = g, .pool = p, .folder = {p, g->opset, FOLD_MAX_ELEMENTS}};
    l->values = pool_array(p, g->value_count, sizeof *l->values);
    l->needed = pool_array(p, g->value_count, sizeof *l->needed);
    l->inputs = pool_array(p, inputs, sizeof *l->inputs);
    l->outputs = pool_array(p, outputs, sizeof *l->outputs);
    if (!l->values || !l->needed || !l->inputs || !l->outputs) return STATUS_MEMORY;
    for (size_t i = 0; i < g->value_count; i++) {
        operand *o = &l->values[i];
        operand_clear(o, g->values[i].name);
        o->known = g->values[i].constant;
        if (o->known) o->shape = fold_shape(o->known);
    }
    return STATUS_OK;
}

static status lower_inputs(lowering *l, const lower_request *request)
{
    const graph *g = l->graph;
    for (size_t i = 0; i < g->input_count; i++) {
        int id = g->inputs[i], naming[AXES];
        if (!l->needed[id]) continue;
        shape s = {0};
        TRY(lower_input_axes(g, i, &s.rank, naming));
        if (g->values[id].type != ELEMENT_REAL) {
            return fail(STATUS_UNSUPPORTED, "%s: input \"%s\" holds integers", g->source,
                        name_show(g->values[id].name).text);
        }
        for (int k = 0; k < s.rank; k++) {
            s.dims[k] = request->input_dims[i][k];
            int64_t fixed = g->values[id].rank == s.rank ? g->values[id].dims[k] : -1;
            if (s.dims[k] < 1 || (fixed > 0 && fixed != s.dims[k])) {
                return fail(STATUS_ARGUMENT,
                            "%s: input \"%s\" cannot have %" PRId64 " for its dim %d", g->source,
                            name_show(g->values[id].name).text, s.dims[k], k);
            }
        }
        status code = lower_input(l, &l->values[id], &s, naming);
        if (code) return fail_in(code, g->source);
    }
    return STATUS_OK;
}

/* Folds the node if all its inputs are known; *done says so. */
static status fold_known(lowering *l, int *done)
{
    const node *n = l->node;
    *done = n->input_count > 0;
    for (int i = 0; i < n->input_count; i++) {
        int id = n->inputs[i];
        l->inputs[i] = id == GRAPH_ABSENT ? NULL : l->values[id].known;
        if (!l->inputs[i] && (id != GRAPH_ABSENT || i == 0)) *done = 0;
    }
    if (!*done) return STATUS_OK;
    TRY(fold_node(&l->folder, n, l->inputs, l->outputs, done));
    for (int i = 0; *done && i < n->output_count; i++) {
        if (n->outputs[i] == GRAPH_ABSENT || !l->outputs[i]) continue;
        operand *o = &l->values[n->outputs[i]];
        o->known = l->outputs[i];
        o->shape = fold_shape(o->known);
    }
    return STATUS_OK;
}

static status lower_nodes(lowering *l)
{
    const graph *g = l->graph;
    for (size_t i = 0; i < g->node_count; i++) {
        int done;
        l->node = &g->nodes[i];
        if (!node_needed(l, l->node)) continue;
        status code = fold_known(l, &done);
        if (!code && !done) code = lower_node(l);
        if (code) return fail_at(g, l->node, code);
    }
    return STATUS_OK;
}

static void describe(const operand *o, lowered_value *v)
{
    v->tensor = o->known ? -1 : o->tensor;
    v->known = o->known;
    v->rank = o->shape.rank;
    memcpy(v->dims, o->shape.dims, sizeof v->dims);
    memcpy(v->axis_of, o->axis_of, sizeof v->axis_of);
}

static status describe_ends(lowering *l, const int *keep, lowered *out)
{
    const graph *g = l->graph;
    operand left_out;
    operand_clear(&left_out, "");
    out->input_count = g->input_count;
    out->output_count = g->output_count;
    out->inputs = pool_array(l->pool, g->input_count, sizeof *out->inputs);
    out->outputs = pool_array(l->pool, g->output_count, sizeof *out->outputs);
    if (!out->inputs || !out->outputs) return STATUS_MEMORY;
    for (size_t i = 0; i < g->input_count; i++) {
        describe(&l->values[g->inputs[i]], &out->inputs[i]);
    }
    for (size_t i = 0; i < g->output_count; i++) {
        const operand *o = &l->values[g->outputs[i]];
        int wanted = !keep || keep[i];
        if (wanted && o->shape.rank == GRAPH_UNKNOWN_RANK) {
            return fail(STATUS_MODEL, "%s: output \"%s\" is made by nothing", g->source,
                        name_show(o->name).text);
        }
        describe(wanted ? o : &left_out, &out->outputs[i]);
    }
    out->net = l->net;
    return STATUS_OK;
}

status lower(const lower_request *request, pool *p, lowered *out)
{
    lowering l;
    memset(out, 0, sizeof *out);
    TRY(lowering_new(&l, request->graph, p));
    mark_needed(&l, request->keep);
    TRY(lower_inputs(&l, request));
    TRY(lower_nodes(&l));
    return describe_ends(&l, request->keep, out);
}
