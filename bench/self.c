/* The engine's own worker: the protocol of bench/peers/README.md over engine/posenet.h; opening. */
#include "bench/self.h"
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "engine/posenet.h"

const char *const head_names[HEADS] = {"heatmaps", "offsets", "displacement_fwd",
                                       "displacement_bwd"};

static double peak_mib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

cJSON *self_failure(const char *why)
{
    cJSON *reply = cJSON_CreateObject();
    cJSON_AddBoolToObject(reply, "ok", 0);
    cJSON_AddStringToObject(reply, "why", why);
    return reply;
}

cJSON *self_success(void)
{
    cJSON *reply = cJSON_CreateObject();
    cJSON_AddBoolToObject(reply, "ok", 1);
    return reply;
}

const char *self_text(const cJSON *command, const char *key, const char *otherwise)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(command, key));
    return text ? text : otherwise;
}

int self_number(const cJSON *command, const char *key, int otherwise)
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
    settings.model = self_text(command, "model", NULL);
    settings.device = device;
    settings.width = self_number(command, "width", 0);
    settings.height = self_number(command, "height", 0);
    settings.batch = s->batch = self_number(command, "batch", 1);
    settings.threads = s->threads = self_number(command, "threads", 0);
    settings.slots = s->slots = self_number(command, "slots", 1);
    if (s->slots < 1 || s->slots > MAX_SLOTS) return self_failure("1 to 64 frames in flight");
    settings.profile = cJSON_IsTrue(cJSON_GetObjectItem(command, "profile"));
    s->max_poses = settings.max_poses = 5; /* what rivals look for, too */
    s->on_cpu = device != POSENET_DEVICE_CUDA;
    int precision = one_of(self_text(command, "precision", "default"), precisions, 4);
    if (precision < 0) return self_failure("unknown precision");
    settings.precision = (posenet_precision)precision;
    s->precision = precisions[precision];
    s->half = !s->on_cpu && (settings.precision == POSENET_PRECISION_FP16 ||
                             settings.precision == POSENET_PRECISION_DEFAULT);
    s->frame = !strcmp(self_text(command, "measure", "network"), "frame");
    char why[WHY_BYTES];
    if (s->frame && !(s->pixels = frame_read(self_text(command, "frame", ""), why)))
        return self_failure(why);

    s->idle_mib = peak_mib();
    double start = measure_now();
    posenet_status code = posenet_open(&s->engine, &settings);
    if (code) {
        cJSON *reply = self_failure(posenet_last_error());
        if (code == POSENET_ERROR_DEVICE) cJSON_AddTrueToObject(reply, "missing");
        return reply;
    }
    double open_ms = 1e3 * (measure_now() - start);
    int width, height;
    posenet_get_input(s->engine, &width, &height, NULL, NULL);
    if (width != settings.width || height != settings.height) {
        snprintf(why, sizeof why, "no size of this network is %dx%d; %dx%d is one", settings.width,
                 settings.height, width, height);
        return self_failure(why);
    }
    if (session_buffers(s)) return self_failure("out of memory");
    cJSON *reply = self_success();
    char version[NAME_BYTES];
    snprintf(version, sizeof version, "posenet %s, %s", posenet_version(),
             posenet_device_name(s->engine));
    cJSON_AddStringToObject(reply, "version", version);
    cJSON_AddNumberToObject(reply, "open_ms", open_ms);
    return reply;
}

static cJSON *command_ceilings(const session *s)
{
    cJSON *reply = self_success();
    double copy = s->on_cpu ? ceiling_copy(s->threads) : ceiling_copy_cuda();
    double matrix = s->on_cpu ? ceiling_matrix() : ceiling_matrix_cuda(s->precision);
    cJSON_AddNumberToObject(reply, "copy_gbs", copy);
    cJSON_AddNumberToObject(reply, "matrix_gflops", matrix);
    return reply;
}

static cJSON *command_memory(const session *s)
{
    cJSON *reply = self_success();
    cJSON_AddNumberToObject(reply, "peak_mib", peak_mib() - s->idle_mib);
    return reply;
}

static cJSON *answer(session *s, const char *line, posenet_device device)
{
    cJSON *command = cJSON_Parse(line);
    const char *what = self_text(command, "command", "");
    cJSON *reply;
    if (!strcmp(what, "load") || !strcmp(what, "choose"))
        reply = self_success(); /* nothing that open would not do */
    else if (!strcmp(what, "open"))
        reply = command_open(s, command, device);
    else if (!strcmp(what, "infer"))
        reply = self_infer(s, command);
    else if (!strcmp(what, "time"))
        reply = self_time(s, command);
    else if (!strcmp(what, "poses"))
        reply = self_poses(s, command);
    else if (!strcmp(what, "steps"))
        reply = self_steps(s);
    else if (!strcmp(what, "ceilings"))
        reply = command_ceilings(s);
    else if (!strcmp(what, "memory"))
        reply = command_memory(s);
    else
        reply = self_failure("unknown command");
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
