/* The GPU, its driver and the libraries beside it in one line. */
#include <stdio.h>
#include <string.h>

#include "kernels/cuda/cublaslt.h"
#include "kernels/cuda/cuda.h"
#if defined(POSENET_HAVE_CUDNN)
#include "kernels/cuda/cudnn.h"
#endif

/* The kernel module's own line, where the system shows it: the runtime only knows which CUDA the
 * driver is for. */
static void read_module(char *line, int bytes)
{
    FILE *file = fopen("/proc/driver/nvidia/version", "r");
    *line = '\0';
    if (!file) return;
    if (!fgets(line, bytes, file)) *line = '\0';
    fclose(file);
    line[strcspn(line, "\n")] = '\0';
}

status cuda_device_versions(cuda_device *d, char *text, size_t bytes)
{
    int driver, runtime;
    char module[128];
    size_t cudnn_version = 0, cublaslt_version = 0;
    TRY(cuda_check(cudaDriverGetVersion(&driver), "reading the driver's version"));
    TRY(cuda_check(cudaRuntimeGetVersion(&runtime), "reading the runtime's version"));
    read_module(module, sizeof module);
    cublaslt *blas;
    if (cublaslt_of(d, &blas) == STATUS_OK) cublaslt_version = blas->version();
#if defined(POSENET_HAVE_CUDNN)
    cudnn *dnn;
    if (cudnn_library_of(d, &dnn) == STATUS_OK) cudnn_version = dnn->version();
#endif
    snprintf(text, bytes, "%s, compute %d, driver %d (%s), runtime %d, cuDNN %zu, cuBLASLt %zu",
             d->name, d->compute, driver, module, runtime, cudnn_version, cublaslt_version);
    return STATUS_OK;
}
