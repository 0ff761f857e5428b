// Convolution with x copied row by row for every tap: a step of k is 64 (tap, channel) pairs of
// each pixel, whatever the window. The ways of mma_tile.cuh. Rows of x in shared memory have their
// 16-byte pieces permuted by the row, so that neither copies nor ldmatrix meet bank conflicts.
#ifndef POSENET_KERNELS_CONV_MMA_CONV_MMA_CUH
#define POSENET_KERNELS_CONV_MMA_CONV_MMA_CUH

#include "kernels/conv/mma/mma_output.cuh"
#include "kernels/cuda/launch.cuh"

// The rows of x that a thread copies: every THREADS / MMA_PIECES-th of the tile, always the same
// 8-channel piece of a step.
template <typename T> class mma_input
{
    static constexpr int APART = T::THREADS / MMA_PIECES, COUNT = T::PIXELS / APART;
    const __half *x_;
    int top_[COUNT], left_[COUNT];
    unsigned offset_[COUNT]; // of tap 0, 0; may lie outside, so it is counted modulo 2^32
    unsigned to_;            // within a stage
    int ky_, kx_, piece_;

  public:
    __device__ mma_input(const conv_mma_arguments &a, int first_pixel, int first_step) : x_(a.x)
    {
        int column = threadIdx.x % MMA_PIECES, row = threadIdx.x / MMA_PIECES;
        int tap = (first_step * MMA_PIECES + column) / a.pieces;
        piece_ = first_step * MMA_PIECES + column - tap * a.pieces;
        ky_ = tap / a.kernel[1];
        kx_ = tap - ky_ * a.kernel[1];
        to_ = row * MMA_STEP * 2 + (column ^ row % MMA_PIECES) * 16; // APART keeps row % MMA_PIECES
#pragma unroll
        for (int i = 0; i < COUNT; i++) {
            int pixel = first_pixel + row + i * APART;
            int line = pixel / a.out_width, picture = line / a.out_height;
            top_[i] = (line - picture * a.out_height) * a.stride[0] - a.pads[0];
            left_[i] = (pixel - line * a.out_width) * a.stride[1] - a.pads[1];
            offset_[i] =
                ((static_cast<unsigned>(picture) * a.height + top_[i]) * a.width + left_[i]) *
                a.pieces * 8;
            if (pixel >= a.pixels) top_[i] = -(1 << 30); // never inside
        }
    }

    // The next step's, into the stage at `stage`.
    __device__ void copy(const conv_mma_arguments &a, unsigned stage)
    {
        int dy = ky_ * a.dilation[0], dx = kx_ * a.dilation[1];
        unsigned from = ((static_cast<unsigned>(dy) * a.width + dx) * a.pieces + piece_) * 8;
#pragma unroll
        for (int i = 0; i < COUNT; i++) {
            bool inside = ky_ < a.kernel[0] &&
                          static_cast<unsigned>(top_[i] + dy) < static_cast<unsigned>(a.height) &&
                          static_cast<unsigned>(left_[i] + dx) < static_cast<unsigned>(a.width);
            copy_async(stage + to_ + i * APART * MMA_STEP * 2,
                       x_ + (inside ? offset_[i] + from : 0), inside);
        }
        for (piece_ += MMA_PIECES; piece_ >= a.pieces; piece_ -= a.pieces) {
            if (++kx_ < a.kernel[1]) continue;
            kx_ = 0;
            ky_++;
        }
    }
};

// Blocks: (pixel tiles * split, channel tiles), clusters of `split` along x. Shared memory: the
// stages, then the sums of a split tile; an unsplit one's overlay the stages.
template <typename T> __global__ void __launch_bounds__(T::THREADS) conv_mma(conv_mma_arguments a)
{
#if __CUDA_ARCH__ >= 800
    extern __shared__ __align__(128) unsigned char shared[];
    __shared__ __align__(8) uint64_t arrived; // sums
    const mma_share<T> share(a);
    const int count = share.count;
    unsigned ring = shared_address(shared), sums_at = ring;
    unsigned barrier = shared_address(&arrived);
    if (a.split > 1) sums_at += share.stages * T::STAGE_BYTES;
    await_sums<T>(a, barrier, share.finished());
#pragma unroll
    for (int s = 0; s < T::STAGES; s++)
        if (s < count)
            copy_filter<T>(a, ring + s * T::STAGE_BYTES + T::X_BYTES, share.first_channel,
                           share.first + s);
    copy_group();
    mma_input<T> input(a, share.first_pixel, share.first);
    int own = share.first_pixel + share.number * share.rows; // the first that this block finishes
    mma_output<T> output(a, own, min(share.finished(), a.pixels - own), share.first_channel);

    wait_for_previous();
#pragma unroll
    for (int s = 0; s < T::STAGES; s++) {
        if (s < count) input.copy(a, ring + s * T::STAGE_BYTES);
        copy_group();
    }
    output.fetch_residual(a);

    // One group a step, empty or not: step i is there when only the steps after it are not.
    float sums[T::ACROSS][T::DOWN * 2][4] = {};
    unsigned row = threadIdx.x / 32 / T::COLUMNS * (T::ACROSS * 16) + threadIdx.x % 16;
    unsigned x[T::ACROSS], turn[T::ACROSS], stage = 0, freed = 0;
#pragma unroll
    for (int i = 0; i < T::ACROSS; i++) turn[i] = row % MMA_PIECES;
    for (int i = 0; i < count; i++) {
        if (i == 0)
            wait_for_copies<T::STAGES - 1>();
        else
            wait_for_copies<T::STAGES - 2>();
        __syncthreads();
        if (i > 0) { // into the stage that step i - 1 has left
            if (i - 1 + T::STAGES < count) {
                copy_filter<T>(a, ring + freed + T::X_BYTES, share.first_channel,
                               share.first + i - 1 + T::STAGES);
                input.copy(a, ring + freed);
            }
            copy_group();
        }
#pragma unroll
        for (int f = 0; f < T::ACROSS; f++) x[f] = ring + stage + (row + f * 16) * MMA_STEP * 2;
        multiply_step<T>(sums, x, turn, ring + stage + T::X_BYTES);
        freed = stage;
        stage += T::STAGE_BYTES;
        if (stage == T::STAGES * T::STAGE_BYTES) stage = 0;
    }
    if (a.split == 1) __syncthreads(); // the stages are free
    finish_tile<T>(a, sums, sums_at, share.rows, share.number, output, barrier);
#endif
}

#endif
