/* The public interface, call by call: check what came, hand it to the room that does it.
 *
 *   settings.c        what callers pass         handle.c   open: device, model, first plan; close
 *   plans.c           the plans of a handle     frames.c   pictures in, poses out, heads out
 *   decode_tensors.c  the decoder alone
 */
#include "engine/posenet.h"

#include <string.h>

#include "engine/decode_tensors.h"
#include "engine/frames.h"
#include "engine/handle.h"
#include "engine/inside.h"
#include "engine/plans.h"
#include "engine/version.h"
#include "kernels/decode/skeleton.h"

#define SAME_CODE(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), "status codes")
SAME_CODE(STATUS_OK, POSENET_OK);
SAME_CODE(STATUS_ARGUMENT, POSENET_ERROR_ARGUMENT);
SAME_CODE(STATUS_MEMORY, POSENET_ERROR_MEMORY);
SAME_CODE(STATUS_FILE, POSENET_ERROR_FILE);
SAME_CODE(STATUS_MODEL, POSENET_ERROR_MODEL);
SAME_CODE(STATUS_UNSUPPORTED, POSENET_ERROR_UNSUPPORTED);
SAME_CODE(STATUS_DEVICE, POSENET_ERROR_DEVICE);
SAME_CODE(STATUS_STATE, POSENET_ERROR_STATE);

static posenet_status public_status(status code)
{
    return (posenet_status)code;
}

static status need(const void *pointer, const char *name)
{
    return pointer ? STATUS_OK : fail(STATUS_ARGUMENT, "%s is NULL", name);
}

const plan *inside_plan(const posenet *engine)
{
    return engine->plans[engine->current].plan;
}

/* ---- defaults -------------------------------------------------------------------------------- */

/* `size` bytes of a struct that begins with its size, which becomes what this library knows of it.
 */
static void give_default(void *to, size_t size, const void *from, size_t known)
{
    if (!to || size < sizeof size) return;
    size_t shared = size < known ? size : known;
    memset(to, 0, size);
    memcpy(to, from, shared);
    memcpy(to, &shared, sizeof shared);
}

void posenet_default_settings(posenet_settings *settings, size_t size)
{
    give_default(settings, size, &settings_default, sizeof settings_default);
}

void posenet_default_decode_options(posenet_decode_options *options, size_t size)
{
    give_default(options, size, &options_default, sizeof options_default);
}

/* ---- open and close -------------------------------------------------------------------------- */

static posenet_status open_handle(posenet **out, const posenet_settings *settings,
                                  model_request *request)
{
    posenet *e = heap_array(1, sizeof *e);
    if (!e) return POSENET_ERROR_MEMORY;
    status code = handle_open(e, settings, request);
    if (code != STATUS_OK) posenet_close(&e);
    *out = e;
    return public_status(code);
}

posenet_status posenet_open(posenet **out, const posenet_settings *settings)
{
    status code = need(out, "out");
    if (code != STATUS_OK) return public_status(code);
    *out = NULL;
    model_request request = {0};
    return open_handle(out, settings, &request);
}

posenet_status posenet_open_memory(posenet **out, const void *model, size_t bytes,
                                   const posenet_settings *settings)
{
    status code = need(out, "out");
    if (code == STATUS_OK) *out = NULL;
    if (code == STATUS_OK) code = need(model, "model");
    if (code != STATUS_OK) return public_status(code);
    model_request request = {.bytes = model, .byte_count = bytes};
    return open_handle(out, settings, &request);
}

void posenet_close(posenet **engine)
{
    if (!engine || !*engine) return;
    handle_close(*engine);
    *engine = NULL;
}

/* ---- plans ----------------------------------------------------------------------------------- */

posenet_status posenet_prepare(posenet *engine, int width, int height, int batch)
{
    status code = need(engine, "engine");
    return public_status(code == STATUS_OK ? plans_prepare(engine, width, height, batch) : code);
}

posenet_status posenet_get_input(const posenet *engine, int *width, int *height, int *stride,
                                 int *batch)
{
    status code = need(engine, "engine");
    if (code != STATUS_OK) return public_status(code);
    const plan *p = inside_plan(engine);
    if (width) *width = p->width;
    if (height) *height = p->height;
    if (stride) *stride = p->stride;
    if (batch) *batch = p->batch;
    return POSENET_OK;
}

posenet_status posenet_get_step_count(const posenet *engine, int *count)
{
    status code = need(engine, "engine");
    if (code == STATUS_OK) code = need(count, "count");
    if (code == STATUS_OK) *count = inside_plan(engine)->net.step_count;
    return public_status(code);
}

posenet_status posenet_get_step(const posenet *engine, int index, posenet_step_info *info)
{
    status code = need(engine, "engine");
    if (code != STATUS_OK) return public_status(code);
    const plan *p = inside_plan(engine);
    if (index < 0 || index >= p->net.step_count)
        return public_status(fail(STATUS_ARGUMENT, "step %d of %d", index, p->net.step_count));
    const step *s = &p->net.steps[index];
    const work *w = &p->works[p->work_of[index]];
    posenet_step_info mine = {.op = op_name(s->op),
                              .row = w->row->name,
                              .variant = w->variant,
                              .nodes = s->nodes,
                              .covered = index > w->first,
                              .flops = step_flops(&p->net, s),
                              .bytes = step_bytes(&p->net, s)};
    if (s->output >= 0) {
        const tensor *t = &p->net.tensors[s->output];
        mine.type = t->type == TYPE_FP16 ? POSENET_TYPE_FP16 : POSENET_TYPE_FP32;
        memcpy(mine.dims, t->dims, sizeof mine.dims);
    }
    if (engine->last && engine->last->microseconds && !mine.covered)
        mine.microseconds = engine->last->microseconds[p->work_of[index]];
    return public_status(settings_give(info, &mine, sizeof mine, "info"));
}

