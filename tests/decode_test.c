/* The host decoder where rules are easily got wrong: ties, saturation, NaN, borders, many people.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/decode/decode.h"
#include "kernels/decode/skeleton.h"
#include "kernels/element.h"

enum { STRIDE = 16 };

typedef struct heads {
    decode_heads view;
    float *data[DECODE_HEADS];
    void *workspace;
    pose poses[DECODE_MAX_POSES];
    int count;
} heads;

/* `logits` 0: heatmap values are the scores. Everything is zero. */
static heads *heads_new(int height, int width, int logits)
{
    heads *h = calloc(1, sizeof *h);
    h->view.stride = STRIDE;
    h->view.logits = logits;
    for (int i = 0; i < DECODE_HEADS; i++) {
        int c = decode_channels[i];
        h->data[i] = calloc((size_t)height * (size_t)width * (size_t)c, sizeof(float));
        h->view.head[i] = (head_view){
            h->data[i], TYPE_FP32, {1, height, width, c}, {height * width * c, width * c, c, 1}};
    }
    h->workspace = malloc(decode_workspace_bytes(height, width));
    return h;
}

static void heads_free(heads *h)
{
    for (int i = 0; i < DECODE_HEADS; i++) free(h->data[i]);
    free(h->workspace);
    free(h);
}

static float *at(heads *h, int head, int y, int x, int channel)
{
    const head_view *v = &h->view.head[head];
    return h->data[head] + y * v->strides[AXIS_H] + x * v->strides[AXIS_W] + channel;
}

static int decode(heads *h, decode_options options)
{
    cr_assert_eq(decode_check(&h->view), STATUS_OK);
    cr_assert_eq(decode_check_options(&options, DECODE_MAX_POSES), STATUS_OK);
    decode_image(&h->view, 0, &options, NULL, h->workspace, h->poses, &h->count);
    return h->count;
}

static const decode_options several = {0, 5, 0.5f, 20}, single = {1, 1, 0.5f, 20};

Test(decode, nothing_above_the_threshold_is_no_pose)
{
    heads *h = heads_new(9, 9, 0);
    cr_assert_eq(decode(h, several), 0);
    heads_free(h);
}

Test(decode, a_score_equal_to_the_threshold_counts)
{
    heads *h = heads_new(9, 9, 0);
    *at(h, DECODE_HEATMAP, 4, 5, 0) = 0.5f;
    cr_assert_eq(decode(h, several), 1);
    cr_assert_eq(h->poses[0].keypoints[0].x, 5 * STRIDE);
    cr_assert_eq(h->poses[0].keypoints[0].y, 4 * STRIDE);
    cr_assert_float_eq(h->poses[0].score, 0.5f / PARTS, 1e-7);
    heads_free(h);
}

Test(decode, equal_scores_go_by_part_then_cell)
{
    heads *h = heads_new(9, 9, 0);
    *at(h, DECODE_HEATMAP, 0, 0, 7) = 0.75f;
    *at(h, DECODE_HEATMAP, 8, 8, 3) = 0.75f;
    *at(h, DECODE_HEATMAP, 8, 0, 3) = 0.75f;
    *at(h, DECODE_HEATMAP, 4, 4, 9) = 0.875f;
    cr_assert_eq(decode(h, several), 4);
    cr_assert_eq(h->poses[0].keypoints[9].score, 0.875f);
    cr_assert_eq(h->poses[1].keypoints[3].x, 0);
    cr_assert_eq(h->poses[1].keypoints[3].score, 0.75f);
    cr_assert_eq(h->poses[2].keypoints[3].x, 8 * STRIDE);
    cr_assert_eq(h->poses[3].keypoints[7].score, 0.75f);
    heads_free(h);
}

/* Logits of 20 and 30 are both 1 in fp32: neither is strictly larger, so both are maxima, and the
 * second falls to the radius. */
