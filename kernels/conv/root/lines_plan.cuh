// The host's side of root_lines.cuh: which steps it covers, the filter as rows of products, the
// ways, and y's map. Rows that compute the convolution alone (POOL false) and with the pooling
// after it share it.
#ifndef POSENET_KERNELS_CONV_ROOT_LINES_PLAN_CUH
#define POSENET_KERNELS_CONV_ROOT_LINES_PLAN_CUH

#include "kernels/conv/root/root_lines.cuh"
#include "kernels/conv/weights_cuda.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/tensor_map.cuh"
#include "kernels/cuda/ways.cuh"

namespace
{

// ---- the kernels --------------------------------------------------------------------------------

struct lines_kernel {
    void (*entry)(CUtensorMap, lines_arguments);
    int columns, out_columns, abreast, pairs, shared_bytes;
};

template <typename S> constexpr lines_kernel lines_kernel_of()
{
    return {root_lines<S>, S::COLUMNS, S::OUT_COLUMNS, S::ABREAST, S::PAIRS, S::SHARED_BYTES};
}

enum { LINES_WAYS = 2 };

template <bool POOL> const lines_kernel *lines_kernels()
{
    using wide = lines_shape<POOL ? 7 : 3, 8, 9, POOL>;
    using narrow = lines_shape<POOL ? 7 : 3, 4, 5, POOL>;
    static const lines_kernel kernels[LINES_WAYS] = {lines_kernel_of<wide>(),
                                                     lines_kernel_of<narrow>()};
    return kernels;
}

// ---- what is covered ----------------------------------------------------------------------------

template <bool POOL> int lines_covers_conv(const network *net, int first)
{
    if (!conv_cuda_covers_plain(net, first)) return 0;
    const step *s = &net->steps[first];
    const conv_params *p = &s->as.conv;
    for (int i = 0; i < 2; i++)
        if (p->kernel[i] != (POOL ? 7 : 3) || p->stride[i] != LINES_STRIDE || p->dilation[i] != 1)
            return 0;
    for (int pad : p->pads)
        if (pad >= p->kernel[0]) return 0; // RAW_BEFORE
    return net->tensors[s->output].type == TYPE_FP16 && s->input_count == 1 && p->groups == 1 &&
           p->in_channels == LINES_DEPTH && p->act.kind != ACTIVATION_SIGMOID &&
           (POOL ? p->out_channels == LINES_ROWS
                 : p->out_channels <= LINES_ROWS / 2 && p->out_channels % 8 == 0);
}

// ---- the filter ---------------------------------------------------------------------------------

// Part `number` of LINES_ONES of a bias; their sum is what it is.
float lines_bias_part(float bias, int number)
{
    const float most = 65504;
    if (!(bias - bias == 0)) return number ? 0 : bias; // infinite or NaN
    float part = 0;
    for (int i = 0; i <= number; i++) {
        bias -= part;
        part = bias > most ? most : bias < -most ? -most : bias;
        part = __half2float(__float2half_rn(part));
    }
    return part;
}

// What half `at` of piece `piece`, 0 or 1, of product `product` is multiplied by in row `row`.
template <typename S>
float lines_weight(const conv_params *p, int row, int product, int piece, int at)
{
    int channel = row % S::CHANNELS, line = product, half = piece * LINES_APART + at;
    if (channel >= p->out_channels) return 0;
    bool repeated = piece == 1 && at < 8 - LINES_APART; // the piece before has them
    if (product >= S::SPAN) {
        line = S::TAILS ? (product - S::SPAN) * 2 + piece : S::SPAN + piece;
        half = LINES_APART + 7 + at;
        repeated = at == 0;
    }
    if (line == S::SPAN) { // ones
        if (at == LINES_ONES) return S::POOL;
        return p->bias ? lines_bias_part(p->bias[channel], at) : 0;
    }
    int ky = line - row / S::CHANNELS * LINES_STRIDE, kx = half / LINES_DEPTH;
    if (repeated || line > S::SPAN || ky < 0 || ky >= S::KERNEL || kx >= S::KERNEL) return 0;
    return p
        ->filter[((channel * LINES_DEPTH + half % LINES_DEPTH) * S::KERNEL + ky) * S::KERNEL + kx];
}

// [product][thread of the warpgroup]: four words of two halves, the product's fragment.
template <typename S> void lines_filter_write(const void *user, void *host, size_t)
{
    const conv_params *p = static_cast<const conv_params *>(user);
    __half *to = static_cast<__half *>(host);
    for (int product = 0; product < S::PRODUCTS; product++)
        for (int thread = 0; thread < LINES_GROUP; thread++)
            for (int i = 0; i < 8; i++) {
                int lane = thread % 32, word = i / 2;
                int row = thread / 32 * 16 + lane / 4 + word % 2 * 8;
                *to++ = __float2half_rn(
                    lines_weight<S>(p, row, product, word / 2, lane % 4 * 2 + i % 2));
            }
}

template <bool POOL>
status lines_pack(const prepare_context *context, const conv_params *p, const uint4 **out)
{
    using shape = lines_shape<POOL ? 7 : 3, 8, 9, POOL>; // of any width
    const pack_key key = {"conv_root lines", p->filter, p->bias,
                          p->bias ? p->out_channels * sizeof(float) : 0};
    void *filter;
    TRY(cuda_pack(context, &key, shape::PRODUCTS * LINES_GROUP * sizeof(uint4),
                  lines_filter_write<shape>, p, &filter));
    *out = static_cast<const uint4 *>(filter);
    return STATUS_OK;
}

// ---- ways ---------------------------------------------------------------------------------------

struct lines_way {
    const lines_kernel *kernel;
    int total, blocks;
    double cost;
};

int lines_rows(const lines_kernel &k, const tensor *y, bool pool)
{
    return pool ? y->dims[AXIS_H] : divided(y->dims[AXIS_H], k.abreast);
}

// Expected cycles, in the roughest way, as they were on an H200: the first pairs of lines, then
// step by step, with one or two blocks on a multiprocessor.
lines_way lines_way_of(const lines_kernel &k, const tensor *y, bool pool, const cuda_device *gpu)
{
    const double alone = 400, alone_column = 5, two = 800, two_column = 15, pair = 250;
    lines_way w = {&k, 0, 0, 0};
    w.total = y->dims[AXIS_N] * divided(y->dims[AXIS_W], k.out_columns) * lines_rows(k, y, pool);
    int together = 2 * gpu->multiprocessors; // as launch bounds and shared memory allow
    int rows = divided(w.total, together), steps = pool ? rows * 2 + 1 : rows;
    w.blocks = divided(w.total, rows);
    w.cost = k.pairs * (pair + k.columns) + steps * (w.blocks > gpu->multiprocessors
                                                         ? two + k.columns * two_column
                                                         : alone + k.columns * alone_column);
    return w;
}

// The most promising first; how many. None where this build has the kernels empty.
template <bool POOL>
status lines_rank(const prepare_context *context, const network *net, const work *w,
                  lines_way ranked[LINES_WAYS], int *count)
{
    const cuda_device *gpu = static_cast<const cuda_device *>(context->device);
    const tensor *y = &net->tensors[net->steps[w->first + w->count - 1].output];
    const lines_kernel *kernels = lines_kernels<POOL>();
    int built;
    *count = 0;
    TRY(cuda_kernel_is_built(reinterpret_cast<const void *>(kernels[0].entry), &built));
    for (int i = 0; built && i < LINES_WAYS; i++)
        if (kernels[i].shared_bytes <= gpu->block_shared_bytes)
            keep_way(ranked, count, LINES_WAYS, lines_way_of(kernels[i], y, POOL, gpu));
    return STATUS_OK;
}

template <bool POOL>
int lines_variants(const prepare_context *context, const network *net, const work *w)
{
    lines_way ranked[LINES_WAYS];
    int count;
    return lines_rank<POOL>(context, net, w, ranked, &count) == STATUS_OK && count > 0 ? count : 1;
}

// ---- prepare and run ----------------------------------------------------------------------------

struct lines_state {
    lines_way way;
    const uint4 *filter;
    PFN_cuTensorMapEncodeTiled_v12000 encode;
};

template <bool POOL>
status lines_prepare(const prepare_context *context, const network *net, work *w)
{
    lines_way ranked[LINES_WAYS];
    int count;
    TRY(lines_rank<POOL>(context, net, w, ranked, &count));
    if (w->variant >= count)
        return fail(STATUS_UNSUPPORTED, "%s has no way %d here", w->row->name, w->variant);
    lines_state made = {ranked[w->variant], nullptr, nullptr};
    const void *kernel = reinterpret_cast<const void *>(made.way.kernel->entry);
    TRY(cuda_allow_shared_memory(static_cast<const cuda_device *>(context->device), kernel));
    TRY(cuda_prefer_shared_memory(kernel));
    TRY(lines_pack<POOL>(context, &net->steps[w->first].as.conv, &made.filter));
    TRY(find_map_encoder(&made.encode));
    return work_keep(w, &made, sizeof made);
}

// Of boxes of 64, 32 and 16 channels a pixel (lines_permute); others are not permuted.
int lines_permuted(int channels)
{
    return channels == 64 ? 7 : channels == 32 ? 3 : channels == 16 ? 1 : 0;
}

template <bool POOL> status lines_enqueue(const work *w, const network *net, const run *r)
{
    const lines_state *s = static_cast<const lines_state *>(w->state);
    const step *conv = &net->steps[w->first], *last = &net->steps[w->first + w->count - 1];
    const conv_params *p = &conv->as.conv;
    const lines_kernel &k = *s->way.kernel;
    cuda_view x = cuda_tensor(net, r, conv->inputs[0]), y = cuda_tensor(net, r, last->output);
    lines_arguments a = {};
    a.x = static_cast<const __half *>(x.data);
    a.filter = s->filter;
    a.height = x.dims[AXIS_H];
    a.width = x.dims[AXIS_W];
    a.halves = static_cast<int>(tensor_count(&net->tensors[conv->inputs[0]]));
    a.conv_height = net->tensors[conv->output].dims[AXIS_H];
    a.conv_width = net->tensors[conv->output].dims[AXIS_W];
    a.rows = lines_rows(k, &net->tensors[last->output], POOL);
    a.tiles = divided(y.dims[AXIS_W], k.out_columns);
    a.total = s->way.total;
    for (int i = 0; i < 2; i++) {
        a.pads[i] = p->pads[i];
        a.pool_pads[i] = POOL ? last->as.pool.pads[i] : 0;
    }
    a.channels = y.dims[AXIS_C];
    a.permuted = lines_permuted(a.channels);
    activation_limits(&p->act, &a.low, &a.high);
    CUtensorMap map; // its box is what a step makes
    CUtensorMapSwizzle permuted = a.permuted
                                      ? map_permuted(a.channels * static_cast<int>(sizeof(__half)))
                                      : CU_TENSOR_MAP_SWIZZLE_NONE;
    TRY(map_pixels(s->encode, y.data, y.dims, a.channels, k.out_columns, POOL ? 1 : k.abreast,
                   permuted, last, &map));
    return cuda_launch_check(
        launch_kernel(r, k.entry, s->way.blocks, LINES_THREADS, k.shared_bytes, map, a), w, net);
}

} // namespace

#endif
