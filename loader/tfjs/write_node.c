/* Graph nodes as TensorFlow's. */
#include "loader/tfjs/write_node.h"

#include <string.h>

#include "loader/names.h"

static const int to_nhwc[4] = {0, 2, 3, 1};

/* A constant whose axis i is `c`'s axis order[i]. */
static status reorder(tfjs_writer *w, const constant *c, const int order[4], constant *out)
{
    float *reals = pool_array(w->pool, (size_t)c->count, sizeof *reals);
    if (!reals) return STATUS_MEMORY;
    *out = (constant){.type = ELEMENT_REAL, .rank = 4, .count = c->count, .reals = reals};
    int64_t stride[4] = {c->dims[1] * c->dims[2] * c->dims[3], c->dims[2] * c->dims[3], c->dims[3],
                         1};
    for (int i = 0; i < 4; i++) out->dims[i] = c->dims[order[i]];
    for (int64_t i = 0; i < c->count; i++) {
        int64_t rest = i, from = 0;
        for (int axis = 3; axis >= 0; axis--) {
            from += rest % out->dims[axis] * stride[order[axis]];
            rest /= out->dims[axis];
        }
        reals[i] = c->reals[from];
    }
    return STATUS_OK;
}

/* The name that the node's result has, and the name of input `index`'s node. */
static const char *result_name(const tfjs_writer *w, const node *n)
{
    return w->names[n->outputs[0]];
}

static const char *input_name(const tfjs_writer *w, const node *n, int index)
{
    return w->names[n->inputs[index]];
}

static status simple(tfjs_writer *w, const node *n, const char *op)
{
    const char *x = input_name(w, n, 0);
    tfjs_set_type(w, tfjs_new_node(w, op, result_name(w, n), &x, 1), "T", "DT_FLOAT");
    return STATUS_OK;
}

static status write_clip(tfjs_writer *w, const node *n)
{
    const constant *low = node_constant(w->g, n, 1), *high = node_constant(w->g, n, 2);
    if (!low || !high || low->type != ELEMENT_REAL || high->type != ELEMENT_REAL ||
        low->count != 1 || high->count != 1 || low->reals[0] != 0 || high->reals[0] != 6)
        return fail(STATUS_UNSUPPORTED, "limits are not 0 and 6");
    return simple(w, n, "Relu6");
}

/* A constant beside a picture: one number, or four axes as the picture has them. */
static status write_operand(tfjs_writer *w, const node *n, int index)
{
    const constant *c = node_constant(w->g, n, index);
    const value *v = &w->g->values[n->inputs[index]];
    if (!c) return STATUS_OK;
    if (c->type != ELEMENT_REAL || (c->rank != 0 && c->rank != 4))
        return fail(STATUS_UNSUPPORTED, "constant \"%s\" is neither one number nor of four axes",
                    name_show(v->name).text);
    if (c->rank == 0 || w->nhwc[n->outputs[0]])
        return tfjs_write_constant(w, w->names[n->inputs[index]], c);
    constant reordered;
    TRY(reorder(w, c, to_nhwc, &reordered));
    return tfjs_write_constant(w, w->names[n->inputs[index]], &reordered);
}

static status write_binary(tfjs_writer *w, const node *n, const char *op)
{
    if (n->input_count != 2) return fail(STATUS_UNSUPPORTED, "has not two inputs");
    TRY(write_operand(w, n, 0));
    TRY(write_operand(w, n, 1));
    const char *inputs[2] = {input_name(w, n, 0), input_name(w, n, 1)};
    tfjs_set_type(w, tfjs_new_node(w, op, result_name(w, n), inputs, 2), "T", "DT_FLOAT");
    return STATUS_OK;
}

