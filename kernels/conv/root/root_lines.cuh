// The network's first convolution, 3 channels at stride 2, by products of a warpgroup (compute
// capability 9.0 alone), and the max pooling after it in one kernel.
//
//   filter    the products' rows, channels; in registers, loaded before the kernel waits
//   patch     their columns, windows, which lie in shared memory so that they overlap (lines.cuh)
//   y         what is made of the sums where they are, then by the copy engine (lines_output.cuh)
//
// A block walks down its share of lines with one warpgroup that fills the patch (lines_patch.cuh)
// and one that computes: from line to line only what is new of x is fetched. Two blocks share a
// multiprocessor.
//
// To the windows' k come 8 of every column that are ones, for the bias in parts of 11 bits, but for
// the last: it is -inf where the column is outside of the convolution's output, which then loses
// against any other in pooling.
#ifndef POSENET_KERNELS_CONV_ROOT_ROOT_LINES_CUH
#define POSENET_KERNELS_CONV_ROOT_ROOT_LINES_CUH

#include "kernels/conv/root/lines_output.cuh"
#include "kernels/conv/root/lines_patch.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/wgmma.cuh"

enum { LINES_ONES_BARRIER = 2, LINES_ONES = 7 };
enum { LINES_FEW_REGISTERS = 80, LINES_MANY_REGISTERS = 176 };

template <typename S> using lines_filter = unsigned[S::PRODUCTS][4];

// The products of COUNT groups of columns from AT on, of the step's pairs of x's lines. k is in
// lines_weight's order.
template <typename S, int AT, int COUNT>
__device__ void lines_multiply(float (&sums)[COUNT][4], const lines_filter<S> &filter,
                               const unsigned (&pairs)[S::PAIRS], unsigned ones)
{
    const unsigned at = AT * 128;
    begin_products();
#pragma unroll
    for (int line = 0; line < S::SPAN; line++) {
        uint64_t windows = describe_pieces(pairs[line / 2] + line % 2 * S::LINE_BYTES + at, 16);
        if (line == 0)
            multiply_tile<0>(sums, filter[line], windows);
        else
            multiply_tile<1>(sums, filter[line], windows);
    }
#pragma unroll
    for (int i = S::SPAN; i < S::PRODUCTS; i++) {
        const bool last = i == S::PRODUCTS - 1;
        unsigned tails = S::TAILS ? pairs[i - S::SPAN] + S::TAILS_AT : ones;
        multiply_tile<1>(sums, filter[i],
                         describe_pieces(tails + at, last ? ones - tails : S::LINE_BYTES));
    }
    end_products();
}

// Of the tile's columns.
template <typename S>
__device__ void lines_write_ones(const lines_arguments &a, const lines_room<S> &room, int conv_x)
{
    const unsigned one = 0x3c00, lowest = 0xfc00;
    named_barrier_sync(LINES_ONES_BARRIER, LINES_GROUP);
    for (int i = threadIdx.x; i < S::COLUMNS; i += LINES_GROUP) {
        bool outside =
            S::POOL && static_cast<unsigned>(conv_x + i) >= static_cast<unsigned>(a.conv_width);
        unsigned two = one | one << 16, last = one | (outside ? lowest : 0) << 16;
        store_shared(room.base + S::ONES_AT + i * 16, uint4{two, two, two, last});
    }
    show_writes();
    named_barrier_sync(LINES_ONES_BARRIER, LINES_GROUP);
}

// The patch as the computing warpgroup sees it: up to which pair it has waited, and which is the
// first that it has not released, its step's first.
template <typename S> struct lines_patch {
    const lines_room<S> &room;
    lines_turn awaited, held;

    // The step's pairs, `more` of them new.
    __device__ void await(int more, unsigned (&pairs)[S::PAIRS])
    {
        for (int i = 0; i < more; i++) {
            wait_for_bytes(room.full(awaited.slot), awaited.phase);
            awaited.next(S::RING);
        }
#pragma unroll
        for (int i = 0; i < S::PAIRS; i++) {
            int slot = held.slot + i;
            pairs[i] = room.pair(slot >= S::RING ? slot - S::RING : slot);
        }
    }

    // The first `count` pairs are not needed any more.
    __device__ void release(int count)
    {
        for (int i = 0; i < count; i++) {
            if (threadIdx.x % 32 == 0) arrive_at(room.empty(held.slot));
            held.next(S::RING);
        }
    }
};

