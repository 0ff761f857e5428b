// Depthwise 3x3 convolution of fp16 tensors for maps that keep a GPU busy: nothing is read, turned
// into fp32 or looked up twice that a thread can keep.
//
// A thread has LANES neighbouring channels with their filter in registers, ACROSS pixels of a line,
// and goes down `lines` lines of y: an input line adds to every line of y that it touches, so it is
// loaded once. With a dilation of d its lines and its pixels are d apart, which is the same
// without dilation on every d-th line and column.
#ifndef POSENET_KERNELS_CONV_DEPTHWISE_LINES_CUH
#define POSENET_KERNELS_CONV_DEPTHWISE_LINES_CUH

#include <cuda_fp16.h>

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.cuh"

enum { LINES_THREADS = 128, LINES_LANES = 4, LINES_ACROSS = 4, LINES_SIDE = 3 };

struct lines_arguments {
    const __half *x;
    __half *y;
    const float *filter, *bias; // [3][3][channels]; bias: or NULL
    int height, width, out_height, out_width, channels;
    int dilation[2], pads[2]; // pads: top, left
    int lines;                // of y that a thread goes down
    int across, down;         // threads that share a line, a column of y
    int count;                // threads that have work
    float low, high;
};

typedef float lines_vector[LINES_LANES];

// Where a thread reads: COLUMNS pixels of a line, those outside the picture as zeros.
template <int COLUMNS> struct lines_reader {
    const __half *x;
    int at;          // element of the first of them, in the line to come
    int down, apart; // elements to the next line, and from pixel to pixel
    unsigned inside; // a bit a pixel
    int y, step, height;
    uint2 under_way[COLUMNS];

    // Asks for the next line.
    __device__ void ask()
    {
        unsigned here = static_cast<unsigned>(y) < static_cast<unsigned>(height) ? inside : 0;
#pragma unroll
        for (int i = 0; i < COLUMNS; i++) {
            under_way[i] = {0, 0};
            if (here >> i & 1)
                under_way[i] = *reinterpret_cast<const uint2 *>(x + (at + i * apart));
        }
        at += down;
        y += step;
    }

    // The line asked for; asks for the one after it where there is `more`.
    __device__ void next(lines_vector (&out)[COLUMNS], bool more)
    {
#pragma unroll
        for (int i = 0; i < COLUMNS; i++) {
            float2 low = two_floats(under_way[i].x);
            float2 high = two_floats(under_way[i].y);
            out[i][0] = low.x;
            out[i][1] = low.y;
            out[i][2] = high.x;
            out[i][3] = high.y;
        }
        if (more) ask();
    }
};

// Line KY of the filter adds to a line of y.
template <int KY, int STRIDE, int COLUMNS>
__device__ void lines_add(lines_vector (&sums)[LINES_ACROSS], const lines_vector (&in)[COLUMNS],
                          const lines_vector (&filter)[LINES_SIDE * LINES_SIDE])
{
#pragma unroll
    for (int kx = 0; kx < LINES_SIDE; kx++)
#pragma unroll
        for (int i = 0; i < LINES_ACROSS; i++)
#pragma unroll
            for (int l = 0; l < LINES_LANES; l++)
                sums[i][l] =
                    fmaf(in[i * STRIDE + kx][l], filter[KY * LINES_SIDE + kx][l], sums[i][l]);
}

// Where it writes.
struct lines_writer {
    __half *y;
    int at; // element of the first pixel of the line to come
    int down, apart;
    unsigned inside; // a bit a pixel
    __half2 low, high;

    __device__ void next(const lines_vector (&sums)[LINES_ACROSS])
    {
#pragma unroll
        for (int i = 0; i < LINES_ACROSS; i++) {
            uint2 out = {clamped_halves(sums[i][0], sums[i][1], low, high),
                         clamped_halves(sums[i][2], sums[i][3], low, high)};
            if (inside >> i & 1) *reinterpret_cast<uint2 *>(y + (at + i * apart)) = out;
        }
        at += down;
    }
};

__device__ inline void lines_start(lines_vector (&sums)[LINES_ACROSS], const lines_vector &bias)
{
#pragma unroll
    for (int i = 0; i < LINES_ACROSS; i++)
#pragma unroll
        for (int l = 0; l < LINES_LANES; l++) sums[i][l] = bias[l];
}