static status write_batch_norm(tfjs_writer *w, const node *n)
{
    const char *inputs[5];
    for (int i = 0; i < 5; i++) {
        inputs[i] = input_name(w, n, i);
        if (i && !node_constant(w->g, n, i))
            return fail(STATUS_UNSUPPORTED, "has no constant statistics");
        if (i) TRY(tfjs_write_constant(w, inputs[i], node_constant(w->g, n, i)));
    }
    cJSON *made = tfjs_new_node(w, "FusedBatchNormV3", result_name(w, n), inputs, 5);
    tfjs_set_type(w, made, "T", "DT_FLOAT");
    tfjs_set_type(w, made, "U", "DT_FLOAT");
    tfjs_set_word(w, made, "data_format", "NHWC");
    tfjs_set_real(w, made, "epsilon", n->as.epsilon);
    return STATUS_OK;
}

/* Windows of TensorFlow have no pads of their own that all its runtimes know: a Pad node. */
static status write_pads(tfjs_writer *w, const char *prefix, const int pads[4], const char **x)
{
    const int list[8] = {0, 0, pads[0], pads[2], pads[1], pads[3], 0, 0};
    const char *inputs[2] = {*x, NULL};
    char *name = pool_format(w->pool, "%s/Pad", prefix);
    if (!name) return STATUS_MEMORY;
    TRY(tfjs_write_integers(w, name, "paddings", 2, list, 8, &inputs[1]));
    cJSON *made = tfjs_new_node(w, "Pad", name, inputs, 2);
    tfjs_set_type(w, made, "T", "DT_FLOAT");
    tfjs_set_type(w, made, "Tpaddings", "DT_INT32");
    *x = name;
    return STATUS_OK;
}

static int is_padded(const window *win)
{
    return win->auto_pad == PAD_EXPLICIT &&
           (win->pads[0] || win->pads[1] || win->pads[2] || win->pads[3]);
}

static void set_window(tfjs_writer *w, cJSON *made, const window *win, int valid)
{
    tfjs_set_type(w, made, "T", "DT_FLOAT");
    tfjs_set_word(w, made, "data_format", "NHWC");
    tfjs_set_list(w, made, "strides", (const int[]){1, win->stride[0], win->stride[1], 1}, 4);
    tfjs_set_word(w, made, "padding", valid || win->auto_pad != PAD_SAME_UPPER ? "VALID" : "SAME");
}

/* The filters in TensorFlow's layout; 1 in *depthwise if each reads one channel. */
static status write_filters(tfjs_writer *w, const node *n, int *depthwise)
{
    static const int to_hwio[4] = {2, 3, 1, 0};
    const constant *c = node_constant(w->g, n, 1);
    const window *win = &n->as.window;
    if (!c || c->rank != 4) return fail(STATUS_UNSUPPORTED, "weights are not constant");
    *depthwise = win->groups > 1;
    if (*depthwise && (c->dims[1] != 1 || c->dims[0] % win->groups != 0))
        return fail(STATUS_UNSUPPORTED, "has groups of several channels");
    constant filters;
    TRY(reorder(w, c, to_hwio, &filters));
    if (*depthwise) { /* H W 1 (in * multiplier) is H W in multiplier */
        filters.dims[2] = win->groups;
        filters.dims[3] = c->dims[0] / win->groups;
    }
    return tfjs_write_constant(w, input_name(w, n, 1), &filters);
}

static status write_bias(tfjs_writer *w, const node *n, const char *x)
{
    const constant *bias = node_constant(w->g, n, 2);
    const char *inputs[2] = {x, input_name(w, n, 2)};
    if (!bias) return fail(STATUS_UNSUPPORTED, "bias is not constant");
    TRY(tfjs_write_constant(w, inputs[1], bias));
    cJSON *made = tfjs_new_node(w, "BiasAdd", result_name(w, n), inputs, 2);
    tfjs_set_type(w, made, "T", "DT_FLOAT");
    tfjs_set_word(w, made, "data_format", "NHWC");
    return STATUS_OK;
}

/* The node's window, its kernel as the filters have it. */
static window window_of(const tfjs_writer *w, const node *n)
{
    window win = n->as.window;
    const constant *filters = node_constant(w->g, n, 1);
    for (int i = 0; filters && i < 2; i++) win.kernel[i] = (int)filters->dims[2 + i];
    return win;
}

