/* Memory of a GPU, where the build has CUDA; else there is none to be had. */
#ifndef POSENET_BENCH_DEVICE_H
#define POSENET_BENCH_DEVICE_H

#include <stddef.h>

/* Zeroed memory, or NULL. */
void *device_memory(size_t bytes);

/* From the host; 0 or -1. */
int device_upload(void *to, const void *from, size_t bytes);

/* NULL is fine. */
void device_release(void *memory);

/* What all programs together hold of the first GPU; 0 where there is none. */
double device_used_mib(void);

/* The first GPU's, "" where there is none. */
void device_name(char *name, size_t bytes);

#endif
