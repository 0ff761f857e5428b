// The 1x1 convolution that ends a unit of ResNet, with its shortcut added, and the one that begins
// the next, as one launch (conv_pair.cuh); between them there may be the pooling that thins out the
// next unit's shortcut. All outputs are written, since shortcuts read them.

#include "kernels/conv/conv.h"
#include "kernels/conv/weights_cuda.h"
#include "kernels/conv_pair/conv_pair_ways.cuh"
#include "kernels/cuda/estimate.h"
#include "kernels/max_pool/max_pool.h"
#include "kernels/rows.h"

namespace
{

struct plan {
    conv_pair_arguments arguments; // but for what is in the arena
    const pair_kernel *kernel;
    int shared_bytes;
};

// ---- what is covered ---------------------------------------------------------------------------

bool is_half(const network *net, const step *s)
{
    return cuda_reads_halves(net, s) && net->tensors[s->output].type == TYPE_FP16 &&
           cuda_countable(net, s);
}

bool is_pointwise(const network *net, const step *s)
{
    const conv_params *p = &s->as.conv;
    return conv_is_pointwise(s) && is_half(net, s) && p->in_channels % PAIR_STEP == 0 &&
           p->out_channels % PAIR_STEP == 0 && p->act.kind != ACTIVATION_SIGMOID;
}

bool is_thinned(const network *net, const step *s)
{
    return max_pool_thins(s + 1, s->output) && is_half(net, s + 1);
}

// Where there is a cluster whose blocks can hold their share.
bool fits(const conv_params *first, const conv_params *second)
{
    if (first->in_channels > MOST_CHANNELS || second->out_channels > MOST_CHANNELS) return false;
    for (int blocks : clusters)
        if (first->out_channels % (blocks * PAIR_STEP) == 0 &&
            first->out_channels / blocks <= MOST_OWN)
            return true;
    return false;
}

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    if (!is_pointwise(net, s)) return 0;
    int count = 2;
    if (first + 1 < net->step_count && is_thinned(net, s)) count = 3;
    if (first + count > net->step_count) return 0;
    const step *last = s + count - 1;
    return is_pointwise(net, last) && last->input_count == 1 && last->inputs[0] == s->output &&
                   fits(&s->as.conv, &last->as.conv)
               ? count
               : 0;
}

// ---- ways --------------------------------------------------------------------------------------

conv_pair_arguments shape_of(const network *net, const work *w)
{
    const step *s = &net->steps[w->first], *last = s + w->count - 1;
    const tensor *y = &net->tensors[s->output];
    conv_pair_arguments a = {};
    a.height = y->dims[AXIS_H];
    a.width = y->dims[AXIS_W];
    a.pixels = y->dims[AXIS_N] * a.height * a.width;
    a.ins = s->as.conv.in_channels;
    a.middle = s->as.conv.out_channels;
    a.outs = last->as.conv.out_channels;
    a.filter_rows[0] = divided(a.middle, CONV_CUDA_ROWS) * CONV_CUDA_ROWS;
    a.filter_rows[1] = divided(a.outs, CONV_CUDA_ROWS) * CONV_CUDA_ROWS;
    activation_limits(&s->as.conv.act, &a.low[0], &a.high[0]);
    activation_limits(&last->as.conv.act, &a.low[1], &a.high[1]);
    if (w->count == 3) {
        const tensor *pooled = &net->tensors[s[1].output];
        a.pooled_height = pooled->dims[AXIS_H];
        a.pooled_width = pooled->dims[AXIS_W];
        for (int i = 0; i < 2; i++) a.stride[i] = s[1].as.pool.stride[i];
    }
    return a;
}

status find_ways(const prepare_context *context, const network *net, const work *w,
                 pair_way (&ways)[MOST_WAYS], int *count)
{
    int built;
    TRY(cuda_kernel_is_built(reinterpret_cast<const void *>(kernels[0].kernel), &built));
    *count = 0;
    if (!built) return STATUS_OK;
    conv_pair_arguments shape = shape_of(net, w);
    for (const pair_kernel &k : kernels)
        add_ways(shape, k, *static_cast<const cuda_device *>(context->device), ways, count);
    return STATUS_OK;
}

