/* GPUs as devices: opening, memory, copies of any layout, decoding tensors of anyone's. */
#include "engine/device/cuda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/cuda.h"
#include "kernels/cuda/strided.h"
#include "kernels/decode/decode_cuda.h"

static void gpu_close(device *d)
{
    gpu *g = (gpu *)d;
    if (g->cuda) (void)!cuda_device_use(g->cuda);
    (void)cudaFree(g->scratch);
    cuda_device_close(&g->cuda);
    free(g);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static status gpu_allocate(device *d, size_t bytes, void **out)
{
    *out = NULL;
    TRY(cuda_device_use(((gpu *)d)->cuda));
    return cuda_check(cudaMalloc(out, bytes ? bytes : 1), "allocating device memory");
}

/* Memory knows its device, so nothing has to be chosen to give it back. */
static void gpu_release(device *d, void *memory)
{
    (void)d;
    (void)cudaFree(memory);
}

static status gpu_allocate_pinned(device *d, size_t bytes, void **out)
{
    *out = NULL;
    TRY(cuda_device_use(((gpu *)d)->cuda));
    TRY(cuda_check(cudaMallocHost(out, bytes ? bytes : 1), "allocating pinned memory"));
    memset(*out, 0, bytes);
    return STATUS_OK;
}

static void gpu_release_pinned(device *d, void *memory)
{
    (void)d;
    (void)cudaFreeHost(memory);
}

/* ---- copies ---------------------------------------------------------------------------------- */

static size_t view_bytes(const view *v)
{
    size_t bytes = type_bytes(v->type);
    for (int axis = 0; axis < AXES; axis++) bytes *= (size_t)v->dims[axis];
    return bytes;
}

cuda_copy gpu_copy_of(const view *from, const view *to)
{
    cuda_copy copy = {.from = {from->data, from->type, {0}}, .to = {to->data, to->type, {0}}};
    memcpy(copy.from.strides, from->strides, sizeof copy.from.strides);
    memcpy(copy.to.strides, to->strides, sizeof copy.to.strides);
    memcpy(copy.dims, from->dims, sizeof copy.dims);
    return copy;
}

static status copy_on_device(const view *from, const view *to)
{
    cuda_copy copy = gpu_copy_of(from, to);
    return cuda_copy_strided(&copy, 1, NULL);
}

/* From a dense view on one side to a dense view of the same type on the other. */
static status copy_dense(const view *from, const view *to)
{
    return cuda_check(cudaMemcpy(to->data, from->data, view_bytes(from), cudaMemcpyDefault),
                      "copying a tensor");
}

/* Between host and device by way of dense copies in the device tensor's type, one on each side. */
static status copy_across(const view *from, const view *to, void *on_host, void *on_device)
{
    const view *there = from->on_device ? from : to;
    view host = view_dense(on_host, there->type, there->dims, 0);
    view dense = view_dense(on_device, there->type, there->dims, 1);
    if (to->on_device) {
        view_copy(from, &host);
        TRY(copy_dense(&host, &dense));
        return copy_on_device(&dense, to);
    }
    TRY(copy_on_device(from, &dense));
    TRY(copy_dense(&dense, &host));
    view_copy(&host, to);
    return STATUS_OK;
}

static status transfer(const view *from, const view *to)
{
    if (!from->on_device && !to->on_device) {
        view_copy(from, to);
        return STATUS_OK;
    }
    if (from->type == to->type && view_is_dense(from) && view_is_dense(to))
        return copy_dense(from, to);
    if (from->on_device && to->on_device) return copy_on_device(from, to);
    size_t bytes = view_bytes(from->on_device ? from : to);
    void *on_host = heap_array(bytes, 1), *on_device = NULL;
    status code = on_host ? STATUS_OK : STATUS_MEMORY;
    if (code == STATUS_OK) code = cuda_check(cudaMalloc(&on_device, bytes), "copying a tensor");
    if (code == STATUS_OK) code = copy_across(from, to, on_host, on_device);
    (void)cudaFree(on_device);
    free(on_host);
    return code;
}

static status gpu_transfer(device *d, const view *from, const view *to)
{
    TRY(cuda_device_use(((gpu *)d)->cuda));
    TRY(transfer(from, to));
    /* A copy from pageable memory may return before it is done, and slots' streams do not wait. */
    return cuda_check(cudaStreamSynchronize(NULL), "copying a tensor");
}

/* ---- decoding tensors of anyone's ------------------------------------------------------------ */

/* Device memory of one call, in one block. */
typedef struct scratch {
    size_t options, counts, poses, workspace, bytes;
} scratch;

static size_t take(scratch *s, size_t bytes)
{
    size_t at = s->bytes;
    s->bytes += (bytes + 255) / 256 * 256;
    return at;
}

static scratch lay_out(const decode_heads *heads, int capacity)
{
    size_t images = (size_t)heads->head[DECODE_HEATMAP].dims[AXIS_N];
    scratch s = {.bytes = 0};
    s.options = take(&s, sizeof(decode_options));
    s.counts = take(&s, images * sizeof(int));
    s.poses = take(&s, images * (size_t)capacity * sizeof(pose));
    s.workspace = take(&s, decode_cuda_workspace_bytes(heads));
    return s;
}

status gpu_reserve_scratch(gpu *g, size_t bytes)
{
    if (bytes <= g->scratch_bytes) return STATUS_OK;
    void *grown;
    TRY(cuda_check(cudaMalloc(&grown, bytes), "allocating the decoder's memory"));
    (void)cudaFree(g->scratch);
    g->scratch = grown;
    g->scratch_bytes = bytes;
    return STATUS_OK;
}

static status gpu_decode(device *d, const decode_heads *heads, const decode_options *options,
                         int capacity, pose *poses, int *counts)
{
    gpu *g = (gpu *)d;
    TRY(cuda_device_use(g->cuda));
    scratch at = lay_out(heads, capacity);
    TRY(gpu_reserve_scratch(g, at.bytes));
    size_t images = (size_t)heads->head[DECODE_HEATMAP].dims[AXIS_N];
    size_t poses_bytes = images * (size_t)capacity * sizeof(pose);
    decode_cuda_request request = {.heads = *heads,
                                   .options = (decode_options *)(void *)(g->scratch + at.options),
                                   .capacity = capacity,
                                   .poses = (pose *)(void *)(g->scratch + at.poses),
                                   .counts = (int *)(void *)(g->scratch + at.counts),
                                   .workspace = g->scratch + at.workspace};
    TRY(cuda_check(
        cudaMemcpy(g->scratch + at.options, options, sizeof *options, cudaMemcpyHostToDevice),
        "uploading the decoder's options"));
    TRY(cuda_check(cudaMemset(g->scratch + at.poses, 0, poses_bytes), "clearing the poses"));
    TRY(decode_cuda_launch(&request));
    TRY(cuda_check(cudaMemcpy(counts, request.counts, images * sizeof(int), cudaMemcpyDeviceToHost),
                   "decoding"));
    return cuda_check(cudaMemcpy(poses, request.poses, poses_bytes, cudaMemcpyDeviceToHost),
                      "downloading the poses");
}

/* ---- open ------------------------------------------------------------------------------------ */

static const device_calls gpu_calls = {
    .close = gpu_close,
    .allocate = gpu_allocate,
    .release = gpu_release,
    .allocate_pinned = gpu_allocate_pinned,
    .release_pinned = gpu_release_pinned,
    .transfer = gpu_transfer,
    .record = gpu_record,
    .forget = gpu_forget,
    .launch = gpu_launch,
    .wait = gpu_wait,
    .compute = gpu_compute,
    .infer = gpu_infer,
    .decode = gpu_decode,
    .measure = gpu_measure,
    .compare = gpu_compare,
    .identify = gpu_identify,
};

status device_cuda_open(int index, device **out)
{
    *out = NULL;
    gpu *g = heap_array(1, sizeof *g);
    if (!g) return STATUS_MEMORY;
    status opened = cuda_device_open(index, &g->cuda);
    if (opened != STATUS_OK) {
        free(g);
        return opened;
    }
    g->base.calls = &gpu_calls;
    g->base.kind = DEVICE_CUDA;
    g->base.rows = g->cuda;
    g->base.compute = g->cuda->compute;
    snprintf(g->base.name, sizeof g->base.name, "cuda:%d (%.100s)", index, g->cuda->name);
    *out = &g->base;
    return STATUS_OK;
}
