/* What a person reads, and the raw results that bench/report.py reads. */
#include "bench/bench.h"
#include "bench/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* Of the machine's cores; with more used by others a time is not to be trusted. */
static const double DISTURBED = 0.05;

static double p50(const runner *r)
{
    return quantile(r->samples, r->sample_count, 0.5);
}

/* How far the rounds' medians lie apart, in percent of the least. */
static double spread(const runner *r)
{
    double least = quantile(r->medians, r->rounds, 0), most = quantile(r->medians, r->rounds, 1);
    return least > 0 ? 100 * (most / least - 1) : 0;
}

static double worst(const runner *r)
{
    double e = 0;
    for (int i = 0; i < HEADS; i++)
        if (r->error[i] > e) e = r->error[i];
    return e;
}

static const char *state_name(runner_state s)
{
    static const char *const names[] = {"timed", "not installed", "failed", "wrong result"};
    return names[s];
}

const char *table_model(const bench_options *o)
{
    const char *file = strrchr(o->the_case.model, '/');
    return file ? file + 1 : o->the_case.model;
}

void table_print(const runner *runners, int count, const bench_options *o)
{
    const bench_case *c = &o->the_case;
    printf("%s at %dx%d, batch %d, %s, %s, %d threads; %d rounds of %d, interleaved\n",
           table_model(o), c->width, c->height, c->batch, c->precision, c->measure, c->threads,
           o->rounds, o->iterations);
    printf("%-26s %9s %9s %9s %9s %7s %8s %8s %8s %8s %8s\n", "runtime", "p50 ms", "p90 ms",
           "p99 ms", "images/s", "spread", "cpu ms", "peak MiB", "GPU MiB", "first ms", "error");
    for (int i = 0; i < count; i++) {
        const runner *r = &runners[i];
        if (r->state != RUNNER_READY || !r->sample_count) {
            printf("%-26s %s: %s\n", r->name, state_name(r->state), r->why);
            continue;
        }
        printf("%-26s %9.3f %9.3f %9.3f %9.1f %6.1f%% %8.2f %8.1f %8.1f %8.1f %8.1e\n", r->name,
               p50(r), quantile(r->samples, r->sample_count, 0.9),
               quantile(r->samples, r->sample_count, 0.99), 1e3 * c->batch / p50(r), spread(r),
               r->cpu_ms, r->peak_mib, r->device_peak_mib, r->first_ms, worst(r));
    }
    for (int i = 0; i < count; i++) {
        const runner *r = &runners[i];
        if (r->state != RUNNER_READY || (r->rounds == o->rounds && r->iterations == o->iterations))
            continue;
        printf("%s: %d rounds of %d only\n", r->name, r->rounds, r->iterations);
    }
    if (runners->others > DISTURBED * (double)sysconf(_SC_NPROCESSORS_ONLN))
        printf("disturbed: everything else took %.2f cores meanwhile\n", runners->others);
    const runner *ours = measure_fastest(runners, count, 1);
    for (int i = 0; ours && i < count; i++) {
        const runner *rival = &runners[i];
        if (rival->ours || rival->state != RUNNER_READY || !rival->sample_count) continue;
        interval ratio = measure_ratio(ours, rival);
        printf("%s takes %.3f of the time of %s (95 %%: %.3f to %.3f)\n", ours->name, ratio.median,
               rival->name, ratio.low, ratio.high);
    }
}

static void add_ratio(cJSON *row, const runner *ours, const runner *r)
{
    interval ratio = measure_ratio(ours, r);
    const double values[3] = {ratio.low, ratio.median, ratio.high};
    cJSON_AddItemToObject(row, "ours_over_it", cJSON_CreateDoubleArray(values, 3));
}

