/* Interleaved timing and its statistics. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TIME_TIMEOUT_S = 600 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double quantile(const double *values, int count, double q)
{
    if (count <= 0) return 0;
    double *sorted = malloc((size_t)count * sizeof *sorted);
    if (!sorted) return 0;
    memcpy(sorted, values, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    int at = (int)(q * (count - 1) + 0.5);
    double v = sorted[at];
    free(sorted);
    return v;
}

/* A runtime's threads may spin for a while after its call; the pause keeps them out of the next
 * one's. */
static void pause_for(int ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* One block of calls; the first is a warm-up that is not kept, since the caches are the rival's. */
static int time_block(runner *r, const bench_options *o)
{
    cJSON *command = cJSON_CreateObject();
    cJSON_AddStringToObject(command, "command", "time");
    cJSON_AddNumberToObject(command, "iterations", o->iterations + 1);
    cJSON *reply = worker_call(r, command, TIME_TIMEOUT_S);
    const cJSON *samples = cJSON_GetObjectItem(reply, "ms");
    int bad = !cJSON_IsTrue(cJSON_GetObjectItem(reply, "ok")) ||
              cJSON_GetArraySize(samples) != o->iterations + 1;
    if (bad && reply) {
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(reply, "why"));
        snprintf(r->why, sizeof r->why, "%s", text ? text : "a wrong number of times");
    }
    for (int i = 0; !bad && i < o->iterations; i++)
        r->samples[r->sample_count + i] = cJSON_GetArrayItem(samples, i + 1)->valuedouble;
    cJSON_Delete(reply);
    return bad ? -1 : 0;
}

static void keep_memory(runner *r)
{
    cJSON *command = cJSON_CreateObject();
    cJSON_AddStringToObject(command, "command", "memory");
    cJSON *reply = worker_call(r, command, TIME_TIMEOUT_S);
    const cJSON *peak = cJSON_GetObjectItem(reply, "peak_mib");
    if (cJSON_IsNumber(peak)) r->peak_mib = peak->valuedouble;
    cJSON_Delete(reply);
}

void measure(runner *runners, int count, const bench_options *o)
{
    for (int i = 0; i < count; i++) {
        runner *r = &runners[i];
        if (r->state != RUNNER_READY) continue;
        r->samples = calloc((size_t)o->rounds * (size_t)o->iterations, sizeof *r->samples);
        r->medians = calloc((size_t)o->rounds, sizeof *r->medians);
        if (r->samples && r->medians) continue;
        r->state = RUNNER_FAILED;
        snprintf(r->why, sizeof r->why, "out of memory");
    }
    int terminal = isatty(STDERR_FILENO);
    for (int round = 0; round < o->rounds; round++) {
        for (int i = 0; i < count; i++) {
            runner *r = &runners[i];
            if (r->state != RUNNER_READY) continue;
            if (terminal) fprintf(stderr, "\rround %d of %d: %-40s", round + 1, o->rounds, r->name);
            pause_for(o->pause_ms);
            if (time_block(r, o)) {
                r->state = RUNNER_FAILED;
                continue;
            }
            r->medians[round] = quantile(r->samples + r->sample_count, o->iterations, 0.5);
            r->sample_count += o->iterations;
        }
    }
    if (terminal) fprintf(stderr, "\r%60s\r", "");
    for (int i = 0; i < count; i++)
        if (runners[i].state == RUNNER_READY) keep_memory(&runners[i]);
}
