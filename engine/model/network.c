#include "engine/model/network.h"

#include <string.h>

#include "engine/model/heads.h"
#include "engine/rewrite/joined_heads.h"
#include "engine/rewrite/rewrite.h"

enum { SPARE_TENSORS = 2 + DECODE_HEADS, SPARE_STEPS = 3 + DECODE_HEADS };

/* NHWC axis of each axis of a picture-like value. */
static const int nchw_axes[AXES] = {AXIS_N, AXIS_C, AXIS_H, AXIS_W};
static const int nhwc_axes[AXES] = {AXIS_N, AXIS_H, AXIS_W, AXIS_C};

status network_lower(const graph *g, int input_nchw, int width, int height, int batch,
                     const int *keep, pool *p, lowered *out)
{
    const int64_t dims[1][GRAPH_MAX_RANK] = {
        {batch, input_nchw ? 3 : height, input_nchw ? height : width, input_nchw ? width : 3}};
    lower_request request = {.graph = g, .input_dims = dims, .keep = keep};
    TRY(lower(&request, p, out));
    return network_rewrite(out, p);
}

/* The lowered steps in arrays with room for more, preprocess's place left free in front. */
static status copy_with_room(const network *from, pool *p, network *to)
{
    size_t tensors = (size_t)from->tensor_count, steps = (size_t)from->step_count;
    to->tensors = pool_array(p, tensors + SPARE_TENSORS, sizeof *to->tensors);
    to->steps = pool_array(p, steps + SPARE_STEPS, sizeof *to->steps);
    if (!to->tensors || !to->steps) return STATUS_MEMORY;
    if (tensors) memcpy(to->tensors, from->tensors, tensors * sizeof *to->tensors);
    to->tensor_count = from->tensor_count;
    to->step_count = 0;
    return STATUS_OK;
}

static void append_steps(network *net, const network *from)
{
    for (int i = 0; i < from->step_count; i++) net->steps[net->step_count++] = from->steps[i];
}

/* A new tensor holding `like`'s elements with its axes in another order. */
static int add_permuted(network *net, int like, const int permutation[AXES], const char *name)
{
    tensor *t = &net->tensors[net->tensor_count];
    *t = (tensor){.name = name, .type = net->tensors[like].type};
    for (int axis = 0; axis < AXES; axis++)
        t->dims[axis] = net->tensors[like].dims[permutation[axis]];
    return net->tensor_count++;
}

static step *add_permute(network *net, int from, int to, const int permutation[AXES])
{
    step *s = &net->steps[net->step_count++];
    *s = (step){.op = OP_PERMUTE, .input_count = 1, .inputs = {from}, .output = to, .nodes = ""};
    memcpy(s->as.permutation, permutation, sizeof s->as.permutation);
    return s;
}

/* 1 if some axis of more than one element is not where it is wanted. */
static int out_of_place(const lowered_value *v, const int wanted[AXES])
{
    for (int i = 0; i < AXES; i++)
        if (v->dims[i] != 1 && v->axis_of[i] != wanted[i]) return 1;
    return 0;
}

/* Preprocess, and the way from its NHWC output to the tensor that the model's steps read. */
static status put_input(const network_request *q, const lowered_value *v, built_network *b)
{
    network *net = &b->net;
    if (v->tensor < 0)
        return fail(STATUS_MODEL, "%s: the heads do not depend on the input",
                    q->model->graph->source);
    const int *wanted = q->model->input_nchw ? nchw_axes : nhwc_axes;
    step *preprocess = &net->steps[net->step_count++];
    *preprocess = (step){.op = OP_PREPROCESS, .output = v->tensor, .nodes = ""};
    preprocess->as.preprocess.normalize = q->model->normalize;
    b->input = v->tensor;
    if (!out_of_place(v, wanted)) return STATUS_OK;
    int to_lowered[AXES], to_nhwc[AXES];
    for (int i = 0; i < AXES; i++) {
        to_lowered[v->axis_of[i]] = wanted[i];
        to_nhwc[wanted[i]] = v->axis_of[i];
    }
    b->input = add_permuted(net, v->tensor, to_nhwc, "input (NHWC)");
    preprocess->output = b->input;
    add_permute(net, b->input, v->tensor, to_lowered);
    return STATUS_OK;
}

