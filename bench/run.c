/* One case: open every worker, verify, time. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

void run_open(runner *r, const bench_options *o, int profile)
{
    if (worker_start(r, o)) {
        r->state = RUNNER_FAILED;
        return;
    }
    cJSON *reply = worker_ask(r, open_command(&o->the_case, profile));
    if (!reply) return;
    const char *version = cJSON_GetStringValue(cJSON_GetObjectItem(reply, "version"));
    snprintf(r->version, sizeof r->version, "%s", version ? version : "");
    r->open_ms = r->first_ms = number(reply, "open_ms");
    cJSON_Delete(reply);
}

/* The heads of the input file, written into a new folder. */
static int infer_into(runner *r, const char *input, const char *folder)
{
    if (mkdir(folder, 0700)) {
        r->state = RUNNER_FAILED;
        snprintf(r->why, sizeof r->why, "%s cannot be made", folder);
        return -1;
    }
    cJSON *command = worker_command("infer");
    cJSON_AddStringToObject(command, "input", input);
    cJSON_AddStringToObject(command, "output", folder);
    cJSON *reply = worker_ask(r, command);
    if (reply && r->first_ms == r->open_ms) r->first_ms += number(reply, "ms");
    cJSON_Delete(reply);
    return reply ? 0 : -1;
}

/* The reply to "poses", or NULL. */
static cJSON *poses_of(runner *r, int single)
{
    cJSON *command = worker_command("poses");
    if (single) cJSON_AddTrueToObject(command, "single");
    cJSON *reply = worker_ask(r, command);
    if (reply && r->first_ms == r->open_ms) r->first_ms += number(reply, "ms");
    return reply;
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

/* Pixels of the frame that one of the network's input is. */
static double frame_scale(const bench_case *c)
{
    double x = (double)FRAME_WIDTH / c->width, y = (double)FRAME_HEIGHT / c->height;
    return x > y ? x : y;
}

/* Poses before heads, so that the first call is of the measure's own kind. fp16 moves a keypoint by
 * parts of a pixel and may let a faint pose cross the threshold; fp32 does neither. */
static void check_poses(runner *r, runner *reference, const bench_case *c)
{
    int exact = !strcmp(c->precision, "fp32");
    double scale = frame_scale(c);
    cJSON *want = poses_of(reference, r->single), *got = poses_of(r, r->single);
    if (want && got &&
        frame_compare(got, want, (exact ? 0.5 : 3.0) * scale, exact ? 0 : 0.3, &r->pose_error,
                      &r->pose_count, r->why))
        r->state = RUNNER_WRONG;
    r->pose_error /= scale;
    cJSON_Delete(want);
    cJSON_Delete(got);
}

static void verify_one(runner *r, runner *reference, const bench_options *o, int index)
{
    char input[PATH_BYTES], want[PATH_BYTES], got[PATH_BYTES];
    snprintf(input, sizeof input, "%s/input.f32", o->scratch);
    snprintf(want, sizeof want, "%s/reference", o->scratch);
    snprintf(got, sizeof got, "%s/%d", o->scratch, index);
    double limit = o->tolerance > 0 ? o->tolerance : verify_tolerance(o->the_case.precision);
    if (!strcmp(o->the_case.measure, "frame")) check_poses(r, reference, &o->the_case);
    if (r->state == RUNNER_READY && !infer_into(r, input, got)) check_heads(r, got, want, limit);
}

/* Everyone against the engine's cpu backend in fp32. 0, or -1 if that does not run. */
static int verify_all(runner *runners, int count, const bench_options *o)
{
    char input[PATH_BYTES], want[PATH_BYTES];
    snprintf(input, sizeof input, "%s/input.f32", o->scratch);
    snprintf(want, sizeof want, "%s/reference", o->scratch);
    bench_options plain = *o;
    plain.the_case.precision = "fp32";
    plain.the_case.slots = 1;
    runner reference = {.name = "reference", .device = "cpu", .ours = 1};
    if (verify_write_input(input, &o->the_case))
        snprintf(reference.why, sizeof reference.why, "the scratch folder is not writable");
    else
        run_open(&reference, &plain, 0);
    int bad =
        reference.why[0] || reference.state != RUNNER_READY || infer_into(&reference, input, want);
    if (bad) fprintf(stderr, "posenet-bench: the reference run failed: %s\n", reference.why);
    for (int i = 0; !bad && i < count; i++)
        if (runners[i].state == RUNNER_READY) verify_one(&runners[i], &reference, o, i);
    worker_stop(&reference);
    return bad ? -1 : 0;
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

int run_case(runner *runners, int count, const bench_options *o)
{
    for (int i = 0; i < count; i++) run_open(&runners[i], o, 0);
    int code = verify_all(runners, count, o) ? 2 : 0;
    clear_heads(o, count);
    if (!code) measure(runners, count, o);
    for (int i = 0; i < count; i++) {
        if (!code && runners[i].ours && runners[i].state == RUNNER_WRONG) code = 1;
        worker_stop(&runners[i]);
    }
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
