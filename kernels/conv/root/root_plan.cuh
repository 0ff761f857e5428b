// The host's side of root.cuh: which steps it covers, the filter's fragments, the tiles to choose
// from. Rows that compute the convolution alone (POOL false) and with the pooling after it share
// it.
#ifndef POSENET_KERNELS_CONV_ROOT_ROOT_PLAN_CUH
#define POSENET_KERNELS_CONV_ROOT_ROOT_PLAN_CUH

#include "kernels/conv/root/root.cuh"
#include "kernels/conv/weights_cuda.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/ways.cuh"

typedef void (*root_entry)(root_arguments);

struct root_state {
    const uint4 *filter;
    const float *bias;
    root_entry kernel;
    root_tile tile;
    int blocks; // that run at the same time
    size_t shared_bytes;
};

// Filters of 7 or of 3 lines, and how many runs of 8 k one of their lines may take.
static inline int root_parts(const conv_params *p)
{
    int parts = p->kernel[0] == 7 ? 3 : p->kernel[0] == 3 ? 2 : 0;
    return p->kernel[1] * p->in_channels <= parts * 8 ? parts : 0;
}

// Of 8 channels that a warp computes; two warps share 64 channels. 0: not made.
static inline int root_fragments(int channels)
{
    int fragments = channels % 8 == 0 ? channels / 8 : 0;
    if (fragments <= 4) return fragments;
    return fragments <= 8 && fragments % 2 == 0 ? fragments / 2 : 0;
}

static inline int root_covers(const network *net, int first)
{
    if (!conv_cuda_covers_plain(net, first)) return 0;
    const step *s = &net->steps[first];
    const conv_params *p = &s->as.conv;
    return net->tensors[s->output].type == TYPE_FP16 && s->input_count == 1 && p->groups == 1 &&
           p->dilation[0] == 1 && p->dilation[1] == 1 && p->stride[0] <= 2 && p->stride[1] <= 2 &&
           p->stride[1] * p->in_channels % 2 == 0 && root_parts(p) &&
           root_fragments(p->out_channels) && p->act.kind != ACTIVATION_SIGMOID;
}

// [warp's channels][vector][lane] of four words, which are fragments in the order of
// root_multiply: word (run * fragments + f) has k 2q and 2q + 1 of the run and channel g of
// fragment f, lane = 4g + q.
static void root_filter_write(const void *user, void *host, size_t)
{
    const conv_params *p = static_cast<const conv_params *>(user);
    __half *to = static_cast<__half *>(host);
    int parts = root_parts(p), fragments = root_fragments(p->out_channels), depth = p->in_channels;
    int words = p->kernel[0] * parts * fragments, vectors = (words + 3) / 4;
    for (int share = 0; share < p->out_channels / (fragments * 8); share++)
        for (int word = 0; word < words; word++)
            for (int lane = 0; lane < 32; lane++)
                for (int i = 0; i < 2; i++) {
                    int run = word / fragments, ky = run / parts;
                    int k = run % parts * 8 + lane % 4 * 2 + i, kx = k / depth;
                    int out = (share * fragments + word % fragments) * 8 + lane / 4;
                    if (kx >= p->kernel[1]) continue;
                    int64_t from =
                        ((static_cast<int64_t>(out) * depth + k % depth) * p->kernel[0] + ky) *
                            p->kernel[1] +
                        kx;
                    int64_t vector = (share * vectors + word / 4) * 32 + lane;
                    to[(vector * 4 + word % 4) * 2 + i] = __float2half_rn(p->filter[from]);
                }
}

// The tile of height x width of y.
template <bool POOL> root_tile root_tile_of(const conv_params *p, int height, int width)
{
    root_tile t = {};
    t.height = height;
    t.width = width;
    t.conv_height = POOL ? (height - 1) * ROOT_POOL_STRIDE + ROOT_POOL_KERNEL : height;
    t.conv_width = POOL ? (width - 1) * ROOT_POOL_STRIDE + ROOT_POOL_KERNEL : width;
    t.per_width = root_reciprocal(t.width);
    t.per_conv_width = root_reciprocal(t.conv_width);
    t.patch_height = (t.conv_height - 1) * p->stride[0] + p->kernel[0];
    int column = p->stride[1] * p->in_channels / 2;
    t.patch_words = (t.conv_width - 1) * column + root_parts(p) * 4;
    while (32 << t.patch_shift < t.patch_words) t.patch_shift++;
    // A line of results goes on in the banks where the one above it ended, so that 16 pixels on two
    // lines meet no more conflicts than on one.
    t.patch_pitch = t.patch_words;
    while ((p->stride[0] * t.patch_pitch - t.conv_width * column) % 32 > 1) t.patch_pitch++;
    t.results_at = (t.patch_height * t.patch_pitch + 3) / 4 * 4;
    // 8 pixels by 4 words of a fragment in 32 banks
    t.result_pitch = p->out_channels / 2 + (p->out_channels % 16 == 0 ? 4 : 0);
    return t;
}