Test(decode, saturated_logits_tie)
{
    heads *h = heads_new(9, 9, 1);
    for (int i = 0; i < 9 * 9 * PARTS; i++) h->data[DECODE_HEATMAP][i] = -30;
    *at(h, DECODE_HEATMAP, 4, 4, 0) = 20;
    *at(h, DECODE_HEATMAP, 4, 5, 0) = 30;
    decode(h, several);
    cr_assert_eq(h->count, 1);
    cr_assert_eq(h->poses[0].keypoints[0].x, 4 * STRIDE);
    cr_assert_eq(h->poses[0].keypoints[0].score, 1.0f);
    decode(h, (decode_options){0, 5, 0.5f, 10});
    cr_assert_eq(h->count, 2);
    decode(h, single);
    cr_assert_eq(h->poses[0].keypoints[0].x, 4 * STRIDE);
    heads_free(h);
}

Test(decode, the_largest_of_a_neighbourhood_wins)
{
    heads *h = heads_new(9, 9, 1);
    for (int i = 0; i < 9 * 9 * PARTS; i++) h->data[DECODE_HEATMAP][i] = -30;
    *at(h, DECODE_HEATMAP, 0, 0, 0) = 1.0f;
    *at(h, DECODE_HEATMAP, 0, 1, 0) = 1.5f;
    *at(h, DECODE_HEATMAP, 8, 8, 0) = 1.25f;
    decode(h, (decode_options){0, 5, 0.5f, 1});
    cr_assert_eq(h->count, 2);
    cr_assert_eq(h->poses[0].keypoints[0].x, STRIDE);
    cr_assert_eq(h->poses[1].keypoints[0].x, 8 * STRIDE);
    cr_assert_eq(h->poses[0].keypoints[0].score, decode_sigmoid(1.5f));
    heads_free(h);
}

Test(decode, within_the_radius_is_the_same_person)
{
    heads *h = heads_new(9, 9, 0);
    *at(h, DECODE_HEATMAP, 0, 0, 2) = 0.9f;
    *at(h, DECODE_HEATMAP, 0, 2, 2) = 0.8f;
    cr_assert_eq(decode(h, (decode_options){0, 5, 0.5f, 32}), 1, "a distance of the radius is in");
    cr_assert_eq(decode(h, (decode_options){0, 5, 0.5f, 31.99f}), 2);
    cr_assert_eq(decode(h, (decode_options){0, 1, 0.5f, 31.99f}), 1, "no more than asked for");
    heads_free(h);
}

/* A displacement moves from the source's cell, two refinements by offsets follow, and the score is
 * that of the nearest cell of the final point. Everything but the nose lies on one spot. */
Test(decode, walks_along_the_tree)
{
    heads *h = heads_new(9, 9, 0);
    *at(h, DECODE_HEATMAP, 4, 4, 0) = 0.75f;
    *at(h, DECODE_FORWARD, 4, 4, 0) = 34;          /* nose to left eye, y: to 98, cell 6 */
    *at(h, DECODE_FORWARD, 4, 4, EDGES) = -20;     /* x: to 44, cell 3 */
    *at(h, DECODE_OFFSET, 6, 3, 1) = -9;           /* y: 96 - 9 = 87, cell 5 */
    *at(h, DECODE_OFFSET, 6, 3, 1 + PARTS) = 2;    /* x: 48 + 2 = 50, cell 3 */
    *at(h, DECODE_OFFSET, 5, 3, 1) = 3.5f;         /* y: 80 + 3.5 */
    *at(h, DECODE_OFFSET, 5, 3, 1 + PARTS) = -9.5; /* x: 48 - 9.5 = 38.5, cell 2 */
    *at(h, DECODE_HEATMAP, 5, 2, 1) = 0.25f;
    cr_assert_eq(decode(h, several), 1);
    const keypoint *eye = &h->poses[0].keypoints[1];
    cr_assert_eq(eye->y, 83.5f);
    cr_assert_eq(eye->x, 38.5f);
    cr_assert_eq(eye->score, 0.25f);
    cr_assert_eq(h->poses[0].score, (0.75f + 0.25f) / PARTS);
    heads_free(h);
}

