// A unit's first products (conv_unit.cuh): h of a tile and of the pixels around it, from x's stages
// to shared memory.
#ifndef POSENET_KERNELS_CONV_UNIT_UNIT_H_CUH
#define POSENET_KERNELS_CONV_UNIT_UNIT_H_CUH

#include "kernels/conv_unit/unit_part.cuh"
#include "kernels/conv_unit/unit_ring.cuh"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/mma.cuh"
#include "kernels/cuda/wgmma.cuh"

// What of a stage of x is added to y, if anything is.
__device__ inline void unit_keep(const conv_unit_arguments &a, const unit_part &part, unsigned rows,
                                 unit_values &kept)
{
    if (a.adds_x) unit_read(rows, {part.middle_row(0), part.middle_row(1)}, kept);
}

// sums[j]: 16 channels of a warp by 8 pixels. All chunks but the last are left, and the products
// are done. KEEPS: `kept` gets x at the thread's pixels; if not, x has one chunk.
template <int ROWS, bool KEEPS>
__device__ unsigned unit_multiply_x(float (&sums)[ROWS / 8][4], const conv_unit_arguments &a,
                                    const unit_part &part, unit_ring<ROWS> &ring, unsigned filter,
                                    unsigned biases, unit_values (&kept)[UNIT_MOST_CHUNKS])
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
    auto multiply = [&](int chunk) {
        rows = ring.await();
        uint64_t channels = describe_rows(filter + chunk * UNIT_FILTER);
        uint64_t pixels = describe_rows(rows);
        begin_products();
        multiply_rows<UNIT_MIDDLE>(sums, channels, pixels);
        end_products();
    };
    multiply(0);
    if (KEEPS) unit_keep(a, part, rows, kept[0]);
#pragma unroll
    for (int chunk = 1; chunk < (KEEPS ? UNIT_MOST_CHUNKS : 1) && chunk < a.chunks; chunk++) {
        multiply(chunk);
        if (KEEPS) unit_keep(a, part, rows, kept[chunk]);
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

// The sums as rows of pixels, turned as unit_part says.
template <int ROWS>
__device__ void unit_write_h(const conv_unit_arguments &a, const unit_part &part,
                             const float (&sums)[ROWS / 8][4],
                             const unsigned (&inside)[(ROWS + 31) / 32], unsigned to)
{
    int lane = threadIdx.x % 32, piece = threadIdx.x / 32 % 4 * 2 + lane / 8 % 2;
    __half2 low = __float2half2_rn(a.low[0]), high = __float2half2_rn(a.high[0]);
    unsigned rows = to + unit_part::written_row(0) * UNIT_ROW;
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
        store_matrices_turned(rows + j * 8 * UNIT_ROW + (piece ^ part.written_turn(j)) * 16, words);
    }
}

#endif
