#include "engine/plans.h"

#include <stdlib.h>

#include "kernels/threads.h"

static void drop(posenet *e, int index)
{
    prepared *p = &e->plans[index];
    for (int i = 0; p->slots && i < e->settings.slots; i++) {
        if (p->slots[i] == e->last) e->last = NULL;
        slot_free(&p->slots[i]);
    }
    free(p->slots);
    plan_free(&p->plan);
    *p = (prepared){0};
}

void plans_free(posenet *e)
{
    for (int i = 0; i < e->plan_count; i++) drop(e, i);
    free(e->plans);
    e->plans = NULL;
    e->plan_count = 0;
    e->current = -1;
}

static int find(const posenet *e, int width, int height, int batch)
{
    for (int i = 0; i < e->plan_count; i++) {
        const plan *p = e->plans[i].plan;
        if (p->width == width && p->height == height && p->batch == batch) return i;
    }
    return -1;
}

/* A choice kept on disk may name what the device's libraries no longer have: then anew. */
static status make_plan(const plan_request *request, plan **out)
{
    tuning *t = request->choose_user;
    status code = plan_make(request, out);
    if (code != STATUS_UNSUPPORTED || !t->from_cache) return code;
    tune_mode mode = t->mode;
    t->mode = TUNE_AGAIN;
    code = plan_make(request, out);
    t->mode = mode;
    return code;
}

static status make(posenet *e, int width, int height, int batch, prepared *out)
{
    plan_request request = {.model = e->model,
                            .device = e->device,
                            .packs = e->packs,
                            .width = width,
                            .height = height,
                            .batch = batch,
                            .precision = e->precision,
                            .max_poses = e->settings.max_poses,
                            .threads = e->settings.threads,
                            .choose = tune_choose,
                            .choose_user = &e->tuning};
    if (e->device->kind != DEVICE_CUDA) TRY(threads_check());
    TRY(make_plan(&request, &out->plan));
    out->slots = heap_array((size_t)e->settings.slots, sizeof *out->slots);
    if (!out->slots) return STATUS_MEMORY;
    for (int i = 0; i < e->settings.slots; i++)
        TRY(slot_new(e->device, out->plan, e->settings.profile, &out->slots[i]));
    return STATUS_OK;
}

/* The new plan stands behind the kept ones; if there is no place for it, the one used longest ago
 * gives up its own. */
static int settle(posenet *e)
{
    int added = e->plan_count++;
    if (e->plan_count <= e->settings.max_plans) return added;
    int oldest = 0;
    for (int i = 1; i < added; i++)
        if (e->plans[i].used < e->plans[oldest].used) oldest = i;
    drop(e, oldest);
    e->plans[oldest] = e->plans[added];
    e->plans[added] = (prepared){0};
    e->plan_count--;
    return oldest;
}

static status settle_batch(const posenet *e, int *batch)
{
    int fixed = e->model->fixed_batch;
    if (!*batch) *batch = e->settings.batch ? e->settings.batch : fixed ? fixed : 1;
    if (*batch < 1 || *batch > SETTINGS_MAX_BATCH)
        return fail(STATUS_ARGUMENT, "a batch of %d is outside 1..%d", *batch, SETTINGS_MAX_BATCH);
    if (fixed && *batch != fixed)
        return fail(STATUS_UNSUPPORTED, "%s: the file fixes its batch at %d, not %d",
                    e->model->graph->source, fixed, *batch);
    return STATUS_OK;
}

static status prepare_room(posenet *e, int batch)
{
    if (!e->plans) {
        e->plans = heap_array((size_t)e->settings.max_plans + 1, sizeof *e->plans);
        if (!e->plans) return STATUS_MEMORY;
    }
    if (e->image_room >= batch) return STATUS_OK;
    slot_image *images = heap_array((size_t)batch, sizeof *images);
    if (!images) return STATUS_MEMORY;
    free(e->images);
    e->images = images;
    e->image_room = batch;
    return STATUS_OK;
}

status plans_prepare(posenet *e, int width, int height, int batch)
{
    if (e->in_flight)
        return fail(STATUS_STATE, "%d frames are in flight: wait for them first", e->in_flight);
    TRY(model_input_size(e->model, &width, &height));
    TRY(settle_batch(e, &batch));
    TRY(prepare_room(e, batch));
    int index = find(e, width, height, batch);
    if (index < 0) {
        status code = make(e, width, height, batch, &e->plans[e->plan_count]);
        if (code != STATUS_OK) {
            drop(e, e->plan_count);
            return code;
        }
        index = settle(e);
    }
    e->plans[index].used = ++e->clock;
    if (index != e->current) e->last = NULL;
    e->current = index;
    return STATUS_OK;
}