Test(decode, points_outside_are_read_at_the_border)
{
    heads *h = heads_new(5, 5, 0);
    *at(h, DECODE_HEATMAP, 0, 4, 0) = 0.75f;
    *at(h, DECODE_OFFSET, 0, 4, 0) = -1e30f;
    *at(h, DECODE_OFFSET, 0, 4, PARTS) = INFINITY;
    *at(h, DECODE_FORWARD, 0, 4, 0) = -500;
    *at(h, DECODE_HEATMAP, 0, 4, 1) = 0.125f;
    cr_assert_eq(decode(h, several), 1);
    cr_assert_eq(h->poses[0].keypoints[0].x, 4 * STRIDE + DECODE_LARGEST);
    cr_assert_eq(h->poses[0].keypoints[0].y, -DECODE_LARGEST);
    cr_assert_eq(h->poses[0].keypoints[1].x, 4 * STRIDE);
    cr_assert_eq(h->poses[0].keypoints[1].score, 0.125f);
    heads_free(h);
}

Test(decode, nan_is_never_a_candidate_and_never_comes_out)
{
    heads *h = heads_new(5, 5, 1);
    for (int head = 0; head < DECODE_HEADS; head++)
        for (int i = 0; i < 5 * 5 * decode_channels[head]; i++) h->data[head][i] = NAN;
    cr_assert_eq(decode(h, (decode_options){0, 5, 0, 20}), 0);
    cr_assert_eq(decode(h, single), 1);
    cr_assert_eq(h->poses[0].score, 0);
    *at(h, DECODE_HEATMAP, 2, 2, 3) = 2;
    cr_assert_eq(decode(h, several), 1);
    for (int part = 0; part < PARTS; part++) {
        const keypoint *k = &h->poses[0].keypoints[part];
        cr_assert(isfinite(k->x) && isfinite(k->y) && isfinite(k->score), "part %d", part);
    }
    decode(h, single);
    cr_assert_eq(h->poses[0].keypoints[3].x, 2 * STRIDE);
    heads_free(h);
}

Test(decode, one_cell)
{
    heads *h = heads_new(1, 1, 0);
    *at(h, DECODE_HEATMAP, 0, 0, 16) = 1;
    cr_assert_eq(decode(h, several), 1);
    cr_assert_eq(h->poses[0].keypoints[16].score, 1);
    heads_free(h);
}

/* Every second cell of every part is a candidate: 17 * 33 * 33 of them, the best of which come
 * last in raster order. */
Test(decode, no_candidate_is_lost)
{
    enum { SIDE = 65 };
    heads *h = heads_new(SIDE, SIDE, 0);
    int candidates = 0;
    for (int part = 0; part < PARTS; part++)
        for (int y = 0; y < SIDE; y += 2)
            for (int x = 0; x < SIDE; x += 2)
                *at(h, DECODE_HEATMAP, y, x, part) = 0.5f + 1e-5f * (float)candidates++;
    cr_assert_gt(candidates, 5000);
    cr_assert_eq(decode(h, (decode_options){0, DECODE_MAX_POSES, 0.5f, 1}), DECODE_MAX_POSES);
    cr_assert_eq(h->poses[0].keypoints[16].x, (SIDE - 1) * STRIDE);
    for (int i = 1; i < DECODE_MAX_POSES; i++)
        cr_assert_leq(h->poses[i].keypoints[16].score, h->poses[i - 1].keypoints[16].score);
    heads_free(h);
}

