// 3x3 convolution of small maps on Hopper (compute capability 9.0 alone): every pixel of x comes
// into shared memory once and serves all nine taps.
//
// A block computes 64 channels of y for a stretch of pixels, over a share of the input channels.
// The products have channels as rows and pixels as columns. x lies there as planes of 8 channels,
// 16 bytes a pixel, and a product reads 8 pixels' pieces from any place on: so a tap is a shift of
// where it begins. What it computes for the zeros between lines is not stored.
//
// All of the block's filter is requested before the kernel waits for the one before it. The sums of
// the blocks that share a stretch meet through distributed shared memory: each finishes every so
// many-th tile of 16 channels by 8 pixels and adds the shares in their order, so the bits do not
// depend on timing.
#ifndef POSENET_KERNELS_CONV_SHIFT_CONV_SHIFT_CUH
#define POSENET_KERNELS_CONV_SHIFT_CONV_SHIFT_CUH

#include "kernels/conv/shift/shift_layout.cuh"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/mma.cuh"
#include "kernels/cuda/wgmma.cuh"

// One thread's.
__device__ inline void shift_load(const shift_layout &l, unsigned base, const unsigned char *filter,
                                  int unit, int stage)
{
    unsigned barrier = base + l.barriers + stage * 8;
    expect_bytes(barrier, SHIFT_UNIT);
    copy_bulk(base + stage * SHIFT_UNIT, filter + unit * SHIFT_UNIT, SHIFT_UNIT, barrier);
}

// Makes the barriers, and requests the filter's first units: one thread. `tiles`: those that the
// block finishes.
__device__ inline void shift_begin(const conv_shift_arguments &a, const shift_layout &l,
                                   unsigned base, const unsigned char *filter, int tiles)
{
    if (threadIdx.x != 0) return;
    const unsigned barrier = base + l.barriers, sums = barrier + a.stages * 8;
#pragma unroll 1
    for (int i = 0; i < a.stages; i++) make_barrier(barrier + i * 8);
    make_barrier(sums);
    show_barriers();
#pragma unroll 1
    for (int i = 0; i < a.stages; i++) shift_load(l, base, filter, i, i);
    expect_bytes(sums, (tiles << a.share_bits) * SHIFT_TILE);
}

// Zeros where there is no bias.
__device__ inline void shift_copy_bias(const conv_shift_arguments &a, unsigned to, int channel)
{
    const int i = threadIdx.x;
    if (i >= SHIFT_CHANNELS / 4) return;
    const void *any = a.filter;
    copy_async(to + i * 16, a.bias ? a.bias + channel + i * 4 : any, a.bias != nullptr);
}

// A pixel, or a zero, by its number in the row of them all. The zeros before a picture and before a
// line come first where x is meant; y has them behind.
struct shift_place {
    int picture, line, column;

    __device__ shift_place(const conv_shift_arguments &a, int number)
    {
        int all = __umulhi(number, a.by_pitch);
        column = number - all * a.pitch;
        picture = __umulhi(all, a.by_lines);
        line = all - picture * a.lines;
    }

    // On by another place's number.
    __device__ void move(const conv_shift_arguments &a, const shift_place &by)
    {
        column += by.column;
        line += by.line;
        picture += by.picture;
        if (column >= a.pitch) {
            column -= a.pitch;
            line++;
        }
        if (line >= a.lines) {
            line -= a.lines;
            picture++;
        }
    }
};

// The block's planes from `first` on: two if `bits` is 1, four if 2. `at`: the thread's first
// pixel; `step`: from one to its next.
__device__ inline void shift_copy_x(const conv_shift_arguments &a, shift_place at,
                                    const shift_place &step, unsigned to, int window, int channel,
                                    int first, int bits)
{
    const int apart = SHIFT_THREADS >> bits;
    int i = threadIdx.x >> bits, plane = first + (threadIdx.x & ((1 << bits) - 1));
    const __half *from = a.x + channel + plane * 8;
    to += (plane * a.plane + i) * SHIFT_PIECE;
    for (; i < window; i += apart, to += apart * SHIFT_PIECE, at.move(a, step)) {
        int y = at.line - a.dilation, x = at.column - a.dilation;
        bool inside = y >= 0 && x >= 0 && at.picture < a.pictures;
        int64_t pixel = (at.picture * a.height + y) * a.width + x;
        copy_async(to, inside ? from + pixel * a.ins : a.x, inside);
    }
}

