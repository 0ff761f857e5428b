/* Computes a whole graph on a host device. */
#include "tests/onnx_operators/execute.h"

#include <stdlib.h>
#include <string.h>

#include "engine/lower/lower.h"
#include "engine/plan/cover.h"
#include "engine/rewrite/rewrite.h"
#include "kernels/pack.h"

enum { ALIGNMENT = 256 };

typedef struct session {
    lowered low;
    work *works;
    int work_count, prepared;
    pack_cache *packs;
    unsigned char *arena;
} session;

static size_t round_up(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* ---- values in the file's order and tensors in NHWC ------------------------------------------ */

/* Where element `i` of a value, row-major in the file's order of axes, lies in its tensor. */
static int64_t tensor_index(const lowered_value *v, const tensor *t, int64_t i)
{
    int64_t strides[AXES] = {0}, stride = 1, at = 0;
    for (int axis = AXES; axis-- > 0;) {
        strides[axis] = stride;
        stride *= t->dims[axis];
    }
    for (int axis = v->rank; axis-- > 0;) {
        at += i % v->dims[axis] * strides[v->axis_of[axis]];
        i /= v->dims[axis];
    }
    return at;
}

static void write_input(const session *s, const lowered_value *v, const constant *from)
{
    if (v->tensor < 0) return; /* nothing that is computed needs it */
    const tensor *t = &s->low.net.tensors[v->tensor];
    float *to = (float *)(void *)(s->arena + t->offset);
    for (int64_t i = 0; i < from->count; i++) to[tensor_index(v, t, i)] = from->reals[i];
}

static status read_output(const session *s, const lowered_value *v, const run *r, pool *p,
                          constant *out)
{
    if (v->known) {
        *out = *v->known;
        return STATUS_OK;
    }
    if (v->tensor < 0) return fail(STATUS_MODEL, "an output was left out");
    const tensor *t = &s->low.net.tensors[v->tensor];
    const float *from = tensor_at(&s->low.net, v->tensor, r);
    *out = (constant){.type = ELEMENT_REAL, .rank = v->rank};
    memcpy(out->dims, v->dims, sizeof out->dims);
    TRY(graph_element_count(out->dims, out->rank, "an output", &out->count));
    if (out->count != tensor_count(t)) return fail(STATUS_MODEL, "an output changed its size");
    float *reals = pool_array(p, (size_t)out->count, sizeof *reals);
    if (!reals) return STATUS_MEMORY;
    for (int64_t i = 0; i < out->count; i++) reals[i] = from[tensor_index(v, t, i)];
    out->reals = reals;
    return STATUS_OK;
}

/* ---- running --------------------------------------------------------------------------------- */

static status cover(session *s, const graph *g, device_kind device, pool *p)
{
    unsigned char *kept = pool_array(p, (size_t)s->low.net.tensor_count, 1);
    if (!kept) return STATUS_MEMORY;
    for (size_t i = 0; i < g->input_count; i++)
        if (s->low.inputs[i].tensor >= 0) kept[s->low.inputs[i].tensor] = 1;
    for (size_t i = 0; i < g->output_count; i++)
        if (s->low.outputs[i].tensor >= 0) kept[s->low.outputs[i].tensor] = 1;
    cover_request request = {.net = &s->low.net,
                             .kept = kept,
                             .rows = all_rows,
                             .device = device,
                             .precision = PRECISION_FP32};
    return cover_find(&request, p, &s->works, &s->work_count);
}

static status prepare(session *s)
{
    size_t bytes = ALIGNMENT;
    TRY(pack_cache_new(NULL, &s->packs));
    prepare_context context = {.precision = PRECISION_FP32, .packs = s->packs};
    for (int i = 0; i < s->low.net.tensor_count; i++) {
        tensor *t = &s->low.net.tensors[i];
        if (t->constant) continue;
        t->offset = bytes;
        bytes += round_up(tensor_bytes(t));
    }
    for (; s->prepared < s->work_count; s->prepared++) {
        work *w = &s->works[s->prepared];
        if (w->row->prepare) TRY(w->row->prepare(&context, &s->low.net, w));
        w->workspace = bytes;
        bytes += round_up(w->workspace_bytes);
    }
    s->arena = aligned_alloc(ALIGNMENT, bytes);
    if (!s->arena) return fail(STATUS_MEMORY, "out of memory");
    memset(s->arena, 0xff, bytes); /* NaN: what is read before it is written shows */
    return STATUS_OK;
}

static status compute(session *s, graph *g, device_kind device, const constant *const *inputs,
                      pool *p, constant *outputs)
{
    int64_t(*dims)[GRAPH_MAX_RANK] = pool_array(p, g->input_count, sizeof *dims);
    if (!dims) return STATUS_MEMORY;
    for (size_t i = 0; i < g->input_count; i++) memcpy(dims[i], inputs[i]->dims, sizeof *dims);
    lower_request request = {.graph = g, .input_dims = (const int64_t(*)[GRAPH_MAX_RANK])dims};
    TRY(graph_rewrite(g));
    TRY(lower(&request, p, &s->low));
    TRY(network_rewrite(&s->low, p));
    TRY(cover(s, g, device, p));
    TRY(prepare(s));
    run r = {.arena = s->arena};
    for (size_t i = 0; i < g->input_count; i++) write_input(s, &s->low.inputs[i], inputs[i]);
    for (int i = 0; i < s->work_count; i++)
        TRY(s->works[i].row->enqueue(&s->works[i], &s->low.net, &r));
    for (size_t i = 0; i < g->output_count; i++)
        TRY(read_output(s, &s->low.outputs[i], &r, p, &outputs[i]));
    return STATUS_OK;
}

status execute(graph *g, device_kind device, const constant *const *inputs, pool *p,
               constant *outputs)
{
    session s = {0};
    status result = compute(&s, g, device, inputs, p, outputs);
    for (int i = 0; i < s.prepared; i++)
        if (s.works[i].row->release) s.works[i].row->release(&s.works[i]);
    pack_cache_free(&s.packs);
    free(s.arena);
    return result;
}
