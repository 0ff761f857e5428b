/* The architectures: MobileNetV1 as in Google's PoseNet, and TF-slim's ResNet50 v1.
 *
 * What a layer's outputs are like decides what rounding does to the heads. Normalised channels
 * around 0 lose, at a ReLU, more than half of their variance but less of the rounding noise on
 * them: noise over signal grows by a fifth a layer, and half precision moves the heads of 50 such
 * layers by 6 %, which no trained network's does. So channels lie one deviation above 0, where a
 * ReLU cuts a tenth of the values: growth of some hundredths a layer, 0.3 to 0.6 % at the heads.
 */
#include "loader/generate/layers.h"

#include <string.h>

typedef struct builder {
    layer_list *list;
    int stride;  /* wanted */
    int current; /* so far */
    int rate;    /* dilation of what follows: strides that are not taken become this */
} builder;

/* What of `stride` a layer still takes; the dilation it gets in *dilation. The layer whose stride
 * is dropped has the old dilation, those behind it the new one. */
static int take_stride(builder *b, int stride, int *dilation)
{
    if (b->current < b->stride) {
        b->current *= stride;
        *dilation = 1;
        return stride;
    }
    *dilation = b->rate;
    b->rate *= stride;
    return 1;
}

static status add_layer(builder *b, const layer *l, int *number)
{
    layer_list *list = b->list;
    if (list->count == LAYERS_MOST) return fail(STATUS_ARGUMENT, "too many layers");
    if (!l->scope || !l->weight_scope) return STATUS_MEMORY;
    *number = list->count;
    list->layers[list->count++] = *l;
    return STATUS_OK;
}

static status add_heads(builder *b, const char *prefix, int features, int channels_in)
{
    static const struct {
        const char *name;
        int channels;
        float center, shift, least, most;
    } heads[LAYER_HEADS] = {
        {"heatmap_2", 17, -1.9f, 0.3f, 1.1f, 1.5f}, /* logits */
        {"offset_2", 34, 0.0f, 2.0f, 4.0f, 8.0f},   /* pixels */
        {"displacement_fwd_2", 32, 0.0f, 10.0f, 15.0f, 25.0f},
        {"displacement_bwd_2", 32, 0.0f, 10.0f, 15.0f, 25.0f},
    };
    for (int i = 0; i < LAYER_HEADS; i++) {
        char *scope = pool_format(b->list->pool, "%s/%s", prefix, heads[i].name);
        layer l = {.kind = LAYER_CONV,
                   .scope = scope,
                   .weight_scope = scope,
                   .input = features,
                   .channels_in = channels_in,
                   .channels = heads[i].channels,
                   .kernel = 1,
                   .stride = 1,
                   .dilation = 1,
                   .same = 1,
                   .is_head = 1,
                   .center = heads[i].center,
                   .shift = heads[i].shift,
                   .least = heads[i].least,
                   .most = heads[i].most};
        TRY(add_layer(b, &l, &b->list->heads[i]));
    }
    return STATUS_OK;
}

/* ---- MobileNetV1 ---- */

static status add_mobile(builder *b, layer_kind kind, const char *name, int input, int channels_in,
                         int channels, int stride, int dilation, int *number)
{
    pool *p = b->list->pool;
    layer l = {.kind = kind,
               .scope = pool_format(p, "MobilenetV1/MobilenetV1/%s", name),
               .weight_scope = pool_format(p, "MobilenetV1/%s", name),
               .input = input,
               .channels_in = channels_in,
               .channels = channels,
               .kernel = strstr(name, "pointwise") ? 1 : 3,
               .stride = stride,
               .dilation = dilation,
               .same = 1,
               .activation = LAYER_RELU6,
               .center = 1.4f,
               .shift = 0.4f,
               .least = 0.7f,
               .most = 1.3f};
    return add_layer(b, &l, number);
}

/* The narrow networks keep block 12 at stride 1 and do not widen there, since their checkpoints
 * were trained so. At stride 32, which Google never published for them, it has the stride that the
 * full network has. */
static status make_mobilenet(builder *b, int multiplier)
{
    static const int strides[13] = {1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1};
    static const int widths[13] = {64,  128, 128, 256, 256,  512, 512,
                                   512, 512, 512, 512, 1024, 1024};
    int narrow = multiplier < 100, share = narrow ? multiplier : 100;
    int dilation, last, channels = 32 * share / 100;
    int stride = take_stride(b, 2, &dilation);
    TRY(add_mobile(b, LAYER_CONV, "Conv2d_0", LAYER_IMAGE, 3, channels, stride, dilation, &last));
    for (int i = 0; i < 13; i++) {
        char *depthwise = pool_format(b->list->pool, "Conv2d_%d_depthwise", i + 1);
        char *pointwise = pool_format(b->list->pool, "Conv2d_%d_pointwise", i + 1);
        if (!depthwise || !pointwise) return STATUS_MEMORY;
        int width = (narrow && widths[i] == 1024 ? 512 : widths[i]) * share / 100;
        int wanted = narrow && i == 11 && b->stride < 32 ? 1 : strides[i];
        stride = take_stride(b, wanted, &dilation);
        TRY(add_mobile(b, LAYER_DEPTHWISE, depthwise, last, channels, channels, stride, dilation,
                       &last));
        TRY(add_mobile(b, LAYER_CONV, pointwise, last, channels, width, 1, 1, &last));
        channels = width;
    }
    return add_heads(b, "MobilenetV1", last, channels);
}

