/* Ways timed where they would stand: between their real neighbours, with weights as cold as they
 * are in a frame, in a captured frame whose every work is marked.
 *
 * One round is one frame whose works are as many waiting ways as fit side by side. The first rounds
 * give every way one place; the next ones the best of each site all of its places. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/tune/ways.h"
#include "kernels/median.h"

enum {
    WARM_UP = 2,
    SURVEY_FRAMES = 5,
    FINAL_FRAMES = 15,
    MOST_FRAMES = FINAL_FRAMES,
    MOST_FINALISTS = 8,
    MOST_ROUNDS = 2000,
    FINAL_SECONDS = 1 /* of its own: the finalists are timed whatever the survey took */
};

/* Ways this much slower than the best of their site are not timed again. */
static const double survey_factor = 1.2, survey_more_us = 1.0;

typedef struct lineup {
    tuner *t;
    int everywhere; /* a way takes all places of its site, else one */
    pool *pool;
    work *works;
    int work_count;
    tune_way **way_of; /* one a work */
} lineup;

/* ---- which ways ------------------------------------------------------------------------------ */

/* The one that looked fastest so far: time may not be enough for all. */
static tune_way *next_waiting(const tuner *t, const tune_site *site, const row *row)
{
    tune_way *next = NULL;
    for (size_t i = site->ways; i < site->ways + site->way_count; i++) {
        tune_way *way = &t->ways[i];
        if (way->waits && way->row == row && (!next || way->us < next->us)) next = way;
    }
    return next;
}

/* Steps that wait cost next to nothing, so the cheapest cover has as many of them as it can; what
 * stands beside them is fast. */
static double waiting_cost(void *user, const network *net, const row *candidate, int first,
                           int count)
{
    (void)net;
    const tuner *t = user;
    const tune_site *site = tune_site_at(t, first, count);
    const tune_way *way = site ? tune_best(t, site, candidate) : NULL;
    if (!way) return INFINITY;
    return (next_waiting(t, site, candidate) ? 0 : count) + 1e-9 * way->us;
}

/* The way of each work: one that waits, else the row's fastest. Those of this round wait no more;
 * everywhere: they are taken at every place before they are struck off. */
static int assign(lineup *r)
{
    tuner *t = r->t;
    int placed = 0;
    for (int i = 0; i < r->work_count; i++) {
        work *w = &r->works[i];
        const tune_site *site = tune_site_at(t, w->first, w->count);
        tune_way *way = next_waiting(t, site, w->row);
        if (way) {
            placed++;
            if (!r->everywhere) way->waits = 0;
            r->way_of[i] = way;
        } else
            way = tune_best(t, site, w->row);
        w->variant = way->variant;
    }
    for (int i = 0; i < r->work_count; i++)
        if (r->way_of[i]) r->way_of[i]->waits = 0;
    return placed;
}

static status compose(lineup *r, int *placed)
{
    cover_request cover = *r->t->cover;
    cover.cost = waiting_cost;
    cover.user = r->t;
    TRY(cover_find(&cover, r->pool, &r->works, &r->work_count));
    r->way_of = pool_array(r->pool, (size_t)r->work_count, sizeof(tune_way *));
    if (!r->way_of) return STATUS_MEMORY;
    *placed = assign(r);
    return STATUS_OK;
}

/* ---- how long -------------------------------------------------------------------------------- */

/* At least one frame, and up to MOST_FRAMES while it is not late: *frames.
 * samples[work * MOST_FRAMES + frame] */
static status run_frames(tuner *t, slot *s, int wanted, double *samples, int *frames)
{
    device *d = t->request.device;
    *frames = 0;
    for (int f = -WARM_UP; f < wanted && !(*frames && tune_is_late(t)); f++) {
        TRY(d->calls->launch(d, s));
        TRY(d->calls->wait(d, s));
        if (f < 0) continue;
        for (int i = 0; i < s->plan->work_count; i++)
            samples[i * MOST_FRAMES + f] = s->microseconds[i];
        ++*frames;
    }
    return STATUS_OK;
}

/* Means over places of medians over frames. */
static void take_times(lineup *r, int frames, double *samples)
{
    for (int i = 0; i < r->work_count; i++) {
        tune_way *way = r->way_of[i];
        if (!way) continue;
        double sum = 0;
        int places = 0;
        for (int k = i; k < r->work_count; k++) {
            if (r->way_of[k] != way) continue;
            sum += median(samples + k * MOST_FRAMES, frames);
            places++;
            r->way_of[k] = NULL;
        }
        way->us = sum / places;
    }
}

