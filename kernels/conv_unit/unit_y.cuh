// A unit's other products (conv_unit.cuh): from h in shared memory to m, which stays in registers,
// and on to y.
#ifndef POSENET_KERNELS_CONV_UNIT_UNIT_Y_CUH
#define POSENET_KERNELS_CONV_UNIT_UNIT_Y_CUH

#include "kernels/conv_unit/unit_part.cuh"
#include "kernels/cuda/element.cuh"
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

// ---- m ------------------------------------------------------------------------------------------

// 64 channels of the warp's 16 pixels; `row`: of `rows`, the lane's, whose pieces are turned by
// `turn`.
__device__ inline void unit_load_pixels(unit_pixels &pixels, unsigned rows, int row, unsigned turn)
{
    unsigned from = rows + row * UNIT_ROW, piece = threadIdx.x % 32 / 16;
#pragma unroll
    for (int k = 0; k < UNIT_MIDDLE / 16; k++)
        load_matrices(pixels[k], from + ((k * 2 + piece) ^ turn) * 16);
}

__device__ inline void unit_multiply(unit_sums &sums, const unit_pixels &pixels, unsigned filter)
{
    uint64_t channels = describe_rows(filter);
#pragma unroll
    for (int k = 0; k < UNIT_MIDDLE / 16; k++)
        multiply_tile<1>(sums, pixels[k], skip_columns(channels, k * 16));
}

__device__ inline void unit_settle(unit_sums &sums)
{
    wait_for_products<0>();
#pragma unroll
    for (int j = 0; j < UNIT_MIDDLE / 8; j++)
#pragma unroll
        for (int l = 0; l < 4; l++) settle(sums[j][l]);
}

// A tap's pixels are loaded while the one before is multiplied. COPIED: h has come by the copy
// engine, which turns a row's pieces by the row's number.
template <bool COPIED>
__device__ inline void unit_multiply_h(unit_sums &sums, const unit_part &part, unsigned h,
                                       unsigned filter, unsigned biases)
{
    unit_pixels pixels[2];
    auto load = [&](int tap) {
        int down = tap / 3, right = tap % 3, row = part.row + down * part.wide + right;
        unit_load_pixels(pixels[tap % 2], h, row, COPIED ? row & 7 : part.read_turn(down, right));
    };
#pragma unroll
    for (int j = 0; j < UNIT_MIDDLE / 8; j++) {
        float2 bias = load_shared_two(biases + (j * 8 + threadIdx.x % 4 * 2) * 4);
        sums[j][0] = sums[j][2] = bias.x;
        sums[j][1] = sums[j][3] = bias.y;
    }
    load(0);
#pragma unroll
    for (int tap = 0; tap < UNIT_TAPS; tap++) {
        begin_products();
        unit_multiply(sums, pixels[tap % 2], filter + tap * UNIT_FILTER);
        end_products();
        if (tap == UNIT_TAPS - 1) break;
        if (tap > 0) wait_for_products<1>();
        load(tap + 1);
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

// ---- y ------------------------------------------------------------------------------------------

// The pixels whose results a thread has, 8 channels in every 32: their numbers among y's, and among
// the thinned ones; -1: there is none.
struct unit_target {
    int pixel[2], kept[2];

    __device__ unit_target(const conv_unit_arguments &a, const unit_part &part,
                           const unit_place &tile)
    {
#pragma unroll
        for (int i = 0; i < 2; i++) {
            int y, x;
            bool inside = part.find(i, &y, &x);
            y += tile.y;
            x += tile.x;
            inside = inside && y < a.height && x < a.width;
            pixel[i] = inside ? (tile.picture * a.height + y) * a.width + x : -1;
            bool keep = inside && y % UNIT_EVERY == 0 && x % UNIT_EVERY == 0;
            int line = tile.picture * a.thin_height + y / UNIT_EVERY;
            kept[i] = keep ? line * a.thin_width + x / UNIT_EVERY : -1;
        }
    }

    // Where the thread's first channels of a pixel are.
    static __device__ int64_t at(int pixel, int channels)
    {
        return static_cast<int64_t>(pixel) * channels + threadIdx.x % 4 * 8;
    }
};

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
        float2 more = two_floats(in[j]);
        const float *pair = &sums[half * 4 + j][pixel * 2];
        out[j] = clamped_halves(pair[0] + more.x, pair[1] + more.y, low, high);
    }
    return {out[0], out[1], out[2], out[3]};
}

// `from`: of the first pixel.
__device__ inline void unit_store(__half *from, const int (&pixels)[2], int channels,
                                  const unit_values &out)
{
#pragma unroll
    for (int i = 0; i < 4; i++)
        if (pixels[i % 2] >= 0)
            *reinterpret_cast<uint4 *>(from + unit_target::at(pixels[i % 2], channels) +
                                       i / 2 * 32) = out[i];
}

// The next 64 channels' products begin before these are stored, and the first ones before the stage
// of h is left.
template <bool PROJECTED, bool THINNED, int ROWS>
__device__ void unit_multiply_m(const conv_unit_arguments &a, unit_ring<ROWS> &ring,
                                const unit_pixels &m, const unit_pixels &x,
                                const unit_values *residual, const unit_target &to, unsigned filter,
                                unsigned projection, unsigned biases)
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
    ring.leave();
#pragma unroll
    for (int chunk = 0; chunk < UNIT_MOST_CHUNKS; chunk++) {
        unit_values out;
        unit_settle(sums);
#pragma unroll
        for (int i = 0; i < 4; i++)
            out[i] = unit_finish(a, sums, i / 2, i % 2, PROJECTED ? uint4{} : residual[chunk][i]);
        bool more = chunk + 1 < UNIT_MOST_CHUNKS && (chunk + 1) * UNIT_MIDDLE < a.outs;
        if (more) multiply(chunk + 1);
        unit_store(a.y + chunk * UNIT_MIDDLE, to.pixel, a.outs, out);
        if (THINNED) unit_store(a.thinned + chunk * UNIT_MIDDLE, to.kept, a.outs, out);
        if (!more) break;
    }
}

#endif
