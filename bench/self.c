/* The engine's own worker: the protocol of bench/peers/README.md over engine/posenet.h. */
#include "bench/bench.h"
#include "bench/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "engine/posenet.h"

const char *const head_names[HEADS] = {"heatmaps", "offsets", "displacement_fwd",
                                       "displacement_bwd"};

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static double peak_mib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static cJSON *failure(const char *why)
{
    cJSON *reply = cJSON_CreateObject();
    cJSON_AddBoolToObject(reply, "ok", 0);
    cJSON_AddStringToObject(reply, "why", why);
    return reply;
}

static cJSON *success(void)
{
    cJSON *reply = cJSON_CreateObject();
    cJSON_AddBoolToObject(reply, "ok", 1);
    return reply;
}

static const char *text_of(const cJSON *command, const char *key, const char *otherwise)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(command, key));
    return text ? text : otherwise;
}

static int number_of(const cJSON *command, const char *key, int otherwise)
{
    const cJSON *item = cJSON_GetObjectItem(command, key);
    return cJSON_IsNumber(item) ? item->valueint : otherwise;
}

static int one_of(const char *text, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(text, names[i])) return i;
    return -1;
}

static cJSON *command_open(session *s, const cJSON *command, posenet_device device)
{
    static const char *const precisions[] = {"default", "fp32", "tf32", "fp16"};
    posenet_settings settings;
    posenet_default_settings(&settings, sizeof settings);
    settings.model = text_of(command, "model", NULL);
    settings.device = device;
    settings.width = number_of(command, "width", 0);
    settings.height = number_of(command, "height", 0);
    settings.batch = s->batch = number_of(command, "batch", 1);
    settings.threads = s->threads = number_of(command, "threads", 0);
    settings.slots = s->slots = number_of(command, "slots", 1);
    if (s->slots < 1 || s->slots > MAX_SLOTS) return failure("1 to 8 frames in flight");
    settings.profile = cJSON_IsTrue(cJSON_GetObjectItem(command, "profile"));
    s->max_poses = settings.max_poses = 5; /* what rivals look for, too */
    s->on_cpu = device != POSENET_DEVICE_CUDA;
    int precision = one_of(text_of(command, "precision", "default"), precisions, 4);
    if (precision < 0) return failure("unknown precision");
    settings.precision = (posenet_precision)precision;
    s->precision = precisions[precision];
    s->half = !s->on_cpu && (settings.precision == POSENET_PRECISION_FP16 ||
                             settings.precision == POSENET_PRECISION_DEFAULT);
    s->frame = !strcmp(text_of(command, "measure", "network"), "frame");
    char why[WHY_BYTES];
    if (s->frame && !(s->pixels = frame_read(text_of(command, "frame", ""), why)))
        return failure(why);

    s->idle_mib = peak_mib();
    double start = now_ms();
    if (posenet_open(&s->engine, &settings)) return failure(posenet_last_error());
    double open_ms = now_ms() - start;
    if (session_buffers(s)) return failure("out of memory");
    cJSON *reply = success();
    char version[NAME_BYTES];
    snprintf(version, sizeof version, "posenet %s, %s", posenet_version(),
             posenet_device_name(s->engine));
    cJSON_AddStringToObject(reply, "version", version);
    cJSON_AddNumberToObject(reply, "open_ms", open_ms);
    return reply;
}

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
static cJSON *command_infer(session *s, const cJSON *command)
{
    if (!s->engine) return failure("infer before open");
    if (read_floats(text_of(command, "input", ""), s->values, session_elements(&s->input)))
        return failure("the input file does not fit the network's input");
    double start = now_ms();
    if (session_put_input(s)) return failure("the input cannot be brought to the device");
    if (session_call(s)) return failure(posenet_last_error());
    double took = now_ms() - start;
    if (write_heads(s, text_of(command, "output", ".")))
        return failure("the heads cannot be written");
    cJSON *reply = success();
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

static cJSON *command_poses(session *s, const cJSON *command)
{
    const char *folder = text_of(command, "output", NULL);
    if (!s->engine || !s->frame) return failure("poses before open, or not of the frame measure");
    double start = now_ms();
    if (session_submit(s) || posenet_wait(s->engine, s->poses, s->counts))
        return failure(posenet_last_error());
    double took = now_ms() - start;
    if (folder && write_heads(s, folder)) return failure("the heads cannot be written");
    cJSON *reply = success();
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
        starts[(i + turn - 1) % turn] = now_ms();
        code = session_call(s);
        if (i < 0) continue;
        double oldest = starts[i % turn];
        cJSON_AddItemToArray(samples, cJSON_CreateNumber((now_ms() - oldest) / turn));
    }
    for (int i = 1; code == POSENET_OK && i < turn; i++)
        code = posenet_wait(s->engine, s->poses, s->counts);
    return code;
}

