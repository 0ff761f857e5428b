/* Step by step: each of the device's works, fed what ref feeds it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/validate.h"

enum { MAX_INPUTS = 64, MAX_OUTPUTS = 16 };

/* A tensor's values on the host: as ref has them, and as the tested side's type holds them. */
typedef struct held {
    int tensor;
    size_t count;
    float *exact, *rounded;
} held;

/* What a work reads from outside and what it writes. */
typedef struct place {
    const work *work;
    held inputs[MAX_INPUTS];
    int input_count;
    int changed;                            /* rounding changed an input */
    int outputs[MAX_OUTPUTS], output_count; /* tensors; none: poses */
    size_t count;                           /* floats of what it writes */
    float *got, *want;
} place;

static view fp32_view(const plan *p, int number, float *data)
{
    return view_dense(data, TYPE_FP32, p->net.tensors[number].dims, 0);
}

/* ---- where a work stands -------------------------------------------------------------------- */

static status add_input(place *at, const plan *p, int number)
{
    if (p->net.tensors[number].constant) return STATUS_OK;
    for (int s = at->work->first; s < at->work->first + at->work->count; s++)
        if (p->net.steps[s].output == number) return STATUS_OK;
    for (int i = 0; i < at->input_count; i++)
        if (at->inputs[i].tensor == number) return STATUS_OK;
    if (at->input_count == MAX_INPUTS)
        return fail(STATUS_UNSUPPORTED, "%s reads more than %d tensors", at->work->row->name,
                    MAX_INPUTS);
    held *h = &at->inputs[at->input_count++];
    h->tensor = number;
    h->count = (size_t)tensor_count(&p->net.tensors[number]);
    h->exact = heap_array(h->count, sizeof *h->exact);
    h->rounded = heap_array(h->count, sizeof *h->rounded);
    return h->exact && h->rounded ? STATUS_OK : STATUS_MEMORY;
}

static status add_output(place *at, const plan *p, int number)
{
    if (at->output_count == MAX_OUTPUTS)
        return fail(STATUS_UNSUPPORTED, "%s writes more than %d tensors", at->work->row->name,
                    MAX_OUTPUTS);
    at->outputs[at->output_count++] = number;
    at->count += (size_t)tensor_count(&p->net.tensors[number]);
    return STATUS_OK;
}

static status find_place(place *at, const plan *p, const work *w)
{
    *at = (place){.work = w};
    for (int s = w->first; s < w->first + w->count; s++) {
        for (int i = 0; i < p->net.steps[s].input_count; i++)
            TRY(add_input(at, p, p->net.steps[s].inputs[i]));
        if (work_writes(w, &p->net, s)) TRY(add_output(at, p, p->net.steps[s].output));
    }
    if (!at->output_count) at->count = 1 + (size_t)p->max_poses * sizeof(pose) / sizeof(float);
    at->got = heap_array(at->count, sizeof *at->got);
    at->want = heap_array(at->count, sizeof *at->want);
    return at->got && at->want ? STATUS_OK : STATUS_MEMORY;
}

static void leave_place(place *at)
{
    for (int i = 0; i < at->input_count; i++) {
        free(at->inputs[i].exact);
        free(at->inputs[i].rounded);
    }
    free(at->got);
    free(at->want);
}

/* ---- values ----------------------------------------------------------------------------------*/

/* Ref's values of the inputs, and what is left of them in the tested side's type. */
static status take_inputs(place *at, const comparison *c)
{
    const plan *p = c->tested.plan;
    for (int i = 0; i < at->input_count; i++) {
        held *h = &at->inputs[i];
        view exact = fp32_view(p, h->tensor, h->exact),
             rounded = fp32_view(p, h->tensor, h->rounded);
        TRY(slot_read(c->ref.slot, h->tensor, &exact));
        TRY(slot_write(c->tested.slot, h->tensor, &exact));
        TRY(slot_read(c->tested.slot, h->tensor, &rounded));
        at->changed |= memcmp(h->exact, h->rounded, h->count * sizeof *h->exact) != 0;
    }
    return STATUS_OK;
}

static status give_ref(const place *at, const comparison *c, int rounded)
{
    for (int i = 0; i < at->input_count; i++) {
        const held *h = &at->inputs[i];
        view v = fp32_view(c->ref.plan, h->tensor, rounded ? h->rounded : h->exact);
        TRY(slot_write(c->ref.slot, h->tensor, &v));
    }
    return STATUS_OK;
}

