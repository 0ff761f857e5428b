/* The host as a device. */
#include <stdlib.h>
#include <string.h>

#include "device.h"

static status allocate(size_t bytes, void **out)
{
    *out = aligned_alloc(256, (bytes + 255) / 256 * 256);
    return *out ? STATUS_OK : fail(STATUS_MEMORY, "out of memory: %zu bytes", bytes);
}

static status copy(void *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
    return STATUS_OK;
}

static status synchronize(void)
{
    return STATUS_OK;
}

const check_device *device_host(void)
{
    static const check_device host = {.allocate = allocate,
                                      .release = free,
                                      .copy_to = copy,
                                      .copy_from = copy,
                                      .synchronize = synchronize,
                                      .burst = 1};
    return &host;
}

#if !defined(POSENET_HAVE_CUDA)
const check_device *device_cuda(void)
{
    static const check_device none = {.missing = "this build has no CUDA rows"};
    return &none;
}
#endif

const check_device *device_of(const row *r)
{
    return r->device == DEVICE_CUDA ? device_cuda() : device_host();
}
