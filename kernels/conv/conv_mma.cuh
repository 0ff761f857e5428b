// Convolution as one matrix product on the tensor cores, made for one picture at a time.
//
//   sums[pixel][channel] = sum over k of x[pixel][k] * filter[channel][k],  k = (tap, input
//   channel)
//
// A block computes a tile of pixels by channels over a share of k. `split` blocks that share a tile
// form a cluster: each sums its share of k, then sends every block of the cluster the rows that
// this one finishes, through distributed shared memory; these are added in the order of the shares,
// so the bits do not depend on timing.
//
// k goes in steps of 64 through a ring of STAGES stages of shared memory. The filter's first stages
// are requested before the kernel waits for the one before it, so weights come while that one still
// computes. The filter lies in the order of the fragments (conv_cuda_pack_fragments), so it takes
// one 16-byte load a lane for 16 channels by 16 k. Rows of x in shared memory have their 16-byte
// pieces permuted by the row, so that neither copies nor ldmatrix meet bank conflicts.
#ifndef POSENET_KERNELS_CONV_CONV_MMA_CUH
#define POSENET_KERNELS_CONV_CONV_MMA_CUH

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/mma.cuh"

struct conv_mma_arguments {
    const __half *x, *residual; // residual: NULL, or y's dims
    const uint4 *filter;        // conv_cuda_pack_fragments
    const float *bias;          // or NULL
    void *y;
    int y_fp32;
    int height, width, pieces; // of x; pieces: input channels / 8
    int out_height, out_width, channels, pixels;
    int kernel[2], stride[2], dilation[2], pads[2]; // pads: top, left
    int steps, split;                               // of k
    activation act;
};

enum { MMA_STEP = 64, MMA_PIECES = MMA_STEP / 8, MMA_FRAGMENT = 512 }; // bytes of 16 x 16 halves

// PIXELS x CHANNELS a block, ROWS x COLUMNS warps.
template <int PIXELS_, int CHANNELS_, int ROWS_, int COLUMNS_, int STAGES_> struct mma_tile {
    static constexpr int PIXELS = PIXELS_, CHANNELS = CHANNELS_, ROWS = ROWS_, COLUMNS = COLUMNS_;
    static constexpr int STAGES = STAGES_, THREADS = ROWS * COLUMNS * 32;
    static constexpr int ACROSS = PIXELS / ROWS / 16;    // of a warp: 16-pixel fragments
    static constexpr int DOWN = CHANNELS / COLUMNS / 16; // and 16-channel ones
    static constexpr int X_BYTES = PIXELS * MMA_STEP * 2, FILTER_BYTES = CHANNELS * MMA_STEP * 2;
    static constexpr int STAGE_BYTES = X_BYTES + FILTER_BYTES;
    static constexpr int SUM_BYTES = PIXELS * CHANNELS * 4;
    static constexpr int VECTORS = CHANNELS / 8; // of a row of y
    // y's vectors of a thread, when the block finishes the tile alone
    static constexpr int HELD = PIXELS * VECTORS / THREADS;
    static_assert(THREADS % VECTORS == 0 && HELD > 0 && THREADS % MMA_PIECES == 0);
};

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

template <typename T>
__device__ void copy_filter(const conv_mma_arguments &a, unsigned stage, int first_channel,
                            int step)
{
    const int units = MMA_STEP / 16 * MMA_FRAGMENT / 16; // of 16 channels in one step
#pragma unroll
    for (int i = 0; i < T::FILTER_BYTES / 16 / T::THREADS; i++) {
        int unit = threadIdx.x + i * T::THREADS;
        int64_t block = first_channel / 16 + unit / units;
        copy_async(stage + T::X_BYTES + unit * 16,
                   a.filter + (block * a.steps + step) * units + unit % units);
    }
}

template <typename T>
__device__ void multiply_step(float (&sums)[T::ACROSS][T::DOWN * 2][4], unsigned stage)
{
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int row = warp / T::COLUMNS * (T::ACROSS * 16) + lane % 16;
    unsigned x = stage + row * MMA_STEP * 2;
    unsigned filter = stage + T::X_BYTES + lane * 16 +
                      warp % T::COLUMNS * T::DOWN * (MMA_STEP / 16 * MMA_FRAGMENT);
#pragma unroll
    for (int k = 0; k < MMA_STEP / 16; k++) {
        unsigned a[T::ACROSS][4];
#pragma unroll
        for (int i = 0; i < T::ACROSS; i++)
            load_matrices(a[i], x + i * 16 * MMA_STEP * 2 +
                                    ((k * 2 + lane / 16) ^ row % MMA_PIECES) * 16);
#pragma unroll
        for (int j = 0; j < T::DOWN; j++) {
            uint4 b = load_shared(filter + (j * (MMA_STEP / 16) + k) * MMA_FRAGMENT);
#pragma unroll
            for (int i = 0; i < T::ACROSS; i++) {
                multiply_add(sums[i][j * 2], a[i], b.x, b.y);
                multiply_add(sums[i][j * 2 + 1], a[i], b.z, b.w);
            }
        }
    }
}

