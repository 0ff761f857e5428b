/* The definition of OP_CONV: y = activate(sum of x * filter + bias + residual), sums in double. */
#include "kernels/element.h"
#include "kernels/pack.h"
#include "kernels/rows.h"

enum { BLOCK = 64 }; /* output channels that are summed side by side */

static int covers(const network *net, int first, precision precision)
{
    (void)precision;
    return net->steps[first].op == OP_CONV;
}

static size_t filter_count(const conv_params *p)
{
    return (size_t)p->out_channels * (size_t)(p->in_channels / p->groups) * (size_t)p->kernel[0] *
           (size_t)p->kernel[1];
}

/* [group][kernel h][kernel w][in][out]: the output channels of a group lie side by side. */
static status fill(void *user, void *memory, size_t bytes)
{
    const conv_params *p = user;
    (void)bytes;
    size_t outs = (size_t)(p->out_channels / p->groups), ins = (size_t)(p->in_channels / p->groups);
    size_t window = (size_t)p->kernel[0] * (size_t)p->kernel[1];
    float *to = memory;
    for (size_t group = 0; group < (size_t)p->groups; group++)
        for (size_t k = 0; k < window; k++)
            for (size_t in = 0; in < ins; in++)
                for (size_t out = 0; out < outs; out++)
                    *to++ = p->filter[((group * outs + out) * ins + in) * window + k];
    return STATUS_OK;
}

static status prepare(const prepare_context *context, const network *net, work *w)
{
    const conv_params *p = &net->steps[w->first].as.conv;
    pack_key key = {"conv_ref", p->filter, NULL, 0};
    return pack_get(context->packs, &key, filter_count(p) * sizeof(float), fill,
                    (void *)(uintptr_t)p, &w->state);
}

/* One place of the output: who computes it, and where it looks. */
typedef struct place {
    const conv_params *p;
    const tensor *x;
    const void *x_data;
    int n, oy, ox;
} place;

/* Adds up `count` output channels of `group`, from `first` of the group on. */
static void add_up(const place *at, const float *packed, int group, int first, int count,
                   double *sums)
{
    const conv_params *p = at->p;
    int ins = p->in_channels / p->groups, outs = p->out_channels / p->groups;
    for (int i = 0; i < count; i++) sums[i] = 0;
    for (int ky = 0; ky < p->kernel[0]; ky++) {
        int y = at->oy * p->stride[0] - p->pads[0] + ky * p->dilation[0];
        if (y < 0 || y >= at->x->dims[AXIS_H]) continue;
        for (int kx = 0; kx < p->kernel[1]; kx++) {
            int x = at->ox * p->stride[1] - p->pads[1] + kx * p->dilation[1];
            if (x < 0 || x >= at->x->dims[AXIS_W]) continue;
            int64_t from = tensor_index(at->x, (int[AXES]){at->n, y, x, group * ins});
            const float *filter =
                packed + (((int64_t)group * p->kernel[0] + ky) * p->kernel[1] + kx) * ins * outs +
                first;
            for (int in = 0; in < ins; in++, filter += outs) {
                double value = element_load(at->x_data, at->x->type, from + in);
                for (int i = 0; i < count; i++) sums[i] += value * filter[i];
            }
        }
    }
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const conv_params *p = &s->as.conv;
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[s->output];
    const tensor *residual = s->input_count > 1 ? &net->tensors[s->inputs[1]] : NULL;
    const void *added = residual ? tensor_at(net, s->inputs[1], r) : NULL;
    void *to = tensor_at(net, s->output, r);
    int outs = p->out_channels / p->groups;
    double sums[BLOCK];
    place at = {p, x, tensor_at(net, s->inputs[0], r), 0, 0, 0};
    int64_t pixel = 0;
    for (at.n = 0; at.n < y->dims[AXIS_N]; at.n++)
        for (at.oy = 0; at.oy < y->dims[AXIS_H]; at.oy++)
            for (at.ox = 0; at.ox < y->dims[AXIS_W]; at.ox++, pixel++)
                for (int c = 0, count; c < p->out_channels; c += count) {
                    int first = c % outs;
                    count = outs - first < BLOCK ? outs - first : BLOCK;
                    add_up(&at, w->state, c / outs, first, count, sums);
                    for (int i = 0; i < count; i++) {
                        int64_t index = pixel * p->out_channels + c + i;
                        double sum = sums[i] + (p->bias ? p->bias[c + i] : 0);
                        if (added) sum += element_load(added, residual->type, index);
                        element_store(to, y->type, index, activate(&p->act, (float)sum));
                    }
                }
    return STATUS_OK;
}

const row conv_ref = {
    .name = "conv_ref",
    .device = DEVICE_REF,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .limit_because = "it is the definition",
    .in_place = 1,
};
