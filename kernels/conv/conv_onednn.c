/* OP_CONV through oneDNN 2.x: NHWC activations, weights in the library's own order, packed once;
 * bias, residual and clamp fused. All of oneDNN's C API for convolutions is in this file. */
#include <dnnl.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/element.h"
#include "kernels/pack.h"
#include "kernels/rows.h"
#include "kernels/threads.h"

/* How the residual comes in: not at all, as a post-op of its own, or added to what stands in the
 * output already (for implementations that know no other way). */
typedef enum residual_kind { RESIDUAL_NONE, RESIDUAL_BINARY, RESIDUAL_SUM } residual_kind;

enum { SOURCE, FILTER, BIAS, RESIDUAL, SCRATCHPAD, TARGET, MEMORIES };

typedef struct conv_state {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
    dnnl_memory_t memory[MEMORIES];
    residual_kind residual;
    int threads;
} conv_state;

/* What the library does not take is left to other rows (STATUS_UNSUPPORTED). */
static status check(dnnl_status_t code, const char *nodes)
{
    static const char *const reasons[] = {"success",         "out of memory", "invalid arguments",
                                          "not implemented", "iterator ends", "runtime error",
                                          "not required"};
    if (code == dnnl_success) return STATUS_OK;
    const char *reason = (unsigned)code < sizeof reasons / sizeof *reasons ? reasons[code] : "?";
    status kind = code == dnnl_out_of_memory ? STATUS_MEMORY
                  : code == dnnl_invalid_arguments || code == dnnl_unimplemented
                      ? STATUS_UNSUPPORTED
                      : STATUS_DEVICE;
    return fail(kind, "%s: oneDNN: %s (status %d)", nodes, reason, (int)code);
}

static int covers(const network *net, int first, precision precision)
{
    const step *s = &net->steps[first];
    if (s->op != OP_CONV || precision != PRECISION_FP32) return 0;
    for (int i = 0; i < s->input_count; i++)
        if (net->tensors[s->inputs[i]].type != TYPE_FP32) return 0;
    return net->tensors[s->output].type == TYPE_FP32;
}

/* ---- describing the convolution -------------------------------------------------------------- */

static dnnl_status_t describe_tensor(const tensor *t, dnnl_memory_desc_t *out)
{
    dnnl_dims_t dims = {t->dims[AXIS_N], t->dims[AXIS_C], t->dims[AXIS_H], t->dims[AXIS_W]};
    return dnnl_memory_desc_init_by_tag(out, 4, dims, dnnl_f32, dnnl_nhwc);
}

/* `plain`: as in conv_params; else in whatever order the library likes best. */
static dnnl_status_t describe_filter(const conv_params *p, int plain, dnnl_memory_desc_t *out)
{
    dnnl_dim_t outs = p->out_channels / p->groups, ins = p->in_channels / p->groups;
    dnnl_dims_t grouped = {p->groups, outs, ins, p->kernel[0], p->kernel[1]};
    dnnl_dims_t dims = {outs, ins, p->kernel[0], p->kernel[1]};
    if (p->groups > 1)
        return dnnl_memory_desc_init_by_tag(out, 5, grouped, dnnl_f32,
                                            plain ? dnnl_goihw : dnnl_format_tag_any);
    return dnnl_memory_desc_init_by_tag(out, 4, dims, dnnl_f32,
                                        plain ? dnnl_oihw : dnnl_format_tag_any);
}

