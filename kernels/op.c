/* What a work keeps, and what devices and precisions are called. */
#include "kernels/op.h"

#include <stdlib.h>
#include <string.h>

status work_keep(work *w, const void *state, size_t bytes)
{
    w->state = heap_array(1, bytes);
    if (!w->state) return STATUS_MEMORY;
    memcpy(w->state, state, bytes);
    return STATUS_OK;
}

void work_release(work *w)
{
    free(w->state);
    w->state = NULL;
}

int work_ways(const prepare_context *context, const network *net, const work *w)
{
    int ways = w->row->variants ? w->row->variants(context, net, w) : 1;
    return ways > 1 ? ways : 1;
}

const char *device_kind_name(device_kind device)
{
    return device == DEVICE_CUDA ? "cuda" : device == DEVICE_CPU ? "cpu" : "ref";
}

const char *precision_name(precision p)
{
    return p == PRECISION_FP16 ? "fp16" : p == PRECISION_TF32 ? "tf32" : "fp32";
}
