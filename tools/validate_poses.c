/* End to end: the handle as users have it against ref, in heads and in keypoint pixels. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/median.h"
#include "kernels/preprocess/letterbox.h"
#include "tools/options.h"
#include "tools/validate.h"

/* What may differ. Errors of single steps add up on the way, and half precision moves a keypoint
 * by about what it rounds an offset of some hundred pixels to; a cell that tips over moves it by
 * more, so the worst keypoint in fifty (one at least) is left out, as is usual for this check. */
typedef struct limits {
    double score, head;       /* heatmap as scores; the other heads, in input pixels */
    double median, p98, pose; /* keypoints, in input pixels; scores of poses and keypoints */
} limits;

static const limits limits_fp32 = {1e-4, 1e-2, 0.002, 0.02, 0.002};
static const limits limits_half = {5e-2, INFINITY, 0.25, 2.0, 0.02};

/* ---- heads ---------------------------------------------------------------------------------- */

static double head_difference(const comparison *c, int head, const float *got, const float *want,
                              size_t count)
{
    int logits = head == DECODE_HEATMAP && c->ref.plan->logits;
    double worst = 0.0;
    for (size_t i = 0; i < count; i++) {
        float a = logits ? decode_sigmoid(got[i]) : got[i];
        float b = logits ? decode_sigmoid(want[i]) : want[i];
        double difference = fabs((double)a - b);
        if (!(difference <= worst)) worst = isnan(difference) ? INFINITY : difference;
    }
    return worst;
}

static status compare_head(const comparison *c, int head, double *difference)
{
    int dims[4];
    TRY((status)posenet_get_head(c->engine, (posenet_head)head, dims, NULL, 0));
    size_t count = (size_t)dims[0] * dims[1] * dims[2] * dims[3];
    float *got = heap_array(count, sizeof *got), *want = heap_array(count, sizeof *want);
    status result = got && want ? STATUS_OK : STATUS_MEMORY;
    if (result == STATUS_OK)
        result = (status)posenet_get_head(c->engine, (posenet_head)head, dims, got, count);
    if (result == STATUS_OK) {
        view v = view_dense(want, TYPE_FP32, dims, 0);
        result = slot_read(c->ref.slot, c->ref.plan->heads[head], &v);
    }
    if (result == STATUS_OK) *difference = head_difference(c, head, got, want, count);
    free(got);
    free(want);
    return result;
}

static status check_heads(const comparison *c, const limits *most, int *bad)
{
    for (int h = 0; h < DECODE_HEADS; h++) {
        double difference = 0.0, limit = h == DECODE_HEATMAP ? most->score : most->head;
        TRY(compare_head(c, h, &difference));
        int is_bad = !(difference <= limit);
        *bad += is_bad;
        printf("  %-4s head %-8s largest difference %8.2e %s, limit %8.2e\n", is_bad ? "OUT" : "ok",
               head_keys[h], difference, h == DECODE_HEATMAP ? "(score)" : "px     ", limit);
    }
    return STATUS_OK;
}

/* ---- poses ---------------------------------------------------------------------------------- */

static const float SCORE_SEEN = 0.5F;   /* keypoints below are guesses on both sides */
static const float POSE_SEEN = 0.3F;    /* likewise poses */
static const float POSE_NEARLY = 0.02F; /* a pose this near to POSE_SEEN may fall on either side */

typedef struct gaps {
    double values[POSENET_MAX_POSES * POSENET_PARTS];
    int count;
    double score; /* the largest difference of a score */
    int missing;
} gaps;

/* Distances of the keypoints that ref is sure of, in pixels of the network's input. */
static int distances(const pose *want, const posenet_pose *got, double scale, double *to)
{
    int count = 0;
    for (int k = 0; k < PARTS; k++) {
        const keypoint *w = &want->keypoints[k];
        if (w->score <= SCORE_SEEN) continue;
        to[count++] =
            hypot((double)got->keypoints[k].x - w->x, (double)got->keypoints[k].y - w->y) / scale;
    }
    return count;
}

/* Each of ref's poses with the nearest of the others, by the median of its keypoints. */
static void pair_poses(const slot *ref, const posenet_pose *got, int got_count, double scale,
                       gaps *g)
{
    for (int i = 0; i < ref->counts[0]; i++) {
        const pose *want = &ref->poses[i];
        double best = INFINITY, apart[PARTS];
        int nearest = -1;
        if (want->score < POSE_SEEN) continue;
        for (int k = 0; k < got_count; k++) {
            int count = distances(want, &got[k], scale, apart);
            double middle = count ? median(apart, count) : 0.0;
            if (middle < best) best = middle, nearest = k;
        }
        if (nearest < 0 || best > 2.0) {
            g->missing += want->score > POSE_SEEN + POSE_NEARLY;
            continue;
        }
        g->count += distances(want, &got[nearest], scale, &g->values[g->count]);
        g->score = fmax(g->score, fabs((double)got[nearest].score - want->score));
    }
}

static void check_poses(const comparison *c, const posenet_pose *got, int got_count,
                        const limits *most, int *bad)
{
    gaps g = {0};
    letterbox box = letterbox_fit(c->picture->width, c->picture->height, c->ref.plan->width,
                                  c->ref.plan->height, 0);
    double scale = fmax((double)letterbox_padded_width(&box) / box.input_width,
                        (double)letterbox_padded_height(&box) / box.input_height);
    pair_poses(c->ref.slot, got, got_count, scale, &g);
    double middle = g.count ? median(g.values, g.count) : 0.0; /* sorts them */
    int spare = g.count / 50 > 1 ? g.count / 50 : 1;
    double p98 = g.count > spare ? g.values[g.count - 1 - spare] : 0.0;
    int is_bad =
        g.missing || !(middle <= most->median) || !(p98 <= most->p98) || !(g.score <= most->pose);
    *bad += is_bad;
    printf("  %-4s poses %d for %d, %d missing; %d keypoints of score > 0.5: median %.4f px, p98 "
           "%.4f px, score %.1e\n       limits: median %g px, p98 %g px, score %g\n",
           is_bad ? "OUT" : "ok", got_count, c->ref.slot->counts[0], g.missing, g.count, middle,
           p98, g.score, most->median, most->p98, most->pose);
}

status validate_poses(const comparison *c, int *bad)
{
    posenet_pose poses[POSENET_MAX_POSES];
    const limits *most = c->tested.plan->precision == PRECISION_FP32 ? &limits_fp32 : &limits_half;
    posenet_image pixels = {.size = sizeof pixels,
                            .data = c->picture->pixels,
                            .width = c->picture->width,
                            .height = c->picture->height,
                            .format = POSENET_FORMAT_RGB};
    int counts[SETTINGS_MAX_BATCH] = {0};
    *bad = 0;
    TRY((status)posenet_estimate(c->engine, &pixels, 1, NULL, poses, counts));
    TRY(check_heads(c, most, bad));
    check_poses(c, poses, counts[0], most, bad);
    return STATUS_OK;
}
