// Convolution as it is written down, in fp32 sums: any groups, strides, dilations and pads. What
// faster rows are measured against, and what computes where none of them covers.
//
// A thread sums one output channel of PIXELS neighbouring pixels; neighbouring threads take
// neighbouring channels, so filters are read side by side and inputs by broadcast.
#include "kernels/conv/weights_cuda.h"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/estimate.h"
#include "kernels/rows.h"

namespace
{

const int PIXELS = 4, CHANNELS = 32, GROUPS = 8; // a block: CHANNELS x GROUPS threads

__device__ void finish(const conv_arguments &a, int64_t index, int c, float sum)
{
    if (a.bias) sum += a.bias[c];
    if (a.residual) sum += element_load(a.residual, a.residual_type, index);
    element_store(a.y, a.y_type, index, activate(a.act, sum));
}

template <typename T> __global__ void conv_direct(conv_arguments a)
{
    int c = blockIdx.y * CHANNELS + threadIdx.x;
    int across = (a.y_dims[AXIS_W] + PIXELS - 1) / PIXELS; // pixel groups of an output row
    int64_t group = static_cast<int64_t>(blockIdx.x) * GROUPS + threadIdx.y;
    int ox = static_cast<int>(group % across) * PIXELS;
    int oy = static_cast<int>(group / across % a.y_dims[AXIS_H]);
    int64_t n = group / across / a.y_dims[AXIS_H];
    if (c >= a.y_dims[AXIS_C] || n >= a.y_dims[AXIS_N]) return;

    int depth = a.x_dims[AXIS_C] / a.groups; // input channels of a group
    int first = c / (a.y_dims[AXIS_C] / a.groups) * depth;
    const T *x = static_cast<const T *>(a.x) + first;
    float sums[PIXELS] = {};
    wait_for_previous();
    for (int ky = 0; ky < a.kernel[0]; ky++) {
        int iy = oy * a.stride[0] - a.pads[0] + ky * a.dilation[0];
        if (iy < 0 || iy >= a.x_dims[AXIS_H]) continue;
        for (int kx = 0; kx < a.kernel[1]; kx++) {
            const float *filter =
                a.filter + c +
                static_cast<int64_t>(ky * a.kernel[1] + kx) * depth * a.y_dims[AXIS_C];
            const T *from[PIXELS];
            bool inside[PIXELS];
            for (int i = 0; i < PIXELS; i++) {
                int ix = (ox + i) * a.stride[1] - a.pads[1] + kx * a.dilation[1];
                inside[i] = ix >= 0 && ix < a.x_dims[AXIS_W];
                from[i] =
                    x + ((n * a.x_dims[AXIS_H] + iy) * a.x_dims[AXIS_W] + (inside[i] ? ix : 0)) *
                            a.x_dims[AXIS_C];
            }
            for (int in = 0; in < depth; in++, filter += a.y_dims[AXIS_C]) {
                float weight = *filter;
                for (int i = 0; i < PIXELS; i++) {
                    if (inside[i]) sums[i] = fmaf(to_float(from[i][in]), weight, sums[i]);
                }
            }
        }
    }
    int64_t pixel = (n * a.y_dims[AXIS_H] + oy) * a.y_dims[AXIS_W] + ox;
    for (int i = 0; i < PIXELS && ox + i < a.y_dims[AXIS_W]; i++)
        finish(a, (pixel + i) * a.y_dims[AXIS_C] + c, c, sums[i]);
}

int covers(const network *net, int first, precision)
{
    return conv_cuda_covers(net, first);
}

status enqueue(const work *w, const network *net, const run *r)
{
    conv_arguments a = conv_cuda_arguments(w, net, r);
    int64_t groups = static_cast<int64_t>(a.y_dims[AXIS_N]) * a.y_dims[AXIS_H] *
                     ((a.y_dims[AXIS_W] + PIXELS - 1) / PIXELS);
    dim3 blocks(static_cast<unsigned>((groups + GROUPS - 1) / GROUPS),
                (a.y_dims[AXIS_C] + CHANNELS - 1) / CHANNELS);
    dim3 threads(CHANNELS, GROUPS);
    bool half = a.x_type == TYPE_FP16;
    return cuda_launch_check(
        launch_kernel(r, half ? conv_direct<__half> : conv_direct<float>, blocks, threads, 0, a), w,
        net);
}

// Far dearer than any row made for a kind of convolution: chosen only where none covers.
double estimate(const network *net, int first, int)
{
    static const cuda_rates rates = {20, 0, 1e6, 1e6, 1e6};
    return cuda_estimate(net, &net->steps[first], &rates);
}

} // namespace

extern "C" const row conv_direct_cuda = {
    .name = "conv_direct_cuda",
    .device = DEVICE_CUDA,
    .covers = covers,
    .prepare = conv_cuda_prepare,
    .enqueue = enqueue,
    .release = work_release,
    .estimate = estimate,
    .limit = 1e-4,
    .limit_fp16 = 2e-3,
    .limit_because = "fp32 sums of up to some thousand products, then one rounding to the type",
    .in_place = 1,
    .plain = 1,
};
