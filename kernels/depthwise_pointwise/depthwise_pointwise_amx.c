/* MobileNet's block: depthwise in AVX-512, pointwise in AMX (conv/gemm/gemm_amx.c). */
#include "kernels/depthwise_pointwise/block.h"
#include "kernels/rows.h"

static status prepare(const prepare_context *context, const network *net, work *w)
{
    return block_prepare(gemm_kernels_amx(), context, net, w);
}

/* Against 2 for oneDNN, a step each, and 1.2 for AVX-512, which wins while there are few channels;
 * never where the machine cannot. */
static double estimate(const network *net, int first, int count)
{
    const conv_params *p = &net->steps[first + 1].as.conv;
    (void)count;
    if (!gemm_kernels_amx()) return 1e6;
    return p->in_channels >= 96 && p->out_channels >= 96 ? 0.9 : 1.6;
}

const row depthwise_pointwise_amx = {
    .name = "depthwise_pointwise_amx",
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
