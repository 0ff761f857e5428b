// The decoder's second kernel: a block an image takes poses from those that have grown, best root
// first, as decode.c does; a candidate near the same part of a pose that was taken is dropped.
#include "kernels/decode/decode_device.cuh"

namespace decode
{
namespace
{

const int THREADS = 256, WARPS = THREADS / WARP;
const int LISTED = 512; // candidates that fit into the block's own list

struct point {
    float x, y;
};

struct best {
    unsigned long long key;
    int place;
};

// What a block remembers, in pixels of the network's input.
struct poses_shared {
    point taken[DECODE_MAX_POSES][PARTS];
    int places[DECODE_MAX_POSES]; // where the poses have grown
    candidate list[LISTED];
    int list_places[LISTED];
    best bests[WARPS]; // of each warp
    unsigned sums[WARPS];
};
static_assert(sizeof(poses_shared) <= 48 * 1024, "more would have to be asked for");

// The candidates that are left: in shared memory, or too many for it and where they have grown.
struct candidates_left {
    candidate *list;
    const int *places; // null: a candidate's place is its index
    int count;
};

__device__ bool is_near(const point &a, float x, float y, float limit)
{
    return decode_squared_distance(a.x, a.y, x, y) <= limit;
}

// ---- output -------------------------------------------------------------------------------------

// Writes one pose from the keypoints of the warp's first PARTS lanes; `counts` says whether this
// lane's score counts for the pose's.
__device__ void write_pose(const decoder &d, pose *out, keypoint mine, bool counts)
{
    float sum = 0;
    for (int p = 0; p < PARTS; p++) {
        float score = __shfl_sync(ALL_LANES, mine.score, p);
        if (__shfl_sync(ALL_LANES, counts, p)) sum += score;
    }
    if (lane() >= PARTS) return;
    if (d.request.pictures) {
        const picture *from = &d.request.pictures[blockIdx.y];
        letterbox box = letterbox_fit(from->width, from->height, d.request.input_width,
                                      d.request.input_height, from->flip);
        letterbox_back(&box, &mine.x, &mine.y);
    }
    out->keypoints[lane()] = mine;
    if (lane() == 0) out->score = exact_quotient(sum, (float)PARTS);
}

// Once all of the block's poses are written: whoever sees the count, on the host too, sees them.
__device__ void write_count(const decoder &d, int count)
{
    __syncthreads();
    if (threadIdx.x > 0) return;
    __threadfence_system();
    *static_cast<volatile int *>(&d.request.counts[blockIdx.y]) = count;
}

// ---- one person ---------------------------------------------------------------------------------

__device__ void make_single(const decoder &d, pose *out)
{
    __shared__ unsigned long long best_keys[PARTS];
    const int rows = THREADS / PARTS;
    int thread = threadIdx.x, part = thread % PARTS;
    unsigned long long key = 0;
    if (thread < PARTS) best_keys[thread] = 0;
    __syncthreads();
    for (int i = thread / PARTS; i < d.segments && thread < rows * PARTS; i += rows) {
        unsigned long long other = d.candidates[first_place(d) + i * SEGMENT + part].key;
        if (other > key) key = other;
    }
    if (key) atomicMax(&best_keys[part], key);
    __syncthreads();
    if (thread >= WARP) return;
    keypoint mine = {0, 0, 0};
    if (thread < PARTS) {
        key = best_keys[part];
        cell at = cell_number(d, key ? decode_key_index(key) - part * cells_of(d) : 0);
        cell_point(d, at, part, &mine);
        mine.score = score_at(d, at, part);
    }
    write_pose(d, out, mine, true);
}

// ---- several people -----------------------------------------------------------------------------

// The sum of all lower threads' values; *all gets the sum of all.
__device__ unsigned sum_below(poses_shared &s, unsigned value, unsigned *all)
{
    unsigned sum = value;
    int warp = threadIdx.x / WARP;
    for (int i = 1; i < WARP; i *= 2) {
        unsigned other = __shfl_up_sync(ALL_LANES, sum, i);
        if (lane() >= i) sum += other;
    }
    if (lane() == WARP - 1) s.sums[warp] = sum;
    __syncthreads();
    unsigned before = 0;
    *all = 0;
    for (int i = 0; i < WARPS; i++) {
        if (i < warp) before += s.sums[i];
        *all += s.sums[i];
    }
    return before + sum - value;
}

// Brings all candidates together.
__device__ candidates_left collect(const decoder &d, poses_shared &s)
{
    int64_t first = first_place(d);
    const unsigned *counts = d.counts + static_cast<int64_t>(blockIdx.y) * d.segments;
    int each = (d.segments + THREADS - 1) / THREADS, from = threadIdx.x * each;
    int to = min(from + each, d.segments);
    unsigned mine = 0, all;
    for (int i = from; i < to; i++) mine += counts[i];
    unsigned next = sum_below(s, mine, &all);
    if (all > LISTED) return {d.candidates + first, nullptr, d.segments * SEGMENT};
    for (int i = from; i < to; i++) {
        for (unsigned k = 0, count = counts[i]; k < count; k++, next++) {
            s.list_places[next] = i * SEGMENT + k;
            s.list[next] = d.candidates[first + i * SEGMENT + k];
        }
    }
    __syncthreads();
    return {s.list, s.list_places, static_cast<int>(all)};
}

__device__ void keep_better(best &mine, unsigned long long key, int place)
{
    if (key > mine.key) mine = {key, place};
}

// Drops this thread's candidates near `last`, unless it is null, and gives the best of the rest.
__device__ best best_left(const candidates_left &left, const point (*last)[PARTS], unsigned cells,
                          float limit)
{
    best mine = {0, 0};
    for (int i = threadIdx.x; i < left.count; i += THREADS) {
        candidate c = left.list[i];
        if (!c.key) continue;
        if (last && is_near((*last)[decode_key_index(c.key) / cells], c.x, c.y, limit))
            left.list[i].key = 0;
        else
            keep_better(mine, c.key, left.places ? left.places[i] : i);
    }
    return mine;
}

// The best of the whole block's, known to all threads. Another barrier must come before the next.
__device__ best best_of_block(poses_shared &s, best mine)
{
    for (int i = WARP / 2; i > 0; i /= 2) {
        unsigned long long key = __shfl_xor_sync(ALL_LANES, mine.key, i);
        keep_better(mine, key, __shfl_xor_sync(ALL_LANES, mine.place, i));
    }
    if (lane() == 0) s.bests[threadIdx.x / WARP] = mine;
    __syncthreads();
    for (int i = 0; i < WARPS; i++) keep_better(mine, s.bests[i].key, s.bests[i].place);
    return mine;
}

// Takes poses in order into s.taken and s.places; how many.
__device__ int take(const decoder &d, poses_shared &s, const decode_options &options, float limit)
{
    candidates_left left = collect(d, s);
    unsigned cells = cells_of(d);
    int made = 0, part = threadIdx.x;
    for (; made < options.max_poses; made++) {
        best mine = best_left(left, made ? &s.taken[made - 1] : nullptr, cells, limit);
        mine = best_of_block(s, mine);
        if (!mine.key) break;
        if (part < PARTS) {
            const keypoint &grown = d.grown[first_place(d) + mine.place][part];
            s.taken[made][part] = {grown.x, grown.y};
            if (part == 0) s.places[made] = mine.place;
        }
        __syncthreads();
    }
    return made;
}

__device__ void write_taken(const decoder &d, const poses_shared &s, int made, float limit,
                            pose *poses)
{
    int part = lane();
    for (int i = threadIdx.x / WARP; i < made; i += WARPS) {
        keypoint mine = {0, 0, 0};
        bool counts = part < PARTS;
        if (part < PARTS) mine = d.grown[first_place(d) + s.places[i]][part];
        for (int before = 0; before < i && counts; before++)
            counts = !is_near(s.taken[before][part], mine.x, mine.y, limit);
        write_pose(d, &poses[i], mine, counts);
    }
}

__global__ void __launch_bounds__(THREADS) take_poses(const __grid_constant__ decoder d)
{
    __shared__ poses_shared s;
    wait_for_previous();
    let_next_start();
    const decode_options options = *d.request.options;
    pose *poses = d.request.poses + static_cast<int64_t>(blockIdx.y) * d.request.capacity;
    int made = 1;
    if (options.single) {
        make_single(d, poses);
    } else {
        float limit = exact_product(options.nms_radius, options.nms_radius);
        made = take(d, s, options, limit);
        write_taken(d, s, made, limit, poses);
    }
    write_count(d, made);
}

} // namespace

status launch_poses(const decoder &d, const run *r)
{
    dim3 blocks(1, static_cast<unsigned>(d.request.heads.head[DECODE_HEATMAP].dims[AXIS_N]));
    return cuda_check(launch_kernel(r, take_poses, blocks, THREADS, 0, d),
                      "launching the decoder's second kernel");
}

} // namespace decode