int variants(const prepare_context *context, const network *net, const work *w)
{
    pair_way ways[MOST_WAYS];
    int count;
    return find_ways(context, net, w, ways, &count) == STATUS_OK && count > 0 ? count : 1;
}

// ---- prepare and run ---------------------------------------------------------------------------

status pack_weights(const prepare_context *context, const conv_params *p, conv_pair_arguments *a,
                    int index)
{
    void *filter;
    TRY(conv_cuda_pack_rows(context, p, &filter));
    TRY(conv_cuda_pack_bias(context, p, &a->biases[index]));
    a->filters[index] = static_cast<const unsigned char *>(filter);
    return STATUS_OK;
}

status prepare(const prepare_context *context, const network *net, work *w)
{
    pair_way ways[MOST_WAYS];
    int count;
    TRY(find_ways(context, net, w, ways, &count));
    if (w->variant >= count)
        return fail(STATUS_UNSUPPORTED, "conv_pair_cuda has no way %d here", w->variant);
    const pair_way &way = ways[w->variant];
    plan made = {shape_of(net, w), way.kernel, way.shared_bytes};
    made.arguments.blocks = way.blocks;
    made.arguments.stages = way.stages;
    const void *kernel = reinterpret_cast<const void *>(way.kernel->kernel);
    TRY(cuda_allow_shared_memory(static_cast<const cuda_device *>(context->device), kernel));
    TRY(cuda_prefer_shared_memory(kernel));
    TRY(pack_weights(context, &net->steps[w->first].as.conv, &made.arguments, 0));
    TRY(pack_weights(context, &net->steps[w->first + w->count - 1].as.conv, &made.arguments, 1));
    return work_keep(w, &made, sizeof made);
}

__half *halves_at(const network *net, int number, const run *r)
{
    return static_cast<__half *>(tensor_at(net, number, r));
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first], *last = s + w->count - 1;
    const plan *made = static_cast<const plan *>(w->state);
    conv_pair_arguments a = made->arguments;
    a.x = halves_at(net, s->inputs[0], r);
    if (s->input_count > 1) a.residual = halves_at(net, s->inputs[1], r);
    a.y = halves_at(net, s->output, r);
    if (w->count == 3) a.pooled = halves_at(net, s[1].output, r);
    a.z = halves_at(net, last->output, r);
    int blocks = divided(a.pixels, made->kernel->pixels) * a.blocks;
    return cuda_launch_check(launch_clusters(r, made->kernel->kernel, dim3(a.blocks), dim3(blocks),
                                             made->kernel->groups * 128, made->shared_bytes, a),
                             w, net);
}

// The first one's, since that moves most, the second's products, and both filters, which every
// cluster fetches for few pixels.
double estimate(const network *net, int first, int count)
{
    static const cuda_rates rates = {3, 0, 170e6, 170e6, 3e6}, more = {0, 0, 170e6, 170e6, 1e9};
    const step *s = &net->steps[first], *last = s + count - 1;
    const conv_params *p = &s->as.conv, *q = &last->as.conv;
    double weights = static_cast<double>(p->out_channels) * (p->in_channels + q->out_channels);
    return cuda_estimate(net, s, &rates) + cuda_estimate(net, last, &more) + weights * 1.1 / 262144;
}

} // namespace

extern "C" const row conv_pair_cuda = {
    .name = "conv_pair_cuda",
    .device = DEVICE_CUDA,
    .least_compute = 90,
    .covers = covers,
    .variants = variants,
    .revision = 1,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = work_release,
    .estimate = estimate,
    .limit = 0,
    .limit_fp16 = 4e-2,
    .limit_because =
        "fp16 operands of 10 bits, the first one's results among them, whose fp32 sums "
        "cancel: as conv_cublaslt",
    .writes = ROW_WRITES_ALL,
    .in_place = 1,
};
