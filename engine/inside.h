/* What a handle holds, for inspect, validate and tests: they see inside, users do not.
 *
 * A step by step run beside the handle's own plan (validate):
 *
 *   device *ref;            device_host_open(DEVICE_REF, &ref)
 *   pack_cache *packs;      pack_cache_new(&memory of device_pack_memory(ref), &packs)
 *   plan *p;                plan_make(&(plan_request){.model = inside->model, .device = ref,
 *                                     .packs = packs, …, .keep_all = 1}, &p)
 *   slot *s;                slot_new(ref, p, 0, &s)
 *   slot_describe(s, …);    ref->calls->compute(ref, s, 0, p->work_count)
 *   slot_read(s, tensor, &view)
 *
 * Step and tensor numbers of two plans of one model at one size and batch are the same.
 */
#ifndef POSENET_ENGINE_INSIDE_H
#define POSENET_ENGINE_INSIDE_H

#include "engine/device.h"
#include "engine/model.h"
#include "engine/plan.h"
#include "engine/posenet.h"
#include "engine/slot.h"

enum { INSIDE_MAX_PLANS = 64, INSIDE_MAX_SLOTS = 64 };

/* A plan with its slots. */
typedef struct prepared {
    plan *plan;
    slot **slots;       /* settings.slots of them */
    unsigned long used; /* when it was last current, for dropping the least recently used */
} prepared;

struct posenet {
    posenet_settings settings; /* every default filled in; no pointer into the caller's memory */
    precision precision;
    device *device;
    model *model;
    pack_cache *packs;
    prepared *plans; /* settings.max_plans of them, plan_count in use */
    int plan_count, current;
    unsigned long clock;
    int flight[INSIDE_MAX_SLOTS]; /* slots of the current plan in flight, oldest first */
    int in_flight;
    int last; /* slot of the last frame handed out; -1: none */
};

/* The current plan. */
const plan *inside_plan(const posenet *engine);

#endif
