// MobileNet's first convolution, 3x3 at stride 2 from 3 channels to at most 32, on Hopper: see
// root/root_lines.cuh.
#include "kernels/conv/root/lines_plan.cuh"
#include "kernels/cuda/estimate.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision)
{
    return lines_covers_conv<false>(net, first);
}

// Dearer than conv_root_mma_cuda on one small picture.
static double estimate(const network *net, int first, int)
{
    static const cuda_rates rates = {4.8, 0, 400e6, 400e6, 3.6e6};
    return cuda_estimate(net, &net->steps[first], &rates);
}

extern "C" const row conv_root_wgmma_cuda = {
    .name = "conv_root_wgmma_cuda",
    .device = DEVICE_CUDA,
    .least_compute = 90,
    .covers = covers,
    .variants = lines_variants<false>,
    .revision = 1,
    .prepare = lines_prepare<false>,
    .enqueue = lines_enqueue<false>,
    .release = work_release,
    .estimate = estimate,
    .limit = 0,
    .limit_fp16 = 2e-3,
    .limit_because = "the filter is rounded to fp16, 34 products are added in fp32, then one "
                     "rounding to the type",
};