// Until all threads' copies of x but their last PENDING groups are there for products.
template <int PENDING> __device__ inline void shift_await_x()
{
    wait_for_copies<PENDING>();
    show_writes();
    named_barrier_sync(1 + PENDING, SHIFT_THREADS);
}

// By a warpgroup; sums[j]: 16 channels of a warp by 8 pixels. x of the units before `late` comes
// with all groups of copies but the last.
template <int PIXELS>
__device__ void shift_multiply(float (&sums)[PIXELS / 8][4], const conv_shift_arguments &a,
                               const shift_layout &l, unsigned base, const unsigned char *units,
                               int late)
{
    const unsigned plane = a.plane * SHIFT_PIECE, down = a.dilation * a.pitch;
    int stage = 0, before = 0;
    unsigned phase = 0;
#pragma unroll
    for (int i = 0; i < PIXELS / 2; i++) {
        sums[i / 4][i % 4] = 0;
        settle(sums[i / 4][i % 4]);
    }
    if (late > 0) shift_await_x<1>();
    for (int unit = 0; unit < a.units; unit++) {
        uint64_t filter = describe_pieces(base + stage * SHIFT_UNIT, SHIFT_HALF_TAP);
        uint64_t x = describe_pieces(base + l.x + unit * 2 * plane, plane);
        if (unit == late) shift_await_x<0>();
        wait_for_bytes(base + l.barriers + stage * 8, phase);
        begin_products();
#pragma unroll
        for (int tap = 0; tap < SHIFT_TAPS; tap++)
            multiply_tile(sums, filter + tap * (2 * SHIFT_HALF_TAP / 16),
                          x + tap / 3 * down + tap % 3 * a.dilation);
        end_products();
        wait_for_products<1>();
        if (unit > 0 && unit - 1 + a.stages < a.units) { // the unit before gives way to another
            named_barrier_sync(3, 128);
            if (threadIdx.x == 0) shift_load(l, base, units, unit - 1 + a.stages, before);
        }
        before = stage;
        if (++stage == a.stages) {
            stage = 0;
            phase ^= 1;
        }
    }
    wait_for_products<0>();
#pragma unroll
    for (int i = 0; i < PIXELS / 2; i++) settle(sums[i / 4][i % 4]);
}

// Until sums may be sent: every block of the cluster is there, and has read its operands if sums
// come to their place.
__device__ inline void shift_meet(const conv_shift_arguments &a)
{
    __syncwarp();
    if (a.share_bits == 0) {
        if (!a.apart) named_barrier_sync(1, SHIFT_THREADS);
        return;
    }
    if (!a.apart) cluster_arrive_unseen();
    cluster_wait();
}

// Tile i of the stretch, 16 channels of 8 pixels, goes to block i modulo the cluster.
template <int PIXELS>
__device__ void shift_send(const float (&sums)[PIXELS / 8][4], const conv_shift_arguments &a,
                           const shift_layout &l, unsigned base, int share)
{
    unsigned barrier = base + l.barriers + a.stages * 8;
    unsigned own = base + l.sums + share * l.tiles * SHIFT_TILE + threadIdx.x % 32 * 16;
#pragma unroll
    for (int j = 0; j < PIXELS / 8; j++) {
        int tile = j * 4 + threadIdx.x / 32, rank = tile & ((1 << a.share_bits) - 1);
        uint4 four = {__float_as_uint(sums[j][0]), __float_as_uint(sums[j][1]),
                      __float_as_uint(sums[j][2]), __float_as_uint(sums[j][3])};
        unsigned to = own + (tile >> a.share_bits) * SHIFT_TILE;
        if (a.share_bits > 0)
            send_in_cluster(address_in_cluster(to, rank), four, address_in_cluster(barrier, rank));
        else
            store_shared(to, four);
    }
}

