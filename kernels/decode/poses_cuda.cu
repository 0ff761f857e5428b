// The decoder's second kernel: a block an image grows poses from the candidates, as decode.c does
// one by one.
//
// A pose does not depend on earlier ones, only whether it is taken does. So a round takes the best
// candidates left, a warp each, grows all their poses at once, and then goes through them in order:
// one whose root lies near an earlier pose is what the host would skip. Candidates near a pose that
// was taken are dropped before the next round.
#include "kernels/decode/decode_device.cuh"

namespace decode
{
namespace
{

const int WARP = 32, WARPS = 16, THREADS = WARP * WARPS;
const unsigned ALL_LANES = 0xffffffffu;

struct point {
    float x, y;
};

// What a block remembers, all in pixels of the network's input.
struct poses_shared {
    point taken[DECODE_MAX_POSES][PARTS]; // poses so far
    point grown[WARPS][PARTS];            // of this round
    unsigned long long keys[THREADS];     // of the candidates that threads hold; 0: none
    unsigned long long chosen[WARPS];     // the round's candidates, best first; 0: none
};

__device__ bool is_near(const point &a, float x, float y, float limit)
{
    return decode_squared_distance(a.x, a.y, x, y) <= limit;
}

__device__ int lane()
{
    return threadIdx.x % WARP;
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

// The keypoint of this lane's part (lanes from PARTS on: nothing) of the pose that grows from a
// candidate. In a tree one path leads from the root to each part, so all parts with a known
// neighbour are walked to at once: the same steps as edge by edge, in as many rounds as the tree is
// long.
__device__ keypoint grow(const decoder &d, unsigned long long key)
{
    unsigned cells = cells_of(d), index = decode_key_index(key);
    int part = lane(), root = static_cast<int>(index / cells);
    keypoint mine = {0, 0, 0};
    if (part == root) {
        cell at = cell_number(d, index % cells);
        cell_point(d, at, root, &mine);
        mine.score = score_at(d, at, root);
    }
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

__device__ void make_single(const decoder &d, pose *out)
{
    int part = lane();
    keypoint mine = {0, 0, 0};
    if (part < PARTS) {
        unsigned long long key = d.founds[blockIdx.y].best[part];
        cell at = cell_number(d, key ? decode_key_index(key) - part * cells_of(d) : 0);
        cell_point(d, at, part, &mine);
        mine.score = score_at(d, at, part);
    }
    write_pose(d, out, mine, true);
    if (part == 0) d.request.counts[blockIdx.y] = 1;
}

// ---- several people -----------------------------------------------------------------------------

// Drops this thread's candidates near one of `count` poses and gives the best of the rest.
__device__ candidate best_left(candidate *list, unsigned candidates, unsigned cells,
                               const point (*poses)[PARTS], int count, float limit)
{
    candidate best = {0, 0, 0};
    for (unsigned i = threadIdx.x; i < candidates; i += THREADS) {
        candidate c = list[i];
        if (!c.key) continue;
        unsigned part = decode_key_index(c.key) / cells;
        bool dropped = false;
        for (int p = 0; p < count && !dropped; p++)
            dropped = is_near(poses[p][part], c.x, c.y, limit);
        if (dropped)
            list[i].key = 0;
        else if (c.key > best.key)
            best = c;
    }
    return best;
}

// The best candidates, in order, into s.chosen: of as many as there are threads all the best, else
// only the very best, since a thread's second best may be better than another's best.
__device__ void choose(poses_shared &s, unsigned long long mine, bool all)
{
    if (threadIdx.x < WARPS) s.chosen[threadIdx.x] = 0;
    s.keys[threadIdx.x] = mine;
    __syncthreads();
    if (mine) {
        int better = 0;
        for (int i = 0; i < THREADS; i++) better += s.keys[i] > mine;
        if (better < (all ? WARPS : 1)) s.chosen[better] = mine;
    }
    __syncthreads();
}

// Which of the round's poses are taken, a bit each: those whose root is not near a better one's.
__device__ unsigned take(const poses_shared &s, unsigned cells, float limit, int room)
{
    unsigned taken = 0;
    for (int i = 0; i < WARPS && s.chosen[i] && __popc(taken) < room; i++) {
        int root = static_cast<int>(decode_key_index(s.chosen[i]) / cells), other = lane();
        const point &mine = s.grown[i][root];
        bool skip = other < i && taken >> other & 1 &&
                    is_near(s.grown[other < WARPS ? other : 0][root], mine.x, mine.y, limit);
        if (!__any_sync(ALL_LANES, skip)) taken |= 1u << i;
    }
    return taken;
}

// One round: poses from s.chosen become s.taken[made ..]; how many there are then.
__device__ int make_round(const decoder &d, poses_shared &s, int made, int room, float limit,
                          pose *poses)
{
    int warp = threadIdx.x / WARP, part = lane();
    keypoint mine = {0, 0, 0};
    if (s.chosen[warp]) {
        mine = grow(d, s.chosen[warp]);
        if (part < PARTS) s.grown[warp][part] = {mine.x, mine.y};
    }
    __syncthreads();
    unsigned taken = take(s, cells_of(d), limit, room);
    int number = made + __popc(taken & ((1u << warp) - 1));
    bool is_taken = taken >> warp & 1;
    if (is_taken && part < PARTS) s.taken[number][part] = {mine.x, mine.y};
    __syncthreads();
    if (is_taken) {
        bool counts = part < PARTS;
        for (int i = 0; i < number && counts; i++)
            counts = !is_near(s.taken[i][part], mine.x, mine.y, limit);
        write_pose(d, &poses[number], mine, counts);
    }
    return made + __popc(taken);
}

__global__ void __launch_bounds__(THREADS) make_poses(const __grid_constant__ decoder d)
{
    extern __shared__ __align__(16) unsigned char memory[];
    poses_shared &s = *reinterpret_cast<poses_shared *>(memory);
    const decode_options options = *d.request.options;
    pose *poses = d.request.poses + static_cast<int64_t>(blockIdx.y) * d.request.capacity;
    if (options.single) {
        if (threadIdx.x < WARP) make_single(d, poses);
        return;
    }
    unsigned cells = cells_of(d), candidates = d.founds[blockIdx.y].count;
    candidate *list = d.candidates + static_cast<int64_t>(blockIdx.y) * cells * PARTS;
    float limit = exact_product(options.nms_radius, options.nms_radius);
    int made = 0, before = 0;
    while (made < options.max_poses) {
        candidate best = best_left(list, candidates, cells, &s.taken[before], made - before, limit);
        choose(s, best.key, candidates <= THREADS);
        if (!s.chosen[0]) break;
        before = made;
        made = make_round(d, s, made, options.max_poses - made, limit, poses);
        __syncthreads();
    }
    if (threadIdx.x == 0) d.request.counts[blockIdx.y] = made;
}

} // namespace

status launch_poses(const decoder &d)
{
    dim3 blocks(1, static_cast<unsigned>(d.request.heads.head[DECODE_HEATMAP].dims[AXIS_N]));
    make_poses<<<blocks, THREADS, sizeof(poses_shared),
                 static_cast<cudaStream_t>(d.request.stream)>>>(d);
    return cuda_check(cudaGetLastError(), "launching the decoder's second kernel");
}

} // namespace decode