// Line j of x ends line j - 2 of y, adds to j - 1 and starts j.
__device__ inline void lines_pass(lines_reader<LINES_ACROSS + 2> &from, lines_writer &to, int j,
                                  int lines, const lines_vector (&filter)[LINES_SIDE * LINES_SIDE],
                                  const lines_vector &bias, lines_vector (&outer)[LINES_ACROSS],
                                  lines_vector (&middle)[LINES_ACROSS])
{
    lines_vector in[LINES_ACROSS + 2];
    from.next(in, j <= lines);
    if (j >= 2) {
        lines_add<2, 1>(outer, in, filter);
        to.next(outer);
    }
    if (j >= 1 && j <= lines) lines_add<1, 1>(middle, in, filter);
    if (j < lines) {
        lines_start(outer, bias);
        lines_add<0, 1>(outer, in, filter);
    }
}

__device__ inline void lines_go_down(lines_reader<LINES_ACROSS + 2> &from, lines_writer &to,
                                     int lines,
                                     const lines_vector (&filter)[LINES_SIDE * LINES_SIDE],
                                     const lines_vector &bias)
{
    lines_vector even[LINES_ACROSS], odd[LINES_ACROSS];
    for (int j = 0; j < lines + 2; j += 2) {
        lines_pass(from, to, j, lines, filter, bias, even, odd);
        if (j + 1 < lines + 2) lines_pass(from, to, j + 1, lines, filter, bias, odd, even);
    }
}

// Stride 2: a line of y shares one line of x with the next.
__device__ inline void lines_go_down(lines_reader<LINES_ACROSS * 2 + 1> &from, lines_writer &to,
                                     int lines,
                                     const lines_vector (&filter)[LINES_SIDE * LINES_SIDE],
                                     const lines_vector &bias)
{
    lines_vector sums[LINES_ACROSS], in[LINES_ACROSS * 2 + 1];
    from.next(in, true);
    lines_start(sums, bias);
    for (int j = 0; j < lines; j++) {
        lines_add<0, 2>(sums, in, filter);
        from.next(in, true);
        lines_add<1, 2>(sums, in, filter);
        from.next(in, j + 1 < lines);
        lines_add<2, 2>(sums, in, filter);
        to.next(sums);
        lines_start(sums, bias);
    }
}

template <int STRIDE>
__global__ void __launch_bounds__(LINES_THREADS, 4) conv_depthwise_lines(lines_arguments a)
{
    const int COLUMNS = (LINES_ACROSS - 1) * STRIDE + LINES_SIDE;
    int item = blockIdx.x * LINES_THREADS + threadIdx.x;
    if (item >= a.count) return;
    int vectors = a.channels / LINES_LANES, group = item / vectors;
    int c = (item - group * vectors) * LINES_LANES;
    lines_vector filter[LINES_SIDE * LINES_SIDE], bias = {};
#pragma unroll
    for (int tap = 0; tap < LINES_SIDE * LINES_SIDE; tap++)
        *reinterpret_cast<float4 *>(filter[tap]) = *reinterpret_cast<const float4 *>(
            a.filter + static_cast<int64_t>(tap) * a.channels + c);
    if (a.bias) *reinterpret_cast<float4 *>(bias) = *reinterpret_cast<const float4 *>(a.bias + c);
    wait_for_previous();

    int line = group / a.across, n = line / a.down;
    int first_x = group - line * a.across, first_y = line - n * a.down;
    int ox = first_x / a.dilation[1] * LINES_ACROSS * a.dilation[1] + first_x % a.dilation[1];
    int oy = first_y / a.dilation[0] * a.lines * a.dilation[0] + first_y % a.dilation[0];
    int ix = ox * STRIDE - a.pads[1], iy = oy * STRIDE - a.pads[0];
    lines_reader<COLUMNS> from;
    from.x = a.x;
    from.apart = a.dilation[1] * a.channels;
    from.down = a.dilation[0] * a.width * a.channels;
    from.at = ((n * a.height + iy) * a.width + ix) * a.channels + c;
    from.inside = 0;
#pragma unroll
    for (int i = 0; i < COLUMNS; i++) {
        bool inside =
            static_cast<unsigned>(ix + i * a.dilation[1]) < static_cast<unsigned>(a.width);
        from.inside |= static_cast<unsigned>(inside) << i;
    }
    from.y = iy;
    from.step = a.dilation[0];
    from.height = a.height;
    lines_writer to;
    to.y = a.y;
    to.apart = a.dilation[1] * a.channels;
    to.down = a.dilation[0] * a.out_width * a.channels;
    to.at = ((n * a.out_height + oy) * a.out_width + ox) * a.channels + c;
    to.inside = 0;
#pragma unroll
    for (int i = 0; i < LINES_ACROSS; i++)
        to.inside |= static_cast<unsigned>(ox + i * a.dilation[1] < a.out_width) << i;
    to.low = __float2half2_rn(a.low);
    to.high = __float2half2_rn(a.high);
    int lines = (a.out_height - oy + a.dilation[0] - 1) / a.dilation[0];
    from.ask();
    lines_go_down(from, to, min(lines, a.lines), filter, bias);
}

#endif
