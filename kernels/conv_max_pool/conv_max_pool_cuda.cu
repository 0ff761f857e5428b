// The network's first convolution and the 3x3 max pooling at stride 2 after it, as ResNet50 begins;
// the larger tensor between them never leaves the multiprocessor. See kernels/conv/root/root.cuh.
#include "kernels/conv/root/root_plan.cuh"
#include "kernels/cuda/estimate.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision)
{
    if (first + 1 >= net->step_count || !root_covers(net, first)) return 0;
    const step *conv = &net->steps[first], *pool = conv + 1;
    if (pool->op != OP_MAX_POOL || pool->inputs[0] != conv->output ||
        net->tensors[pool->output].type != TYPE_FP16)
        return 0;
    const pool_params *p = &pool->as.pool;
    for (int i = 0; i < 2; i++)
        if (p->kernel[i] != ROOT_POOL_KERNEL || p->stride[i] != ROOT_POOL_STRIDE ||
            p->dilation[i] != 1)
            return 0;
    return 2;
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
