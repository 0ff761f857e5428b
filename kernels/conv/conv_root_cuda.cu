// The network's first convolution on the plain cores, in fp32: for what conv_root_mma_cuda does not
// take, and for fp32 that is to be true.
//
// A block computes 8 x 16 pixels by 32 output channels. The input patch and the filter go to shared
// memory as fp32; a thread sums 4 pixels by 8 channels, 32 products for 6 loads.
#include "kernels/conv/weights_cuda.h"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/estimate.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/rows.h"

namespace
{

const int TILE_H = 8, TILE_W = 16, CHANNELS = 32; // of a block
const int PIXELS = 4, LANES = 8;                  // of a thread
const int THREADS = TILE_H * TILE_W / PIXELS * CHANNELS / LANES;
const int MOST_DEPTH = 4, MOST_KERNEL = 7, MOST_STRIDE = 2;

int patch_side(int tile, int kernel, int stride)
{
    return (tile - 1) * stride + kernel;
}

// `filter`: [taps * depth][CHANNELS].
__device__ void load_filter(const conv_arguments &a, float *filter)
{
    int channels = a.y_dims[AXIS_C];
    for (int i = threadIdx.x; i < a.kernel[0] * a.kernel[1] * a.x_dims[AXIS_C] * CHANNELS;
         i += THREADS) {
        int c = blockIdx.y * CHANNELS + i % CHANNELS;
        filter[i] =
            c < channels ? a.filter[static_cast<int64_t>(i / CHANNELS) * channels + c] : 0.0f;
    }
}

// `patch`: [patch_h][patch_w][depth] of the input, zero outside.
template <typename T>
__device__ void load_patch(const conv_arguments &a, float *patch, int patch_h, int patch_w)
{
    int depth = a.x_dims[AXIS_C];
    int across = (a.y_dims[AXIS_W] + TILE_W - 1) / TILE_W;
    int top = static_cast<int>(blockIdx.x) / across * TILE_H * a.stride[0] - a.pads[0];
    int left = static_cast<int>(blockIdx.x) % across * TILE_W * a.stride[1] - a.pads[1];
    const T *x = static_cast<const T *>(a.x) +
                 static_cast<int64_t>(blockIdx.z) * a.x_dims[AXIS_H] * a.x_dims[AXIS_W] * depth;
    for (int i = threadIdx.x; i < patch_h * patch_w * depth; i += THREADS) {
        int iy = top + i / (patch_w * depth), ix = left + i / depth % patch_w;
        bool inside = iy >= 0 && iy < a.x_dims[AXIS_H] && ix >= 0 && ix < a.x_dims[AXIS_W];
        int64_t from = (static_cast<int64_t>(iy) * a.x_dims[AXIS_W] + ix) * depth + i % depth;
        patch[i] = inside ? to_float(x[from]) : 0.0f;
    }
}

template <typename T>
__device__ void store(const conv_arguments &a, int oy, int ox, int c,
                      const float (&sums)[PIXELS][LANES])
{
    int channels = a.y_dims[AXIS_C];
    if (oy >= a.y_dims[AXIS_H]) return;
#pragma unroll
    for (int i = 0; i < PIXELS; i++) {
        if (ox + i >= a.y_dims[AXIS_W]) break;
        int64_t pixel =
            (static_cast<int64_t>(blockIdx.z) * a.y_dims[AXIS_H] + oy) * a.y_dims[AXIS_W] + ox + i;
        T *y = static_cast<T *>(a.y) + pixel * channels + c;
        vector<T, LANES> out;
#pragma unroll
        for (int l = 0; l < LANES; l++) {
            float bias = a.bias && c + l < channels ? a.bias[c + l] : 0.0f;
            out.value[l] = from_float<T>(activate(a.act, sums[i][l] + bias));
        }
        if (channels % LANES == 0 && c < channels) {
            const int words = sizeof out / 16;
            for (int k = 0; k < words; k++)
                reinterpret_cast<uint4 *>(y)[k] = reinterpret_cast<const uint4 *>(&out)[k];
        } else {
#pragma unroll
            for (int l = 0; l < LANES; l++) {
                if (c + l < channels) y[l] = out.value[l];
            }
        }
    }
}

template <typename T>
__global__ void __launch_bounds__(THREADS) conv_root(conv_arguments a, int patch_h, int patch_w)
{
    extern __shared__ __align__(16) float shared[];
    int depth = a.x_dims[AXIS_C];
    float *filter = shared, *patch = shared + a.kernel[0] * a.kernel[1] * depth * CHANNELS;
    load_filter(a, filter);
    wait_for_previous();
    load_patch<T>(a, patch, patch_h, patch_w);
    __syncthreads();

    int lane = threadIdx.x % (CHANNELS / LANES) * LANES;
    int group = threadIdx.x / (CHANNELS / LANES);
    int ty = group / (TILE_W / PIXELS), tx = group % (TILE_W / PIXELS) * PIXELS;
    int apart = a.stride[1] * depth; // of neighbouring pixels in the patch
    float sums[PIXELS][LANES] = {};
    for (int ky = 0; ky < a.kernel[0]; ky++) {
        const float *line = patch + ((ty * a.stride[0] + ky) * patch_w + tx * a.stride[1]) * depth;
        const float *weights = filter + ky * a.kernel[1] * depth * CHANNELS + lane;
        for (int k = 0; k < a.kernel[1] * depth; k++, weights += CHANNELS) {
            float4 low = *reinterpret_cast<const float4 *>(weights);
            float4 high = *reinterpret_cast<const float4 *>(weights + 4);
            const float w[LANES] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
            for (int i = 0; i < PIXELS; i++) {
                float value = line[i * apart + k];
#pragma unroll
                for (int l = 0; l < LANES; l++) sums[i][l] = fmaf(value, w[l], sums[i][l]);
            }
        }
    }
    int across = (a.y_dims[AXIS_W] + TILE_W - 1) / TILE_W;
    store<T>(a, static_cast<int>(blockIdx.x) / across * TILE_H + ty,
             static_cast<int>(blockIdx.x) % across * TILE_W + tx, blockIdx.y * CHANNELS + lane,
             sums);
}

int covers(const network *net, int first, precision)
{
    if (!conv_cuda_covers_plain(net, first)) return 0;
    const step *s = &net->steps[first];
    const conv_params *p = &s->as.conv;
    return s->input_count == 1 && p->groups == 1 && p->in_channels <= MOST_DEPTH &&
           p->kernel[0] <= MOST_KERNEL && p->kernel[1] <= MOST_KERNEL &&
           p->stride[0] <= MOST_STRIDE && p->stride[1] <= MOST_STRIDE && p->dilation[0] == 1 &&
           p->dilation[1] == 1 && net->tensors[s->output].dims[AXIS_N] <= CUDA_MOST_BLOCKS;
}

status enqueue(const work *w, const network *net, const run *r)
{
    conv_arguments a = conv_cuda_arguments(w, net, r);
    int patch_h = patch_side(TILE_H, a.kernel[0], a.stride[0]);
    int patch_w = patch_side(TILE_W, a.kernel[1], a.stride[1]);
    int depth = a.x_dims[AXIS_C];
    size_t bytes =
        sizeof(float) * depth * (a.kernel[0] * a.kernel[1] * CHANNELS + patch_h * patch_w);
    dim3 blocks((a.y_dims[AXIS_H] + TILE_H - 1) / TILE_H *
                    ((a.y_dims[AXIS_W] + TILE_W - 1) / TILE_W),
                (a.y_dims[AXIS_C] + CHANNELS - 1) / CHANNELS, a.y_dims[AXIS_N]);
    bool half = a.y_type == TYPE_FP16;
    return cuda_launch_check(launch_kernel(r, half ? conv_root<__half> : conv_root<float>, blocks,
                                           THREADS, bytes, a, patch_h, patch_w),
                             w, net);
}

double estimate(const network *net, int first, int)
{
    static const cuda_rates rates = {6, 0, 60e6, 60e6, 2e6};
    return cuda_estimate(net, &net->steps[first], &rates);
}

} // namespace

extern "C" const row conv_root_cuda = {
    .name = "conv_root_cuda",
    .device = DEVICE_CUDA,
    .covers = covers,
    .prepare = conv_cuda_prepare,
    .enqueue = enqueue,
    .release = work_release,
    .estimate = estimate,
    .limit = 1e-4,
    .limit_fp16 = 2e-3,
    .limit_because = "fp32 sums of at most 196 products, then one rounding to the type",
};
