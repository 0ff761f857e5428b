/* Errors, packed weights and operands of CUDA rows. */
#include "kernels/cuda/cuda.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

status cuda_check(cudaError_t error, const char *doing)
{
    if (error == cudaSuccess) return STATUS_OK;
    (void)cudaGetLastError();
    return fail(error == cudaErrorMemoryAllocation ? STATUS_MEMORY : STATUS_DEVICE,
                "CUDA: %s failed: %s", doing, cudaGetErrorString(error));
}

status cuda_launch_check(cudaError_t error, const work *w, const network *net)
{
    if (error == cudaSuccess) return STATUS_OK;
    (void)cudaGetLastError();
    return fail(STATUS_DEVICE, "CUDA: launching %s for %s failed: %s", w->row->name,
                net->steps[w->first].nodes, cudaGetErrorString(error));
}

status cuda_driver_function(const char *name, unsigned version, void **out)
{
    enum cudaDriverEntryPointQueryResult result;
    *out = NULL;
    TRY(cuda_check(cudaGetDriverEntryPointByVersion(name, out, version, cudaEnableDefault, &result),
                   "asking the driver for a function"));
    if (result != cudaDriverEntryPointSuccess || !*out)
        return fail(STATUS_UNSUPPORTED, "the driver has no %s", name);
    return STATUS_OK;
}

static status device_allocate(void *user, size_t bytes, void **out)
{
    (void)user;
    return cuda_check(cudaMalloc(out, bytes ? bytes : 1), "allocating weights");
}

static void device_release(void *user, void *memory)
{
    (void)user;
    (void)cudaFree(memory);
}

const pack_memory cuda_pack_memory = {NULL, device_allocate, device_release};

typedef struct staging {
    cuda_pack_write write;
    const void *user;
} staging;

static status fill_through_host(void *user, void *memory, size_t bytes)
{
    const staging *s = user;
    void *host = heap_array(bytes, 1);
    if (!host) return STATUS_MEMORY;
    s->write(s->user, host, bytes);
    /* From pageable memory the copy may still be under way when it returns, and the streams that
     * read the weights do not wait for it. */
    cudaError_t error = cudaMemcpy(memory, host, bytes, cudaMemcpyHostToDevice);
    if (error == cudaSuccess) error = cudaStreamSynchronize(NULL);
    free(host);
    return cuda_check(error, "uploading weights");
}

status cuda_pack(const prepare_context *context, const pack_key *key, size_t bytes,
                 cuda_pack_write write, const void *user, void **out)
{
    staging s = {write, user};
    return pack_get(context->packs, key, bytes, fill_through_host, &s, out);
}

static void write_plain(const void *user, void *host, size_t bytes)
{
    memcpy(host, user, bytes);
}

status cuda_pack_array(const prepare_context *context, const void *array, size_t bytes,
                       const void **out)
{
    const pack_key key = {"cuda_array", NULL, array, bytes};
    void *memory;
    TRY(cuda_pack(context, &key, bytes, write_plain, array, &memory));
    *out = memory;
    return STATUS_OK;
}

static void write_filter(const void *user, void *host, size_t bytes)
{
    (void)bytes;
    const conv_params *p = user;
    int taps = p->kernel[0] * p->kernel[1], depth = p->in_channels / p->groups;
    float *to = host;
    for (int tap = 0; tap < taps; tap++)
        for (int in = 0; in < depth; in++)
            for (int out = 0; out < p->out_channels; out++)
                *to++ = p->filter[((size_t)out * (size_t)depth + (size_t)in) * (size_t)taps +
                                  (size_t)tap];
}

status cuda_pack_filter(const prepare_context *context, const conv_params *conv, const void **out)
{
    size_t count = (size_t)conv->out_channels * (size_t)(conv->in_channels / conv->groups) *
                   (size_t)conv->kernel[0] * (size_t)conv->kernel[1];
    const pack_key key = {"cuda_filter", conv->filter, NULL, 0};
    void *memory;
    TRY(cuda_pack(context, &key, count * sizeof(float), write_filter, conv, &memory));
    *out = memory;
    return STATUS_OK;
}

typedef struct operands {
    const void *constant[STEP_MAX_INPUTS]; /* on the device; NULL: the operand is in the arena */
} operands;

status cuda_operands_prepare(const prepare_context *context, const network *net, work *w)
{
    const step *s = &net->steps[w->first];
    operands *o = heap_array(1, sizeof *o);
    if (!o) return STATUS_MEMORY;
    for (int i = 0; i < s->input_count; i++) {
        const tensor *t = &net->tensors[s->inputs[i]];
        if (!t->constant) continue;
        status result = cuda_pack_array(context, t->constant,
                                        (size_t)tensor_count(t) * sizeof(float), &o->constant[i]);
        if (result != STATUS_OK) {
            free(o);
            return result;
        }
    }
    w->state = o;
    return STATUS_OK;
}

cuda_view cuda_tensor(const network *net, const run *r, int number)
{
    const tensor *t = &net->tensors[number];
    cuda_view view = {tensor_at(net, number, r), t->type, {0}};
    memcpy(view.dims, t->dims, sizeof view.dims);
    return view;
}

cuda_view cuda_input(const work *w, const network *net, const run *r, int input)
{
    const operands *o = w->state;
    cuda_view view = cuda_tensor(net, r, net->steps[w->first].inputs[input]);
    if (o->constant[input]) {
        view.data = (void *)(uintptr_t)o->constant[input];
        view.type = TYPE_FP32; /* constants are fp32 whatever the network's precision */
    }
    return view;
}

cuda_view cuda_output(const work *w, const network *net, const run *r)
{
    return cuda_tensor(net, r, net->steps[w->first + w->count - 1].output);
}

int cuda_countable(const network *net, const step *s)
{
    const int64_t most = INT_MAX - (1 << 20);
    for (int i = 0; i < s->input_count; i++) {
        if (tensor_count(&net->tensors[s->inputs[i]]) > most) return 0;
    }
    return s->output < 0 || tensor_count(&net->tensors[s->output]) <= most;
}

int cuda_reads_halves(const network *net, const step *s)
{
    for (int i = 0; i < s->input_count; i++) {
        const tensor *t = &net->tensors[s->inputs[i]];
        if (t->constant || t->type != TYPE_FP16) return 0;
    }
    return 1;
}
