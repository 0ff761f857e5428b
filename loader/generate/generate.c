/* From layers to a graph, as one exporter or another writes it. */
#include "loader/generate/generate.h"

#include <stdlib.h>
#include <string.h>

#include "loader/generate/layers.h"

typedef struct emitter {
    const generate_settings *settings;
    layer_list *list;
    graph *g;
    int values[LAYERS_MOST + 1]; /* of the picture, then of the layers */
    int zero, six;               /* Relu6's limits, GRAPH_ABSENT so far */
} emitter;

static const char *const plain_heads[LAYER_HEADS] = {"heatmaps", "offsets", "displacement_fwd",
                                                     "displacement_bwd"};
static const char *const torch_heads[LAYER_HEADS] = {"heatmap", "offset", "displacement_fwd",
                                                     "displacement_bwd"};
static const char *const nameless_heads[LAYER_HEADS] = {"output_0", "output_1", "output_2",
                                                        "output_3"};
static const char *const mobilenet_heads[LAYER_HEADS] = {
    "MobilenetV1/heatmap_2/BiasAdd", "MobilenetV1/offset_2/BiasAdd",
    "MobilenetV1/displacement_fwd_2/BiasAdd", "MobilenetV1/displacement_bwd_2/BiasAdd"};
static const char *const resnet_heads[LAYER_HEADS] = {"float_heatmaps", "float_short_offsets",
                                                      "resnet_v1_50/displacement_fwd_2/BiasAdd",
                                                      "resnet_v1_50/displacement_bwd_2/BiasAdd"};

static const char *output_name(const generate_settings *s, int head)
{
    if (s->nameless) return nameless_heads[head];
    if (s->dialect == GENERATE_NCHW) return plain_heads[head];
    if (s->dialect == GENERATE_TORCH_BN) return torch_heads[head];
    return s->architecture == GENERATE_RESNET50 ? resnet_heads[head] : mobilenet_heads[head];
}

static int is_nhwc(const emitter *e)
{
    return e->settings->dialect == GENERATE_TF2ONNX_NHWC;
}

/* ---- constants ---- */

static status add_reals(emitter *e, const char *name, int rank, const int64_t *dims,
                        const float *reals, int *id)
{
    constant c = {.type = ELEMENT_REAL, .rank = rank, .count = 1, .reals = reals};
    for (int i = 0; i < rank; i++) {
        c.dims[i] = dims[i];
        c.count *= dims[i];
    }
    return graph_add_constant(e->g, name, &c, id);
}

/* One number a channel, made of `parts` (mean, gamma, ...). */
static status add_channels(emitter *e, const layer *l, const char *name, const float *parts,
                           int *id)
{
    float *copy = pool_array(e->g->pool, (size_t)l->channels, sizeof *copy);
    if (!copy) return STATUS_MEMORY;
    memcpy(copy, parts, (size_t)l->channels * sizeof *copy);
    return add_reals(e, name, 1, (const int64_t[]){l->channels}, copy, id);
}

/* Weights times each channel's scale, and the bias, unless normalisation is a node of its own. */
static status add_weights(emitter *e, const layer *l, int folded, int *weights, int *bias)
{
    size_t inputs = l->kind == LAYER_DEPTHWISE ? 1 : (size_t)l->channels_in;
    size_t fan = inputs * (size_t)l->kernel * (size_t)l->kernel;
    pool *p = e->g->pool;
    float *w = pool_array(p, fan * (size_t)l->channels, sizeof *w);
    float *b = pool_array(p, (size_t)l->channels, sizeof *b);
    if (!w || !b) return STATUS_MEMORY;
    for (int c = 0; c < l->channels; c++) {
        double scale = folded ? layer_scale(e->list, l, c) : 1;
        const float *from = l->weights + (size_t)c * fan;
        for (size_t i = 0; i < fan; i++) w[(size_t)c * fan + i] = (float)(from[i] * scale);
        b[c] = (float)layer_bias(e->list, l, c);
    }
    int depthwise = l->kind == LAYER_DEPTHWISE;
    char *weight_name =
        pool_format(p, depthwise ? "%s/depthwise_weights" : "%s/weights", l->weight_scope);
    char *bias_name = pool_format(p, depthwise ? "%s/depthwise_bias" : "%s/Conv2D_bias", l->scope);
    if (!weight_name || !bias_name) return STATUS_MEMORY;
    const int64_t dims[4] = {l->channels, (int64_t)inputs, l->kernel, l->kernel};
    TRY(add_reals(e, weight_name, 4, dims, w, weights));
    if (!folded) return STATUS_OK;
    return add_reals(e, bias_name, 1, (const int64_t[]){l->channels}, b, bias);
}

