/* The picture of the frame measure, and whether a runtime found the people that its heads show. */
#include "bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/posenet.h"

enum { FRAME_BYTES = FRAME_WIDTH * FRAME_HEIGHT * 3, POSES = 5 };

/* Waves and noise, as verify_write_input's: no person, but nothing that a network finds simple. */
int frame_draw(const char *path)
{
    FILE *f = fopen(path, "wb");
    if (!f) return -1;
    fprintf(f, "P6\n%d %d\n255\n", FRAME_WIDTH, FRAME_HEIGHT);
    unsigned state = 1;
    int ok = 1;
    for (int y = 0; y < FRAME_HEIGHT; y++)
        for (int x = 0; x < FRAME_WIDTH; x++)
            for (int k = 0; k < 3; k++) {
                state = state * 1664525u + 1013904223u;
                double wave = sin(0.031 * x + 0.7 * k) + sin(0.017 * y - 0.4 * k);
                ok &= fputc((int)(128 + 40 * wave) + (int)(state >> 24) / 8, f) != EOF;
            }
    return fclose(f) == 0 && ok ? 0 : -1;
}

unsigned char *frame_read(const char *path, char why[WHY_BYTES])
{
    FILE *f = fopen(path, "rb");
    unsigned char *pixels = malloc(FRAME_BYTES);
    int width = 0, height = 0, most = 0;
    int ok = f && pixels && fscanf(f, "P6 %d %d %d", &width, &height, &most) == 3 &&
             fgetc(f) != EOF && width == FRAME_WIDTH && height == FRAME_HEIGHT && most == 255 &&
             fread(pixels, FRAME_BYTES, 1, f) == 1;
    if (f) fclose(f);
    if (ok) return pixels;
    free(pixels);
    snprintf(why, WHY_BYTES, "%s is no binary PPM of %dx%d and 8 bits", path, FRAME_WIDTH,
             FRAME_HEIGHT);
    return NULL;
}

/* A person in pixels of the frame. */
typedef struct person {
    double score, x[PARTS], y[PARTS];
} person;

/* Out of the letterbox, as every runtime has to: see DESIGN, section 6. */
static person in_frame(const posenet_pose *pose, const bench_case *c)
{
    double aspect = (double)c->width / c->height, pad_x = 0, pad_y = 0;
    if ((double)FRAME_WIDTH / FRAME_HEIGHT < aspect)
        pad_x = floor(0.5 * (aspect * FRAME_HEIGHT - FRAME_WIDTH) + 0.5);
    else
        pad_y = floor(0.5 * (FRAME_WIDTH / aspect - FRAME_HEIGHT) + 0.5);
    person p = {.score = (double)pose->score};
    for (int k = 0; k < PARTS; k++) {
        p.x[k] = (double)pose->keypoints[k].x * (FRAME_WIDTH + 2 * pad_x) / c->width - pad_x;
        p.y[k] = (double)pose->keypoints[k].y * (FRAME_HEIGHT + 2 * pad_y) / c->height - pad_y;
    }
    return p;
}

