/* The cheapest cover by what was measured, then, site by site, what else came near in the whole
 * network: only there does it show that a kernel starts early, or waits for a neighbour that does
 * not let it, and what its weights push out of the caches. */
#include <math.h>

#include "engine/tune/whole.h"
#include "kernels/median.h"

enum { SWEEPS = 3, BEST_SAMPLES = 5, SCREEN_SAMPLES = 3, PAIRS = 7, EARLY_PAIRS = 3 };

/* A trial must gain this much, and only then the simpler way, which came first, gives way. */
static const double gain_factor = 0.0005, gain_more_us = 0.1;

/* Screening: what is slower than this by one sample, or than that by several, needs no second look.
 */
static const double glance_factor = 0.012, glance_more_us = 1.0;
static const double screen_factor = 0.003, screen_more_us = 0.2;

/* What a site outside the cover may cost more than what it replaces, by what was measured. */
static const double outside_factor = 0.3, outside_more_us = 1.0;

/* Later sweeps try again what lost by less than this a place. */
static const double near_us = 0.3;

/* ---- building and measuring ------------------------------------------------------------------ */

static status build(chooser *c, whole *w)
{
    return tune_build(c->t, w->works, w->count, 0, &w->plan, &w->slot);
}

static void leave(whole *w)
{
    slot_free(&w->slot);
    plan_free(&w->plan);
}

static status measure(chooser *c, const whole *w, int samples, double *us)
{
    device *d = c->t->request.device;
    return d->calls->measure(d, w->slot, samples, us);
}

/* ---- what marks cost ------------------------------------------------------------------------- */

/* The sum of marked works against the network without marks. */
static void find_overhead(chooser *c, const whole *w)
{
    double sum = 0;
    int last = w->plan->network_first + w->plan->network_count;
    for (int i = w->plan->network_first; i < last; i++) sum += tune_way_of(c->t, &w->works[i])->us;
    int count = w->plan->network_count;
    if (count) c->overhead_us = fmax((sum - w->us) / count, 0);
    tune_tell(c->t, "network %.1f us; its %d works, marked, %.1f us: %.2f us a mark", w->us, count,
              sum, c->overhead_us);
}

/* ---- trials ---------------------------------------------------------------------------------- */

/* Both in turns: the other is better where it is so in all pairs but one, and by enough; and not
 * where time is up before all are done. */
static status compare_pairs(chooser *c, whole *best, whole *other, int *better)
{
    double was[PAIRS], gains[PAIRS];
    int won = 0;
    *better = 0;
    for (int i = 0; i < PAIRS; i++) {
        double is;
        TRY(measure(c, best, 1, &was[i]));
        TRY(measure(c, other, 1, &is));
        gains[i] = was[i] - is;
        won += gains[i] > 0;
        if (i + 1 == EARLY_PAIRS && won < EARLY_PAIRS - 1) return STATUS_OK;
        if (tune_is_late(c->t)) return STATUS_OK;
    }
    double gain = median(gains, PAIRS);
    best->us = median(was, PAIRS);
    other->us = best->us - gain;
    *better = won >= PAIRS - 1 && gain > gain_more_us + gain_factor * best->us;
    return STATUS_OK;
}

static status try_cover(chooser *c, whole *best, whole *other, int *better)
{
    *better = 0;
    TRY(build(c, other));
    TRY(measure(c, other, 1, &other->us));
    if (other->us > best->us * (1 + glance_factor) + glance_more_us) return STATUS_OK;
    TRY(measure(c, other, SCREEN_SAMPLES, &other->us));
    if (other->us > best->us * (1 + screen_factor) + screen_more_us) return STATUS_OK;
    return compare_pairs(c, best, other, better);
}

