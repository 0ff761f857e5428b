/* The one formula that CUDA rows' estimates share. */
#include "kernels/cuda/estimate.h"

#include <math.h>

double cuda_estimate(const network *net, const step *s, const cuda_rates *rates)
{
    int half = net->tensors[s->inputs[0]].type == TYPE_FP16;
    double compute = (double)step_flops(net, s) / (half ? rates->flops_us : rates->flops_us_fp32);
    double move = (double)step_bytes(net, s) / rates->bytes_us;
    double depth = 0;
    if (s->op == OP_CONV) {
        const conv_params *p = &s->as.conv;
        depth = (double)p->kernel[0] * p->kernel[1] * (p->in_channels / p->groups) / 1024;
    }
    return rates->start_us + depth * rates->depth_us + fmax(compute, move);
}
