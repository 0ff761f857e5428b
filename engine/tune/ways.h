/* What the files of the tuner share: the sites of a network, the ways to compute each, the bench
 * that they are tried and timed on. */
#ifndef POSENET_ENGINE_TUNE_WAYS_H
#define POSENET_ENGINE_TUNE_WAYS_H

#include "engine/device/slot.h"
#include "engine/plan/signature.h"
#include "engine/tune/tune.h"

/* Steps of one signature, wherever they stand in the network: what holds for one place holds for
 * all. */
typedef struct tune_site {
    uint64_t signature;
    int count;       /* steps that are computed as one */
    int *firsts;     /* the places: first steps, ascending */
    int place_count; /* at least 1 */
    size_t ways;     /* its first one; they stand side by side, in the order of rows */
    size_t way_count;
} tune_site;

typedef enum way_state {
    WAY_NEW, /* not tried, maybe for want of time */
    WAY_FIT, /* tried, and right */
    WAY_OUT  /* the device has no such way, or it is far too slow, or its results are wrong */
} way_state;

/* One row's variant at one site. */
typedef struct tune_way {
    int site;
    const row *row;
    int variant;
    way_state state;
    int needed;      /* is tried however late it is */
    int waits;       /* is still to be timed */
    double alone_us; /* on the stage, with weights hot in the caches */
    double us;       /* in its place in the network; until timed, alone_us */
    int finalist;    /* near enough to the site's best to be tried in the whole network */
    work tried;      /* prepared for the stage, kept so that libraries keep what they built */
} tune_way;

typedef struct tuner {
    tuning *settings;
    plan_request request; /* of plans of its own; weights of ways only tried go with the tuner */
    const cover_request *cover;
    pool *pool;
    int *last_readers;
    tune_site *sites;
    size_t site_count, site_room;
    tune_way *ways;
    size_t way_count, way_room;
    void *picture;   /* pinned */
    double deadline; /* of tune_now: when the phase under way stops looking further */

    /* The stage; see stage.h. */
    plan *stage;
    slot *slot;
    void *want, *poison; /* device memory, as long as the longest run of outputs, and tensor */
} tuner;

enum {
    TUNE_MAX_VARIANTS = 256,
    TUNE_PICTURE_WIDTH = 1280, /* as many cameras have it; RGB */
    TUNE_PICTURE_HEIGHT = 720,
    TUNE_PICTURE_BYTES = TUNE_PICTURE_WIDTH * TUNE_PICTURE_HEIGHT * 3
};

/* Fills sites and ways with everything that rows offer. */
status tune_list_ways(tuner *t) STATUS_MUST_CHECK;

/* Tries the ways as long as there is time, in their rows' order: state, alone_us. However late it
 * is, what the rows' estimates choose is tried, and the plain rows, so that some cover is fit. */
status tune_try_ways(tuner *t) STATUS_MUST_CHECK;

/* Times what is fit in the network: us. */
status tune_time_ways(tuner *t) STATUS_MUST_CHECK;

/* The cheapest cover by what was measured, improved in the whole network: works from `p`. */
status tune_choose_whole(tuner *t, pool *p, work **works, int *count) STATUS_MUST_CHECK;

/* ---- helpers --------------------------------------------------------------------------------- */

/* The site of `count` steps from `first` on, or NULL. */
const tune_site *tune_site_at(const tuner *t, int first, int count);

/* The fastest fit way of a row (NULL: any) at a site; NULL: none. */
tune_way *tune_best(const tuner *t, const tune_site *site, const row *row);

/* The way that a work is; NULL: it is not listed. */
tune_way *tune_way_of(const tuner *t, const work *w);

/* Microseconds alone on the stage above which a way of the site is not looked at any further: they
 * hold the cost of launching, so the bound is wide. */
double tune_alone_limit(const tuner *t, const tune_site *site);

/* A plan whose works are `works` (row, first, count, variant), with a slot that holds the picture.
 * `profile`: every work is timed; else the whole network can be. Release both with plan_free and
 * slot_free, also after a failure. */
status tune_build(tuner *t, const work *works, int count, int profile, plan **p,
                  slot **s) STATUS_MUST_CHECK;

/* The slot's frame is the tuner's picture. */
void tune_describe(const tuner *t, slot *s);

/* Seconds of a clock that never jumps. */
double tune_now(void);

int tune_is_late(const tuner *t);

/* A line for those who want to know, printf's way. */
void tune_tell(const tuner *t, const char *format, ...) STATUS_FORMAT(2, 3);

void tune_progress(const tuner *t, const char *doing, int done, int total);

#endif
