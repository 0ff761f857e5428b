// ResNet50's first convolution, 7x7 at stride 2 from 3 channels to 64, and the 3x3 max pooling at
// stride 2 after it on Hopper; the larger tensor between them never leaves the registers. See
// kernels/conv/root/root_lines.cuh.
#include "kernels/conv/root/lines_plan.cuh"
#include "kernels/conv_max_pool/conv_max_pool.h"
#include "kernels/cuda/estimate.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision)
{
    if (!lines_covers_conv<true>(net, first) ||
        !conv_max_pool_follows(net, first, LINES_POOL_KERNEL, LINES_POOL_STRIDE))
        return 0;
    // Every window has something of the convolution.
    for (int pad : net->steps[first + 1].as.pool.pads)
        if (pad >= LINES_POOL_KERNEL) return 0;
    return 2;
}

// The convolution's. Dearer than conv_max_pool_cuda on one small picture.
static double estimate(const network *net, int first, int)
{
    static const cuda_rates rates = {7, 0, 400e6, 400e6, 3.3e6};
    return cuda_estimate(net, &net->steps[first], &rates);
}

extern "C" const row conv_max_pool_wgmma_cuda = {
    .name = "conv_max_pool_wgmma_cuda",
    .device = DEVICE_CUDA,
    .least_compute = 90,
    .covers = covers,
    .variants = lines_variants<true>,
    .revision = 1,
    .prepare = lines_prepare<true>,
    .enqueue = lines_enqueue<true>,
    .release = work_release,
    .estimate = estimate,
    .limit = 0,
    .limit_fp16 = 2e-3,
    .limit_because =
        "the filter is rounded to fp16, 154 products are added in fp32, then one rounding to the "
        "type; the largest is one of these",
};
