// Depthwise 3x3 convolution, any stride and dilation, with bias and activation.
//
// Two kernels. The general one is here: a thread computes LANES neighbouring channels (16 bytes) of
// PIXELS neighbouring pixels and keeps the nine filter taps of its channels' current row in
// registers. What MobileNet has is computed by depthwise_lines.cuh; how far a thread goes there is
// left to the tuner.
#include "kernels/conv/conv.h"
#include "kernels/conv/depthwise_lines.cuh"
#include "kernels/conv/weights_cuda.h"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/estimate.h"
#include "kernels/rows.h"

namespace
{

const int SIDE = 3, THREADS = 128;

template <typename T, int LANES>
__device__ void finish(const conv_arguments &a, int64_t index, int c, float (&sums)[LANES])
{
    vector<T, LANES> out;
    for (int l = 0; l < LANES; l++) {
        if (a.bias) sums[l] += a.bias[c + l];
        if (a.residual) sums[l] += to_float(static_cast<const T *>(a.residual)[index + l]);
        out.value[l] = from_float<T>(activate(a.act, sums[l]));
    }
    *reinterpret_cast<vector<T, LANES> *>(static_cast<T *>(a.y) + index) = out;
}

template <typename T, int LANES, int PIXELS>
__global__ void __launch_bounds__(THREADS) conv_depthwise(conv_arguments a, unsigned count)
{
    typedef vector<T, LANES> lanes;
    typedef vector<float, LANES> weights;
    unsigned item = blockIdx.x * THREADS + threadIdx.x;
    if (item >= count) return;
    int channels = a.y_dims[AXIS_C];
    unsigned across = (a.y_dims[AXIS_W] + PIXELS - 1) / PIXELS, per_pixel = channels / LANES;
    int c = static_cast<int>(item % per_pixel) * LANES;
    unsigned group = item / per_pixel;
    int ox = static_cast<int>(group % across) * PIXELS;
    group /= across;
    int oy = static_cast<int>(group % a.y_dims[AXIS_H]);
    int64_t n = group / a.y_dims[AXIS_H];

    const T *x = static_cast<const T *>(a.x) + c;
    const float *filter = a.filter + c;
    float sums[PIXELS][LANES] = {};
    wait_for_previous();
    for (int ky = 0; ky < SIDE; ky++) {
        int iy = oy * a.stride[0] - a.pads[0] + ky * a.dilation[0];
        if (iy < 0 || iy >= a.x_dims[AXIS_H]) continue;
        const T *line = x + (n * a.x_dims[AXIS_H] + iy) * a.x_dims[AXIS_W] * channels;
        for (int kx = 0; kx < SIDE; kx++) {
            weights weight = *reinterpret_cast<const weights *>(
                filter + static_cast<int64_t>(ky * SIDE + kx) * channels);
            for (int i = 0; i < PIXELS; i++) {
                int ix = (ox + i) * a.stride[1] - a.pads[1] + kx * a.dilation[1];
                if (ix < 0 || ix >= a.x_dims[AXIS_W]) continue;
                lanes in =
                    *reinterpret_cast<const lanes *>(line + static_cast<int64_t>(ix) * channels);
                for (int l = 0; l < LANES; l++)
                    sums[i][l] = fmaf(to_float(in.value[l]), weight.value[l], sums[i][l]);
            }
        }
    }
    int64_t pixel = (n * a.y_dims[AXIS_H] + oy) * a.y_dims[AXIS_W] + ox;
    for (int i = 0; i < PIXELS; i++) {
        if (ox + i < a.y_dims[AXIS_W]) finish<T, LANES>(a, (pixel + i) * channels + c, c, sums[i]);
    }
}

template <typename T, int LANES, int PIXELS>
cudaError_t launch(const conv_arguments &a, const run *r)
{
    int64_t across = (a.y_dims[AXIS_W] + PIXELS - 1) / PIXELS;
    int64_t count = a.y_dims[AXIS_N] * across * a.y_dims[AXIS_H] * (a.y_dims[AXIS_C] / LANES);
    dim3 blocks(static_cast<unsigned>((count + THREADS - 1) / THREADS));
    return launch_kernel(r, conv_depthwise<T, LANES, PIXELS>, blocks, THREADS, 0, a, count);
}

// Several pixels a thread save loads of filters and shared columns, once there is enough work.
template <typename T, int LANES> cudaError_t choose(const conv_arguments &a, const run *r)
{
    const int64_t enough = 1 << 20;
    int64_t items = static_cast<int64_t>(a.y_dims[AXIS_N]) * a.y_dims[AXIS_H] * a.y_dims[AXIS_W] *
                    (a.y_dims[AXIS_C] / LANES);
    return items >= enough ? launch<T, LANES, 4>(a, r) : launch<T, LANES, 1>(a, r);
}

// ---- the kernel that goes down lines -----------------------------------------------------------

const int heights[] = {32, 16, 8, 4, 2, 1}; // of y, about as many lines a thread
const int HEIGHTS = sizeof heights / sizeof *heights;

// Elements are counted in int, with room for what is outside the picture.
bool goes_down(const network *net, const step *s)
{
    const int64_t most = int64_t{1} << 30;
    const conv_params *p = &s->as.conv;
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[s->output];
    bool plain = p->dilation[0] == 1 && p->dilation[1] == 1;
    return x->type == TYPE_FP16 && p->out_channels % LINES_LANES == 0 && s->input_count == 1 &&
           p->act.kind != ACTIVATION_SIGMOID && p->stride[0] == p->stride[1] &&
           (p->stride[0] == 1 || (p->stride[0] == 2 && plain)) && tensor_count(x) < most &&
           tensor_count(y) < most;
}

void set_height(lines_arguments *a, int pictures, int height)
{
    int lines = divided(a->out_height, a->dilation[0]), parts = divided(lines, height);
    a->lines = divided(lines, parts);
    a->down = divided(lines, a->lines) * a->dilation[0];
    a->across = divided(divided(a->out_width, a->dilation[1]), LINES_ACROSS) * a->dilation[1];
    a->count = pictures * a->down * a->across * (a->channels / LINES_LANES);
}

lines_arguments lines_of(const conv_arguments &c)
{
    lines_arguments a = {};
    a.x = static_cast<const __half *>(c.x);
    a.y = static_cast<__half *>(c.y);
    a.filter = c.filter;
    a.bias = c.bias;
    a.height = c.x_dims[AXIS_H];
    a.width = c.x_dims[AXIS_W];
    a.out_height = c.y_dims[AXIS_H];
    a.out_width = c.y_dims[AXIS_W];
    a.channels = c.y_dims[AXIS_C];
    for (int i = 0; i < 2; i++) {
        a.dilation[i] = c.dilation[i];
        a.pads[i] = c.pads[i];
    }
    activation_limits(&c.act, &a.low, &a.high);
    return a;
}

// Way 0 goes as far as leaves enough threads; the others follow in order.
cudaError_t launch_lines(const conv_arguments &c, int way, const run *r)
{
    const int enough = 1 << 16;
    lines_arguments a = lines_of(c);
    int first = 0;
    for (; first < HEIGHTS - 1; first++) {
        set_height(&a, c.y_dims[AXIS_N], heights[first]);
        if (a.count >= enough) break;
    }
    set_height(&a, c.y_dims[AXIS_N], heights[(first + way) % HEIGHTS]);
    dim3 blocks(divided(a.count, LINES_THREADS));
    auto kernel = c.stride[0] == 2 ? conv_depthwise_lines<2> : conv_depthwise_lines<1>;
    return launch_kernel(r, kernel, blocks, LINES_THREADS, 0, a);
}

// ---- the row -----------------------------------------------------------------------------------

int covers(const network *net, int first, precision)
{
    return conv_cuda_covers_plain(net, first) && conv_is_depthwise_3x3(&net->steps[first]);
}

// The general kernel is the last way.
int variants(const prepare_context *, const network *net, const work *w)
{
    return goes_down(net, &net->steps[w->first]) ? HEIGHTS + 1 : 1;
}

status enqueue(const work *w, const network *net, const run *r)
{
    conv_arguments a = conv_cuda_arguments(w, net, r);
    int channels = a.y_dims[AXIS_C];
    cudaError_t error;
    if (goes_down(net, &net->steps[w->first]) && w->variant < HEIGHTS)
        error = launch_lines(a, w->variant, r);
    else if (a.y_type == TYPE_FP16)
        error = channels % 8 == 0 ? choose<__half, 8>(a, r) : choose<__half, 1>(a, r);
    else
        error = channels % 4 == 0 ? choose<float, 4>(a, r) : choose<float, 1>(a, r);
    return cuda_launch_check(error, w, net);
}

double estimate(const network *net, int first, int)
{
    static const cuda_rates rates = {4.2, 0, 40e6, 20e6, 2.4e6};
    return cuda_estimate(net, &net->steps[first], &rates);
}

} // namespace

extern "C" const row conv_depthwise_cuda = {
    .name = "conv_depthwise_cuda",
    .device = DEVICE_CUDA,
    .covers = covers,
    .variants = variants,
    .revision = 1,
    .prepare = conv_cuda_prepare,
    .enqueue = enqueue,
    .release = work_release,
    .estimate = estimate,
    .limit = 1e-4,
    .limit_fp16 = 2e-3,
    .limit_because = "nine products in fp32, of weights that reach hundreds in BodyPix; in fp16 "
                     "only the result is rounded",
};