Test(decode, strides_and_fp16_give_the_same_poses)
{
    heads *dense = heads_new(9, 7, 1);
    heads *other = heads_new(9, 7, 1);
    for (int head = 0; head < DECODE_HEADS; head++) {
        int c = decode_channels[head], cells = 9 * 7;
        uint16_t *planes = malloc((size_t)(cells * c) * sizeof *planes);
        for (int i = 0; i < cells * c; i++) {
            uint16_t half = float_to_half((float)(i * 7919 % 97) * 0.125f - 6.0f);
            dense->data[head][i] = half_to_float(half);
            planes[i % c * cells + i / c] = half;
        }
        free(other->data[head]);
        other->data[head] = (float *)(void *)planes;
        other->view.head[head] =
            (head_view){planes, TYPE_FP16, {1, 9, 7, c}, {cells * c, 7, 1, cells}};
    }
    cr_assert_gt(decode(dense, several), 1);
    decode(other, several);
    cr_assert_eq(dense->count, other->count);
    cr_assert_arr_eq(dense->poses, other->poses, (size_t)dense->count * sizeof(pose));
    heads_free(dense);
    heads_free(other);
}

Test(decode, refuses_heads_and_options_that_make_no_sense)
{
    heads *h = heads_new(3, 3, 1);
    h->view.head[DECODE_OFFSET].dims[AXIS_C] = 35;
    cr_assert_eq(decode_check(&h->view), STATUS_ARGUMENT);
    cr_assert_str_eq(fail_text(), "the offset has 35 channels, not 34");
    h->view.head[DECODE_OFFSET].dims[AXIS_C] = 34;
    h->view.head[DECODE_BACKWARD].dims[AXIS_W] = 4;
    cr_assert_eq(decode_check(&h->view), STATUS_ARGUMENT);
    h->view.head[DECODE_BACKWARD].dims[AXIS_W] = 3;
    for (int i = 0; i < DECODE_HEADS; i++) h->view.head[i].dims[AXIS_N] = DECODE_MAX_IMAGES + 1;
    cr_assert_eq(decode_check(&h->view), STATUS_ARGUMENT);
    cr_assert_str_eq(fail_text(), "the heads are of 65536 images, more than 65535");
    for (int i = 0; i < DECODE_HEADS; i++) h->view.head[i].dims[AXIS_N] = 1;
    h->view.stride = 0;
    cr_assert_eq(decode_check(&h->view), STATUS_ARGUMENT);
    heads_free(h);
    const decode_options bad[] = {{0, 0, 0.5f, 20},  {0, 6, 0.5f, 20},      {0, 5, -0.1f, 20},
                                  {0, 5, NAN, 20},   {0, 5, 1.5f, 20},      {0, 5, 0.5f, 0},
                                  {0, 5, 0.5f, NAN}, {0, 5, 0.5f, INFINITY}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(decode_check_options(&bad[i], 5), STATUS_ARGUMENT, "options %zu", i);
}

Test(decode, the_skeleton_is_googles)
{
    cr_assert_str_eq(skeleton_part_name(0), "nose");
    cr_assert_str_eq(skeleton_part_name(16), "right_ankle");
    cr_assert_null(skeleton_part_name(17));
    cr_assert_null(skeleton_part_name(-1));
    unsigned reached = 1;
    for (int edge = 0; edge < EDGES; edge++) {
        cr_assert(reached >> skeleton_edges[edge].parent & 1, "edge %d hangs in the air", edge);
        reached |= 1u << skeleton_edges[edge].child;
    }
    cr_assert_eq(reached, (1u << PARTS) - 1);
}

Test(decode, keys_sort_like_scores)
{
    const float scores[] = {-INFINITY, -2, -0.5f, 0, 0.25f, 1, 2, INFINITY};
    for (size_t i = 1; i < sizeof scores / sizeof *scores; i++)
        cr_assert_lt(decode_key(scores[i - 1], 0), decode_key(scores[i], 100));
    cr_assert_eq(decode_key(-0.0f, 3), decode_key(0.0f, 3));
    cr_assert_gt(decode_key(0.5f, 3), decode_key(0.5f, 4));
    cr_assert_eq(decode_key_index(decode_key(0.5f, 123456)), 123456);
}
