#include "engine/plan/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/network.h"
#include "engine/plan/lives.h"

element_type plan_tensor_type(precision precision, int is_head)
{
    return precision == PRECISION_FP16 && !is_head ? TYPE_FP16 : TYPE_FP32;
}

/* 1 for tensors that are written or read from outside the steps. */
static unsigned char *mark_kept(const plan *p)
{
    unsigned char *kept = pool_array(p->pool, (size_t)p->net.tensor_count, 1);
    if (!kept) return NULL;
    kept[p->input] = 1;
    for (int head = 0; head < DECODE_HEADS; head++) kept[tensor_home(&p->net, p->heads[head])] = 1;
    return kept;
}

static void set_types(plan *p)
{
    for (int i = 0; i < p->net.tensor_count; i++) {
        tensor *t = &p->net.tensors[i];
        if (!t->constant) t->type = plan_tensor_type(p->precision, 0);
    }
    for (int head = 0; head < DECODE_HEADS; head++) {
        int number = p->heads[head], home = tensor_home(&p->net, number);
        p->net.tensors[number].type = plan_tensor_type(p->precision, 1);
        p->net.tensors[home].type = p->net.tensors[number].type;
    }
}

static status choose_rows(const plan_request *q, const unsigned char *kept, const row *const *rows,
                          plan *p)
{
    cover_request request = {.net = &p->net,
                             .kept = kept,
                             .rows = rows,
                             .device = p->device,
                             .compute = q->device->compute,
                             .precision = p->precision};
    if (q->choose)
        return q->choose(q->choose_user, q, &request, p->pool, &p->works, &p->work_count);
    return cover_find(&request, p->pool, &p->works, &p->work_count);
}

status plan_choose_same(void *user, const plan_request *request, const cover_request *cover,
                        pool *p, work **works, int *count)
{
    (void)request, (void)cover;
    const plan *like = user;
    *works = pool_array(p, (size_t)like->work_count, sizeof **works);
    if (!*works) return STATUS_MEMORY;
    *count = like->work_count;
    for (int i = 0; i < *count; i++) {
        const work *w = &like->works[i];
        (*works)[i] =
            (work){.row = w->row, .first = w->first, .count = w->count, .variant = w->variant};
    }
    return STATUS_OK;
}

prepare_context plan_prepare_context(const plan_request *request)
{
    return (prepare_context){.precision = request->precision,
                             .threads = request->threads,
                             .packs = request->packs,
                             .device = request->device->rows};
}

/* Each row makes what it needs; *refused: the one that did not, in its own way. A work is counted
 * before its row prepares, so that what a failed one left is released with the rest. */
static status prepare_rows(const plan_request *q, plan *p, const row **refused)
{
    const prepare_context context = plan_prepare_context(q);
    int count = p->work_count;
    p->work_of = pool_array(p->pool, (size_t)p->net.step_count, sizeof *p->work_of);
    p->work_count = 0;
    if (!p->work_of) return STATUS_MEMORY;
    for (int i = 0; i < count; i++) {
        work *w = &p->works[p->work_count++];
        for (int s = w->first; s < w->first + w->count; s++) p->work_of[s] = i;
        if (!w->row->prepare) continue;
        status code = w->row->prepare(&context, &p->net, w);
        if (code != STATUS_OK) {
            const step *s = &p->net.steps[w->first];
            *refused = w->variant ? NULL : w->row;
            return fail(code, "%s (%s): %s", w->row->name, s->nodes, fail_text());
        }
    }
    return STATUS_OK;
}

static void release_works(plan *p)
{
    for (int i = 0; i < p->work_count; i++) {
        work *w = &p->works[i];
        if (w->row->release) w->row->release(w);
    }
    p->work_count = 0;
}

/* 1 if the row was among them. */
static int leave_out(const row **rows, const row *refused)
{
    while (*rows && *rows != refused) rows++;
    if (!*rows) return 0;
    for (; *rows; rows++) rows[0] = rows[1];
    return 1;
}

/* A row that cannot serve here after all, since its library is missing, gives way to the others;
 * where they do not do, it is what the sentence is about. */
static status choose_and_prepare(const plan_request *q, const unsigned char *kept, plan *p)
{
    const row *const *all = q->rows ? q->rows : all_rows;
    size_t count = 0;
    while (all[count]) count++;
    const row **rows = pool_array(p->pool, count + 1, sizeof *rows);
    if (!rows) return STATUS_MEMORY;
    for (size_t i = 0; i < count; i++) rows[i] = all[i];
    char why[512] = "";
    for (;;) {
        const row *refused = NULL;
        status code = choose_rows(q, kept, rows, p);
        if (code == STATUS_UNSUPPORTED && *why) return fail(code, "%s", why);
        TRY(code);
        code = prepare_rows(q, p, &refused);
        if (code != STATUS_UNSUPPORTED || !leave_out(rows, refused)) return code;
        snprintf(why, sizeof why, "%s", fail_text());
        release_works(p);
    }
}