static inline int root_pixels(const root_tile *t)
{
    return (t->conv_height * t->conv_width + 15) / 16 * 16;
}

static inline size_t root_shared_bytes(const root_tile *t)
{
    return (t->results_at + static_cast<size_t>(root_pixels(t)) * t->result_pitch) * 4;
}

static inline int root_tile_count(const tensor *y, const root_tile *t)
{
    return y->dims[AXIS_N] * divided(y->dims[AXIS_H], t->height) *
           divided(y->dims[AXIS_W], t->width);
}

// Expected cycles, in the roughest way: products at the tensor cores' pace on the busiest
// multiprocessor, and what a tile waits for, which two blocks on one hide from each other.
static inline double root_cycles(const conv_params *p, const tensor *y, const root_tile *t,
                                 const cuda_device *gpu)
{
    const double per_product = 1.6, moved = 4, latency = 1500;
    int fragments = root_fragments(p->out_channels), shares = p->out_channels / (fragments * 8);
    int rounds = divided(root_pixels(t) / 16, ROOT_WARPS / shares);
    double products = rounds * ROOT_WARPS * fragments * p->kernel[0] * root_parts(p) / 2.0;
    double words = t->patch_height * t->patch_words + root_pixels(t) * p->out_channels / 2.0;
    int tiles = root_tile_count(y, t);
    return divided(tiles, gpu->multiprocessors) * (products * per_product + words / 32 * moved) +
           divided(tiles, gpu->multiprocessors * 2) * latency;
}

struct root_size {
    int height, width;
};

// Tiles to choose from, of y: results are 16 pixels at a time, so these waste few.
static const root_size root_sizes[2][6] = {{{8, 16}, {4, 16}, {10, 13}, {16, 16}, {8, 32}, {3, 43}},
                                           {{5, 7}, {5, 5}, {4, 8}, {8, 8}, {8, 16}, {5, 13}}};
enum { ROOT_SIZES = 6 };

struct root_way {
    root_tile tile;
    double cost; // root_cycles
};

// The tiles that fit, the most promising first; how many.
template <bool POOL>
int root_rank(const network *net, const work *w, const cuda_device *gpu,
              root_way ranked[ROOT_SIZES])
{
    const conv_params *p = &net->steps[w->first].as.conv;
    const tensor *y = &net->tensors[net->steps[w->first + w->count - 1].output];
    int count = 0;
    for (const root_size &size : root_sizes[POOL]) {
        root_tile tile = root_tile_of<POOL>(p, size.height, size.width);
        const size_t fixed = ROOT_MOST_CHANNELS * sizeof(float);
        if (root_shared_bytes(&tile) + fixed > static_cast<size_t>(gpu->block_shared_bytes))
            continue;
        root_way made = {tile, root_cycles(p, y, &tile, gpu)};
        keep_way(ranked, &count, ROOT_SIZES, made);
    }
    return count;
}

template <bool POOL>
int root_variants(const prepare_context *context, const network *net, const work *w)
{
    root_way ranked[ROOT_SIZES];
    return root_rank<POOL>(net, w, static_cast<const cuda_device *>(context->device), ranked);
}

template <bool POOL> root_entry root_entry_of(const conv_params *p)
{
    static const root_entry entries[2][4] = {
        {root_kernel<root_shape<3, 2, 1, POOL>>, root_kernel<root_shape<3, 2, 2, POOL>>,
         root_kernel<root_shape<3, 2, 3, POOL>>, root_kernel<root_shape<3, 2, 4, POOL>>},
        {root_kernel<root_shape<7, 3, 1, POOL>>, root_kernel<root_shape<7, 3, 2, POOL>>,
         root_kernel<root_shape<7, 3, 3, POOL>>, root_kernel<root_shape<7, 3, 4, POOL>>}};
    return entries[p->kernel[0] == 7][root_fragments(p->out_channels) - 1];
}

