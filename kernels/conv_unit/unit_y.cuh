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
    unit_load_pixels(pixels[0], h, part.row, part.read_turn(0, 0));
#pragma unroll
    for (int tap = 0; tap < UNIT_TAPS; tap++) {
        begin_products();
        unit_multiply(sums, pixels[tap % 2], filter + tap * UNIT_FILTER);
        end_products();
        if (tap == UNIT_TAPS - 1) break;
        const int next = tap + 1, down = next / 3, right = next % 3;
        if (tap > 0) wait_for_products<1>();
        unit_load_pixels(pixels[next % 2], h, part.row + down * part.wide + right,
                         part.read_turn(down, right));
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

// Where a thread's results go: 8 channels of pixel i at `at[i]` on, if `inside`; and which pixel of
// the thinned ones it is, -1: none.
struct unit_target {
    int64_t at[2];
    bool inside[2];
    int kept[2];

    __device__ unit_target(const conv_unit_arguments &a, const unit_part &part,
                           const unit_place &tile)
    {
#pragma unroll
        for (int i = 0; i < 2; i++) {
            int y, x;
            bool some = part.find(i, &y, &x);
            y += tile.y;
            x += tile.x;
            inside[i] = some && y < a.height && x < a.width;
            at[i] = ((static_cast<int64_t>(tile.picture) * a.height + y) * a.width + x) * a.outs +
                    threadIdx.x % 4 * 8;
            bool keep = inside[i] && y % UNIT_EVERY == 0 && x % UNIT_EVERY == 0;
            int line = tile.picture * a.thin_height + y / UNIT_EVERY;
            kept[i] = keep ? line * a.thin_width + x / UNIT_EVERY : -1;
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
        float2 more = two_floats(in[j]);
        const float *pair = &sums[half * 4 + j][pixel * 2];
        out[j] = clamped_halves(pair[0] + more.x, pair[1] + more.y, low, high);
    }
    return {out[0], out[1], out[2], out[3]};
}

// `from`: 64 channels of y from here on; out: as the residual's.
template <bool THINNED>
__device__ inline void unit_store(const conv_unit_arguments &a, const unit_target &to, int from,
                                  const uint4 (&out)[4])
{
#pragma unroll
    for (int i = 0; i < 4; i++) {
        int channel = from + i / 2 * 32, kept = to.kept[i % 2];
        if (to.inside[i % 2]) *reinterpret_cast<uint4 *>(a.y + to.at[i % 2] + channel) = out[i];
        if (!THINNED || kept < 0) continue;
        __half *pixel = a.thinned + static_cast<int64_t>(kept) * a.outs + threadIdx.x % 4 * 8;
        *reinterpret_cast<uint4 *>(pixel + channel) = out[i];
    }
}

// The next 64 channels' products begin before these are stored.
template <bool PROJECTED, bool THINNED>
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
        unit_store<THINNED>(a, to, chunk * UNIT_MIDDLE, out);
        if (!more) break;
    }
}

#endif
