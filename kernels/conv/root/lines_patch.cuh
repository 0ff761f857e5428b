// The way of x's lines into the patch (lines.cuh), by a warpgroup of its own: one warp has the copy
// engine bring pairs of lines as they are, ahead of their turn, the others part them into pieces.
#ifndef POSENET_KERNELS_CONV_ROOT_LINES_PATCH_CUH
#define POSENET_KERNELS_CONV_ROOT_LINES_PATCH_CUH

#include "kernels/conv/root/lines.cuh"
#include "kernels/cuda/mma.cuh"
#include "kernels/cuda/wgmma.cuh"

__device__ inline unsigned lines_load(unsigned from)
{
    unsigned word;
    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(word) : "r"(from) : "memory");
    return word;
}

__device__ inline void lines_store_half(unsigned to, unsigned short half)
{
    asm volatile("st.shared.u16 [%0], %1;" ::"r"(to), "h"(half) : "memory");
}

// ---- bringing -----------------------------------------------------------------------------------

// Where a line of x begins in it, and where what the patch needs of it does. In halves.
__device__ inline int lines_begin(const lines_arguments &a, const lines_walk &w, int y)
{
    return (w.n * a.height + y) * a.width * LINES_DEPTH;
}

__device__ inline int lines_needed(const lines_arguments &a, const lines_walk &w, int y)
{
    return lines_begin(a, w, y) + max(w.left, 0) * LINES_DEPTH;
}

// Orders what is needed of line y, if it is one of x's. The engine copies 16 bytes at a time, so a
// raw line begins at a multiple of 8 halves, and x's last few come by hand.
template <typename S>
__device__ void lines_bring_line(const lines_arguments &a, const lines_walk &w, int y, unsigned to,
                                 unsigned barrier)
{
    const int first = lines_needed(a, w, y), start = first & ~7;
    const int last = lines_begin(a, w, y) + min(w.left + S::RAW_COLUMNS, a.width) * LINES_DEPTH;
    const bool inside = static_cast<unsigned>(y) < static_cast<unsigned>(a.height) && last > first;
    int end = (last + 7) & ~7;
    if (inside && end > a.halves) {
        end = a.halves & ~7;
        for (int i = max(end, first); i < last; i++)
            lines_store_half(to + (i - start) * 2,
                             reinterpret_cast<const unsigned short *>(a.x)[i]);
    }
    const int bytes = inside && end > start ? (end - start) * 2 : 0;
    expect_bytes(barrier, bytes);
    if (bytes) copy_bulk(to, a.x + start, bytes, barrier);
}

// By a warp: two lanes order the two lines of a pair, one pair after the other; of the first pairs,
// which the block waits for, more do.
template <typename S>
__device__ void lines_bring(const lines_arguments &a, const lines_room<S> &room, int lane)
{
    const int at_once = S::RAW < S::PAIRS ? S::RAW : S::PAIRS; // every piece has these
    const int lower = lane % 2;
    lines_walk walk;
    walk.begin<S>(a);
    if (walk.more() && lane < at_once * 2)
        lines_bring_line<S>(a, walk, walk.top + lane, room.raw(lane / 2, lower),
                            room.come(lane / 2));
    if (lane >= 2) return;
    lines_turn turn = {0, 0};
    for (int i = 0; i < at_once; i++) turn.next(S::RAW);
    for (int pair = at_once; walk.more(); walk.next<S>(a), pair = 0) {
        const int pairs = walk.pairs<S>();
        for (; pair < pairs; pair++) {
            wait_for_bytes(room.parted(turn.slot), turn.phase ^ 1);
            lines_bring_line<S>(a, walk, walk.top + pair * 2 + lower, room.raw(turn.slot, lower),
                                room.come(turn.slot));
            turn.next(S::RAW);
        }
    }
}

// ---- parting ------------------------------------------------------------------------------------

// Zeros in place of halves that are not among a line's `width`; `at`: of the first, in the line.
__device__ inline void lines_mask(uint4 &piece, int at, int width)
{
    unsigned *words = reinterpret_cast<unsigned *>(&piece);
#pragma unroll
    for (int i = 0; i < 4; i++, at += 2) {
        if (static_cast<unsigned>(at) >= static_cast<unsigned>(width)) words[i] &= 0xffff0000;
        if (static_cast<unsigned>(at + 1) >= static_cast<unsigned>(width)) words[i] &= 0xffff;
    }
}

