// The decoder's first kernel: a block looks at SEGMENT elements of a heatmap, and its warps grow
// the candidates among them into poses.
#include <math_constants.h>

#include "kernels/decode/decode_device.cuh"

namespace decode
{
namespace
{

const int THREADS = 256, WARPS = THREADS / WARP;

// The largest of the up to eight elements around a cell; -inf where there is none that is a number.
__device__ float largest_around(const decoder &d, cell at, int part)
{
    float largest = -CUDART_INF_F;
#pragma unroll
    for (int i = 0; i < 9; i++) {
        int y = at.y + i / 3 - 1, x = at.x + i % 3 - 1;
        bool inside = i != 4 && y >= 0 && x >= 0 && y < d.height && x < d.width;
        // All loads are on their way before the first is waited for.
        float other = load(d, DECODE_HEATMAP, inside ? cell{y, x} : at, part);
        if (inside) largest = fmaxf(largest, other);
    }
    return largest;
}

// What a thread of the first SEGMENT finds at its element: the sigmoid never falls where the logit
// rises, so of the cells around only the largest can have a larger score.
__device__ bool is_candidate(const decoder &d, const decode_options &options, cell at, int part,
                             float raw, float score)
{
    float around = largest_around(d, at, part);
    return raw == raw && score >= options.score_threshold &&
           !(around > raw && score_of(d, around) > score);
}

// From a known part along one edge to `part`, the edge's other end; the score is left alone.
__device__ void walk(const decoder &d, int head, int edge, int part, keypoint *p)
{
    add_vector(d, head, nearest_cell(d, *p), edge, EDGES, p);
    for (int i = 0; i < DECODE_REFINEMENTS; i++) cell_point(d, nearest_cell(d, *p), part, p);
}

// The keypoint of this lane's part (lanes from PARTS on: nothing) of the pose that grows from a
// candidate. In a tree one path leads from the root to each part, so all parts whose neighbour
// towards the root is known are walked to at once: the same steps as edge by edge, in as many
// rounds as the longest path has edges.
__device__ keypoint grow(const decoder &d, const route (&routes)[PARTS][PARTS],
                         unsigned long long key)
{
    unsigned cells = cells_of(d), index = decode_key_index(key);
    int part = lane(), root = static_cast<int>(index / cells);
    cell at = cell_number(d, index % cells);
    keypoint mine = {0, 0, 0};
    route way = {0, 0, 0};
    if (part < PARTS) way = routes[root][part];
    if (part == root) cell_point(d, at, root, &mine);
    unsigned known = 1u << root;
    while (known != (1u << PARTS) - 1) {
        keypoint from = {__shfl_sync(ALL_LANES, mine.x, way.source),
                         __shfl_sync(ALL_LANES, mine.y, way.source), 0};
        bool ready = part < PARTS && !(known >> part & 1) && known >> way.source & 1;
        if (ready) {
            mine = from;
            walk(d, way.head, way.edge, part, &mine);
        }
        known |= __ballot_sync(ALL_LANES, ready);
    }
    if (part < PARTS) mine.score = score_at(d, part == root ? at : nearest_cell(d, mine), part);
    return mine;
}

// The best of each part among the block's elements.
__device__ void find_best(const decoder &d, candidate *to, int part, unsigned long long key)
{
    __shared__ unsigned long long best[PARTS];
    if (threadIdx.x < PARTS) best[threadIdx.x] = 0;
    __syncthreads();
    if (key) atomicMax(&best[part], key);
    __syncthreads();
    if (threadIdx.x < PARTS) to[threadIdx.x] = {best[threadIdx.x], 0, 0};
}

// Neighbouring threads take neighbouring channels of a cell, as they lie in memory.
__global__ void __launch_bounds__(THREADS) grow_candidates(const __grid_constant__ decoder d)
{
    __shared__ unsigned long long keys[SEGMENT];
    __shared__ unsigned count;
    __shared__ route routes[PARTS][PARTS];
    unsigned cells = cells_of(d), i = blockIdx.x * SEGMENT + threadIdx.x, place = i / PARTS;
    int part = i % PARTS;
    bool mine = threadIdx.x < SEGMENT && place < cells;
    cell at = cell_number(d, place);
    int64_t first = first_place(d) + static_cast<int64_t>(blockIdx.x) * SEGMENT;
    if (threadIdx.x == 0) count = 0;
    for (int k = threadIdx.x; k < PARTS * PARTS; k += THREADS)
        routes[k / PARTS][k % PARTS] = d.routes[k / PARTS][k % PARTS];
    wait_for_previous();

    const decode_options options = *d.request.options;
    float raw = mine ? load(d, DECODE_HEATMAP, at, part) : CUDART_NAN_F;
    float score = raw == raw ? score_of(d, raw) : CUDART_NAN_F;
    unsigned long long key = raw == raw ? decode_key(score, part * cells + place) : 0;
    if (options.single) {
        find_best(d, d.candidates + first, part, key);
        return;
    }
    __syncthreads();
    if (mine && is_candidate(d, options, at, part, raw, score)) keys[atomicAdd(&count, 1u)] = key;
    __syncthreads();
    for (unsigned k = threadIdx.x / WARP; k < count; k += WARPS) {
        keypoint grown = grow(d, routes, keys[k]);
        if (lane() < PARTS) d.grown[first + k][lane()] = grown;
        if (lane() == static_cast<int>(decode_key_index(keys[k]) / cells))
            d.candidates[first + k] = {keys[k], grown.x, grown.y};
    }
    if (threadIdx.x == 0)
        d.counts[static_cast<int64_t>(blockIdx.y) * d.segments + blockIdx.x] = count;
}

} // namespace

status launch_candidates(const decoder &d, const run *r)
{
    dim3 blocks(d.segments, d.request.heads.head[DECODE_HEATMAP].dims[AXIS_N]);
    return cuda_check(launch_kernel(r, grow_candidates, blocks, THREADS, 0, d),
                      "launching the decoder's first kernel");
}

} // namespace decode
