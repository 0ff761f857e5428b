// The network's first convolution on the tensor cores, and the max pooling after it in one kernel.
//
// With 3 input channels a line of the filter is a short run of neighbouring halves in memory (21 of
// a 7x7 filter), so k goes line by line, each padded to a multiple of 8: nothing is padded to 8
// channels, and a fragment of x is read from the input patch as it lies in memory.
//
//   filter    in registers, each warp the fragments of its output channels: loaded once, before the
//             kernel waits for the one before it
//   patch     the lines of x under the block's tile, in shared memory, zero outside the tensor
//   results   what the convolution gives for the tile, in shared memory as fp16
//   y         the results, 16 bytes a thread, or the largest of each pooling window of them
//
// Blocks stay and take tile after tile; with registers to spare, what the next one needs of x is on
// its way while one is computed. Pooled tiles overlap by a row and a column of results,
// which both blocks compute.
#ifndef POSENET_KERNELS_CONV_ROOT_ROOT_CUH
#define POSENET_KERNELS_CONV_ROOT_ROOT_CUH

#include "kernels/conv/root/root_patch.cuh"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/mma.cuh"
#include "kernels/max_pool/largest.cuh"

// i / width, where i * width < 2^16: i * root_reciprocal(width) / 2^16.
static inline unsigned root_reciprocal(int width)
{
    return (1u << 16) / width + 1;
}

__device__ inline int root_quotient(int i, unsigned reciprocal)
{
    return static_cast<unsigned>(i) * reciprocal >> 16;
}

// sums += a b, 16x8 += 16x8 times 8x8: the first half of mma.cuh's multiply_add.
__device__ inline void root_multiply_half(float (&sums)[4], const unsigned (&a)[4], unsigned b)
{
#if __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, "
                 "{%6}, {%0, %1, %2, %3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(a[0]), "r"(a[1]), "r"(b));
#endif
}

// LINES filter lines of PARTS * 8 halves; a warp computes FRAGMENTS * 8 channels.
template <int LINES_, int PARTS_, int FRAGMENTS_, bool POOL_> struct root_shape {
    static constexpr int LINES = LINES_, PARTS = PARTS_, FRAGMENTS = FRAGMENTS_;
    static constexpr bool POOL = POOL_;
    static constexpr int RUNS = LINES * PARTS; // of 8 k
    static constexpr int VECTORS = (RUNS * FRAGMENTS + 3) / 4;
    // Words a thread of the next tile that it asks for early: of 7 lines registers hold the filter.
    static constexpr int AHEAD = LINES_ == 3 ? 5 : 0, BLOCKS = LINES_ == 3 ? 3 : 2;
    static constexpr int REACH = POOL ? ROOT_POOL_KERNEL : 1, APART = POOL ? ROOT_POOL_STRIDE : 1;
};

// Sums of 16 pixels: lane l has those of pixels l / 4 (in[0]) and l / 4 + 8 (in[1]), whose patch
// begins there.
template <typename S>
__device__ void root_multiply(float (&sums)[S::FRAGMENTS][4],
                              const unsigned (&filter)[S::VECTORS * 4], const unsigned *const in[2],
                              int pitch)
{
#pragma unroll
    for (int run = 0; run < S::RUNS; run += 2) {
        unsigned x[4];
        const bool whole = run + 1 < S::RUNS;
#pragma unroll
        for (int i = 0; i < 1 + whole; i++) {
            int at = (run + i) / S::PARTS * pitch + (run + i) % S::PARTS * 4;
            x[i * 2] = in[0][at];
            x[i * 2 + 1] = in[1][at];
        }
#pragma unroll
        for (int f = 0; f < S::FRAGMENTS; f++) {
            const unsigned *b = filter + run * S::FRAGMENTS + f;
            if (whole)
                multiply_add(sums[f], x, b[0], b[S::FRAGMENTS]);
            else
                root_multiply_half(sums[f], x, b[0]);
        }
    }
}

// All results of the tile whose first is the convolution's (y, x). Results outside the
// convolution's output lose against any other in pooling.
template <typename S>
__device__ void root_convolve(const root_arguments &a, const unsigned (&filter)[S::VECTORS * 4],
                              const unsigned *patch, const float *bias, __half2 *results, int y,
                              int x)
{
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int shares = a.channels / (S::FRAGMENTS * 8), share = warp % shares; // of the channels
    int pixels = a.tile.conv_height * a.tile.conv_width;
    int first_channel = share * S::FRAGMENTS * 8 + lane % 4 * 2;
    __half2 low = __float2half2_rn(a.low), high = __float2half2_rn(a.high);
    int line = a.stride[0] * a.tile.patch_pitch, column = a.stride[1] * a.depth / 2;
    for (int first = warp / shares * 16; first < pixels; first += ROOT_WARPS / shares * 16) {
        const unsigned *in[2];
        bool outside[2];
#pragma unroll
        for (int i = 0; i < 2; i++) {
            int pixel = min(first + lane / 4 + i * 8, pixels - 1);
            int ty = root_quotient(pixel, a.tile.per_conv_width),
                tx = pixel - ty * a.tile.conv_width;
            in[i] = patch + ty * line + tx * column + lane % 4;
            outside[i] =
                S::POOL && (static_cast<unsigned>(y + ty) >= static_cast<unsigned>(a.conv_height) ||
                            static_cast<unsigned>(x + tx) >= static_cast<unsigned>(a.conv_width));
        }
        float sums[S::FRAGMENTS][4];
#pragma unroll
        for (int i = 0; i < S::FRAGMENTS * 4; i++)
            sums[i / 4][i % 4] = bias[first_channel + i / 4 * 8 + i % 2];
        root_multiply<S>(sums, filter, in, a.tile.patch_pitch);
#pragma unroll
        for (int i = 0; i < 2; i++) {
            __half2 *to = results + (first + lane / 4 + i * 8) * a.tile.result_pitch;
#pragma unroll
            for (int f = 0; f < S::FRAGMENTS; f++) {
                // Rounding keeps order, so clamping after it gives the same.
                __half2 pair = __floats2half2_rn(sums[f][i * 2], sums[f][i * 2 + 1]);
                pair = clamped(pair, low, high);
                to[(first_channel + f * 8) / 2] = outside[i] ? lowest_half2() : pair;
            }
        }
    }
}

