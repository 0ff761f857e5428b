// The rule of decode.h on the device: what the decoder's two kernels share. The image is
// blockIdx.y.
#ifndef POSENET_KERNELS_DECODE_DECODE_DEVICE_CUH
#define POSENET_KERNELS_DECODE_DECODE_DEVICE_CUH

#include "kernels/cuda/element.cuh"
#include "kernels/decode/decode_cuda.h"
#include "kernels/decode/skeleton.h"

namespace decode
{

struct candidate {
    unsigned long long key; // decode_key; 0: dropped
    float x, y;             // the place it points at
};

// One an image, zeroed before the kernels run.
struct found {
    unsigned long long best[PARTS]; // single: the largest key of each part; 0: none is a number
    unsigned count;                 // several: candidates in the list
    unsigned unused;
};

struct decoder {
    decode_cuda_request request;
    skeleton_edge edges[EDGES];
    found *founds;
    candidate *candidates; // `cells * PARTS` an image, in no order
    int height, width;
};

struct cell {
    int y, x;
};

// Puts the second kernel on the request's stream: poses from what the first one found.
status launch_poses(const decoder &d);

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
    to->y += decode_number(load(d, head, at, y_channel));
    to->x += decode_number(load(d, head, at, y_channel + count));
}

__device__ inline cell nearest_cell(const decoder &d, const keypoint &p)
{
    int stride = d.request.heads.stride;
    return {decode_nearest_cell(p.y, stride, d.height), decode_nearest_cell(p.x, stride, d.width)};
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

} // namespace decode

#endif