/* ---- nodes ---- */

/* `value` may point at the input that it replaces. */
static status emit(emitter *e, graph_op op, const char *name, const int *inputs, int count,
                   int channels, node **out, int *value)
{
    int made;
    TRY(graph_add_value(e->g, name, ELEMENT_REAL, &made));
    struct value *v = &e->g->values[made];
    v->rank = 4;
    for (int i = 0; i < 4; i++) v->dims[i] = GRAPH_UNKNOWN_DIM;
    v->dims[1] = channels;
    TRY(graph_add_node(e->g, op, name, inputs, count, &made, 1, out));
    *value = made;
    return STATUS_OK;
}

static void set_window(const emitter *e, const layer *l, window *w)
{
    int half = (l->kernel - 1) * l->dilation / 2;
    *w = (window){.groups = l->kind == LAYER_DEPTHWISE ? l->channels : 1,
                  .kernel = {l->kernel, l->kernel},
                  .stride = {l->stride, l->stride},
                  .dilation = {l->dilation, l->dilation}};
    if (l->same && e->settings->dialect != GENERATE_TORCH_BN) {
        w->auto_pad = l->kind == LAYER_MAX_POOL && l->kernel == 1 ? PAD_VALID : PAD_SAME_UPPER;
        return;
    }
    for (int i = 0; i < 4; i++) w->pads[i] = half;
}

static status emit_batch_norm(emitter *e, const layer *l, int *x)
{
    static const char *const parts[4] = {"gamma", "beta", "moving_mean", "moving_variance"};
    const float *lists[4] = {l->gamma, l->beta, l->mean, l->variance};
    int inputs[5] = {*x};
    for (int i = 0; i < 4; i++) {
        char *name = pool_format(e->g->pool, "%s/BatchNorm/%s", l->weight_scope, parts[i]);
        if (!name) return STATUS_MEMORY;
        TRY(add_channels(e, l, name, lists[i], &inputs[i + 1]));
    }
    char *name = pool_format(e->g->pool, "%s/BatchNorm", l->scope);
    if (!name) return STATUS_MEMORY;
    node *n;
    TRY(emit(e, GRAPH_BATCH_NORMALIZATION, name, inputs, 5, l->channels, &n, x));
    n->as.epsilon = (double)e->list->epsilon;
    return STATUS_OK;
}

/* The convolution, named as TensorFlow's folded graphs have it: after the sum that it became. */
static status emit_conv(emitter *e, const layer *l, int *x)
{
    int folded = l->is_head || e->settings->dialect != GENERATE_TORCH_BN;
    char *sum = pool_format(e->g->pool, l->is_head ? "%s/BiasAdd" : "%s/BatchNorm/batchnorm/add_1",
                            l->scope);
    char *name = sum ? pool_format(e->g->pool, "%s/conv", sum) : NULL;
    if (!name) return STATUS_MEMORY;
    int inputs[3] = {*x, GRAPH_ABSENT, GRAPH_ABSENT};
    TRY(add_weights(e, l, folded, &inputs[1], &inputs[2]));
    node *n;
    TRY(emit(e, GRAPH_CONV, name, inputs, folded ? 3 : 2, l->channels, &n, x));
    set_window(e, l, &n->as.window);
    if (folded) e->g->values[*x].name = sum;
    return folded ? STATUS_OK : emit_batch_norm(e, l, x);
}

