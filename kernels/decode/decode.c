/* The host decoder, single and several people (tfjs PoseNet 2.2.2's rule).
 *
 * Scores are worked out where they are looked at, not for the whole map: the sigmoid never falls
 * where the logit rises, so a logit that is not larger cannot be a larger score. */
#include "kernels/decode/decode.h"

#include "kernels/decode/skeleton.h"
#include "kernels/element.h"

const int decode_channels[DECODE_HEADS] = {PARTS, 2 * PARTS, 2 * EDGES, 2 * EDGES};

typedef struct decoder {
    const decode_heads *heads;
    const decode_options *options;
    int image, height, width;
    uint64_t *candidates; /* a heap, the largest key first */
    size_t count;
} decoder;

typedef struct cell {
    int y, x;
} cell;

static float load(const decoder *d, int head, cell at, int channel)
{
    const head_view *view = &d->heads->head[head];
    int64_t index = d->image * view->strides[AXIS_N] + at.y * view->strides[AXIS_H] +
                    at.x * view->strides[AXIS_W] + channel * view->strides[AXIS_C];
    return decode_bounded(element_load(view->data, view->type, index));
}

static float score_of(const decoder *d, float raw)
{
    return d->heads->logits ? decode_sigmoid(raw) : raw;
}

static float score_at(const decoder *d, cell at, int part)
{
    return decode_number(score_of(d, load(d, DECODE_HEATMAP, at, part)));
}

/* Adds the vector of channel `y_channel` (its x lies `count` channels on) of a head to a point. */
static void add_vector(const decoder *d, int head, cell at, int y_channel, int count, keypoint *to)
{
    to->y += decode_number(load(d, head, at, y_channel));
    to->x += decode_number(load(d, head, at, y_channel + count));
}

static cell nearest_cell(const decoder *d, const keypoint *p)
{
    float stride = (float)d->heads->stride;
    return (cell){decode_nearest_cell(exact_quotient(p->y, stride), d->height),
                  decode_nearest_cell(exact_quotient(p->x, stride), d->width)};
}

/* The place that a cell of a part points at; the score is left alone. */
static void cell_point(const decoder *d, cell at, int part, keypoint *out)
{
    out->y = (float)at.y * (float)d->heads->stride;
    out->x = (float)at.x * (float)d->heads->stride;
    add_vector(d, DECODE_OFFSET, at, part, PARTS, out);
}

/* ---- candidates ------------------------------------------------------------------------------ */

static int is_local_maximum(const decoder *d, cell at, int part, float raw, float score)
{
    for (int y = at.y - 1; y <= at.y + 1; y++)
        for (int x = at.x - 1; x <= at.x + 1; x++) {
            if (y < 0 || x < 0 || y >= d->height || x >= d->width) continue;
            float other = load(d, DECODE_HEATMAP, (cell){y, x}, part);
            if (other > raw && score_of(d, other) > score) return 0;
        }
    return 1;
}

static void sift_down(uint64_t *heap, size_t count, size_t at)
{
    uint64_t key = heap[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && heap[child + 1] > heap[child]) child++;
        if (heap[child] < key) break;
        heap[at] = heap[child];
    }
    heap[at] = key;
}

/* A heatmap value below which no score reaches the threshold, with room for rounding: most cells
 * need no exponential. */
static float lowest_raw(const decoder *d)
{
    if (!d->heads->logits) return d->options->score_threshold;
    double score = (double)d->options->score_threshold - 1e-6;
    return score > 0 ? (float)(log(score / (1 - score)) - 1e-3) : -INFINITY;
}

static void find_candidates(decoder *d)
{
    float lowest = lowest_raw(d);
    uint32_t index = 0;
    for (int part = 0; part < PARTS; part++)
        for (int y = 0; y < d->height; y++)
            for (int x = 0; x < d->width; x++, index++) {
                float raw = load(d, DECODE_HEATMAP, (cell){y, x}, part);
                if (!(raw >= lowest)) continue; /* NaN too */
                float score = score_of(d, raw);
                if (score < d->options->score_threshold) continue;
                if (is_local_maximum(d, (cell){y, x}, part, raw, score))
                    d->candidates[d->count++] = decode_key(score, index);
            }
    for (size_t i = d->count / 2; i-- > 0;) sift_down(d->candidates, d->count, i);
}

static uint32_t take_best(decoder *d)
{
    uint64_t best = d->candidates[0];
    d->candidates[0] = d->candidates[--d->count];
    if (d->count) sift_down(d->candidates, d->count, 0);
    return decode_key_index(best);
}

