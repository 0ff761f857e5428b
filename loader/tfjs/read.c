/* Reads a TF.js graph model: the files, then its nodes one by one, then the edges of the graph. */
#include <stdlib.h>
#include <string.h>

#include "loader/file_read.h"
#include "loader/graph.h"
#include "loader/names.h"
#include "loader/tfjs/integers.h"
#include "loader/tfjs/translate.h"

static const struct {
    const char *name;
    tfjs_handler *translate;
} operators[] = {
    {"Add", tfjs_add},
    {"AddV2", tfjs_add},
    {"BatchToSpaceND", tfjs_batch_to_space},
    {"BiasAdd", tfjs_bias_add},
    {"Conv2D", tfjs_conv},
    {"DepthwiseConv2dNative", tfjs_depthwise},
    {"FusedBatchNorm", tfjs_batch_norm},
    {"FusedBatchNormV2", tfjs_batch_norm},
    {"FusedBatchNormV3", tfjs_batch_norm},
    {"FusedDepthwiseConv2dNative", tfjs_fused_depthwise},
    {"Identity", tfjs_identity},
    {"MaxPool", tfjs_max_pool},
    {"Mul", tfjs_mul},
    {"Pad", tfjs_pad},
    {"PadV2", tfjs_pad},
    {"RealDiv", tfjs_div},
    {"Relu", tfjs_relu},
    {"Relu6", tfjs_relu6},
    {"Sigmoid", tfjs_sigmoid},
    {"SpaceToBatchND", tfjs_space_to_batch},
    {"Sub", tfjs_sub},
    {"_FusedConv2D", tfjs_fused_conv},
    {"_FusedDepthwiseConv2dNative", tfjs_fused_depthwise},
};

static const int to_nchw[4] = {0, 3, 1, 2}, to_nhwc[4] = {0, 2, 3, 1};

static status add_transpose(graph *g, const int axes[4], const char *name, int from, int to)
{
    node *n;
    TRY(graph_add_node(g, GRAPH_TRANSPOSE, name, &from, 1, &to, 1, &n));
    n->as.permutation.rank = 4;
    memcpy(n->as.permutation.axes, axes, 4 * sizeof *axes);
    return STATUS_OK;
}

static status add_picture_value(graph *g, const char *name, const int64_t dims[4], int *id)
{
    TRY(graph_add_value(g, name, ELEMENT_REAL, id));
    g->values[*id].rank = 4;
    memcpy(g->values[*id].dims, dims, 4 * sizeof *dims);
    return STATUS_OK;
}

/* An input of the network, and its Transpose. The batch is always free: nothing in a graph of
 * these operators depends on it, and TensorFlow writes the 1 that it was exported with. */
static status translate_placeholder(tfjs_translation *t, int id)
{
    const tfjs_node *n = &t->model->nodes[id];
    tfjs_type type = TFJS_TYPE_FLOAT;
    TRY(tfjs_attr_type(n->attr, "dtype", &type));
    if (type != TFJS_TYPE_FLOAT) return fail(STATUS_UNSUPPORTED, "its input is not float");
    int rank = -1;
    int64_t nhwc[TFJS_LIST] = {-1, -1, -1, -1};
    const cJSON *shape = tfjs_json_member(tfjs_json_member(n->attr, "shape"), "shape");
    if (shape) TRY(tfjs_json_shape(shape, &rank, nhwc));
    if (rank >= 0 && rank != 4)
        return fail(STATUS_UNSUPPORTED, "its input has %d dimensions, a picture has 4", rank);
    for (int i = 1; i < 4; i++)
        if (nhwc[i] == 0) return fail(STATUS_MODEL, "its input is empty");
    nhwc[0] = GRAPH_UNKNOWN_DIM;
    int64_t nchw[4];
    for (int i = 0; i < 4; i++) nchw[i] = nhwc[to_nchw[i]];

    char *inner = pool_format(t->g->pool, "%s/nchw", n->name);
    if (!inner) return STATUS_MEMORY;
    tfjs_result *r = &t->results[id];
    int outer;
    TRY(add_picture_value(t->g, n->name, nhwc, &outer));
    TRY(graph_add_input(t->g, outer));
    TRY(add_picture_value(t->g, inner, nchw, &r->value));
    *r = (tfjs_result){.value = r->value, .origin = id, .sandwich = -1, .shared = 0};
    return add_transpose(t->g, to_nchw, inner, outer, r->value);
}

