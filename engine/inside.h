/* What a handle holds. Users do not see it; inspect, validate and tests do.
 *
 * A step by step run beside the handle's own plan (validate):
 *
 *   device *ref;            device_host_open(DEVICE_REF, &ref)
 *   pack_cache *packs;      pack_cache_new(&memory, &packs), memory = device_pack_memory(ref)
 *   plan *p;                plan_make(&(plan_request){.model = engine->model, .device = ref,
 *                                     .packs = packs, …, .keep_all = 1}, &p)
 *   slot *s;                slot_new(ref, p, 0, &s)
 *   slot_describe(s, …);    ref->calls->compute(ref, s, 0, p->work_count)
 *   slot_read(s, tensor, &view)
 *
 * Step and tensor numbers of two plans of one model at one size and batch are the same.
 */
#ifndef POSENET_ENGINE_INSIDE_H
#define POSENET_ENGINE_INSIDE_H

#include "engine/device/device.h"
#include "engine/device/slot.h"
#include "engine/model/model.h"
#include "engine/plan/plan.h"
#include "engine/posenet.h"
#include "engine/settings.h"
#include "engine/tune/cache.h"
#include "engine/tune/tune.h"

/* A plan with its slots. */
typedef struct prepared {
    plan *plan;
    slot **slots;       /* settings.slots of them */
    unsigned long used; /* when it was last made current: the least recent one is dropped */
} prepared;

struct posenet {
    posenet_settings settings; /* every default filled in; no pointer into the caller's memory */
    precision precision;
    model *model;
    device *device;
    pack_cache *packs; /* the model's weights as the device's rows want them */
    tuning tuning;     /* how plans are chosen */
    char tune_folder[TUNE_PATH_BYTES];

    /* In no order; see engine/plans.h. */
    prepared *plans;         /* settings.max_plans + 1 of them, plan_count in use */
    int plan_count, current; /* current -1: none yet */
    unsigned long clock;

    /* Frames between submit and wait; see engine/frames.h. */
    int flight[SETTINGS_MAX_SLOTS]; /* slots of the current plan, oldest first */
    int in_flight;
    slot_image *images; /* room for one call's images */
    int image_room;
    slot *last; /* of the last frame handed out: its heads and times; NULL: none, or reused */
    slot_ledger ledger; /* of the last frame handed out */
    int has_ledger;
};

/* The current plan. */
const plan *inside_plan(const posenet *engine);

#endif
