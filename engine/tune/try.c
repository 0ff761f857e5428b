/* Every way tried once, on the values of a real frame, against what the plain rows make of them. */
#include <math.h>
#include <string.h>

#include "engine/tune/stage.h"

enum { RUNS = 3 };

/* Of the time for trying: until then each row's own choice is tried, whatever the others took. */
static const double own_share = 1.5;

/* ---- one way --------------------------------------------------------------------------------- */

/* The row's own limit and the plain row's: each is that far from ref at most. */
static double limit_of(const tuner *t, const tune_way *way)
{
    const network *net = &t->stage->net;
    int loose = t->request.precision == PRECISION_TF32;
    for (int i = way->tried.first; i < way->tried.first + way->tried.count; i++) {
        const step *s = &net->steps[i];
        for (int k = 0; k < s->input_count; k++)
            loose |= net->tensors[s->inputs[k]].type == TYPE_FP16;
        if (s->output >= 0) loose |= net->tensors[s->output].type == TYPE_FP16;
    }
    const row *plain = t->stage->works[t->stage->work_of[way->tried.first]].row;
    return loose ? way->row->limit_fp16 + plain->limit_fp16 : way->row->limit + plain->limit;
}

/* Runs the way where the plain row stood; the first run may still load code, and the last tells
 * nothing new of one that is far too slow. */
static status run_way(tuner *t, tune_way *way, double limit_us)
{
    device *d = t->request.device;
    int last = way->tried.first + way->tried.count - 1, at = t->stage->work_of[last];
    work plain = t->stage->works[at];
    way->tried.workspace = t->stage->spare;
    t->stage->works[at] = way->tried;
    status code = STATUS_OK;
    way->alone_us = INFINITY;
    for (int i = 0; i < RUNS && code == STATUS_OK; i++) {
        code = d->calls->compute(d, t->slot, at, 1);
        double us = t->slot->microseconds[at];
        if (i > 0 && us < way->alone_us) way->alone_us = us;
        if (i > 0 && way->alone_us > limit_us) break;
    }
    t->stage->works[at] = plain;
    return code;
}

/* What poses and counts hold after a step without an output tensor. */
typedef struct results {
    void *bytes;
    size_t count;
} results;

static double compare_poses(const tuner *t, const results *want)
{
    const slot *s = t->slot;
    const unsigned char *wanted = want->bytes;
    size_t pose_at = (size_t)((unsigned char *)s->poses - (unsigned char *)s->results);
    size_t count_at = (size_t)((unsigned char *)s->counts - (unsigned char *)s->results);
    double worst = 0;
    for (int image = 0; image < s->plan->batch; image++) {
        int count;
        memcpy(&count, wanted + count_at + (size_t)image * sizeof count, sizeof count);
        if (s->counts[image] != count) return INFINITY;
        size_t first = (size_t)image * (size_t)s->plan->max_poses;
        const float *got = (const float *)(const void *)(s->poses + first);
        const float *right = (const float *)(const void *)(wanted + pose_at + first * sizeof(pose));
        for (size_t i = 0; i < (size_t)count * sizeof(pose) / sizeof(float); i++) {
            double error = fabs((double)got[i] - (double)right[i]) / (1 + fabs((double)right[i]));
            if (!(error <= worst)) worst = isnan(error) ? INFINITY : error;
        }
    }
    return worst;
}

/* The worst error of all that the way writes. */
static status compare(tuner *t, const work *tried, const results *poses, double *worst)
{
    device *d = t->request.device;
    const network *net = &t->stage->net;
    *worst = poses->bytes ? compare_poses(t, poses) : 0;
    for (int i = tried->first; i < tried->first + tried->count; i++) {
        if (!work_writes(tried, net, i)) continue;
        int output = net->steps[i].output;
        const tensor *like = &net->tensors[output];
        double error;
        TRY(d->calls->compare(d, stage_place(t, output), stage_wanted(t, tried->first, i),
                              like->type, tensor_count(like), &error));
        if (!(error <= *worst)) *worst = error;
    }
    return STATUS_OK;
}

/* Not to be looked at any further. Of ways that the device does not have nothing is said. */
static void put_out(const tuner *t, tune_way *way, const char *why)
{
    way->state = WAY_OUT;
    if (why)
        tune_tell(t, "out   %-27s way %3d  step %3d  %s", way->row->name, way->variant,
                  t->sites[way->site].firsts[0], why);
}

/* A way that fails is out; only want of memory ends the tuning. */
static status put_out_failed(const tuner *t, tune_way *way, status code)
{
    if (code == STATUS_MEMORY) return code;
    put_out(t, way, code == STATUS_UNSUPPORTED ? NULL : fail_text());
    return STATUS_OK;
}

