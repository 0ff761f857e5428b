/* Interleaved timing and its statistics. */
#include "bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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
 * one's. What runs beside it is counted: see `others`. */
static void pause_for(int ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double number(const cJSON *reply, const char *key, double otherwise)
{
    const cJSON *item = cJSON_GetObjectItem(reply, key);
    return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

/* One block of calls; the first is a warm-up that is not kept, since the caches are the rival's. */
static int time_block(runner *r, int round, const bench_options *o)
{
    cJSON *command = worker_command("time");
    cJSON_AddNumberToObject(command, "iterations", o->iterations + 1);
    cJSON *reply = worker_call(r, command, TIME_TIMEOUT_S);
    const cJSON *samples = cJSON_GetObjectItem(reply, "ms");
    int bad = !cJSON_IsTrue(cJSON_GetObjectItem(reply, "ok")) ||
              cJSON_GetArraySize(samples) != o->iterations + 1;
    if (bad && reply) {
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(reply, "why"));
        snprintf(r->why, sizeof r->why, "%s", text ? text : "a wrong number of times");
    }
    const cJSON *sample = bad ? NULL : samples->child->next;
    for (int i = 0; sample; sample = sample->next, i++)
        r->samples[r->sample_count + i] = sample->valuedouble;
    r->cpu[round] = number(reply, "cpu_ms", 0);
    r->bytes_up = number(reply, "bytes_up", -1);
    r->bytes_down = number(reply, "bytes_down", -1);
    cJSON_Delete(reply);
    if (bad) return -1;
    r->medians[round] = quantile(r->samples + r->sample_count, o->iterations, 0.5);
    r->sample_count += o->iterations;
    return 0;
}

/* Processor time that the whole machine has spent on programs, in seconds; 0 where it is not told.
 * It is counted in ticks of 10 ms, so it says something of a whole run only, not of one block. */
static double machine_cpu_s(void)
{
    unsigned long long user = 0, nice = 0, system = 0;
    FILE *f = fopen("/proc/stat", "r");
    if (!f) return 0;
    int found = fscanf(f, "cpu %llu %llu %llu", &user, &nice, &system);
    fclose(f);
    return found == 3 ? (double)(user + nice + system) / (double)sysconf(_SC_CLK_TCK) : 0;
}

/* The order turns around every round (A B C, C B A): nobody always follows the same neighbour. */
static void time_round(runner *runners, int count, int round, const bench_options *o)
{
    int terminal = isatty(STDERR_FILENO);
    for (int at = 0; at < count; at++) {
        int i = round % 2 ? count - 1 - at : at;
        runner *r = &runners[i];
        if (r->state != RUNNER_READY) continue;
        if (terminal) fprintf(stderr, "\rround %d of %d: %-40s", round + 1, o->rounds, r->name);
        pause_for(o->pause_ms);
        if (time_block(r, round, o)) r->state = RUNNER_FAILED;
    }
    if (terminal) fprintf(stderr, "\r%60s\r", "");
}

static void keep_memory(runner *r)
{
    cJSON *reply = worker_call(r, worker_command("memory"), TIME_TIMEOUT_S);
    r->peak_mib = number(reply, "peak_mib", 0);
    cJSON_Delete(reply);
}

static void room_for_samples(runner *r, const bench_options *o)
{
    r->samples = calloc((size_t)o->rounds * (size_t)o->iterations, sizeof *r->samples);
    r->medians = calloc((size_t)o->rounds, sizeof *r->medians);
    r->cpu = calloc((size_t)o->rounds, sizeof *r->cpu);
    if (r->samples && r->medians && r->cpu) return;
    r->state = RUNNER_FAILED;
    snprintf(r->why, sizeof r->why, "out of memory");
}

/* Less what this program and its workers have spent, however their runs ended. */
static double others_cpu_s(const runner *runners, int count)
{
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    double spent = machine_cpu_s() - (double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) -
                   1e-6 * (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec);
    for (int i = 0; i < count; i++) spent -= worker_cpu_s(&runners[i]);
    return spent;
}

void measure(runner *runners, int count, const bench_options *o)
{
    for (int i = 0; i < count; i++)
        if (runners[i].state == RUNNER_READY) room_for_samples(&runners[i], o);
    double start = now_s(), before = others_cpu_s(runners, count);
    for (int round = 0; round < o->rounds; round++) time_round(runners, count, round, o);
    double others = (others_cpu_s(runners, count) - before) / (now_s() - start);
    for (int i = 0; i < count; i++) {
        runner *r = &runners[i];
        r->others = others;
        if (r->state != RUNNER_READY) continue;
        r->cpu_ms = quantile(r->cpu, o->rounds, 0.5);
        keep_memory(r);
    }
}

/* By order statistics: the number of rounds below the true median is binomial, so the values near
 * half -+ 1.96 * sqrt(n) / 2 enclose it. */
interval measure_ratio(const runner *a, const runner *b, int rounds)
{
    interval found = {0};
    double *each = malloc((size_t)rounds * sizeof *each);
    if (!each) return found;
    for (int i = 0; i < rounds; i++)
        each[i] = b->medians[i] > 0 ? a->medians[i] / b->medians[i] : 0;
    int low = (int)floor(0.5 * rounds - 0.98 * sqrt(rounds));
    if (low < 0) low = 0;
    double last = rounds > 1 ? rounds - 1 : 1;
    found.median = quantile(each, rounds, 0.5);
    found.low = quantile(each, rounds, low / last);
    found.high = quantile(each, rounds, 1 - low / last);
    free(each);
    return found;
}

const runner *measure_fastest(const runner *runners, int count, int ours)
{
    const runner *best = NULL;
    double least = 0;
    for (int i = 0; i < count; i++) {
        const runner *r = &runners[i];
        if (r->ours != ours || r->state != RUNNER_READY || !r->sample_count) continue;
        double p50 = quantile(r->samples, r->sample_count, 0.5);
        if (best && p50 >= least) continue;
        best = r;
        least = p50;
    }
    return best;
}
