/* Interleaved timing and its statistics. */
#include "bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* A runtime whose call takes over SLOW times the fastest one's gets as many calls as SLOW times the
 * fastest's block has room for, but a median needs some, and a ratio some rounds. */
static const double SLOW = 8;
enum { LEAST_CALLS = 5, LEAST_ROUNDS = 3, PROBES = 4 };

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

double measure_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int measure_late(const bench_options *o, double began)
{
    return o->seconds && measure_now() - began > o->seconds;
}

static double number(const cJSON *reply, const char *key, double otherwise)
{
    const cJSON *item = cJSON_GetObjectItem(reply, key);
    return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

/* `calls` calls after a warm-up that is not kept, since the caches are the rival's: their times in
 * `ms`, and the reply, to be deleted; NULL with r->state and r->why set. */
static cJSON *time_calls(runner *r, int calls, double *ms)
{
    cJSON *command = worker_command("time");
    cJSON_AddNumberToObject(command, "iterations", calls + 1);
    cJSON *reply = worker_ask(r, command);
    if (!reply) return NULL;
    const cJSON *samples = cJSON_GetObjectItem(reply, "ms");
    int bad = cJSON_GetArraySize(samples) != calls + 1;
    const cJSON *sample = bad ? NULL : samples->child->next;
    for (int i = 0; sample; sample = sample->next, i++) {
        ms[i] = cJSON_IsNumber(sample) ? sample->valuedouble : 0;
        bad |= !(ms[i] > 0 && isfinite(ms[i]));
    }
    if (!bad) return reply;
    cJSON_Delete(reply);
    r->state = RUNNER_FAILED;
    snprintf(r->why, sizeof r->why, "it was to tell the times of %d calls and did not", calls + 1);
    return NULL;
}

static void time_block(runner *r, int round)
{
    cJSON *reply = time_calls(r, r->iterations, r->samples + r->sample_count);
    if (!reply) return;
    r->cpu[round] = number(reply, "cpu_ms", 0);
    r->bytes_up = number(reply, "bytes_up", -1);
    r->bytes_down = number(reply, "bytes_down", -1);
    cJSON_Delete(reply);
    r->medians[round] = quantile(r->samples + r->sample_count, r->iterations, 0.5);
    r->sample_count += r->iterations;
    r->rounds = round + 1;
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
        time_block(r, round);
    }
    if (terminal) fprintf(stderr, "\r%60s\r", "");
}

static void keep_memory(runner *r)
{
    cJSON *reply = worker_ask(r, worker_command("memory"));
    r->peak_mib = number(reply, "peak_mib", 0);
    cJSON_Delete(reply);
}

static void room_for_samples(runner *r, const bench_options *o)
{
    r->samples = calloc((size_t)o->rounds * (size_t)r->iterations, sizeof *r->samples);
    r->medians = calloc((size_t)o->rounds, sizeof *r->medians);
    r->cpu = calloc((size_t)o->rounds, sizeof *r->cpu);
    if (r->samples && r->medians && r->cpu) return;
    r->state = RUNNER_FAILED;
    snprintf(r->why, sizeof r->why, "out of memory");
}

/* How many calls a round has of each runtime, by the best of some calls of all. */
static void share_out(runner *runners, int count, const bench_options *o)
{
    double fastest = (double)INFINITY, ms[PROBES];
    for (int i = 0; i < count; i++) {
        runner *r = &runners[i];
        cJSON *reply = r->state == RUNNER_READY ? time_calls(r, PROBES, ms) : NULL;
        if (reply) r->call_ms = quantile(ms, PROBES, 0);
        if (reply) fastest = fmin(fastest, r->call_ms);
        cJSON_Delete(reply);
    }
    int least = o->iterations < LEAST_CALLS ? o->iterations : LEAST_CALLS;
    for (int i = 0; i < count; i++) {
        runner *r = &runners[i];
        if (r->state != RUNNER_READY) continue;
        double fit = o->iterations * SLOW * fastest / r->call_ms;
        r->iterations = fit >= o->iterations ? o->iterations : fit > least ? (int)fit : least;
        room_for_samples(r, o);
    }
}

/* Less what this program and its workers have spent, however their runs ended. */
static double others_cpu_s(const runner *runners, int count)
{
    static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN}; /* children: those that have ended */
    double spent = machine_cpu_s();
    for (int i = 0; i < 2; i++) {
        struct rusage u;
        getrusage(whose[i], &u);
        spent -= (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
    }
    for (int i = 0; i < count; i++) spent -= worker_cpu_s(&runners[i]);
    return spent;
}

void measure(runner *runners, int count, const bench_options *o, double began)
{
    share_out(runners, count, o);
    double start = measure_now(), before = others_cpu_s(runners, count);
    for (int round = 0; round < o->rounds; round++) {
        if (round >= LEAST_ROUNDS && measure_late(o, began)) break;
        time_round(runners, count, round, o);
    }
    double others = (others_cpu_s(runners, count) - before) / (measure_now() - start);
    for (int i = 0; i < count; i++) {
        runner *r = &runners[i];
        r->others = others;
        if (r->state != RUNNER_READY) continue;
        r->cpu_ms = quantile(r->cpu, r->rounds, 0.5);
        keep_memory(r);
    }
}

/* By order statistics: the number of rounds below the true median is binomial, so the values near
 * half -+ 1.96 * sqrt(n) / 2 enclose it. */
interval measure_ratio(const runner *a, const runner *b)
{
    interval found = {0};
    int rounds = a->rounds < b->rounds ? a->rounds : b->rounds;
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
