/* FNV-1a over every field that matters, one by one: structs have gaps of no set value. */
#include "engine/plan/signature.h"

#include <string.h>

typedef struct hasher {
    uint64_t hash;
    const network *net;
    int first; /* step */
} hasher;

uint64_t signature_add(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

static void add(hasher *h, const void *data, size_t bytes)
{
    h->hash = signature_add(h->hash, data, bytes);
}

static void add_int(hasher *h, int value)
{
    add(h, &value, sizeof value);
}

/* ---- tensors --------------------------------------------------------------------------------- */

/* The step of the run before `end` that writes the tensor, counted from the run's first; -1: none.
 */
static int maker_of(const hasher *h, int number, int end)
{
    for (int i = h->first; i < end; i++)
        if (h->net->steps[i].output == number) return i - h->first;
    return -1;
}

/* Where the run reads the tensor first: as which input, counted over all steps. */
static int first_reading(const hasher *h, int number)
{
    int at = 0;
    for (int i = h->first;; i++) {
        const step *s = &h->net->steps[i];
        for (int k = 0; k < s->input_count; k++, at++)
            if (s->inputs[k] == number) return at;
    }
}

static void add_tensor(hasher *h, int number)
{
    const tensor *t = &h->net->tensors[number];
    add_int(h, (int)t->type);
    add(h, t->dims, sizeof t->dims);
    add_int(h, t->constant != NULL);
    add_int(h, t->window.first);
    add_int(h, t->window.channels);
}

static void add_input(hasher *h, int number, int reader)
{
    int maker = maker_of(h, number, reader);
    add_int(h, maker);
    if (maker < 0) add_int(h, first_reading(h, number));
    add_tensor(h, number);
}

/* ---- parameters ------------------------------------------------------------------------------ */

static void add_activation(hasher *h, const activation *a)
{
    add_int(h, (int)a->kind);
    if (a->kind != ACTIVATION_CLAMP) return;
    add(h, &a->low, sizeof a->low);
    add(h, &a->high, sizeof a->high);
}

static void add_conv(hasher *h, const conv_params *p)
{
    add_int(h, p->groups);
    add(h, p->kernel, sizeof p->kernel);
    add(h, p->stride, sizeof p->stride);
    add(h, p->dilation, sizeof p->dilation);
    add(h, p->pads, sizeof p->pads);
    add_int(h, p->out_channels);
    add_int(h, p->in_channels);
    add_int(h, p->bias != NULL);
    add_activation(h, &p->act);
}

static void add_pool(hasher *h, const pool_params *p)
{
    add(h, p->kernel, sizeof p->kernel);
    add(h, p->stride, sizeof p->stride);
    add(h, p->dilation, sizeof p->dilation);
    add(h, p->pads, sizeof p->pads);
}

static void add_pad(hasher *h, const pad_params *p)
{
    add_int(h, (int)p->kind);
    add(h, p->before, sizeof p->before);
    add(h, p->after, sizeof p->after);
    add(h, &p->value, sizeof p->value);
}

static void add_resize(hasher *h, const resize_params *p)
{
    add_int(h, (int)p->kind);
    add_int(h, (int)p->rounding);
    add(h, p->scale, sizeof p->scale);
    add(h, p->shift, sizeof p->shift);
}

static void add_decode(hasher *h, const decode_params *p)
{
    add_int(h, p->stride);
    add_int(h, p->logits);
    add_int(h, p->max_poses);
    add_int(h, p->input_height);
    add_int(h, p->input_width);
}

static void add_parameters(hasher *h, const step *s)
{
    switch (s->op) {
    case OP_PREPROCESS: add_int(h, (int)s->as.preprocess.normalize); break;
    case OP_CONV: add_conv(h, &s->as.conv); break;
    case OP_MAX_POOL: add_pool(h, &s->as.pool); break;
    case OP_BINARY:
        add_int(h, (int)s->as.binary.kind);
        add_activation(h, &s->as.binary.act);
        break;
    case OP_ACTIVATE: add_activation(h, &s->as.act); break;
    case OP_UNARY: add_int(h, (int)s->as.unary); break;
    case OP_PAD: add_pad(h, &s->as.pad); break;
    case OP_PERMUTE: add(h, s->as.permutation, sizeof s->as.permutation); break;
    case OP_SLICE:
        add(h, s->as.slice.begin, sizeof s->as.slice.begin);
        add(h, s->as.slice.step, sizeof s->as.slice.step);
        break;
    case OP_GATHER:
        add_int(h, s->as.gather.axis);
        add(h, s->as.gather.indices, (size_t)s->as.gather.count * sizeof *s->as.gather.indices);
        break;
    case OP_CONCAT: add_int(h, s->as.concat_axis); break;
    case OP_RESIZE: add_resize(h, &s->as.resize); break;
    case OP_DECODE: add_decode(h, &s->as.decode); break;
    case OP_COPY:
    case OP_EXPAND:
    case OP_COUNT: break;
    }
}

uint64_t signature_of(const network *net, int first, int count)
{
    hasher h = {SIGNATURE_START, net, first};
    for (int i = first; i < first + count; i++) {
        const step *s = &net->steps[i];
        add_int(&h, (int)s->op);
        add_int(&h, s->input_count);
        for (int k = 0; k < s->input_count; k++) add_input(&h, s->inputs[k], i);
        if (s->output >= 0) add_tensor(&h, s->output);
        add_parameters(&h, s);
    }
    return h.hash;
}