// Where the sum of a row's channel lies: pieces of 8 floats permuted by the row against conflicts.
template <typename T> __device__ int sum_index(int row, int channel)
{
    return row * T::CHANNELS + (channel ^ (row & 3) * 8);
}

// Sends each row of the tile to the block that finishes it: block r of the cluster has rows r *
// rows.., and a place for those of every block's share.
template <typename T>
__device__ void send_sums(const float (&sums)[T::ACROSS][T::DOWN * 2][4], unsigned to, int rows,
                          int share)
{
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
    for (int i = 0; i < T::ACROSS * 2; i++) {
        int row = (warp / T::COLUMNS * T::ACROSS * 2 + i) * 8 + lane / 4;
        int rank = row / rows;
        row += (share - rank) * rows;
#pragma unroll
        for (int j = 0; j < T::DOWN * 2; j++) {
            int channel = (warp % T::COLUMNS * T::DOWN * 2 + j) * 8 + lane % 4 * 2;
            const float *two = &sums[i / 2][j][i % 2 * 2];
            store_in_cluster(to + sum_index<T>(row, channel) * 4, rank, two[0], two[1]);
        }
    }
}

// 8 channels of y, fewer at the edge of a tensor whose channels are no multiple of 8.
template <typename E>
__device__ inline vector<E, 8> load_vector(const E *from, bool whole, int count)
{
    vector<E, 8> out = {};
    if (whole) {
#pragma unroll
        for (int i = 0; i < static_cast<int>(sizeof out / 16); i++)
            reinterpret_cast<uint4 *>(&out)[i] = reinterpret_cast<const uint4 *>(from)[i];
    } else {
#pragma unroll
        for (int i = 0; i < 8; i++)
            if (i < count) out.value[i] = from[i];
    }
    return out;
}

template <typename E>
__device__ inline void store_vector(E *to, const float (&values)[8], bool whole, int count)
{
    vector<E, 8> out;
#pragma unroll
    for (int i = 0; i < 8; i++) out.value[i] = from_float<E>(values[i]);
    if (whole) {
#pragma unroll
        for (int i = 0; i < static_cast<int>(sizeof out / 16); i++)
            reinterpret_cast<uint4 *>(to)[i] = reinterpret_cast<const uint4 *>(&out)[i];
    } else {
#pragma unroll
        for (int i = 0; i < 8; i++)
            if (i < count) to[i] = out.value[i];
    }
}

// Out of line: double precision in every unrolled copy would crowd out the kernel.
__device__ __noinline__ float mma_sigmoid(float x)
{
    return decode_sigmoid(x);
}

__device__ inline void activate_vector(const activation &act, float (&values)[8])
{
#pragma unroll
    for (int i = 0; i < 8; i++) {
        if (act.kind == ACTIVATION_CLAMP) {
            if (values[i] < act.low) values[i] = act.low;
            if (values[i] > act.high) values[i] = act.high;
        } else if (act.kind == ACTIVATION_SIGMOID) {
            values[i] = mma_sigmoid(values[i]);
        }
    }
}