static inline status root_pack(const prepare_context *context, const conv_params *p, root_state *s)
{
    int fragments = root_fragments(p->out_channels);
    int vectors = (p->kernel[0] * root_parts(p) * fragments + 3) / 4;
    const pack_key key = {"conv_root_fragments", p->filter, nullptr, 0};
    void *filter;
    TRY(cuda_pack(context, &key,
                  static_cast<size_t>(p->out_channels / (fragments * 8) * vectors * 32) *
                      sizeof(uint4),
                  root_filter_write, p, &filter));
    s->filter = static_cast<const uint4 *>(filter);
    return conv_cuda_pack_bias(context, p, &s->bias);
}

static inline status root_count_blocks(root_state *s, const cuda_device *gpu, int tiles)
{
    TRY(cuda_allow_shared_memory(gpu, reinterpret_cast<const void *>(s->kernel)));
    int resident = 0;
    TRY(cuda_check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, s->kernel, ROOT_THREADS,
                                                                 s->shared_bytes),
                   "counting resident blocks"));
    int together = (resident > 0 ? resident : 1) * gpu->multiprocessors;
    s->blocks = tiles < together ? tiles : together;
    return STATUS_OK;
}

template <bool POOL>
status root_prepare(const prepare_context *context, const network *net, work *w)
{
    const conv_params *p = &net->steps[w->first].as.conv;
    const tensor *y = &net->tensors[net->steps[w->first + w->count - 1].output];
    const cuda_device *gpu = static_cast<const cuda_device *>(context->device);
    root_way ranked[ROOT_SIZES];
    int count = root_rank<POOL>(net, w, gpu, ranked);
    if (w->variant >= count)
        return fail(STATUS_UNSUPPORTED, "%s: this GPU fits %d tiles, not %d", w->row->name, count,
                    w->variant + 1);
    root_state made = {};
    made.kernel = root_entry_of<POOL>(p);
    made.tile = ranked[w->variant].tile;
    made.shared_bytes = root_shared_bytes(&made.tile);
    TRY(root_count_blocks(&made, gpu, root_tile_count(y, &made.tile)));
    TRY(root_pack(context, p, &made));
    return work_keep(w, &made, sizeof made);
}

template <bool POOL> status root_enqueue(const work *w, const network *net, const run *r)
{
    const root_state *s = static_cast<const root_state *>(w->state);
    const step *conv = &net->steps[w->first], *last = &net->steps[w->first + w->count - 1];
    const conv_params *p = &conv->as.conv;
    cuda_view x = cuda_tensor(net, r, conv->inputs[0]), y = cuda_tensor(net, r, last->output);
    const int *conv_dims = net->tensors[conv->output].dims;
    root_arguments a = {};
    a.x = static_cast<const __half *>(x.data);
    a.filter = s->filter;
    a.bias = s->bias;
    a.y = static_cast<__half *>(y.data);
    a.height = x.dims[AXIS_H];
    a.width = x.dims[AXIS_W];
    a.depth = x.dims[AXIS_C];
    a.conv_height = conv_dims[AXIS_H];
    a.conv_width = conv_dims[AXIS_W];
    a.out_height = y.dims[AXIS_H];
    a.out_width = y.dims[AXIS_W];
    a.channels = y.dims[AXIS_C];
    for (int i = 0; i < 2; i++) {
        a.stride[i] = p->stride[i];
        a.pads[i] = p->pads[i];
        a.pool_pads[i] = POOL ? last->as.pool.pads[i] : 0;
    }
    activation_limits(&p->act, &a.low, &a.high);
    a.tile = s->tile;
    a.tiles_down = divided(a.out_height, a.tile.height);
    a.tiles_across = divided(a.out_width, a.tile.width);
    a.tiles = y.dims[AXIS_N] * a.tiles_down * a.tiles_across;
    return cuda_launch_check(
        launch_kernel(r, s->kernel, s->blocks, ROOT_THREADS, s->shared_bytes, a), w, net);
}

#endif
