/* How cost grows: the same case at several sizes, batches, or numbers of frames in flight. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_POINTS = 16, LIST_BYTES = 256 };

typedef struct sweep_kind {
    const char *name, *values;
} sweep_kind;

static const sweep_kind kinds[] = {
    {"sizes", "129,257,385,513"}, {"batches", "1,2,4,8"}, {"slots", "1,2,4"}};

/* One value of the list, as the case means it; 0, or -1 if it makes no sense. */
static int take_value(const sweep_kind *kind, const char *text, bench_case *c)
{
    char *end;
    long number = strtol(text, &end, 10);
    if (kind == &kinds[0]) {
        c->width = c->height = (int)number;
        return *end ? options_size(text, &c->width, &c->height) : number > 0 ? 0 : -1;
    }
    if (*end || number < 1 || number > (kind == &kinds[1] ? 1024 : MAX_SLOTS)) return -1;
    if (kind == &kinds[1])
        c->batch = (int)number;
    else
        c->slots = (int)number;
    return 0;
}

/* Milliseconds an image of each runner, "-" for one that was not timed. */
static void print_point(const char *label, const runner *runners, int count, const bench_options *o)
{
    printf("%-12s", label);
    for (int i = 0; i < count; i++) {
        double p50 = quantile(runners[i].samples, runners[i].sample_count, 0.5);
        if (runners[i].state == RUNNER_READY)
            printf(" %22.3f", p50 / o->the_case.batch);
        else
            printf(" %22s", "-");
    }
    printf("\n");
    fflush(stdout);
}

static const sweep_kind *find_kind(const char *over, size_t length)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strlen(kinds[i].name) == length && !strncmp(kinds[i].name, over, length))
            return &kinds[i];
    return NULL;
}

/* Rivals keep one frame in flight, so slots are swept of our own runners only. */
static int only_ours(runner *runners, int count)
{
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (runners[i].ours) runners[kept++] = runners[i];
    return kept;
}

static void print_head(const sweep_kind *kind, const runner *runners, int count,
                       const bench_options *o)
{
    printf("%s, %s, %s, %d threads: ms an image, median, over %s\n%-12s", table_model(o),
           o->the_case.precision, o->the_case.measure, o->the_case.threads, kind->name, "");
    for (int i = 0; i < count; i++) printf(" %22s", runners[i].name);
    printf("\n");
}

int sweep(runner *runners, int count, const bench_options *options, const char *over)
{
    bench_options o = *options;
    size_t length = strcspn(over, ":");
    const sweep_kind *kind = find_kind(over, length);
    if (!kind) return options_bad("--sweep is over sizes, batches or slots");
    char list[LIST_BYTES];
    snprintf(list, sizeof list, "%s", over[length] ? over + length + 1 : kind->values);
    if (kind == &kinds[2]) {
        o.the_case.measure = "frame";
        count = only_ours(runners, count);
        if (!count) return options_bad("no runtime of ours is among --only, and slots are ours");
    }
    bench_options check = o;
    const char *words[MAX_POINTS];
    int points = 0, code = 0;
    for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
        if (points == MAX_POINTS || take_value(kind, word, &check.the_case))
            return options_bad("a value of --sweep makes no sense");
        words[points++] = word;
    }
    print_head(kind, runners, count, &o);
    cJSON *root = table_head(&o);
    cJSON_AddStringToObject(root, "kind", "sweep");
    cJSON_AddStringToObject(root, "over", kind->name);
    cJSON *records = cJSON_AddArrayToObject(root, "points");
    for (int i = 0; i < points && code != 2; i++) {
        take_value(kind, words[i], &o.the_case);
        int failed = run_case(runners, count, &o);
        if (failed > code) code = failed;
        if (failed != 2) print_point(words[i], runners, count, &o);
        cJSON_AddItemToArray(records, table_record(runners, count, &o));
        run_reset(runners, count);
    }
    return table_write(root, &o) ? 2 : code;
}
