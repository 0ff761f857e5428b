/* Graphs as TF.js graph models: the topology, and all of it as files. */
#include "loader/tfjs/write.h"

#include <stdlib.h>
#include <string.h>

#include "loader/names.h"
#include "loader/tfjs/write_node.h"
#include "loader/value_names.h"

/* ---- layouts and names ----------------------------------------------------------------------- */

/* Whether the pictures that the node reads are NHWC. */
static status read_layout(const tfjs_writer *w, const node *n, int *nhwc)
{
    int seen = 0;
    for (int i = 0; i < n->input_count; i++) {
        int id = n->inputs[i];
        if (id == GRAPH_ABSENT || w->g->values[id].constant) continue;
        if (seen++ && *nhwc != w->nhwc[id])
            return fail(STATUS_UNSUPPORTED, "reads pictures of two layouts");
        *nhwc = w->nhwc[id];
    }
    return seen ? STATUS_OK : fail(STATUS_UNSUPPORTED, "reads no picture");
}

static int permutes_to(const node *n, int nhwc)
{
    static const int to_nchw[4] = {0, 3, 1, 2}, to_nhwc[4] = {0, 2, 3, 1};
    const int *axes = nhwc ? to_nhwc : to_nchw;
    return n->as.permutation.rank == 4 &&
           memcmp(n->as.permutation.axes, axes, 4 * sizeof *axes) == 0;
}

/* Transposes at the edges go: both their ends are one TensorFlow node. It has the name of the
 * graph's input or output, whichever end that is. */
static void join_ends(tfjs_writer *w, int from, int to)
{
    int has_own = w->names[from] == w->own_names[from];
    if (w->nhwc[from] || !has_own)
        w->names[to] = w->names[from];
    else
        w->names[from] = w->names[to];
}

static status lay_out(tfjs_writer *w, const node *n)
{
    int nhwc = 0;
    TRY(read_layout(w, n, &nhwc));
    if (n->output_count != 1 || n->outputs[0] == GRAPH_ABSENT)
        return fail(STATUS_UNSUPPORTED, "has not just one output");
    int to = n->outputs[0];
    w->nhwc[to] = (unsigned char)nhwc;
    if (n->op == GRAPH_TRANSPOSE) {
        if (!permutes_to(n, !nhwc))
            return fail(STATUS_UNSUPPORTED, "is no Transpose between NHWC and NCHW");
        w->nhwc[to] = !nhwc;
        join_ends(w, n->inputs[0], to);
        return STATUS_OK;
    }
    int needs_nchw =
        n->op == GRAPH_CONV || n->op == GRAPH_MAX_POOL || n->op == GRAPH_BATCH_NORMALIZATION;
    return nhwc && needs_nchw ? fail(STATUS_UNSUPPORTED, "reads a picture that is not NCHW")
                              : STATUS_OK;
}

/* Without a signature the outputs are the nodes that nobody reads, each by its own name. */
static status check_output(const tfjs_writer *w, int output)
{
    const graph *g = w->g;
    const shown_name name = name_show(g->values[output].name);
    if (!w->nhwc[output]) return fail(STATUS_UNSUPPORTED, "output \"%s\" is not NHWC", name.text);
    int is_read = w->names[output] != w->own_names[output];
    for (size_t i = 0; i < g->node_count; i++)
        for (int k = 0; g->nodes[i].op != GRAPH_TRANSPOSE && k < g->nodes[i].input_count; k++) {
            int id = g->nodes[i].inputs[k];
            is_read |= id != GRAPH_ABSENT && w->names[id] == w->names[output];
        }
    return is_read ? fail(STATUS_UNSUPPORTED, "output \"%s\" is something else, too", name.text)
                   : STATUS_OK;
}

static status name_values(tfjs_writer *w)
{
    const graph *g = w->g;
    w->names = pool_array(w->pool, g->value_count, sizeof *w->names);
    w->nhwc = pool_array(w->pool, g->value_count, sizeof *w->nhwc);
    if (!w->names || !w->nhwc) return STATUS_MEMORY;
    TRY(graph_value_names(g, w->pool, &w->own_names));
    for (size_t i = 0; i < g->value_count; i++) w->names[i] = w->own_names[i];
    for (size_t i = 0; i < g->input_count; i++) w->nhwc[g->inputs[i]] = 1;
    for (size_t i = 0; i < g->node_count; i++) {
        status s = lay_out(w, &g->nodes[i]);
        if (s != STATUS_OK) return tfjs_fail_at(&g->nodes[i], s);
    }
    for (size_t i = 0; i < g->output_count; i++) TRY(check_output(w, g->outputs[i]));
    return STATUS_OK;
}

/* ---- the model ------------------------------------------------------------------------------- */

static status write_topology(tfjs_writer *w, cJSON *json)
{
    const graph *g = w->g;
    TRY(name_values(w));
    cJSON *topology = tfjs_json_put(w, json, "modelTopology", cJSON_CreateObject());
    w->nodes = tfjs_json_put(w, topology, "node", cJSON_CreateArray());
    for (size_t i = 0; i < g->input_count; i++) {
        const value *v = &g->values[g->inputs[i]];
        cJSON *node = tfjs_new_node(w, "Placeholder", w->names[g->inputs[i]], NULL, 0);
        tfjs_set_type(w, node, "dtype", "DT_FLOAT");
        tfjs_set_shape(w, node, "shape", v->rank, v->dims);
    }
    for (size_t i = 0; i < g->node_count; i++) TRY(tfjs_write_node(w, &g->nodes[i]));
    return w->result;
}

static status write_model(tfjs_writer *w, const char *path, int bytes, cJSON *json)
{
    tfjs_json_put(w, json, "format", cJSON_CreateString("graph-model"));
    tfjs_json_put(w, json, "generatedBy", cJSON_CreateString("posenet"));
    TRY(write_topology(w, json));
    TRY(tfjs_write_weights(w, path, bytes, json));
    TRY(w->result);
    char *text = cJSON_PrintUnformatted(json);
    if (!text) return fail(STATUS_MEMORY, "out of memory");
    status s = tfjs_write_bytes(path, text, strlen(text));
    cJSON_free(text);
    return s;
}

status tfjs_write_file(const graph *g, const char *path, int bytes)
{
    if (bytes != 1 && bytes != 2 && bytes != 4)
        return fail(STATUS_ARGUMENT, "weights of %d bytes: they take 1, 2 or 4", bytes);
    tfjs_writer w = {.g = g};
    TRY(pool_new(&w.pool));
    name_table_begin(&w.taken);
    cJSON *json = cJSON_CreateObject();
    status s = json ? write_model(&w, path, bytes, json) : fail(STATUS_MEMORY, "out of memory");
    cJSON_Delete(json);
    name_table_end(&w.taken);
    free(w.tensors);
    pool_free(&w.pool);
    return s;
}
