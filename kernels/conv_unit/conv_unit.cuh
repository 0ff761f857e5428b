// A bottleneck unit of ResNet by Hopper's warpgroup products, from x to y in one launch:
//
//   h = act0(filter0 x + bias0)                 1x1, to 64 channels
//   m = act1(filter1 * h + bias1)               3x3, h is zero outside the picture
//   y = act2(filter2 m + bias2 + shortcut)      1x1; the residual, or projection x + its bias
//
// All filters stay in shared memory. A warpgroup computes tiles of at most 64 of y's pixels by
// itself, h also for the pixels around them; several of them on a multiprocessor are at different
// places of their tiles, so that one multiplies while another waits, stores or writes h.
//
// The first products have channels as rows and pixels as columns, since there are as many as the
// tile and its surroundings have; h goes to shared memory. The others have pixels as rows, which
// come from registers: h's by any offset there, and m's where the sums already are. The last
// filter's channels are turned so that a lane's sums are of eight neighbours (unit_column): results
// and residual move between registers and memory, 64 bytes of a pixel at a time.
#ifndef POSENET_KERNELS_CONV_UNIT_CONV_UNIT_CUH
#define POSENET_KERNELS_CONV_UNIT_CONV_UNIT_CUH

#include "kernels/conv_unit/unit_ring.cuh"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/mma.cuh"
#include "kernels/cuda/wgmma.cuh"

typedef float unit_sums[UNIT_MIDDLE / 8][4];       // a warp's 16 pixels by 64 channels
typedef unsigned unit_pixels[UNIT_MIDDLE / 16][4]; // of the same, as a product's rows

// Of 64 channels of y, which column of the products channel `channel` is: lane q of a row has
// channels 8q.. of the first half and of the second.
__host__ __device__ inline int unit_column(int channel)
{
    int half = channel / 32, lane = channel % 32 / 8, pair = channel % 8 / 2;
    return (half * 4 + pair) * 8 + lane * 2 + channel % 2;
}

// What a thread's part in every tile of the warpgroup is.
struct unit_part {
    int wide;              // pixels from one line of h to the next
    int row;               // of h: where the lane's pixel has the window's corner
    int lines[2], from[2]; // of the two pixels whose sums it has; lines: beyond any picture if none

    __device__ unit_part(const conv_unit_arguments &a)
    {
        int lane = threadIdx.x % 32, first = threadIdx.x / 32 % 4 * 16;
        int pixels = a.tile_height * a.tile_width, pixel = first + lane % 16;
        if (pixel >= pixels) pixel = 0; // any
        wide = a.tile_width + 2;
        row = pixel / a.tile_width * wide + pixel % a.tile_width;
        for (int i = 0; i < 2; i++) {
            int own = first + i * 8 + lane / 4;
            lines[i] = own < pixels ? own / a.tile_width : a.height;
            from[i] = own % a.tile_width;
        }
    }
};

// ---- filters and biases -------------------------------------------------------------------------

// One thread's. Rows of up to 128 channels are packed one step of k after the other.
__device__ inline void unit_fetch_filters(const conv_unit_arguments &a, const unit_layout &l,
                                          unsigned base)
{
    const int packed = 128 * UNIT_ROW; // a step of 64 channels, padded
    unsigned barrier = base + l.barriers;
    expect_bytes(barrier, a.chunks * UNIT_FILTER);
    for (int i = 0; i < a.chunks; i++)
        copy_bulk(base + l.filters[0] + i * UNIT_FILTER, a.filters[0] + i * packed, UNIT_FILTER,
                  barrier);
    expect_bytes(barrier + 8, UNIT_TAPS * UNIT_FILTER);
    for (int i = 0; i < UNIT_TAPS; i++)
        copy_bulk(base + l.filters[1] + i * UNIT_FILTER, a.filters[1] + i * packed, UNIT_FILTER,
                  barrier + 8);
    unsigned last = a.outs * UNIT_ROW;
    expect_bytes(barrier + 16, a.projected ? 2 * last : last);
    copy_bulk(base + l.filters[2], a.filters[2], last, barrier + 16);
    if (a.projected) copy_bulk(base + l.projection, a.projection, last, barrier + 16);
}

// [64 of h][64 of m][y's, the shortcut's added].
__device__ inline void unit_fetch_biases(const conv_unit_arguments &a, float *to)
{
    for (int i = threadIdx.x; i < 2 * UNIT_MIDDLE + a.outs; i += blockDim.x) {
        int which = i / UNIT_MIDDLE < 2 ? i / UNIT_MIDDLE : 2, channel = i - which * UNIT_MIDDLE;
        float bias = a.biases[which] ? a.biases[which][channel] : 0;
        if (which == 2 && a.biases[3]) bias += a.biases[3][channel];
        to[i] = bias;
    }
}

