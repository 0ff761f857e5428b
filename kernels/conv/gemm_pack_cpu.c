/* Filters in the order that the inner loops read them, and the choice of inner loops. */
#include <math.h>

#include "kernels/conv/gemm.h"

/* Everything that the packed array depends on besides the filter. */
typedef struct layout {
    const float *bias;
} layout;

static float *write_row(float *to, const conv_params *p, const float *from, int64_t stride,
                        int first, int count)
{
    for (int c = first; c < first + count; c++)
        *to++ = from && c < p->out_channels ? from[c * stride] : 0;
    return to;
}

static status fill_panels(void *user, void *memory, size_t bytes)
{
    const conv_params *p = user;
    (void)bytes;
    int window = p->kernel[0] * p->kernel[1], depth = window * p->in_channels;
    float *to = memory;
    for (int first = 0, left = gemm_vectors(p->out_channels), vectors; left > 0;
         left -= vectors, first += vectors * GEMM_LANES) {
        vectors = gemm_panel_vectors(left);
        to = write_row(to, p, p->bias, 1, first, vectors * GEMM_LANES);
        for (int k = 0; k < window; k++)
            for (int in = 0; in < p->in_channels; in++)
                to = write_row(to, p, p->filter + in * window + k, depth, first,
                               vectors * GEMM_LANES);
    }
    return STATUS_OK;
}

static status pack(const prepare_context *context, const char *row, const conv_params *p, int depth,
                   pack_fill fill, const float **out)
{
    size_t lanes = (size_t)gemm_vectors(p->out_channels) * GEMM_LANES;
    layout variant = {p->bias};
    pack_key key = {row, p->filter, &variant, sizeof variant};
    void *packed = NULL;
    TRY(pack_get(context->packs, &key, lanes * ((size_t)depth + 1) * sizeof(float), fill,
                 (void *)(uintptr_t)p, &packed));
    *out = packed;
    return STATUS_OK;
}

status gemm_pack(const prepare_context *context, const conv_params *p, const float **panels)
{
    int depth = p->kernel[0] * p->kernel[1] * p->in_channels;
    return pack(context, "gemm", p, depth, fill_panels, panels);
}

static status fill_depthwise(void *user, void *memory, size_t bytes)
{
    const conv_params *p = user;
    (void)bytes;
    int window = p->kernel[0] * p->kernel[1];
    int lanes = gemm_vectors(p->out_channels) * GEMM_LANES;
    float *to = write_row(memory, p, p->bias, 1, 0, lanes);
    for (int k = 0; k < window; k++) to = write_row(to, p, p->filter + k, window, 0, lanes);
    return STATUS_OK;
}

status gemm_pack_depthwise(const prepare_context *context, const conv_params *p,
                           const float **filter)
{
    return pack(context, "gemm depthwise", p, p->kernel[0] * p->kernel[1], fill_depthwise, filter);
}

int gemm_limits(const activation *act, float *low, float *high)
{
    *low = act->kind == ACTIVATION_CLAMP ? act->low : -INFINITY;
    *high = act->kind == ACTIVATION_CLAMP ? act->high : INFINITY;
    return act->kind == ACTIVATION_CLAMP || act->kind == ACTIVATION_NONE;
}

const gemm_kernels *gemm_choose(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return &gemm_avx512;
#endif
    return &gemm_plain;
}
