/* Which rows a cover has: the cheapest by what was measured, or the best so far but for one way. */
#include "engine/tune/whole.h"

#include <math.h>

double chooser_cost(const chooser *c, const tune_way *way)
{
    return fmax(way->us - c->overhead_us, 0.01);
}

static double measured_cost(void *user, const network *net, const row *candidate, int first,
                            int count)
{
    (void)net;
    const chooser *c = user;
    const tune_site *site = tune_site_at(c->t, first, count);
    const tune_way *way = site ? tune_best(c->t, site, candidate) : NULL;
    return way ? chooser_cost(c, way) : INFINITY;
}

static const work *work_in(const whole *w, const row *row, int first, int count)
{
    for (int i = 0; i < w->count; i++)
        if (w->works[i].first == first && w->works[i].count == count && w->works[i].row == row)
            return &w->works[i];
    return NULL;
}

static int overlaps(const tune_site *site, int first, int count)
{
    for (int k = 0; k < site->place_count; k++)
        if (first < site->firsts[k] + site->count && site->firsts[k] < first + count) return 1;
    return 0;
}

/* The forced way at all places of its site; elsewhere what the best cover has, for nothing; and
 * where that no longer fits, the cheapest. */
static double forced_cost(void *user, const network *net, const row *candidate, int first,
                          int count)
{
    const chooser *c = user;
    const tune_site *site = &c->t->sites[c->forced->site];
    if (tune_site_at(c->t, first, count) == site) return candidate == c->forced->row ? 0 : INFINITY;
    if (work_in(c->best, candidate, first, count) && !overlaps(site, first, count)) return 0;
    double cost = measured_cost(user, net, candidate, first, count);
    return overlaps(site, first, count) ? cost + 1e9 : cost;
}

static void set_variants(const chooser *c, whole *w)
{
    for (int i = 0; i < w->count; i++) {
        work *k = &w->works[i];
        const tune_site *site = tune_site_at(c->t, k->first, k->count);
        const work *kept = c->best ? work_in(c->best, k->row, k->first, k->count) : NULL;
        if (c->forced && site == &c->t->sites[c->forced->site])
            k->variant = c->forced->variant;
        else
            k->variant = kept ? kept->variant : tune_best(c->t, site, k->row)->variant;
    }
}

status whole_find(chooser *c, whole *w)
{
    cover_request cover = *c->t->cover;
    cover.cost = c->forced ? forced_cost : measured_cost;
    cover.user = c;
    *w = (whole){0};
    TRY(cover_find(&cover, c->pool, &w->works, &w->count));
    set_variants(c, w);
    return STATUS_OK;
}

int whole_is_same(const whole *a, const whole *b)
{
    if (a->count != b->count) return 0;
    for (int i = 0; i < a->count; i++)
        if (a->works[i].row != b->works[i].row || a->works[i].count != b->works[i].count ||
            a->works[i].variant != b->works[i].variant)
            return 0;
    return 1;
}

double whole_expected_us(const chooser *c, const whole *w)
{
    double sum = 0;
    for (int i = 0; i < w->count; i++) sum += chooser_cost(c, tune_way_of(c->t, &w->works[i]));
    return sum;
}
