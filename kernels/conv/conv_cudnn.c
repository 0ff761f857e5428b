/* Convolution through cuDNN's graph API: with bias, residual and activation in one operation graph
 * where an engine takes it whole, else the convolution alone and then our own epilogue. */
#include <math.h>
#include <stdlib.h>

#include "kernels/conv/cudnn/plans.h"
#include "kernels/conv/epilogue_cuda.h"
#include "kernels/cuda/cuda.h"
#include "kernels/cuda/estimate.h"
#include "kernels/element.h"
#include "kernels/rows.h"

typedef struct planned {
    cudnn *lib;
    conv_plan *plan;
    void *filter; /* x's type */
    void *bias;   /* x's type where fused, else fp32; NULL: none */
} planned;

/* ---- covers ---------------------------------------------------------------------------------- */

/* Matrix units want channels in whole 16-byte words; engines want pads the same on both sides. */
static int covers(const network *net, int first, precision precision)
{
    const step *s = &net->steps[first];
    const conv_params *p = &s->as.conv;
    if (s->op != OP_CONV || p->groups != 1 || !cuda_countable(net, s)) return 0;
    if (p->pads[0] != p->pads[2] || p->pads[1] != p->pads[3]) return 0;
    element_type type = net->tensors[s->output].type;
    for (int i = 0; i < s->input_count; i++) {
        const tensor *t = &net->tensors[s->inputs[i]];
        if (t->constant || t->type != type) return 0;
    }
    int word = type == TYPE_FP16 ? 8 : precision == PRECISION_TF32 ? 4 : 1;
    if (p->in_channels % word || p->out_channels % word) return 0;
    return type == TYPE_FP32 || conv_plan_can_fuse(&p->act);
}

/* ---- prepare --------------------------------------------------------------------------------- */

typedef struct source {
    const conv_params *conv;
    element_type type;
} source;

/* [out][kernel h][kernel w][in] */
static void write_filter(const void *user, void *host, size_t bytes)
{
    (void)bytes;
    const source *f = user;
    const conv_params *p = f->conv;
    int taps = p->kernel[0] * p->kernel[1], depth = p->in_channels / p->groups;
    int64_t at = 0;
    for (int out = 0; out < p->out_channels; out++)
        for (int tap = 0; tap < taps; tap++)
            for (int in = 0; in < depth; in++)
                element_store(host, f->type, at++,
                              p->filter[((size_t)out * (size_t)depth + (size_t)in) * (size_t)taps +
                                        (size_t)tap]);
}

static void write_bias(const void *user, void *host, size_t bytes)
{
    (void)bytes;
    const source *f = user;
    for (int i = 0; i < f->conv->out_channels; i++)
        element_store(host, f->type, i, f->conv->bias[i]);
}

static status pack_weights(const prepare_context *context, const conv_params *p, element_type type,
                           planned *made)
{
    source f = {p, type};
    size_t filter_count = (size_t)p->out_channels * (size_t)(p->in_channels / p->groups) *
                          (size_t)p->kernel[0] * (size_t)p->kernel[1];
    const pack_key filter = {"conv_cudnn", p->filter, &type, sizeof type};
    TRY(cuda_pack(context, &filter, filter_count * type_bytes(type), write_filter, &f,
                  &made->filter));
    if (!p->bias) return STATUS_OK;
    size_t count = (size_t)p->out_channels;
    if (!made->plan->fused) f.type = TYPE_FP32;
    const char *name = f.type == TYPE_FP16 ? "conv_cudnn bias fp16" : "conv_cudnn bias";
    const pack_key bias = {name, NULL, p->bias, count * sizeof(float)};
    return cuda_pack(context, &bias, count * type_bytes(f.type), write_bias, &f, &made->bias);
}

static int variants(const prepare_context *context, const network *net, const work *w)
{
    (void)context, (void)net, (void)w;
    return CONV_WAYS;
}

