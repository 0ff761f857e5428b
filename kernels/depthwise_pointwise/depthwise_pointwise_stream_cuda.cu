// MobileNet's block for large maps: which tile, weights, launch. The kernel is in the .cuh beside.
#include "kernels/depthwise_pointwise/depthwise_pointwise_stream_cuda.cuh"

#include <cudaTypedefs.h>
#include <math.h>

#include "kernels/cuda/device.h"
#include "kernels/cuda/estimate.h"
#include "kernels/depthwise_pointwise/block_cuda.cuh"
#include "kernels/rows.h"

namespace
{

const int MOST_WAYS = 6; // offered to the tuner: the model of their cost is seldom wrong by more
const int MOST_WINDOW = 256; // of a side, and a limit of the copy engine
const int chunk_sizes[] = {64, 32};

struct stream_kernel {
    int pixels, channels;
    void (*kernel)(CUtensorMap, stream_arguments);
};

template <int PIXELS, int CHANNELS> constexpr stream_kernel kernel_of()
{
    return {PIXELS, CHANNELS, depthwise_pointwise_stream<stream_tile<PIXELS, CHANNELS>>};
}

const stream_kernel kernels[] = {kernel_of<64, 128>(), kernel_of<64, 192>(), kernel_of<64, 256>(),
                                 kernel_of<128, 64>(), kernel_of<128, 96>(), kernel_of<128, 128>()};

struct stream_state {
    stream_arguments arguments; // all but the tensors
    const stream_kernel *kernel;
    int blocks, shared_bytes;
    PFN_cuTensorMapEncodeTiled_v12000 encode;
};

// ---- what is covered ---------------------------------------------------------------------------

// What convolve_strip is compiled for.
int covers(const network *net, int first, precision)
{
    int steps = block_steps(net, first);
    if (!steps) return 0;
    const conv_params *p = &net->steps[first].as.conv;
    return p->stride[0] == p->stride[1] && p->dilation[0] == p->dilation[1] &&
                   p->stride[0] * p->dilation[0] <= 2
               ? steps
               : 0;
}

// ---- ways --------------------------------------------------------------------------------------

struct way {
    const stream_kernel *kernel;
    stream_arguments arguments;
    int blocks, shared_bytes;
    double cost;
};

stream_arguments shape_of(const network *net, const work *w)
{
    const step *s = &net->steps[w->first], *next = s + 1;
    const conv_params *p = &s->as.conv;
    const tensor *y = &net->tensors[next->output];
    stream_arguments a = {};
    a.out_height = y->dims[AXIS_H];
    a.out_width = y->dims[AXIS_W];
    a.channels = y->dims[AXIS_C];
    a.stride = p->stride[0];
    a.dilation = p->dilation[0];
    for (int i = 0; i < 2; i++) {
        a.pads[i] = p->pads[i];
        block_clamp(&s[i], &a.low[i], &a.high[i]);
    }
    return a;
}

void set_tile(stream_arguments *a, int pictures, int height, int width)
{
    a->tile_height = height;
    a->tile_width = width;
    a->window_height = (height - 1) * a->stride + 2 * a->dilation + 1;
    a->window_width = (width - 1) * a->stride + 2 * a->dilation + 1;
    a->down = divided(a->out_height, height);
    a->across = divided(a->out_width, width);
    a->tiles = pictures * a->down * a->across;
}

// The longest rings that fit, or false.
bool fit_rings(way *way, const cuda_device &g)
{
    stream_arguments *a = &way->arguments;
    const struct {
        int stages, slots;
    } rings[] = {{3, a->chunks}, {2, a->chunks}, {4, 4}, {3, 4}, {3, 3}, {2, 3}, {2, 2}};
    for (const auto &r : rings) {
        if (r.slots > a->chunks || r.slots > STREAM_MOST_SLOTS) continue;
        a->stages = r.stages;
        a->slots = r.slots;
        way->shared_bytes = stream_layout_of(*a, way->kernel->pixels, way->kernel->channels).end;
        if (way->shared_bytes <= g.block_shared_bytes) return true;
    }
    return false;
}

// Cycles of a multiprocessor, by rates as they are on one: good enough to leave hopeless ways out.
double cost_of(const way &way)
{
    const double strip = 550, product_rate = 1600, copy_rate = 40, meeting = 150, start = 3000;
    const stream_arguments &a = way.arguments;
    stream_layout l = stream_layout_of(a, way.kernel->pixels, way.kernel->channels);
    int strips = a.tile_height / 2 * (a.tile_width / STREAM_STRIP);
    double depthwise = divided(strips * a.chunk / 2, STREAM_HALF) * strip;
    double product = way.kernel->pixels * way.kernel->channels * a.chunk / product_rate;
    double copied = (l.window + (a.slots == a.chunks ? 0 : l.slot)) / copy_rate;
    double chunk = depthwise > product ? depthwise + product / 3 : product + depthwise / 3;
    if (chunk < copied) chunk = copied;
    double stored = way.kernel->pixels * way.kernel->channels / 40.0;
    int most = divided(a.tiles, way.blocks / a.splits);
    return start + most * ((chunk + meeting) * a.chunks + stored);
}

// The best tile for a kernel and a chunk.
bool choose_tile(const cuda_device &g, int pictures, way *best)
{
    way a = *best;
    best->cost = INFINITY;
    for (int height = 2; height <= a.kernel->pixels / STREAM_STRIP; height += 2)
        for (int width = STREAM_STRIP; width * height <= a.kernel->pixels; width += STREAM_STRIP) {
            set_tile(&a.arguments, pictures, height, width);
            const stream_arguments &t = a.arguments;
            if (t.window_height > MOST_WINDOW || t.window_width > MOST_WINDOW) continue;
            if (!fit_rings(&a, g)) continue;
            int columns = g.multiprocessors / t.splits;
            if (columns < 1) columns = 1;
            a.blocks = (columns < t.tiles ? columns : t.tiles) * t.splits;
            a.cost = cost_of(a);
            if (a.cost < best->cost) *best = a;
        }
    return best->cost < INFINITY;
}

status find_ways(const prepare_context *context, const network *net, const work *w,
                 way (&ways)[MOST_WAYS], int *count)
{
    const cuda_device &g = *static_cast<const cuda_device *>(context->device);
    const tensor *x = &net->tensors[net->steps[w->first].inputs[0]];
    int built;
    TRY(cuda_kernel_is_built(reinterpret_cast<const void *>(kernels[0].kernel), &built));
    *count = 0;
    if (!built) return STATUS_OK;
    for (const stream_kernel &k : kernels)
        for (int chunk : chunk_sizes) {
            way a = {&k, shape_of(net, w), 0, 0, 0};
            a.arguments.chunk = chunk;
            a.arguments.chunks = divided(x->dims[AXIS_C], chunk);
            a.arguments.splits = divided(a.arguments.channels, k.channels);
            if (choose_tile(g, x->dims[AXIS_N], &a)) block_insert(a, ways, count);
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

struct weights {
    const conv_params *conv;
    int chunk;
};

void write_taps(const void *user, void *host, size_t)
{
    const weights *w = static_cast<const weights *>(user);
    const conv_params *p = w->conv;
    for (int c = 0; c < p->out_channels; c++) {
        float *to = static_cast<float *>(host) +
                    static_cast<size_t>(c / w->chunk) * (STREAM_TAPS + 1) * w->chunk + c % w->chunk;
        for (int tap = 0; tap < STREAM_TAPS; tap++)
            to[tap * w->chunk] = p->filter[c * STREAM_TAPS + tap];
        to[STREAM_TAPS * w->chunk] = p->bias ? p->bias[c] : 0;
    }
}

// A row is a channel. Rows 8j .. 8j + 7 of 32, columns of a product, are channels 8i + 2j + e, so
// that a lane's sums of four products are neighbouring channels.
void write_filter(const void *user, void *host, size_t)
{
    const weights *w = static_cast<const weights *>(user);
    const conv_params *p = w->conv;
    __half *to = static_cast<__half *>(host);
    int rows = divided(p->out_channels, 32) * 32;
    for (int first = 0; first < p->in_channels; first += w->chunk)
        for (int row = 0; row < rows; row++, to += STREAM_ROW / 2) {
            int c = row / 32 * 32 + row % 8 / 2 * 8 + row % 32 / 8 * 2 + row % 2;
            for (int i = 0; i < w->chunk; i++)
                if (c < p->out_channels && first + i < p->in_channels)
                    to[(i / 8 ^ row % 8) * 8 + i % 8] = __float2half_rn(
                        p->filter[static_cast<size_t>(c) * p->in_channels + first + i]);
        }
}

status pack_weights(const prepare_context *context, const step *s, stream_arguments *a)
{
    const weights depthwise = {&s[0].as.conv, a->chunk}, pointwise = {&s[1].as.conv, a->chunk};
    const conv_params *p = depthwise.conv, *q = pointwise.conv;
    size_t depth = static_cast<size_t>(a->chunks) * a->chunk;
    size_t channels = static_cast<size_t>(divided(q->out_channels, 32)) * 32;
    bool wide = a->chunk == 64;
    const pack_key taps_key = {wide ? "depthwise_pointwise_stream_cuda taps 64"
                                    : "depthwise_pointwise_stream_cuda taps 32",
                               p->filter, p->bias, p->bias ? p->out_channels * sizeof(float) : 0};
    const pack_key filter_key = {wide ? "depthwise_pointwise_stream_cuda 64"
                                      : "depthwise_pointwise_stream_cuda 32",
                                 q->filter, nullptr, 0};
    void *taps, *filter;
    const void *bias = nullptr;
    TRY(cuda_pack(context, &taps_key, (STREAM_TAPS + 1) * depth * sizeof(float), write_taps,
                  &depthwise, &taps));
    TRY(cuda_pack(context, &filter_key, a->chunks * channels * STREAM_ROW, write_filter, &pointwise,
                  &filter));
    if (q->bias) TRY(cuda_pack_array(context, q->bias, q->out_channels * sizeof(float), &bias));
    a->taps = static_cast<const unsigned char *>(taps);
    a->filter = static_cast<const unsigned char *>(filter);
    a->bias = static_cast<const float *>(bias);
    return STATUS_OK;
}

// ---- prepare and run ---------------------------------------------------------------------------

status find_encoder(PFN_cuTensorMapEncodeTiled_v12000 *encode)
{
    void *found = nullptr;
    cudaDriverEntryPointQueryResult result;
    TRY(cuda_check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000,
                                                    cudaEnableDefault, &result),
                   "asking the driver for tensor maps"));
    if (result != cudaDriverEntryPointSuccess || !found)
        return fail(STATUS_UNSUPPORTED, "the driver has no tensor maps");
    *encode = reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(found);
    return STATUS_OK;
}

status prepare_way(const prepare_context *context, const network *net, work *w, const way &chosen)
{
    stream_state made = {chosen.arguments, chosen.kernel, chosen.blocks, chosen.shared_bytes,
                         nullptr};
    TRY(find_encoder(&made.encode));
    const void *kernel = reinterpret_cast<const void *>(chosen.kernel->kernel);
    TRY(cuda_allow_shared_memory(static_cast<const cuda_device *>(context->device), kernel));
    TRY(cuda_prefer_shared_memory(kernel));
    TRY(pack_weights(context, &net->steps[w->first], &made.arguments));
    return work_keep(w, &made, sizeof made);
}

status prepare(const prepare_context *context, const network *net, work *w)
{
    way ways[MOST_WAYS];
    int count;
    TRY(find_ways(context, net, w, ways, &count));
    if (w->variant >= count)
        return fail(STATUS_UNSUPPORTED, "depthwise_pointwise_stream_cuda has no way %d here",
                    w->variant);
    return prepare_way(context, net, w, ways[w->variant]);
}

// Innermost first. Where a window sticks out of the picture it is filled with zeros.
status map_windows(const stream_state *state, const network *net, const step *s, const run *r,
                   CUtensorMap *map)
{
    const stream_arguments &a = state->arguments;
    const int *dims = net->tensors[s->inputs[0]].dims;
    cuuint64_t sizes[4], strides[3], bytes = sizeof(__half);
    for (int i = 0; i < 4; i++) sizes[i] = dims[AXIS_C - i];
    for (int i = 0; i < 3; i++) strides[i] = bytes *= sizes[i];
    const cuuint32_t box[4] = {static_cast<cuuint32_t>(a.chunk),
                               static_cast<cuuint32_t>(a.window_width),
                               static_cast<cuuint32_t>(a.window_height), 1};
    const cuuint32_t steps[4] = {1, 1, 1, 1};
    CUresult error = state->encode(
        map, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, 4, tensor_at(net, s->inputs[0], r), sizes, strides,
        box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_NONE,
        CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    if (error == CUDA_SUCCESS) return STATUS_OK;
    return fail(STATUS_DEVICE, "%s: the driver makes no tensor map: error %d", s->nodes,
                static_cast<int>(error));
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first], *next = s + 1;
    const stream_state *state = static_cast<const stream_state *>(w->state);
    stream_arguments a = state->arguments;
    if (next->input_count > 1)
        a.residual = static_cast<const __half *>(tensor_at(net, next->inputs[1], r));
    a.y = static_cast<__half *>(tensor_at(net, next->output, r));
    CUtensorMap map;
    TRY(map_windows(state, net, s, r, &map));
    return cuda_launch_check(launch_kernel(r, state->kernel->kernel, dim3(state->blocks),
                                           dim3(STREAM_THREADS), state->shared_bytes, map, a),
                             w, net);
}

// As depthwise_pointwise_cuda's: a longer start, then faster.
double estimate(const network *net, int first, int)
{
    static const cuda_rates rates = {5, 0, 170e6, 170e6, 1.75e6};
    return cuda_estimate(net, &net->steps[first + 1], &rates);
}

} // namespace

extern "C" const row depthwise_pointwise_stream_cuda = {
    .name = "depthwise_pointwise_stream_cuda",
    .device = DEVICE_CUDA,
    .least_compute = 90,
    .covers = covers,
    .variants = variants,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = work_release,
    .estimate = estimate,
    .limit = 0,
    .limit_fp16 = 4e-2,
    .limit_because = "fp16 operands of 10 bits, the depthwise results among them, whose fp32 sums "
                     "cancel: as conv_cublaslt",
};