static status write_conv(tfjs_writer *w, const node *n)
{
    const window own = window_of(w, n), *win = &own;
    int depthwise = 0, biased = node_input(n, 2) != GRAPH_ABSENT;
    int dilated = win->dilation[0] != 1 || win->dilation[1] != 1;
    const char *x = input_name(w, n, 0), *crops = NULL;
    /* Whatever comes last has the result's name; what comes before, names under it. */
    const char *result = result_name(w, n), *last = result;
    if (biased || dilated) {
        last = pool_format(w->pool, "%s/conv", result);
        if (!last) return STATUS_MEMORY;
    }
    if (dilated && (win->stride[0] != 1 || win->stride[1] != 1))
        return fail(STATUS_UNSUPPORTED, "has stride and dilation");
    if (win->auto_pad == PAD_SAME_LOWER) return fail(STATUS_UNSUPPORTED, "is SAME_LOWER");
    if (dilated)
        TRY(tfjs_write_split(w, result, win, &x, &crops));
    else if (is_padded(win))
        TRY(write_pads(w, result, win->pads, &x));
    TRY(write_filters(w, n, &depthwise));
    const char *inputs[2] = {x, input_name(w, n, 1)};
    cJSON *made = tfjs_new_node(w, depthwise ? "DepthwiseConv2dNative" : "Conv2D", last, inputs, 2);
    set_window(w, made, win, dilated);
    tfjs_set_list(w, made, "dilations", (const int[]){1, 1, 1, 1}, 4);
    x = last;
    if (dilated) {
        TRY(tfjs_write_join(w, result, win, crops, &x));
        if (!biased) {
            made = tfjs_new_node(w, "Identity", result, &x, 1);
            tfjs_set_type(w, made, "T", "DT_FLOAT");
        }
    }
    return biased ? write_bias(w, n, x) : STATUS_OK;
}

static status write_max_pool(tfjs_writer *w, const node *n)
{
    const window *win = &n->as.window;
    if (is_padded(win) || win->auto_pad == PAD_SAME_LOWER || win->ceil_mode ||
        win->dilation[0] != 1 || win->dilation[1] != 1)
        return fail(STATUS_UNSUPPORTED, "is padded otherwise than SAME or VALID, or dilated");
    const char *x = input_name(w, n, 0);
    cJSON *made = tfjs_new_node(w, "MaxPool", result_name(w, n), &x, 1);
    set_window(w, made, win, 0);
    tfjs_set_list(w, made, "ksize", (const int[]){1, win->kernel[0], win->kernel[1], 1}, 4);
    return STATUS_OK;
}

static status write_any(tfjs_writer *w, const node *n)
{
    switch (n->op) {
    case GRAPH_TRANSPOSE: return STATUS_OK; /* at the edges: see write.c */
    case GRAPH_ADD: return write_binary(w, n, "AddV2");
    case GRAPH_SUB: return write_binary(w, n, "Sub");
    case GRAPH_MUL: return write_binary(w, n, "Mul");
    case GRAPH_DIV: return write_binary(w, n, "RealDiv");
    case GRAPH_RELU: return simple(w, n, "Relu");
    case GRAPH_SIGMOID: return simple(w, n, "Sigmoid");
    case GRAPH_IDENTITY: return simple(w, n, "Identity");
    case GRAPH_CLIP: return write_clip(w, n);
    case GRAPH_BATCH_NORMALIZATION: return write_batch_norm(w, n);
    case GRAPH_CONV: return write_conv(w, n);
    case GRAPH_MAX_POOL: return write_max_pool(w, n);
    default: return fail(STATUS_UNSUPPORTED, "no operator of TF.js's PoseNets");
    }
}

status tfjs_fail_at(const node *n, status code)
{
    if (code == STATUS_MEMORY) return code;
    return fail(code, "node \"%s\" (%s): %s", name_show(n->name).text, graph_op_name(n->op),
                fail_text());
}

status tfjs_write_node(tfjs_writer *w, const node *n)
{
    status s = write_any(w, n);
    if (s == STATUS_OK) s = w->result;
    return s == STATUS_OK ? s : tfjs_fail_at(n, s);
}
