/* A convolution's operation graph, one descriptor after another. */
#include "kernels/conv/cudnn/graph.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { ALIGNMENT = 16, FIRST_VIRTUAL = 100 };

/* Errors are kept instead of returned one by one: a builder that failed does nothing more. */
typedef struct builder {
    conv_graph *out;
    cudnnStatus_t code;
    const char *doing; /* what failed */
    int virtual_tensors;
} builder;

static void note(builder *b, cudnnStatus_t code, const char *doing)
{
    if (b->code != CUDNN_STATUS_SUCCESS || code == CUDNN_STATUS_SUCCESS) return;
    b->code = code;
    b->doing = doing;
}

static cudnnBackendDescriptor_t make(builder *b, cudnnBackendDescriptorType_t type,
                                     const char *doing)
{
    cudnnBackendDescriptor_t made = NULL;
    if (b->code != CUDNN_STATUS_SUCCESS) return NULL;
    note(b, b->out->lib->make(type, &made), doing);
    if (made) b->out->made[b->out->count++] = made;
    return made;
}

static void set(builder *b, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                cudnnBackendAttributeType_t type, int64_t count, const void *values,
                const char *doing)
{
    if (b->code == CUDNN_STATUS_SUCCESS)
        note(b, b->out->lib->set(d, name, type, count, values), doing);
}

static void set_descriptor(builder *b, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                           cudnnBackendDescriptor_t value, const char *doing)
{
    set(b, d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value, doing);
}

static void finalize(builder *b, cudnnBackendDescriptor_t d, const char *doing)
{
    if (b->code == CUDNN_STATUS_SUCCESS) note(b, b->out->lib->finalize(d), doing);
}

/* n, c, h, w in cuDNN's order of dims, channels innermost in memory. */
static cudnnBackendDescriptor_t tensor_of(builder *b, int64_t number, cudnnDataType_t type,
                                          const int64_t dims[4])
{
    const char *doing = "describing a tensor";
    int64_t strides[4] = {dims[1] * dims[2] * dims[3], 1, dims[1] * dims[3], dims[1]};
    int64_t alignment = ALIGNMENT;
    bool is_virtual = number >= FIRST_VIRTUAL;
    cudnnBackendDescriptor_t d = make(b, CUDNN_BACKEND_TENSOR_DESCRIPTOR, doing);
    set(b, d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type, doing);
    set(b, d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dims, doing);
    set(b, d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides, doing);
    set(b, d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &number, doing);
    set(b, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment, doing);
    set(b, d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &is_virtual, doing);
    finalize(b, d, doing);
    return d;
}

static cudnnBackendDescriptor_t virtual_of(builder *b, const int64_t dims[4])
{
    return tensor_of(b, FIRST_VIRTUAL + b->virtual_tensors++, CUDNN_DATA_FLOAT, dims);
}

static cudnnBackendDescriptor_t convolution(builder *b, const conv_params *p,
                                            cudnnBackendDescriptor_t x,
                                            cudnnBackendDescriptor_t filter,
                                            cudnnBackendDescriptor_t y)
{
    const char *doing = "describing a convolution";
    cudnnDataType_t sums = CUDNN_DATA_FLOAT;
    cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    int64_t axes = 2, before[2] = {p->pads[0], p->pads[1]}, after[2] = {p->pads[2], p->pads[3]};
    int64_t stride[2] = {p->stride[0], p->stride[1]};
    int64_t dilation[2] = {p->dilation[0], p->dilation[1]};
    cudnnBackendDescriptor_t d = make(b, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, doing);
    set(b, d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &axes, doing);
    set(b, d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &sums, doing);
    set(b, d, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode, doing);
    set(b, d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, before, doing);
    set(b, d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, after, doing);
    set(b, d, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, dilation, doing);
    set(b, d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, stride, doing);
    finalize(b, d, doing);

    float alpha = 1, beta = 0; /* in the sums' type: engines read a double's bits as a float */
    cudnnBackendDescriptor_t o =
        make(b, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, doing);
    set_descriptor(b, o, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, d, doing);
    set_descriptor(b, o, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x, doing);
    set_descriptor(b, o, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, filter, doing);
    set_descriptor(b, o, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y, doing);
    set(b, o, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, 1, &alpha, doing);
    set(b, o, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, 1, &beta, doing);
    finalize(b, o, doing);
    return o;
}

