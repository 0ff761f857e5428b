// Convolution with a window, its input fetched once: the part of a picture that a tile's window
// passes over lies in shared memory, 64 channels at a time, and every tap reads its rows there.
// Else as mma_tile.cuh says. A share of k is a run of (64 channels, tap) pairs, taps fastest, so it
// needs few patches; mostly all of its filter is on its way before the kernel waits.
//
// A patch is whole rows of the picture, [row][column][64 channels], a pixel's 16-byte pieces
// permuted by its place modulo 8. Pixels outside are read from 128 zero bytes.
#ifndef POSENET_KERNELS_CONV_MMA_CONV_PATCH_MMA_CUH
#define POSENET_KERNELS_CONV_MMA_CONV_PATCH_MMA_CUH

#include "kernels/conv/mma/mma_output.cuh"
#include "kernels/cuda/launch.cuh"

enum { PATCH_ZEROS = 128, PATCH_PIXEL = MMA_STEP * 2 };

// The picture's rows first..first + count - 1 that pixels `pixel`..`last` of an output picture see.
struct patch_rows {
    int first, count;
};

__device__ inline patch_rows patch_rows_of(const conv_mma_arguments &a, int pixel, int last)
{
    int top = pixel / a.out_width * a.stride[0] - a.pads[0];
    int bottom = last / a.out_width * a.stride[0] - a.pads[0] + (a.kernel[0] - 1) * a.dilation[0];
    if (top < 0) top = 0;
    if (bottom > a.height - 1) bottom = a.height - 1;
    return {top, bottom < top ? 0 : bottom - top + 1};
}

template <typename T>
__device__ void copy_patch(const conv_mma_arguments &a, unsigned to, int picture, patch_rows rows,
                           int block)
{
    const __half *from =
        a.x + (static_cast<int64_t>(picture) * a.height + rows.first) * a.width * a.pieces * 8 +
        block * MMA_STEP;
    for (int i = threadIdx.x; i < rows.count * a.width * MMA_PIECES; i += T::THREADS) {
        int pixel = i / MMA_PIECES, piece = i % MMA_PIECES;
        copy_async(to + pixel * PATCH_PIXEL + (piece ^ pixel % MMA_PIECES) * 16,
                   from + (static_cast<int64_t>(pixel) * a.pieces + piece) * 8);
    }
}

// The rows of the patch that a lane reads: its pixel of each of the warp's fragments.
template <typename T> class patch_reader
{
    int top_[T::ACROSS], left_[T::ACROSS], first_, height_, width_;

  public:
    // Pixels pixel.. of an output picture, those from `end` on are zeros.
    __device__ patch_reader(const conv_mma_arguments &a, int pixel, int end, patch_rows rows)
        : first_(rows.first), height_(rows.count), width_(a.width)
    {
        pixel += threadIdx.x / 32 / T::COLUMNS * (T::ACROSS * 16) + threadIdx.x % 16;
#pragma unroll
        for (int i = 0; i < T::ACROSS; i++) {
            int line = (pixel + i * 16) / a.out_width;
            top_[i] = line * a.stride[0] - a.pads[0] - first_;
            left_[i] = (pixel + i * 16 - line * a.out_width) * a.stride[1] - a.pads[1];
            if (pixel + i * 16 >= end) top_[i] = -(1 << 30);
        }
    }

    // For the tap dy, dx pixels away, of the patch at `patch`.
    __device__ void at(unsigned patch, unsigned zeros, int dy, int dx, unsigned (&x)[T::ACROSS],
                       unsigned (&turn)[T::ACROSS]) const
    {
#pragma unroll
        for (int i = 0; i < T::ACROSS; i++) {
            int y = top_[i] + dy, column = left_[i] + dx;
            bool inside = static_cast<unsigned>(y) < static_cast<unsigned>(height_) &&
                          static_cast<unsigned>(column) < static_cast<unsigned>(width_);
            unsigned place = y * width_ + column;
            x[i] = inside ? patch + place * PATCH_PIXEL : zeros;
            turn[i] = place % MMA_PIECES;
        }
    }
};

