/* One case: open every worker, verify, time. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static cJSON *open_command(const bench_case *c, int profile)
{
    cJSON *command = worker_command("open");
    cJSON_AddStringToObject(command, "model", c->model);
    cJSON_AddNumberToObject(command, "width", c->width);
    cJSON_AddNumberToObject(command, "height", c->height);
    cJSON_AddNumberToObject(command, "batch", c->batch);
    cJSON_AddNumberToObject(command, "threads", c->threads);
    cJSON_AddStringToObject(command, "precision", c->precision);
    cJSON_AddStringToObject(command, "measure", c->measure);
    cJSON_AddStringToObject(command, "frame", c->frame);
    cJSON_AddNumberToObject(command, "slots", c->slots);
    if (profile) cJSON_AddTrueToObject(command, "profile");
    return command;
}

static double number(const cJSON *reply, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(reply, key);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static void take_text(const cJSON *reply, const char *key, char *text, size_t bytes)
{
    const char *found = cJSON_GetStringValue(cJSON_GetObjectItem(reply, key));
    snprintf(text, bytes, "%s", found ? found : "");
}

/* The reply to "open", taken over; NULL: there is none. */
static void take_opened(runner *r, cJSON *reply)
{
    if (!reply) return;
    take_text(reply, "version", r->version, sizeof r->version);
    r->open_ms = number(reply, "open_ms");
    cJSON_Delete(reply);
}

void run_open(runner *r, const bench_options *o, int profile)
{
    if (!r->pid && worker_start(r, o)) {
        r->state = RUNNER_FAILED;
        return;
    }
    take_opened(r, worker_ask(r, open_command(&o->the_case, profile)));
}

/* Commands with a folder of its own for the heads that come of them; the reply, or NULL. */
static cJSON *ask_into(runner *r, cJSON *command, const char *folder)
{
    if (mkdir(folder, 0700)) {
        r->state = RUNNER_FAILED;
        snprintf(r->why, sizeof r->why, "%s cannot be made", folder);
        cJSON_Delete(command);
        return NULL;
    }
    cJSON_AddStringToObject(command, "output", folder);
    cJSON *reply = worker_ask(r, command);
    if (reply) r->first_ms = r->load_ms + r->open_ms + number(reply, "ms");
    return reply;
}

/* The first call, of the measure's own kind. */
static cJSON *first_call(runner *r, const bench_options *o, const char *folder)
{
    char input[PATH_BYTES];
    snprintf(input, sizeof input, "%s/input.f32", o->scratch);
    int frame = !strcmp(o->the_case.measure, "frame");
    cJSON *command = worker_command(frame ? "poses" : "infer");
    if (!frame) cJSON_AddStringToObject(command, "input", input);
    return ask_into(r, command, folder);
}

static void check_heads(runner *r, const char *got, const char *want, double limit)
{
    if (verify_compare(got, want, r->error, r->why)) {
        r->state = RUNNER_WRONG;
        return;
    }
    for (int h = 0; h < HEADS; h++) {
        if (r->error[h] <= limit) continue;
        r->state = RUNNER_WRONG;
        snprintf(r->why, sizeof r->why, "%s differ by %.2g of their norm, allowed is %.2g",
                 head_names[h], r->error[h], limit);
    }
}

static void verify_one(runner *r, const bench_options *o, int index)
{
    char want[PATH_BYTES], got[PATH_BYTES];
    snprintf(want, sizeof want, "%s/reference", o->scratch);
    snprintf(got, sizeof got, "%s/%d", o->scratch, index);
    double limit = o->tolerance > 0 ? o->tolerance : verify_tolerance(o->the_case.precision);
    cJSON *reply = first_call(r, o, got);
    if (reply) check_heads(r, got, want, limit);
    int frame = !strcmp(o->the_case.measure, "frame");
    if (r->state == RUNNER_READY && frame && frame_check(r, reply, got, &o->the_case))
        r->state = RUNNER_WRONG;
    cJSON_Delete(reply);
}

/* Everyone against the engine's cpu backend in fp32, with every core. 0, or -1 if that does not
 * run. */
