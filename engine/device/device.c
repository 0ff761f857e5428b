#include "engine/device/device.h"

static status allocate(void *user, size_t bytes, void **out)
{
    device *d = user;
    return d->calls->allocate(d, bytes, out);
}

static void release(void *user, void *memory)
{
    device *d = user;
    d->calls->release(d, memory);
}

pack_memory device_pack_memory(device *d)
{
    return (pack_memory){.user = d, .allocate = allocate, .release = release};
}

void device_close(device **d)
{
    if (!d || !*d) return;
    (*d)->calls->close(*d);
    *d = NULL;
}