/* The best cover with the way at its site's places, if that is another one and not hopeless. */
static status try_way(chooser *c, whole *best, const tune_way *way)
{
    const tune_site *site = &c->t->sites[way->site];
    whole other;
    int better = 0;
    c->best = best;
    c->forced = way;
    status code = whole_find(c, &other);
    c->forced = NULL;
    if (code == STATUS_UNSUPPORTED) return STATUS_OK; /* the places lie in each other's way */
    TRY(code);
    if (whole_is_same(best, &other)) return STATUS_OK;
    double more = whole_expected_us(c, &other) - whole_expected_us(c, best);
    if (more > site->place_count * (outside_factor * way->us + outside_more_us)) return STATUS_OK;
    code = try_cover(c, best, &other, &better);
    if (code == STATUS_OK) {
        c->trials++;
        c->taken += better;
        c->lost_us[way - c->t->ways] = (other.us - best->us) / site->place_count;
        tune_tell(c->t, "%s %-27s way %3d  step %3d: network %.1f us, was %.1f us",
                  better ? "taken" : "left ", way->row->name, way->variant, site->firsts[0],
                  other.us, best->us);
    }
    if (better) {
        leave(best);
        *best = other;
    } else
        leave(&other);
    return code;
}

/* ---- sweeps ---------------------------------------------------------------------------------- */

/* The site not yet asked whose places cost most; -1: all were. */
static int dearest(const chooser *c, unsigned char *asked)
{
    int most = -1;
    double most_us = 0;
    for (size_t s = 0; s < c->t->site_count; s++) {
        const tune_way *way = tune_best(c->t, &c->t->sites[s], NULL);
        if (asked[s] || !way) continue;
        double us = chooser_cost(c, way) * c->t->sites[s].place_count;
        if (us > most_us) most = (int)s, most_us = us;
    }
    if (most >= 0) asked[most] = 1;
    return most;
}

static status sweep(chooser *c, whole *best, int number)
{
    tuner *t = c->t;
    unsigned char *asked = pool_array(c->pool, t->site_count, 1);
    if (!asked) return STATUS_MEMORY;
    int done = 0;
    for (int s; (s = dearest(c, asked)) >= 0; done++) {
        tune_progress(t, "trying in the network", done, (int)t->site_count);
        TRY(measure(c, best, BEST_SAMPLES, &best->us));
        for (size_t i = 0; i < t->way_count; i++) {
            const tune_way *way = &t->ways[i];
            if (tune_is_late(t)) return STATUS_OK;
            if (way->site != s || !way->finalist || (number && c->lost_us[i] > near_us)) continue;
            TRY(try_way(c, best, way));
        }
    }
    return STATUS_OK;
}

/* Again while it helps: a way may be good only beside another. */
static status improve(chooser *c, whole *best)
{
    for (int i = 0; i < SWEEPS && !tune_is_late(c->t); i++) {
        c->trials = c->taken = 0;
        TRY(sweep(c, best, i));
        tune_tell(c->t, "sweep %d: network %.1f us, %d of %d trials taken", i + 1, best->us,
                  c->taken, c->trials);
        if (!c->taken) break;
    }
    return STATUS_OK;
}

/* ---- all ------------------------------------------------------------------------------------- */

/* Once by bare times, which says what marks cost, and then without that cost: the better of both.
 */
static status choose(chooser *c, whole *best)
{
    whole second;
    TRY(whole_find(c, best));
    TRY(build(c, best));
    TRY(measure(c, best, BEST_SAMPLES, &best->us));
    find_overhead(c, best);
    TRY(whole_find(c, &second));
    if (whole_is_same(best, &second)) return improve(c, best);
    status code = build(c, &second);
    if (code == STATUS_OK) code = measure(c, &second, BEST_SAMPLES, &second.us);
    int better = code == STATUS_OK && second.us < best->us;
    leave(better ? best : &second);
    if (better) *best = second;
    TRY(code);
    return improve(c, best);
}

/* Trials leave much behind in the tuner's pool; the plan gets its works alone. */
static status hand_over(const whole *best, pool *p, work **works, int *count)
{
    const plan like = {.works = best->works, .work_count = best->count};
    return plan_choose_same((void *)(uintptr_t)&like, NULL, NULL, p, works, count);
}

status tune_choose_whole(tuner *t, pool *p, work **works, int *count)
{
    chooser c = {.t = t, .pool = t->pool};
    whole best = {0};
    c.lost_us = pool_array(c.pool, t->way_count, sizeof *c.lost_us);
    if (!c.lost_us) return STATUS_MEMORY;
    status code = choose(&c, &best);
    if (code == STATUS_OK) {
        tune_tell(t, "chosen: network %.1f us by %d works", best.us, best.count);
        code = hand_over(&best, p, works, count);
    }
    leave(&best);
    return code;
}
