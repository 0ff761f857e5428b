/* Convolution through cuDNN's graph API: with bias, residual and activation in one operation graph
 * where an engine takes it whole, else the convolution alone and then our own epilogue. */
#include <math.h>
#include <stdlib.h>

#include "kernels/conv/epilogue_cuda.h"
#include "kernels/conv/graph_cudnn.h"
#include "kernels/cuda/cuda.h"
#include "kernels/element.h"
#include "kernels/rows.h"

enum { WORKSPACE_ROOM = 256 * 1024 * 1024 };

typedef struct planned {
    cudnn *lib;
    cudnnBackendDescriptor_t plan;
    size_t workspace_bytes;
    int fused;
    void *filter; /* x's type */
    void *bias;   /* x's type where fused, else fp32; NULL: none */
} planned;

/* ---- covers ---------------------------------------------------------------------------------- */

static int can_fuse(const activation *act)
{
    return act->kind == ACTIVATION_NONE ||
           (act->kind == ACTIVATION_CLAMP && act->low == 0 && act->high > 0);
}

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
    return type == TYPE_FP32 || can_fuse(&p->act);
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
    if (!made->fused) f.type = TYPE_FP32;
    const char *name = f.type == TYPE_FP16 ? "conv_cudnn bias fp16" : "conv_cudnn bias";
    const pack_key bias = {name, NULL, p->bias, count * sizeof(float)};
    return cuda_pack(context, &bias, count * type_bytes(f.type), write_bias, &f, &made->bias);
}

/* Ways to compute, best first: whole in one graph, as the library proposes, then on the matrix
 * units among what it falls back to (the others there are many times slower), then on any; and
 * where nothing fuses, the convolution alone and an epilogue. */
typedef struct attempt {
    int fused;
    cudnnBackendHeurMode_t mode;
    conv_engines engines; /* in fp16 and tf32; true fp32 has plain engines only */
} attempt;

static const attempt attempts[] = {{1, CUDNN_HEUR_MODE_A, ENGINES_ANY},
                                   {1, CUDNN_HEUR_MODE_FALLBACK, ENGINES_MATRIX},
                                   {1, CUDNN_HEUR_MODE_FALLBACK, ENGINES_ANY},
                                   {0, CUDNN_HEUR_MODE_A, ENGINES_ANY},
                                   {0, CUDNN_HEUR_MODE_FALLBACK, ENGINES_ANY}};

static status try_attempt(const attempt *a, int rounds, const network *net, const step *s,
                          planned *made)
{
    if (a->fused && !can_fuse(&s->as.conv.act)) return STATUS_UNSUPPORTED;
    if (a->engines == ENGINES_MATRIX && !rounds) return STATUS_UNSUPPORTED;
    conv_graph graph;
    status result = conv_graph_build(made->lib, net, s, a->fused, &graph);
    if (result == STATUS_OK)
        result = conv_graph_plan(&graph, a->mode, rounds ? a->engines : ENGINES_PLAIN,
                                 WORKSPACE_ROOM, &made->plan, &made->workspace_bytes);
    conv_graph_free(&graph);
    made->fused = a->fused;
    return result;
}

static status plan_step(const prepare_context *context, const network *net, const step *s,
                        planned *made)
{
    int half = net->tensors[s->inputs[0]].type == TYPE_FP16;
    int rounds = half || context->precision == PRECISION_TF32; /* operands to 10 bits */
    status result = STATUS_UNSUPPORTED;
    for (size_t i = 0; result == STATUS_UNSUPPORTED && i < sizeof attempts / sizeof *attempts; i++)
        result = try_attempt(&attempts[i], rounds, net, s, made);
    return result;
}

static void release(work *w)
{
    planned *p = w->state;
    if (!p) return;
    if (p->plan) (void)p->lib->unmake(p->plan);
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
    if (result == STATUS_OK) result = plan_step(context, net, s, made);
    if (result == STATUS_OK)
        result = pack_weights(context, &s->as.conv, net->tensors[s->inputs[0]].type, made);
    if (result != STATUS_OK) {
        release(w);
        return result;
    }
    w->workspace_bytes = made->workspace_bytes;
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
    if (code == CUDNN_STATUS_SUCCESS) code = lib->execute(lib->handle, p->plan, pack);
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
    if (p->fused && p->bias) {
        numbers[count] = GRAPH_BIAS;
        pointers[count++] = p->bias;
    }
    if (p->fused && s->input_count > 1) {
        numbers[count] = GRAPH_RESIDUAL;
        pointers[count++] = tensor_at(net, s->inputs[1], r);
    }
    cudnnStatus_t code = p->lib->set_stream(p->lib->handle, r->stream);
    if (code == CUDNN_STATUS_SUCCESS)
        code = execute(p, count, numbers, pointers, r->arena + w->workspace);
    TRY(cudnn_check(p->lib, code, s->nodes));
    return p->fused ? STATUS_OK : conv_epilogue(w, net, r, p->bias, s->input_count > 1);
}

/* Where the product through cuBLASLt or a row made for the case covers, it is faster. */
static double estimate(const network *net, int first, int count)
{
    (void)net;
    (void)first;
    (void)count;
    return 2;
}

const row conv_cudnn = {
    .name = "conv_cudnn",
    .device = DEVICE_CUDA,
    .covers = covers,
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
