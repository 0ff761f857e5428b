#include "engine/handle.h"

#include <stdlib.h>
#include <string.h>

#include "engine/frames.h"
#include "engine/plans.h"

static status choose_precision(posenet_precision wish, device_kind device, precision *out)
{
    switch (wish) {
    case POSENET_PRECISION_DEFAULT:
        *out = device == DEVICE_CUDA ? PRECISION_FP16 : PRECISION_FP32;
        break;
    case POSENET_PRECISION_FP32: *out = PRECISION_FP32; break;
    case POSENET_PRECISION_TF32: *out = PRECISION_TF32; break;
    case POSENET_PRECISION_FP16: *out = PRECISION_FP16; break;
    }
    if (device != DEVICE_CUDA && *out != PRECISION_FP32)
        return fail(STATUS_UNSUPPORTED, "%s computes in fp32 only; %s needs cuda",
                    device_kind_name(device), precision_name(*out));
    return STATUS_OK;
}

static void leave_device(posenet *e)
{
    plans_free(e);
    pack_cache_free(&e->packs);
    device_close(&e->device);
}

static status start_on(posenet *e, device_kind kind)
{
    const posenet_settings *s = &e->settings;
    TRY(choose_precision(s->precision, kind, &e->precision));
    if (kind == DEVICE_CUDA)
        TRY(device_cuda_open(s->device_index, &e->device));
    else
        TRY(device_host_open(kind, &e->device));
    e->device->blocking = s->wait == POSENET_WAIT_BLOCK;
    pack_memory memory = device_pack_memory(e->device);
    TRY(pack_cache_new(&memory, &e->packs));
    return plans_prepare(e, s->width, s->height, 0);
}

/* AUTO: the CPU where there is no GPU or not everything runs there; other failures stay failures.
 */
static status start(posenet *e)
{
    switch (e->settings.device) {
    case POSENET_DEVICE_CPU: return start_on(e, DEVICE_CPU);
    case POSENET_DEVICE_REF: return start_on(e, DEVICE_REF);
    case POSENET_DEVICE_CUDA: return start_on(e, DEVICE_CUDA);
    case POSENET_DEVICE_AUTO: break;
    }
    status code = start_on(e, DEVICE_CUDA);
    if (code != STATUS_DEVICE && code != STATUS_UNSUPPORTED) return code;
    leave_device(e);
    fail_clear();
    return start_on(e, DEVICE_CPU);
}

static void read_tuning(posenet *e)
{
    posenet_settings *s = &e->settings;
    tune_cache_folder(s->tune_folder, e->tune_folder);
    s->tune_folder = NULL;
    e->tuning = (tuning){.mode = (tune_mode)s->tune,
                         .folder = e->tune_folder,
                         .report = s->tune_report,
                         .report_user = s->tune_user};
}

status handle_open(posenet *e, const posenet_settings *settings, model_request *request)
{
    e->current = -1;
    TRY(settings_read(settings, &e->settings));
    request->normalize = e->settings.normalize;
    memcpy(request->heads, e->settings.heads, sizeof request->heads);
    if (!request->bytes) {
        const char *path = e->settings.model;
        if (!path || !*path)
            return fail(STATUS_ARGUMENT, "settings.model is %s", path ? "empty" : "NULL");
        request->path = path;
    }
    TRY(model_open(request, &e->model));
    e->settings.model = NULL;
    read_tuning(e);
    memset(e->settings.heads, 0, sizeof e->settings.heads);
    return start(e);
}

void handle_close(posenet *e)
{
    frames_drain(e);
    leave_device(e);
    model_close(&e->model);
    free(e->images);
    free(e);
}