// The block's tiles, a warp each at a time: lane 4g + q adds up the shares of rows g and g + 8
// (shift_row) at pixels 2q and 2q + 1 and stores, once they are turned, 4 channels of pixel g.
template <int PIXELS>
__device__ void shift_finish(const conv_shift_arguments &a, const shift_layout &l, unsigned base,
                             int first_pixel, int first_channel, int share)
{
    const int lane = threadIdx.x % 32, warps = SHIFT_THREADS / 32;
    const __half2 low = __float2half2_rn(a.low), high = __float2half2_rn(a.high);
    for (int i = threadIdx.x / 32; share + (i << a.share_bits) < PIXELS / 2; i += warps) {
        int tile = share + (i << a.share_bits), channel = first_channel + tile % 4 * 16;
        shift_place at(a, first_pixel + tile / 4 * 8 + lane / 4);
        bool inside = at.line < a.height && at.column < a.width && at.picture < a.pictures;
        int64_t pixel = (at.picture * a.height + at.line) * a.width + at.column;
        int64_t to = pixel * a.outs + channel + lane % 4 * 4;
        uint2 more = {};
        if (a.residual && inside) more = *reinterpret_cast<const uint2 *>(a.residual + to);
        unsigned bias = base + l.biases + (tile % 4 * 16 + lane / 8 * 4 + lane / 4 % 2) * 4;
        float first = load_shared_float(bias), second = load_shared_float(bias + 8);
        if (a.share_bits > 0) wait_for_sent(base + l.barriers + a.stages * 8);
        float sums[4] = {};
        unsigned from = base + l.sums + i * SHIFT_TILE + lane * 16;
#pragma unroll 4
        for (int s = 0; s < 1 << a.share_bits; s++, from += l.tiles * SHIFT_TILE) {
            uint4 four = load_shared(from);
            sums[0] += __uint_as_float(four.x);
            sums[1] += __uint_as_float(four.y);
            sums[2] += __uint_as_float(four.z);
            sums[3] += __uint_as_float(four.w);
        }
        float2 upper = two_floats(turned(more.x)), lower = two_floats(turned(more.y));
        uint2 out = {
            turned(clamped_halves(sums[0] + first + upper.x, sums[1] + first + upper.y, low, high)),
            turned(
                clamped_halves(sums[2] + second + lower.x, sums[3] + second + lower.y, low, high))};
        if (inside) *reinterpret_cast<uint2 *>(a.y + to) = out;
    }
}

// Blocks along x: stretches of pixels by a cluster's blocks; along y: 64 channels each.
template <int PIXELS>
__global__ void __launch_bounds__(SHIFT_THREADS, 2)
    conv_shift(const __grid_constant__ conv_shift_arguments a)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ __align__(128) unsigned char shared[];
    const unsigned base = shared_address(shared);
    const shift_layout l = shift_layout_of(a, PIXELS);
    const int stretch = blockIdx.x >> a.share_bits, share = blockIdx.x - (stretch << a.share_bits);
    const int pixel = stretch * PIXELS, channel = blockIdx.y * SHIFT_CHANNELS;
    const int planes = a.units * 2, bits = planes == 2 ? 1 : 2, late = (planes - 1) / 4 * 2;
    const int tiles = (PIXELS / 2 - share + (1 << a.share_bits) - 1) >> a.share_bits;
    const int first_unit = blockIdx.y * (a.ins / SHIFT_STEP) + share * a.units;
    const unsigned char *units = a.filter + static_cast<int64_t>(first_unit) * SHIFT_UNIT;
    shift_begin(a, l, base, units, tiles);
    __syncwarp();
    if (a.apart && a.share_bits > 0) cluster_arrive_unseen(); // this block is there
    shift_copy_bias(a, base + l.biases, channel);
    const shift_place at(a, pixel + (threadIdx.x >> bits)), step(a, SHIFT_THREADS >> bits);

    wait_for_previous_alone();
    if (!a.patient) let_next_start();
    for (int i = 0; i < planes; i += 1 << bits) {
        shift_copy_x(a, at, step, base + l.x, shift_window(a, PIXELS), share * a.units * SHIFT_STEP,
                     i, bits);
        copy_group();
    }
    if (threadIdx.x < 128) {
        float sums[PIXELS / 8][4];
        shift_multiply<PIXELS>(sums, a, l, base, units, late);
        shift_meet(a);
        shift_send<PIXELS>(sums, a, l, base, share);
    } else {
        if (late > 0) shift_await_x<1>();
        wait_for_copies<0>();
        if (a.patient) let_next_start();
        shift_await_x<0>();
        shift_meet(a);
    }
    if (a.share_bits == 0) __syncthreads();
    shift_finish<PIXELS>(a, l, base, pixel, channel, share);
#endif
}

#endif