static double value(const cJSON *array, int index)
{
    const cJSON *item = cJSON_GetArrayItem(array, index);
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

/* The median distance of a person's keypoints from a pose's; infinite where that is malformed. */
static double distance(const person *want, const cJSON *pose)
{
    const cJSON *list = cJSON_GetObjectItem(pose, "keypoints");
    double each[PARTS];
    for (int k = 0; k < PARTS; k++) {
        const cJSON *point = cJSON_GetArrayItem(list, k);
        each[k] = hypot(value(point, 0) - want->x[k], value(point, 1) - want->y[k]);
        if (!isfinite(each[k])) return (double)INFINITY;
    }
    return quantile(each, PARTS, 0.5);
}

/* One to one, in any order, since equal scores may be found in any; the worst distance in *error.
 */
static int same_people(const cJSON *list, const person *want, int count, double pixels,
                       double *error)
{
    if (cJSON_GetArraySize(list) != count) return 0;
    int taken[POSES] = {0};
    const cJSON *pose;
    cJSON_ArrayForEach(pose, list)
    {
        int best = -1;
        double nearest = (double)INFINITY;
        for (int i = 0; i < count; i++) {
            double d = taken[i] ? (double)INFINITY : distance(&want[i], pose);
            if (d < nearest) nearest = d, best = i;
        }
        if (!(nearest <= pixels)) return 0;
        taken[best] = 1;
        *error = fmax(*error, nearest);
    }
    return 1;
}

/* Host tensors over heads that a worker wrote: 0, or -1 if they do not fit the case. */
static int read_heads(const char *folder, const bench_case *c, posenet_tensor heads[HEADS],
                      int *stride)
{
    static const int channels[HEADS] = {17, 34, 32, 32};
    static const int strides[] = {8, 16, 32};
    *stride = 0;
    for (int h = 0; h < HEADS; h++) {
        size_t count = 0;
        heads[h].size = sizeof heads[h];
        heads[h].data = verify_read(folder, head_names[h], &count);
        if (!heads[h].data) return -1;
        for (int i = 0; i < 3; i++) {
            int s = strides[i], high = (c->height - 1) / s + 1, wide = (c->width - 1) / s + 1;
            if (count != (size_t)c->batch * (size_t)high * (size_t)wide * (size_t)channels[h])
                continue;
            const int dims[4] = {c->batch, high, wide, channels[h]};
            memcpy(heads[h].dims, dims, sizeof dims);
            *stride = s;
        }
        if (!heads[h].dims[0]) return -1;
    }
    return 0;
}

/* A score lies between 0 and 1; a logit of a whole picture never stays there. */
static int are_logits(const posenet_tensor *heatmap)
{
    const float *values = heatmap->data;
    const int *d = heatmap->dims;
    size_t count = (size_t)d[0] * (size_t)d[1] * (size_t)d[2] * (size_t)d[3];
    for (size_t i = 0; i < count; i++)
        if (values[i] < 0 || values[i] > 1) return 1;
    return 0;
}

static int compare(runner *r, const cJSON *reply, posenet_tensor heads[HEADS], int stride,
                   const bench_case *c)
{
    const cJSON *pictures = cJSON_GetObjectItem(reply, "poses");
    double x = (double)FRAME_WIDTH / c->width, y = (double)FRAME_HEIGHT / c->height;
    double scale = x > y ? x : y;
    posenet_decode_options options;
    posenet_default_decode_options(&options, sizeof options);
    options.single = r->single;
    options.max_poses = POSES;
    posenet_pose *poses = calloc((size_t)c->batch * POSES, sizeof *poses);
    int *counts = calloc((size_t)c->batch, sizeof *counts);
    int bad =
        !poses || !counts || cJSON_GetArraySize(pictures) != c->batch ||
        posenet_decode(NULL, heads, stride, are_logits(&heads[0]), &options, POSES, poses, counts);
    for (int i = 0; !bad && i < c->batch; i++) {
        person want[POSES];
        for (int p = 0; p < counts[i]; p++) want[p] = in_frame(&poses[i * POSES + p], c);
        bad = !same_people(cJSON_GetArrayItem(pictures, i), want, counts[i], 0.5 * scale,
                           &r->pose_error);
    }
    r->pose_error /= scale;
    r->pose_count = counts ? counts[0] : 0;
    free(poses);
    free(counts);
    if (bad) snprintf(r->why, sizeof r->why, "the poses are not those that its heads show");
    return bad ? -1 : 0;
}

int frame_check(runner *r, const cJSON *reply, const char *folder, const bench_case *c)
{
    posenet_tensor heads[HEADS] = {{0}};
    int stride, bad = read_heads(folder, c, heads, &stride);
    if (bad) snprintf(r->why, sizeof r->why, "the heads have no size that fits the input's");
    r->pose_error = 0;
    if (!bad) bad = compare(r, reply, heads, stride, c);
    for (int h = 0; h < HEADS; h++) free(heads[h].data);
    return bad;
}
