/* Lives of tensors, and results in the place of residuals. */
#include "engine/plan/lives.h"

static void find_spans(const plan *p, int keep_all, arena_item *lives)
{
    const network *net = &p->net;
    for (int i = 0; i < net->tensor_count; i++) lives[i] = (arena_item){.first = -1, .last = -1};
    for (int i = 0; i < net->step_count; i++) {
        const step *s = &net->steps[i];
        int at = p->work_of[i];
        for (int k = 0; k < s->input_count; k++) {
            arena_item *life = &lives[tensor_home(net, s->inputs[k])];
            if (life->first >= 0) life->last = at;
        }
        if (s->output >= 0 && (keep_all || work_writes(&p->works[at], net, i)))
            lives[s->output].first = lives[s->output].last = at;
    }
    for (int i = 0; i < net->tensor_count; i++) {
        if (net->tensors[i].constant) lives[i].first = -1;
        if (lives[i].first < 0) continue;
        lives[i].bytes = tensor_bytes(&net->tensors[i]);
        if (keep_all) lives[i].first = 0, lives[i].last = p->work_count - 1;
    }
    for (int head = 0; head < DECODE_HEADS; head++)
        lives[tensor_home(net, p->heads[head])].last = p->work_count - 1;
}

/* How often the work reads the tensor. */
static int reads(const plan *p, const work *w, int tensor)
{
    int count = 0;
    for (const step *s = &p->net.steps[w->first]; s < &p->net.steps[w->first + w->count]; s++)
        for (int k = 0; k < s->input_count; k++)
            count += tensor_home(&p->net, s->inputs[k]) == tensor;
    return count;
}

/* The residual in whose place work `at` may write its first step's output; -1: none. Nobody reads
 * it later, nor the work itself as anything else, nor anyone from outside. */
static int replaced(const plan *p, int at, const arena_item *lives)
{
    const work *w = &p->works[at];
    const step *s = &p->net.steps[w->first];
    if (!w->row->in_place || s->op != OP_CONV || s->input_count < 2) return -1;
    if (!work_writes(w, &p->net, w->first)) return -1;
    int residual = s->inputs[1];
    const tensor *from = &p->net.tensors[residual], *to = &p->net.tensors[s->output];
    if (lives[residual].first < 0 || lives[residual].last != at || residual == p->input) return -1;
    if (from->window.channels || from->type != to->type) return -1;
    for (int i = 0; i < AXES; i++)
        if (from->dims[i] != to->dims[i]) return -1; /* it is broadcast */
    return reads(p, w, residual) == 1 ? residual : -1;
}

void lives_find(const plan *p, int keep_all, arena_item *lives, int *room_of)
{
    int tensors = p->net.tensor_count, last = p->work_count - 1;
    find_spans(p, keep_all, lives);
    for (int i = 0; i < tensors; i++) room_of[i] = i;
    if (keep_all) return;
    for (int at = 0; at <= last; at++) {
        int residual = replaced(p, at, lives);
        if (residual < 0) continue;
        int output = p->net.steps[p->works[at].first].output;
        room_of[output] = room_of[residual];
    }
    for (int i = 0; i < tensors; i++)
        if (room_of[i] != i && lives[i].last > lives[room_of[i]].last)
            lives[room_of[i]].last = lives[i].last;
}