// ---- h ------------------------------------------------------------------------------------------

// sums[j]: 16 channels of a warp by 8 pixels. All chunks but the last are left, and the products
// are done.
template <int ROWS>
__device__ unsigned unit_multiply_x(float (&sums)[ROWS / 8][4], const conv_unit_arguments &a,
                                    unit_ring<ROWS> &ring, unsigned filter, unsigned biases)
{
    int lane = threadIdx.x % 32, channel = threadIdx.x / 32 % 4 * 16 + lane / 4;
    float first = load_shared_float(biases + channel * 4);
    float second = load_shared_float(biases + channel * 4 + 32);
#pragma unroll
    for (int j = 0; j < ROWS / 8; j++) {
        sums[j][0] = sums[j][1] = first;
        sums[j][2] = sums[j][3] = second;
    }
    unsigned rows = 0;
    for (int chunk = 0; chunk < a.chunks; chunk++) {
        rows = ring.await();
        uint64_t channels = describe_rows(filter + chunk * UNIT_FILTER);
        uint64_t pixels = describe_rows(rows);
        begin_products();
#pragma unroll
        for (int k = 0; k < UNIT_MIDDLE / 16; k++)
            multiply_tile(sums, channels + k * 2, pixels + k * 2);
        end_products();
        if (chunk == 0) continue;
        wait_for_products<1>();
        ring.leave();
    }
    wait_for_products<0>();
#pragma unroll
    for (int j = 0; j < ROWS / 8; j++)
#pragma unroll
        for (int l = 0; l < 4; l++) settle(sums[j][l]);
    return rows;
}

// Which of h's pixels lie in the picture, 32 a word.
template <int ROWS>
__device__ void unit_find_inside(const conv_unit_arguments &a, const unit_place &tile, int wide,
                                 unsigned (&inside)[(ROWS + 31) / 32])
{
#pragma unroll
    for (int i = 0; i < (ROWS + 31) / 32; i++) {
        int pixel = i * 32 + threadIdx.x % 32, line = pixel / wide;
        int y = tile.y - 1 + line, x = tile.x - 1 + pixel - line * wide;
        inside[i] = __ballot_sync(~0u, y >= 0 && y < a.height && x >= 0 && x < a.width);
    }
}

// The sums as rows of pixels.
template <int ROWS>
__device__ void unit_write_h(const conv_unit_arguments &a, const float (&sums)[ROWS / 8][4],
                             const unsigned (&inside)[(ROWS + 31) / 32], unsigned to)
{
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4, matrix = lane / 8, row = lane % 8;
    __half2 low = __float2half2_rn(a.low[0]), high = __float2half2_rn(a.high[0]);
    unsigned at = to + (matrix / 2 * 8 + row) * UNIT_ROW + ((warp * 2 + matrix % 2) ^ row) * 16;
#pragma unroll
    for (int j = 0; j < ROWS / 8; j += 2) {
        unsigned words[4];
#pragma unroll
        for (int m = 0; m < 4; m++) {
            const int tile = j + m / 2;
            unsigned two = inside[tile / 4] >> (tile % 4 * 8 + lane % 4 * 2);
            unsigned kept = (two & 1) * 0xffffu + (two & 2) * 0x7fff8000u;
            const float *pair = &sums[tile][m % 2 * 2];
            words[m] = clamped_halves(pair[0], pair[1], low, high) & kept;
        }
        store_matrices_turned(at + j * 8 * UNIT_ROW, words);
    }
}

// ---- m and y ------------------------------------------------------------------------------------

// 64 channels of the warp's 16 pixels; `row`: of `rows`, the lane's.
__device__ inline void unit_load_pixels(unit_pixels &pixels, unsigned rows, int row)
{
    unsigned from = rows + row * UNIT_ROW, piece = threadIdx.x % 32 / 16, turn = row & 7;
#pragma unroll
    for (int k = 0; k < UNIT_MIDDLE / 16; k++)
        load_matrices(pixels[k], from + ((k * 2 + piece) ^ turn) * 16);
}

__device__ inline void unit_multiply(unit_sums &sums, const unit_pixels &pixels, unsigned filter)
{
    uint64_t channels = describe_rows(filter);
#pragma unroll
    for (int k = 0; k < UNIT_MIDDLE / 16; k++) multiply_tile<1>(sums, pixels[k], channels + k * 2);
}

__device__ inline void unit_settle(unit_sums &sums)
{
    wait_for_products<0>();
#pragma unroll
    for (int j = 0; j < UNIT_MIDDLE / 8; j++)
#pragma unroll
        for (int l = 0; l < 4; l++) settle(sums[j][l]);
}