/* ---- frames ---------------------------------------------------------------------------------- */

posenet_status posenet_frame(posenet *engine, size_t bytes, void **out)
{
    status code = need(engine, "engine");
    if (code == STATUS_OK) code = need(out, "out");
    if (code == STATUS_OK && !bytes) code = fail(STATUS_ARGUMENT, "a frame of 0 bytes");
    return public_status(code == STATUS_OK ? frames_lend(engine, bytes, out) : code);
}

posenet_status posenet_submit(posenet *engine, const posenet_image *images, int image_count,
                              const posenet_decode_options *options)
{
    status code = need(engine, "engine");
    return public_status(code == STATUS_OK ? frames_submit(engine, images, image_count, options)
                                           : code);
}

posenet_status posenet_wait(posenet *engine, posenet_pose *poses, int *counts)
{
    status code = need(engine, "engine");
    if (code == STATUS_OK) code = need(poses, "poses");
    if (code == STATUS_OK) code = need(counts, "counts");
    return public_status(code == STATUS_OK ? frames_wait(engine, poses, counts) : code);
}

posenet_status posenet_estimate(posenet *engine, const posenet_image *images, int image_count,
                                const posenet_decode_options *options, posenet_pose *poses,
                                int *counts)
{
    status code = need(engine, "engine");
    if (code == STATUS_OK) code = need(poses, "poses");
    if (code == STATUS_OK) code = need(counts, "counts");
    if (code == STATUS_OK && engine->in_flight)
        code =
            fail(STATUS_STATE, "%d frames are in flight: wait for them first", engine->in_flight);
    if (code == STATUS_OK) code = frames_submit(engine, images, image_count, options);
    return public_status(code == STATUS_OK ? frames_wait(engine, poses, counts) : code);
}

posenet_status posenet_infer(posenet *engine, const posenet_tensor *input,
                             const posenet_tensor heads[POSENET_HEADS])
{
    status code = need(engine, "engine");
    if (code == STATUS_OK) code = need(heads, "heads");
    return public_status(code == STATUS_OK ? frames_infer(engine, input, heads) : code);
}

static status get_head(posenet *e, posenet_head which, int dims[4], float *data, size_t capacity)
{
    TRY(need(dims, "dims"));
    if ((int)which < 0 || (int)which >= POSENET_HEADS)
        return fail(STATUS_ARGUMENT, "head %d of %d", (int)which, POSENET_HEADS);
    const plan *p = inside_plan(e);
    const tensor *t = &p->net.tensors[p->heads[which]];
    memcpy(dims, t->dims, sizeof t->dims);
    if (!data) return STATUS_OK;
    if (capacity < (size_t)tensor_count(t))
        return fail(STATUS_ARGUMENT, "room for %zu elements, the head has %lld", capacity,
                    (long long)tensor_count(t));
    if (!e->last)
        return fail(STATUS_STATE, "no frame was computed since the last prepare or submit");
    view to = view_dense(data, TYPE_FP32, t->dims, 0);
    return slot_read(e->last, p->heads[which], &to);
}

posenet_status posenet_get_head(posenet *engine, posenet_head which, int dims[4], float *data,
                                size_t capacity)
{
    status code = need(engine, "engine");
    return public_status(code == STATUS_OK ? get_head(engine, which, dims, data, capacity) : code);
}

posenet_status posenet_get_ledger(const posenet *engine, posenet_ledger *ledger)
{
    status code = need(engine, "engine");
    if (code == STATUS_OK && !engine->has_ledger)
        code = fail(STATUS_STATE, "no frame was computed yet");
    if (code != STATUS_OK) return public_status(code);
    const slot_ledger *l = &engine->ledger;
    posenet_ledger mine = {.bytes_up = l->bytes_up,
                           .bytes_down = l->bytes_down,
                           .bytes_staged = l->bytes_staged,
                           .launches = l->launches,
                           .waits = l->waits,
                           .upload_us = l->upload_us,
                           .preprocess_us = l->preprocess_us,
                           .network_us = l->network_us,
                           .decode_us = l->decode_us,
                           .download_us = l->download_us};
    return public_status(settings_give(ledger, &mine, sizeof mine, "ledger"));
}

posenet_status posenet_decode(posenet *engine, const posenet_tensor heads[POSENET_HEADS],
                              int stride, int logits, const posenet_decode_options *options,
                              int capacity, posenet_pose *poses, int *counts)
{
    status code = need(heads, "heads");
    if (code == STATUS_OK) code = need(poses, "poses");
    if (code == STATUS_OK) code = need(counts, "counts");
    if (code == STATUS_OK)
        code = decode_tensors(engine, heads, stride, logits, options, capacity, poses, counts);
    return public_status(code);
}

/* ---- names ----------------------------------------------------------------------------------- */

const char *posenet_part_name(int part)
{
    return skeleton_part_name(part);
}

const char *posenet_device_name(const posenet *engine)
{
    return engine ? engine->device->name : "";
}

const char *posenet_last_error(void)
{
    return fail_text();
}

const char *posenet_version(void)
{
    return VERSION_TEXT;
}