static status translate_node(tfjs_translation *t, int id)
{
    const tfjs_node *n = &t->model->nodes[id];
    t->results[id] = (tfjs_result){.value = GRAPH_ABSENT, .origin = id, .sandwich = -1};
    if (n->constant || tfjs_is_integer(n)) return STATUS_OK;
    if (!strcmp(n->op, "Placeholder")) return translate_placeholder(t, id);
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (!strcmp(n->op, operators[i].name)) return operators[i].translate(t, id);
    return fail(STATUS_UNSUPPORTED, "is an operator that no PoseNet has");
}

static status translate_output(tfjs_translation *t, const tfjs_output *output)
{
    const tfjs_result *r = &t->results[output->node];
    if (r->value == GRAPH_ABSENT || r->sandwich >= 0)
        return fail(STATUS_UNSUPPORTED, "output \"%s\" is no picture",
                    name_show(output->name).text);
    graph *g = t->g;
    int64_t nhwc[4];
    int inner = r->value, outer;
    for (int i = 0; i < 4; i++) nhwc[i] = g->values[inner].dims[to_nhwc[i]];
    /* The name is the output's; what it is made of gets another. */
    if (!strcmp(g->values[inner].name, output->name)) {
        char *hidden = pool_format(g->pool, "%s/nchw", output->name);
        if (!hidden) return STATUS_MEMORY;
        TRY(name_copy(g->pool, hidden, &g->values[inner].name));
    }
    char *name = pool_format(g->pool, "%s/nhwc", output->name);
    if (!name) return STATUS_MEMORY;
    TRY(add_picture_value(g, output->name, nhwc, &outer));
    TRY(graph_add_output(g, outer));
    return add_transpose(g, to_nhwc, name, inner, outer);
}

static status translate(const tfjs_model *m, graph *g)
{
    tfjs_translation t = {.model = m, .g = g, .zero = GRAPH_ABSENT, .six = GRAPH_ABSENT};
    t.results = pool_array(m->pool, (size_t)m->node_count, sizeof *t.results);
    if (!t.results) return STATUS_MEMORY;
    status s = STATUS_OK;
    for (int i = 0; s == STATUS_OK && i < m->live_count; i++) {
        const tfjs_node *n = &m->nodes[m->live[i]];
        s = translate_node(&t, m->live[i]);
        if (s != STATUS_OK)
            s = fail(s, "node \"%s\" (%s): %s", name_show(n->name).text, name_show(n->op).text,
                     fail_text());
    }
    for (int i = 0; s == STATUS_OK && i < m->output_count; i++)
        s = translate_output(&t, &m->outputs[i]);
    free(t.sandwiches);
    return s;
}

static status read_model(tfjs_model *m, const char *text, size_t size, graph *g)
{
    TRY(tfjs_json_parse(text, size, &m->json));
    TRY(tfjs_read_weights(m));
    TRY(tfjs_read_topology(m));
    return translate(m, g);
}

status tfjs_read_file(const char *path, graph **out)
{
    *out = NULL;
    unsigned char *text = NULL;
    size_t size;
    TRY(file_read(path, TFJS_JSON_BYTES, &text, &size));
    tfjs_model m = {.path = path};
    name_table_begin(&m.node_names);
    name_table_begin(&m.weight_names);
    graph *g = NULL;
    status s = pool_new(&m.pool);
    if (s == STATUS_OK) s = graph_new(&g, path);
    if (s == STATUS_OK) {
        s = read_model(&m, (const char *)text, size, g);
        if (s != STATUS_OK) s = fail_in(s, path_show(path).text);
    }
    free(text);
    name_table_end(&m.node_names);
    name_table_end(&m.weight_names);
    cJSON_Delete(m.json);
    pool_free(&m.pool);
    if (s != STATUS_OK) {
        graph_free(&g);
        return s;
    }
    g->opset = 13;
    *out = g;
    return STATUS_OK;
}