static cJSON *command_time(session *s, const cJSON *command)
{
    if (!s->engine) return failure("time before open");
    int iterations = number_of(command, "iterations", 1), turn = s->frame ? s->slots : 1;
    cJSON *reply = success();
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
    return failure(posenet_last_error());
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

/* The steps of the last frame, and its whole time by the clock. */
static cJSON *command_steps(session *s)
{
    int count;
    if (!s->engine || !s->frame) return failure("steps before open, or not of the frame measure");
    double start = now_ms();
    if (session_call(s) || posenet_get_step_count(s->engine, &count))
        return failure(posenet_last_error());
    cJSON *reply = success();
    cJSON_AddNumberToObject(reply, "ms", now_ms() - start);
    cJSON *steps = cJSON_AddArrayToObject(reply, "steps");
    for (int i = 0; i < count; i++) {
        posenet_step_info step = {.size = sizeof step};
        if (posenet_get_step(s->engine, i, &step)) {
            cJSON_Delete(reply);
            return failure(posenet_last_error());
        }
        cJSON_AddItemToArray(steps, step_json(&step));
    }
    return reply;
}

static cJSON *command_ceilings(const session *s)
{
    cJSON *reply = success();
    double copy = s->on_cpu ? ceiling_copy(s->threads) : ceiling_copy_cuda();
    double matrix = s->on_cpu ? ceiling_matrix() : ceiling_matrix_cuda(s->precision);
    cJSON_AddNumberToObject(reply, "copy_gbs", copy);
    cJSON_AddNumberToObject(reply, "matrix_gflops", matrix);
    return reply;
}

static cJSON *command_memory(const session *s)
{
    cJSON *reply = success();
    cJSON_AddNumberToObject(reply, "peak_mib", peak_mib() - s->idle_mib);
    return reply;
}

static cJSON *answer(session *s, const char *line, posenet_device device)
{
    cJSON *command = cJSON_Parse(line);
    const char *what = text_of(command, "command", "");
    cJSON *reply;
    if (!strcmp(what, "load"))
        reply = success(); /* nothing to load that open would not */
    else if (!strcmp(what, "open"))
        reply = command_open(s, command, device);
    else if (!strcmp(what, "infer"))
        reply = command_infer(s, command);
    else if (!strcmp(what, "time"))
        reply = command_time(s, command);
    else if (!strcmp(what, "poses"))
        reply = command_poses(s, command);
    else if (!strcmp(what, "steps"))
        reply = command_steps(s);
    else if (!strcmp(what, "ceilings"))
        reply = command_ceilings(s);
    else if (!strcmp(what, "memory"))
        reply = command_memory(s);
    else
        reply = failure("unknown command");
    cJSON_Delete(command);
    return reply;
}

int self_worker(const char *device_name)
{
    static const char *const devices[] = {"auto", "cpu", "ref", "cuda"};
    int device = one_of(device_name, devices, 4);
    if (device < 0) {
        fprintf(stderr, "posenet-bench: --worker %s: unknown device\n", device_name);
        return 2;
    }
    session s = {0};
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0) {
        cJSON *reply = answer(&s, line, (posenet_device)device);
        char *text = cJSON_PrintUnformatted(reply);
        puts(text ? text : "{\"ok\":false,\"why\":\"out of memory\"}");
        fflush(stdout);
        cJSON_free(text);
        cJSON_Delete(reply);
    }
    free(line);
    session_close(&s);
    return 0;
}