static status time_round(lineup *r, int wanted)
{
    int frames;
    plan *p = NULL;
    slot *s = NULL;
    double *samples = pool_array(r->pool, (size_t)r->work_count * MOST_FRAMES, sizeof *samples);
    if (!samples) return STATUS_MEMORY;
    status code = tune_build(r->t, r->works, r->work_count, 1, &p, &s);
    if (code == STATUS_OK) code = run_frames(r->t, s, wanted, samples, &frames);
    if (code == STATUS_OK) take_times(r, frames, samples);
    slot_free(&s);
    plan_free(&p);
    return code;
}

/* One round; *placed: how many ways it timed. */
static status play(tuner *t, int everywhere, int frames, int *placed)
{
    lineup r = {.t = t, .everywhere = everywhere};
    TRY(pool_new(&r.pool));
    status code = compose(&r, placed);
    if (code == STATUS_OK && *placed) code = time_round(&r, frames);
    pool_free(&r.pool);
    return code;
}

static int count_waiting(const tuner *t)
{
    int count = 0;
    for (size_t i = 0; i < t->way_count; i++) count += t->ways[i].waits;
    return count;
}

/* Rounds until nothing waits, nothing that waits finds a place, or time is up. */
static status play_all(tuner *t, const char *doing, int everywhere, int frames)
{
    int total = count_waiting(t), placed = 1;
    for (int i = 0; i < MOST_ROUNDS && placed && count_waiting(t); i++) {
        if (tune_is_late(t)) break;
        tune_progress(t, doing, total - count_waiting(t), total);
        TRY(play(t, everywhere, frames, &placed));
    }
    return STATUS_OK;
}

/* ---- who is timed ---------------------------------------------------------------------------- */

/* How many fit ways of the site, or of the row at the site, are faster. */
static int faster_than(const tuner *t, const tune_way *way, const row *row)
{
    int count = 0;
    const tune_site *site = &t->sites[way->site];
    for (size_t i = site->ways; i < site->ways + site->way_count; i++) {
        const tune_way *other = &t->ways[i];
        count += other->state == WAY_FIT && (!row || other->row == row) &&
                 (other->us < way->us || (other->us == way->us && other < way));
    }
    return count;
}

/* Everything that is not far too slow waits to be timed. */
static void call_all(tuner *t)
{
    for (size_t i = 0; i < t->way_count; i++) {
        tune_way *way = &t->ways[i];
        way->waits =
            way->state == WAY_FIT && way->alone_us <= tune_alone_limit(t, &t->sites[way->site]);
    }
}

/* The best of each row that come near their site's best wait to be timed again: a mark keeps rows
 * whose kernels start early from doing so, so that their best may look worse than others. */
static void call_finalists(tuner *t)
{
    for (size_t i = 0; i < t->way_count; i++) {
        tune_way *way = &t->ways[i];
        if (way->state != WAY_FIT) continue;
        const tune_way *best = tune_best(t, &t->sites[way->site], NULL);
        way->finalist = way->us <= best->us * survey_factor + survey_more_us &&
                        faster_than(t, way, way->row) < MOST_FINALISTS;
        way->waits = way->finalist;
    }
}

/* The fit way of the site that so many are faster than; NULL: none. */
static const tune_way *way_of_rank(const tuner *t, const tune_site *site, int rank)
{
    for (size_t i = site->ways; i < site->ways + site->way_count; i++)
        if (t->ways[i].state == WAY_FIT && faster_than(t, &t->ways[i], NULL) == rank)
            return &t->ways[i];
    return NULL;
}

/* The fastest ways of each site, one line a site. */
static void tell_times(const tuner *t)
{
    enum { SHOWN = 8, LINE = 400 };
    for (size_t s = 0; t->settings->report && s < t->site_count; s++) {
        const tune_site *site = &t->sites[s];
        const tune_way *way;
        char line[LINE] = "";
        size_t length = 0;
        for (int rank = 0; rank < SHOWN && (way = way_of_rank(t, site, rank)); rank++) {
            snprintf(line + length, LINE - length, "%s%s/%d %.2f", rank ? ", " : "", way->row->name,
                     way->variant, way->us);
            length = strlen(line);
        }
        tune_tell(t, "site  step %3d, %d long, %d places: %s", site->firsts[0], site->count,
                  site->place_count, line);
    }
}

status tune_time_ways(tuner *t)
{
    call_all(t);
    TRY(play_all(t, "timing", 0, SURVEY_FRAMES));
    call_finalists(t);
    t->deadline = fmax(t->deadline, tune_now()) + FINAL_SECONDS;
    TRY(play_all(t, "timing the best", 1, FINAL_FRAMES));
    tell_times(t);
    return STATUS_OK;
}
