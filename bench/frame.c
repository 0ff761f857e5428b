/* The picture of the frame measure, and whether two runtimes found the same people in it. */
#include "bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_BYTES = FRAME_WIDTH * FRAME_HEIGHT * 3 };

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

static double value(const cJSON *array, int index)
{
    const cJSON *item = cJSON_GetArrayItem(array, index);
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

/* The median distance of two poses' keypoints; infinite where one is malformed. */
static double distance(const cJSON *a, const cJSON *b)
{
    const cJSON *p = cJSON_GetObjectItem(a, "keypoints"), *q = cJSON_GetObjectItem(b, "keypoints");
    double each[PARTS];
    for (int k = 0; k < PARTS; k++) {
        const cJSON *s = cJSON_GetArrayItem(p, k), *t = cJSON_GetArrayItem(q, k);
        each[k] = hypot(value(s, 0) - value(t, 0), value(s, 1) - value(t, 1));
        if (!isfinite(each[k])) return (double)INFINITY;
    }
    return quantile(each, PARTS, 0.5);
}

/* Every pose of `from` that is not faint has one in `to`; the worst distance in *error. */
static int all_found(const cJSON *from, const cJSON *to, double pixels, double faint, double *error,
                     char why[WHY_BYTES])
{
    const cJSON *pose, *other;
    cJSON_ArrayForEach(pose, from)
    {
        const cJSON *score = cJSON_GetObjectItem(pose, "score");
        if (cJSON_IsNumber(score) && score->valuedouble < faint) continue;
        double nearest = (double)INFINITY;
        cJSON_ArrayForEach(other, to) nearest = fmin(nearest, distance(pose, other));
        if (!(nearest <= pixels)) {
            snprintf(why, WHY_BYTES,
                     "of %d poses and the reference's, one has none within %.1f pixels",
                     cJSON_GetArraySize(from), pixels);
            return -1;
        }
        *error = fmax(*error, nearest);
    }
    return 0;
}

int frame_compare(const cJSON *got, const cJSON *want, double pixels, double faint, double *error,
                  int *count, char why[WHY_BYTES])
{
    const cJSON *a = cJSON_GetObjectItem(got, "poses"), *b = cJSON_GetObjectItem(want, "poses");
    int pictures = cJSON_GetArraySize(b);
    *error = 0;
    *count = cJSON_GetArraySize(cJSON_GetArrayItem(a, 0));
    if (!pictures || cJSON_GetArraySize(a) != pictures)
        return snprintf(why, WHY_BYTES, "poses of a wrong number of pictures"), -1;
    for (int i = 0; i < pictures; i++) {
        const cJSON *p = cJSON_GetArrayItem(a, i), *q = cJSON_GetArrayItem(b, i);
        if (all_found(p, q, pixels, faint, error, why)) return -1;
        if (all_found(q, p, pixels, faint, error, why)) return -1;
    }
    return 0;
}
