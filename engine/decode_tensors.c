#include "engine/decode_tensors.h"

#include <stdlib.h>
#include <string.h>

/* The caller's tensors as the decoder's views; *on_device counts those in device memory. */
static status view_heads(const posenet *e, const posenet_tensor *heads, decode_heads *out,
                         int *on_device)
{
    static const char *const names[DECODE_HEADS] = {"heads[0]", "heads[1]", "heads[2]", "heads[3]"};
    *on_device = 0;
    for (int i = 0; i < DECODE_HEADS; i++) {
        view v;
        TRY(tensor_read(settings_element(heads, heads->size, i), names[i], e ? e->device : NULL,
                        &v));
        head_view *head = &out->head[i];
        head->data = v.data;
        head->type = v.type;
        memcpy(head->dims, v.dims, sizeof head->dims);
        memcpy(head->strides, v.strides, sizeof head->strides);
        *on_device += v.on_device;
    }
    return STATUS_OK;
}

static status decode_on_host(const decode_heads *heads, const decode_options *options, int capacity,
                             pose *poses, int *counts)
{
    const int *dims = heads->head[DECODE_HEATMAP].dims;
    void *workspace = heap_array(decode_workspace_bytes(dims[AXIS_H], dims[AXIS_W]), 1);
    if (!workspace) return STATUS_MEMORY;
    for (int image = 0; image < dims[AXIS_N]; image++)
        decode_image(heads, image, options, NULL, workspace,
                     poses + (size_t)image * (size_t)capacity, &counts[image]);
    free(workspace);
    return STATUS_OK;
}

status decode_tensors(posenet *e, const posenet_tensor *tensors, int stride, int logits,
                      const posenet_decode_options *options, int capacity, posenet_pose *poses,
                      int *counts)
{
    decode_heads heads = {.stride = stride, .logits = logits != 0};
    decode_options decode;
    int on_device;
    if (capacity < 1 || capacity > POSENET_MAX_POSES)
        return fail(STATUS_ARGUMENT, "capacity is %d, outside 1..%d", capacity, POSENET_MAX_POSES);
    TRY(options_read(options, capacity, &decode));
    TRY(view_heads(e, tensors, &heads, &on_device));
    TRY(decode_check(&heads));
    if (on_device && on_device < DECODE_HEADS)
        return fail(STATUS_ARGUMENT, "%d of the 4 heads are in device memory: all or none",
                    on_device);
    if (on_device)
        return e->device->calls->decode(e->device, &heads, &decode, capacity, (pose *)poses,
                                        counts);
    return decode_on_host(&heads, &decode, capacity, (pose *)poses, counts);
}
