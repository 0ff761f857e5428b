/* MobileNet's block in AVX-512. */
#include "kernels/depthwise_pointwise/block.h"
#include "kernels/rows.h"

static status prepare(const prepare_context *context, const network *net, work *w)
{
    return block_prepare(gemm_kernels_avx512(), context, net, w);
}

/* Against 2 for oneDNN, a step each; never where the machine cannot. */
static double estimate(const network *net, int first, int count)
{
    (void)net;
    (void)first;
    (void)count;
    return gemm_kernels_avx512() ? 1.2 : 1e6;
}

const row depthwise_pointwise_avx512 = {
    .name = "depthwise_pointwise_avx512",
    .device = DEVICE_CPU,
    .covers = block_covers,
    .prepare = prepare,
    .enqueue = block_enqueue,
    .release = work_release,
    .estimate = estimate,
    .limit = 1e-4,
    .limit_because =
        "fp32 sums of sums: the first ones' error meets weights that reach hundreds in "
        "BodyPix, seen 4e-5",
};
