// The rule of decode.h on the device, and what the decoder's two kernels pass on.
//
//   grow_candidates  candidates_cuda.cu: local maxima at or above the threshold, each grown into a
//                    whole pose at once by a warp; or the best cell of each part (single)
//   take_poses       poses_cuda.cu: a block an image takes the best of them, in order
//
// A pose does not depend on earlier ones, only whether it is taken does; so all of them grow at
// once, over the whole device. The image is blockIdx.y in both.
#ifndef POSENET_KERNELS_DECODE_DECODE_DEVICE_CUH
#define POSENET_KERNELS_DECODE_DECODE_DEVICE_CUH

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/decode/decode_cuda.h"
#include "kernels/decode/skeleton.h"

namespace decode
{

const int WARP = 32;
const unsigned ALL_LANES = 0xffffffffu;

// Elements of the heatmap that a block of the first kernel looks at: few, so that candidates, which
// lie close together, are grown by many blocks.
const int SEGMENT = 64;

struct candidate {
    unsigned long long key; // decode_key; 0: none
    float x, y;             // the place it points at
};

// How a part is reached: from its neighbour towards the root, along an edge by a displacement of
// one of the heads.
struct route {
    short source;
    signed char edge, head;
};

struct decoder {
    decode_cuda_request request;
    route routes[PARTS][PARTS]; // [root][part]; of the root itself nothing
    int height, width, segments;
    float cells_per_pixel; // 1 / stride where that is exact, else 0

    // Of image i, segments * SEGMENT places from i * segments * SEGMENT on. The first `count` of a
    // segment's places are candidates, in no order; single: the first PARTS are the best of each
    // part.
    candidate *candidates;
    keypoint (*grown)[PARTS]; // the pose of the candidate at the same place
    unsigned *counts;         // one a segment
};

struct cell {
    int y, x;
};

// Put the kernels on the stream of `r`.
status launch_candidates(const decoder &d, const run *r);
status launch_poses(const decoder &d, const run *r);

__device__ inline int lane()
{
    return threadIdx.x % WARP;
}

__device__ inline float load(const decoder &d, int head, cell at, int channel)
{
    const head_view &view = d.request.heads.head[head];
    int64_t index = blockIdx.y * view.strides[AXIS_N] + at.y * view.strides[AXIS_H] +
                    at.x * view.strides[AXIS_W] + channel * view.strides[AXIS_C];
    return decode_bounded(element_load(view.data, view.type, index));
}

__device__ inline float score_of(const decoder &d, float raw)
{
    return d.request.heads.logits ? decode_sigmoid(raw) : raw;
}

__device__ inline float score_at(const decoder &d, cell at, int part)
{
    return decode_number(score_of(d, load(d, DECODE_HEATMAP, at, part)));
}

__device__ inline void add_vector(const decoder &d, int head, cell at, int y_channel, int count,
                                  keypoint *to)
{
    float y = decode_number(load(d, head, at, y_channel));
    float x = decode_number(load(d, head, at, y_channel + count));
    to->y += y;
    to->x += x;
}

__device__ inline float in_cells(const decoder &d, float p)
{
    return d.cells_per_pixel ? exact_product(p, d.cells_per_pixel)
                             : exact_quotient(p, (float)d.request.heads.stride);
}

__device__ inline cell nearest_cell(const decoder &d, const keypoint &p)
{
    return {decode_nearest_cell(in_cells(d, p.y), d.height),
            decode_nearest_cell(in_cells(d, p.x), d.width)};
}

__device__ inline void cell_point(const decoder &d, cell at, int part, keypoint *out)
{
    out->y = exact_product((float)at.y, (float)d.request.heads.stride);
    out->x = exact_product((float)at.x, (float)d.request.heads.stride);
    add_vector(d, DECODE_OFFSET, at, part, PARTS, out);
}

__device__ inline unsigned cells_of(const decoder &d)
{
    return static_cast<unsigned>(d.height) * static_cast<unsigned>(d.width);
}

__device__ inline cell cell_number(const decoder &d, unsigned number)
{
    return {static_cast<int>(number / d.width), static_cast<int>(number % d.width)};
}

// The first of this image's places.
__device__ inline int64_t first_place(const decoder &d)
{
    return static_cast<int64_t>(blockIdx.y) * d.segments * SEGMENT;
}

} // namespace decode

#endif