// One of a pair's lines: where its half 0 of the patch is among the raw line's, maybe before it;
// how many halves it has in x.
struct lines_raw {
    int zero, width;

    __device__ lines_raw(const lines_arguments &a, const lines_walk &w, int y)
    {
        bool inside = static_cast<unsigned>(y) < static_cast<unsigned>(a.height);
        zero = (lines_needed(a, w, y) & 7) + min(w.left, 0) * LINES_DEPTH;
        width = inside ? a.width * LINES_DEPTH : 0;
    }
};

// One piece and the tail that begins a half behind it, from the five words they are in.
template <typename S>
__device__ void lines_part_piece(const unsigned (&words)[5], bool odd, int at, int width, int piece,
                                 unsigned line)
{
    unsigned between[4];
#pragma unroll
    for (int i = 0; i < 4; i++) between[i] = __byte_perm(words[i], words[i + 1], 0x5432);
    uint4 first = {words[0], words[1], words[2], words[3]},
          second = {words[1], words[2], words[3], words[4]};
    uint4 middle = {between[0], between[1], between[2], between[3]};
    uint4 own = odd ? middle : first, tail = odd ? second : middle;
    if (at < 0 || at + 9 > width) {
        lines_mask(own, at, width);
        lines_mask(tail, at + 1, width);
    }
    if (piece <= S::COLUMNS) store_shared(line + piece * 16, own);
    if (S::TAILS && piece >= 2) store_shared(line + S::TAILS_AT + (piece - 2) * 16, tail);
}

// A thread's pieces of a pair are every LINES_PARTERS-th of both lines'. All are loaded before the
// first is stored.
template <typename S>
__device__ void lines_part_pair(const lines_raw (&lines)[2], int left, unsigned raw, unsigned pair,
                                int thread)
{
    const int count = 2 * S::PIECES, own = (count + LINES_PARTERS - 1) / LINES_PARTERS;
    unsigned words[own][5];
#pragma unroll
    for (int j = 0; j < own; j++) {
        const int i = min(thread + j * LINES_PARTERS, count - 1), lower = i >= S::PIECES;
        const int zero = lower ? lines[1].zero : lines[0].zero;
        const int from = zero + (i - lower * S::PIECES) * LINES_APART;
#pragma unroll
        for (int k = 0; k < 5; k++)
            words[j][k] = lines_load(raw + lower * S::RAW_LINE_BYTES + (from >> 1) * 4 + k * 4);
    }
#pragma unroll
    for (int j = 0; j < own; j++) {
        const int i = thread + j * LINES_PARTERS, lower = i >= S::PIECES;
        const int piece = i - lower * S::PIECES;
        if (i >= count) break;
        lines_part_piece<S>(words[j], (lower ? lines[1].zero : lines[0].zero) & 1,
                            left * LINES_DEPTH + piece * LINES_APART,
                            lower ? lines[1].width : lines[0].width, piece,
                            pair + lower * S::LINE_BYTES);
    }
}

template <typename S>
__device__ void lines_part(const lines_arguments &a, const lines_room<S> &room, int thread)
{
    lines_turn raw = {0, 0}, patch = {0, 0};
    lines_walk walk;
    for (walk.begin<S>(a); walk.more(); walk.next<S>(a)) {
        const int pairs = walk.pairs<S>();
        for (int i = 0; i < pairs; i++) {
            const lines_raw lines[2] = {lines_raw(a, walk, walk.top + i * 2),
                                        lines_raw(a, walk, walk.top + i * 2 + 1)};
            wait_for_bytes(room.empty(patch.slot), patch.phase ^ 1);
            wait_for_bytes(room.come(raw.slot), raw.phase);
            lines_part_pair<S>(lines, walk.left, room.raw(raw.slot, 0), room.pair(patch.slot),
                               thread);
            show_writes();
            __syncwarp();
            if (thread % 32 == 0) {
                arrive_at(room.parted(raw.slot));
                arrive_at(room.full(patch.slot));
            }
            raw.next(S::RAW);
            patch.next(S::RING);
        }
    }
}

#endif
