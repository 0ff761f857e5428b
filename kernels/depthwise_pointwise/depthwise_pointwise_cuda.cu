// MobileNet's block on the tensor cores: which tile and cluster, weights, launch. The kernel is in
// the .cuh beside.
#include "kernels/depthwise_pointwise/depthwise_pointwise_cuda.cuh"

#include <math.h>
#include <stdlib.h>

#include "kernels/cuda/device.h"
#include "kernels/cuda/estimate.h"
#include "kernels/rows.h"

namespace
{

const int STEPS = 2;           // of the network
const int MOST_DEPTH = 1024;   // so that the smallest tile fits every GPU's shared memory
const int MOST_WAYS = 16;      // offered to the tuner
const int CHUNK = 4;           // steps in a slot where the filter does not stay whole
const int LARGEST_CLUSTER = 4; // with which all GPUs that have clusters can fill themselves

struct tile_kernel {
    int pixels, channels, threads;
    void (*kernel)(block_arguments);
    block_layout (*layout)(int steps, int chunk, int cluster);
};

template <int PIXELS, int CHANNELS, int ROWS, int COLUMNS, int SHARES> constexpr tile_kernel tile()
{
    typedef block_tile<PIXELS, CHANNELS, ROWS, COLUMNS, SHARES> t;
    return {PIXELS, CHANNELS, t::THREADS, depthwise_pointwise<t>, block_layout_of<t>};
}

const tile_kernel tiles[] = {
    tile<16, 64, 1, 2, 4>(),  tile<32, 32, 2, 1, 4>(),  tile<32, 64, 2, 2, 2>(),
    tile<32, 96, 2, 3, 1>(),  tile<32, 128, 1, 4, 2>(), tile<64, 64, 2, 2, 2>(),
    tile<64, 96, 2, 3, 1>(),  tile<64, 128, 2, 4, 1>(), tile<64, 256, 2, 4, 1>(),
    tile<128, 64, 4, 2, 1>(), tile<128, 128, 4, 2, 1>()};

struct block_state {
    const float *taps;
    const uint4 *filter;
    const float *bias;
    const tile_kernel *tile;
    int chunk, cluster, shared_bytes;
};

int steps_of(const conv_params *pointwise)
{
    return (pointwise->in_channels + BLOCK_STEP - 1) / BLOCK_STEP;
}

int divided(int a, int b)
{
    return (a + b - 1) / b;
}

int groups_of(const tensor *y)
{
    return y->dims[AXIS_N] * divided(y->dims[AXIS_H], 2) * divided(y->dims[AXIS_W], 2);
}

// ---- what is covered ---------------------------------------------------------------------------

bool is_clamp(const activation &act)
{
    return act.kind == ACTIVATION_NONE || act.kind == ACTIVATION_CLAMP;
}

bool is_half(const network *net, const step *s)
{
    for (int i = 0; i < s->input_count; i++) {
        const tensor *t = &net->tensors[s->inputs[i]];
        if (t->constant || t->type != TYPE_FP16) return false;
    }
    return net->tensors[s->output].type == TYPE_FP16;
}

bool is_depthwise(const step *s)
{
    const conv_params *p = &s->as.conv;
    return s->op == OP_CONV && s->input_count == 1 && p->groups == p->in_channels &&
           p->groups == p->out_channels && p->kernel[0] == 3 && p->kernel[1] == 3 &&
           p->in_channels % 8 == 0 && p->in_channels <= MOST_DEPTH && is_clamp(p->act);
}

bool is_pointwise(const step *s)
{
    const conv_params *p = &s->as.conv;
    return s->op == OP_CONV && p->groups == 1 && p->kernel[0] == 1 && p->kernel[1] == 1 &&
           p->stride[0] == 1 && p->stride[1] == 1 && !p->pads[0] && !p->pads[1] && !p->pads[2] &&
           !p->pads[3] && p->out_channels % 8 == 0 && is_clamp(p->act);
}

int covers(const network *net, int first, precision)
{
    if (first + 1 >= net->step_count) return 0;
    const step *s = &net->steps[first], *next = s + 1;
    if (!is_depthwise(s) || !is_pointwise(next) || next->inputs[0] != s->output) return 0;
    if (next->input_count > 1 && next->inputs[1] == s->output) return 0;
    return is_half(net, s) && is_half(net, next) && cuda_countable(net, s) &&
                   cuda_countable(net, next)
               ? STEPS
               : 0;
}

// ---- ways --------------------------------------------------------------------------------------

struct way {
    const tile_kernel *tile;
    int chunk, cluster, shared_bytes;
    double cost;
};

struct gpu {
    int compute, multiprocessors, shared_bytes, block_shared_bytes;
};

status describe(const prepare_context *context, gpu *out)
{
    int device = static_cast<const cuda_device *>(context->device)->index, minor;
    const char *doing = "asking about the GPU";
    const struct {
        cudaDeviceAttr attribute;
        int *to;
    } asked[] = {{cudaDevAttrComputeCapabilityMajor, &out->compute},
                 {cudaDevAttrComputeCapabilityMinor, &minor},
                 {cudaDevAttrMultiProcessorCount, &out->multiprocessors},
                 {cudaDevAttrMaxSharedMemoryPerMultiprocessor, &out->shared_bytes},
                 {cudaDevAttrMaxSharedMemoryPerBlockOptin, &out->block_shared_bytes}};
    for (const auto &a : asked)
        TRY(cuda_check(cudaDeviceGetAttribute(a.to, a.attribute, device), doing));
    out->compute = out->compute * 10 + minor;
    return STATUS_OK;
}

// Cycles of a multiprocessor that has its part of the blocks, by rates and delays as measured on
// one: good enough to leave hopeless ways out, and to begin with.
double cost_of(const gpu &g, const network *net, const work *w, const way &a)
{
    const double depthwise_rate = 5, product_rate = 600, copy_rate = 40, delay = 1500,
                 meeting = 600;
    const conv_params *p = &net->steps[w->first + 1].as.conv;
    double pixels = a.tile->pixels, depth = steps_of(p) * BLOCK_STEP;
    int blocks = divided(groups_of(&net->tensors[net->steps[w->first + 1].output]) * BLOCK_GROUP,
                         a.tile->pixels) *
                 divided(divided(p->out_channels, a.tile->channels), a.cluster) * a.cluster;
    int at_once = g.shared_bytes / (a.shared_bytes + 1024);
    if (at_once > 2048 / a.tile->threads) at_once = 2048 / a.tile->threads;
    if (at_once > 2) at_once = 2;
    double rounds = divided(blocks, g.multiprocessors * at_once);
    double each = pixels * depth / a.cluster / depthwise_rate +
                  pixels * depth * a.tile->channels / product_rate +
                  a.tile->channels * depth * 2 / copy_rate;
    double most = divided(blocks, g.multiprocessors);
    return delay * rounds + most * each + (a.cluster > 1 ? meeting : 0) +
           (a.shared_bytes * 2 > g.shared_bytes ? delay / 2 : 0);
}

bool possible(const gpu &g, const conv_params *p, const way &a)
{
    int across = divided(p->out_channels, a.tile->channels);
    if (a.cluster > 1 && (g.compute < 90 || across < a.cluster)) return false;
    if (a.tile->channels > 64 && a.tile->channels >= p->out_channels + 64) return false;
    return a.shared_bytes <= g.block_shared_bytes;
}

// Keeps the cheapest in order.
void insert(const way &a, way (&ways)[MOST_WAYS], int *count)
{
    int at = *count;
    while (at > 0 && a.cost < ways[at - 1].cost) at--;
    if (at == MOST_WAYS) return;
    if (*count < MOST_WAYS) ++*count;
    for (int i = *count - 1; i > at; i--) ways[i] = ways[i - 1];
    ways[at] = a;
}

status find_ways(const prepare_context *context, const network *net, const work *w,
                 way (&ways)[MOST_WAYS], int *count)
{
    gpu g;
    TRY(describe(context, &g));
    const conv_params *p = &net->steps[w->first + 1].as.conv;
    int steps = steps_of(p);
    *count = 0;
    for (const tile_kernel &t : tiles)
        for (int whole = 1; whole >= 0; whole--)
            for (int cluster = 1; cluster <= LARGEST_CLUSTER; cluster *= 2) {
                if (!whole && steps <= CHUNK) continue;
                way a = {&t, whole ? steps : CHUNK, cluster, 0, 0};
                a.shared_bytes = t.layout(steps, a.chunk, cluster).end;
                if (!possible(g, p, a)) continue;
                a.cost = cost_of(g, net, w, a);
                insert(a, ways, count);
            }
    return STATUS_OK;
}

int variants(const prepare_context *context, const network *net, const work *w)
{
    way ways[MOST_WAYS];
    int count;
    return find_ways(context, net, w, ways, &count) == STATUS_OK && count > 0 ? count : 1;
}

// ---- weights -----------------------------------------------------------------------------------

void write_taps(const void *user, void *host, size_t)
{
    const conv_params *p = static_cast<const conv_params *>(user);
    float *to = static_cast<float *>(host);
    int padded = divided(p->out_channels, BLOCK_STEP) * BLOCK_STEP;
    for (int c = 0; c < p->out_channels; c++) {
        for (int tap = 0; tap < BLOCK_TAPS; tap++)
            to[tap * padded + c] = p->filter[c * BLOCK_TAPS + tap];
        to[BLOCK_TAPS * padded + c] = p->bias ? p->bias[c] : 0;
    }
}

// Lane l of a fragment of 32 channels, q = l % 4 and g = l / 4, has rows 2q, 2q + 1, 2q + 8 and
// 2q + 9 of column g of four products. Column 2i + e of product j is channel 8i + 2j + e.
void write_filter(const void *user, void *host, size_t)
{
    const conv_params *p = static_cast<const conv_params *>(user);
    __half *to = static_cast<__half *>(host);
    int blocks = divided(p->out_channels, 32), steps = steps_of(p);
    for (int block = 0; block < blocks; block++)
        for (int k = 0; k < steps; k++)
            for (int half = 0; half < 2; half++)
                for (int lane = 0; lane < 32; lane++)
                    for (int i = 0; i < 8; i++, to++) {
                        int product = half * 2 + i / 4, column = lane / 4;
                        int c = block * 32 + column / 2 * 8 + product * 2 + column % 2;
                        int in = k * BLOCK_STEP + lane % 4 * 2 + i / 2 % 2 * 8 + i % 2;
                        if (c < p->out_channels && in < p->in_channels)
                            *to = __float2half_rn(
                                p->filter[static_cast<size_t>(c) * p->in_channels + in]);
                    }
}

void write_bias(const void *user, void *host, size_t)
{
    const conv_params *p = static_cast<const conv_params *>(user);
    for (int c = 0; p->bias && c < p->out_channels; c++) static_cast<float *>(host)[c] = p->bias[c];
}

status pack_weights(const prepare_context *context, const step *s, block_state *state)
{
    const conv_params *p = &s[0].as.conv, *q = &s[1].as.conv;
    size_t depth = static_cast<size_t>(steps_of(q)) * BLOCK_STEP;
    size_t channels = static_cast<size_t>(divided(q->out_channels, 32)) * 32;
    const pack_key taps_key = {"depthwise_pointwise_cuda taps", p->filter, p->bias,
                               p->bias ? p->out_channels * sizeof(float) : 0};
    const pack_key filter_key = {"depthwise_pointwise_cuda", q->filter, nullptr, 0};
    const pack_key bias_key = {"depthwise_pointwise_cuda bias", nullptr,
                               q->bias ? static_cast<const void *>(q->bias) : &q->out_channels,
                               q->bias ? q->out_channels * sizeof(float) : sizeof(int)};
    void *taps, *filter, *bias;
    TRY(cuda_pack(context, &taps_key, (BLOCK_TAPS + 1) * depth * sizeof(float), write_taps, p,
                  &taps));
    TRY(cuda_pack(context, &filter_key, depth * channels * sizeof(__half), write_filter, q,
                  &filter));
    TRY(cuda_pack(context, &bias_key, channels * sizeof(float), write_bias, q, &bias));
    state->taps = static_cast<const float *>(taps);
    state->filter = static_cast<const uint4 *>(filter);
    state->bias = static_cast<const float *>(bias);
    return STATUS_OK;
}

// ---- prepare and run ---------------------------------------------------------------------------

// The most, since both belong to the kernel and not to one launch; and with one split between cache
// and shared memory, kernels may follow one another without a pause.
status allow_shared_memory(const prepare_context *context, const tile_kernel *t)
{
    gpu g;
    TRY(describe(context, &g));
    const char *doing = "reserving shared memory";
    TRY(cuda_check(cudaFuncSetAttribute(t->kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                        g.block_shared_bytes),
                   doing));
    return cuda_check(cudaFuncSetAttribute(t->kernel,
                                           cudaFuncAttributePreferredSharedMemoryCarveout,
                                           cudaSharedmemCarveoutMaxShared),
                      doing);
}

status prepare(const prepare_context *context, const network *net, work *w)
{
    way ways[MOST_WAYS];
    int count;
    TRY(find_ways(context, net, w, ways, &count));
    if (w->variant >= count)
        return fail(STATUS_UNSUPPORTED, "depthwise_pointwise_cuda has no way %d here", w->variant);
    const way *chosen = &ways[w->variant];
    block_state made = {};
    made.tile = chosen->tile;
    made.chunk = chosen->chunk;
    made.cluster = chosen->cluster;
    made.shared_bytes = chosen->shared_bytes;
    TRY(allow_shared_memory(context, chosen->tile));
    TRY(pack_weights(context, &net->steps[w->first], &made));
    block_state *kept = static_cast<block_state *>(heap_array(1, sizeof *kept));
    if (!kept) return STATUS_MEMORY;
    *kept = made;
    w->state = kept;
    return STATUS_OK;
}

void release(work *w)
{
    free(w->state);
    w->state = nullptr;
}

block_arguments arguments_of(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first], *next = s + 1;
    const conv_params *p = &s->as.conv;
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[next->output];
    const block_state *state = static_cast<const block_state *>(w->state);
    block_arguments a = {};
    a.x = static_cast<const __half *>(tensor_at(net, s->inputs[0], r));
    if (next->input_count > 1)
        a.residual = static_cast<const __half *>(tensor_at(net, next->inputs[1], r));
    a.y = static_cast<__half *>(tensor_at(net, next->output, r));
    a.taps = state->taps;
    a.filter = state->filter;
    a.bias = state->bias;
    a.height = x->dims[AXIS_H];
    a.width = x->dims[AXIS_W];
    a.depth = x->dims[AXIS_C];
    a.out_height = y->dims[AXIS_H];
    a.out_width = y->dims[AXIS_W];
    a.channels = y->dims[AXIS_C];
    a.down = divided(a.out_height, 2);
    a.across = divided(a.out_width, 2);
    a.groups = groups_of(y);
    for (int i = 0; i < 2; i++) {
        const activation *act = &s[i].as.conv.act;
        a.stride[i] = p->stride[i];
        a.dilation[i] = p->dilation[i];
        a.pads[i] = p->pads[i];
        a.low[i] = act->kind == ACTIVATION_CLAMP ? act->low : -INFINITY;
        a.high[i] = act->kind == ACTIVATION_CLAMP ? act->high : INFINITY;
    }
    a.steps = steps_of(&next->as.conv);
    a.chunk = state->chunk;
    a.cluster = state->cluster;
    return a;
}

