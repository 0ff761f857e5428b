// OP_DECODE wholly on the device: the rule of decode.h and the poses of decode.c, in two kernels.
//
//   find_candidates   a thread a heatmap element: local maxima at or above the threshold into a
//   list
//                     (several people), or the best cell of each part (single)
//   make_poses        a block an image: takes the best candidate, walks its tree with one warp,
//   drops
//                     the candidates near the new pose, and so on
//
// The list is in no order, its keys are all different: the best of those left is what the host's
// heap gives next. A candidate is dropped as soon as a pose makes it one the host would skip later.
#include "kernels/decode/decode_cuda.h"

#include <math_constants.h>

#include "kernels/cuda/element.cuh"
#include "kernels/decode/skeleton.h"
#include "kernels/rows.h"

namespace
{

const int FIND_THREADS = 256, POSE_THREADS = 512, WARP = 32;
const unsigned ALL_LANES = 0xffffffffu;

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
    candidate *candidates; // `cells * PARTS` an image
    int height, width;
};

struct cell {
    int y, x;
};

__device__ float load(const decoder &d, int head, cell at, int channel)
{
    const head_view &view = d.request.heads.head[head];
    int64_t index = blockIdx.y * view.strides[AXIS_N] + at.y * view.strides[AXIS_H] +
                    at.x * view.strides[AXIS_W] + channel * view.strides[AXIS_C];
    return decode_bounded(element_load(view.data, view.type, index));
}

__device__ float score_of(const decoder &d, float raw)
{
    return d.request.heads.logits ? decode_sigmoid(raw) : raw;
}

__device__ float score_at(const decoder &d, cell at, int part)
{
    return decode_number(score_of(d, load(d, DECODE_HEATMAP, at, part)));
}

__device__ void add_vector(const decoder &d, int head, cell at, int y_channel, int count,
                           keypoint *to)
{
    to->y += decode_number(load(d, head, at, y_channel));
    to->x += decode_number(load(d, head, at, y_channel + count));
}

__device__ cell nearest_cell(const decoder &d, const keypoint &p)
{
    int stride = d.request.heads.stride;
    return {decode_nearest_cell(p.y, stride, d.height), decode_nearest_cell(p.x, stride, d.width)};
}

__device__ void cell_point(const decoder &d, cell at, int part, keypoint *out)
{
    out->y = exact_product((float)at.y, (float)d.request.heads.stride);
    out->x = exact_product((float)at.x, (float)d.request.heads.stride);
    add_vector(d, DECODE_OFFSET, at, part, PARTS, out);
}

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
    unsigned cells = static_cast<unsigned>(d.height) * d.width;
    unsigned i = blockIdx.x * FIND_THREADS + threadIdx.x, place = i / PARTS;
    int part = i % PARTS;
    cell at = {static_cast<int>(place / d.width), static_cast<int>(place % d.width)};
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

// From a known part along one edge to `part`, the edge's other end.
__device__ keypoint walk(const decoder &d, int head, int edge, const keypoint &from, int part)
{
    keypoint out = from;
    add_vector(d, head, nearest_cell(d, from), edge, EDGES, &out);
    for (int i = 0; i < DECODE_REFINEMENTS; i++) cell_point(d, nearest_cell(d, out), part, &out);
    out.score = score_at(d, nearest_cell(d, out), part);
    return out;
}

// The keypoint of this lane's part (lanes from PARTS on: nothing), for a pose grown from `root`,
// whose own keypoint `mine` holds in lane `root`. In a tree one path leads from the root to each
// part, so all parts that have a known neighbour are walked to at once: the same steps as edge by
// edge, in at most as many rounds as the tree is long.
__device__ keypoint grow_pose(const decoder &d, int root, keypoint mine)
{
    int part = threadIdx.x % WARP;
    unsigned known = 1u << root;
    while (known != (1u << PARTS) - 1) {
        int source = part, edge = -1, head = DECODE_FORWARD;
        for (int e = 0; e < EDGES && part < PARTS && !(known >> part & 1); e++) {
            int parent = d.edges[e].parent, child = d.edges[e].child;
            if (child == part && known >> parent & 1) {
                source = parent;
                edge = e;
            } else if (parent == part && known >> child & 1) {
                source = child;
                edge = e;
                head = DECODE_BACKWARD;
            }
        }
        keypoint from = {__shfl_sync(ALL_LANES, mine.x, source),
                         __shfl_sync(ALL_LANES, mine.y, source), 0};
        if (edge >= 0) mine = walk(d, head, edge, from, part);
        known |= __ballot_sync(ALL_LANES, edge >= 0);
    }
    return mine;
}

struct point {
    float x, y;
};

__device__ bool near(const point &a, float x, float y, float limit)
{
    return decode_squared_distance(a.x, a.y, x, y) <= limit;
}

