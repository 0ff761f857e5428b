// OP_DECODE wholly on the device: the rule of decode.h and the poses of decode.c, in two kernels.
//
//   find_candidates   a thread a heatmap element: local maxima at or above the threshold into a
//   list
//                     (several people), or the best cell of each part (single)
//   make_poses        poses_cuda.cu: a block an image grows poses from the best of them
//
// The list is in no order, but its keys are all different, so what comes out is always the same.
#include <math_constants.h>

#include "kernels/decode/decode_device.cuh"
#include "kernels/rows.h"

namespace decode
{
namespace
{

const int FIND_THREADS = 256;

__device__ bool is_local_maximum(const decoder &d, cell at, int part, float raw, float score)
{
    for (int y = at.y - 1; y <= at.y + 1; y++) {
        for (int x = at.x - 1; x <= at.x + 1; x++) {
            if (y < 0 || x < 0 || y >= d.height || x >= d.width) continue;
            float other = load(d, DECODE_HEATMAP, {y, x}, part);
            if (other > raw && score_of(d, other) > score) return false;
        }
    }
    return true;
}

// Neighbouring threads take neighbouring channels of a cell, as they lie in memory.
__global__ void __launch_bounds__(FIND_THREADS) find_candidates(const __grid_constant__ decoder d)
{
    __shared__ unsigned long long best[PARTS];
    const decode_options options = *d.request.options;
    unsigned cells = cells_of(d);
    unsigned i = blockIdx.x * FIND_THREADS + threadIdx.x, place = i / PARTS;
    int part = i % PARTS;
    cell at = cell_number(d, place);
    float raw = place < cells ? load(d, DECODE_HEATMAP, at, part) : CUDART_NAN_F;
    float score = raw == raw ? score_of(d, raw) : CUDART_NAN_F;
    unsigned long long key = decode_key(score, part * cells + place);
    found *all = &d.founds[blockIdx.y];

    if (options.single) {
        if (threadIdx.x < PARTS) best[threadIdx.x] = 0;
        __syncthreads();
        if (raw == raw) atomicMax(&best[part], key);
        __syncthreads();
        if (threadIdx.x < PARTS && best[threadIdx.x])
            atomicMax(&all->best[threadIdx.x], best[threadIdx.x]);
        return;
    }
    if (!(score >= options.score_threshold) || !is_local_maximum(d, at, part, raw, score)) return;
    keypoint p;
    cell_point(d, at, part, &p);
    candidate *list = d.candidates + static_cast<int64_t>(blockIdx.y) * cells * PARTS;
    list[atomicAdd(&all->count, 1u)] = {key, p.x, p.y};
}

} // namespace
} // namespace decode

using namespace decode;

extern "C" size_t decode_cuda_workspace_bytes(const decode_heads *heads)
{
    const int *dims = heads->head[DECODE_HEATMAP].dims;
    size_t elements = static_cast<size_t>(dims[AXIS_H]) * dims[AXIS_W] * PARTS;
    return dims[AXIS_N] * (sizeof(found) + elements * sizeof(candidate));
}

extern "C" status decode_cuda_launch(const decode_cuda_request *request)
{
    const int *dims = request->heads.head[DECODE_HEATMAP].dims;
    unsigned elements = static_cast<unsigned>(dims[AXIS_H]) * dims[AXIS_W] * PARTS;
    size_t images = dims[AXIS_N];
    cudaStream_t stream = static_cast<cudaStream_t>(request->stream);
    decoder d = {*request, {}, nullptr, nullptr, dims[AXIS_H], dims[AXIS_W]};
    for (int e = 0; e < EDGES; e++) d.edges[e] = skeleton_edges[e];
    d.founds = static_cast<found *>(request->workspace);
    d.candidates = reinterpret_cast<candidate *>(d.founds + images);
    TRY(cuda_check(cudaMemsetAsync(d.founds, 0, images * sizeof(found), stream),
                   "clearing the decoder's counts"));
    dim3 blocks((elements + FIND_THREADS - 1) / FIND_THREADS, static_cast<unsigned>(images));
    find_candidates<<<blocks, FIND_THREADS, 0, stream>>>(d);
    TRY(cuda_check(cudaGetLastError(), "launching the decoder's first kernel"));
    return launch_poses(d);
}

namespace
{

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    return s->op == OP_DECODE && s->input_count == DECODE_HEADS;
}

decode_heads view_heads(const network *net, const step *s)
{
    decode_heads heads = {{}, s->as.decode.stride, s->as.decode.logits};
    for (int i = 0; i < DECODE_HEADS; i++) {
        const tensor *t = &net->tensors[s->inputs[i]];
        head_view *view = &heads.head[i];
        int64_t stride = 1;
        view->data = t; // not read before enqueue sets it
        view->type = t->type;
        for (int axis = AXES - 1; axis >= 0; axis--) {
            view->dims[axis] = t->dims[axis];
            view->strides[axis] = stride;
            stride *= t->dims[axis];
        }
    }
    return heads;
}

status prepare(const prepare_context *context, const network *net, work *w)
{
    decode_heads heads = view_heads(net, &net->steps[w->first]);
    TRY(decode_check(&heads));
    TRY(cuda_operands_prepare(context, net, w));
    w->workspace_bytes = decode_cuda_workspace_bytes(&heads);
    return STATUS_OK;
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const decode_params *p = &s->as.decode;
    decode_cuda_request request = {
        view_heads(net, s), r->options, r->pictures, p->input_width,          p->input_height,
        p->max_poses,       r->poses,   r->counts,   r->arena + w->workspace, r->stream};
    for (int i = 0; i < DECODE_HEADS; i++)
        request.heads.head[i].data = cuda_input(w, net, r, i).data;
    return decode_cuda_launch(&request);
}

} // namespace

extern "C" const row decode_cuda = {
    .name = "decode_cuda",
    .device = DEVICE_CUDA,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = cuda_operands_release,
    .estimate = nullptr,
    .limit = 0,
    .limit_fp16 = 0,
    .limit_because = "the host decoder's own operations in fp32; a score can differ only where the "
                     "double before its rounding to fp32 lies within two ulp of a tie",
};