// What a thread finishes: 8 channels (always the same) of every THREADS / VECTORS-th of the block's
// rows. Bias and residual are fetched ahead.
template <typename T> class mma_output
{
    static constexpr int APART = T::THREADS / T::VECTORS;
    vector<float, 8> bias_;
    vector<__half, 8> residual_[T::HELD];
    int rows_, first_pixel_, channel_, row_, count_;
    bool whole_;

    __device__ int64_t index(const conv_mma_arguments &a, int row) const
    {
        return static_cast<int64_t>(first_pixel_ + row) * a.channels + channel_;
    }

    __device__ bool mine(const conv_mma_arguments &a, int row) const
    {
        return row < rows_ && first_pixel_ + row < a.pixels && count_ > 0;
    }

  public:
    // Rows first_pixel.. of y, `rows` of them.
    __device__ mma_output(const conv_mma_arguments &a, int first_pixel, int rows, int first_channel)
        : bias_(), residual_(), rows_(rows), first_pixel_(first_pixel)
    {
        int vector = threadIdx.x % T::VECTORS;
        row_ = threadIdx.x / T::VECTORS;
        channel_ = first_channel + vector * 8;
        count_ = min(a.channels - channel_, 8);
        whole_ = a.channels % 8 == 0;
        if (a.bias && count_ > 0) bias_ = load_vector(a.bias + channel_, whole_, count_);
    }

    __device__ void fetch_residual(const conv_mma_arguments &a)
    {
        if (!a.residual) return;
#pragma unroll
        for (int i = 0; i < T::HELD; i++) {
            int row = row_ + i * APART;
            if (mine(a, row))
                residual_[i] = load_vector(a.residual + index(a, row), whole_, count_);
        }
    }

    // `sums`: the block's rows of every share, `apart` rows from share to share.
    __device__ void store(const conv_mma_arguments &a, unsigned sums, int apart)
    {
#pragma unroll
        for (int i = 0; i < T::HELD; i++) {
            int row = row_ + i * APART;
            if (!mine(a, row)) continue;
            float values[8] = {};
            for (int share = 0; share < a.split; share++) {
                unsigned from =
                    sums + sum_index<T>(share * apart + row, threadIdx.x % T::VECTORS * 8) * 4;
                uint4 low = load_shared(from), high = load_shared(from + 16);
                const unsigned words[8] = {low.x,  low.y,  low.z,  low.w,
                                           high.x, high.y, high.z, high.w};
#pragma unroll
                for (int l = 0; l < 8; l++) values[l] += __uint_as_float(words[l]);
            }
#pragma unroll
            for (int l = 0; l < 8; l++) {
                values[l] += bias_.value[l];
                values[l] += to_float(residual_[i].value[l]);
            }
            activate_vector(a.act, values);
            if (a.y_fp32)
                store_vector(static_cast<float *>(a.y) + index(a, row), values, whole_, count_);
            else
                store_vector(static_cast<__half *>(a.y) + index(a, row), values, whole_, count_);
        }
    }
};

// Blocks: (pixel tiles * split, channel tiles), clusters of `split` along x. Shared memory: the
// stages, then the sums of a split tile; an unsplit one's overlay the stages.
template <typename T> __global__ void __launch_bounds__(T::THREADS) conv_mma(conv_mma_arguments a)
{
#if __CUDA_ARCH__ >= 800
    extern __shared__ __align__(128) unsigned char shared[];
    int tile = blockIdx.x / a.split, share = blockIdx.x - tile * a.split;
    int first_pixel = tile * T::PIXELS, first_channel = blockIdx.y * T::CHANNELS;
    int first = share * a.steps / a.split, count = (share + 1) * a.steps / a.split - first;
    int stages = min((a.steps + a.split - 1) / a.split, T::STAGES);
    int rows = (T::PIXELS + a.split - 1) / a.split;
    unsigned ring = shared_address(shared), sums_at = ring;
    if (a.split > 1) {
        sums_at += stages * T::STAGE_BYTES;
        cluster_arrive();
    }
#pragma unroll
    for (int s = 0; s < T::STAGES; s++)
        if (s < count) copy_filter<T>(a, ring + s * T::STAGE_BYTES, first_channel, first + s);
    copy_group();
    let_next_start();
    mma_input<T> input(a, first_pixel, first);
    mma_output<T> output(a, first_pixel + share * rows, min(rows, T::PIXELS - share * rows),
                         first_channel);

    wait_for_previous();
#pragma unroll
    for (int s = 0; s < T::STAGES; s++) {
        if (s < count) input.copy(a, ring + s * T::STAGE_BYTES);
        copy_group();
    }
    output.fetch_residual(a);

    // One group a step, empty or not: step i is there when only the steps after it are not.
    float sums[T::ACROSS][T::DOWN * 2][4] = {};
    unsigned stage = ring, freed = ring;
    for (int i = 0; i < count; i++) {
        if (i == 0)
            wait_for_copies<T::STAGES - 1>();
        else
            wait_for_copies<T::STAGES - 2>();
        __syncthreads();
        if (i > 0) { // into the stage that step i - 1 has left
            if (i - 1 + T::STAGES < count) {
                copy_filter<T>(a, freed, first_channel, first + i - 1 + T::STAGES);
                input.copy(a, freed);
            }
            copy_group();
        }
        multiply_step<T>(sums, stage);
        freed = stage;
        stage += T::STAGE_BYTES;
        if (stage == ring + T::STAGES * T::STAGE_BYTES) stage = ring;
    }

    if (a.split > 1)
        cluster_wait(); // the others have started
    else
        __syncthreads(); // the stages are free
    send_sums<T>(sums, sums_at, rows, share);
    if (a.split > 1) {
        cluster_arrive();
        cluster_wait();
    } else {
        __syncthreads();
    }
    output.store(a, sums_at, rows);
#endif
}

#endif
