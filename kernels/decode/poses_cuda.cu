// The decoder's second kernel: a block an image takes poses from those that have grown, best root
// first, as decode.c does; a candidate near the same part of a pose that was taken is dropped.
#include "kernels/decode/decode_device.cuh"

namespace decode
{
namespace
{

const int THREADS = 512, WARPS = THREADS / WARP;
const unsigned LISTED = THREADS; // candidates that are looked at together
const int DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS;

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
    unsigned count;
    best bests[WARPS]; // of each warp
    unsigned histogram[DIGITS], sums[WARPS], digit, above;
};
static_assert(sizeof(poses_shared) <= 48 * 1024, "more would have to be asked for");

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

// The sum of all lower threads' values. Another barrier must come before the next.
__device__ unsigned sum_below(poses_shared &s, unsigned value)
{
    unsigned sum = value;
    int warp = threadIdx.x / WARP;
    for (int i = 1; i < WARP; i *= 2) {
        unsigned other = __shfl_up_sync(ALL_LANES, sum, i);
        if (lane() >= i) sum += other;
    }
    if (lane() == WARP - 1) s.sums[warp] = sum;
    __syncthreads();
    for (int i = 0; i < warp; i++) sum += s.sums[i];
    return sum - value;
}

// Calls visit(candidate, its place) for each of the image's candidates, a segment a thread.
template <typename F> __device__ void for_each_candidate(const decoder &d, F visit)
{
    int64_t first = first_place(d);
    const unsigned *counts = d.counts + static_cast<int64_t>(blockIdx.y) * d.segments;
    for (int i = threadIdx.x; i < d.segments; i += THREADS) {
        int from = i * SEGMENT, to = from + static_cast<int>(counts[i]);
#pragma unroll 4
        for (int place = from; place < to; place++) visit(d.candidates[first + place], place);
    }
}

// Lists the candidates whose keys lie in lowest..below-1, in any order; how many there are, which
// may be more than were listed.
__device__ unsigned list_candidates(const decoder &d, poses_shared &s, unsigned long long lowest,
                                    unsigned long long below)
{
    __syncthreads();
    if (threadIdx.x == 0) s.count = 0;
    __syncthreads();
    for_each_candidate(d, [&](const candidate &c, int place) {
        if (c.key < lowest || c.key >= below) return;
        unsigned at = atomicAdd(&s.count, 1u);
        if (at >= LISTED) return;
        s.list[at] = c;
        s.list_places[at] = place;
    });
    __syncthreads();
    return s.count;
}

// A key such that from LISTED / 2 to LISTED candidates' keys lie from it up to below `below`, of
// which there are more: digit by digit from the top, by how often each digit occurs.
__device__ unsigned long long find_lowest(const decoder &d, poses_shared &s,
                                          unsigned long long below)
{
    unsigned long long prefix = 0, digit_mask = DIGITS - 1;
    unsigned room = LISTED;
    int thread = threadIdx.x;
    for (int shift = 64 - DIGIT_BITS;; shift -= DIGIT_BITS) {
        if (thread < DIGITS) s.histogram[thread] = 0;
        __syncthreads();
        unsigned long long known = ~0ull << shift << DIGIT_BITS; // none at first
        for_each_candidate(d, [&](const candidate &c, int) {
            if (c.key < below && (c.key & known) == prefix)
                atomicAdd(&s.histogram[c.key >> shift & digit_mask], 1u);
        });
        __syncthreads();
        unsigned digit = DIGITS - 1 - thread, mine = thread < DIGITS ? s.histogram[digit] : 0;
        unsigned above = sum_below(s, mine);
        if (above <= room && above + mine > room) { // of one thread
            s.digit = digit;
            s.above = above;
        }
        __syncthreads();
        room -= s.above;
        prefix |= static_cast<unsigned long long>(s.digit) << shift;
        // At the lowest digit no two keys are the same any more, so that it ends there.
        if (room <= LISTED / 2) return prefix + (1ull << shift);
    }
}

// The best of the whole block's, known to all threads; `warps`: those that have any. Another
// barrier must come before the next.
__device__ best best_of_block(poses_shared &s, best mine, int warps)
{
    for (int i = WARP / 2; i > 0; i /= 2) {
        unsigned long long key = __shfl_xor_sync(ALL_LANES, mine.key, i);
        int place = __shfl_xor_sync(ALL_LANES, mine.place, i);
        if (key > mine.key) mine = {key, place};
    }
    if (lane() == 0) s.bests[threadIdx.x / WARP] = mine;
    __syncthreads();
    mine = s.bests[0];
    for (int i = 1; i < warps; i++)
        if (s.bests[i].key > mine.key) mine = s.bests[i];
    return mine;
}

// Takes poses from the first `listed` candidates of the list, a thread each; how many are made.
__device__ int take_listed(const decoder &d, poses_shared &s, unsigned listed, int most,
                           float limit, int made)
{
    int thread = threadIdx.x, warps = (listed + WARP - 1) / WARP;
    bool have = thread < static_cast<int>(listed);
    candidate mine = have ? s.list[thread] : candidate{0, 0, 0};
    int place = have ? s.list_places[thread] : 0, part = 0, seen = 0;
    if (have) part = static_cast<int>(decode_key_index(mine.key) / cells_of(d));
    for (; made < most; made++) {
        for (; seen < made; seen++)
            if (is_near(s.taken[seen][part], mine.x, mine.y, limit)) mine.key = 0;
        best next = best_of_block(s, {mine.key, place}, warps);
        if (!next.key) break;
        if (thread < PARTS) {
            const keypoint &grown = d.grown[first_place(d) + next.place][thread];
            s.taken[made][thread] = {grown.x, grown.y};
            if (thread == 0) s.places[made] = next.place;
        }
        __syncthreads();
    }
    return made;
}

// Takes poses in order into s.taken and s.places; how many. Candidates come in batches of one a
// thread, the best first, until the poses are made or all have been tried.
__device__ int take(const decoder &d, poses_shared &s, const decode_options &options, float limit)
{
    int made = 0;
    unsigned long long below = ~0ull, lowest;
    do {
        lowest = 0;
        unsigned listed = list_candidates(d, s, lowest, below);
        if (listed > LISTED) {
            lowest = find_lowest(d, s, below);
            listed = list_candidates(d, s, lowest, below);
        }
        made = take_listed(d, s, listed, options.max_poses, limit, made);
        below = lowest;
    } while (below > 0 && made < options.max_poses);
    __syncthreads();
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