/* Head `head` as an NHWC tensor of the right channels. */
static status put_head(const network_request *q, const lowered_value *v, int head, built_network *b)
{
    network *net = &b->net;
    const graph *g = q->model->graph;
    const char *name = g->values[g->outputs[q->model->heads[head]]].name;
    if (v->tensor < 0 || net->tensors[v->tensor].constant)
        return fail(STATUS_MODEL, "%s: output \"%s\" does not depend on the input", g->source,
                    name);
    if (v->rank != AXES)
        return fail(STATUS_MODEL, "%s: output \"%s\" has rank %d, a head has 4", g->source, name,
                    v->rank);
    const int *wanted = q->model->heads_nchw ? nchw_axes : nhwc_axes;
    b->heads[head] = v->tensor;
    if (out_of_place(v, wanted)) {
        int to_nhwc[AXES];
        for (int i = 0; i < AXES; i++) to_nhwc[wanted[i]] = v->axis_of[i];
        b->heads[head] = add_permuted(net, v->tensor, to_nhwc, name);
        add_permute(net, v->tensor, b->heads[head], to_nhwc);
    }
    const int *dims = net->tensors[b->heads[head]].dims;
    const int *first = net->tensors[b->heads[0]].dims;
    if (dims[AXIS_C] != decode_channels[head] || dims[AXIS_N] != q->batch ||
        dims[AXIS_H] != first[AXIS_H] || dims[AXIS_W] != first[AXIS_W])
        return fail(STATUS_MODEL,
                    "%s: output \"%s\" is %dx%dx%dx%d (n, height, width, channels) for a batch of "
                    "%d, the heatmap is %dx%d",
                    g->source, name, dims[AXIS_N], dims[AXIS_H], dims[AXIS_W], dims[AXIS_C],
                    q->batch, first[AXIS_H], first[AXIS_W]);
    return STATUS_OK;
}

static status put_decode(const network_request *q, built_network *b)
{
    const int *cells = b->net.tensors[b->heads[DECODE_HEATMAP]].dims;
    int stride = q->model->stride;
    if (cells[AXIS_H] != (q->height - 1) / stride + 1 ||
        cells[AXIS_W] != (q->width - 1) / stride + 1)
        return fail(STATUS_MODEL, "%s: the heatmap has %dx%d cells for %dx%d pixels at stride %d",
                    q->model->graph->source, cells[AXIS_W], cells[AXIS_H], q->width, q->height,
                    stride);
    b->logits = !heads_has_sigmoid(&b->net, b->heads[DECODE_HEATMAP]);
    step *s = &b->net.steps[b->net.step_count++];
    *s = (step){.op = OP_DECODE, .input_count = DECODE_HEADS, .output = -1, .nodes = ""};
    memcpy(s->inputs, b->heads, sizeof b->heads);
    s->as.decode = (decode_params){.stride = stride,
                                   .logits = b->logits,
                                   .max_poses = q->max_poses,
                                   .input_height = q->height,
                                   .input_width = q->width};
    return STATUS_OK;
}

status network_build(const network_request *q, pool *p, built_network *out)
{
    const model *m = q->model;
    int *keep = pool_array(p, m->graph->output_count, sizeof *keep);
    if (!keep) return STATUS_MEMORY;
    for (int head = 0; head < DECODE_HEADS; head++) keep[m->heads[head]] = 1;
    lowered low;
    TRY(network_lower(m->graph, m->input_nchw, q->width, q->height, q->batch, keep, p, &low));
    TRY(copy_with_room(&low.net, p, &out->net));
    TRY(put_input(q, &low.inputs[0], out));
    append_steps(&out->net, &low.net);
    for (int head = 0; head < DECODE_HEADS; head++)
        TRY(put_head(q, &low.outputs[m->heads[head]], head, out));
    TRY(put_decode(q, out));
    return network_join_heads(&out->net, out->heads, &m->joined, p);
}
