/* 1x1 convolution as one matrix product through cuBLASLt, with bias, residual and ReLU inside; any
 * other activation is a pass of its own.
 *
 * In the library's column-major words: D[out][pixel] = act(filter^T X + C + bias), where X is the
 * input as [in][pixel], the filter lies as ONNX wrote it, and C is the residual. */
#include <math.h>
#include <stdlib.h>

#include "kernels/conv/conv.h"
#include "kernels/conv/epilogue_cuda.h"
#include "kernels/cuda/cublaslt.h"
#include "kernels/cuda/cuda.h"
#include "kernels/cuda/estimate.h"
#include "kernels/element.h"
#include "kernels/rows.h"

enum {
    WORKSPACE_BYTES = 32 * 1024 * 1024,
    WAYS = 16 /* of the library's choices, best first */
};

typedef struct product {
    cublaslt *lib;
    cublasLtMatmulDesc_t matmul;
    cublasLtMatrixLayout_t filter_layout, x_layout, residual_layout, y_layout;
    cublasLtMatmulAlgo_t algorithm;
    size_t workspace_bytes;
    void *filter;
} product;

static int is_relu(const activation *act)
{
    return act->kind == ACTIVATION_CLAMP && act->low == 0 && act->high == INFINITY;
}

static int is_half(float value)
{
    float rounded = half_to_float(float_to_half(value));
    return rounded == value;
}

/* 1 if the activation may follow the rounding to `type`: a clamp to values of the type commutes
 * with it. */
static int can_follow(const activation *act, element_type type)
{
    if (type == TYPE_FP32 || act->kind == ACTIVATION_NONE) return 1;
    return act->kind == ACTIVATION_CLAMP && is_half(act->low) && is_half(act->high);
}

static int covers(const network *net, int first, precision precision)
{
    (void)precision;
    const step *s = &net->steps[first];
    if (!conv_is_pointwise(s)) return 0;
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[s->output];
    for (int i = 0; i < s->input_count; i++)
        if (net->tensors[s->inputs[i]].constant) return 0;
    if (s->input_count > 1 && net->tensors[s->inputs[1]].type != y->type) return 0;
    return can_follow(&s->as.conv.act, y->type) && (y->type == x->type || y->type == TYPE_FP32);
}

/* ---- prepare --------------------------------------------------------------------------------- */

typedef struct plain_filter {
    const conv_params *conv;
    element_type type;
} plain_filter;

static void write_filter(const void *user, void *host, size_t bytes)
{
    const plain_filter *f = user;
    size_t count = bytes / type_bytes(f->type);
    for (size_t i = 0; i < count; i++) element_store(host, f->type, (int64_t)i, f->conv->filter[i]);
}

static status pack_filter(const prepare_context *context, const conv_params *p, element_type type,
                          void **out)
{
    const pack_key key = {"conv_cublaslt", p->filter, &type, sizeof type};
    plain_filter plain = {p, type};
    size_t bytes = (size_t)p->out_channels * (size_t)p->in_channels * type_bytes(type);
    return cuda_pack(context, &key, bytes, write_filter, &plain, out);
}

/* The bias in the type that the epilogue wants: y's. */
static void write_bias(const void *user, void *host, size_t bytes)
{
    const plain_filter *f = user;
    size_t count = bytes / type_bytes(f->type);
    for (size_t i = 0; i < count; i++) element_store(host, f->type, (int64_t)i, f->conv->bias[i]);
}

static status pack_bias(const prepare_context *context, const conv_params *p, element_type type,
                        const void **out)
{
    if (type == TYPE_FP32)
        return cuda_pack_array(context, p->bias, (size_t)p->out_channels * sizeof(float), out);
    const pack_key key = {"conv_cublaslt bias", NULL, p->bias,
                          (size_t)p->out_channels * sizeof(float)};
    plain_filter plain = {p, type};
    void *memory;
    TRY(cuda_pack(context, &key, (size_t)p->out_channels * type_bytes(type), write_bias, &plain,
                  &memory));
    *out = memory;
    return STATUS_OK;
}

static cudaDataType data_type(element_type type)
{
    return type == TYPE_FP16 ? CUDA_R_16F : CUDA_R_32F;
}