template <int COUNT> __device__ void lines_settle(float (&sums)[COUNT][4])
{
#pragma unroll
    for (int i = 0; i < COUNT * 4; i++) settle(sums[i / 4][i % 4]);
}

// What the computing warpgroup has at hand.
template <typename S, typename OUTPUT> struct lines_worker {
    const lines_arguments &a;
    const lines_room<S> &room;
    lines_filter<S> filter;
    lines_patch<S> patch;
    OUTPUT output;
    float left[S::FIRST][4], right[S::SECOND][4];

    // The sums of a step's left columns are taken while the right ones are being multiplied.
    // Nothing is under way from step to step: the compiler would wait in between by itself, and the
    // multiprocessor's other block has products for the time.
    __device__ void step(const lines_walk &walk, int number, bool last)
    {
        const bool inside =
            static_cast<unsigned>(walk.conv_y + number) < static_cast<unsigned>(a.conv_height);
        const unsigned ones = room.base + S::ONES_AT;
        unsigned pairs[S::PAIRS];
        patch.await(number == 0 ? S::PAIRS : S::ABREAST, pairs);
        lines_multiply<S, 0>(left, filter, pairs, ones);
        lines_multiply<S, S::FIRST>(right, filter, pairs, ones);
        wait_for_products<1>();
        lines_settle(left);
        output.template take<0>(left, number, inside);
        wait_for_products<0>();
        lines_settle(right);
        patch.release(last ? S::PAIRS : S::ABREAST);
        output.template take<S::FIRST>(right, number, inside);
        output.finish(walk, number);
    }

    __device__ void piece(const lines_walk &walk)
    {
        const int steps = walk.steps<S>();
        for (int i = 0; i < steps; i++) step(walk, i, i == steps - 1);
    }
};

template <typename S, typename OUTPUT>
__device__ void lines_compute(const lines_arguments &a, const CUtensorMap *y,
                              const lines_room<S> &room)
{
    lines_worker<S, OUTPUT> worker = {a, room, {}, {room, {}, {}}, OUTPUT(a, y, room)};
#pragma unroll
    for (int i = 0; i < S::PRODUCTS; i++) {
        uint4 four = a.filter[i * LINES_GROUP + threadIdx.x];
        worker.filter[i][0] = four.x;
        worker.filter[i][1] = four.y;
        worker.filter[i][2] = four.z;
        worker.filter[i][3] = four.w;
    }
    wait_for_previous();
    int tile = -1;
    lines_walk walk;
    for (walk.begin<S>(a); walk.more(); walk.next<S>(a)) {
        if (walk.tile != tile) lines_write_ones(a, room, walk.conv_x);
        tile = walk.tile;
        worker.piece(walk);
    }
    if (threadIdx.x == 0) wait_for_reads<0>();
}

template <typename S>
__global__ void __launch_bounds__(LINES_THREADS, 2)
    root_lines(const __grid_constant__ CUtensorMap y, const lines_arguments a)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ __align__(128) unsigned char shared[];
    const lines_room<S> room(shared_address(shared));
    if (threadIdx.x == 0) {
        fetch_map(&y);
        for (int i = 0; i < S::RING; i++) {
            make_barrier(room.full(i), LINES_PARTERS / 32);
            make_barrier(room.empty(i), LINES_GROUP / 32);
        }
        for (int i = 0; i < S::RAW; i++) {
            make_barrier(room.come(i), 2);
            make_barrier(room.parted(i), LINES_PARTERS / 32);
        }
        show_barriers();
    }
    __syncthreads();
    if (threadIdx.x >= LINES_GROUP) {
        give_registers<LINES_FEW_REGISTERS>();
        wait_for_previous();
        const int thread = threadIdx.x - LINES_GROUP;
        if (thread < LINES_PARTERS)
            lines_part<S>(a, room, thread);
        else
            lines_bring<S>(a, room, thread - LINES_PARTERS);
    } else {
        take_registers<LINES_MANY_REGISTERS>();
        if constexpr (S::POOL)
            lines_compute<S, lines_pooled<S>>(a, &y, room);
        else
            lines_compute<S, lines_plain<S>>(a, &y, room);
    }
#endif
}

#endif