/* ---- ResNet50 ---- */

/* A convolution of `kernel` pixels, SAME and without stride. */
static layer residual_conv(int input, int channels_in, int channels, int kernel,
                           layer_activation activation)
{
    return (layer){.kind = LAYER_CONV,
                   .input = input,
                   .channels_in = channels_in,
                   .channels = channels,
                   .kernel = kernel,
                   .stride = 1,
                   .dilation = 1,
                   .same = 1,
                   .activation = activation,
                   .center = 1.1f,
                   .shift = 0.4f,
                   .least = 0.7f,
                   .most = 1.3f};
}

/* Adds a layer of a unit, "conv1" to "conv3" or "shortcut". */
static status add_part(builder *b, const char *unit, const char *name, const layer *part,
                       int *number)
{
    layer l = *part;
    l.scope = pool_format(b->list->pool, "%s/%s", unit, name);
    l.weight_scope = l.scope;
    return add_layer(b, &l, number);
}

/* TF-slim's bottleneck: the stride on the 3x3; the shortcut a projection where the width changes,
 * every second pixel where it does not. */
static status add_unit(builder *b, const char *unit, int width, int wanted, int *last,
                       int *channels)
{
    int dilation, shortcut = *last, x, wide = 4 * width;
    int stride = take_stride(b, wanted, &dilation);
    if (*channels != wide || stride > 1) {
        layer part = residual_conv(*last, *channels, wide, 1, LAYER_LINEAR);
        if (*channels == wide) part.kind = LAYER_MAX_POOL;
        part.stride = stride;
        TRY(add_part(b, unit, "shortcut", &part, &shortcut));
    }
    layer reduce = residual_conv(*last, *channels, width, 1, LAYER_RELU);
    TRY(add_part(b, unit, "conv1", &reduce, &x));
    layer middle = residual_conv(x, width, width, 3, LAYER_RELU);
    middle.stride = stride;
    middle.dilation = dilation;
    middle.same = stride == 1;
    TRY(add_part(b, unit, "conv2", &middle, &x));
    layer expand = residual_conv(x, width, wide, 1, LAYER_LINEAR);
    expand.center = 0; /* into the sum: little, so that sums neither drift nor grow */
    expand.shift = 0.1f;
    expand.least = 0.2f;
    expand.most = 0.4f;
    TRY(add_part(b, unit, "conv3", &expand, &x));
    layer sum = {.kind = LAYER_ADD,
                 .scope = unit,
                 .weight_scope = unit,
                 .input = shortcut,
                 .other = x,
                 .channels_in = wide,
                 .channels = wide,
                 .activation = LAYER_RELU};
    *channels = wide;
    return add_layer(b, &sum, last);
}

static status make_resnet(builder *b)
{
    static const int units[4] = {3, 4, 6, 3};
    int last, channels = 64;
    layer root = residual_conv(LAYER_IMAGE, 3, channels, 7, LAYER_RELU);
    root.stride = 2;
    root.same = 0;
    TRY(add_part(b, "resnet_v1_50", "conv1", &root, &last));
    layer pool1 = residual_conv(last, channels, channels, 3, LAYER_LINEAR);
    pool1.kind = LAYER_MAX_POOL;
    pool1.stride = 2;
    TRY(add_part(b, "resnet_v1_50", "pool1", &pool1, &last));
    b->current = 4;
    for (int block = 0; block < 4; block++) {
        for (int unit = 0; unit < units[block]; unit++) {
            char *scope = pool_format(b->list->pool, "resnet_v1_50/block%d/unit_%d/bottleneck_v1",
                                      block + 1, unit + 1);
            if (!scope) return STATUS_MEMORY;
            int stride = block < 3 && unit == units[block] - 1 ? 2 : 1;
            TRY(add_unit(b, scope, 64 << block, stride, &last, &channels));
        }
    }
    return add_heads(b, "resnet_v1_50", last, channels);
}

status layers_make(const generate_settings *settings, layer_list *list)
{
    builder b = {.list = list, .stride = settings->stride, .current = 1, .rate = 1};
    list->count = 0;
    int resnet = settings->architecture == GENERATE_RESNET50;
    list->epsilon = resnet ? 1e-5f : 1e-3f; /* TF-slim's */
    return resnet ? make_resnet(&b) : make_mobilenet(&b, settings->multiplier);
}

void layers_share(const layer_list *from, layer_list *to)
{
    for (int i = 0, k = 0; i < to->count; i++) {
        layer *l = &to->layers[i];
        if (l->kind != LAYER_CONV && l->kind != LAYER_DEPTHWISE) continue;
        while (from->layers[k].kind != LAYER_CONV && from->layers[k].kind != LAYER_DEPTHWISE) k++;
        const layer *same = &from->layers[k++];
        l->weights = same->weights;
        l->gamma = same->gamma;
        l->beta = same->beta;
        l->mean = same->mean;
        l->variance = same->variance;
    }
}

double layer_root(double x)
{
    double y = x > 1 ? x : 1;
    for (int i = 0; i < 200; i++) {
        double next = 0.5 * (y + x / y);
        if (next >= y) break; /* it falls until it is there */
        y = next;
    }
    return y;
}

double layer_scale(const layer_list *list, const layer *l, int channel)
{
    return l->gamma[channel] / layer_root((double)l->variance[channel] + (double)list->epsilon);
}

double layer_bias(const layer_list *list, const layer *l, int channel)
{
    return l->beta[channel] - l->mean[channel] * layer_scale(list, l, channel);
}
