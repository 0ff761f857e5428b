/* What the hand-written convolution rows cover, their filters in the orders of their kernels, and
 * what kernels are told. */
#include "kernels/conv/weights_cuda.h"

#include <string.h>

#include "kernels/element.h"

typedef struct weights {
    const void *filter;
    const float *bias;
} weights;

int conv_cuda_covers(const network *net, int first)
{
    const step *s = &net->steps[first];
    if (s->op != OP_CONV || !cuda_countable(net, s)) return 0;
    if (s->as.conv.out_channels > CUDA_MOST_CHANNELS) return 0;
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

status conv_cuda_pack_bias(const prepare_context *context, const conv_params *p, const float **out)
{
    const void *bias = NULL;
    if (p->bias)
        TRY(cuda_pack_array(context, p->bias, (size_t)p->out_channels * sizeof(float), &bias));
    *out = bias;
    return STATUS_OK;
}

status conv_cuda_prepare(const prepare_context *context, const network *net, work *w)
{
    const conv_params *p = &net->steps[w->first].as.conv;
    weights made = {NULL, NULL};
    TRY(cuda_pack_filter(context, p, &made.filter));
    TRY(conv_cuda_pack_bias(context, p, &made.bias));
    return work_keep(w, &made, sizeof made);
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

/* Where an element of the filter goes; `depth`: all of k, padded. */
typedef size_t (*place_rule)(size_t channel, size_t k, size_t channels, size_t depth);

/* Reads what ONNX has in its order and writes it to its place: no place costs a division. */
static inline void write_places(const conv_params *p, uint16_t *to, place_rule place)
{
    size_t taps = (size_t)p->kernel[0] * (size_t)p->kernel[1], ins = (size_t)p->in_channels;
    size_t depth = rounded(taps * ins, CONV_CUDA_STEP),
           channels = rounded((size_t)p->out_channels, CONV_CUDA_ROWS);
    const float *from = p->filter;
    for (size_t channel = 0; channel < (size_t)p->out_channels; channel++)
        for (size_t in = 0; in < ins; in++)
            for (size_t tap = 0; tap < taps; tap++)
                to[place(channel, tap * ins + in, channels, depth)] = float_to_half(*from++);
}

static inline size_t fragment_place(size_t channel, size_t k, size_t channels, size_t depth)
{
    (void)channels;
    size_t block = channel / 16 * (depth / 16) + k / 16, lane = channel % 8 * 4 + k % 8 / 2;
    return block * 256 + lane * 8 + channel % 16 / 8 * 4 + k % 16 / 8 * 2 + k % 2;
}

static void write_fragments(const void *user, void *host, size_t bytes)
{
    (void)bytes;
    write_places(user, host, fragment_place);
}

static size_t padded_count(const conv_params *p)
{
    size_t k = (size_t)p->kernel[0] * (size_t)p->kernel[1] * (size_t)p->in_channels;
    return rounded((size_t)p->out_channels, CONV_CUDA_ROWS) * rounded(k, CONV_CUDA_STEP);
}

status conv_cuda_pack_fragments(const prepare_context *context, const conv_params *p, void **out)
{
    const pack_key key = {"conv_fragments", p->filter, NULL, 0};
    return cuda_pack(context, &key, padded_count(p) * sizeof(uint16_t), write_fragments, p, out);
}

static inline size_t row_place(size_t channel, size_t k, size_t channels, size_t depth)
{
    (void)depth;
    return (k / 64 * channels + channel) * 64 + (k % 64 / 8 ^ channel % 8) * 8 + k % 8;
}

static void write_rows(const void *user, void *host, size_t bytes)
{
    (void)bytes;
    write_places(user, host, row_place);
}

status conv_cuda_pack_rows(const prepare_context *context, const conv_params *p, void **out)
{
    const pack_key key = {"conv_rows", p->filter, NULL, 0};
    return cuda_pack(context, &key, padded_count(p) * sizeof(uint16_t), write_rows, p, out);
}
