#include "engine/rewrite/joined_heads.h"

#include <string.h>

#include "engine/rewrite/rewrite.h"

/* ---- which ----------------------------------------------------------------------------------- */

/* The plain convolution that makes head `head` for nobody but the decoder; -1: there is none. */
static int maker_of(const network *net, const int heads[DECODE_HEADS], int head)
{
    int number = heads[head], maker = -1;
    for (int i = 0; i < DECODE_HEADS; i++)
        if (i != head && heads[i] == number) return -1;
    for (int i = 0; i < net->step_count; i++) {
        const step *s = &net->steps[i];
        if (s->output == number) maker = i;
        for (int k = 0; k < s->input_count; k++)
            if (s->inputs[k] == number && s->op != OP_DECODE) return -1;
    }
    if (maker < 0) return -1;
    const step *s = &net->steps[maker];
    int plain = s->op == OP_CONV && s->input_count == 1 && s->as.conv.groups == 1;
    return plain ? maker : -1;
}

/* Whether two convolutions differ in filter and bias only. */
static int alike(const step *a, const step *b)
{
    const conv_params *p = &a->as.conv, *q = &b->as.conv;
    return a->inputs[0] == b->inputs[0] && !memcmp(p->kernel, q->kernel, sizeof p->kernel) &&
           !memcmp(p->stride, q->stride, sizeof p->stride) &&
           !memcmp(p->dilation, q->dilation, sizeof p->dilation) &&
           !memcmp(p->pads, q->pads, sizeof p->pads) && p->act.kind == q->act.kind &&
           p->act.low == q->act.low && p->act.high == q->act.high;
}

/* The steps that make the heads to be joined; -1 for those that stay alone. 0: there are none. */
static int find_makers(const network *net, const int heads[DECODE_HEADS], int makers[DECODE_HEADS])
{
    int all[DECODE_HEADS];
    for (int head = 0; head < DECODE_HEADS; head++) all[head] = maker_of(net, heads, head);
    for (int first = 0; first < DECODE_HEADS; first++) {
        int count = 0;
        for (int head = 0; head < DECODE_HEADS && all[first] >= 0; head++) {
            int joins = all[head] >= 0 && alike(&net->steps[all[first]], &net->steps[all[head]]);
            makers[head] = joins ? all[head] : -1;
            count += joins;
        }
        if (count > 1) return 1;
    }
    return 0;
}

/* ---- weights --------------------------------------------------------------------------------- */

/* Channels of all makers together, filled up, and how many weights a channel has. */
static int measure(const network *net, const int makers[DECODE_HEADS], size_t *size)
{
    int channels = 0;
    for (int head = 0; head < DECODE_HEADS; head++) {
        if (makers[head] < 0) continue;
        const conv_params *c = &net->steps[makers[head]].as.conv;
        *size = (size_t)c->in_channels * (size_t)c->kernel[0] * (size_t)c->kernel[1];
        channels += c->out_channels;
    }
    return (channels + JOINED_CHANNELS - 1) / JOINED_CHANNELS * JOINED_CHANNELS;
}

status joined_heads_make(const network *net, const int heads[DECODE_HEADS], pool *p,
                         joined_heads *out)
{
    int makers[DECODE_HEADS];
    *out = (joined_heads){.channels = 0};
    if (!find_makers(net, heads, makers)) return STATUS_OK;
    size_t size = 0;
    out->channels = measure(net, makers, &size);
    float *filter = pool_array(p, size * (size_t)out->channels, sizeof *filter);
    float *bias = pool_array(p, (size_t)out->channels, sizeof *bias);
    if (!filter || !bias) return STATUS_MEMORY;
    out->filter = filter;
    out->bias = bias;
    for (int head = 0; head < DECODE_HEADS; head++) {
        if (makers[head] < 0) continue;
        const conv_params *c = &net->steps[makers[head]].as.conv;
        size_t own = (size_t)c->out_channels;
        out->filters[head] = c->filter;
        memcpy(filter, c->filter, own * size * sizeof *filter);
        if (c->bias) memcpy(bias, c->bias, own * sizeof *bias);
        filter += own * size;
        bias += own;
    }
    return STATUS_OK;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static int has_makers_of(const network *net, const int makers[DECODE_HEADS],
                         const joined_heads *weights)
{
    for (int head = 0; head < DECODE_HEADS; head++) {
        const float *filter = makers[head] < 0 ? NULL : net->steps[makers[head]].as.conv.filter;
        if (filter != weights->filters[head]) return 0;
    }
    return 1;
}

/* All makers as one step, whose output is a new tensor. */
static status join(network *net, const int makers[DECODE_HEADS], const joined_heads *weights,
                   pool *p, step *joined)
{
    const char *nodes = NULL;
    for (int head = 0; head < DECODE_HEADS; head++) {
        if (makers[head] < 0) continue;
        const step *s = &net->steps[makers[head]];
        nodes = nodes ? rewrite_join_names(p, nodes, s->nodes) : s->nodes;
        if (!nodes) return STATUS_MEMORY;
        *joined = *s;
    }
    tensor *whole = &net->tensors[net->tensor_count];
    *whole = net->tensors[joined->output];
    whole->name = "heads";
    whole->dims[AXIS_C] = weights->channels;
    joined->nodes = nodes;
    joined->output = net->tensor_count++;
    joined->as.conv.out_channels = weights->channels;
    joined->as.conv.filter = weights->filter;
    joined->as.conv.bias = weights->bias;
    return STATUS_OK;
}

/* Takes the makers out and puts `joined` where the first of them was. */
static void replace_makers(network *net, const int makers[DECODE_HEADS], const step *joined)
{
    int kept = 0, placed = 0;
    for (int i = 0; i < net->step_count; i++) {
        int is_maker = 0;
        for (int head = 0; head < DECODE_HEADS; head++) is_maker |= makers[head] == i;
        if (!is_maker)
            net->steps[kept++] = net->steps[i];
        else if (!placed++)
            net->steps[kept++] = *joined;
    }
    net->step_count = kept;
}

status network_join_heads(network *net, const int heads[DECODE_HEADS], const joined_heads *weights,
                          pool *p)
{
    int makers[DECODE_HEADS], first = 0;
    step joined;
    if (!weights->channels || !find_makers(net, heads, makers)) return STATUS_OK;
    if (!has_makers_of(net, makers, weights)) return STATUS_OK;
    TRY(join(net, makers, weights, p, &joined));
    for (int head = 0; head < DECODE_HEADS; head++) {
        if (makers[head] < 0) continue;
        tensor *t = &net->tensors[heads[head]];
        t->window.of = joined.output;
        t->window.first = first;
        t->window.channels = weights->channels;
        first += t->dims[AXIS_C];
    }
    replace_makers(net, makers, &joined);
    return STATUS_OK;
}
