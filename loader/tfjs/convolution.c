/* TensorFlow's convolutions, pooling and padding. */
#include <string.h>

#include "loader/limits.h"
#include "loader/names.h"
#include "loader/tfjs/translate.h"

status tfjs_check_format(const cJSON *attr)
{
    char format[TFJS_WORD] = "NHWC";
    TRY(tfjs_attr_word(attr, "data_format", format));
    return !strcmp(format, "NHWC")
               ? STATUS_OK
               : fail(STATUS_UNSUPPORTED, "its data_format is \"%s\", not NHWC", format);
}

/* The middle two of four numbers: those of height and width. */
static status read_pair(const cJSON *attr, const char *key, int out[2])
{
    tfjs_list list = {.count = 4, .values = {1, 1, 1, 1}};
    TRY(tfjs_attr_list(attr, key, &list));
    if (list.count != 4 || list.values[0] != 1 || list.values[3] != 1)
        return fail(STATUS_UNSUPPORTED, "its %s are not 1, height, width, 1", key);
    for (int i = 0; i < 2; i++) {
        if (list.values[i + 1] < 1 || list.values[i + 1] > LIMIT_WINDOW)
            return fail(STATUS_MODEL, "its %s are outside 1..%d", key, LIMIT_WINDOW);
        out[i] = (int)list.values[i + 1];
    }
    return STATUS_OK;
}

static status read_explicit_pads(const cJSON *attr, int pads[4])
{
    tfjs_list list = {.count = 0};
    TRY(tfjs_attr_list(attr, "explicit_paddings", &list));
    if (list.count != 8 || list.values[0] || list.values[1] || list.values[6] || list.values[7])
        return fail(STATUS_MODEL, "its explicit_paddings are not eight, of height and width only");
    static const int from[4] = {2, 4, 3, 5}; /* top, left, bottom, right */
    for (int i = 0; i < 4; i++) {
        int64_t pad = list.values[from[i]];
        if (pad < 0 || pad > LIMIT_WINDOW)
            return fail(STATUS_MODEL, "its explicit_paddings are outside 0..%d", LIMIT_WINDOW);
        pads[i] = (int)pad;
    }
    return STATUS_OK;
}

/* Strides and padding of a window whose kernel and dilation are known. */
static status read_window(const tfjs_node *n, window *w)
{
    TRY(tfjs_check_format(n->attr));
    TRY(read_pair(n->attr, "strides", w->stride));
    char padding[TFJS_WORD] = "";
    TRY(tfjs_attr_word(n->attr, "padding", padding));
    /* A window of one pixel needs no padding; some runtimes compute less than none where it has a
     * stride. */
    int pixel = w->kernel[0] == 1 && w->kernel[1] == 1 && (w->stride[0] > 1 || w->stride[1] > 1);
    if (!strcmp(padding, "SAME"))
        w->auto_pad = pixel ? PAD_VALID : PAD_SAME_UPPER;
    else if (!strcmp(padding, "VALID"))
        w->auto_pad = PAD_VALID;
    else if (!strcmp(padding, "EXPLICIT"))
        w->auto_pad = PAD_EXPLICIT;
    else
        return fail(STATUS_MODEL, "its padding is \"%s\", not SAME, VALID or EXPLICIT", padding);
    return w->auto_pad == PAD_EXPLICIT ? read_explicit_pads(n->attr, w->pads) : STATUS_OK;
}

/* Makes the convolution one over phases: its dilation grows by the block, its padding is settled
 * when BatchToSpaceND comes. */
