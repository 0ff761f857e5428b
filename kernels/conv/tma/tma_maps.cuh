// How the copy engine finds the tensors of conv_tma.cuh: which convolutions its maps can express,
// and the maps.
#ifndef POSENET_KERNELS_CONV_TMA_TMA_MAPS_CUH
#define POSENET_KERNELS_CONV_TMA_TMA_MAPS_CUH

#include "kernels/conv/tma/tma_tile.cuh"
#include "kernels/cuda/tensor_map.cuh"

namespace
{

struct tma_encoders {
    PFN_cuTensorMapEncodeTiled_v12000 rows;
    PFN_cuTensorMapEncodeIm2col_v12000 windows;
};

status find_encoders(tma_encoders *out)
{
    void *windows;
    TRY(find_map_encoder(&out->rows));
    TRY(cuda_driver_function("cuTensorMapEncodeIm2col", 12000, &windows));
    out->windows = reinterpret_cast<PFN_cuTensorMapEncodeIm2col_v12000>(windows);
    return STATUS_OK;
}

// Where windows' corners lie on an axis: from -pad on, `count` of them; relative to the picture's
// own first and last place.
struct tma_corners {
    int lower, upper;
};

tma_corners corners_of(int size, int count, int stride, int pad)
{
    return {-pad, (count - 1) * stride - pad - (size - 1)};
}

// An im2col map has 8 bits for each.
bool fits_windows(const conv_params *p, const tensor *x, const tensor *y)
{
    for (int i = 0; i < 2; i++) {
        int64_t last = static_cast<int64_t>(y->dims[AXIS_H + i] - 1) * p->stride[i];
        if (p->stride[i] > 8 || p->pads[i] > 128 || p->kernel[i] > 256) return false;
        if (static_cast<int64_t>(p->kernel[i] - 1) * p->dilation[i] > 255) return false;
        int64_t upper = last - p->pads[i] - (x->dims[AXIS_H + i] - 1);
        if (upper < -128 || upper > 127) return false;
    }
    return true;
}

// Rows of `channels` halves; the box: `box_channels` of `box_rows` rows, its pieces permuted as
// products and panels have them.
status map_rows(const tma_encoders &encode, const step *s, void *at, int channels, int rows,
                int box_channels, int box_rows, CUtensorMap *map)
{
    const cuuint64_t sizes[2] = {static_cast<cuuint64_t>(channels), static_cast<cuuint64_t>(rows)};
    const cuuint64_t stride = sizes[0] * sizeof(__half);
    const cuuint32_t box[2] = {static_cast<cuuint32_t>(box_channels),
                               static_cast<cuuint32_t>(box_rows)};
    const cuuint32_t steps[2] = {1, 1};
    const int row_bytes = box_channels * static_cast<int>(sizeof(__half));
    return map_made(encode.rows(map, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, 2, at, sizes, &stride, box,
                                steps, CU_TENSOR_MAP_INTERLEAVE_NONE, map_permuted(row_bytes),
                                CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                                CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
                    s);
}

// x as windows' taps: 64 channels of `pixels` windows.
status map_windows(const tma_encoders &encode, const network *net, const step *s, void *at,
                   int pixels, CUtensorMap *map)
{
    const conv_params *p = &s->as.conv;
    const int *dims = net->tensors[s->inputs[0]].dims, *out = net->tensors[s->output].dims;
    const map_axes axes(dims);
    tma_corners x = corners_of(dims[AXIS_W], out[AXIS_W], p->stride[1], p->pads[1]);
    tma_corners y = corners_of(dims[AXIS_H], out[AXIS_H], p->stride[0], p->pads[0]);
    const int lower[2] = {x.lower, y.lower}, upper[2] = {x.upper, y.upper};
    const cuuint32_t steps[AXES] = {1, static_cast<cuuint32_t>(p->stride[1]),
                                    static_cast<cuuint32_t>(p->stride[0]), 1};
    return map_made(
        encode.windows(map, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, AXES, at, axes.sizes, axes.strides,
                       lower, upper, MMA_STEP, static_cast<cuuint32_t>(pixels), steps,
                       CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                       CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
        s);
}

} // namespace

#endif