static status emit_activation(emitter *e, const layer *l, int *x)
{
    if (l->activation == LAYER_LINEAR) return STATUS_OK;
    int six = l->activation == LAYER_RELU6;
    char *name = pool_format(e->g->pool, six ? "%s/Relu6" : "%s/Relu", l->scope);
    if (!name) return STATUS_MEMORY;
    node *n;
    if (!six) return emit(e, GRAPH_RELU, name, x, 1, l->channels, &n, x);
    if (e->zero == GRAPH_ABSENT) {
        TRY(graph_add_real(e->g, "zero", 0, &e->zero));
        TRY(graph_add_real(e->g, "six", 6, &e->six));
    }
    int inputs[3] = {*x, e->zero, e->six};
    return emit(e, GRAPH_CLIP, name, inputs, 3, l->channels, &n, x);
}

static status emit_layer(emitter *e, int number)
{
    const layer *l = &e->list->layers[number];
    const int *made = e->values + 1;
    int x = made[l->input];
    node *n;
    if (l->kind == LAYER_ADD) {
        char *name = pool_format(e->g->pool, "%s/add", l->scope);
        if (!name) return STATUS_MEMORY;
        TRY(emit(e, GRAPH_ADD, name, (const int[]){x, made[l->other]}, 2, l->channels, &n, &x));
    } else if (l->kind == LAYER_MAX_POOL) {
        char *name = pool_format(e->g->pool, "%s/MaxPool", l->scope);
        if (!name) return STATUS_MEMORY;
        TRY(emit(e, GRAPH_MAX_POOL, name, (const int[]){x}, 1, l->channels, &n, &x));
        set_window(e, l, &n->as.window);
    } else {
        TRY(emit_conv(e, l, &x));
    }
    TRY(emit_activation(e, l, &x));
    e->values[number + 1] = x;
    return STATUS_OK;
}

/* ---- edges ---- */

static status add_transpose(emitter *e, const char *name, const int axes[4], int from, int *to)
{
    node *n;
    const struct value *v = &e->g->values[from];
    int64_t dims[4];
    for (int i = 0; i < 4; i++) dims[i] = v->dims[axes[i]];
    TRY(emit(e, GRAPH_TRANSPOSE, name, &from, 1, 0, &n, to));
    memcpy(e->g->values[*to].dims, dims, sizeof dims);
    n->as.permutation.rank = 4;
    memcpy(n->as.permutation.axes, axes, 4 * sizeof *axes);
    return STATUS_OK;
}

/* x / 127.5 - 1, or x - mean, as nodes. */
static status emit_scaling(emitter *e, int *x)
{
    const int64_t dims[4] = {1, is_nhwc(e) ? 1 : 3, 1, is_nhwc(e) ? 3 : 1};
    int resnet = e->settings->architecture == GENERATE_RESNET50;
    float *parts = pool_array(e->g->pool, 6, sizeof *parts);
    if (!parts) return STATUS_MEMORY;
    static const float mean[3] = {123.15f, 115.90f, 103.06f};
    for (int c = 0; c < 3; c++) {
        parts[c] = resnet ? mean[c] : 1.0f;
        parts[c + 3] = 1.0f / 127.5f;
    }
    node *n;
    int inputs[2] = {*x, GRAPH_ABSENT};
    int64_t shape[4];
    memcpy(shape, e->g->values[*x].dims, sizeof shape);
    if (!resnet) {
        TRY(add_reals(e, "mul/y", 4, dims, parts + 3, &inputs[1]));
        TRY(emit(e, GRAPH_MUL, "mul", inputs, 2, 3, &n, &inputs[0]));
        memcpy(e->g->values[inputs[0]].dims, shape, sizeof shape);
    }
    TRY(add_reals(e, "sub/y", 4, dims, parts, &inputs[1]));
    TRY(emit(e, GRAPH_SUB, "sub", inputs, 2, 3, &n, x));
    memcpy(e->g->values[*x].dims, shape, sizeof shape);
    return STATUS_OK;
}

