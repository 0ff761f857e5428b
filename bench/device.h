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

/* Who holds memory of the GPUs, contexts included, as the driver counts it: how many processes; 0
 * where it does not tell. */
int device_processes(long *pids, double *mib, int capacity);

/* The first GPU's, "" where there is none. */
void device_name(char *name, size_t bytes);

#endif
