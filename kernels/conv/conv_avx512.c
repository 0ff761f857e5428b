/* Convolutions without groups in AVX-512. */
#include "kernels/conv/conv_gemm.h"
#include "kernels/rows.h"

static status prepare(const prepare_context *context, const network *net, work *w)
{
    return conv_gemm_prepare(gemm_kernels_avx512(), context, net, w);
}

/* Against 1 for oneDNN; never where the machine cannot. */
static double estimate(const network *net, int first, int count)
{
    (void)net;
    (void)first;
    (void)count;
    return gemm_kernels_avx512() ? 0.8 : 1e6;
}

const row conv_avx512 = {
    .name = "conv_avx512",
    .device = DEVICE_CPU,
    .covers = conv_gemm_covers,
    .prepare = prepare,
    .enqueue = conv_gemm_enqueue,
    .release = conv_gemm_release,
    .estimate = estimate,
    .limit = 2e-5,
    .limit_because = "fp32 sums of up to a few thousand products, one after another",
};