static status enter_sandwich(tfjs_translation *t, const tfjs_result *x, window *w)
{
    tfjs_sandwich *s = &t->sandwiches[x->sandwich];
    int outside = t->model->nodes[s->node].inputs[0];
    if (s->conv != GRAPH_ABSENT)
        return fail(STATUS_UNSUPPORTED, "is the second convolution after SpaceToBatchND \"%s\"",
                    name_show(t->model->nodes[s->node].name).text);
    if (x->value != t->results[outside].value || t->model->nodes[s->node].readers > 1)
        return fail(STATUS_UNSUPPORTED, "something stands between it and SpaceToBatchND \"%s\"",
                    name_show(t->model->nodes[s->node].name).text);
    for (int axis = 0; axis < 2; axis++) {
        int64_t dilation = (int64_t)w->dilation[axis] * s->block[axis];
        int reach = (w->kernel[axis] - 1) * w->dilation[axis];
        if (w->stride[axis] != 1)
            return fail(STATUS_UNSUPPORTED, "has a stride between SpaceToBatchND and "
                                            "BatchToSpaceND");
        if (dilation > LIMIT_WINDOW)
            return fail(STATUS_MODEL, "its dilation is more than %d", LIMIT_WINDOW);
        s->inner_reach[axis] = reach;
        if (w->auto_pad == PAD_SAME_UPPER) {
            s->inner_pads[axis] = reach / 2;
            s->inner_pads[axis + 2] = reach - reach / 2;
        } else if (w->auto_pad == PAD_EXPLICIT) {
            s->inner_pads[axis] = w->pads[axis];
            s->inner_pads[axis + 2] = w->pads[axis + 2];
        }
        w->dilation[axis] = (int)dilation;
    }
    w->auto_pad = PAD_EXPLICIT;
    s->conv = (int)t->g->node_count;
    return STATUS_OK;
}

/* Weights H, W, in, out (in, multiplier for a depthwise convolution), as ONNX's out, in, H, W. */
static status add_weights(tfjs_translation *t, int id, int depthwise, int64_t channels, window *w,
                          int64_t *outputs, int *value)
{
    static const int of_full[4] = {3, 2, 0, 1};
    const constant *c = tfjs_constant_input(t, id, 1);
    const char *name = t->model->nodes[t->model->nodes[id].inputs[1]].name;
    if (!c || c->type != ELEMENT_REAL || c->rank != 4)
        return fail(STATUS_UNSUPPORTED, "its weights are no constant of four dimensions");
    for (int i = 0; i < 4; i++)
        if (c->dims[i] < 1 || (i < 2 && c->dims[i] > LIMIT_WINDOW) || c->dims[i] > INT32_MAX)
            return fail(STATUS_MODEL, "its weights have dimension %lld", (long long)c->dims[i]);
    if (channels >= 0 && channels != c->dims[2])
        return fail(STATUS_MODEL, "its weights take %lld channels, its picture has %lld",
                    (long long)c->dims[2], (long long)channels);
    for (int i = 0; i < 2; i++) w->kernel[i] = (int)c->dims[i];
    if (!depthwise) {
        w->groups = 1;
        *outputs = c->dims[3];
        return tfjs_add_reordered(t, name, c, of_full, value);
    }
    /* Output channel in * multiplier + m reads input channel `in`: as ONNX numbers groups. */
    w->groups = (int)c->dims[2];
    *outputs = c->dims[2] * c->dims[3];
    constant merged = *c;
    merged.dims[2] = 1;
    merged.dims[3] = *outputs;
    return tfjs_add_reordered(t, name, &merged, of_full, value);
}

/* The convolution alone; a bias may join it later. */
static status emit_conv(tfjs_translation *t, int id, int depthwise, const char *name,
                        tfjs_result *r)
{
    const tfjs_node *n = &t->model->nodes[id];
    if (n->input_count < 2) return fail(STATUS_MODEL, "needs a picture and weights");
    TRY(tfjs_picture(t, id, 0, r));
    window w = {.groups = 1};
    int64_t outputs = GRAPH_UNKNOWN_DIM;
    int inputs[2] = {r->value, GRAPH_ABSENT};
    TRY(add_weights(t, id, depthwise, t->g->values[r->value].dims[1], &w, &outputs, &inputs[1]));
    TRY(read_pair(n->attr, "dilations", w.dilation));
    TRY(read_window(n, &w));
    int same_size = w.auto_pad == PAD_SAME_UPPER && w.stride[0] == 1 && w.stride[1] == 1;
    if (r->sandwich >= 0) TRY(enter_sandwich(t, r, &w));
    node *made;
    TRY(tfjs_emit(t, GRAPH_CONV, name, inputs, 2, outputs, &made, &r->value));
    made->as.window = w;
    if (!same_size) r->origin = id;
    r->shared = 0;
    return STATUS_OK;
}

