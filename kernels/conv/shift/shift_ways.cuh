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
    int share_bits, stages, apart, patient, stretches, shared_bytes;
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

// Clocks: x; the products, or their way through shared memory, or the filter's that is not there
// before the wait; the exchange of the sums, their end; times the blocks that a multiprocessor
// gets. `places`: clusters that run at once, one block a multiprocessor.
double cost_of(const conv_shift_arguments &a, const shift_way &w, int places, bool half)
{
    const double bytes_a_clock = 48, all_bytes_a_clock = 3300, sent_a_clock = 13;
    const double start = half ? 2300 : 4500, hidden = 2500; // in the kernel before
    const double latency = 700, meeting = 500, round = 250, refill = 1200;
    const int pixels = w.kernel->pixels, shares = 1 << w.share_bits;
    const int clusters = w.stretches * (a.outs / SHIFT_CHANNELS);
    const int beside = half && clusters > places ? 2 : 1, busy = min(clusters, places * beside);
    double x = latency + shift_window(a, pixels) * a.units * 32.0 * beside / bytes_a_clock;
    double product = max(pixels / 2, 16 + pixels / 4);
    double products = a.units * SHIFT_TAPS * product * 1.1 * beside;
    double unit = 1.0 * (SHIFT_UNIT * shares) * busy / all_bytes_a_clock;
    double filter = a.units * unit - (half ? min(w.stages * unit, hidden) : 0);
    if (w.stages < a.units) filter = max(filter, a.units * refill / (w.stages - 1));
    double sent = 4.0 * (pixels * SHIFT_CHANNELS) * (shares - 1) / shares;
    double exchange = shares > 1 ? meeting + sent / sent_a_clock * beside : 0;
    int rounds = divided(divided(pixels / 2, shares), SHIFT_THREADS / 32) * beside;
    double all = start + x + max(products, filter) + exchange + rounds * round;
    return divided(clusters, places * (half ? 2 : 1)) * (w.apart ? all : all + 200);
}

// How the operands and sums lie in so many bytes of shared memory: best all of the filter and a
// place for sums of their own, at the least two units at a time. False where that is too much.
bool set_room(conv_shift_arguments *a, const shift_kernel &k, int bytes)
{
    a->stages = a->units;
    for (a->apart = 1; a->apart >= 0; a->apart--)
        if (shift_layout_of(*a, k.pixels).end <= bytes) return true;
    a->apart = 0;
    while (--a->stages >= 2)
        if (shift_layout_of(*a, k.pixels).end <= bytes) return true;
    return false;
}

// How many clusters run at once if each block has a multiprocessor for itself: fewer than one would
// count, since they do not lie across groups of multiprocessors.
status find_places(const cuda_device *g, int share_bits, int *places)
{
    *places = g->multiprocessors;
    if (share_bits == 0) return STATUS_OK;
    cudaLaunchAttribute attribute;
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = 1 << share_bits;
    attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(g->multiprocessors << share_bits);
    config.blockDim = dim3(SHIFT_THREADS);
    config.dynamicSmemBytes = g->block_shared_bytes;
    config.attrs = &attribute;
    config.numAttrs = 1;
    const void *kernel = reinterpret_cast<const void *>(kernels[0].kernel);
    TRY(cuda_allow_shared_memory(g, kernel));
    return cuda_check(cudaOccupancyMaxActiveClusters(places, kernel, &config),
                      "asking how many clusters fit");
}

void add_ways(conv_shift_arguments a, const shift_kernel &k, int share_bits, int places,
              const cuda_device *g, shift_way (&ways)[MOST_WAYS], int *count)
{
    // Two such blocks fit a multiprocessor: one computes, the next kernel's waits.
    const int half = g->shared_bytes / 2 - CUDA_BLOCK_RESERVE;
    if (!set_shares(&a, k, share_bits)) return;
    int before = 0; // bytes
    for (int bytes : {half, g->block_shared_bytes}) {
        if (!set_room(&a, k, bytes)) continue;
        int needed = shift_layout_of(a, k.pixels).end;
        if (needed == before) continue;
        before = needed;
        int stretches = static_cast<int>((all_pixels(a) + k.pixels - 1) / k.pixels);
        for (int patient : {0, 1}) {
            if (patient && bytes != half) continue; // the next kernel has no room before the end
            shift_way w = {&k, share_bits, a.stages, a.apart, patient, stretches, needed, 0};
            w.cost = cost_of(a, w, places, bytes == half);
            keep_way(ways, count, MOST_WAYS, w);
        }
    }
}

// The best, best first; how many. `shape`: without what depends on the way.
status list_ways(const cuda_device *g, const conv_shift_arguments &shape,
                 shift_way (&ways)[MOST_WAYS], int *count)
{
    *count = 0;
    for (int bits = 0; bits <= MOST_SHARE_BITS; bits++) {
        int places;
        TRY(find_places(g, bits, &places));
        if (places < 1) continue;
        for (const shift_kernel &k : kernels) add_ways(shape, k, bits, places, g, ways, count);
    }
    return STATUS_OK;
}

} // namespace

#endif