// A tap's pixels are loaded while the one before is multiplied.
__device__ inline void unit_multiply_h(unit_sums &sums, const unit_part &part, unsigned h,
                                       unsigned filter, unsigned biases)
{
    unit_pixels pixels[2];
#pragma unroll
    for (int j = 0; j < UNIT_MIDDLE / 8; j++) {
        float2 bias = load_shared_two(biases + (j * 8 + threadIdx.x % 4 * 2) * 4);
        sums[j][0] = sums[j][2] = bias.x;
        sums[j][1] = sums[j][3] = bias.y;
    }
    unit_load_pixels(pixels[0], h, part.row);
#pragma unroll
    for (int tap = 0; tap < UNIT_TAPS; tap++) {
        begin_products();
        unit_multiply(sums, pixels[tap % 2], filter + tap * UNIT_FILTER);
        end_products();
        if (tap == UNIT_TAPS - 1) break;
        const int next = tap + 1;
        if (tap > 0) wait_for_products<1>();
        unit_load_pixels(pixels[next % 2], h, part.row + next / 3 * part.wide + next % 3);
    }
    unit_settle(sums);
}

__device__ inline void unit_pack_m(const conv_unit_arguments &a, const unit_sums &sums,
                                   unit_pixels &pixels)
{
    __half2 low = __float2half2_rn(a.low[1]), high = __float2half2_rn(a.high[1]);
#pragma unroll
    for (int k = 0; k < UNIT_MIDDLE / 16; k++)
#pragma unroll
        for (int m = 0; m < 4; m++) {
            const float *pair = &sums[k * 2 + m / 2][m % 2 * 2];
            pixels[k][m] = clamped_halves(pair[0], pair[1], low, high);
        }
}

// Where a thread's results go: 8 channels of pixel i at `at[i]` on, if `inside`.
struct unit_target {
    int64_t at[2];
    bool inside[2];

    __device__ unit_target(const conv_unit_arguments &a, const unit_part &part,
                           const unit_place &tile)
    {
#pragma unroll
        for (int i = 0; i < 2; i++) {
            int y = tile.y + part.lines[i], x = tile.x + part.from[i];
            inside[i] = y < a.height && x < a.width;
            at[i] = ((static_cast<int64_t>(tile.picture) * a.height + y) * a.width + x) * a.outs +
                    threadIdx.x % 4 * 8;
        }
    }
};

// [half of 64 channels * 2 + pixel], all of the tile's.
typedef uint4 unit_residual[UNIT_MOST_CHUNKS][4];

__device__ inline void unit_load_residual(const conv_unit_arguments &a, const unit_target &to,
                                          unit_residual &residual)
{
#pragma unroll
    for (int chunk = 0; chunk < UNIT_MOST_CHUNKS; chunk++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
            residual[chunk][i] = {};
            if (a.residual && chunk * UNIT_MIDDLE < a.outs && to.inside[i % 2])
                residual[chunk][i] = *reinterpret_cast<const uint4 *>(
                    a.residual + to.at[i % 2] + chunk * UNIT_MIDDLE + i / 2 * 32);
        }
}

// Begins with the biases.
__device__ inline void unit_set_biases(unit_sums &sums, unsigned biases)
{
#pragma unroll
    for (int j = 0; j < UNIT_MIDDLE / 8; j += 2) {
        uint4 four = load_shared(biases + (j / 4 * 32 + threadIdx.x % 4 * 8 + j % 4 * 2) * 4);
        sums[j][0] = sums[j][2] = __uint_as_float(four.x);
        sums[j][1] = sums[j][3] = __uint_as_float(four.y);
        sums[j + 1][0] = sums[j + 1][2] = __uint_as_float(four.z);
        sums[j + 1][1] = sums[j + 1][3] = __uint_as_float(four.w);
    }
}

__device__ inline uint4 unit_finish(const conv_unit_arguments &a, const unit_sums &sums, int half,
                                    int pixel, const uint4 &residual)
{
    __half2 low = __float2half2_rn(a.low[2]), high = __float2half2_rn(a.high[2]);
    const unsigned in[4] = {residual.x, residual.y, residual.z, residual.w};
    unsigned out[4];
#pragma unroll
    for (int j = 0; j < 4; j++) {
        float2 more = __half22float2(*reinterpret_cast<const __half2 *>(&in[j]));
        const float *pair = &sums[half * 4 + j][pixel * 2];
        out[j] = clamped_halves(pair[0] + more.x, pair[1] + more.y, low, high);
    }
    return {out[0], out[1], out[2], out[3]};
}