static status emit_input(emitter *e)
{
    static const int to_nchw[4] = {0, 3, 1, 2};
    static const char *const names[] = {[GENERATE_NCHW] = "image",
                                        [GENERATE_TF2ONNX_NHWC] = "sub_2",
                                        [GENERATE_TORCH_BN] = "input"};
    int x;
    TRY(graph_add_value(e->g, names[e->settings->dialect], ELEMENT_REAL, &x));
    struct value *v = &e->g->values[x];
    v->rank = 4;
    for (int i = 0; i < 4; i++) v->dims[i] = GRAPH_UNKNOWN_DIM;
    v->dims[is_nhwc(e) ? 3 : 1] = 3;
    TRY(graph_add_input(e->g, x));
    if (e->settings->scale_input) TRY(emit_scaling(e, &x));
    if (is_nhwc(e)) TRY(add_transpose(e, "sub_2/nchw", to_nchw, x, &x));
    e->values[0] = x;
    return STATUS_OK;
}

static status emit_output(emitter *e, int head)
{
    static const int to_nhwc[4] = {0, 2, 3, 1};
    int layer_number = e->list->heads[head], x = e->values[layer_number + 1];
    const char *name = output_name(e->settings, head);
    node *n;
    if (head == 0 && e->settings->sigmoid) {
        char *inner = pool_format(e->g->pool, "%s/Sigmoid", e->list->layers[layer_number].scope);
        if (!inner) return STATUS_MEMORY;
        TRY(emit(e, GRAPH_SIGMOID, inner, &x, 1, e->list->layers[layer_number].channels, &n, &x));
    }
    if (is_nhwc(e)) {
        char *inner = pool_format(e->g->pool, "%s/nchw", name);
        char *outer = pool_format(e->g->pool, "%s/nhwc", name);
        if (!inner || !outer) return STATUS_MEMORY;
        e->g->values[x].name = inner;
        TRY(add_transpose(e, outer, to_nhwc, x, &x));
    }
    e->g->values[x].name = name;
    return graph_add_output(e->g, x);
}

static status emit_network(emitter *e)
{
    TRY(emit_input(e));
    for (int i = 0; i < e->list->count; i++) TRY(emit_layer(e, i));
    for (int head = 0; head < LAYER_HEADS; head++) TRY(emit_output(e, head));
    return STATUS_OK;
}

/* ---- all of it ---- */

static status check(const generate_settings *s)
{
    if (s->stride != 8 && s->stride != 16 && s->stride != 32)
        return fail(STATUS_ARGUMENT, "stride %d is none of 8, 16 and 32", s->stride);
    if (s->architecture == GENERATE_RESNET50) return STATUS_OK;
    if (s->multiplier != 50 && s->multiplier != 75 && s->multiplier != 100 && s->multiplier != 101)
        return fail(STATUS_ARGUMENT, "multiplier %d.%02d is none of 0.50, 0.75, 1.00 and 1.01",
                    s->multiplier / 100, s->multiplier % 100);
    return STATUS_OK;
}

/* Weights are made at stride 16, whatever is asked for: strides share them. */
static status make(const generate_settings *settings, layer_list *list, graph *g)
{
    generate_settings common = *settings;
    common.stride = 16;
    if (common.architecture == GENERATE_RESNET50) common.multiplier = 100;
    layer_list *trained = heap_array(1, sizeof *trained);
    if (!trained) return STATUS_MEMORY;
    trained->pool = list->pool;
    status s = layers_make(&common, trained);
    if (s == STATUS_OK) s = layers_calibrate(&common, trained);
    if (s == STATUS_OK) s = layers_make(settings, list);
    if (s == STATUS_OK) layers_share(trained, list);
    free(trained);
    if (s != STATUS_OK) return s;
    emitter e = {
        .settings = settings, .list = list, .g = g, .zero = GRAPH_ABSENT, .six = GRAPH_ABSENT};
    return emit_network(&e);
}

status generate_graph(const generate_settings *settings, graph **out)
{
    *out = NULL;
    TRY(check(settings));
    graph *g = NULL;
    layer_list *list = heap_array(1, sizeof *list);
    if (!list) return STATUS_MEMORY;
    status s = pool_new(&list->pool);
    if (s == STATUS_OK) s = graph_new(&g, "generated");
    if (s == STATUS_OK) s = make(settings, list, g);
    pool_free(&list->pool);
    free(list);
    if (s != STATUS_OK) {
        graph_free(&g);
        return s;
    }
    g->opset = 13;
    *out = g;
    return STATUS_OK;
}
