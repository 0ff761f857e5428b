/* Convolutions without groups in AMX, each fp32 as three bf16 (conv/gemm/gemm_amx.c). */
#include "kernels/conv/conv.h"
#include "kernels/conv/conv_gemm.h"
#include "kernels/rows.h"

static status prepare(const prepare_context *context, const network *net, work *w)
{
    return conv_gemm_prepare(gemm_kernels_amx(), context, net, w);
}

/* Against 1 for oneDNN: splitting the input pays where many columns use it, and gathering windows
 * only while the filter stays near; never where the machine cannot. */
static double estimate(const network *net, int first, int count)
{
    const conv_params *p = &net->steps[first].as.conv;
    int64_t depth = (int64_t)p->kernel[0] * p->kernel[1] * p->in_channels;
    (void)count;
    if (!gemm_kernels_amx()) return 1e6;
    int worth = depth >= 256 && p->out_channels >= 7 * GEMM_LANES;
    int fits = depth * p->out_channels <= 160 * 1024; /* three planes of it, in the second cache */
    return worth && (fits || conv_is_pointwise(&net->steps[first])) ? 0.8 : 1.5;
}

const row conv_amx = {
    .name = "conv_amx",
    .device = DEVICE_CPU,
    .covers = conv_gemm_covers,
    .prepare = prepare,
    .enqueue = conv_gemm_enqueue,
    .release = work_release,
    .estimate = estimate,
    .limit = 2e-5,
    .limit_because = "fp32 sums of products that are right to half an ulp",
    .in_place = 1,
};
