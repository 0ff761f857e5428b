// The network's first convolution on fp16 tensors: see root/root.cuh.
#include "kernels/conv/root/root_plan.cuh"
#include "kernels/cuda/estimate.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision)
{
    return root_covers(net, first);
}

static double estimate(const network *net, int first, int)
{
    static const cuda_rates rates = {3.5, 0, 400e6, 400e6, 0.85e6};
    return cuda_estimate(net, &net->steps[first], &rates);
}

extern "C" const row conv_root_mma_cuda = {
    .name = "conv_root_mma_cuda",
    .device = DEVICE_CUDA,
    .least_compute = 80,
    .covers = covers,
    .variants = root_variants<false>,
    .revision = 1,
    .prepare = root_prepare<false>,
    .enqueue = root_enqueue<false>,
    .release = work_release,
    .estimate = estimate,
    .limit = 0,
    .limit_fp16 = 2e-3,
    .limit_because =
        "the filter is rounded to fp16, up to 168 products are added in fp32, then one "
        "rounding to the type",
};