static dnnl_status_t describe_operation(const network *net, const step *s,
                                        dnnl_convolution_desc_t *out)
{
    const conv_params *p = &s->as.conv;
    dnnl_memory_desc_t x, filter, bias, y;
    dnnl_dims_t bias_dims = {p->out_channels};
    dnnl_dims_t strides = {p->stride[0], p->stride[1]};
    dnnl_dims_t dilations = {p->dilation[0] - 1, p->dilation[1] - 1};
    dnnl_dims_t before = {p->pads[0], p->pads[1]}, after = {p->pads[2], p->pads[3]};
    dnnl_status_t code = describe_tensor(&net->tensors[s->inputs[0]], &x);
    if (code == dnnl_success) code = describe_tensor(&net->tensors[s->output], &y);
    if (code == dnnl_success) code = describe_filter(p, 0, &filter);
    if (code == dnnl_success)
        code = dnnl_memory_desc_init_by_tag(&bias, 1, bias_dims, dnnl_f32, dnnl_a);
    if (code != dnnl_success) return code;
    return dnnl_dilated_convolution_forward_desc_init(
        out, dnnl_forward_inference, dnnl_convolution_auto, &x, &filter, p->bias ? &bias : NULL, &y,
        strides, dilations, before, after);
}

static dnnl_status_t append_post_ops(dnnl_post_ops_t ops, const activation *act,
                                     residual_kind residual, const dnnl_memory_desc_t *y)
{
    dnnl_status_t code = dnnl_success;
    if (residual == RESIDUAL_BINARY) code = dnnl_post_ops_append_binary(ops, dnnl_binary_add, y);
    if (residual == RESIDUAL_SUM) code = dnnl_post_ops_append_sum(ops, 1.0f);
    if (code != dnnl_success || act->kind != ACTIVATION_CLAMP) return code;
    if (act->low == 0 && act->high == INFINITY)
        return dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, 0, 0);
    return dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_clip, act->low, act->high);
}

/* The sigmoid is not among the post-ops: oneDNN's is an approximation, ours is exact. */
static dnnl_status_t describe_attributes(const network *net, const step *s, residual_kind residual,
                                         dnnl_primitive_attr_t *out)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_memory_desc_t y;
    dnnl_status_t code = dnnl_primitive_attr_create(out);
    if (code == dnnl_success) code = dnnl_post_ops_create(&ops);
    if (code == dnnl_success) code = describe_tensor(&net->tensors[s->output], &y);
    if (code == dnnl_success) code = append_post_ops(ops, &s->as.conv.act, residual, &y);
    if (code == dnnl_success) code = dnnl_primitive_attr_set_post_ops(*out, ops);
    if (code == dnnl_success)
        code = dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user);
    dnnl_post_ops_destroy(ops);
    return code;
}

static int is_reference_code(const_dnnl_primitive_desc_t description)
{
    const char *name = NULL;
    dnnl_status_t code =
        dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, (void *)&name);
    return code != dnnl_success || !name || strncmp(name, "ref", 3) == 0;
}

static dnnl_status_t choose_with(const network *net, const step *s, residual_kind residual,
                                 conv_state *state)
{
    dnnl_convolution_desc_t operation;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_status_t code = describe_operation(net, s, &operation);
    if (code == dnnl_success) code = describe_attributes(net, s, residual, &attributes);
    if (code == dnnl_success)
        code = dnnl_primitive_desc_create(&state->description, &operation, attributes,
                                          state->engine, NULL);
    dnnl_primitive_attr_destroy(attributes);
    state->residual = residual;
    return code;
}

/* Plain weights or an unlucky post-op lead into oneDNN's reference code, a thousand times slower:
 * that is an error, not a choice. */
static status choose(const network *net, const step *s, conv_state *state)
{
    residual_kind residual = s->input_count > 1 ? RESIDUAL_BINARY : RESIDUAL_NONE;
    dnnl_status_t code = choose_with(net, s, residual, state);
    if (residual == RESIDUAL_BINARY &&
        (code == dnnl_unimplemented ||
         (code == dnnl_success && is_reference_code(state->description)))) {
        dnnl_primitive_desc_destroy(state->description);
        state->description = NULL;
        code = choose_with(net, s, RESIDUAL_SUM, state);
    }
    TRY(check(code, s->nodes));
    if (is_reference_code(state->description))
        return fail(STATUS_UNSUPPORTED, "%s: oneDNN has only reference code for this convolution",
                    s->nodes);
    return STATUS_OK;
}

