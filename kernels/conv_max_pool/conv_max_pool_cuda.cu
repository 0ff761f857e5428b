// The network's first convolution and the 3x3 max pooling at stride 2 after it, as ResNet50 begins;
// the larger tensor between them never leaves the multiprocessor. See kernels/conv/root/root.cuh.
#include "kernels/conv/root/root_plan.cuh"
#include "kernels/conv_max_pool/conv_max_pool.h"
#include "kernels/cuda/estimate.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision)
{
    return root_covers(net, first) &&
                   conv_max_pool_follows(net, first, ROOT_POOL_KERNEL, ROOT_POOL_STRIDE)
               ? 2
               : 0;
}

// The convolution's: its result is what costs, wherever it stays.
static double estimate(const network *net, int first, int)
{
    static const cuda_rates rates = {4, 0, 400e6, 400e6, 0.72e6};
    return cuda_estimate(net, &net->steps[first], &rates);
}

extern "C" const row conv_max_pool_cuda = {
    .name = "conv_max_pool_cuda",
    .device = DEVICE_CUDA,
    .least_compute = 80,
    .covers = covers,
    .variants = root_variants<true>,
    .revision = 1,
    .prepare = root_prepare<true>,
    .enqueue = root_enqueue<true>,
    .release = work_release,
    .estimate = estimate,
    .limit = 0,
    .limit_fp16 = 2e-3,
    .limit_because =
        "the filter is rounded to fp16, up to 168 products are added in fp32, then one "
        "rounding to the type; the largest is one of these",
};