static int verify_all(runner *runners, int count, const bench_options *o)
{
    char input[PATH_BYTES], want[PATH_BYTES];
    snprintf(input, sizeof input, "%s/input.f32", o->scratch);
    snprintf(want, sizeof want, "%s/reference", o->scratch);
    bench_options plain = *o;
    plain.the_case.precision = "fp32";
    plain.the_case.slots = 1;
    plain.the_case.threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    worker_environment(plain.the_case.threads);
    runner reference = {.name = "reference", .device = "cpu", .ours = 1};
    if (verify_write_input(input, &o->the_case))
        snprintf(reference.why, sizeof reference.why, "the scratch folder is not writable");
    else
        run_open(&reference, &plain, 0);
    worker_environment(o->the_case.threads);
    cJSON *reply = NULL;
    if (!reference.why[0] && reference.state == RUNNER_READY)
        reply = first_call(&reference, &plain, want);
    worker_stop(&reference);
    int known = reply != NULL;
    cJSON_Delete(reply);
    if (!known) fprintf(stderr, "posenet-bench: the reference run failed: %s\n", reference.why);
    for (int i = 0; known && i < count; i++)
        if (runners[i].state == RUNNER_READY) verify_one(&runners[i], o, i);
    return known ? 0 : -1;
}

/* What workers wrote would be in the next case's way. */
static void clear_heads(const bench_options *o, int count)
{
    char path[PATH_BYTES];
    for (int i = -1; i < count; i++) {
        for (int h = 0; h <= HEADS; h++) {
            const char *folder = "reference";
            char number_text[16];
            if (i >= 0) snprintf(number_text, sizeof number_text, "%d", i), folder = number_text;
            if (h < HEADS)
                snprintf(path, sizeof path, "%s/%s/%s.f32", o->scratch, folder, head_names[h]);
            else
                snprintf(path, sizeof path, "%s/%s", o->scratch, folder);
            remove(path);
        }
    }
}

/* Whether r can go on; those that the time given is too short for are left out, and say so. */
static int in_time(runner *r, const bench_options *o, double began)
{
    if (r->state != RUNNER_READY) return 0;
    if (!measure_late(o, began)) return 1;
    r->state = RUNNER_FAILED;
    snprintf(r->why, sizeof r->why, "not opened: the %d s were over", o->seconds);
    return 0;
}

/* What a worker times to choose from: it has the machine to itself. */
static void choose(runner *r)
{
    cJSON *reply = worker_ask(r, worker_command("choose"));
    if (!reply) return;
    take_text(reply, "settings", r->settings, sizeof r->settings);
    r->open_ms += number(reply, "ms");
    cJSON_Delete(reply);
}

/* What a rival compiles for a GPU keeps one core busy for seconds, so they open at once; this
 * engine comes first, since it may tune. Rivals on the CPU use all threads, so they take turns. */
static void open_all(runner *runners, int count, const bench_options *o, double began)
{
    int at_once[MAX_RUNNERS] = {0};
    for (int i = 0; i < count; i++) {
        runner *r = &runners[i];
        if (!in_time(r, o, began)) continue;
        at_once[i] = !r->ours && !strcmp(r->device, "cuda");
        if (at_once[i])
            worker_tell(r, open_command(&o->the_case, 0));
        else
            run_open(r, o, 0);
    }
    for (int i = 0; i < count; i++)
        if (at_once[i] && runners[i].state == RUNNER_READY)
            take_opened(&runners[i], worker_hear(&runners[i]));
    for (int i = 0; i < count; i++)
        if (in_time(&runners[i], o, began)) choose(&runners[i]);
}

int run_case(runner *runners, int count, const bench_options *o)
{
    double began = measure_now();
    worker_load_all(runners, count, o);
    open_all(runners, count, o, began);
    int code = verify_all(runners, count, o) ? 2 : 0;
    clear_heads(o, count);
    worker_device_memory(runners, count);
    if (!code) measure(runners, count, o, began);
    worker_device_memory(runners, count);
    for (int i = 0; i < count; i++)
        if (!code && runners[i].ours && runners[i].state >= RUNNER_FAILED) code = 1;
    worker_stop_all(runners, count);
    return code;
}

void run_reset(runner *runners, int count)
{
    for (int i = 0; i < count; i++) {
        runner *r = &runners[i], fresh = {.ours = r->ours, .single = r->single};
        free(r->samples);
        free(r->medians);
        free(r->cpu);
        memcpy(fresh.name, r->name, sizeof fresh.name);
        memcpy(fresh.program, r->program, sizeof fresh.program);
        memcpy(fresh.device, r->device, sizeof fresh.device);
        *r = fresh;
    }
}
