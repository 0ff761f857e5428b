// The results of conv_tma.cuh's tiles: from a warp's registers through its panels of shared memory
// to y by the copy engine, which also brought the residual there. No warp waits for another.
#ifndef POSENET_KERNELS_CONV_TMA_TMA_OUTPUT_CUH
#define POSENET_KERNELS_CONV_TMA_TMA_OUTPUT_CUH

#include "kernels/conv/tma/tma_tile.cuh"
#include "kernels/cuda/element.cuh"

template <typename T> using tma_sums = float[T::ROWS][T::CHANNELS / 8][4];

// The warp's panels leave in order, round and round through its slots; the residual of one comes
// into its slot as soon as what was there has left.
template <typename T, typename A> class tma_output
{
    const A &a_;
    const CUtensorMap *y_, *other_; // as conv_tma's
    unsigned slots_, barriers_;     // the warp's
    unsigned phases_;               // bit i: of slot i's barrier
    int row_;                       // the warp's first in the tile
    int kept_[T::ROWS];             // find_kept

    __device__ unsigned slot(int panel) const
    {
        return slots_ + panel % T::SLOTS * T::PANEL_BYTES;
    }

    __device__ bool has_residual() const
    {
        return a_.residual;
    }

    static __device__ bool one_lane()
    {
        return threadIdx.x % 32 == 0;
    }

    __device__ int row_of(const tma_place &tile, int panel) const
    {
        return tile.pixel + row_ + panel / T::ACROSS * TMA_GROUP;
    }

    static __device__ int channel_of(const tma_place &tile, int panel)
    {
        return tile.channel + panel % T::ACROSS * T::PANEL;
    }

    // One lane's.
    __device__ void fetch(const tma_place &tile, int panel)
    {
        unsigned barrier = barriers_ + panel % T::SLOTS * 8;
        expect_bytes(barrier, T::PANEL_BYTES);
        copy_rows(slot(panel), other_, channel_of(tile, panel), row_of(tile, panel), barrier);
    }

    // Panel `panel` of this tile, beyond the last of the next one.
    __device__ void fetch_ahead(const tma_place &tile, const tma_place &next, int panel)
    {
        if (panel < T::PANELS)
            fetch(tile, panel);
        else
            fetch(next, panel - T::PANELS);
    }

    // Until the panel's slot is the warp's: with its residual in it, or empty.
    __device__ void await_slot(int panel)
    {
        if (has_residual()) {
            int number = panel % T::SLOTS;
            wait_for_bytes(barriers_ + number * 8, phases_ >> number & 1);
            phases_ ^= 1u << number;
        } else {
            if (one_lane()) wait_for_reads<T::SLOTS - 1>();
            __syncwarp();
        }
    }

    // Of 16 x 16 values, the `i`th of the panel: where the lane reads and writes its row's half.
    __device__ unsigned block_at(int panel, int i) const
    {
        const int row_bytes = T::PANEL * 2, pieces = row_bytes / 16;
        int lane = threadIdx.x % 32, from = lane % 16 * row_bytes;
        unsigned turn = from >> 7 & (pieces - 1);
        return slot(panel) + from + ((i * 2 + lane / 16) ^ turn) * 16;
    }

    // All reads first, so that they do not wait for each other.
    __device__ void write_panel(const tma_sums<T> &sums, const tma_place &tile, int panel)
    {
        const int blocks = T::PANEL / 16;
        const conv_tma_arguments &own = convolution_of(a_, tile);
        __half2 low = __float2half2_rn(own.low), high = __float2half2_rn(own.high);
        unsigned words[blocks][4];
        auto pair = [&](int i, int m) {
            return sums[panel / T::ACROSS][(panel % T::ACROSS * blocks + i) * 2 + m / 2] +
                   m % 2 * 2;
        };
        if (has_residual()) {
#pragma unroll
            for (int i = 0; i < blocks; i++) load_matrices(words[i], block_at(panel, i));
#pragma unroll
            for (int i = 0; i < blocks * 4; i++) {
                unsigned &word = words[i / 4][i % 4];
                const float *two = pair(i / 4, i % 4);
                float2 more = two_floats(word);
                word = clamped_halves(two[0] + more.x, two[1] + more.y, low, high);
            }
        } else {
#pragma unroll
            for (int i = 0; i < blocks * 4; i++) {
                const float *two = pair(i / 4, i % 4);
                words[i / 4][i % 4] = clamped_halves(two[0], two[1], low, high);
            }
        }
#pragma unroll
        for (int i = 0; i < blocks; i++) store_matrices(block_at(panel, i), words[i]);
    }

    __device__ void thin_panel(const tma_place &tile, int panel) const
    {
        const int row_bytes = T::PANEL * 2, pieces = row_bytes / 16, rows = 32 / pieces;
        int lane = threadIdx.x % 32, piece = lane % pieces, kept = kept_[panel / T::ACROSS];
        int channel = channel_of(tile, panel) + piece * 8;
        if (!__any_sync(0xffffffff, kept >= 0)) return;
        uint4 values[16 / rows];
#pragma unroll
        for (int i = 0; i < 16 / rows; i++) {
            int from = (i * rows + lane / pieces) * row_bytes;
            unsigned turn = from >> 7 & (pieces - 1);
            values[i] = load_shared(slot(panel) + from + (piece ^ turn) * 16);
        }
#pragma unroll
        for (int i = 0; i < 16 / rows; i++) {
            int to = __shfl_sync(0xffffffff, kept, i * rows + lane / pieces);
            if (to < 0 || channel >= a_.channels) continue;
            __half *pixel = a_.thinned + static_cast<int64_t>(to) * a_.channels;
            *reinterpret_cast<uint4 *>(pixel + channel) = values[i];
        }
    }

    __device__ void send_panel(const tma_place &tile, const tma_place &next, bool more, int panel)
    {
        const CUtensorMap *y = A::TWIN && tile.second ? other_ : y_;
        store_rows(y, channel_of(tile, panel), row_of(tile, panel), slot(panel));
        end_stores();
        if (!has_residual()) return;
        if (T::SLOTS > 1 && panel > 0 && (more || panel - 1 + T::SLOTS < T::PANELS)) {
            wait_for_reads<1>();
            fetch_ahead(tile, next, panel - 1 + T::SLOTS);
        }
        if (panel < T::PANELS - 1 || !more) return;
        wait_for_reads<0>();
        fetch_ahead(tile, next, panel + T::SLOTS);
    }

  public:
    // `slots`, `barriers`: of all warps.
    __device__ tma_output(const A &a, const CUtensorMap *y, const CUtensorMap *other,
                          unsigned slots, unsigned barriers)
        : a_(a), y_(y), other_(other), phases_(0)
    {
        int warp = threadIdx.x / 32;
        slots_ = slots + warp * T::SLOTS * T::PANEL_BYTES;
        barriers_ = barriers + warp * T::SLOTS * 8;
        row_ = (T::APART ? 0 : warp / 4 * T::ROWS * TMA_GROUP) + warp % 4 * 16;
    }

    // Before the first tile's products; once its first stage is full where as much would hold that
    // up.
    __device__ void begin(const tma_place &tile)
    {
        if (!has_residual() || !a_.mapped || !one_lane()) return;
#pragma unroll
        for (int i = 0; i < T::SLOTS; i++) fetch(tile, i);
    }

    // Where the lane's pixels of a tile, lane % 16 of each panel, go among those that are kept; -1:
    // nowhere. Its divisions take long, so before the products.
    __device__ void find_kept(const tma_place &tile)
    {
#pragma unroll
        for (int m = 0; m < T::ROWS; m++) {
            int pixel = row_of(tile, m * T::ACROSS) + threadIdx.x % 16;
            int line = pixel / a_.out_width, picture = line / a_.out_height;
            int x = pixel - line * a_.out_width, y = line - picture * a_.out_height;
            int up = y / a_.every[0], left = x / a_.every[1];
            bool kept = pixel < a_.pixels && up * a_.every[0] == y && left * a_.every[1] == x;
            int at = (picture * a_.thin_height + up) * a_.thin_width + left;
            kept_[m] = kept ? at : -1;
            asm volatile("" : "+r"(kept_[m])); // here, not where it is used
        }
    }

    // `more`: the warp has a tile after this one, at `next`.
    __device__ void store(const tma_sums<T> &sums, const tma_place &tile, const tma_place &next,
                          bool more)
    {
#pragma unroll
        for (int panel = 0; panel < T::PANELS; panel++) {
            await_slot(panel);
            write_panel(sums, tile, panel);
            show_writes();
            __syncwarp();
            if constexpr (A::THIN) {
                thin_panel(tile, panel);
                __syncwarp(); // before the panel's slot is filled again
            }
            if (one_lane()) send_panel(tile, next, more, panel);
        }
    }

    // Results that a map cannot express: fp32, or channels that are no multiple of 8.
    __device__ void store_each(const tma_sums<T> &sums, const tma_place &tile)
    {
        int lane = threadIdx.x % 32;
#pragma unroll
        for (int i = 0; i < T::ROWS * T::CHANNELS / 2; i++) {
            const int m = i / (T::CHANNELS / 2), j = i / 4 % (T::CHANNELS / 8), l = i % 4;
            int pixel = tile.pixel + row_ + m * TMA_GROUP + lane / 4 + l / 2 * 8;
            int channel = tile.channel + j * 8 + lane % 4 * 2 + l % 2;
            if (pixel >= a_.pixels || channel >= a_.channels) continue;
            int64_t at = static_cast<int64_t>(pixel) * a_.channels + channel;
            float v = sums[m][j][l];
            if (a_.residual) v += to_float(a_.residual[at]);
            v = v < a_.low ? a_.low : v;
            v = v > a_.high ? a_.high : v;
            if (a_.y_fp32)
                static_cast<float *>(a_.y)[at] = v;
            else
                static_cast<__half *>(a_.y)[at] = from_float<__half>(v);
        }
    }

    // Before the block ends and its shared memory goes.
    __device__ void end()
    {
        if (one_lane()) wait_for_reads<0>();
    }
};

#endif