// Writes one pose from the keypoints of the warp's first PARTS lanes; `counts` says whether this
// lane's score counts for the pose's.
__device__ void write_pose(const decoder &d, pose *out, keypoint mine, bool counts)
{
    int part = threadIdx.x % WARP;
    float sum = 0;
    for (int p = 0; p < PARTS; p++) {
        float score = __shfl_sync(ALL_LANES, mine.score, p);
        if (__shfl_sync(ALL_LANES, counts, p)) sum += score;
    }
    if (part >= PARTS) return;
    if (d.request.pictures) {
        const picture *from = &d.request.pictures[blockIdx.y];
        letterbox box = letterbox_fit(from->width, from->height, d.request.input_width,
                                      d.request.input_height, from->flip);
        letterbox_back(&box, &mine.x, &mine.y);
    }
    out->keypoints[part] = mine;
    if (part == 0) out->score = exact_quotient(sum, (float)PARTS);
}

__device__ void make_single(const decoder &d)
{
    int part = threadIdx.x;
    keypoint mine = {0, 0, 0};
    if (part < PARTS) {
        unsigned long long key = d.founds[blockIdx.y].best[part];
        unsigned cells = static_cast<unsigned>(d.height) * d.width;
        unsigned place = key ? decode_key_index(key) - part * cells : 0;
        cell at = {static_cast<int>(place / d.width), static_cast<int>(place % d.width)};
        cell_point(d, at, part, &mine);
        mine.score = score_at(d, at, part);
    }
    write_pose(d, d.request.poses + static_cast<int64_t>(blockIdx.y) * d.request.capacity, mine,
               true);
    if (part == 0) d.request.counts[blockIdx.y] = 1;
}

// Drops the candidates near the latest pose (NULL: there is none yet) and gives this thread's best
// of the rest.
__device__ unsigned long long best_left(candidate *list, unsigned count, unsigned cells,
                                        const point *latest, float limit)
{
    unsigned long long best = 0;
    for (unsigned i = threadIdx.x; i < count; i += POSE_THREADS) {
        candidate c = list[i];
        if (!c.key) continue;
        if (latest && near(latest[decode_key_index(c.key) / cells], c.x, c.y, limit))
            list[i].key = 0;
        else if (c.key > best)
            best = c.key;
    }
    return best;
}

__device__ unsigned long long block_largest(unsigned long long value)
{
    __shared__ unsigned long long largest[POSE_THREADS / WARP];
    for (int apart = WARP / 2; apart > 0; apart /= 2) {
        unsigned long long other = __shfl_xor_sync(ALL_LANES, value, apart);
        if (other > value) value = other;
    }
    if (threadIdx.x % WARP == 0) largest[threadIdx.x / WARP] = value;
    __syncthreads();
    for (int i = 0; i < POSE_THREADS / WARP; i++) {
        if (largest[i] > value) value = largest[i];
    }
    return value;
}

__global__ void __launch_bounds__(POSE_THREADS) make_poses(const __grid_constant__ decoder d)
{
    __shared__ point points[DECODE_MAX_POSES][PARTS]; // of the poses so far, in input pixels
    const decode_options options = *d.request.options;
    if (options.single) {
        if (threadIdx.x < WARP) make_single(d);
        return;
    }
    unsigned cells = static_cast<unsigned>(d.height) * d.width, count = d.founds[blockIdx.y].count;
    candidate *list = d.candidates + static_cast<int64_t>(blockIdx.y) * cells * PARTS;
    pose *poses = d.request.poses + static_cast<int64_t>(blockIdx.y) * d.request.capacity;
    float limit = exact_product(options.nms_radius, options.nms_radius);
    int made = 0;
    while (made < options.max_poses) {
        const point *latest = made ? points[made - 1] : nullptr;
        unsigned long long key = block_largest(best_left(list, count, cells, latest, limit));
        if (!key) break;
        if (threadIdx.x < WARP) {
            int part = threadIdx.x, root = static_cast<int>(decode_key_index(key) / cells);
            int place = static_cast<int>(decode_key_index(key) % cells);
            cell at = {place / d.width, place % d.width};
            keypoint mine = {0, 0, 0};
            if (part == root) {
                cell_point(d, at, root, &mine);
                mine.score = score_at(d, at, root);
            }
            mine = grow_pose(d, root, mine);
            bool counts = part < PARTS;
            for (int i = 0; i < made && counts; i++)
                counts = !near(points[i][part], mine.x, mine.y, limit);
            if (part < PARTS) points[made][part] = {mine.x, mine.y};
            write_pose(d, &poses[made], mine, counts);
        }
        made++;
        __syncthreads();
    }
    if (threadIdx.x == 0) d.request.counts[blockIdx.y] = made;
}

} // namespace

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
    make_poses<<<dim3(1, static_cast<unsigned>(images)), POSE_THREADS, 0, stream>>>(d);
    return cuda_check(cudaGetLastError(), "launching the decoder");
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
