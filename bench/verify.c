/* Verification before timing: one input for all, heads compared by the norm of the difference. */
#include "bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Waves of several lengths and a little noise: smooth as a picture is, different in every channel,
 * and the same on every machine up to the last bit of sin(), which all workers then share through
 * the file. */
int verify_write_input(const char *path, const bench_case *c)
{
    FILE *f = fopen(path, "wb");
    if (!f) return -1;
    unsigned state = 12345;
    int ok = 1;
    for (int n = 0; n < c->batch; n++)
        for (int y = 0; y < c->height; y++)
            for (int x = 0; x < c->width; x++)
                for (int k = 0; k < 3; k++) {
                    state = state * 1664525u + 1013904223u;
                    double noise = (double)(state >> 8) / 16777216.0 - 0.5;
                    double wave = sin(0.031 * x + 0.7 * k + n) + sin(0.017 * y - 0.4 * k) +
                                  sin(0.11 * (x + y) + 1.3 * k);
                    float v = (float)(0.3 * wave + 0.2 * noise);
                    ok &= fwrite(&v, sizeof v, 1, f) == 1;
                }
    return fclose(f) == 0 && ok ? 0 : -1;
}

float *verify_read(const char *folder, const char *name, size_t *count)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s.f32", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    float *data = NULL;
    if (!fseek(f, 0, SEEK_END)) {
        long bytes = ftell(f);
        rewind(f);
        *count = bytes > 0 ? (size_t)bytes / sizeof *data : 0;
        data = malloc(*count * sizeof *data + 1);
        if (data && fread(data, sizeof *data, *count, f) != *count) {
            free(data);
            data = NULL;
        }
    }
    fclose(f);
    return data;
}

static int compare_head(const char *name, const float *got, size_t got_count, const float *want,
                        size_t want_count, double *error, char why[WHY_BYTES])
{
    if (!got || !want) return snprintf(why, WHY_BYTES, "%s: not written", name), -1;
    if (got_count != want_count || !got_count)
        return snprintf(why, WHY_BYTES, "%s: %zu values for %zu", name, got_count, want_count), -1;
    double difference = 0, norm = 0;
    for (size_t i = 0; i < got_count; i++) {
        double d = (double)got[i] - (double)want[i];
        difference += d * d;
        norm += (double)want[i] * (double)want[i];
    }
    *error = sqrt(difference / norm);
    if (isfinite(*error)) return 0;
    return snprintf(why, WHY_BYTES, "%s: not finite", name), -1;
}

int verify_compare(const char *got, const char *want, double error[HEADS], char why[WHY_BYTES])
{
    for (int i = 0; i < HEADS; i++) {
        size_t got_count = 0, want_count = 0;
        float *a = verify_read(got, head_names[i], &got_count);
        float *b = verify_read(want, head_names[i], &want_count);
        int bad = compare_head(head_names[i], a, got_count, b, want_count, &error[i], why);
        free(a);
        free(b);
        if (bad) return -1;
    }
    return 0;
}

/* fp32 runtimes differ in the order of their sums only; tf32 keeps 10 bits of the operands and fp16
 * rounds every activation, which PoseNet's depth turns into about a percent. */
double verify_tolerance(const char *precision)
{
    return !strcmp(precision, "fp32") ? 1e-4 : 3e-2;
}
