/* The kernel check: every row of this build against the ref rows, over every case that it covers.
 * Test and stopwatch in one; see usage below. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "family.h"
#include "timing.h"
#include "trial.h"

static const char usage[] =
    "kernel_check [options]       every row against ref; exit 0: all passed, 1: not\n"
    "  --seed N       of the random inputs (printed; default 1)\n"
    "  --filter TEXT  only rows whose name contains TEXT\n"
    "  --case TEXT    only cases whose family or name contains TEXT\n"
    "  --skip TEXT    none of those whose family or name contains TEXT\n"
    "  --threads N    host threads of cpu rows (default: every core)\n"
    "  --time         also times what passed: median microseconds\n"
    "  --ways         every way that a row has (tiles, algorithms), not only its own choice\n"
    "  --list         prints rows and cases, computes nothing\n"
    "  --json         one JSON object a line instead of text\n"
    "  --model NAME   times the layers of resnet50 or mobilenet_v1_{050,075,100} instead\n"
    "     --size N (257)  --stride N (16)  --repeats N (50)  --brief\n";

typedef struct options {
    uint64_t seed;
    const char *filter, *case_filter, *skip;
    int threads, time, ways, list, json;
    timing_model model;
} options;

/* What a case is computed in. */
typedef struct variant {
    const char *name;
    element_type type;
    precision precision;
    int cuda_only;
} variant;

static const variant variants[] = {{"fp32", TYPE_FP32, PRECISION_FP32, 0},
                                   {"tf32", TYPE_FP32, PRECISION_TF32, 1},
                                   {"fp16", TYPE_FP16, PRECISION_FP16, 0}};

enum { VARIANTS = sizeof variants / sizeof *variants, MOST_ROWS = 256 };

typedef struct tally {
    int passed, failed, skipped;
    int cases[MOST_ROWS]; /* of each row of all_rows: cases that it covers */
    int told[MOST_ROWS];  /* of each row: why it is skipped was said */
} tally;

static void report(const options *o, const row *r, const variant *v, const char *name,
                   const char *result, const verdict *judged, double microseconds)
{
    if (o->json) {
        printf("{\"row\":\"%s\",\"case\":\"%s\",\"precision\":\"%s\",\"result\":\"%s\"", r->name,
               name, v->name, result);
        if (judged) printf(",\"worst\":%.3g", judged->worst);
        if (microseconds > 0) printf(",\"microseconds\":%.3f", microseconds);
        printf("}\n");
        return;
    }
    if (judged && !judged->passed)
        printf("FAILED  %s %s, %s: %s\n", r->name, v->name, name, judged->text);
    else if (microseconds > 0)
        printf("%-7s %s %s, %s: worst %.2g, %.1f us\n", result, r->name, v->name, name,
               judged ? judged->worst : 0, microseconds);
}

/* Once a row. */
static void tell_why(const options *o, int number, const char *why, tally *counts)
{
    if (!o->json && *why && !counts->told[number])
        printf("skipped %s: %s\n", all_rows[number]->name, why);
    counts->told[number] |= *why != '\0';
}

/* What is computed now, for a row that crashes: a covers that forgets a type is soon there. */
static char under_way[256];

static void name_crash(int number)
{
    ssize_t written = write(STDOUT_FILENO, under_way, strlen(under_way));
    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

static void watch_crashes(void)
{
#ifndef __SANITIZE_ADDRESS__ /* it says more */
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) signal(crashes[i], name_crash);
#else
    (void)name_crash;
#endif
    setvbuf(stdout, NULL, _IOLBF, 0);
}

/* One way of a row on one case. */
static status check_way(const options *o, const trial *t, const timing_case *c, const variant *v,
                        int row_number, int way, tally *counts)
{
    const row *r = all_rows[row_number];
    char name[160], number[24] = "";
    if (way > 0) snprintf(number, sizeof number, ", way %d", way);
    snprintf(name, sizeof name, "%s %s%s", c->family->name, t->p->name, number);
    if (device_of(r)->missing) {
        counts->skipped++;
        report(o, r, v, name, "skipped", NULL, 0);
        return STATUS_OK;
    }
    verdict judged;
    double microseconds = 0;
    snprintf(under_way, sizeof under_way, "FAILED  %s %s, %s: crashed\n", r->name, v->name, name);
    TRY(trial_judge(t, r, way, v->precision, o->threads, &judged));
    if (judged.skipped) {
        counts->skipped++;
        tell_why(o, row_number, judged.text, counts);
        report(o, r, v, name, "skipped", NULL, 0);
        return STATUS_OK;
    }
    if (judged.passed && o->time) TRY(timing_measure(c, r, way, &microseconds));
    counts->passed += judged.passed;
    counts->failed += !judged.passed;
    report(o, r, v, name, judged.passed ? "passed" : "failed", &judged, microseconds);
    return STATUS_OK;
}

static status check_row(const options *o, const trial *t, const timing_case *c, const variant *v,
                        int row_number, tally *counts)
{
    const row *r = all_rows[row_number];
    int ways = 1;
    if (o->ways && !device_of(r)->missing)
        ways = session_variants(t->p, v->precision, o->threads, r);
    for (int way = 0; way < ways; way++) TRY(check_way(o, t, c, v, row_number, way, counts));
    return STATUS_OK;
}

