#include "kernels/conv/weights_cuda.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/element.h"

typedef struct weights {
    const void *filter;
    const void *bias;
} weights;

int conv_cuda_covers(const network *net, int first)
{
    const step *s = &net->steps[first];
    if (s->op != OP_CONV || !cuda_countable(net, s)) return 0;
    for (int i = 0; i < s->input_count; i++) {
        if (net->tensors[s->inputs[i]].constant) return 0;
    }
    return 1;
}

int conv_cuda_covers_plain(const network *net, int first)
{
    if (!conv_cuda_covers(net, first)) return 0;
    const step *s = &net->steps[first];
    for (int i = 0; i < s->input_count; i++) {
        if (net->tensors[s->inputs[i]].type != net->tensors[s->output].type) return 0;
    }
    return 1;
}

status conv_cuda_prepare(const prepare_context *context, const network *net, work *w)
{
    const conv_params *p = &net->steps[w->first].as.conv;
    weights made = {NULL, NULL};
    TRY(cuda_pack_filter(context, p, &made.filter));
    if (p->bias) {
        size_t bytes = (size_t)p->out_channels * sizeof(float);
        TRY(cuda_pack_array(context, p->bias, bytes, &made.bias));
    }
    weights *kept = heap_array(1, sizeof *kept);
    if (!kept) return STATUS_MEMORY;
    *kept = made;
    w->state = kept;
    return STATUS_OK;
}

void conv_cuda_release(work *w)
{
    free(w->state);
    w->state = NULL;
}

conv_arguments conv_cuda_arguments(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const conv_params *p = &s->as.conv;
    const weights *kept = w->state;
    conv_arguments a = {.filter = kept->filter, .bias = kept->bias, .groups = p->groups};
    cuda_view x = cuda_tensor(net, r, s->inputs[0]), y = cuda_tensor(net, r, s->output);
    a.x = x.data;
    a.y = y.data;
    a.x_type = x.type;
    a.y_type = y.type;
    if (s->input_count > 1) {
        cuda_view residual = cuda_tensor(net, r, s->inputs[1]);
        a.residual = residual.data;
        a.residual_type = residual.type;
    }
    memcpy(a.x_dims, x.dims, sizeof a.x_dims);
    memcpy(a.y_dims, y.dims, sizeof a.y_dims);
    memcpy(a.kernel, p->kernel, sizeof a.kernel);
    memcpy(a.stride, p->stride, sizeof a.stride);
    memcpy(a.dilation, p->dilation, sizeof a.dilation);
    memcpy(a.pads, p->pads, sizeof a.pads);
    a.act = p->act;
    return a;
}

static size_t rounded(size_t count, size_t multiple)
{
    return (count + multiple - 1) / multiple * multiple;
}

static void write_fragments(const void *user, void *host, size_t bytes)
{
    const conv_params *p = user;
    size_t taps = (size_t)p->kernel[0] * (size_t)p->kernel[1], depth = (size_t)p->in_channels;
    size_t all = rounded(taps * depth, 64);
    uint16_t *to = host;
    for (size_t at = 0; at < bytes / sizeof *to; at++) {
        size_t half = at % 8, lane = at / 8 % 32, block = at / 256;
        size_t channel = block / (all / 16) * 16 + half / 4 * 8 + lane / 4;
        size_t k = block % (all / 16) * 16 + half / 2 % 2 * 8 + lane % 4 * 2 + half % 2;
        if (channel >= (size_t)p->out_channels || k >= taps * depth) continue; /* already zero */
        to[at] = float_to_half(p->filter[(channel * depth + k % depth) * taps + k / depth]);
    }
}

static size_t padded_count(const conv_params *p)
{
    size_t k = (size_t)p->kernel[0] * (size_t)p->kernel[1] * (size_t)p->in_channels;
    return rounded((size_t)p->out_channels, 128) * rounded(k, 64);
}

status conv_cuda_pack_fragments(const prepare_context *context, const conv_params *p, void **out)
{
    const pack_key key = {"conv_fragments", p->filter, NULL, 0};
    return cuda_pack(context, &key, padded_count(p) * sizeof(uint16_t), write_fragments, p, out);
}

static void write_rows(const void *user, void *host, size_t bytes)
{
    const conv_params *p = user;
    size_t taps = (size_t)p->kernel[0] * (size_t)p->kernel[1], depth = (size_t)p->in_channels;
    size_t channels = rounded((size_t)p->out_channels, 128);
    uint16_t *to = host;
    for (size_t at = 0; at < bytes / sizeof *to; at++) {
        size_t channel = at / 64 % channels;
        size_t k = at / 64 / channels * 64 + (at % 64 / 8 ^ channel % 8) * 8 + at % 8;
        if (channel >= (size_t)p->out_channels || k >= taps * depth) continue; /* already zero */
        to[at] = float_to_half(p->filter[(channel * depth + k % depth) * taps + k / depth]);
    }
}

status conv_cuda_pack_rows(const prepare_context *context, const conv_params *p, void **out)
{
    const pack_key key = {"conv_rows", p->filter, NULL, 0};
    return cuda_pack(context, &key, padded_count(p) * sizeof(uint16_t), write_rows, p, out);
}
