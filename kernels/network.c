/* What operations are called, what ends a step, and how much work it is. */
#include "kernels/network.h"

#include <math.h>

const char *op_name(op o)
{
    static const char *const names[OP_COUNT] = {
        [OP_PREPROCESS] = "preprocess",
        [OP_CONV] = "conv",
        [OP_MAX_POOL] = "max_pool",
        [OP_BINARY] = "binary",
        [OP_ACTIVATE] = "activate",
        [OP_UNARY] = "unary",
        [OP_PAD] = "pad",
        [OP_PERMUTE] = "permute",
        [OP_COPY] = "copy",
        [OP_SLICE] = "slice",
        [OP_GATHER] = "gather",
        [OP_CONCAT] = "concat",
        [OP_RESIZE] = "resize",
        [OP_EXPAND] = "expand",
        [OP_DECODE] = "decode",
    };
    return (unsigned)o < OP_COUNT ? names[o] : "unknown";
}

activation *step_activation(const step *s)
{
    switch (s->op) {
    case OP_CONV: return (activation *)&s->as.conv.act;
    case OP_BINARY: return (activation *)&s->as.binary.act;
    case OP_ACTIVATE: return (activation *)&s->as.act;
    default: return NULL;
    }
}

int activation_limits(const activation *act, float *low, float *high)
{
    *low = act->kind == ACTIVATION_CLAMP ? act->low : -INFINITY;
    *high = act->kind == ACTIVATION_CLAMP ? act->high : INFINITY;
    return act->kind == ACTIVATION_CLAMP || act->kind == ACTIVATION_NONE;
}

static int64_t window(const int kernel[2])
{
    return (int64_t)kernel[0] * kernel[1];
}

int64_t step_flops(const network *net, const step *s)
{
    int64_t outputs = s->output >= 0 ? tensor_count(&net->tensors[s->output]) : 0;
    switch (s->op) {
    case OP_CONV:
        return 2 * outputs * window(s->as.conv.kernel) *
               (s->as.conv.in_channels / s->as.conv.groups);
    case OP_MAX_POOL: return outputs * window(s->as.pool.kernel);
    case OP_RESIZE: return s->as.resize.kind == KIND_LINEAR ? 6 * outputs : 0;
    case OP_PREPROCESS: return 8 * outputs; /* three blends and the normalisation */
    case OP_BINARY:
    case OP_ACTIVATE:
    case OP_UNARY: return outputs;
    default: return 0;
    }
}

int64_t step_bytes(const network *net, const step *s)
{
    int64_t bytes = 0;
    for (int i = 0; i < s->input_count; i++)
        bytes += (int64_t)tensor_bytes(&net->tensors[s->inputs[i]]);
    if (s->output >= 0) bytes += (int64_t)tensor_bytes(&net->tensors[s->output]);
    if (s->op == OP_CONV) {
        const conv_params *p = &s->as.conv;
        int64_t filter = window(p->kernel) * p->out_channels * (p->in_channels / p->groups);
        int64_t weights = filter + (p->bias ? p->out_channels : 0);
        bytes += weights * (int64_t)type_bytes(net->tensors[s->inputs[0]].type);
    }
    return bytes;
}
