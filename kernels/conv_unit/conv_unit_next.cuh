// The end of a bottleneck unit of ResNet and the beginning of the next one, which has a stride, by
// Hopper's warpgroup products in one launch:
//
//   m = act1(filter1 * h + bias1)               3x3 on 64 channels, h is zero outside the picture
//   y = act2(filter2 m + bias2 + residual)      1x1; every second pixel of every second line is
//                                               written, for the next unit's shortcut
//   z = act(filter y + bias)                    1x1, to 64 channels
//
// Nobody else reads y, so most of it stays in registers, where it is four times as large as what
// comes in and goes out. As conv_unit.cuh, but h comes by the copy engine. A lane's sums of y are
// operands of z's products as they are, so the last filter's input channels are turned as the other
// one's output channels (unit_column).
#ifndef POSENET_KERNELS_CONV_UNIT_CONV_UNIT_NEXT_CUH
#define POSENET_KERNELS_CONV_UNIT_CONV_UNIT_NEXT_CUH

#include "kernels/conv_unit/unit_tiles.cuh"
#include "kernels/conv_unit/unit_y.cuh"

// conv_unit_arguments whose x is h: one chunk, for which there are no filters[0] and biases[0]; the
// residual, if any, is added by the ring. And the convolution that follows.
struct conv_next_arguments : conv_unit_arguments {
    const unsigned char *next_filter; // both its channels turned
    const float *next_bias;           // or NULL
    __half *z;
    float next_low, next_high;

    typedef void (*kernel)(CUtensorMap, CUtensorMap, conv_next_arguments);
    static constexpr bool NEXT = true;
};

// As unit_layout.
struct next_layout {
    int taps, filter, next_filter, stages, biases, barriers, end;
};

__host__ __device__ inline next_layout unit_layout_of(const conv_next_arguments &a, int rows,
                                                      int groups)
{
    next_layout l;
    l.taps = 0;
    l.filter = l.taps + UNIT_TAPS * UNIT_FILTER;
    l.next_filter = l.filter + a.outs * UNIT_ROW;
    l.stages = l.next_filter + a.outs * UNIT_ROW;
    l.biases = l.stages + groups * a.stages * rows * UNIT_ROW;
    l.barriers = l.biases + (2 * UNIT_MIDDLE + a.outs) * 4;
    l.end = l.barriers + (UNIT_WEIGHTS + groups * a.stages) * 8;
    return l;
}

// One thread's.
__device__ inline void unit_fetch_filters(const conv_next_arguments &a, const next_layout &l,
                                          unsigned base)
{
    unsigned barrier = base + l.barriers, bytes = a.outs * UNIT_ROW;
    expect_bytes(barrier, UNIT_TAPS * UNIT_FILTER);
    for (int i = 0; i < UNIT_TAPS; i++)
        copy_bulk(base + l.taps + i * UNIT_FILTER, a.filters[1] + i * UNIT_PACKED, UNIT_FILTER,
                  barrier);
    expect_bytes(barrier + 8, bytes);
    copy_bulk(base + l.filter, a.filters[2], bytes, barrier + 8);
    expect_bytes(barrier + 16, bytes);
    copy_bulk(base + l.next_filter, a.next_filter, bytes, barrier + 16);
}

// [64 of m][y's][64 of z].
__device__ inline void unit_fetch_biases(const conv_next_arguments &a, float *to)
{
    for (int i = threadIdx.x; i < 2 * UNIT_MIDDLE + a.outs; i += blockDim.x) {
        int channel = i - UNIT_MIDDLE;
        const float *from = a.biases[2];
        if (channel < 0) {
            channel = i;
            from = a.biases[1];
        } else if (channel >= a.outs) {
            channel -= a.outs;
            from = a.next_bias;
        }
        to[i] = from ? from[channel] : 0;
    }
}

// y of 64 channels as rows of a product.
__device__ inline void next_take_rows(const unit_values &y, unit_pixels &rows)
{
#pragma unroll
    for (int k = 0; k < UNIT_MIDDLE / 16; k++)
#pragma unroll
        for (int m = 0; m < 4; m++) {
            const uint4 &from = y[k / 2 * 2 + m % 2];
            const unsigned words[4] = {from.x, from.y, from.z, from.w};
            rows[k][m] = words[k % 2 * 2 + m / 2];
        }
}