// The next 64 channels' products begin before these are stored.
template <bool PROJECTED>
__device__ void unit_multiply_m(const conv_unit_arguments &a, const unit_pixels &m,
                                const unit_pixels &x, const unit_residual &residual,
                                const unit_target &to, unsigned filter, unsigned projection,
                                unsigned biases)
{
    unit_sums sums;
    auto multiply = [&](int chunk) {
        unit_set_biases(sums, biases + chunk * UNIT_MIDDLE * 4);
        begin_products();
        unit_multiply(sums, m, filter + chunk * UNIT_FILTER);
        if (PROJECTED) unit_multiply(sums, x, projection + chunk * UNIT_FILTER);
        end_products();
    };
    multiply(0);
#pragma unroll
    for (int chunk = 0; chunk < UNIT_MOST_CHUNKS; chunk++) {
        uint4 out[4];
        unit_settle(sums);
#pragma unroll
        for (int i = 0; i < 4; i++)
            out[i] = unit_finish(a, sums, i / 2, i % 2, PROJECTED ? uint4{} : residual[chunk][i]);
        bool more = chunk + 1 < UNIT_MOST_CHUNKS && (chunk + 1) * UNIT_MIDDLE < a.outs;
        if (more) multiply(chunk + 1);
#pragma unroll
        for (int i = 0; i < 4; i++)
            if (to.inside[i % 2])
                *reinterpret_cast<uint4 *>(a.y + to.at[i % 2] + chunk * UNIT_MIDDLE + i / 2 * 32) =
                    out[i];
        if (!more) break;
    }
}

// ---- the kernel ---------------------------------------------------------------------------------

// One tile, from `base` on what unit_layout says.
template <int ROWS, bool PROJECTED>
__device__ void unit_compute(const conv_unit_arguments &a, const unit_layout &l, unsigned base,
                             const unit_part &part, unit_ring<ROWS> &ring, const unit_place &tile)
{
    unsigned barriers = base + l.barriers, biases = base + l.biases, inside[(ROWS + 31) / 32];
    unit_pixels x, m;
    unsigned h;
    wait_for_bytes(barriers, 0);
    unit_find_inside<ROWS>(a, tile, part.wide, inside);
    {
        float sums[ROWS / 8][4];
        unsigned rows = unit_multiply_x<ROWS>(sums, a, ring, base + l.filters[0], biases);
        if (PROJECTED) unit_load_pixels(x, rows, part.row + part.wide + 1);
        ring.leave();
        h = ring.take();
        unit_write_h<ROWS>(a, sums, inside, h);
    }
    show_writes();
    ring.meet();
    unit_target to(a, part, tile);
    unit_residual residual;
    if (!PROJECTED) unit_load_residual(a, to, residual);
    wait_for_bytes(barriers + 8, 0);
    {
        unit_sums sums;
        unit_multiply_h(sums, part, h, base + l.filters[1], biases + UNIT_MIDDLE * 4);
        ring.leave();
        unit_pack_m(a, sums, m);
    }
    wait_for_bytes(barriers + 16, 0);
    unit_multiply_m<PROJECTED>(a, m, x, residual, to, base + l.filters[2], base + l.projection,
                               biases + 2 * UNIT_MIDDLE * 4);
}

// Blocks: any number up to a.tiles; threads: 128 a warpgroup. Shared memory: room to align,
// unit_layout. ROWS: of a stage, at least the pixels of a tile and around it. x's map: boxes of 64
// channels of these.
template <int ROWS, bool PROJECTED>
__global__ void __launch_bounds__(UNIT_MOST_GROUPS * 128)
    conv_unit(const __grid_constant__ CUtensorMap x, const __grid_constant__ conv_unit_arguments a)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ __align__(128) unsigned char shared[];
    int group = threadIdx.x / 128, groups = blockDim.x / 128;
    unit_layout l = unit_layout_of(a, ROWS, groups);
    unsigned start = shared_address(shared), base = (start + UNIT_ALIGN - 1) & ~(UNIT_ALIGN - 1u);
    if (threadIdx.x == 0) {
        fetch_map(&x);
        for (int i = 0; i < UNIT_WEIGHTS + groups * a.stages; i++)
            make_barrier(base + l.barriers + i * 8);
        show_barriers();
        unit_fetch_filters(a, l, base);
    }
    unit_fetch_biases(a, reinterpret_cast<float *>(shared + (base - start) + l.biases));
    __syncthreads();
    wait_for_previous();

    int first = group * gridDim.x + blockIdx.x, apart = groups * gridDim.x;
    unit_ring<ROWS> ring(a, &x, base + l.stages, base + l.barriers + UNIT_WEIGHTS * 8, first,
                         apart);
    ring.begin();
    unit_part part(a);
    for (int tile = first; tile < a.tiles; tile += apart)
        unit_compute<ROWS, PROJECTED>(a, l, base, part, ring, unit_place(a, tile));
#endif
}

#endif