// Blocks: (pixel tiles of all pictures * split, channel tiles), clusters of `split` along x. Shared
// memory: zeros, patches of a.patch_bytes, the filter's stages, sums.
template <typename T>
__global__ void __launch_bounds__(T::THREADS) conv_patch_mma(conv_mma_arguments a)
{
#if __CUDA_ARCH__ >= 800
    extern __shared__ __align__(128) unsigned char shared[];
    __shared__ __align__(8) uint64_t arrived; // sums
    int tile = blockIdx.x / a.split, share = blockIdx.x - tile * a.split;
    int out_pixels = a.out_height * a.out_width;
    int tiles = (out_pixels + T::PIXELS - 1) / T::PIXELS; // of a picture
    int picture = tile / tiles, first_pixel = (tile - picture * tiles) * T::PIXELS;
    int first_channel = blockIdx.y * T::CHANNELS;
    int first = share * a.steps / a.split, count = (share + 1) * a.steps / a.split - first;
    int taps = a.kernel[0] * a.kernel[1], channel_blocks = a.pieces / MMA_PIECES;
    int block = first / taps, tap = first - block * taps;
    int patches = (first + count - 1) / taps - block + 1;
    int stages = min((a.steps + a.split - 1) / a.split, T::STAGES);
    int rows = (T::PIXELS + a.split - 1) / a.split;
    unsigned zeros = shared_address(shared), patch = zeros + PATCH_ZEROS;
    unsigned ring = patch + a.patches * a.patch_bytes;
    unsigned sums_at = ring + stages * T::FILTER_BYTES;
    unsigned barrier = shared_address(&arrived);
    await_sums<T>(a, barrier, min(rows, T::PIXELS - share * rows));

    // The filter's steps lie tap by tap.
    int next_block = block, next_tap = tap;
    auto copy_next_filter = [&](unsigned to) {
        copy_filter<T>(a, to, first_channel, next_tap * channel_blocks + next_block);
        if (++next_tap < taps) return;
        next_tap = 0;
        next_block++;
    };
#pragma unroll
    for (int s = 0; s < T::STAGES; s++)
        if (s < count) copy_next_filter(ring + s * T::FILTER_BYTES);
    if (threadIdx.x < PATCH_ZEROS / 16) store_shared(zeros + threadIdx.x * 16, uint4{});
    patch_rows seen = patch_rows_of(a, first_pixel, min(first_pixel + T::PIXELS, out_pixels) - 1);
    patch_reader<T> reader(a, first_pixel, out_pixels, seen);
    int own = first_pixel + share * rows; // the first row of y that this block finishes
    mma_output<T> output(a, picture * out_pixels + own,
                         min(min(rows, T::PIXELS - share * rows), out_pixels - own), first_channel);

    wait_for_previous();
    for (int i = 0; i < patches; i++)
        copy_patch<T>(a, patch + i * a.patch_bytes, picture, seen, block + i);
    copy_group();
    output.fetch_residual(a);

    float sums[T::ACROSS][T::DOWN * 2][4] = {};
    int ky = tap / a.kernel[1], kx = tap - ky * a.kernel[1];
    unsigned stage = ring, freed = ring;
    wait_for_copies<0>();
    __syncthreads();
    for (int i = 0; i < count; i++) {
        if (i > 0 && count > T::STAGES) { // step i - 1 has left its stage
            wait_for_copies<T::STAGES - 2>();
            __syncthreads();
            if (i - 1 + T::STAGES < count) copy_next_filter(freed);
            copy_group();
        }
        unsigned x[T::ACROSS], turn[T::ACROSS];
        reader.at(patch, zeros, ky * a.dilation[0], kx * a.dilation[1], x, turn);
        multiply_step<T>(sums, x, turn, stage);
        freed = stage;
        stage += T::FILTER_BYTES;
        if (stage == ring + T::STAGES * T::FILTER_BYTES) stage = ring;
        if (++kx < a.kernel[1]) continue;
        kx = 0;
        if (++ky < a.kernel[0]) continue;
        ky = 0;
        patch += a.patch_bytes;
    }
    finish_tile<T>(a, sums, sums_at, rows, share, output, barrier);
#endif
}

#endif
