/* The tuner as a whole: what is kept on disk, else everything tried, checked, timed and chosen. */
#include "engine/tune/tune.h"

#include <stdlib.h>

#include "engine/tune/cache.h"
#include "engine/tune/stage.h"

/* Seconds that each phase has at most; then what is known so far decides. Trying may take long the
 * first time after a machine's start, when libraries come from the disk. */
static const double try_for = 16, time_for = 5, choose_for = 14;

/* ---- the picture ----------------------------------------------------------------------------- */

/* Slow changes of light, edges, and a little noise, as in a photograph. */
static void draw(unsigned char *pixels)
{
    uint32_t noise = 1;
    for (int y = 0; y < TUNE_PICTURE_HEIGHT; y++)
        for (int x = 0; x < TUNE_PICTURE_WIDTH; x++)
            for (int c = 0; c < 3; c++) {
                noise = noise * 1664525u + 1013904223u;
                int light = 40 + x / 16 + y / 12 + c * 9;
                int edge = ((x / 90 + y / 130) * 2654435761u >> 29) % 4 * 24;
                *pixels++ = (unsigned char)(light + edge + (int)(noise >> 29));
            }
}

/* ---- all together ---------------------------------------------------------------------------- */

static status run_tuner(tuner *t, pool *p, work **works, int *count)
{
    device *d = t->request.device;
    pack_memory memory = device_pack_memory(d);
    double start = tune_now();
    t->deadline = start + try_for;
    TRY(pool_new(&t->pool));
    TRY(pack_cache_new(&memory, &t->request.packs));
    TRY(d->calls->allocate_pinned(d, TUNE_PICTURE_BYTES, &t->picture));
    draw(t->picture);
    TRY(tune_list_ways(t));
    TRY(tune_try_ways(t));
    double tried = tune_now();
    t->deadline = tried + time_for;
    TRY(tune_time_ways(t));
    double timed = tune_now();
    t->deadline = timed + choose_for;
    TRY(tune_choose_whole(t, p, works, count));
    tune_tell(t, "%zu sites, %zu ways: tried in %.2f s, timed in %.2f s, chosen in %.2f s",
              t->site_count, t->way_count, tried - start, timed - tried, tune_now() - timed);
    return STATUS_OK;
}

static void leave(tuner *t)
{
    device *d = t->request.device;
    stage_close(t);
    if (t->picture) d->calls->release_pinned(d, t->picture);
    free(t->sites);
    free(t->ways);
    pack_cache_free(&t->request.packs);
    pool_free(&t->pool);
}

/* A choice that cannot be kept is no failure; nor is what some ways failed with. */
static void keep(const tuner *t, const tune_cache *cache, const work *works, int count)
{
    if (tune_cache_save(cache, works, count) != STATUS_OK)
        tune_tell(t, "the choice is not kept: %s", fail_text());
    fail_clear();
}

static status tune_and_keep(tuning *settings, const tune_cache *cache, pool *p, work **works,
                            int *count)
{
    tuner t = {.settings = settings, .request = *cache->request, .cover = cache->cover};
    t.request.choose = NULL; /* plans of the tuner say themselves what computes them */
    t.request.packs = NULL;
    status code = run_tuner(&t, p, works, count);
    leave(&t);
    if (code == STATUS_OK) keep(&t, cache, *works, *count);
    return code;
}

static status load_or_tune(tuning *settings, const tune_cache *cache, pool *p, work **works,
                           int *count)
{
    *count = 0;
    if (settings->mode != TUNE_AGAIN) TRY(tune_cache_load(cache, p, works, count));
    settings->from_cache = *count > 0;
    return *count ? STATUS_OK : tune_and_keep(settings, cache, p, works, count);
}

status tune_choose(void *user, const plan_request *request, const cover_request *cover, pool *p,
                   work **works, int *count)
{
    tuning *settings = user;
    settings->from_cache = 0;
    if (settings->mode == TUNE_OFF ||
        (settings->mode == TUNE_AUTO && request->device->kind != DEVICE_CUDA))
        return cover_find(cover, p, works, count);
    tune_cache cache;
    status code = tune_cache_open(&cache, settings->folder, request, cover);
    if (code == STATUS_OK) code = load_or_tune(settings, &cache, p, works, count);
    tune_cache_close(&cache);
    return code;
}
