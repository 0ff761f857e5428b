/* Opening cuBLASLt: the functions by name, a handle, its errors. */
#include "kernels/cuda/cublaslt.h"

#include <stdlib.h>

#include "kernels/cuda/library.h"
#include "kernels/pool.h"

static const library_symbol symbols[] = {
    {"cublasLtGetVersion", offsetof(cublaslt, version)},
    {"cublasLtCreate", offsetof(cublaslt, create)},
    {"cublasLtDestroy", offsetof(cublaslt, destroy)},
    {"cublasLtGetStatusString", offsetof(cublaslt, status_string)},
    {"cublasLtMatmulDescCreate", offsetof(cublaslt, matmul_create)},
    {"cublasLtMatmulDescDestroy", offsetof(cublaslt, matmul_destroy)},
    {"cublasLtMatmulDescSetAttribute", offsetof(cublaslt, matmul_set)},
    {"cublasLtMatrixLayoutCreate", offsetof(cublaslt, layout_create)},
    {"cublasLtMatrixLayoutDestroy", offsetof(cublaslt, layout_destroy)},
    {"cublasLtMatmulPreferenceCreate", offsetof(cublaslt, preference_create)},
    {"cublasLtMatmulPreferenceDestroy", offsetof(cublaslt, preference_destroy)},
    {"cublasLtMatmulPreferenceSetAttribute", offsetof(cublaslt, preference_set)},
    {"cublasLtMatmulAlgoGetHeuristic", offsetof(cublaslt, heuristic)},
    {"cublasLtMatmul", offsetof(cublaslt, matmul)},
};

static void close_library(void *opened)
{
    cublaslt *lib = opened;
    if (lib->handle) (void)lib->destroy(lib->handle);
    library_close(lib->library);
    free(lib);
}

status cublaslt_check(const cublaslt *lib, cublasStatus_t code, const char *doing)
{
    if (code == CUBLAS_STATUS_SUCCESS) return STATUS_OK;
    return fail(code == CUBLAS_STATUS_ALLOC_FAILED ? STATUS_MEMORY : STATUS_DEVICE,
                "cuBLASLt: %s failed: %s", doing, lib->status_string(code));
}

static status open_library(cublaslt **out)
{
    cublaslt *lib = heap_array(1, sizeof *lib);
    if (!lib) return STATUS_MEMORY;
    status opened = library_open("libcublasLt.so.13", "cuBLASLt 13", symbols,
                                 (int)(sizeof symbols / sizeof *symbols), lib, &lib->library);
    if (opened == STATUS_OK)
        opened = cublaslt_check(lib, lib->create(&lib->handle), "creating a handle");
    if (opened != STATUS_OK) {
        lib->handle = NULL;
        close_library(lib);
        return opened;
    }
    *out = lib;
    return STATUS_OK;
}

status cublaslt_of(cuda_device *d, cublaslt **out)
{
    cuda_library *kept = &d->libraries[CUDA_LIBRARY_CUBLASLT];
    if (!kept->opened) {
        cublaslt *lib = NULL;
        TRY(cuda_library_check(kept));
        TRY(cuda_library_opened(kept, open_library(&lib)));
        kept->opened = lib;
        kept->close = close_library;
    }
    *out = kept->opened;
    return STATUS_OK;
}