static void release(work *w)
{
    planned *p = w->state;
    if (!p) return;
    conv_plan_put(p->lib, p->plan);
    free(p);
    w->state = NULL;
}

static status prepare(const prepare_context *context, const network *net, work *w)
{
    const step *s = &net->steps[w->first];
    planned *made = heap_array(1, sizeof *made);
    if (!made) return STATUS_MEMORY;
    w->state = made;
    status result = cudnn_of(context->device, &made->lib);
    element_type type = net->tensors[s->inputs[0]].type;
    int rounds = type == TYPE_FP16 || context->precision == PRECISION_TF32; /* to 10 bits */
    if (result == STATUS_OK)
        result = conv_plan_get(made->lib, net, s, rounds, w->variant, &made->plan);
    if (result == STATUS_OK) result = pack_weights(context, &s->as.conv, type, made);
    if (result != STATUS_OK) {
        release(w);
        return result;
    }
    w->workspace_bytes = made->plan->workspace_bytes;
    return STATUS_OK;
}

/* ---- run ------------------------------------------------------------------------------------- */

static cudnnStatus_t execute(const planned *p, int64_t count, const int64_t *numbers,
                             void *const *pointers, void *workspace)
{
    const cudnn *lib = p->lib;
    cudnnBackendDescriptor_t pack = NULL;
    cudnnStatus_t code = lib->make(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack);
    if (code != CUDNN_STATUS_SUCCESS) return code;
    code = lib->set(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, numbers);
    if (code == CUDNN_STATUS_SUCCESS)
        code = lib->set(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count,
                        pointers);
    if (code == CUDNN_STATUS_SUCCESS)
        code =
            lib->set(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    if (code == CUDNN_STATUS_SUCCESS) code = lib->finalize(pack);
    if (code == CUDNN_STATUS_SUCCESS) code = lib->execute(lib->handle, p->plan->plan, pack);
    (void)lib->unmake(pack);
    return code;
}

/* cuDNN's small variant pack is the one thing made here; a captured frame makes it once. */
static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const planned *p = w->state;
    int64_t numbers[5] = {GRAPH_X, GRAPH_FILTER, GRAPH_Y}, count = 3;
    void *pointers[5] = {tensor_at(net, s->inputs[0], r), p->filter, tensor_at(net, s->output, r)};
    if (p->plan->fused && p->bias) {
        numbers[count] = GRAPH_BIAS;
        pointers[count++] = p->bias;
    }
    if (p->plan->fused && s->input_count > 1) {
        numbers[count] = GRAPH_RESIDUAL;
        pointers[count++] = tensor_at(net, s->inputs[1], r);
    }
    cudnnStatus_t code = p->lib->set_stream(p->lib->handle, r->stream);
    if (code == CUDNN_STATUS_SUCCESS)
        code = execute(p, count, numbers, pointers, r->arena + w->workspace);
    TRY(cudnn_check(p->lib, code, s->nodes));
    return p->plan->fused ? STATUS_OK : conv_epilogue(w, net, r, p->bias, s->input_count > 1);
}

/* Where the product through cuBLASLt or a row made for the case covers, it is faster. */
static double estimate(const network *net, int first, int count)
{
    (void)count;
    static const cuda_rates product = {3.2, 1.7, 300e6, 35e6, 3e6},
                            windows = {4.3, 1.7, 400e6, 35e6, 3e6};
    const step *s = &net->steps[first];
    int is_product = s->as.conv.kernel[0] * s->as.conv.kernel[1] == 1;
    return cuda_estimate(net, s, is_product ? &product : &windows);
}

const row conv_cudnn = {
    .name = "conv_cudnn",
    .device = DEVICE_CUDA,
    .covers = covers,
    .variants = variants,
    .revision = 1,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = release,
    .estimate = estimate,
    .limit = 1e-4,
    .limit_fp16 = 4e-2,
    .limit_because =
        "fp32 sums in another order; in fp16 and tf32 operands have 10 bits: seen 2e-2 "
        "where MobileNet's first pointwise layer cancels",
};