static status prepare_way(tuner *t, tune_way *way)
{
    const tune_site *site = &t->sites[way->site];
    const prepare_context context = plan_prepare_context(&t->request);
    way->tried = (work){
        .row = way->row, .first = site->firsts[0], .count = site->count, .variant = way->variant};
    status code =
        way->row->prepare ? way->row->prepare(&context, &t->stage->net, &way->tried) : STATUS_OK;
    if (code != STATUS_OK) return put_out_failed(t, way, code);
    if (way->tried.workspace_bytes > STAGE_SPARE_BYTES) put_out(t, way, "needs too much workspace");
    return STATUS_OK;
}

static status compute_way(tuner *t, tune_way *way)
{
    TRY(stage_poison(t, &way->tried));
    double limit_us = tune_alone_limit(t, &t->sites[way->site]);
    status code = run_way(t, way, limit_us);
    if (code != STATUS_OK) return put_out_failed(t, way, code);
    if (way->alone_us > limit_us) put_out(t, way, "is far too slow");
    return STATUS_OK;
}

static status check_way(tuner *t, tune_way *way, const results *poses)
{
    double worst;
    TRY(compare(t, &way->tried, poses, &worst));
    way->state = worst <= limit_of(t, way) ? WAY_FIT : WAY_OUT;
    way->us = way->alone_us;
    tune_tell(t, "%s %-27s way %3d  step %3d  error %8.2e  %8.1f us",
              way->state == WAY_FIT ? "fit  " : "WRONG", way->row->name, way->variant,
              t->sites[way->site].firsts[0], worst, way->alone_us);
    return STATUS_OK;
}

static status try_way(tuner *t, tune_way *way, const results *poses)
{
    TRY(prepare_way(t, way));
    if (way->state != WAY_OUT) TRY(compute_way(t, way));
    if (way->state != WAY_OUT) TRY(check_way(t, way, poses));
    return STATUS_OK;
}

/* ---- all ways -------------------------------------------------------------------------------- */

/* What is tried when: everything before a site's share of the time is over, then each row's own
 * choice, then only what is needed. */
typedef struct time_table {
    double all_until, own_until;
} time_table;

/* Rows offer what they think best first. */
static tune_way *next_new(const tuner *t, const tune_site *site, const time_table *times)
{
    tune_way *next = NULL;
    double now = tune_now();
    for (size_t i = site->ways; i < site->ways + site->way_count; i++) {
        tune_way *way = &t->ways[i];
        if (way->state != WAY_NEW || (next && next->variant <= way->variant)) continue;
        if (way->needed || now < (way->variant ? times->all_until : times->own_until)) next = way;
    }
    return next;
}

/* The plain values are put aside, and back when every way has had its turn. */
static status try_site(tuner *t, const tune_site *site, const time_table *times)
{
    const step *last = &t->stage->net.steps[site->firsts[0] + site->count - 1];
    results poses = {NULL, t->slot->results_bytes};
    if (last->output < 0) {
        poses.bytes = pool_array(t->pool, poses.count, 1);
        if (!poses.bytes) return STATUS_MEMORY;
        memcpy(poses.bytes, t->slot->results, poses.count);
    }
    TRY(stage_move_wanted(t, site, 0));
    for (tune_way *way; (way = next_new(t, site, times));) TRY(try_way(t, way, &poses));
    return stage_move_wanted(t, site, 1);
}

static void need(const tuner *t, const work *works, int count)
{
    for (int i = 0; i < count; i++) {
        tune_way *way = tune_way_of(t, &works[i]);
        if (way) way->needed = 1;
    }
}

/* What the stage is made of is right by definition, and what the rows' estimates choose is what
 * there would be without a tuner. */
static status find_needed(tuner *t)
{
    work *works;
    int count;
    TRY(cover_find(t->cover, t->pool, &works, &count));
    need(t, works, count);
    need(t, t->stage->works, t->stage->work_count);
    return STATUS_OK;
}

status tune_try_ways(tuner *t)
{
    TRY(stage_open(t));
    TRY(find_needed(t));
    double start = tune_now(), time = t->deadline - start;
    for (size_t i = 0; i < t->site_count; i++) {
        tune_progress(t, "trying", (int)i, (int)t->site_count);
        double share = (double)(i + 1) / (double)t->site_count;
        const time_table times = {start + time * share, start + time * own_share};
        TRY(try_site(t, &t->sites[i], &times));
    }
    return STATUS_OK;
}