static void add_runner(cJSON *list, const runner *r, const runner *ours, const bench_options *o)
{
    cJSON *row = cJSON_CreateObject();
    cJSON_AddItemToArray(list, row);
    cJSON_AddStringToObject(row, "name", r->name);
    cJSON_AddStringToObject(row, "device", r->device);
    cJSON_AddStringToObject(row, "state", state_name(r->state));
    cJSON_AddStringToObject(row, "version", r->version);
    cJSON_AddBoolToObject(row, "ours", r->ours);
    cJSON_AddBoolToObject(row, "single", r->single);
    cJSON_AddItemToObject(row, "error", cJSON_CreateDoubleArray(r->error, HEADS));
    if (r->state != RUNNER_READY) {
        cJSON_AddStringToObject(row, "why", r->why);
        return;
    }
    if (r->settings[0]) cJSON_AddStringToObject(row, "settings", r->settings);
    cJSON_AddNumberToObject(row, "rounds", r->rounds);
    cJSON_AddNumberToObject(row, "iterations", r->iterations);
    cJSON_AddNumberToObject(row, "open_ms", r->open_ms);
    cJSON_AddNumberToObject(row, "first_ms", r->first_ms);
    cJSON_AddNumberToObject(row, "cpu_ms", r->cpu_ms);
    cJSON_AddNumberToObject(row, "peak_mib", r->peak_mib);
    if (r->device_peak_mib > 0) cJSON_AddNumberToObject(row, "device_peak_mib", r->device_peak_mib);
    cJSON_AddNumberToObject(row, "others_cpu", r->others);
    if (!strcmp(o->the_case.measure, "frame")) {
        cJSON_AddNumberToObject(row, "poses", r->pose_count);
        cJSON_AddNumberToObject(row, "pose_error", r->pose_error);
    }
    if (r->bytes_up >= 0) {
        cJSON_AddNumberToObject(row, "bytes_up", r->bytes_up);
        cJSON_AddNumberToObject(row, "bytes_down", r->bytes_down);
    }
    cJSON_AddItemToObject(row, "medians_ms", cJSON_CreateDoubleArray(r->medians, r->rounds));
    cJSON_AddItemToObject(row, "samples_ms", cJSON_CreateDoubleArray(r->samples, r->sample_count));
    if (ours && !r->ours) add_ratio(row, ours, r);
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

/* The version of NVIDIA's driver, "" where there is none: the first number with a point in it of
 * the line that the driver says about itself. */
static void driver_version(char *version, size_t bytes)
{
    version[0] = '\0';
    FILE *f = fopen("/proc/driver/nvidia/version", "r");
    char line[256], *rest = NULL;
    if (f && fgets(line, sizeof line, f))
        for (char *word = strtok_r(line, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
            if (word[strspn(word, "0123456789.")] || !strchr(word, '.')) continue;
            snprintf(version, bytes, "%s", word);
            break;
        }
    if (f) fclose(f);
}

cJSON *table_head(const bench_options *o)
{
    const bench_case *c = &o->the_case;
    char when[32], processor[160], driver[64], gpu[256];
    time_t now = time(NULL);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    processor_name(processor, sizeof processor);
    driver_version(driver, sizeof driver);
    device_name(gpu, sizeof gpu);
    struct utsname system;
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "model", table_model(o));
    cJSON_AddNumberToObject(root, "width", c->width);
    cJSON_AddNumberToObject(root, "height", c->height);
    cJSON_AddNumberToObject(root, "batch", c->batch);
    cJSON_AddNumberToObject(root, "threads", c->threads);
    cJSON_AddNumberToObject(root, "slots", c->slots);
    cJSON_AddStringToObject(root, "precision", c->precision);
    cJSON_AddStringToObject(root, "measure", c->measure);
    cJSON_AddStringToObject(root, "when", when);
    cJSON_AddStringToObject(root, "commit", o->commit);
    cJSON_AddStringToObject(root, "processor", processor);
    cJSON_AddNumberToObject(root, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
    cJSON_AddStringToObject(root, "gpu", gpu);
    cJSON_AddStringToObject(root, "driver", driver);
    cJSON_AddStringToObject(root, "system", uname(&system) ? "" : system.sysname);
    return root;
}

cJSON *table_record(const runner *runners, int count, const bench_options *o)
{
    cJSON *root = table_head(o);
    cJSON_AddStringToObject(root, "kind", "case");
    cJSON_AddNumberToObject(root, "rounds", o->rounds);
    cJSON_AddNumberToObject(root, "iterations", o->iterations);
    cJSON *list = cJSON_AddArrayToObject(root, "runtimes");
    const runner *ours = measure_fastest(runners, count, 1);
    for (int i = 0; i < count; i++) add_runner(list, &runners[i], ours, o);
    return root;
}

/* Results go to a file beside it first, since half of them under the right name would pass for all.
 * What is no file, such as /dev/stdout, is written as it is. */
static FILE *open_json(const bench_options *o, char part[PATH_BYTES + 8])
{
    struct stat found;
    int device = !stat(o->json, &found) && !S_ISREG(found.st_mode);
    snprintf(part, PATH_BYTES + 8, "%.*s%s", PATH_BYTES - 1, o->json, device ? "" : ".part");
    return fopen(part, "w");
}

static int say_unwritten(const bench_options *o)
{
    fprintf(stderr, "posenet-bench: %s cannot be written: %s\n", o->json, strerror(errno));
    return -1;
}

int table_prepare(const bench_options *o)
{
    char part[PATH_BYTES + 8];
    if (!o->json) return 0;
    FILE *f = open_json(o, part);
    if (!f) return say_unwritten(o);
    fclose(f);
    if (strcmp(part, o->json)) remove(part);
    return 0;
}

int table_write(cJSON *root, const bench_options *o)
{
    char part[PATH_BYTES + 8];
    char *text = o->json ? cJSON_PrintUnformatted(root) : NULL;
    cJSON_Delete(root);
    if (!o->json) return 0;
    FILE *f = text ? open_json(o, part) : NULL;
    int bad = !f || fprintf(f, "%s\n", text) < 0;
    if (f) bad |= fclose(f) != 0;
    cJSON_free(text);
    int beside = f && strcmp(part, o->json);
    if (!bad && beside) bad = rename(part, o->json);
    if (!bad) return 0;
    say_unwritten(o);
    if (beside) remove(part);
    return -1;
}