status enqueue(const work *w, const network *net, const run *r)
{
    const block_state *state = static_cast<const block_state *>(w->state);
    block_arguments a = arguments_of(w, net, r);
    dim3 blocks(divided(a.groups * BLOCK_GROUP, state->tile->pixels),
                divided(divided(a.channels, state->tile->channels), a.cluster) * a.cluster);
    return cuda_check(launch_clusters(r, state->tile->kernel, dim3(1, a.cluster), blocks,
                                      state->tile->threads, state->shared_bytes, a),
                      net->steps[w->first].nodes);
}

// The pointwise step's, whose input is the depthwise one's: what is not moved in between is what a
// block saves.
double estimate(const network *net, int first, int)
{
    static const cuda_rates rates = {3.5, 0, 100e6, 100e6, 1.3e6};
    return cuda_estimate(net, &net->steps[first + 1], &rates);
}

} // namespace

extern "C" const row depthwise_pointwise_cuda = {
    .name = "depthwise_pointwise_cuda",
    .device = DEVICE_CUDA,
    .least_compute = 80,
    .covers = covers,
    .variants = variants,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = release,
    .estimate = estimate,
    .limit = 0,
    .limit_fp16 = 4e-2,
    .limit_because = "fp16 operands of 10 bits, the depthwise results among them, whose fp32 sums "
                     "cancel: as conv_cublaslt",
};