__device__ inline void next_store(const conv_next_arguments &a, const unit_target &to,
                                  const unit_sums &sums)
{
    __half2 low = __float2half2_rn(a.next_low), high = __float2half2_rn(a.next_high);
    unit_values out;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        unsigned words[4];
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const float *pair = &sums[i / 2 * 4 + j][i % 2 * 2];
            words[j] = clamped_halves(pair[0], pair[1], low, high);
        }
        out[i] = {words[0], words[1], words[2], words[3]};
    }
    unit_store(a.z, to.pixel, UNIT_MIDDLE, out);
}

// Of every 64 channels of y, z's products and those of the next 64 channels are under way while the
// thinned ones are stored.
template <int ROWS>
__device__ void next_multiply_m(const conv_next_arguments &a, const next_layout &l, unsigned base,
                                unit_ring<ROWS> &ring, const unit_pixels &m, const unit_target &to)
{
    int own = threadIdx.x / 32 % 4 * 16 + threadIdx.x % 32 / 4; // the thread's pixels of the tile's
    unsigned biases = base + l.biases + UNIT_MIDDLE * 4;
    unit_sums sums, z;
    auto multiply = [&](int chunk) {
        unit_set_biases(sums, biases + chunk * UNIT_MIDDLE * 4);
        begin_products();
        unit_multiply(sums, m, base + l.filter + chunk * UNIT_FILTER);
        end_products();
    };
    multiply(0);
    ring.leave(); // h's stage
    unit_set_biases(z, biases + a.outs * 4);
#pragma unroll
    for (int chunk = 0; chunk < UNIT_MOST_CHUNKS; chunk++) {
        unit_values residual = {}, y;
        unit_pixels rows;
        if (a.added) unit_read(ring.await(), {own, own + 8}, residual);
        unit_settle(sums); // z's are done, too
#pragma unroll
        for (int i = 0; i < 4; i++) y[i] = unit_finish(a, sums, i / 2, i % 2, residual[i]);
        next_take_rows(y, rows);
        bool more = chunk + 1 < UNIT_MOST_CHUNKS && (chunk + 1) * UNIT_MIDDLE < a.outs;
        if (more) multiply(chunk + 1);
        begin_products();
        unit_multiply(z, rows, base + l.next_filter + chunk * UNIT_FILTER);
        end_products();
        if (a.added) ring.leave();
        unit_store(a.thinned + chunk * UNIT_MIDDLE, to.kept, a.outs, y);
        if (!more) break;
    }
    unit_settle(z);
    next_store(a, to, z);
}

// One tile, from `base` on what the layout says.
template <int ROWS>
__device__ void unit_compute(const conv_next_arguments &a, const next_layout &l, unsigned base,
                             unit_part &part, unit_ring<ROWS> &ring, const unit_place &tile)
{
    unsigned barriers = base + l.barriers;
    unit_pixels m;
    part.forget();
    unit_target to(a, part, tile);
    wait_for_bytes(barriers, 0);
    unsigned h = ring.await();
    {
        unit_sums sums;
        unit_multiply_h<true>(sums, part, h, base + l.taps, base + l.biases);
        unit_pack_m(a, sums, m);
    }
    wait_for_bytes(barriers + 8, 0);
    wait_for_bytes(barriers + 16, 0);
    next_multiply_m(a, l, base, ring, m, to);
}

const int NEXT_GROUPS = 2; // as unit_groups

// Blocks, threads, shared memory and ROWS as conv_unit's. Maps' boxes: 64 channels of a tile, h's
// also of the pixels around it.
template <int ROWS>
__global__ void __launch_bounds__(NEXT_GROUPS * 128)
    conv_unit_next(const __grid_constant__ CUtensorMap h,
                   const __grid_constant__ CUtensorMap residual,
                   const __grid_constant__ conv_next_arguments a)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ __align__(128) unsigned char shared[];
    unit_tiles<ROWS>(a, &h, &residual, shared,
                     [&](auto &...of_tile) { unit_compute<ROWS>(a, of_tile...); });
#endif
}

#endif