static void place_windows(plan *p)
{
    for (int i = 0; i < p->net.tensor_count; i++) {
        tensor *t = &p->net.tensors[i];
        if (!t->window.channels) continue;
        p->has_room[i] = p->has_room[t->window.of];
        t->offset =
            p->net.tensors[t->window.of].offset + (size_t)t->window.first * type_bytes(t->type);
    }
}

/* Items of the arena: the tensors that have room, then every work's workspace. */
static status place_tensors(plan *p, int keep_all, size_t spare)
{
    int tensors = p->net.tensor_count;
    arena_item *lives = pool_array(p->pool, (size_t)tensors, sizeof *lives);
    int *room_of = pool_array(p->pool, (size_t)tensors, sizeof *room_of);
    arena_item *items = pool_array(p->pool, (size_t)(tensors + p->work_count), sizeof *items);
    p->has_room = pool_array(p->pool, (size_t)tensors, 1);
    if (!lives || !room_of || !items || !p->has_room) return STATUS_MEMORY;
    lives_find(p, keep_all, lives, room_of);
    int count = 0;
    for (int i = 0; i < tensors; i++)
        if (lives[i].first >= 0 && room_of[i] == i) items[count++] = lives[i];
    for (int i = 0; i < p->work_count; i++)
        items[count++] = (arena_item){.bytes = p->works[i].workspace_bytes, .first = i, .last = i};
    TRY(arena_lower_bound(items, count, p->work_count, &p->arena_bound));
    TRY(arena_place(items, count, p->work_count, &p->arena_bytes));
    count = 0;
    for (int i = 0; i < tensors; i++) {
        if (lives[i].first < 0) continue;
        p->has_room[i] = 1;
        if (room_of[i] == i) p->net.tensors[i].offset = items[count++].offset;
    }
    for (int i = 0; i < tensors; i++)
        if (room_of[i] != i) p->net.tensors[i].offset = p->net.tensors[room_of[i]].offset;
    place_windows(p);
    for (int i = 0; i < p->work_count; i++) p->works[i].workspace = items[count++].offset;
    if (!spare) return STATUS_OK;
    p->spare = (p->arena_bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    p->arena_bytes = p->spare + spare;
    return STATUS_OK;
}

static status plan_build(const plan_request *q, plan *p)
{
    network_request request = {.model = q->model,
                               .width = q->width,
                               .height = q->height,
                               .batch = q->batch,
                               .max_poses = q->max_poses};
    built_network built;
    TRY(pool_new(&p->pool));
    TRY(network_build(&request, p->pool, &built));
    p->net = built.net;
    p->input = built.input;
    p->logits = built.logits;
    memcpy(p->heads, built.heads, sizeof p->heads);
    p->device = q->device->kind;
    p->precision = q->precision;
    p->width = q->width;
    p->height = q->height;
    p->batch = q->batch;
    p->stride = q->model->stride;
    p->max_poses = q->max_poses;
    set_types(p);
    unsigned char *kept = mark_kept(p);
    if (!kept) return STATUS_MEMORY;
    TRY(choose_and_prepare(q, kept, p));
    TRY(place_tensors(p, q->keep_all, q->spare_bytes));
    p->network_first = 1;
    p->network_count = p->work_count - 2;
    return STATUS_OK;
}

status plan_make(const plan_request *request, plan **out)
{
    *out = heap_array(1, sizeof **out);
    if (!*out) return STATUS_MEMORY;
    status code = plan_build(request, *out);
    if (code != STATUS_OK) plan_free(out);
    return code;
}

void plan_free(plan **p)
{
    if (!p || !*p) return;
    release_works(*p);
    pool_free(&(*p)->pool);
    free(*p);
    *p = NULL;
}

/* 1 if some step before `end` reads the filter at this address already. */
static int filter_seen(const network *net, int end, const float *filter)
{
    for (int i = 0; i < end; i++)
        if (net->steps[i].op == OP_CONV && net->steps[i].as.conv.filter == filter) return 1;
    return 0;
}

int64_t plan_weight_bytes(const plan *p)
{
    int64_t count = 0;
    for (int i = 0; i < p->net.step_count; i++) {
        const step *s = &p->net.steps[i];
        if (s->op != OP_CONV || filter_seen(&p->net, i, s->as.conv.filter)) continue;
        const conv_params *c = &s->as.conv;
        count +=
            (int64_t)c->out_channels * (c->in_channels / c->groups) * c->kernel[0] * c->kernel[1];
        if (c->bias) count += c->out_channels;
    }
    for (int i = 0; i < p->net.tensor_count; i++)
        if (p->net.tensors[i].constant) count += tensor_count(&p->net.tensors[i]);
    return count * (int64_t)sizeof(float);
}
