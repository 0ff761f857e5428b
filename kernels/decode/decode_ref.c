/* The definition of OP_DECODE: the host decoder on the four heads in the arena. */
#include "kernels/decode/decode.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision precision)
{
    (void)precision;
    return net->steps[first].op == OP_DECODE && net->steps[first].input_count == DECODE_HEADS;
}

static void view_heads(const network *net, const step *s, decode_heads *out)
{
    out->stride = s->as.decode.stride;
    out->logits = s->as.decode.logits;
    for (int i = 0; i < DECODE_HEADS; i++) {
        const tensor *t = &net->tensors[s->inputs[i]];
        head_view *view = &out->head[i];
        view->data = t; /* not read before enqueue sets it */
        view->type = t->type;
        memcpy(view->dims, t->dims, sizeof view->dims);
        tensor_strides(t, view->strides);
    }
}

static status prepare(const prepare_context *context, const network *net, work *w)
{
    const step *s = &net->steps[w->first];
    decode_heads heads;
    (void)context;
    view_heads(net, s, &heads);
    TRY(decode_check(&heads));
    const int *dims = heads.head[DECODE_HEATMAP].dims;
    w->workspace_bytes = decode_workspace_bytes(dims[AXIS_H], dims[AXIS_W]);
    return STATUS_OK;
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const decode_params *p = &s->as.decode;
    decode_heads heads;
    view_heads(net, s, &heads);
    for (int i = 0; i < DECODE_HEADS; i++) heads.head[i].data = tensor_at(net, s->inputs[i], r);
    TRY(decode_check_options(r->options, p->max_poses));
    for (int image = 0; image < heads.head[DECODE_HEATMAP].dims[AXIS_N]; image++) {
        const picture *from = &r->pictures[image];
        letterbox box =
            letterbox_fit(from->width, from->height, p->input_width, p->input_height, from->flip);
        decode_image(&heads, image, r->options, &box, r->arena + w->workspace,
                     r->poses + (int64_t)image * p->max_poses, &r->counts[image]);
    }
    return STATUS_OK;
}

const row decode_ref = {
    .name = "decode_ref",
    .device = DEVICE_REF,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .limit_because = "it is the definition",
};