/* Gives the bias to the convolution that makes `r`, if nothing else reads its result. */
static status join_bias(tfjs_translation *t, int index, int id, const char *name, tfjs_result *r)
{
    const constant *bias;
    const value *v = &t->g->values[r->value];
    TRY(tfjs_channels_input(t, id, index, v->dims[1], &bias));
    node *made = v->producer == GRAPH_ABSENT ? NULL : &t->g->nodes[v->producer];
    if (r->shared || !made || made->op != GRAPH_CONV || made->input_count != 2) {
        r->shared = 0;
        return tfjs_emit_bias(t, name, r->value, bias, &r->value);
    }
    int *inputs = pool_array(t->g->pool, 3, sizeof *inputs);
    if (!inputs) return STATUS_MEMORY;
    memcpy(inputs, made->inputs, 2 * sizeof *inputs);
    const char *list = t->model->nodes[t->model->nodes[id].inputs[index]].name;
    TRY(tfjs_add_list(t, list, bias, &inputs[2]));
    made->inputs = inputs;
    made->input_count = 3;
    return name_copy(t->g->pool, name, &t->g->values[r->value].name);
}

status tfjs_conv(tfjs_translation *t, int id)
{
    return emit_conv(t, id, 0, t->model->nodes[id].name, &t->results[id]);
}

status tfjs_depthwise(tfjs_translation *t, int id)
{
    return emit_conv(t, id, 1, t->model->nodes[id].name, &t->results[id]);
}

status tfjs_bias_add(tfjs_translation *t, int id)
{
    TRY(tfjs_check_format(t->model->nodes[id].attr));
    TRY(tfjs_picture(t, id, 0, &t->results[id]));
    return join_bias(t, 1, id, t->model->nodes[id].name, &t->results[id]);
}

/* Adds the next argument, another picture. */
static status add_residual(tfjs_translation *t, int id, int index, const char *name, tfjs_result *r)
{
    tfjs_result other;
    TRY(tfjs_whole_picture(t, id, index, &other));
    if (r->sandwich >= 0)
        return fail(STATUS_UNSUPPORTED, "adds a picture between SpaceToBatchND and BatchToSpaceND");
    int inputs[2] = {r->value, other.value};
    node *made;
    return tfjs_emit(t, GRAPH_ADD, name, inputs, 2, t->g->values[r->value].dims[1], &made,
                     &r->value);
}

/* One of fused_ops; *argument is the first input it takes and moves past those it took. */
static status emit_fused(tfjs_translation *t, int id, const char *op, int *argument, tfjs_result *r)
{
    char *name = pool_format(t->g->pool, "%s/%s", t->model->nodes[id].name, op);
    if (!name) return STATUS_MEMORY;
    if (!strcmp(op, "BiasAdd")) return join_bias(t, (*argument)++, id, name, r);
    if (!strcmp(op, "Add")) return add_residual(t, id, (*argument)++, name, r);
    if (!strcmp(op, "FusedBatchNorm")) {
        *argument += 4;
        if (*argument > t->model->nodes[id].input_count)
            return fail(STATUS_MODEL, "lacks inputs of FusedBatchNorm");
        return tfjs_emit_batch_norm(t, id, *argument - 4, name, r->value, &r->value);
    }
    return tfjs_emit_activation(t, op, name, r->value, &r->value);
}