/* y = x + other, or the clamp of x where `other` is NULL. */
static cudnnBackendDescriptor_t pointwise(builder *b, cudnnBackendDescriptor_t x,
                                          cudnnBackendDescriptor_t other,
                                          cudnnBackendDescriptor_t y, const activation *act)
{
    const char *doing = other ? "describing an addition" : "describing a clamp";
    cudnnDataType_t precision = CUDNN_DATA_FLOAT;
    cudnnPointwiseMode_t mode = other ? CUDNN_POINTWISE_ADD : CUDNN_POINTWISE_RELU_FWD;
    cudnnBackendDescriptor_t d = make(b, CUDNN_BACKEND_POINTWISE_DESCRIPTOR, doing);
    set(b, d, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode, doing);
    set(b, d, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &precision, doing);
    if (!other && act->high < INFINITY) {
        double high = act->high;
        set(b, d, CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, CUDNN_TYPE_DOUBLE, 1, &high, doing);
    }
    finalize(b, d, doing);
    cudnnBackendDescriptor_t o = make(b, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, doing);
    set_descriptor(b, o, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, d, doing);
    set_descriptor(b, o, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x, doing);
    if (other) set_descriptor(b, o, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, other, doing);
    set_descriptor(b, o, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y, doing);
    finalize(b, o, doing);
    return o;
}

/* The operations in order into `ops`; how many. */
static int operations(builder *b, const network *net, const step *s, int fused,
                      cudnnBackendDescriptor_t ops[4])
{
    const conv_params *p = &s->as.conv;
    const int *x_dims = net->tensors[s->inputs[0]].dims, *y_dims = net->tensors[s->output].dims;
    cudnnDataType_t type =
        net->tensors[s->inputs[0]].type == TYPE_FP16 ? CUDNN_DATA_HALF : CUDNN_DATA_FLOAT;
    const int64_t x_shape[4] = {x_dims[AXIS_N], x_dims[AXIS_C], x_dims[AXIS_H], x_dims[AXIS_W]};
    const int64_t y_shape[4] = {y_dims[AXIS_N], y_dims[AXIS_C], y_dims[AXIS_H], y_dims[AXIS_W]};
    const int64_t filter_shape[4] = {p->out_channels, p->in_channels / p->groups, p->kernel[0],
                                     p->kernel[1]};
    const int64_t bias_shape[4] = {1, p->out_channels, 1, 1};
    int has_bias = fused && p->bias, has_residual = fused && s->input_count > 1;
    int has_clamp = fused && p->act.kind == ACTIVATION_CLAMP;
    int left = has_bias + has_residual + has_clamp; /* operations still to come */

    cudnnBackendDescriptor_t x = tensor_of(b, GRAPH_X, type, x_shape);
    cudnnBackendDescriptor_t filter = tensor_of(b, GRAPH_FILTER, type, filter_shape);
    cudnnBackendDescriptor_t y = tensor_of(b, GRAPH_Y, type, y_shape);
    cudnnBackendDescriptor_t now = left ? virtual_of(b, y_shape) : y;
    int count = 0;
    ops[count++] = convolution(b, p, x, filter, now);
    if (has_bias) {
        cudnnBackendDescriptor_t bias = tensor_of(b, GRAPH_BIAS, type, bias_shape);
        cudnnBackendDescriptor_t next = --left ? virtual_of(b, y_shape) : y;
        ops[count++] = pointwise(b, now, bias, next, NULL);
        now = next;
    }
    if (has_residual) {
        cudnnBackendDescriptor_t residual = tensor_of(b, GRAPH_RESIDUAL, type, y_shape);
        cudnnBackendDescriptor_t next = --left ? virtual_of(b, y_shape) : y;
        ops[count++] = pointwise(b, now, residual, next, NULL);
        now = next;
    }
    if (has_clamp) ops[count++] = pointwise(b, now, NULL, y, &p->act);
    return count;
}

status conv_graph_build(cudnn *lib, const network *net, const step *s, int fused, conv_graph *out)
{
    *out = (conv_graph){.lib = lib};
    builder b = {.out = out};
    const char *doing = "describing an operation graph";
    cudnnBackendDescriptor_t ops[4];
    int count = operations(&b, net, s, fused, ops);
    out->graph = make(&b, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, doing);
    set(&b, out->graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, ops,
        doing);
    if (lib->handle)
        set(&b, out->graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &lib->handle,
            doing);
    finalize(&b, out->graph, doing);
    return cudnn_check(lib, b.code, b.doing);
}

void conv_graph_free(conv_graph *g)
{
    while (g->count > 0) (void)g->lib->unmake(g->made[--g->count]);
    g->graph = NULL;
}