static int is_wanted(const options *o, const row *r)
{
    return !o->filter || strstr(r->name, o->filter);
}

static int is_wanted_case(const options *o, const char *family, const char *name)
{
    if (o->skip && (strstr(family, o->skip) || strstr(name, o->skip))) return 0;
    return !o->case_filter || strstr(family, o->case_filter) || strstr(name, o->case_filter);
}

/* One case: computed by ref once, then by every row that covers all of it. */
static status check_case(const options *o, const timing_case *c, const variant *v, tally *counts)
{
    problem *p = NULL;
    status done = problem_new(c->seed, c->type, &p);
    if (done == STATUS_OK) done = c->family->build(p, c->index);
    trial t = {.p = p};
    int opened = 0;
    int skip = done == STATUS_OK && !is_wanted_case(o, c->family->name, p->name);
    for (int i = 0; all_rows[i] && done == STATUS_OK && !skip; i++) {
        const row *r = all_rows[i];
        if (!is_wanted(o, r) || (v->cuda_only && r->device != DEVICE_CUDA)) continue;
        if (r->covers(&p->net, 0, v->precision) != p->net.step_count) continue;
        counts->cases[i]++;
        if (o->list) {
            printf("%s: %s %s, %s\n", r->name, c->family->name, p->name, v->name);
            continue;
        }
        if (!device_of(r)->missing && !device_serves(device_of(r), r)) {
            char why[80];
            snprintf(why, sizeof why, "made for compute capability %d, the kernels here are for %d",
                     r->least_compute, device_of(r)->compute);
            counts->skipped++;
            tell_why(o, i, why, counts);
            continue;
        }
        if (!opened && !device_of(r)->missing) {
            done = trial_open(&t, p);
            opened = 1;
        }
        if (done == STATUS_OK) done = check_row(o, &t, c, v, i, counts);
    }
    trial_close(&t);
    return done;
}

static status check_all(const options *o, tally *counts)
{
    uint64_t seed = o->seed;
    for (const family *const *f = all_families; *f; f++)
        for (int index = 0; index < (*f)->count; index++)
            for (int v = 0; v < VARIANTS; v++) {
                seed += 0x632be59bd9b4e019u;
                timing_case c = {*f,        index, seed, variants[v].type, variants[v].precision,
                                 o->threads};
                TRY(check_case(o, &c, &variants[v], counts));
            }
    return STATUS_OK;
}

/* A row that nothing checks may compute anything. */
static void count_uncovered(const options *o, tally *counts)
{
    for (int i = 0; all_rows[i]; i++) {
        if (!is_wanted(o, all_rows[i]) || counts->cases[i] || o->case_filter || o->skip) continue;
        printf("FAILED  %s: no case covers it; add one to tests/kernel_check\n", all_rows[i]->name);
        counts->failed++;
    }
}

static int parse_switch(options *o, const char *name)
{
    int *const places[] = {&o->time, &o->ways, &o->list, &o->json, &o->model.brief};
    static const char *const names[] = {"--time", "--ways", "--list", "--json", "--brief"};
    for (int i = 0; i < 5; i++)
        if (strcmp(name, names[i]) == 0) return *places[i] = 1;
    return 0;
}

static int parse_value(options *o, const char *name, const char *value)
{
    const struct {
        const char *name;
        int *number;
        const char **text;
    } known[] = {{"--threads", &o->threads, NULL},     {"--size", &o->model.size, NULL},
                 {"--stride", &o->model.stride, NULL}, {"--repeats", &o->model.repeats, NULL},
                 {"--filter", NULL, &o->filter},       {"--case", NULL, &o->case_filter},
                 {"--model", NULL, &o->model.name},    {"--skip", NULL, &o->skip}};
    if (strcmp(name, "--seed") == 0) {
        o->seed = strtoull(value, NULL, 10);
        return 1;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(name, known[i].name) != 0) continue;
        if (known[i].number)
            *known[i].number = atoi(value);
        else
            *known[i].text = value;
        return 1;
    }
    return 0;
}

static int parse(options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (parse_switch(o, argv[i])) continue;
        if (i + 1 >= argc || !parse_value(o, argv[i], argv[i + 1])) return 0;
        i++;
    }
    return o->model.repeats > 0 && o->model.size > 0;
}

int main(int argc, char **argv)
{
    options o = {.seed = 1, .model = {.size = 257, .stride = 16, .repeats = 50}};
    if (!parse(&o, argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    tally counts = {0};
    status done;
    watch_crashes();
    if (o.model.name) {
        o.model.filter = o.filter;
        o.model.threads = o.threads;
        o.model.seed = o.seed;
        done = timing_print_model(&o.model);
    } else {
        if (!o.json && !o.list) printf("seed %llu\n", (unsigned long long)o.seed);
        done = check_all(&o, &counts);
        count_uncovered(&o, &counts);
    }
    if (done != STATUS_OK) fprintf(stderr, "kernel_check: %s\n", fail_text());
    if (!o.list && !o.model.name)
        printf("%d passed, %d failed, %d skipped\n", counts.passed, counts.failed, counts.skipped);
    int nothing = !o.list && !o.model.name && !(counts.passed + counts.failed + counts.skipped);
    if (nothing) fprintf(stderr, "kernel_check: no row and case is called that\n");
    return done != STATUS_OK || nothing || counts.failed > 0;
}
