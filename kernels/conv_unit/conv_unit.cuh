// A bottleneck unit of ResNet by Hopper's warpgroup products, from x to y in one launch:
//
//   h = act0(filter0 x + bias0)                 1x1, to 64 channels
//   m = act1(filter1 * h + bias1)               3x3, h is zero outside the picture
//   y = act2(filter2 m + bias2 + shortcut)      1x1; x itself, or projection x + its bias, or none
//
// THINNED: every second pixel of every second line of y is written once more, for the shortcut of a
// unit with a stride.
//
// All filters stay in shared memory. A warpgroup computes tiles of at most 64 of y's pixels by
// itself, h also for the pixels around them; several of them on a multiprocessor are at different
// places of their tiles, so that one multiplies while another waits, stores or writes h.
//
// The first products have channels as rows and pixels as columns, since there are as many as the
// tile and its surroundings have; h goes to shared memory. The others have pixels as rows, which
// come from registers: h's by any offset there, and m's where the sums already are. The last
// filter's channels are turned so that a lane's sums are of eight neighbours (unit_column): results
// go to memory 64 bytes of a pixel at a time, and x, where it is added, comes so from its stages
// and waits in registers.
#ifndef POSENET_KERNELS_CONV_UNIT_CONV_UNIT_CUH
#define POSENET_KERNELS_CONV_UNIT_CONV_UNIT_CUH

#include "kernels/conv_unit/unit_h.cuh"
#include "kernels/conv_unit/unit_tiles.cuh"
#include "kernels/conv_unit/unit_y.cuh"

// ---- filters and biases -------------------------------------------------------------------------

// One thread's. Rows of up to 128 channels are packed one step of k after the other.
__device__ inline void unit_fetch_filters(const conv_unit_arguments &a, const unit_layout &l,
                                          unsigned base)
{
    unsigned barrier = base + l.barriers;
    expect_bytes(barrier, a.chunks * UNIT_FILTER);
    for (int i = 0; i < a.chunks; i++)
        copy_bulk(base + l.filters[0] + i * UNIT_FILTER, a.filters[0] + i * UNIT_PACKED,
                  UNIT_FILTER, barrier);
    expect_bytes(barrier + 8, UNIT_TAPS * UNIT_FILTER);
    for (int i = 0; i < UNIT_TAPS; i++)
        copy_bulk(base + l.filters[1] + i * UNIT_FILTER, a.filters[1] + i * UNIT_PACKED,
                  UNIT_FILTER, barrier + 8);
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

// ---- the kernel ---------------------------------------------------------------------------------

// One tile, from `base` on what unit_layout says.
template <int ROWS, bool PROJECTED, bool THINNED>
__device__ void unit_compute(const conv_unit_arguments &a, const unit_layout &l, unsigned base,
                             unit_part &part, unit_ring<ROWS> &ring, const unit_place &tile)
{
    unsigned barriers = base + l.barriers, biases = base + l.biases, inside[(ROWS + 31) / 32];
    unit_pixels x, m;
    unit_values residual[UNIT_MOST_CHUNKS] = {};
    unsigned h;
    part.forget();
    wait_for_bytes(barriers, 0);
    unit_find_inside<ROWS>(a, tile, part.wide, inside);
    {
        float sums[ROWS / 8][4];
        unsigned rows = unit_multiply_x<ROWS, !PROJECTED>(sums, a, part, ring, base + l.filters[0],
                                                          biases, residual);
        if (PROJECTED) {
            int middle = part.row + part.wide + 1; // turned by the copy engine
            unit_load_pixels(x, rows, middle, middle & 7);
        }
        h = ring.take();
        unit_write_h<ROWS>(a, part, sums, inside, h);
    }
    show_writes();
    ring.leave(); // all have written, too
    unit_target to(a, part, tile);
    wait_for_bytes(barriers + 8, 0);
    {
        unit_sums sums;
        unit_multiply_h<false>(sums, part, h, base + l.filters[1], biases + UNIT_MIDDLE * 4);
        unit_pack_m(a, sums, m);
    }
    wait_for_bytes(barriers + 16, 0);
    unit_multiply_m<PROJECTED, THINNED>(a, ring, m, x, residual, to, base + l.filters[2],
                                        base + l.projection, biases + 2 * UNIT_MIDDLE * 4);
}

// Warpgroups of a block: as many as there are registers for, which hold x where it is added.
template <bool PROJECTED> constexpr int unit_groups = PROJECTED ? 3 : 2;

// Blocks: any number up to a.tiles; threads: 128 a warpgroup. Shared memory: room to align,
// unit_layout. ROWS: of a stage, at least the pixels of a tile and around it. x's map: boxes of 64
// channels of these.
template <int ROWS, bool PROJECTED, bool THINNED>
__global__ void __launch_bounds__(unit_groups<PROJECTED> * 128)
    conv_unit(const __grid_constant__ CUtensorMap x, const __grid_constant__ conv_unit_arguments a)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ __align__(128) unsigned char shared[];
    unit_tiles<ROWS>(a, &x, nullptr, shared, [&](auto &...of_tile) {
        unit_compute<ROWS, PROJECTED, THINNED>(a, of_tile...);
    });
#endif
}

#endif
