/* The engine's own worker: what it answers to the commands that run the engine. */
#include "bench/self.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/bench.h"

static int read_floats(const char *path, float *data, size_t count)
{
    FILE *f = fopen(path, "rb");
    if (!f) return -1;
    size_t got = fread(data, sizeof *data, count, f);
    int more = fgetc(f) != EOF;
    fclose(f);
    return got == count && !more ? 0 : -1;
}

static int write_floats(const char *folder, const char *name, const float *data, size_t count)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s.f32", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f) return -1;
    size_t put = fwrite(data, sizeof *data, count, f);
    return fclose(f) == 0 && put == count ? 0 : -1;
}

/* The heads that the last call left in the engine, for whoever checks them. */
static int write_heads(session *s, const char *folder)
{
    for (int i = 0; i < POSENET_HEADS; i++) {
        int dims[4];
        size_t count = s->head_elements[i];
        if (posenet_get_head(s->engine, (posenet_head)i, dims, s->heads[i], count) ||
            write_floats(folder, head_names[i], s->heads[i], count))
            return -1;
    }
    return 0;
}

/* The same call that will be timed, and what it left. */
cJSON *self_infer(session *s, const cJSON *command)
{
    if (!s->engine) return self_failure("infer before open");
    if (read_floats(self_text(command, "input", ""), s->values, session_elements(&s->input)))
        return self_failure("the input file does not fit the network's input");
    double start = measure_now();
    if (session_put_input(s)) return self_failure("the input cannot be brought to the device");
    if (session_call(s)) return self_failure(posenet_last_error());
    double took = 1e3 * (measure_now() - start);
    if (write_heads(s, self_text(command, "output", ".")))
        return self_failure("the heads cannot be written");
    cJSON *reply = self_success();
    cJSON_AddNumberToObject(reply, "ms", took);
    return reply;
}

static cJSON *pose_json(const posenet_pose *pose)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "score", (double)pose->score);
    cJSON *list = cJSON_AddArrayToObject(object, "keypoints");
    for (int k = 0; k < POSENET_PARTS; k++) {
        const posenet_keypoint *p = &pose->keypoints[k];
        const double values[3] = {(double)p->x, (double)p->y, (double)p->score};
        cJSON_AddItemToArray(list, cJSON_CreateDoubleArray(values, 3));
    }
    return object;
}

cJSON *self_poses(session *s, const cJSON *command)
{
    const char *folder = self_text(command, "output", NULL);
    if (!s->engine || !s->frame)
        return self_failure("poses before open, or not of the frame measure");
    double start = measure_now();
    if (session_submit(s) || posenet_wait(s->engine, s->poses, s->counts))
        return self_failure(posenet_last_error());
    double took = 1e3 * (measure_now() - start);
    if (folder && write_heads(s, folder)) return self_failure("the heads cannot be written");
    cJSON *reply = self_success();
    cJSON_AddNumberToObject(reply, "ms", took);
    cJSON *pictures = cJSON_AddArrayToObject(reply, "poses");
    for (int i = 0; i < s->batch; i++) {
        cJSON *list = cJSON_CreateArray();
        for (int p = 0; p < s->counts[i]; p++)
            cJSON_AddItemToArray(list, pose_json(&s->poses[i * s->max_poses + p]));
        cJSON_AddItemToArray(pictures, list);
    }
    return reply;
}

static double cpu_ms(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return 1e3 * (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-3 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* Frames in flight end in bursts, several at once and then none for long, so one call's time says
 * nothing: each sample is the mean of one turn of the slots. With one slot that is the call. */
static posenet_status time_calls(session *s, int iterations, int turn, cJSON *samples)
{
    double starts[MAX_SLOTS];
    posenet_status code = POSENET_OK;
    for (int i = 1; code == POSENET_OK && i < turn; i++) code = session_submit(s);
    for (int i = 1 - turn; code == POSENET_OK && i < iterations; i++) {
        starts[(i + turn - 1) % turn] = measure_now();
        code = session_call(s);
        if (i < 0) continue;
        double oldest = starts[i % turn];
        cJSON_AddItemToArray(samples, cJSON_CreateNumber(1e3 * (measure_now() - oldest) / turn));
    }
    for (int i = 1; code == POSENET_OK && i < turn; i++)
        code = posenet_wait(s->engine, s->poses, s->counts);
    return code;
}

cJSON *self_time(session *s, const cJSON *command)
{
    if (!s->engine) return self_failure("time before open");
    int iterations = self_number(command, "iterations", 1), turn = s->frame ? s->slots : 1;
    cJSON *reply = self_success();
    cJSON *samples = cJSON_AddArrayToObject(reply, "ms");
    double cpu = cpu_ms();
    posenet_status code = time_calls(s, iterations, turn, samples);
    cJSON_AddNumberToObject(reply, "cpu_ms", (cpu_ms() - cpu) / (iterations + 2 * (turn - 1)));
    posenet_ledger ledger = {.size = sizeof ledger};
    if (code == POSENET_OK && s->frame) {
        code = posenet_get_ledger(s->engine, &ledger);
        cJSON_AddNumberToObject(reply, "bytes_up", (double)ledger.bytes_up);
        cJSON_AddNumberToObject(reply, "bytes_down", (double)ledger.bytes_down);
    }
    if (code == POSENET_OK) return reply;
    cJSON_Delete(reply);
    return self_failure(posenet_last_error());
}

static cJSON *step_json(const posenet_step_info *step)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "op", step->op);
    cJSON_AddStringToObject(object, "row", step->row);
    cJSON_AddStringToObject(object, "nodes", step->nodes);
    cJSON_AddBoolToObject(object, "covered", step->covered);
    cJSON_AddItemToObject(object, "dims", cJSON_CreateIntArray(step->dims, 4));
    cJSON_AddNumberToObject(object, "flops", (double)step->flops);
    cJSON_AddNumberToObject(object, "bytes", (double)step->bytes);
    cJSON_AddNumberToObject(object, "us", step->microseconds);
    return object;
}

cJSON *self_steps(session *s)
{
    int count;
    if (!s->engine || !s->frame)
        return self_failure("steps before open, or not of the frame measure");
    double start = measure_now();
    if (session_call(s) || posenet_get_step_count(s->engine, &count))
        return self_failure(posenet_last_error());
    cJSON *reply = self_success();
    cJSON_AddNumberToObject(reply, "ms", 1e3 * (measure_now() - start));
    cJSON *steps = cJSON_AddArrayToObject(reply, "steps");
    for (int i = 0; i < count; i++) {
        posenet_step_info step = {.size = sizeof step};
        if (posenet_get_step(s->engine, i, &step)) {
            cJSON_Delete(reply);
            return self_failure(posenet_last_error());
        }
        cJSON_AddItemToArray(steps, step_json(&step));
    }
    return reply;
}
