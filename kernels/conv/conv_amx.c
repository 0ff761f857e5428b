/* Convolutions without groups in AMX, each fp32 as three bf16 (conv/gemm_amx.c). */
#include "kernels/conv/conv_gemm.h"
#include "kernels/rows.h"

static status prepare(const prepare_context *context, const network *net, work *w)
{
    return conv_gemm_prepare(gemm_kernels_amx(), context, net, w);
}

/* Against 1 for oneDNN; never where the machine cannot. */
static double estimate(const network *net, int first, int count)
{
    (void)net;
    (void)first;
    (void)count;
    return gemm_kernels_amx() ? 0.5 : 1e6;
}

const row conv_amx = {
    .name = "conv_amx",
    .device = DEVICE_CPU,
    .covers = conv_gemm_covers,
    .prepare = prepare,
    .enqueue = conv_gemm_enqueue,
    .release = conv_gemm_release,
    .estimate = estimate,
    .limit = 2e-5,
    .limit_because = "fp32 sums of products that are right to half an ulp",
};
