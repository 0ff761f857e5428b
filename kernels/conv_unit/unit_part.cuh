// A thread's part in every tile of its warpgroup (conv_unit.cuh), and how h lies in shared memory:
// rows of 64 channels, the tile's pixels and those around them line after line. The pieces of 16
// bytes of a row are turned by the number that its pixel would have if lines were as long as the
// tile's. So eight neighbours of the tile lie in different banks, whatever tap they are read for
// and wherever a line of the tile ends.
#ifndef POSENET_KERNELS_CONV_UNIT_UNIT_PART_CUH
#define POSENET_KERNELS_CONV_UNIT_UNIT_PART_CUH

#include "kernels/conv_unit/unit_ring.cuh"
#include "kernels/cuda/mma.cuh"

struct unit_part {
    int wide; // pixels from one line of h to the next
    int row;  // of h: where the lane's pixel has the window's corner

    __device__ unit_part(const conv_unit_arguments &a)
    {
        int lane = threadIdx.x % 32, first = threadIdx.x / 32 % 4 * 16;
        int pixels = a.tile_height * a.tile_width, pixel = first + lane % 16;
        if (pixel >= pixels) pixel = pixels - 1; // any
        wide = a.tile_width + 2;
        row = pixel / a.tile_width * wide + pixel % a.tile_width;
        turns_ = pixel & 7;
        for (int j = 0; j < UNIT_MOST_ROWS / 8; j += 2) {
            int written = written_row(j), number = written - written / wide * 2;
            turns_ |= (number & 7) << turn_bit(j);
        }
        places_ = 0;
        for (int i = 0; i < 2; i++) {
            int own = first + i * 8 + lane / 4, line = own / a.tile_width;
            if (own >= pixels) line = NOWHERE;
            places_ |= (line | own % a.tile_width << 8) << i * 16;
        }
    }

    // What follows from these for a tap is found when it is needed, not kept.
    __device__ void forget()
    {
        asm volatile("" : "+r"(row), "+r"(turns_), "+r"(places_));
    }

    // Of h, of the 16 from row 8 * j on, the one that the lane writes a piece of; j is even.
    static __device__ int written_row(int j)
    {
        int lane = threadIdx.x % 32;
        return j * 8 + lane / 16 * 8 + lane % 8;
    }

    __device__ unsigned written_turn(int j) const
    {
        return turns_ >> turn_bit(j) & 7;
    }

    // Of the row that the lane reads for the tap in this line and column of the window.
    __device__ unsigned read_turn(int line, int column) const
    {
        return (turns_ + line * (wide - 2) + column) & 7;
    }

    // Line and column in the tile of the two pixels whose sums the lane has; whether there is one.
    __device__ bool find(int i, int *line, int *column) const
    {
        *line = places_ >> i * 16 & 0xff;
        *column = places_ >> (i * 16 + 8) & 0xff;
        return *line != NOWHERE;
    }

    // The row of a stage that one of these pixels is, any where there is none.
    __device__ int middle_row(int i) const
    {
        int line, column;
        return find(i, &line, &column) ? (line + 1) * wide + column + 1 : 0;
    }

  private:
    static const int NOWHERE = 0xff; // tiles have fewer lines

    // Few registers are left, so:
    unsigned turns_;  // three bits each: of the lane's pixel, then of the rows that it writes
    unsigned places_; // line and column of two pixels, a byte each

    static __device__ int turn_bit(int j)
    {
        return 3 + j / 2 * 3;
    }
};

// 64 channels of the two pixels whose sums a thread has, 8 in every 32: [half * 2 + pixel].
typedef uint4 unit_values[4];

// From these rows of a stage that the copy engine has filled, whose pieces it turns by the row.
__device__ inline void unit_read(unsigned stage, const int2 &rows, unit_values &values)
{
#pragma unroll
    for (int i = 0; i < 4; i++) {
        int row = i % 2 ? rows.y : rows.x, piece = i / 2 * 4 + threadIdx.x % 4;
        values[i] = load_shared(stage + row * UNIT_ROW + (piece ^ (row & 7)) * 16);
    }
}

#endif