// By one access of 16 bytes.
__device__ inline half_vector root_vector(const __half2 *from)
{
    uint4 words = *reinterpret_cast<const uint4 *>(from);
    return *reinterpret_cast<half_vector *>(&words);
}

// Writes the tile of picture n whose first pixel is (y, x).
template <typename S>
__device__ void root_finish(const root_arguments &a, const __half2 *results, int n, int y, int x)
{
    unsigned vectors = a.channels / 8;
    int items = a.tile.height * a.tile.width * vectors;
    for (int item = threadIdx.x; item < items; item += ROOT_THREADS) {
        int pixel = static_cast<unsigned>(item) / vectors, v = item - pixel * vectors;
        int ty = root_quotient(pixel, a.tile.per_width), tx = pixel - ty * a.tile.width;
        if (y + ty >= a.out_height || x + tx >= a.out_width) continue;
        const __half2 *from =
            results + (ty * S::APART * a.tile.conv_width + tx * S::APART) * a.tile.result_pitch +
            v * 4;
        half_vector best = root_vector(from);
#pragma unroll
        for (int i = 1; i < S::REACH * S::REACH; i++)
            best =
                largest(best, root_vector(from + (i / S::REACH * a.tile.conv_width + i % S::REACH) *
                                                     a.tile.result_pitch));
        int to = ((n * a.out_height + y + ty) * a.out_width + x + tx) * a.channels + v * 8;
        *reinterpret_cast<uint4 *>(a.y + to) = *reinterpret_cast<uint4 *>(&best);
    }
}

// A tile's first pixel in y, among the results and in x.
struct root_place {
    int n, y, x, conv_y, conv_x, top, left;
};

template <typename S> __device__ root_place root_place_of(const root_arguments &a, int tile)
{
    int line = tile / a.tiles_across, n = line / a.tiles_down;
    int y = (line - n * a.tiles_down) * a.tile.height;
    int x = (tile - line * a.tiles_across) * a.tile.width;
    int conv_y = y * S::APART - a.pool_pads[0], conv_x = x * S::APART - a.pool_pads[1];
    return {n,
            y,
            x,
            conv_y,
            conv_x,
            conv_y * a.stride[0] - a.pads[0],
            conv_x * a.stride[1] - a.pads[1]};
}

// Shared memory: the patch, then the results of a whole number of 16 pixels.
template <typename S>
__global__ void __launch_bounds__(ROOT_THREADS, S::BLOCKS) root_kernel(root_arguments a)
{
#if __CUDA_ARCH__ >= 800
    extern __shared__ __align__(16) unsigned shared[];
    __shared__ float bias[ROOT_MOST_CHANNELS];
    unsigned *patch = shared;
    __half2 *results = reinterpret_cast<__half2 *>(shared + a.tile.results_at);

    int lane = threadIdx.x % 32, part = threadIdx.x / 32 % (a.channels / (S::FRAGMENTS * 8));
    unsigned filter[S::VECTORS * 4];
#pragma unroll
    for (int i = 0; i < S::VECTORS; i++) {
        uint4 four = a.filter[(part * S::VECTORS + i) * 32 + lane];
        filter[i * 4] = four.x;
        filter[i * 4 + 1] = four.y;
        filter[i * 4 + 2] = four.z;
        filter[i * 4 + 3] = four.w;
    }
    if (threadIdx.x < a.channels) bias[threadIdx.x] = a.bias ? a.bias[threadIdx.x] : 0.0f;

    wait_for_previous();
    root_words<S::AHEAD ? S::AHEAD : 1> ahead;
    root_place next = root_place_of<S>(a, blockIdx.x);
    if (S::AHEAD) ahead.ask(a, root_share(a, next.n, next.top, next.left), 0, next.top);
    for (int tile = blockIdx.x; tile < a.tiles; tile += gridDim.x) {
        root_place p = S::AHEAD ? next : root_place_of<S>(a, tile);
        root_share share(a, p.n, p.top, p.left);
        if (S::AHEAD) ahead.put(a, share, 0, patch);
        root_load_patch(a, share, S::AHEAD, p.top, patch);
        __syncthreads();
        int after = tile + static_cast<int>(gridDim.x);
        if (S::AHEAD && after < a.tiles) {
            next = root_place_of<S>(a, after);
            ahead.ask(a, root_share(a, next.n, next.top, next.left), 0, next.top);
        }
        root_convolve<S>(a, filter, patch, bias, results, p.conv_y, p.conv_x);
        __syncthreads();
        root_finish<S>(a, results, p.n, p.y, p.x);
    }
#endif
}

#endif
