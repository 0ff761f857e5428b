/* The stage: made, cleared away, and the plain values in it. */
#include "engine/tune/stage.h"

#include <stdlib.h>
#include <string.h>

#include "engine/plan/arena.h"

/* ---- what it is ------------------------------------------------------------------------------ */

/* Plain rows first, then single steps by their estimates: a run of steps computed as one would
 * leave what lies inside without values. */
static double plain_cost(void *user, const network *net, const row *candidate, int first, int count)
{
    double cost = cover_estimate(user, net, candidate, first, count);
    if (count > 1) return 1e9 * count + cost;
    return candidate->plain ? 0 : 1 + cost;
}

static status choose_plain(void *user, const plan_request *request, const cover_request *cover,
                           pool *p, work **works, int *count)
{
    (void)user, (void)request;
    cover_request plain = *cover;
    plain.cost = plain_cost;
    return cover_find(&plain, p, works, count);
}

static size_t longest_tensor(const network *net)
{
    size_t most = sizeof(float);
    for (int i = 0; i < net->tensor_count; i++)
        if (tensor_bytes(&net->tensors[i]) > most) most = tensor_bytes(&net->tensors[i]);
    return most;
}

/* Where the plain output of step `i` is put aside, of a run of steps from `first` on; at one past
 * the last: what all of them take. */
static size_t wanted_at(const network *net, int first, int i)
{
    const size_t unit = ARENA_ALIGNMENT;
    size_t offset = 0;
    for (const step *s = &net->steps[first]; s < &net->steps[i]; s++)
        if (s->output >= 0)
            offset += (tensor_bytes(&net->tensors[s->output]) + unit - 1) / unit * unit;
    return offset;
}

static size_t most_wanted(const tuner *t)
{
    size_t most = ARENA_ALIGNMENT;
    for (size_t i = 0; i < t->site_count; i++) {
        const tune_site *site = &t->sites[i];
        int first = site->firsts[0];
        size_t bytes = wanted_at(&t->stage->net, first, first + site->count);
        if (bytes > most) most = bytes;
    }
    return most;
}

static status fill_poison(tuner *t, size_t bytes)
{
    device *d = t->request.device;
    int count = (int)(bytes / sizeof(float)) + (bytes % sizeof(float) > 0);
    float *nothing = heap_array((size_t)count, sizeof *nothing);
    if (!nothing) return STATUS_MEMORY;
    memset(nothing, 0xff, (size_t)count * sizeof *nothing); /* NaN in fp32 and in fp16 */
    const int dims[AXES] = {1, 1, 1, count};
    view from = view_dense(nothing, TYPE_FP32, dims, 0);
    status code = d->calls->allocate(d, (size_t)count * sizeof *nothing, &t->poison);
    if (code == STATUS_OK) {
        view to = view_dense(t->poison, TYPE_FP32, dims, d->kind == DEVICE_CUDA);
        code = d->calls->transfer(d, &from, &to);
    }
    free(nothing);
    return code;
}

status stage_open(tuner *t)
{
    device *d = t->request.device;
    plan_request request = t->request;
    request.keep_all = 1;
    request.choose = choose_plain;
    request.spare_bytes = STAGE_SPARE_BYTES;
    TRY(plan_make(&request, &t->stage));
    TRY(slot_new(d, t->stage, 1, &t->slot));
    tune_describe(t, t->slot);
    TRY(d->calls->compute(d, t->slot, 0, t->stage->work_count));
    TRY(fill_poison(t, longest_tensor(&t->stage->net)));
    return d->calls->allocate(d, most_wanted(t), &t->want);
}

void stage_close(tuner *t)
{
    device *d = t->request.device;
    for (size_t i = 0; i < t->way_count; i++) {
        tune_way *way = &t->ways[i];
        if (way->tried.row && way->row->release) way->row->release(&way->tried);
        way->tried = (work){0};
    }
    d->calls->release(d, t->want);
    d->calls->release(d, t->poison);
    t->want = t->poison = NULL;
    slot_free(&t->slot);
    plan_free(&t->stage);
}

/* ---- values ---------------------------------------------------------------------------------- */

static status copy(tuner *t, int number, void *from, void *to)
{
    device *d = t->request.device;
    const tensor *like = &t->stage->net.tensors[number];
    view source = view_dense(from, like->type, like->dims, d->kind == DEVICE_CUDA);
    view target = view_dense(to, like->type, like->dims, d->kind == DEVICE_CUDA);
    return d->calls->transfer(d, &source, &target);
}

void *stage_place(const tuner *t, int number)
{
    return tensor_at(&t->stage->net, number, &t->slot->run);
}

void *stage_wanted(const tuner *t, int first, int i)
{
    return (char *)t->want + wanted_at(&t->stage->net, first, i);
}

status stage_poison(tuner *t, const work *tried)
{
    const network *net = &t->stage->net;
    for (int i = tried->first; i < tried->first + tried->count; i++) {
        int output = net->steps[i].output;
        if (output < 0) memset(t->slot->results, 0xff, t->slot->results_bytes);
        if (work_writes(tried, net, i)) TRY(copy(t, output, t->poison, stage_place(t, output)));
    }
    return STATUS_OK;
}

status stage_move_wanted(tuner *t, const tune_site *site, int back)
{
    const network *net = &t->stage->net;
    int first = site->firsts[0];
    for (int i = first; i < first + site->count; i++) {
        int output = net->steps[i].output;
        if (output < 0) continue;
        void *want = stage_wanted(t, first, i), *place = stage_place(t, output);
        TRY(copy(t, output, back ? want : place, back ? place : want));
    }
    return STATUS_OK;
}