/* ---- weights and memories -------------------------------------------------------------------- */

typedef struct filter_source {
    const conv_params *params;
    const char *nodes;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    const dnnl_memory_desc_t *wanted;
} filter_source;

static dnnl_status_t reorder(const filter_source *from, void *to)
{
    dnnl_memory_desc_t plain;
    dnnl_memory_t memory[2] = {NULL, NULL};
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t primitive = NULL;
    void *filter = (void *)(uintptr_t)from->params->filter;
    dnnl_status_t code = describe_filter(from->params, 1, &plain);
    if (code == dnnl_success) code = dnnl_memory_create(&memory[0], &plain, from->engine, filter);
    if (code == dnnl_success) code = dnnl_memory_create(&memory[1], from->wanted, from->engine, to);
    if (code == dnnl_success)
        code = dnnl_reorder_primitive_desc_create(&description, &plain, from->engine, from->wanted,
                                                  from->engine, NULL);
    if (code == dnnl_success) code = dnnl_primitive_create(&primitive, description);
    dnnl_exec_arg_t args[2] = {{DNNL_ARG_FROM, memory[0]}, {DNNL_ARG_TO, memory[1]}};
    if (code == dnnl_success) code = dnnl_primitive_execute(primitive, from->stream, 2, args);
    if (code == dnnl_success) code = dnnl_stream_wait(from->stream);
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(description);
    dnnl_memory_destroy(memory[0]);
    dnnl_memory_destroy(memory[1]);
    return code;
}

static status fill(void *user, void *memory, size_t bytes)
{
    const filter_source *from = user;
    (void)bytes;
    return check(reorder(from, memory), from->nodes);
}

static const dnnl_memory_desc_t *described(const conv_state *state, dnnl_query_t what)
{
    return dnnl_primitive_desc_query_md(state->description, what, 0);
}

static status pack_filter(const prepare_context *context, const step *s, conv_state *state)
{
    const dnnl_memory_desc_t *wanted = described(state, dnnl_query_weights_md);
    filter_source from = {&s->as.conv, s->nodes, state->engine, state->stream, wanted};
    pack_key key = {"conv_onednn", s->as.conv.filter, wanted, sizeof *wanted};
    void *packed = NULL;
    TRY(pack_get(context->packs, &key, dnnl_memory_desc_get_size(wanted), fill, &from, &packed));
    return check(dnnl_memory_create(&state->memory[FILTER], wanted, state->engine, packed),
                 s->nodes);
}

static dnnl_status_t make_memories(const step *s, conv_state *state)
{
    const dnnl_memory_desc_t *x = described(state, dnnl_query_src_md);
    const dnnl_memory_desc_t *y = described(state, dnnl_query_dst_md);
    const dnnl_memory_desc_t *scratchpad = described(state, dnnl_query_scratchpad_md);
    dnnl_dims_t bias_dims = {s->as.conv.out_channels};
    dnnl_memory_desc_t bias;
    dnnl_status_t code = dnnl_memory_desc_init_by_tag(&bias, 1, bias_dims, dnnl_f32, dnnl_a);
    if (code == dnnl_success && s->as.conv.bias)
        code = dnnl_memory_create(&state->memory[BIAS], &bias, state->engine,
                                  (void *)(uintptr_t)s->as.conv.bias);
    const struct {
        int which;
        const dnnl_memory_desc_t *description;
    } moving[] = {{SOURCE, x}, {TARGET, y}, {RESIDUAL, y}, {SCRATCHPAD, scratchpad}};
    for (size_t i = 0; i < sizeof moving / sizeof *moving && code == dnnl_success; i++)
        code = dnnl_memory_create(&state->memory[moving[i].which], moving[i].description,
                                  state->engine, DNNL_MEMORY_NONE);
    return code;
}

/* ---- the row --------------------------------------------------------------------------------- */

