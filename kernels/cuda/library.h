/* Vendor libraries found at run time: a table of function pointers filled by name. */
#ifndef POSENET_KERNELS_CUDA_LIBRARY_H
#define POSENET_KERNELS_CUDA_LIBRARY_H

#include <stddef.h>

#include "kernels/status.h"

/* One function: its exported name, and where its pointer lies in the table. */
typedef struct library_symbol {
    const char *name;
    size_t offset;
} library_symbol;

/* Opens `file` ("libcudnn.so.9"; the loader's own search path) and fills `table`. The handle in
 * *out is for library_close. STATUS_DEVICE where the library or one of its functions is missing,
 * with `title` ("cuDNN 9") in the sentence. */
status library_open(const char *file, const char *title, const library_symbol *symbols, int count,
                    void *table, void **out) STATUS_MUST_CHECK;

void library_close(void *library);

#endif
