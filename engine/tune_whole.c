/* The cheapest cover by what was measured, and its runners-up in the whole network, where
 * neighbours and overlapping launches show. */
#include <math.h>

#include "engine/tune_ways.h"

enum { FRAMES = 15, MOST_TRIALS = 40 };

/* A runner-up must be faster by this much. */
static const double gain_factor = 0.002, gain_more_us = 0.1;

/* A cover with its plan, slot and time. */
typedef struct whole {
    work *works;
    int count;
    plan *plan;
    slot *slot;
    double us;
} whole;

typedef struct chooser {
    tuner *t;
    pool *pool;
    double overhead_us; /* of a mark between two works: in every measured time */
} chooser;

/* ---- covers ---------------------------------------------------------------------------------- */

static double measured_cost(void *user, const network *net, const row *candidate, int first,
                            int count)
{
    (void)net;
    const chooser *c = user;
    const tune_site *site = tune_site_at(c->t, first, count);
    const tune_way *way = site ? tune_best(c->t, site, candidate) : NULL;
    if (!way) return INFINITY;
    return fmax(way->us + way->bias_us - c->overhead_us, 0.01);
}

static status find_cover(chooser *c, whole *w)
{
    cover_request cover = *c->t->cover;
    cover.cost = measured_cost;
    cover.user = c;
    *w = (whole){0};
    TRY(cover_find(&cover, c->pool, &w->works, &w->count));
    for (int i = 0; i < w->count; i++) {
        work *k = &w->works[i];
        k->variant = tune_best(c->t, tune_site_at(c->t, k->first, k->count), k->row)->variant;
    }
    return STATUS_OK;
}

static int is_same(const whole *a, const whole *b)
{
    if (a->count != b->count) return 0;
    for (int i = 0; i < a->count; i++)
        if (a->works[i].row != b->works[i].row || a->works[i].count != b->works[i].count ||
            a->works[i].variant != b->works[i].variant)
            return 0;
    return 1;
}

static status build(chooser *c, whole *w)
{
    return tune_build(c->t, w->works, w->count, 0, &w->plan, &w->slot);
}

static void leave(whole *w)
{
    slot_free(&w->slot);
    plan_free(&w->plan);
}

static status measure(chooser *c, whole *w)
{
    device *d = c->t->request->device;
    return d->calls->measure(d, w->slot, FRAMES, &w->us);
}

/* ---- what marks cost ------------------------------------------------------------------------- */

/* The sum of marked works against the network without marks. */
static void find_overhead(chooser *c, const whole *w)
{
    double sum = 0;
    int count = 0;
    for (int i = 0; i < w->count; i++) {
        const work *k = &w->works[i];
        if (i < w->plan->network_first || i >= w->plan->network_first + w->plan->network_count)
            continue;
        sum += tune_best(c->t, tune_site_at(c->t, k->first, k->count), k->row)->us;
        count++;
    }
    if (count) c->overhead_us = fmax((sum - w->us) / count, 0);
    tune_tell(c->t, "network %.1f us; its %d works, marked, %.1f us: %.2f us a mark", w->us, count,
              sum, c->overhead_us);
}

/* ---- trials ---------------------------------------------------------------------------------- */

/* Another cover against the best so far, which it replaces where it is faster: both are measured
 * twice, in turns. */
static status try_cover(chooser *c, whole *best, whole *other, int *better)
{
    double was = 0, is = 0;
    *better = 0;
    TRY(build(c, other));
    for (int i = 0; i < 2; i++) {
        TRY(measure(c, best));
        TRY(measure(c, other));
        was = i && was < best->us ? was : best->us;
        is = i && is < other->us ? is : other->us;
    }
    best->us = was;
    other->us = is;
    *better = is < was * (1 - gain_factor) - gain_more_us;
    return STATUS_OK;
}

/* With `way` made dearer or cheaper: if that gives another cover, it is tried. */
static status try_bias(chooser *c, whole *best, tune_way *way, double bias_us, int *trials)
{
    whole other;
    int better = 0;
    double before = way->bias_us;
    way->bias_us = bias_us;
    TRY(find_cover(c, &other));
    if (is_same(best, &other)) {
        way->bias_us = before;
        return STATUS_OK;
    }
    ++*trials;
    status code = try_cover(c, best, &other, &better);
    if (code == STATUS_OK)
        tune_tell(c->t, "%s %-27s way %3d  step %3d %+.1f us: network %.1f us, was %.1f us",
                  better ? "taken" : "left ", way->row->name, way->variant,
                  c->t->sites[way->site].firsts[0], bias_us, other.us, best->us);
    if (better) {
        leave(best);
        *best = other;
    } else {
        leave(&other);
        way->bias_us = before;
    }
    return code;
}

/* The way of the cover whose places cost most, of those not yet asked; NULL: all were. */
static tune_way *dearest(const chooser *c, const whole *w, unsigned char *asked)
{
    tune_way *most = NULL;
    double most_us = 0;
    for (int i = 0; i < w->count; i++) {
        const tune_site *site = tune_site_at(c->t, w->works[i].first, w->works[i].count);
        tune_way *way = tune_best(c->t, site, w->works[i].row);
        double us = way->us * site->place_count;
        if (asked[way - c->t->ways] || us <= most_us) continue;
        most = way;
        most_us = us;
    }
    if (most) asked[most - c->t->ways] = 1;
    return most;
}

/* Runners-up of what costs most, then rows for several steps that the cover has left out. */
static status improve(chooser *c, whole *best)
{
    tuner *t = c->t;
    int trials = 0;
    unsigned char *asked = pool_array(c->pool, t->way_count, 1);
    if (!asked) return STATUS_MEMORY;
    for (tune_way *way; (way = dearest(c, best, asked)) && trials < MOST_TRIALS;) {
        if (tune_now() > t->deadline) return STATUS_OK;
        tune_progress(t, "trying runners-up", trials, MOST_TRIALS);
        TRY(try_bias(c, best, way, way->us * 0.1 + 0.5, &trials));
    }
    for (size_t i = 0; i < t->site_count && trials < MOST_TRIALS; i++) {
        if (t->sites[i].count == 1 || tune_now() > t->deadline) continue;
        tune_way *way = tune_best(t, &t->sites[i], NULL);
        if (way) TRY(try_bias(c, best, way, -0.25 * way->us, &trials));
    }
    return STATUS_OK;
}

/* ---- all ------------------------------------------------------------------------------------- */

/* Once by bare times, which says what marks cost, and then without that cost. */
static status choose(chooser *c, whole *best)
{
    whole second;
    TRY(find_cover(c, best));
    TRY(build(c, best));
    TRY(measure(c, best));
    find_overhead(c, best);
    TRY(find_cover(c, &second));
    if (!is_same(best, &second)) {
        leave(best);
        *best = second;
        TRY(build(c, best));
        TRY(measure(c, best));
    }
    return improve(c, best);
}

status tune_choose_whole(tuner *t, pool *p, work **works, int *count)
{
    chooser c = {.t = t, .pool = p};
    whole best = {0};
    status code = choose(&c, &best);
    *works = best.works;
    *count = best.count;
    if (code == STATUS_OK) tune_tell(t, "chosen: network %.1f us by %d works", best.us, best.count);
    leave(&best);
    return code;
}
