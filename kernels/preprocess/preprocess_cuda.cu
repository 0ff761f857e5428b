// OP_PREPROCESS on the device: pictures to the network's input in one pass, the same operations in
// the same order as preprocess_ref. A thread makes one pixel; the descriptor is read from device
// memory, so a captured launch serves any picture.
#include "kernels/cuda/element.cuh"
#include "kernels/preprocess/letterbox.h"
#include "kernels/preprocess/pixel.h"
#include "kernels/rows.h"

namespace
{

const int COLORS = 3, BLOCK_W = 32, BLOCK_H = 8;

// What a block works out once: doubles are dear on small GPUs.
struct fit {
    picture from;
    letterbox box;
    int padded_width, padded_height;
    float ratio_x, ratio_y;
};

__device__ void load_padded(const fit &f, int x, int y, float color[COLORS])
{
    x -= f.box.left;
    y -= f.box.top;
    color[0] = color[1] = color[2] = 0;
    if (x < 0 || y < 0 || x >= f.from.width || y >= f.from.height) return;
    pixel p = pixel_load(&f.from, x, y);
    color[0] = p.red;
    color[1] = p.green;
    color[2] = p.blue;
}

template <typename T>
__global__ void preprocess(const picture *pictures, normalization rule, T *to, int width,
                           int height)
{
    __shared__ fit f;
    if (threadIdx.x == 0 && threadIdx.y == 0) {
        f.from = pictures[blockIdx.z];
        f.box = letterbox_fit(f.from.width, f.from.height, width, height, f.from.flip);
        f.padded_width = letterbox_padded_width(&f.box);
        f.padded_height = letterbox_padded_height(&f.box);
        f.ratio_x = exact_quotient((float)f.padded_width, (float)width);
        f.ratio_y = exact_quotient((float)f.padded_height, (float)height);
    }
    __syncthreads();
    int x = blockIdx.x * BLOCK_W + threadIdx.x, y = blockIdx.y * BLOCK_H + threadIdx.y;
    if (x >= width || y >= height) return;

    resize_tap across = letterbox_tap(x, f.ratio_x, f.padded_width);
    resize_tap down = letterbox_tap(y, f.ratio_y, f.padded_height);
    float top_left[COLORS], top_right[COLORS], bottom_left[COLORS], bottom_right[COLORS];
    load_padded(f, across.lower, down.lower, top_left);
    load_padded(f, across.upper, down.lower, top_right);
    load_padded(f, across.lower, down.upper, bottom_left);
    load_padded(f, across.upper, down.upper, bottom_right);
    int64_t index = ((static_cast<int64_t>(blockIdx.z) * height + y) * width + x) * COLORS;
    for (int c = 0; c < COLORS; c++) {
        float top = letterbox_blend(top_left[c], top_right[c], across.fraction);
        float bottom = letterbox_blend(bottom_left[c], bottom_right[c], across.fraction);
        float value = letterbox_blend(top, bottom, down.fraction);
        to[index + c] = from_float<T>(pixel_normalize(rule, c, value));
    }
}

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    return s->op == OP_PREPROCESS && net->tensors[s->output].dims[AXIS_C] == COLORS &&
           cuda_countable(net, s);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    cuda_view y = cuda_tensor(net, r, s->output);
    int width = y.dims[AXIS_W], height = y.dims[AXIS_H];
    dim3 threads(BLOCK_W, BLOCK_H);
    dim3 blocks((width + BLOCK_W - 1) / BLOCK_W, (height + BLOCK_H - 1) / BLOCK_H, y.dims[AXIS_N]);
    cudaStream_t stream = static_cast<cudaStream_t>(r->stream);
    normalization rule = s->as.preprocess.normalize;
    if (y.type == TYPE_FP16)
        preprocess<<<blocks, threads, 0, stream>>>(r->pictures, rule, static_cast<__half *>(y.data),
                                                   width, height);
    else
        preprocess<<<blocks, threads, 0, stream>>>(r->pictures, rule, static_cast<float *>(y.data),
                                                   width, height);
    return cuda_launched(w, net);
}

} // namespace

extern "C" const row preprocess_cuda = {
    .name = "preprocess_cuda",
    .device = DEVICE_CUDA,
    .covers = covers,
    .prepare = nullptr,
    .enqueue = enqueue,
    .release = nullptr,
    .estimate = nullptr,
    .limit = 0,
    .limit_fp16 = 5e-4,
    .limit_because =
        "the same fp32 operations in the same order; in fp16 half a unit of the last place",
};
