/* Each of our steps against the machine's ceilings: what part of the best possible time it takes.
 */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A row's steps together: the first and those that it covers. */
typedef struct group {
    const cJSON *first;
    int steps, index; /* of the first step */
    double flops, bytes, us;
} group;

typedef struct ceilings {
    double copy_gbs, matrix_gflops; /* 0: not measured */
} ceilings;

static double number(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static const char *text(const cJSON *object, const char *key)
{
    const char *found = cJSON_GetStringValue(cJSON_GetObjectItem(object, key));
    return found ? found : "";
}

/* Steps of one row become one group; the number of groups. */
static int make_groups(const cJSON *steps, group *groups)
{
    int count = 0, index = 0;
    const cJSON *step;
    cJSON_ArrayForEach(step, steps)
    {
        if (!count || !cJSON_IsTrue(cJSON_GetObjectItem(step, "covered")))
            groups[count++] = (group){.first = step, .index = index};
        group *g = &groups[count - 1];
        g->steps++;
        g->flops += number(step, "flops");
        g->bytes += number(step, "bytes");
        index++;
    }
    return count;
}

/* The least time that the ceilings allow, in microseconds; 0 if they were not measured. */
static double floor_us(const group *g, const ceilings *best)
{
    if (best->copy_gbs <= 0 || best->matrix_gflops <= 0) return 0;
    double copy = g->bytes / best->copy_gbs * 1e-3, matrix = g->flops / best->matrix_gflops * 1e-3;
    return copy > matrix ? copy : matrix;
}

static void print_group(const group *g, const ceilings *best, double whole_us)
{
    const cJSON *dims = cJSON_GetObjectItem(g->first, "dims");
    char shape[48], name[64];
    snprintf(shape, sizeof shape, "%dx%dx%d",
             (int)cJSON_GetNumberValue(cJSON_GetArrayItem(dims, 1)),
             (int)cJSON_GetNumberValue(cJSON_GetArrayItem(dims, 2)),
             (int)cJSON_GetNumberValue(cJSON_GetArrayItem(dims, 3)));
    snprintf(name, sizeof name, "%s%s", text(g->first, "op"), g->steps > 1 ? " +" : "");
    double us = g->us > 0 ? g->us : 1e-3;
    printf("%4d %-16s %-28s %-13s %9.1f %5.1f%% %8.3f %8.2f %9.1f %8.1f", g->index, name,
           text(g->first, "row"), shape, g->us, 100 * g->us / whole_us, g->flops * 1e-9,
           g->bytes * 1e-6, g->flops / us * 1e-3, g->bytes / us * 1e-3);
    if (floor_us(g, best) > 0)
        printf(" %7.1f%%\n", 100 * floor_us(g, best) / us);
    else
        printf(" %8s\n", "-");
}

static void print_all(const group *groups, int count, const ceilings *best, const bench_options *o,
                      const char *version)
{
    group whole = {0};
    double floors = 0;
    int over = 0;
    for (int i = 0; i < count; i++) {
        over |= floor_us(&groups[i], best) > groups[i].us;
        whole.us += groups[i].us;
        whole.flops += groups[i].flops;
        whole.bytes += groups[i].bytes;
        floors += floor_us(&groups[i], best);
    }
    printf("%s at %dx%d, batch %d, %s, %d threads, %s; median of %d frames, in their order\n",
           table_model(o), o->the_case.width, o->the_case.height, o->the_case.batch,
           o->the_case.precision, o->the_case.threads, version, o->iterations);
    if (floors > 0)
        printf("ceilings measured now: copy %.1f GB/s (read and written), matrix product %.1f "
               "GFLOP/s\n",
               best->copy_gbs, best->matrix_gflops);
    else
        printf("ceilings: not measured on this device\n");
    printf("%4s %-16s %-28s %-13s %9s %6s %8s %8s %9s %8s %8s\n", "step", "op", "row", "output",
           "us", "time", "GFLOP", "MB", "GFLOP/s", "GB/s", "of best");
    for (int i = 0; i < count; i++) print_group(&groups[i], best, whole.us > 0 ? whole.us : 1);
    printf("in all: %.1f us, %.3f GFLOP, %.2f MB", whole.us, whole.flops * 1e-9,
           whole.bytes * 1e-6);
    if (floors > 0 && whole.us > 0)
        printf("; the ceilings allow %.1f us step by step: %.1f %% of best", floors,
               100 * floors / whole.us);
    printf("\n");
    if (over)
        printf("more than 100 %%: data that caches still held, or units that the product did not "
               "use\n");
}

static void add_group(cJSON *list, const group *g, const ceilings *best)
{
    cJSON *row = cJSON_CreateObject();
    cJSON_AddNumberToObject(row, "index", g->index);
    cJSON_AddNumberToObject(row, "steps", g->steps);
    cJSON_AddStringToObject(row, "op", text(g->first, "op"));
    cJSON_AddStringToObject(row, "row", text(g->first, "row"));
    cJSON_AddStringToObject(row, "nodes", text(g->first, "nodes"));
    cJSON_AddNumberToObject(row, "flops", g->flops);
    cJSON_AddNumberToObject(row, "bytes", g->bytes);
    cJSON_AddNumberToObject(row, "us", g->us);
    if (floor_us(g, best) > 0) cJSON_AddNumberToObject(row, "floor_us", floor_us(g, best));
    cJSON_AddItemToArray(list, row);
}

static int write_json(const group *groups, int count, const ceilings *best, const bench_options *o,
                      const runner *r)
{
    cJSON *root = table_head(o);
    cJSON_AddStringToObject(root, "kind", "roofline");
    cJSON_AddStringToObject(root, "runtime", r->name);
    cJSON_AddStringToObject(root, "version", r->version);
    if (best->copy_gbs > 0) cJSON_AddNumberToObject(root, "copy_gbs", best->copy_gbs);
    if (best->matrix_gflops > 0)
        cJSON_AddNumberToObject(root, "matrix_gflops", best->matrix_gflops);
    cJSON *list = cJSON_AddArrayToObject(root, "steps");
    for (int i = 0; i < count; i++) add_group(list, &groups[i], best);
    return table_write(root, o);
}

/* The median time of every group over the frames. `replies`: one to "steps" for each frame. */
static int take_times(cJSON *const *replies, int frames, group *groups, int count)
{
    double *each = calloc((size_t)frames, sizeof *each);
    if (!each) return -1;
    for (int g = 0; g < count; g++) {
        for (int f = 0; f < frames; f++) {
            const cJSON *steps = cJSON_GetObjectItem(replies[f], "steps");
            each[f] = number(cJSON_GetArrayItem(steps, groups[g].index), "us");
        }
        groups[g].us = quantile(each, frames, 0.5);
    }
    free(each);
    return 0;
}

static int report(cJSON *const *replies, const cJSON *limits, const runner *r,
                  const bench_options *o)
{
    const cJSON *steps = cJSON_GetObjectItem(replies[0], "steps");
    ceilings best = {number(limits, "copy_gbs"), number(limits, "matrix_gflops")};
    group *groups = calloc((size_t)cJSON_GetArraySize(steps) + 1, sizeof *groups);
    int count = groups ? make_groups(steps, groups) : 0;
    int bad = !count || take_times(replies, o->iterations, groups, count);
    if (!bad) {
        print_all(groups, count, &best, o, r->version);
        bad = write_json(groups, count, &best, o, r);
    }
    free(groups);
    return bad ? 2 : 0;
}

int roofline(runner *runners, int count, const bench_options *options)
{
    bench_options o = *options;
    o.the_case.measure = "frame";
    runner *r = runners;
    while (r < runners + count && !r->ours) r++;
    if (r == runners + count) return options_bad("--roofline is of our own runtimes only");
    cJSON **replies = calloc((size_t)o.iterations, sizeof(cJSON *));
    run_open(r, &o, 1);
    if (r->state == RUNNER_READY)
        cJSON_Delete(worker_ask(r, worker_command("steps"))); /* warm-up */
    int ready = replies != NULL;
    for (int i = 0; ready && i < o.iterations; i++) {
        if (r->state == RUNNER_READY) replies[i] = worker_ask(r, worker_command("steps"));
        ready = replies[i] != NULL;
    }
    cJSON *limits = ready ? worker_ask(r, worker_command("ceilings")) : NULL;
    worker_stop(r);
    int code = limits ? report(replies, limits, r, &o) : 2;
    if (!limits) fprintf(stderr, "posenet-bench: %s: %s\n", r->name, r->why);
    for (int i = 0; replies && i < o.iterations; i++) cJSON_Delete(replies[i]);
    free(replies);
    cJSON_Delete(limits);
    return code;
}