/* ---- several people -------------------------------------------------------------------------- */

static int is_near_earlier(const decoder *d, const pose *poses, int count, int part,
                           const keypoint *p)
{
    float limit = exact_product(d->options->nms_radius, d->options->nms_radius);
    for (int i = 0; i < count; i++) {
        const keypoint *other = &poses[i].keypoints[part];
        if (decode_squared_distance(other->x, other->y, p->x, p->y) <= limit) return 1;
    }
    return 0;
}

/* From a known part along one edge to the part at its other end. */
static void walk(const decoder *d, int head, int edge, const keypoint *from, int part,
                 keypoint *out)
{
    out->x = from->x;
    out->y = from->y;
    add_vector(d, head, nearest_cell(d, from), edge, EDGES, out);
    for (int i = 0; i < DECODE_REFINEMENTS; i++) cell_point(d, nearest_cell(d, out), part, out);
    out->score = score_at(d, nearest_cell(d, out), part);
}

static void grow_pose(const decoder *d, int root, pose *p)
{
    unsigned known = 1u << root;
    for (int edge = EDGES - 1; edge >= 0; edge--) {
        int from = skeleton_edges[edge].child, to = skeleton_edges[edge].parent;
        if (!(known >> from & 1) || known >> to & 1) continue;
        walk(d, DECODE_BACKWARD, edge, &p->keypoints[from], to, &p->keypoints[to]);
        known |= 1u << to;
    }
    for (int edge = 0; edge < EDGES; edge++) {
        int from = skeleton_edges[edge].parent, to = skeleton_edges[edge].child;
        if (!(known >> from & 1) || known >> to & 1) continue;
        walk(d, DECODE_FORWARD, edge, &p->keypoints[from], to, &p->keypoints[to]);
        known |= 1u << to;
    }
}

static int decode_several(decoder *d, pose *poses)
{
    int count = 0;
    find_candidates(d);
    while (count < d->options->max_poses && d->count > 0) {
        uint32_t index = take_best(d), cells = (uint32_t)d->height * (uint32_t)d->width;
        int root = (int)(index / cells), place = (int)(index % cells);
        cell at = {place / d->width, place % d->width};
        pose *p = &poses[count];
        cell_point(d, at, root, &p->keypoints[root]);
        if (is_near_earlier(d, poses, count, root, &p->keypoints[root])) continue;
        p->keypoints[root].score = score_at(d, at, root);
        grow_pose(d, root, p);
        float sum = 0;
        for (int part = 0; part < PARTS; part++)
            if (!is_near_earlier(d, poses, count, part, &p->keypoints[part]))
                sum += p->keypoints[part].score;
        p->score = exact_quotient(sum, (float)PARTS);
        count++;
    }
    return count;
}

/* ---- one person ------------------------------------------------------------------------------ */

/* The cell of the highest score, the lowest of equals; cell 0 if none is a number. */
static cell best_cell(const decoder *d, int part)
{
    cell best = {0, 0};
    float best_raw = -INFINITY, best_score = -INFINITY;
    for (int y = 0; y < d->height; y++)
        for (int x = 0; x < d->width; x++) {
            float raw = load(d, DECODE_HEATMAP, (cell){y, x}, part);
            if (!(raw > best_raw)) continue;
            float score = score_of(d, raw);
            best_raw = raw;
            if (score > best_score) {
                best_score = score;
                best = (cell){y, x};
            }
        }
    return best;
}

static int decode_single(const decoder *d, pose *p)
{
    float sum = 0;
    for (int part = 0; part < PARTS; part++) {
        cell at = best_cell(d, part);
        cell_point(d, at, part, &p->keypoints[part]);
        p->keypoints[part].score = score_at(d, at, part);
        sum += p->keypoints[part].score;
    }
    p->score = exact_quotient(sum, (float)PARTS);
    return 1;
}

void decode_image(const decode_heads *heads, int image, const decode_options *options,
                  const letterbox *box, void *workspace, pose *poses, int *count)
{
    const int *dims = heads->head[DECODE_HEATMAP].dims;
    decoder d = {heads, options, image, dims[AXIS_H], dims[AXIS_W], workspace, 0};
    *count = options->single ? decode_single(&d, poses) : decode_several(&d, poses);
    if (!box) return;
    for (int i = 0; i < *count; i++)
        for (int part = 0; part < PARTS; part++)
            letterbox_back(box, &poses[i].keypoints[part].x, &poses[i].keypoints[part].y);
}
