// What conv_tma.cuh's two producers ask the copy engine for, one thread each: filter and bias, and
// x. What they do a step must be little: the first steps of a block wait for it.
#ifndef POSENET_KERNELS_CONV_TMA_TMA_FETCH_CUH
#define POSENET_KERNELS_CONV_TMA_TMA_FETCH_CUH

#include "kernels/conv/tma/tma_tile.cuh"
#include "kernels/cuda/launch.cuh"

// A tile's part of the filter: each of the blocks that share it fetches some of every step for all.
struct tma_part {
    const unsigned char *from; // of the tile's first step
    unsigned all, first, bytes;

    template <typename T>
    static __device__ tma_part of(const conv_tma_arguments &a, const tma_share &share, int channel)
    {
        tma_part p;
        p.all = min(T::CHANNELS, a.filter_channels - channel) * TMA_ROW;
        p.first = share.place * (p.all / 16) / a.together * 16;
        p.bytes = (share.place + 1) * (p.all / 16) / a.together * 16 - p.first;
        int64_t row = static_cast<int64_t>(share.first_step) * a.filter_channels + channel;
        p.from = reinterpret_cast<const unsigned char *>(a.filter) + row * TMA_ROW + p.first;
        return p;
    }
};

template <typename T, typename A>
__device__ void fetch_filter(const A &a, const tma_ring<T> &ring, const tma_share &share)
{
    unsigned sharing = 0; // bits: ranks that get the part, if others do
    if (a.together > 1)
        for (int i = 0; i < a.together; i++) sharing |= 1u << share.rank(a, i, share.slice);
    int64_t step_bytes = static_cast<int64_t>(a.filter_channels) * TMA_ROW;
    tma_turn turn = {};
    for (int i = 0; i < share.units; i++) {
        tma_place tile = tma_place::of<T>(a, share, share.first + i * share.apart);
        const conv_tma_arguments &own = convolution_of(a, tile);
        if (A::TWIN) step_bytes = static_cast<int64_t>(own.filter_channels) * TMA_ROW;
        tma_part part = tma_part::of<T>(own, share, tile.channel);
        unsigned bias_bytes = a.biases ? T::BIAS_BYTES : 0;
        for (int step = 0; step < share.steps; step++, part.from += step_bytes) {
            wait_for_bytes(ring.empty + turn.stage * 8, turn.phase ^ 1);
            unsigned barrier = ring.full + turn.stage * 8, to = ring.filter(turn.stage);
            expect_bytes(barrier, part.all + bias_bytes);
            copy_bulk(to + part.first, part.from, part.bytes, barrier, sharing);
            if (bias_bytes)
                copy_bulk(ring.bias(a, i), own.bias + tile.channel, bias_bytes, barrier);
            bias_bytes = 0; // once a tile
            turn.next(a.stages);
        }
    }
}

// Where a window's corner is for an output pixel, and which of the window's taps is next.
struct tma_window {
    int x, y, n, chunk, dx, dy;

    __device__ tma_window(const conv_tma_arguments &a, int pixel, int step)
    {
        int line = pixel / a.out_width;
        n = line / a.out_height;
        x = (pixel - line * a.out_width) * a.stride[1] - a.pads[1];
        y = (line - n * a.out_height) * a.stride[0] - a.pads[0];
        chunk = dx = dy = 0;
        if (step == 0) return; // without divisions
        int tap = step / a.chunks, down = tap / a.kernel[1];
        chunk = step - tap * a.chunks;
        dx = (tap - down * a.kernel[1]) * a.dilation[1];
        dy = down * a.dilation[0];
    }

    __device__ void next(const conv_tma_arguments &a)
    {
        if (++chunk < a.chunks) return;
        chunk = 0;
        dx += a.dilation[1];
        if (dx < a.kernel[1] * a.dilation[1]) return;
        dx = 0;
        dy += a.dilation[0];
    }
};

// Waits for the kernel before this one, whose results x may be, once all else is known. A slice's
// block fetches as many of the tile's pixels for all of them.
template <typename T>
__device__ void fetch_x(const conv_tma_arguments &a, const tma_ring<T> &ring,
                        const tma_share &share, const CUtensorMap *map)
{
    unsigned slices = 0; // bits: ranks that get the block's pixels, if others do
    int own = 0;         // its first of the tile's
    if (a.slices > 1) {
        slices = ((1u << a.slices) - 1) << (share.place * a.slices);
        own = T::PIXELS / a.slices * share.slice;
    }
    tma_turn turn = {};
    for (int i = 0; i < share.units; i++) {
        int pixel = tma_place::of<T>(a, share, share.first + i * share.apart).pixel + own;
        tma_window window(a, pixel, share.first_step);
        if (i == 0) wait_for_previous();
        for (int step = 0; step < share.steps; step++) {
            wait_for_bytes(ring.empty + turn.stage * 8, turn.phase ^ 1);
            unsigned barrier = ring.full + turn.stage * 8;
            unsigned to = ring.x(turn.stage) + own * TMA_ROW;
            int channel = window.chunk * MMA_STEP;
            expect_bytes(barrier, T::X_BYTES);
            if (a.windows)
                copy_taps(to, map, channel, window.x, window.y, window.n, window.dx, window.dy,
                          barrier, slices);
            else
                copy_rows(to, map, channel, pixel, barrier, slices);
            window.next(a);
            turn.next(a.stages);
        }
    }
}

#endif