static status describe(product *p, const prepare_context *context, const network *net,
                       const step *s)
{
    cublaslt *lib = p->lib;
    const conv_params *conv = &s->as.conv;
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[s->output];
    uint64_t in = (uint64_t)conv->in_channels, out = (uint64_t)conv->out_channels;
    uint64_t pixels = (uint64_t)tensor_count(y) / out;
    cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
    if (context->precision == PRECISION_TF32) compute = CUBLAS_COMPUTE_32F_FAST_TF32;
    const char *doing = "describing a matrix product";
    TRY(cublaslt_check(lib, lib->matmul_create(&p->matmul, compute, CUDA_R_32F), doing));
    cublasOperation_t transposed = CUBLAS_OP_T;
    TRY(cublaslt_check(
        lib,
        lib->matmul_set(p->matmul, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed),
        doing));
    int relu = is_relu(&conv->act);
    cublasLtEpilogue_t epilogue = relu ? CUBLASLT_EPILOGUE_RELU : CUBLASLT_EPILOGUE_DEFAULT;
    if (conv->bias) {
        const void *bias;
        TRY(pack_bias(context, conv, y->type, &bias));
        epilogue = relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS;
        TRY(cublaslt_check(
            lib, lib->matmul_set(p->matmul, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias),
            doing));
    }
    TRY(cublaslt_check(
        lib, lib->matmul_set(p->matmul, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue),
        doing));
    cudaDataType from = data_type(x->type), to = data_type(y->type);
    TRY(cublaslt_check(lib, lib->layout_create(&p->filter_layout, from, in, out, (int64_t)in),
                       doing));
    TRY(cublaslt_check(lib, lib->layout_create(&p->x_layout, from, in, pixels, (int64_t)in),
                       doing));
    TRY(cublaslt_check(lib, lib->layout_create(&p->residual_layout, to, out, pixels, (int64_t)out),
                       doing));
    return cublaslt_check(lib, lib->layout_create(&p->y_layout, to, out, pixels, (int64_t)out),
                          doing);
}

static int variants(const prepare_context *context, const network *net, const work *w)
{
    (void)context, (void)net, (void)w;
    return WAYS;
}

/* The library's choice of that rank within the workspace. */
static status choose(product *p, int rank)
{
    cublaslt *lib = p->lib;
    cublasLtMatmulPreference_t preference;
    TRY(cublaslt_check(lib, lib->preference_create(&preference), "making a preference"));
    size_t room = WORKSPACE_BYTES;
    cublasLtMatmulHeuristicResult_t results[WAYS];
    int found = 0;
    cublasStatus_t code = lib->preference_set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                              &room, sizeof room);
    if (code == CUBLAS_STATUS_SUCCESS)
        code = lib->heuristic(lib->handle, p->matmul, p->filter_layout, p->x_layout,
                              p->residual_layout, p->y_layout, preference, rank ? WAYS : 1, results,
                              &found);
    (void)lib->preference_destroy(preference);
    TRY(cublaslt_check(lib, code, "choosing an algorithm"));
    if (rank >= found || results[rank].state != CUBLAS_STATUS_SUCCESS)
        return fail(STATUS_UNSUPPORTED, "cuBLASLt has %d algorithms for this product", found);
    p->algorithm = results[rank].algo;
    p->workspace_bytes = results[rank].workspaceSize;
    return STATUS_OK;
}

static void release(work *w)
{
    product *p = w->state;
    if (!p) return;
    if (p->y_layout) (void)p->lib->layout_destroy(p->y_layout);
    if (p->residual_layout) (void)p->lib->layout_destroy(p->residual_layout);
    if (p->x_layout) (void)p->lib->layout_destroy(p->x_layout);
    if (p->filter_layout) (void)p->lib->layout_destroy(p->filter_layout);
    if (p->matmul) (void)p->lib->matmul_destroy(p->matmul);
    free(p);
    w->state = NULL;
}

static status prepare(const prepare_context *context, const network *net, work *w)
{
    const step *s = &net->steps[w->first];
    cublaslt *lib;
    TRY(cublaslt_of(context->device, &lib));
    product *p = heap_array(1, sizeof *p);
    if (!p) return STATUS_MEMORY;
    p->lib = lib;
    w->state = p;
    element_type type = net->tensors[s->inputs[0]].type;
    status result = pack_filter(context, &s->as.conv, type, &p->filter);
    if (result == STATUS_OK) result = describe(p, context, net, s);
    if (result == STATUS_OK) result = choose(p, w->variant);
    if (result != STATUS_OK) release(w);
    w->workspace_bytes = result == STATUS_OK ? p->workspace_bytes : 0;
    return result;
}

/* ---- run ------------------------------------------------------------------------------------- */

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const product *p = w->state;
    const float one = 1, zero = 0;
    int added = s->input_count > 1;
    void *y = tensor_at(net, s->output, r);
    const void *residual = added ? tensor_at(net, s->inputs[1], r) : y;
    cublasStatus_t code =
        p->lib->matmul(p->lib->handle, p->matmul, &one, p->filter, p->filter_layout,
                       tensor_at(net, s->inputs[0], r), p->x_layout, added ? &one : &zero, residual,
                       p->residual_layout, y, p->y_layout, &p->algorithm, r->arena + w->workspace,
                       p->workspace_bytes, r->stream);
    TRY(cublaslt_check(p->lib, code, s->nodes));
    const activation *act = &s->as.conv.act;
    if (act->kind == ACTIVATION_NONE || is_relu(act)) return STATUS_OK;
    return conv_epilogue(w, net, r, NULL, 0);
}

/* Rows of the result that are no whole 16-byte words take the library twice as long. */
static double estimate(const network *net, int first, int count)
{
    (void)count;
    static const cuda_rates rates = {3, 1, 300e6, 40e6, 3e6};
    const step *s = &net->steps[first];
    double us = cuda_estimate(net, s, &rates);
    return s->as.conv.out_channels % 8 ? 2 * us : us;
}

const row conv_cublaslt = {
    .name = "conv_cublaslt",
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
    .in_place = 1,
};
