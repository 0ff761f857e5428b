// The host's side of what the CUDA rows of MobileNet's block have in common.
#include "kernels/depthwise_pointwise/block_cuda.cuh"

#include <math.h>

#include "kernels/conv/conv.h"
#include "kernels/depthwise_pointwise/depthwise_mma.cuh"

namespace
{

bool is_clamp(const activation &act)
{
    float low, high;
    return activation_limits(&act, &low, &high);
}

bool is_half(const network *net, const step *s)
{
    return cuda_reads_halves(net, s) && net->tensors[s->output].type == TYPE_FP16 &&
           cuda_countable(net, s);
}

bool is_depthwise(const step *s)
{
    return conv_is_depthwise_3x3(s) && s->input_count == 1 && s->as.conv.in_channels % 8 == 0 &&
           is_clamp(s->as.conv.act);
}

bool is_pointwise(const step *s)
{
    int channels = s->as.conv.out_channels;
    return conv_is_pointwise(s) && channels % 8 == 0 && channels <= CUDA_MOST_CHANNELS &&
           is_clamp(s->as.conv.act);
}

} // namespace

int block_steps(const network *net, int first)
{
    const int steps = 2;
    if (first + 1 >= net->step_count) return 0;
    const step *s = &net->steps[first], *next = s + 1;
    if (!is_depthwise(s) || !is_pointwise(next) || next->inputs[0] != s->output) return 0;
    if (next->input_count > 1 && next->inputs[1] == s->output) return 0;
    return is_half(net, s) && is_half(net, next) ? steps : 0;
}

// Lane l, q = l % 4 and g = l / 4, has rows 2q, 2q + 1, 2q + 8 and 2q + 9 of column g of four
// products. Column 2i + e of product j is channel 8i + 2j + e, so that a lane's sums of all four
// are neighbouring channels.
void block_write_fragment(const conv_params *p, int first_channel, int first_in, __half *to)
{
    for (int half = 0; half < 2; half++)
        for (int lane = 0; lane < 32; lane++)
            for (int i = 0; i < 8; i++, to++) {
                int product = half * 2 + i / 4, column = lane / 4;
                int c = first_channel + column / 2 * 8 + product * 2 + column % 2;
                int in = first_in + lane % 4 * 2 + i / 2 % 2 * 8 + i % 2;
                if (c < p->out_channels && in < p->in_channels)
                    *to = __float2half_rn(p->filter[static_cast<size_t>(c) * p->in_channels + in]);
            }
}

namespace
{

// The power of two by which a channel is multiplied: the greatest that keeps every sum of finite
// halves a finite half, so that the lesser halves of taps are as exact as they can be. Its inverse
// is a half.
int octet_exponent(const float *taps, float bias)
{
    const int least = -15, most = 14;
    const float greatest_half = 65504;
    float sum = fabsf(bias) / greatest_half;
    int exponent = 0;
    for (int i = 0; i < DEPTHWISE_WORDS - 1; i++) sum += fabsf(taps[i]);
    if (!isfinite(sum)) return 0;
    frexpf(sum, &exponent);
    return -exponent < least ? least : -exponent > most ? most : -exponent;
}

// Channels from `first_channel` on into zeros. A tap that is not finite has no lesser half.
void write_octet(const conv_params *p, int first_channel, depthwise_octet *to)
{
    const int taps = DEPTHWISE_WORDS - 1;
    for (int i = 0; i < DEPTHWISE_OCTET && first_channel + i < p->out_channels; i++) {
        const float *from = p->filter + static_cast<size_t>(first_channel + i) * taps;
        float bias = p->bias ? p->bias[first_channel + i] : 0;
        int exponent = octet_exponent(from, bias);
        for (int tap = 0; tap < taps; tap++) {
            float scaled = ldexpf(from[tap], exponent);
            __half greater = __float2half_rn(scaled), lesser = __float2half_rn(0);
            float rest = scaled - __half2float(greater);
            if (isfinite(rest)) lesser = __float2half_rn(rest);
            to->taps[i][tap] =
                __half_as_ushort(greater) | static_cast<unsigned>(__half_as_ushort(lesser)) << 16;
        }
        to->start[i / 2][i % 2] = to->start[i / 2][i % 2 + 2] = ldexpf(bias, exponent);
        reinterpret_cast<__half *>(to->unit)[i] = __float2half_rn(ldexpf(1, -exponent));
    }
}

void write_octets(const void *user, void *host, size_t bytes)
{
    depthwise_octet *to = static_cast<depthwise_octet *>(host);
    int count = static_cast<int>(bytes / sizeof *to);
    for (int i = 0; i < count; i++)
        write_octet(static_cast<const conv_params *>(user), i * DEPTHWISE_OCTET, &to[i]);
}

} // namespace

status depthwise_pack(const prepare_context *context, const conv_params *p,
                      const depthwise_octet **octets)
{
    const pack_key key = {"depthwise octets", p->filter, p->bias,
                          p->bias ? p->out_channels * sizeof(float) : 0};
    size_t bytes = sizeof(depthwise_octet) * divided(p->out_channels, 64) * (64 / DEPTHWISE_OCTET);
    void *packed;
    TRY(cuda_pack(context, &key, bytes, write_octets, p, &packed));
    *octets = static_cast<const depthwise_octet *>(packed);
    return STATUS_OK;
}