static void release(work *w)
{
    conv_state *state = w->state;
    if (!state) return;
    for (int i = 0; i < MEMORIES; i++) dnnl_memory_destroy(state->memory[i]);
    dnnl_primitive_destroy(state->primitive);
    dnnl_primitive_desc_destroy(state->description);
    dnnl_stream_destroy(state->stream);
    dnnl_engine_destroy(state->engine);
    free(state);
    w->state = NULL;
}

static status make_state(const prepare_context *context, const network *net, const step *s,
                         conv_state *state)
{
    TRY(check(dnnl_engine_create(&state->engine, dnnl_cpu, 0), s->nodes));
    TRY(check(dnnl_stream_create(&state->stream, state->engine, dnnl_stream_default_flags),
              s->nodes));
    TRY(choose(net, s, state));
    TRY(check(dnnl_primitive_create(&state->primitive, state->description), s->nodes));
    TRY(pack_filter(context, s, state));
    return check(make_memories(s, state), s->nodes);
}

static status prepare(const prepare_context *context, const network *net, work *w)
{
    conv_state *state = heap_array(1, sizeof *state);
    if (!state) return STATUS_MEMORY;
    w->state = state;
    state->threads = threads_resolve(context->threads);
    int before = threads_swap_limit(state->threads);
    status made = make_state(context, net, &net->steps[w->first], state);
    threads_swap_limit(before);
    if (made != STATUS_OK) {
        release(w);
        return made;
    }
    w->workspace_bytes = dnnl_memory_desc_get_size(described(state, dnnl_query_scratchpad_md));
    return STATUS_OK;
}

static dnnl_status_t execute(const work *w, const network *net, const run *r)
{
    const conv_state *state = w->state;
    const step *s = &net->steps[w->first];
    void *at[MEMORIES] = {NULL};
    at[SOURCE] = tensor_at(net, s->inputs[0], r);
    at[RESIDUAL] = s->input_count > 1 ? tensor_at(net, s->inputs[1], r) : NULL;
    at[SCRATCHPAD] = r->arena + w->workspace;
    at[TARGET] = tensor_at(net, s->output, r);
    static const int argument[MEMORIES] = {
        DNNL_ARG_SRC,        DNNL_ARG_WEIGHTS,
        DNNL_ARG_BIAS,       DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
        DNNL_ARG_SCRATCHPAD, DNNL_ARG_DST};
    dnnl_exec_arg_t args[MEMORIES];
    int count = 0;
    for (int i = 0; i < MEMORIES; i++) {
        if (!state->memory[i] || (i == RESIDUAL && state->residual != RESIDUAL_BINARY)) continue;
        dnnl_status_t code = at[i] ? dnnl_memory_set_data_handle(state->memory[i], at[i])
                                   : dnnl_success; /* weights and bias stay where they are */
        if (code != dnnl_success) return code;
        args[count++] = (dnnl_exec_arg_t){argument[i], state->memory[i]};
    }
    if (state->residual == RESIDUAL_SUM)
        memcpy(at[TARGET], at[RESIDUAL], tensor_bytes(&net->tensors[s->output]));
    return dnnl_primitive_execute(state->primitive, state->stream, count, args);
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const conv_state *state = w->state;
    const step *s = &net->steps[w->first];
    int before = threads_swap_limit(state->threads);
    dnnl_status_t code = execute(w, net, r);
    if (code == dnnl_success) code = dnnl_stream_wait(state->stream);
    threads_swap_limit(before);
    TRY(check(code, s->nodes));
    if (s->as.conv.act.kind == ACTIVATION_SIGMOID) {
        float *y = tensor_at(net, s->output, r);
        for (int64_t i = 0, n = tensor_count(&net->tensors[s->output]); i < n; i++)
            y[i] = activate(&s->as.conv.act, y[i]);
    }
    return STATUS_OK;
}

const row conv_onednn = {
    .name = "conv_onednn",
    .device = DEVICE_CPU,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = release,
    .limit = 2e-5,
    .limit_because = "fp32 sums of up to a few thousand products in another order",
};
