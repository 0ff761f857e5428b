/* The network alone, from one tensor of the caller's to others, as a graph of kernels.
 *
 *   [copy in ->] network [-> copies out]
 *
 * The copies find in pinned memory what to copy, so one graph does for any tensors. A tensor that
 * is just as the plan has it needs no copy in: the network reads it where it lies. A graph for that
 * has the address in it, so it is made when a tensor comes for the second time, and the last few
 * are kept: callers who take turns with some tensors, or come with a new one each time, wait for no
 * graph to be made. What becomes of the memory in between does not matter, since a graph is
 * launched only by who comes with its address. */
#include <string.h>

#include "engine/device/cuda.h"
#include "engine/plan/arena.h"
#include "kernels/cuda/cuda.h"

/* ---- which graph ----------------------------------------------------------------------------- */

/* 1 if the network can read `v` in place of its own input, which is tensor `t`. */
static int is_as_planned(const tensor *t, const view *v)
{
    return v->type == t->type && view_is_dense(v) && (uintptr_t)v->data % ARENA_ALIGNMENT == 0;
}

/* The graph for this, made or not; *known is 1 if it was asked for lately. */
static infer_graph *find_graph(recorded *r, void *input, int copies_out, int *known)
{
    infer_graph *oldest = r->infer;
    *known = 0;
    for (infer_graph *g = r->infer; g < r->infer + INFER_GRAPHS && !*known; g++) {
        *known = g->used && g->input == input && g->copies_out == copies_out;
        if (*known || g->used < oldest->used) oldest = g;
    }
    if (!*known) {
        if (oldest->exec) (void)cudaGraphExecDestroy(oldest->exec);
        *oldest = (infer_graph){.input = input, .copies_out = copies_out};
    }
    oldest->used = ++r->infers;
    return oldest;
}

/* ---- capture --------------------------------------------------------------------------------- */

/* Works in between start early on the copies, and these on them, where rows do so at all. */
static status enqueue_infer(slot *s, recorded *r, const infer_graph *g)
{
    const plan *p = s->plan;
    int64_t most = 0;
    for (int i = 0; i < DECODE_HEADS; i++) {
        int64_t count = tensor_count(&p->net.tensors[p->heads[i]]);
        if (count > most) most = count;
    }
    s->run.programmatic = 0;
    if (!g->input)
        TRY(cuda_copy_described(&r->copies->in, 1, tensor_count(&p->net.tensors[p->input]),
                                &s->run));
    TRY(gpu_enqueue_works(s, r, p->network_first, p->network_count, 0));
    if (!g->copies_out) return STATUS_OK;
    TRY(gpu_follows_kernel(r->stream, &s->run.programmatic));
    return cuda_copy_described(&r->copies->out, DECODE_HEADS, most, &s->run);
}

static status enqueue_graph(slot *s, recorded *r, const void *user)
{
    const infer_graph *g = user;
    s->run.outside.tensor = s->plan->input;
    s->run.outside.at = g->input;
    status code = enqueue_infer(s, r, g);
    s->run.outside.at = NULL;
    return code;
}

/* The copies once outside capture, of nothing, so that their kernel is loaded. */
static status record_graph(slot *s, recorded *r, infer_graph *g)
{
    if (g->exec) return STATUS_OK;
    memset(r->copies, 0, sizeof *r->copies);
    s->run.programmatic = 0;
    TRY(cuda_copy_described(&r->copies->in, 1, 1, &s->run));
    TRY(gpu_capture(s, r, enqueue_graph, g, &g->exec));
    return cuda_check(cudaStreamSynchronize(r->stream), "recording the network");
}

/* ---- infer ----------------------------------------------------------------------------------- */

/* What one call copies in and out. */
typedef struct infer_call {
    cuda_copy in, out[DECODE_HEADS];
    int count; /* of heads that are wanted */
} infer_call;

static infer_call describe(const slot *s, const view *input, const view heads[DECODE_HEADS])
{
    view own = slot_tensor(s, s->plan->input);
    infer_call call = {.in = gpu_copy_of(input, &own)};
    for (int i = 0; i < DECODE_HEADS; i++) {
        view head = slot_tensor(s, s->plan->heads[i]);
        if (heads[i].data) call.out[call.count++] = gpu_copy_of(&head, &heads[i]);
    }
    return call;
}

static status launch_graph(slot *s, recorded *r, const view *input, const infer_call *call)
{
    int planned = is_as_planned(&s->plan->net.tensors[s->plan->input], input), known;
    infer_graph *g = find_graph(r, planned ? input->data : NULL, call->count > 0, &known);
    if (planned && !known) g = find_graph(r, NULL, call->count > 0, &known);
    TRY(record_graph(s, r, g));
    *r->copies = (infer_copies){cuda_describe_copies(&call->in, 1),
                                cuda_describe_copies(call->out, call->count)};
    return cuda_check(cudaGraphLaunch(g->exec, r->stream), "launching the network");
}

/* Where marks would be in the graph. */
static status launch_apart(slot *s, recorded *r, const infer_call *call)
{
    const plan *p = s->plan;
    TRY(cuda_copy_strided(&call->in, 1, r->stream));
    TRY(gpu_enqueue_works(s, r, p->network_first, p->network_count, cudaEventRecordDefault));
    return cuda_copy_strided(call->out, call->count, r->stream);
}

status gpu_infer(device *d, slot *s, const view *input, const view heads[DECODE_HEADS])
{
    recorded *r = s->recorded;
    const infer_call call = describe(s, input, heads);
    TRY(cuda_device_use(((gpu *)d)->cuda));
    TRY(gpu_wait_for_stream(r, NULL));
    TRY(r->marks ? launch_apart(s, r, &call) : launch_graph(s, r, input, &call));
    return cuda_check(cudaStreamSynchronize(r->stream), "computing the network");
}
