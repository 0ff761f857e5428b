// OP_DECODE wholly on the device: the rule of decode.h and the poses of decode.c, in two kernels
// (decode_device.cuh). Candidates are in no order, but their keys are all different, so what comes
// out is always the same.
#include "kernels/decode/decode_device.cuh"
#include "kernels/rows.h"

using namespace decode;

namespace
{

// Of all images together.
struct places {
    size_t segments, candidates; // an image's segments; all images' places
};

places places_of(const decode_heads &heads)
{
    const int *dims = heads.head[DECODE_HEATMAP].dims;
    size_t elements = static_cast<size_t>(dims[AXIS_H]) * dims[AXIS_W] * PARTS;
    size_t segments = (elements + SEGMENT - 1) / SEGMENT;
    return {segments, dims[AXIS_N] * segments * SEGMENT};
}

void describe_routes(decoder *d)
{
    unsigned beyond[EDGES];                // the parts, a bit each, at an edge's child end
    for (int e = EDGES - 1; e >= 0; e--) { // an edge's child is a parent of later edges only
        int parent = skeleton_edges[e].parent, child = skeleton_edges[e].child;
        beyond[e] = 1u << child;
        for (int later = e + 1; later < EDGES; later++)
            if (skeleton_edges[later].parent == child) beyond[e] |= beyond[later];
        for (int root = 0; root < PARTS; root++) {
            signed char edge = static_cast<signed char>(e);
            if (beyond[e] >> root & 1)
                d->routes[root][parent] = {static_cast<short>(child), edge, DECODE_BACKWARD};
            else
                d->routes[root][child] = {static_cast<short>(parent), edge, DECODE_FORWARD};
        }
    }
}

// A product with it has the bits of the quotient only where it is exact.
float reciprocal(int stride)
{
    return stride & (stride - 1) ? 0.0f : 1.0f / static_cast<float>(stride);
}

} // namespace

extern "C" size_t decode_cuda_workspace_bytes(const decode_heads *heads)
{
    places p = places_of(*heads);
    return p.candidates * (sizeof(candidate) + sizeof(keypoint[PARTS])) +
           p.candidates / SEGMENT * sizeof(unsigned);
}

extern "C" status decode_cuda_launch(const decode_cuda_request *request)
{
    const int *dims = request->heads.head[DECODE_HEATMAP].dims;
    places p = places_of(request->heads);
    decoder d = {};
    d.request = *request;
    describe_routes(&d);
    d.height = dims[AXIS_H];
    d.width = dims[AXIS_W];
    d.segments = static_cast<int>(p.segments);
    d.cells_per_pixel = reciprocal(request->heads.stride);
    d.candidates = static_cast<candidate *>(request->workspace);
    d.grown = reinterpret_cast<keypoint(*)[PARTS]>(d.candidates + p.candidates);
    d.counts = reinterpret_cast<unsigned *>(d.grown + p.candidates);
    run r = {};
    r.stream = request->stream;
    r.programmatic = request->programmatic;
    TRY(launch_candidates(d, &r));
    r.programmatic = 1;
    return launch_poses(d, &r);
}

namespace
{

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    return s->op == OP_DECODE && s->input_count == DECODE_HEADS;
}

decode_heads view_heads(const network *net, const step *s)
{
    decode_heads heads = {{}, s->as.decode.stride, s->as.decode.logits};
    for (int i = 0; i < DECODE_HEADS; i++) {
        const tensor *t = &net->tensors[s->inputs[i]];
        head_view *view = &heads.head[i];
        view->data = t; // not read before enqueue sets it
        view->type = t->type;
        memcpy(view->dims, t->dims, sizeof view->dims);
        tensor_strides(t, view->strides);
    }
    return heads;
}

status prepare(const prepare_context *context, const network *net, work *w)
{
    decode_heads heads = view_heads(net, &net->steps[w->first]);
    TRY(decode_check(&heads));
    TRY(cuda_operands_prepare(context, net, w));
    w->workspace_bytes = decode_cuda_workspace_bytes(&heads);
    return STATUS_OK;
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const decode_params *p = &s->as.decode;
    decode_cuda_request request = {view_heads(net, s), r->options,      r->pictures,
                                   p->input_width,     p->input_height, p->max_poses,
                                   r->poses,           r->counts,       r->arena + w->workspace,
                                   r->stream,          r->programmatic};
    for (int i = 0; i < DECODE_HEADS; i++)
        request.heads.head[i].data = cuda_input(w, net, r, i).data;
    return decode_cuda_launch(&request);
}

} // namespace

extern "C" const row decode_cuda = {
    .name = "decode_cuda",
    .device = DEVICE_CUDA,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = work_release,
    .estimate = nullptr,
    .limit = 0,
    .limit_fp16 = 0,
    .limit_because = "the host decoder's own operations in fp32; a score can differ only where the "
                     "double before its rounding to fp32 lies within two ulp of a tie",
};
