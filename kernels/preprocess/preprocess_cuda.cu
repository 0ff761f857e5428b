// OP_PREPROCESS on the device: pictures to the network's input in one pass, the same operations in
// the same order as preprocess_ref. The descriptor is read from device memory, so a captured launch
// serves any picture.
//
// A thread makes one column of up to ROWS rows. Where the picture is not shrunk neighbouring rows
// read the same lines, so the last line is kept, blended across.
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.cuh"
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

// The two pixels of a line that a column blends.
struct column {
    int left, right; // of the picture
    bool left_inside, right_inside;
    float fraction;
};

__device__ inline void load_color(const fit &f, int x, int y, bool inside, float color[COLORS])
{
    pixel p = {0, 0, 0};
    if (inside) p = pixel_load(&f.from, x, y);
    color[0] = p.red;
    color[1] = p.green;
    color[2] = p.blue;
}

// Line `y` of the padded picture in this column.
__device__ inline void blend_line(const fit &f, const column &at, int y, float color[COLORS])
{
    float left[COLORS], right[COLORS];
    y -= f.box.top;
    bool inside = y >= 0 && y < f.from.height;
    load_color(f, at.left, y, inside && at.left_inside, left);
    load_color(f, at.right, y, inside && at.right_inside, right);
#pragma unroll
    for (int c = 0; c < COLORS; c++) color[c] = letterbox_blend(left[c], right[c], at.fraction);
}

__device__ inline column column_of(const fit &f, int x)
{
    resize_tap tap = letterbox_tap(x, f.ratio_x, f.padded_width);
    column at = {tap.lower - f.box.left, tap.upper - f.box.left, false, false, tap.fraction};
    at.left_inside = at.left >= 0 && at.left < f.from.width;
    at.right_inside = at.right >= 0 && at.right < f.from.width;
    return at;
}

__device__ inline void make_fit(fit &f, const picture &from, int width, int height)
{
    f.from = from;
    f.box = letterbox_fit(from.width, from.height, width, height, from.flip);
    f.padded_width = letterbox_padded_width(&f.box);
    f.padded_height = letterbox_padded_height(&f.box);
    f.ratio_x = exact_quotient((float)f.padded_width, (float)width);
    f.ratio_y = exact_quotient((float)f.padded_height, (float)height);
}

template <typename T, int ROWS>
__global__ void __launch_bounds__(BLOCK_W *BLOCK_H)
    preprocess(const picture *pictures, normalization rule, T *to, int width, int height)
{
    __shared__ fit f;
    wait_for_previous();
    if (threadIdx.x == 0 && threadIdx.y == 0) make_fit(f, pictures[blockIdx.z], width, height);
    __syncthreads();
    int x = blockIdx.x * BLOCK_W + threadIdx.x;
    int first = (blockIdx.y * BLOCK_H + threadIdx.y) * ROWS;
    if (x >= width) return;

    column at = column_of(f, x);
    float top[COLORS], bottom[COLORS];
    int last = -1; // the line in `bottom`
#pragma unroll
    for (int y = first; y < first + ROWS; y++) {
        if (y >= height) return;
        resize_tap down = letterbox_tap(y, f.ratio_y, f.padded_height);
        if (down.lower == last) {
            for (int c = 0; c < COLORS; c++) top[c] = bottom[c];
        } else {
            blend_line(f, at, down.lower, top);
        }
        if (down.upper != last) blend_line(f, at, down.upper, bottom);
        last = down.upper;
        int64_t index = ((static_cast<int64_t>(blockIdx.z) * height + y) * width + x) * COLORS;
#pragma unroll
        for (int c = 0; c < COLORS; c++) {
            float value = letterbox_blend(top[c], bottom[c], down.fraction);
            to[index + c] = from_float<T>(pixel_normalize(rule, c, value));
        }
    }
}

// Several rows a thread once there is enough work for all multiprocessors.
template <typename T>
status launch(const work *w, const network *net, const run *r, const cuda_view &y)
{
    const int enough = 1 << 18, rows = 4;
    int width = y.dims[AXIS_W], height = y.dims[AXIS_H], batch = y.dims[AXIS_N];
    bool many = static_cast<int64_t>(batch) * width * height >= enough;
    int tall = BLOCK_H * (many ? rows : 1);
    dim3 blocks((width + BLOCK_W - 1) / BLOCK_W, (height + tall - 1) / tall, batch);
    return cuda_launch_check(launch_kernel(r, many ? preprocess<T, rows> : preprocess<T, 1>, blocks,
                                           dim3(BLOCK_W, BLOCK_H), 0, r->pictures,
                                           net->steps[w->first].as.preprocess.normalize,
                                           static_cast<T *>(y.data), width, height),
                             w, net);
}

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    if (s->op != OP_PREPROCESS || !cuda_countable(net, s)) return 0;
    const int *dims = net->tensors[s->output].dims;
    return dims[AXIS_C] == COLORS && dims[AXIS_N] <= CUDA_MOST_BLOCKS &&
           dims[AXIS_H] <= CUDA_MOST_BLOCKS * BLOCK_H;
}

status enqueue(const work *w, const network *net, const run *r)
{
    cuda_view y = cuda_tensor(net, r, net->steps[w->first].output);
    return y.type == TYPE_FP16 ? launch<__half>(w, net, r, y) : launch<float>(w, net, r, y);
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
