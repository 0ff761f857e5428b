/* The engine's own worker: the protocol of bench/peers/README.md over engine/posenet.h. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "engine/posenet.h"

enum { FRAME_WIDTH = 1280, FRAME_HEIGHT = 720 };

const char *const head_names[HEADS] = {"heatmaps", "offsets", "displacement_fwd",
                                       "displacement_bwd"};

typedef struct session {
    posenet *engine;
    int frame; /* measures frames, not the network alone */
    int batch;
    posenet_tensor input, heads[POSENET_HEADS];
    double idle_mib; /* the process before open */
    posenet_image *images;
    posenet_pose *poses;
    int *counts;
} session;

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

static void session_close(session *s)
{
    posenet_close(&s->engine);
    free(s->input.data);
    for (int i = 0; i < POSENET_HEADS; i++) free(s->heads[i].data);
    if (s->images) free((void *)(uintptr_t)s->images[0].data);
    free(s->images);
    free(s->poses);
    free(s->counts);
    memset(s, 0, sizeof *s);
}

static size_t elements(const posenet_tensor *t)
{
    return (size_t)t->dims[0] * (size_t)t->dims[1] * (size_t)t->dims[2] * (size_t)t->dims[3];
}

static int tensor_new(posenet_tensor *t, int n, int height, int width, int channels)
{
    *t = (posenet_tensor){.size = sizeof *t, .dims = {n, height, width, channels}};
    t->data = calloc(elements(t), sizeof(float));
    return t->data ? 0 : -1;
}

/* Buffers for both measures; the frame is a seeded picture that is the same in every run. */
static int session_buffers(session *s, int max_poses)
{
    static const int channels[POSENET_HEADS] = {POSENET_PARTS, 2 * POSENET_PARTS, 2 * POSENET_EDGES,
                                                2 * POSENET_EDGES};
    int width, height, stride;
    if (posenet_get_input(s->engine, &width, &height, &stride, NULL)) return -1;
    if (tensor_new(&s->input, s->batch, height, width, 3)) return -1;
    for (int i = 0; i < POSENET_HEADS; i++) {
        int h = (height - 1) / stride + 1, w = (width - 1) / stride + 1;
        if (tensor_new(&s->heads[i], s->batch, h, w, channels[i])) return -1;
    }
    size_t bytes = (size_t)FRAME_WIDTH * FRAME_HEIGHT * 3;
    unsigned char *pixels = malloc(bytes);
    s->images = calloc((size_t)s->batch, sizeof *s->images);
    s->poses = calloc((size_t)s->batch * (size_t)max_poses, sizeof *s->poses);
    s->counts = calloc((size_t)s->batch, sizeof *s->counts);
    if (!pixels || !s->images || !s->poses || !s->counts) return free(pixels), -1;
    unsigned state = 1;
    for (size_t i = 0; i < bytes; i++) {
        state = state * 1664525u + 1013904223u;
        pixels[i] = (unsigned char)(state >> 24);
    }
    for (int i = 0; i < s->batch; i++)
        s->images[i] = (posenet_image){.size = sizeof *s->images,
                                       .data = pixels,
                                       .width = FRAME_WIDTH,
                                       .height = FRAME_HEIGHT};
    return 0;
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
    settings.threads = number_of(command, "threads", 0);
    int precision = one_of(text_of(command, "precision", "default"), precisions, 4);
    if (precision < 0) return failure("unknown precision");
    settings.precision = (posenet_precision)precision;
    s->frame = !strcmp(text_of(command, "measure", "network"), "frame");

    s->idle_mib = peak_mib();
    double start = now_ms();
    if (posenet_open(&s->engine, &settings)) return failure(posenet_last_error());
    double open_ms = now_ms() - start;
    if (session_buffers(s, settings.max_poses)) return failure("out of memory");
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

static cJSON *command_infer(session *s, const cJSON *command)
{
    if (!s->engine) return failure("infer before open");
    if (read_floats(text_of(command, "input", ""), s->input.data, elements(&s->input)))
        return failure("the input file does not fit the network's input");
    if (posenet_infer(s->engine, &s->input, s->heads)) return failure(posenet_last_error());
    for (int i = 0; i < POSENET_HEADS; i++)
        if (write_floats(text_of(command, "output", "."), head_names[i], s->heads[i].data,
                         elements(&s->heads[i])))
            return failure("the heads cannot be written");
    return success();
}

static cJSON *command_time(session *s, const cJSON *command)
{
    if (!s->engine) return failure("time before open");
    cJSON *reply = success();
    cJSON *samples = cJSON_AddArrayToObject(reply, "ms");
    for (int i = number_of(command, "iterations", 1); i > 0; i--) {
        double start = now_ms();
        posenet_status failed =
            s->frame ? posenet_estimate(s->engine, s->images, s->batch, NULL, s->poses, s->counts)
                     : posenet_infer(s->engine, &s->input, s->heads);
        double took = now_ms() - start;
        if (failed) return cJSON_Delete(reply), failure(posenet_last_error());
        cJSON_AddItemToArray(samples, cJSON_CreateNumber(took));
    }
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
    if (!strcmp(what, "open"))
        reply = command_open(s, command, device);
    else if (!strcmp(what, "infer"))
        reply = command_infer(s, command);
    else if (!strcmp(what, "time"))
        reply = command_time(s, command);
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
