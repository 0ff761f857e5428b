/* Where rows run: memory, copies and waiting, the same for the host and for a GPU. */
#ifndef POSENET_TESTS_KERNEL_CHECK_DEVICE_H
#define POSENET_TESTS_KERNEL_CHECK_DEVICE_H

#include "kernels/op.h"
#include "kernels/pack.h"

typedef struct check_device {
    const char *missing; /* why it cannot be used here; NULL: it can */
    status (*allocate)(size_t bytes, void **out);
    void (*release)(void *memory);
    status (*copy_to)(void *device, const void *host, size_t bytes);
    status (*copy_from)(void *host, const void *device, size_t bytes);
    status (*synchronize)(void);
    const pack_memory *packs; /* NULL: host memory */
    void *context, *stream;   /* for prepare_context.device and run.stream */
    int compute;              /* as cuda_device.compute: what rows' least_compute is held against */
    /* 1 if a library that rows may need is known to be missing; NULL: none can be */
    int (*lacks_library)(const void *context);
    int burst; /* launches between two waits when timing */
} check_device;

const check_device *device_host(void);

/* The first GPU; opened by the first call, never closed. Without one, `missing` says why. */
const check_device *device_cuda(void);

/* The device that a row runs on. */
const check_device *device_of(const row *r);

/* 1 if the device has the compute capability that the row asks for. */
static inline int device_serves(const check_device *d, const row *r)
{
    return r->least_compute <= d->compute;
}

#endif
