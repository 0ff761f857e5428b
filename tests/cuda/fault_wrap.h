/* What the wrapped calls share. The linker sends every call of `name` to __wrap_name and calls the
 * true one __real_name; both are of the type that the runtime's header declares. */
#ifndef POSENET_TESTS_CUDA_FAULT_WRAP_H
#define POSENET_TESTS_CUDA_FAULT_WRAP_H

#include <cuda_runtime_api.h>

/* Counts this call; 1 if it is the one that is to fail. */
int calls_denied(const char *name);

/* What a call that makes something returned: counted as live if it did. */
cudaError_t calls_made(cudaError_t error);

/* What a call that gives something back returned. It did so even where it is told to fail. */
cudaError_t calls_ended(const char *name, const void *given, cudaError_t error);

#endif
