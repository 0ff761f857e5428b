/* The definition of OP_PREPROCESS: kernels/preprocess/lines.c, line by line. */
#include "kernels/preprocess/lines.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision precision)
{
    const step *s = &net->steps[first];
    (void)precision;
    return s->op == OP_PREPROCESS && net->tensors[s->output].dims[AXIS_C] == PREPROCESS_COLORS;
}

/* The workspace holds the taps of every column, worked out once a picture. */
static status prepare(const prepare_context *context, const network *net, work *w)
{
    (void)context;
    const tensor *y = &net->tensors[net->steps[w->first].output];
    w->workspace_bytes = (size_t)y->dims[AXIS_W] * sizeof(resize_tap);
    return STATUS_OK;
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const tensor *y = &net->tensors[s->output];
    int height = y->dims[AXIS_H], width = y->dims[AXIS_W];
    size_t bytes = tensor_bytes(y) / (size_t)y->dims[AXIS_N];
    unsigned char *to = tensor_at(net, s->output, r);
    resize_tap *columns = (resize_tap *)(void *)(r->arena + w->workspace);
    for (int image = 0; image < y->dims[AXIS_N]; image++) {
        const picture *from = &r->pictures[image];
        letterbox box = letterbox_fit(from->width, from->height, width, height, from->flip);
        preprocess_job job = {
            from, box, s->as.preprocess.normalize, columns, to + (size_t)image * bytes, y->type};
        preprocess_columns(&box, columns);
        preprocess_lines(&job, 0, height);
    }
    return STATUS_OK;
}

const row preprocess_ref = {
    .name = "preprocess_ref",
    .device = DEVICE_REF,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .limit_because = "it is the definition",
};