static status compute_ref(const place *at, const comparison *c)
{
    const plan *p = c->ref.plan;
    int first = p->work_of[at->work->first];
    int last = p->work_of[at->work->first + at->work->count - 1];
    return c->ref.device->calls->compute(c->ref.device, c->ref.slot, first, last - first + 1);
}

/* The tensors, or the number of poses and the poses as bare floats. */
static status read_output(const place *at, const side *s, float *to)
{
    for (int i = 0; i < at->output_count; i++) {
        view v = fp32_view(s->plan, at->outputs[i], to);
        TRY(slot_read(s->slot, at->outputs[i], &v));
        to += tensor_count(&s->plan->net.tensors[at->outputs[i]]);
    }
    if (at->output_count) return STATUS_OK;
    int count = s->slot->counts[0];
    memset(to, 0, at->count * sizeof *to);
    to[0] = (float)count;
    memcpy(to + 1, s->slot->poses, (size_t)count * sizeof(pose));
    return STATUS_OK;
}

/* ---- comparing ------------------------------------------------------------------------------ */

/* The largest |got - want| / (1 + |want|); infinite where just one of them is a number. */
static double worst_error(const place *at)
{
    double worst = 0.0;
    for (size_t i = 0; i < at->count; i++) {
        double got = at->got[i], want = at->want[i];
        if (got == want || (isnan(got) && isnan(want))) continue;
        double error = fabs(got - want) / (1.0 + fabs(want));
        if (!(error <= worst)) worst = isnan(error) ? INFINITY : error;
    }
    return worst;
}

static double limit_of(const place *at, const plan *p)
{
    int loose = p->precision == PRECISION_TF32;
    for (int i = 0; i < at->input_count; i++)
        loose |= p->net.tensors[at->inputs[i].tensor].type == TYPE_FP16;
    for (int i = 0; i < at->output_count; i++)
        loose |= p->net.tensors[at->outputs[i]].type == TYPE_FP16;
    return loose ? at->work->row->limit_fp16 : at->work->row->limit;
}

static status compare_place(place *at, const comparison *c, double *error)
{
    device *d = c->tested.device;
    TRY(take_inputs(at, c));
    TRY(d->calls->compute(d, c->tested.slot, (int)(at->work - c->tested.plan->works), 1));
    TRY(read_output(at, &c->tested, at->got));
    /* Ref has computed from exact inputs; from rounded ones it must compute again, and then put
     * everything back for the works that follow. */
    if (at->changed) {
        TRY(give_ref(at, c, 1));
        TRY(compute_ref(at, c));
    }
    TRY(read_output(at, &c->ref, at->want));
    *error = worst_error(at);
    if (!at->changed) return STATUS_OK;
    TRY(give_ref(at, c, 0));
    return compute_ref(at, c);
}

static status check_work(const comparison *c, const work *w, int *is_bad)
{
    const plan *p = c->tested.plan;
    place at;
    double error = 0.0;
    status result = find_place(&at, p, w);
    if (result == STATUS_OK) result = compare_place(&at, c, &error);
    if (result == STATUS_OK) {
        double limit = limit_of(&at, p);
        char steps[32];
        snprintf(steps, sizeof steps, w->count > 1 ? "%d-%d" : "%d", w->first,
                 w->first + w->count - 1);
        *is_bad = !(error <= limit);
        printf("  %-4s %7s  %-27s error %8.2e  limit %8.2e  %s\n", *is_bad ? "OUT" : "ok", steps,
               w->row->name, error, limit, p->net.steps[w->first].nodes);
    }
    leave_place(&at);
    return result;
}

static void print_first_bad(const plan *p, const work *w)
{
    printf("  the first bad step is %d, %s by %s (limit: %s); its ONNX nodes:", w->first,
           op_name(p->net.steps[w->first].op), w->row->name,
           w->row->limit_because ? w->row->limit_because : "none given");
    for (int s = w->first; s < w->first + w->count; s++)
        printf("%s %s", s > w->first ? "," : "", p->net.steps[s].nodes);
    putchar('\n');
}

status validate_steps(const comparison *c, int *bad)
{
    const plan *p = c->tested.plan;
    const work *first = NULL;
    *bad = 0;
    for (int i = 0; i < p->work_count; i++) {
        int is_bad = 0;
        TRY(check_work(c, &p->works[i], &is_bad));
        if (is_bad && !first) first = &p->works[i];
        *bad += is_bad;
    }
    printf("  steps: %d works, %d out\n", p->work_count, *bad);
    if (first) print_first_bad(p, first);
    putchar('\n');
    return STATUS_OK;
}
