/* Convolutions without groups in AVX-512. */
#include "kernels/conv/conv.h"
#include "kernels/conv/conv_gemm.h"
#include "kernels/rows.h"

static status prepare(const prepare_context *context, const network *net, work *w)
{
    return conv_gemm_prepare(gemm_kernels_avx512(), context, net, w);
}

/* Against 1 for oneDNN, which loses to this on the few channels of the heads only; never where the
 * machine cannot. */
static double estimate(const network *net, int first, int count)
{
    const conv_params *p = &net->steps[first].as.conv;
    (void)count;
    if (!gemm_kernels_avx512()) return 1e6;
    return conv_is_pointwise(&net->steps[first]) && p->out_channels <= 3 * GEMM_LANES ? 0.9 : 1.2;
}

const row conv_avx512 = {
    .name = "conv_avx512",
    .device = DEVICE_CPU,
    .covers = conv_gemm_covers,
    .prepare = prepare,
    .enqueue = conv_gemm_enqueue,
    .release = work_release,
    .estimate = estimate,
    .limit = 2e-5,
    .limit_because = "fp32 sums of up to a few thousand products, one after another",
    .in_place = 1,
};