static status emit_fused_conv(tfjs_translation *t, int id, int depthwise)
{
    const tfjs_node *n = &t->model->nodes[id];
    tfjs_result *r = &t->results[id];
    char ops[TFJS_LIST][TFJS_WORD];
    int count, argument = 2;
    TRY(tfjs_attr_words(n->attr, "fused_ops", ops, &count));
    char *name = pool_format(t->g->pool, "%s/conv", n->name);
    if (!name) return STATUS_MEMORY;
    TRY(emit_conv(t, id, depthwise, name, r));
    for (int i = 0; i < count; i++) TRY(emit_fused(t, id, ops[i], &argument, r));
    if (argument != n->input_count)
        return fail(STATUS_UNSUPPORTED, "has %d inputs, its fused_ops take %d", n->input_count,
                    argument);
    return name_copy(t->g->pool, n->name, &t->g->values[r->value].name);
}

status tfjs_fused_conv(tfjs_translation *t, int id)
{
    return emit_fused_conv(t, id, 0);
}

status tfjs_fused_depthwise(tfjs_translation *t, int id)
{
    return emit_fused_conv(t, id, 1);
}

status tfjs_max_pool(tfjs_translation *t, int id)
{
    const tfjs_node *n = &t->model->nodes[id];
    tfjs_result *r = &t->results[id];
    window w = {.groups = 1, .dilation = {1, 1}};
    TRY(tfjs_whole_picture(t, id, 0, r));
    TRY(read_pair(n->attr, "ksize", w.kernel));
    TRY(read_window(n, &w));
    node *made;
    TRY(tfjs_emit(t, GRAPH_MAX_POOL, n->name, &r->value, 1, t->g->values[r->value].dims[1], &made,
                  &r->value));
    made->as.window = w;
    if (w.auto_pad != PAD_SAME_UPPER || w.stride[0] != 1 || w.stride[1] != 1) r->origin = id;
    r->shared = 0;
    return STATUS_OK;
}

/* Pad, and PadV2 with the value as third input. */
status tfjs_pad(tfjs_translation *t, int id)
{
    static const int axis_of[4] = {0, 2, 3, 1}; /* NHWC's axes in NCHW */
    const tfjs_node *n = &t->model->nodes[id];
    tfjs_result *r = &t->results[id];
    TRY(tfjs_whole_picture(t, id, 0, r));
    const constant *pads = tfjs_constant_input(t, id, 1), *fill = NULL;
    if (!pads || pads->type != ELEMENT_INTEGER || pads->rank != 2 || pads->count != 8 ||
        pads->dims[0] != 4)
        return fail(STATUS_UNSUPPORTED, "its paddings are no constant 4 x 2 list");
    int64_t reordered[8];
    for (int axis = 0; axis < 4; axis++) {
        for (int end = 0; end < 2; end++) {
            int64_t pad = pads->integers[2 * axis + end];
            if (pad < 0 || pad > LIMIT_WINDOW)
                return fail(STATUS_MODEL, "its paddings are outside 0..%d", LIMIT_WINDOW);
            reordered[4 * end + axis_of[axis]] = pad;
        }
    }
    int inputs[3] = {r->value, GRAPH_ABSENT, GRAPH_ABSENT}, input_count = 2;
    const char *name = t->model->nodes[n->inputs[1]].name;
    TRY(graph_add_integers(t->g, name, reordered, 8, 0, &inputs[1]));
    if (n->input_count > 2) {
        fill = tfjs_constant_input(t, id, 2);
        if (!fill || fill->type != ELEMENT_REAL || fill->count != 1)
            return fail(STATUS_UNSUPPORTED, "its padding value is no constant number");
        name = t->model->nodes[n->inputs[2]].name;
        TRY(graph_add_real(t->g, name, fill->reals[0], &inputs[2]));
        input_count = 3;
    }
    int64_t channels = t->g->values[r->value].dims[1];
    if (channels >= 0) channels += reordered[1] + reordered[5];
    node *made;
    r->origin = id;
    r->shared = 0;
    return tfjs_emit(t, GRAPH_PAD, n->name, inputs, input_count, channels, &made, &r->value);
}
