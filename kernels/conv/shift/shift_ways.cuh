// The ways of conv_shift_cuda: a stretch of pixels and the blocks that share its input channels;
// best first by a rough model.
#ifndef POSENET_KERNELS_CONV_SHIFT_SHIFT_WAYS_CUH
#define POSENET_KERNELS_CONV_SHIFT_SHIFT_WAYS_CUH

#include "kernels/conv/shift/conv_shift.cuh"
#include "kernels/cuda/device.h"
#include "kernels/cuda/ways.cuh"

namespace
{

struct shift_kernel {
    int pixels;
    void (*kernel)(conv_shift_arguments);
};

template <int PIXELS> constexpr shift_kernel kernel_of()
{
    return {PIXELS, conv_shift<PIXELS>};
}

const shift_kernel kernels[] = {kernel_of<40>(),  kernel_of<48>(),  kernel_of<56>(),
                                kernel_of<64>(),  kernel_of<72>(),  kernel_of<80>(),
                                kernel_of<96>(),  kernel_of<104>(), kernel_of<112>(),
                                kernel_of<136>(), kernel_of<144>(), kernel_of<168>()};
const int MOST_SHARE_BITS = 3;
const int MOST_WAYS = 16;

struct shift_way {
    const shift_kernel *kernel;
    int share_bits, apart, stretches, shared_bytes;
    double cost; // expected clocks
};

// The zeros between lines and pictures count, those after the last pixel do not.
int64_t all_pixels(const conv_shift_arguments &a)
{
    int64_t lines = static_cast<int64_t>(a.pictures - 1) * a.lines + a.height;
    return (lines - 1) * a.pitch + a.width;
}

// What follows from a kernel and a cluster; false where the channels cannot be shared so, or x does
// not fit what describe_pieces has room for.
bool set_shares(conv_shift_arguments *a, const shift_kernel &k, int share_bits)
{
    const int step = SHIFT_STEP << share_bits;
    a->share_bits = share_bits;
    a->units = a->ins / step;
    if (a->ins % step != 0 || (a->units != 1 && a->units % 2 != 0)) return false;
    const int apart = a->units == 1 ? 4 : 2; // of 8 pieces that a warp writes at once, none meet
    a->plane = (shift_window(*a, k.pixels) - apart + 7) / 8 * 8 + apart;
    return a->plane < 1 << 14;
}

// Clocks: the filter, of which half a multiprocessor's memory lets most come before the wait; x;
// the products, or their way through shared memory; the exchange of the sums; times the blocks that
// a multiprocessor gets.
double cost_of(const conv_shift_arguments &a, const shift_way &w, int multiprocessors, bool half)
{
    const double bytes_a_clock = 48, all_bytes_a_clock = 2600, sent_a_clock = 14, start = 2500;
    const double latency = 700, hidden = half ? 2500 : 0;
    const int pixels = w.kernel->pixels, shares = 1 << w.share_bits,
              blocks = w.stretches * shares * (a.outs / SHIFT_CHANNELS);
    int places = multiprocessors * (half ? 2 : 1), busy = blocks < places ? blocks : places;
    int beside = divided(busy, multiprocessors);
    double filter = 1.0 * (a.units * SHIFT_UNIT);
    double fetch = filter * beside / bytes_a_clock, cached = filter * busy / all_bytes_a_clock;
    if (fetch < cached) fetch = cached;
    fetch = fetch > hidden ? fetch - hidden : 0;
    double x = latency + shift_window(a, pixels) * a.units * 32.0 * beside / bytes_a_clock;
    double product = pixels / 2 > 16 + pixels / 4 ? pixels / 2 : 16 + pixels / 4;
    double products = a.units * SHIFT_TAPS * product * 1.15 * beside;
    double sent = 4.0 * (pixels * SHIFT_CHANNELS) * (shares - 1) / shares;
    double exchange = shares > 1 ? 700 + sent / sent_a_clock * beside : 300;
    if (!w.apart) exchange += 200;
    return divided(blocks, places) * (start + fetch + x + products + exchange);
}

void add_ways(conv_shift_arguments a, const shift_kernel &k, int share_bits, const cuda_device &g,
              shift_way (&ways)[MOST_WAYS], int *count)
{
    // Two such blocks fit a multiprocessor: one computes, the next kernel's waits.
    const int half = g.shared_bytes / 2 - CUDA_BLOCK_RESERVE;
    if (!set_shares(&a, k, share_bits)) return;
    int before = -1;
    for (int bytes : {half, g.block_shared_bytes}) {
        a.apart = 1;
        if (shift_layout_of(a, k.pixels).end > bytes) a.apart = 0;
        int needed = shift_layout_of(a, k.pixels).end;
        if (needed > bytes || a.apart == before) continue;
        before = a.apart;
        int stretches = static_cast<int>((all_pixels(a) + k.pixels - 1) / k.pixels);
        shift_way w = {&k, share_bits, a.apart, stretches, needed, 0};
        w.cost = cost_of(a, w, g.multiprocessors, bytes == half);
        keep_way(ways, count, MOST_WAYS, w);
    }
}

// The best, best first; how many. `shape`: without share_bits, units, plane and apart.
int list_ways(const cuda_device &g, const conv_shift_arguments &shape, shift_way (&ways)[MOST_WAYS])
{
    int count = 0;
    for (const shift_kernel &k : kernels)
        for (int bits = 0; bits <= MOST_SHARE_BITS; bits++)
            add_ways(shape, k, bits, g, ways, &count);
    return count;
}

} // namespace

#endif
