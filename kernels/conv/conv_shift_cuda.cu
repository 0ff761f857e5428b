// fp16 convolution of small maps on Hopper: 3x3, stride 1, padded such that y is as large as x,
// bias, residual and clamp inside (shift/conv_shift.cuh). Channels in multiples of 64, dilation as
// far as shared memory has room for what lies around a tile.

#include "kernels/conv/conv.h"
#include "kernels/conv/shift/shift_ways.cuh"
#include "kernels/conv/weights_cuda.h"
#include "kernels/cuda/estimate.h"
#include "kernels/rows.h"

namespace
{

struct plan {
    conv_shift_arguments arguments; // but for what is in the arena
    const shift_kernel *kernel;
    int stretches, shared_bytes;
};

// ---- what is covered, and its ways --------------------------------------------------------------

conv_shift_arguments shape_of(const network *net, const step *s)
{
    const conv_params *p = &s->as.conv;
    const tensor *y = &net->tensors[s->output];
    conv_shift_arguments a = {};
    a.pictures = y->dims[AXIS_N];
    a.height = y->dims[AXIS_H];
    a.width = y->dims[AXIS_W];
    a.ins = p->in_channels;
    a.outs = p->out_channels;
    a.dilation = p->dilation[0];
    a.lines = a.height + a.dilation;
    a.pitch = a.width + a.dilation;
    a.by_lines = inverse_of(a.lines);
    a.by_pitch = inverse_of(a.pitch);
    activation_limits(&p->act, &a.low, &a.high);
    return a;
}

bool is_same_3x3(const conv_params *p)
{
    const int d = p->dilation[0];
    for (int pad : p->pads)
        if (pad != d) return false;
    return p->groups == 1 && p->kernel[0] == 3 && p->kernel[1] == 3 && p->stride[0] == 1 &&
           p->stride[1] == 1 && p->dilation[1] == d;
}

// Whether the smallest way fits a block of compute capability 9.0, and inverse_of holds.
bool fits(conv_shift_arguments a)
{
    const int shared_bytes = 227 * 1024;
    if (a.dilation > 64 || a.pitch >= 1 << 14 || a.lines >= 1 << 14) return false;
    if (all_pixels(a) * (a.pitch > a.lines ? a.pitch : a.lines) > INT32_MAX) return false;
    for (int bits = 0; bits <= MOST_SHARE_BITS; bits++)
        if (set_shares(&a, kernels[0], bits) && set_room(&a, kernels[0], shared_bytes)) return true;
    return false;
}

int covers(const network *net, int first, precision)
{
    if (!conv_cuda_covers(net, first)) return 0;
    const step *s = &net->steps[first];
    const conv_params *p = &s->as.conv;
    if (!cuda_reads_halves(net, s) || net->tensors[s->output].type != TYPE_FP16) return 0;
    if (!is_same_3x3(p) || p->act.kind == ACTIVATION_SIGMOID) return 0;
    if (p->in_channels % 64 != 0 || p->out_channels % SHIFT_CHANNELS != 0) return 0;
    return fits(shape_of(net, s));
}

// None where this build has the kernels empty.
status find_ways(const prepare_context *context, const network *net, const step *s,
                 shift_way (&ways)[MOST_WAYS], int *count)
{
    int built;
    *count = 0;
    TRY(cuda_kernel_is_built(reinterpret_cast<const void *>(kernels[0].kernel), &built));
    if (!built) return STATUS_OK;
    return list_ways(static_cast<const cuda_device *>(context->device), shape_of(net, s), ways,
                     count);
}

int variants(const prepare_context *context, const network *net, const work *w)
{
    shift_way ways[MOST_WAYS];
    int count;
    return find_ways(context, net, &net->steps[w->first], ways, &count) == STATUS_OK && count > 0
               ? count
               : 1;
}

// ---- weights ------------------------------------------------------------------------------------

void write_units(const void *user, void *host, size_t)
{
    const conv_params *p = static_cast<const conv_params *>(user);
    const float *from = p->filter;
    const size_t units = p->in_channels / SHIFT_STEP;
    for (int channel = 0; channel < p->out_channels; channel++)
        for (int in = 0; in < p->in_channels; in++) {
            size_t unit = channel / SHIFT_CHANNELS * units + in / SHIFT_STEP;
            size_t piece =
                in % SHIFT_STEP / 8 * SHIFT_CHANNELS + shift_row(channel % SHIFT_CHANNELS);
            __half *to = static_cast<__half *>(host) + unit * SHIFT_UNIT / 2 + piece * 8 + in % 8;
            for (int tap = 0; tap < SHIFT_TAPS; tap++)
                to[tap * SHIFT_HALF_TAP] = __float2half_rn(*from++);
        }
}

status pack_weights(const prepare_context *context, const conv_params *p, conv_shift_arguments *a)
{
    const pack_key key = {"conv_shift_cuda", p->filter, nullptr, 0};
    size_t units =
        static_cast<size_t>(p->out_channels) / SHIFT_CHANNELS * p->in_channels / SHIFT_STEP;
    void *filter;
    TRY(cuda_pack(context, &key, units * SHIFT_UNIT, write_units, p, &filter));
    TRY(conv_cuda_pack_bias(context, p, &a->bias));
    a->filter = static_cast<const unsigned char *>(filter);
    return STATUS_OK;
}

// ---- prepare and run ----------------------------------------------------------------------------

status prepare(const prepare_context *context, const network *net, work *w)
{
    const step *s = &net->steps[w->first];
    shift_way ways[MOST_WAYS];
    int count;
    TRY(find_ways(context, net, s, ways, &count));
    if (w->variant >= count)
        return fail(STATUS_UNSUPPORTED, "conv_shift_cuda has no way %d here", w->variant);
    const shift_way &way = ways[w->variant];
    plan made = {shape_of(net, s), way.kernel, way.stretches, way.shared_bytes};
    set_shares(&made.arguments, *way.kernel, way.share_bits);
    made.arguments.stages = way.stages;
    made.arguments.apart = way.apart;
    made.arguments.patient = way.patient;
    const void *kernel = reinterpret_cast<const void *>(way.kernel->kernel);
    TRY(cuda_allow_shared_memory(static_cast<const cuda_device *>(context->device), kernel));
    TRY(cuda_prefer_shared_memory(kernel));
    TRY(pack_weights(context, &s->as.conv, &made.arguments));
    return work_keep(w, &made, sizeof made);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const plan *made = static_cast<const plan *>(w->state);
    const step *s = &net->steps[w->first];
    conv_shift_arguments a = made->arguments;
    a.x = static_cast<const __half *>(tensor_at(net, s->inputs[0], r));
    if (s->input_count > 1)
        a.residual = static_cast<const __half *>(tensor_at(net, s->inputs[1], r));
    a.y = static_cast<__half *>(tensor_at(net, s->output, r));
    dim3 blocks(made->stretches << a.share_bits, a.outs / SHIFT_CHANNELS);
    return cuda_launch_check(launch_clusters(r, made->kernel->kernel, dim3(1 << a.share_bits),
                                             blocks, dim3(SHIFT_THREADS), made->shared_bytes, a),
                             w, net);
}

// As fitted: half a microsecond less than conv_tma_cuda where that is too much, for small layers;
// more where products set the pace.
double estimate(const network *net, int first, int)
{
    static const cuda_rates rates = {2.5, 0, 360e6, 360e6, 3e6};
    return cuda_estimate(net, &net->steps[first], &rates);
}

} // namespace

extern "C" const row conv_shift_cuda = {
    .name = "conv_shift_cuda",
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
    .limit_because = "fp32 sums of fp16 products of 10 bits, which cancel: as conv_tma_cuda",
    .in_place = 1,
};
