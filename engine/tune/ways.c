/* Listing sites and ways, and what the files of the tuner share. */
#include "engine/tune/ways.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

/* ---- listing --------------------------------------------------------------------------------- */

static status add_place(tuner *t, int first, int count)
{
    uint64_t signature = signature_of(t->cover->net, first, count);
    size_t at = 0;
    while (at < t->site_count &&
           (t->sites[at].signature != signature || t->sites[at].count != count))
        at++;
    if (at == t->site_count) {
        TRY(heap_grow((void **)&t->sites, &t->site_room, at + 1, sizeof *t->sites));
        t->sites[at] = (tune_site){.signature = signature, .count = count};
        t->sites[at].firsts = pool_array(t->pool, (size_t)t->cover->net->step_count, sizeof(int));
        if (!t->sites[at].firsts) return STATUS_MEMORY;
        t->site_count++;
    }
    tune_site *site = &t->sites[at];
    if (!site->place_count || site->firsts[site->place_count - 1] != first)
        site->firsts[site->place_count++] = first;
    return STATUS_OK;
}

/* The row's ways at site `index`, whose first place tells for all. */
static status add_ways(tuner *t, int index, const row *row)
{
    tune_site *site = &t->sites[index];
    const prepare_context context = plan_prepare_context(&t->request);
    const work w = {.row = row, .first = site->firsts[0], .count = site->count};
    int count = work_ways(&context, t->cover->net, &w);
    if (count > TUNE_MAX_VARIANTS) count = TUNE_MAX_VARIANTS;
    for (int v = 0; v < count; v++) {
        TRY(heap_grow((void **)&t->ways, &t->way_room, t->way_count + 1, sizeof *t->ways));
        t->ways[t->way_count++] = (tune_way){.site = index, .row = row, .variant = v};
        site->way_count++;
    }
    return STATUS_OK;
}

status tune_list_ways(tuner *t)
{
    t->last_readers = cover_last_readers(t->cover->net, t->pool);
    if (!t->last_readers) return STATUS_MEMORY;
    for (int first = 0; first < t->cover->net->step_count; first++)
        for (const row *const *r = t->cover->rows; *r; r++) {
            int count = cover_span(t->cover, t->last_readers, *r, first);
            if (count) TRY(add_place(t, first, count));
        }
    for (size_t i = 0; i < t->site_count; i++) {
        tune_site *site = &t->sites[i];
        site->ways = t->way_count;
        for (const row *const *r = t->cover->rows; *r; r++)
            if (cover_span(t->cover, t->last_readers, *r, site->firsts[0]) == site->count)
                TRY(add_ways(t, (int)i, *r));
    }
    return STATUS_OK;
}

/* ---- helpers --------------------------------------------------------------------------------- */

const tune_site *tune_site_at(const tuner *t, int first, int count)
{
    for (size_t i = 0; i < t->site_count; i++) {
        const tune_site *site = &t->sites[i];
        for (int k = 0; site->count == count && k < site->place_count; k++)
            if (site->firsts[k] == first) return site;
    }
    return NULL;
}

tune_way *tune_best(const tuner *t, const tune_site *site, const row *row)
{
    tune_way *best = NULL;
    for (size_t i = site->ways; i < site->ways + site->way_count; i++) {
        tune_way *way = &t->ways[i];
        if ((row && way->row != row) || way->state != WAY_FIT) continue;
        if (!best || way->us < best->us) best = way;
    }
    return best;
}

tune_way *tune_way_of(const tuner *t, const work *w)
{
    const tune_site *site = tune_site_at(t, w->first, w->count);
    for (size_t i = site ? site->ways : 0; site && i < site->ways + site->way_count; i++)
        if (t->ways[i].row == w->row && t->ways[i].variant == w->variant) return &t->ways[i];
    return NULL;
}

double tune_alone_limit(const tuner *t, const tune_site *site)
{
    static const double factor = 2.0, more_us = 10.0;
    double least = INFINITY;
    for (size_t i = site->ways; i < site->ways + site->way_count; i++) {
        const tune_way *way = &t->ways[i];
        if (way->state == WAY_FIT && way->alone_us < least) least = way->alone_us;
    }
    return least * factor + more_us;
}

void tune_describe(const tuner *t, slot *s)
{
    const slot_image image = {.picture = {.data = t->picture,
                                          .width = TUNE_PICTURE_WIDTH,
                                          .height = TUNE_PICTURE_HEIGHT,
                                          .pitch = TUNE_PICTURE_WIDTH * 3,
                                          .format = PIXEL_RGB}};
    const decode_options options = {
        .max_poses = t->request.max_poses, .score_threshold = 0.5f, .nms_radius = 20};
    slot_describe(s, &image, 1, &options);
}

status tune_build(tuner *t, const work *works, int count, int profile, plan **p, slot **s)
{
    plan like = {.works = (work *)(uintptr_t)works, .work_count = count};
    plan_request request = t->request;
    request.choose = plan_choose_same;
    request.choose_user = &like;
    *s = NULL;
    TRY(plan_make(&request, p));
    TRY(slot_new(request.device, *p, profile, s));
    tune_describe(t, *s);
    return STATUS_OK;
}

double tune_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int tune_is_late(const tuner *t)
{
    return tune_now() > t->deadline;
}

void tune_tell(const tuner *t, const char *format, ...)
{
    if (!t->settings->report) return;
    char line[512];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    t->settings->report(t->settings->report_user, line, 0, 0);
}

void tune_progress(const tuner *t, const char *doing, int done, int total)
{
    if (t->settings->report && total > 0)
        t->settings->report(t->settings->report_user, doing, done, total);
}
