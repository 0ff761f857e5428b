/* What a person reads, and the raw results that bench/report.py reads. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

static double p50(const runner *r)
{
    return quantile(r->samples, r->sample_count, 0.5);
}

/* How far the rounds' medians lie apart, in percent of the least. */
static double spread(const runner *r, int rounds)
{
    double least = quantile(r->medians, rounds, 0), most = quantile(r->medians, rounds, 1);
    return least > 0 ? 100 * (most / least - 1) : 0;
}

static double worst(const runner *r)
{
    double e = 0;
    for (int i = 0; i < HEADS; i++)
        if (r->error[i] > e) e = r->error[i];
    return e;
}

static const runner *fastest(const runner *runners, int count, int ours)
{
    const runner *best = NULL;
    for (int i = 0; i < count; i++) {
        const runner *r = &runners[i];
        if (r->ours != ours || r->state != RUNNER_READY || !r->sample_count) continue;
        if (!best || p50(r) < p50(best)) best = r;
    }
    return best;
}

static const char *state_name(runner_state s)
{
    static const char *const names[] = {"timed", "not installed", "failed", "wrong result"};
    return names[s];
}

/* Round by round, so that a drift of the machine's speed cancels. */
static double ratio(const runner *a, const runner *b, int rounds)
{
    double *each = malloc((size_t)rounds * sizeof *each);
    if (!each) return 0;
    for (int i = 0; i < rounds; i++)
        each[i] = b->medians[i] > 0 ? a->medians[i] / b->medians[i] : 0;
    double middle = quantile(each, rounds, 0.5);
    free(each);
    return middle;
}

void table_print(const runner *runners, int count, const bench_options *o)
{
    const bench_case *c = &o->the_case;
    const char *file = strrchr(c->model, '/');
    printf("%s at %dx%d, batch %d, %s, %s, %d threads; %d rounds of %d, interleaved\n",
           file ? file + 1 : c->model, c->width, c->height, c->batch, c->precision, c->measure,
           c->threads, o->rounds, o->iterations);
    printf("%-24s %9s %9s %9s %10s %7s %9s %8s %8s\n", "runtime", "p50 ms", "p90 ms", "p99 ms",
           "images/s", "spread", "peak MiB", "open ms", "error");
    for (int i = 0; i < count; i++) {
        const runner *r = &runners[i];
        if (r->state != RUNNER_READY || !r->sample_count) {
            printf("%-24s %s: %s\n", r->name, state_name(r->state), r->why);
            continue;
        }
        printf("%-24s %9.3f %9.3f %9.3f %10.1f %6.1f%% %9.1f %8.1f %8.1e\n", r->name, p50(r),
               quantile(r->samples, r->sample_count, 0.9),
               quantile(r->samples, r->sample_count, 0.99), 1e3 * c->batch / p50(r),
               spread(r, o->rounds), r->peak_mib, r->open_ms, worst(r));
    }
    const runner *ours = fastest(runners, count, 1), *rival = fastest(runners, count, 0);
    if (ours && rival)
        printf("%s takes %.3f of the time of %s, the fastest rival here\n", ours->name,
               ratio(ours, rival, o->rounds), rival->name);
}

static void add_runner(cJSON *list, const runner *r, const bench_options *o)
{
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "name", r->name);
    cJSON_AddStringToObject(row, "state", state_name(r->state));
    cJSON_AddStringToObject(row, "version", r->version);
    cJSON_AddBoolToObject(row, "ours", r->ours);
    if (r->state != RUNNER_READY) cJSON_AddStringToObject(row, "why", r->why);
    cJSON_AddNumberToObject(row, "open_ms", r->open_ms);
    cJSON_AddNumberToObject(row, "peak_mib", r->peak_mib);
    cJSON_AddItemToObject(row, "error", cJSON_CreateDoubleArray(r->error, HEADS));
    if (r->sample_count) {
        cJSON_AddItemToObject(row, "medians_ms", cJSON_CreateDoubleArray(r->medians, o->rounds));
        cJSON_AddItemToObject(row, "samples_ms",
                              cJSON_CreateDoubleArray(r->samples, r->sample_count));
    }
    cJSON_AddItemToArray(list, row);
}

/* The processor's name as the system tells it, "" where it does not. */
static void processor_name(char *name, size_t bytes)
{
    name[0] = '\0';
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) || !colon) continue;
        snprintf(name, bytes, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (f) fclose(f);
}

int table_write_json(const runner *runners, int count, const bench_options *o)
{
    const bench_case *c = &o->the_case;
    char when[32], processor[160];
    time_t now = time(NULL);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    processor_name(processor, sizeof processor);
    struct utsname system;
    const char *file = strrchr(c->model, '/');
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "model", file ? file + 1 : c->model);
    cJSON_AddNumberToObject(root, "width", c->width);
    cJSON_AddNumberToObject(root, "height", c->height);
    cJSON_AddNumberToObject(root, "batch", c->batch);
    cJSON_AddNumberToObject(root, "threads", c->threads);
    cJSON_AddStringToObject(root, "precision", c->precision);
    cJSON_AddStringToObject(root, "measure", c->measure);
    cJSON_AddStringToObject(root, "when", when);
    cJSON_AddStringToObject(root, "commit", o->commit);
    cJSON_AddStringToObject(root, "processor", processor);
    cJSON_AddStringToObject(root, "system", uname(&system) ? "" : system.sysname);
    cJSON_AddNumberToObject(root, "rounds", o->rounds);
    cJSON_AddNumberToObject(root, "iterations", o->iterations);
    cJSON *list = cJSON_AddArrayToObject(root, "runtimes");
    for (int i = 0; i < count; i++) add_runner(list, &runners[i], o);
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    FILE *f = text ? fopen(o->json, "w") : NULL;
    int bad = !f || fprintf(f, "%s\n", text) < 0;
    if (f) bad |= fclose(f) != 0;
    cJSON_free(text);
    if (bad) fprintf(stderr, "posenet-bench: %s: cannot be written\n", o->json);
    return bad ? -1 : 0;
}
