/* Opening cuDNN: the functions by name, a handle, its errors. */
#include "kernels/cuda/cudnn.h"

#include <stdlib.h>

#include "kernels/cuda/library.h"
#include "kernels/pool.h"

static const library_symbol symbols[] = {
    {"cudnnGetVersion", offsetof(cudnn, version)},
    {"cudnnCreate", offsetof(cudnn, create)},
    {"cudnnDestroy", offsetof(cudnn, destroy)},
    {"cudnnSetStream", offsetof(cudnn, set_stream)},
    {"cudnnGetErrorString", offsetof(cudnn, error_string)},
    {"cudnnGetLastErrorString", offsetof(cudnn, last_error)},
    {"cudnnBackendCreateDescriptor", offsetof(cudnn, make)},
    {"cudnnBackendDestroyDescriptor", offsetof(cudnn, unmake)},
    {"cudnnBackendFinalize", offsetof(cudnn, finalize)},
    {"cudnnBackendSetAttribute", offsetof(cudnn, set)},
    {"cudnnBackendGetAttribute", offsetof(cudnn, get)},
    {"cudnnBackendExecute", offsetof(cudnn, execute)},
};

status cudnn_open(cudnn **out)
{
    *out = NULL;
    cudnn *lib = heap_array(1, sizeof *lib);
    if (!lib) return STATUS_MEMORY;
    status opened = library_open("libcudnn.so.9", "cuDNN 9", symbols,
                                 (int)(sizeof symbols / sizeof *symbols), lib, &lib->library);
    if (opened == STATUS_OK && lib->version() / 10000 != CUDNN_MAJOR)
        opened = fail(STATUS_DEVICE, "cuDNN %d is needed, libcudnn.so.9 says it is %zu",
                      CUDNN_MAJOR, lib->version());
    if (opened != STATUS_OK) {
        cudnn_close(lib);
        return opened;
    }
    *out = lib;
    return STATUS_OK;
}

void cudnn_close(void *opened)
{
    cudnn *lib = opened;
    if (lib->release_kept) lib->release_kept(lib);
    if (lib->handle) (void)lib->destroy(lib->handle);
    library_close(lib->library);
    free(lib);
}

status cudnn_check(const cudnn *lib, cudnnStatus_t code, const char *doing)
{
    if (code == CUDNN_STATUS_SUCCESS) return STATUS_OK;
    char words[512] = "";
    lib->last_error(words, sizeof words);
    return fail(code == CUDNN_STATUS_ALLOC_FAILED ? STATUS_MEMORY : STATUS_DEVICE,
                "cuDNN: %s failed: %s%s%s", doing, lib->error_string(code), *words ? ": " : "",
                words);
}

status cudnn_library_of(cuda_device *d, cudnn **out)
{
    cuda_library *kept = &d->libraries[CUDA_LIBRARY_CUDNN];
    if (!kept->opened) {
        cudnn *lib = NULL;
        TRY(cuda_library_check(kept));
        TRY(cuda_library_opened(kept, cudnn_open(&lib)));
        kept->opened = lib;
        kept->close = cudnn_close;
    }
    *out = kept->opened;
    return STATUS_OK;
}

status cudnn_of(cuda_device *d, cudnn **out)
{
    TRY(cudnn_library_of(d, out));
    cudnn *lib = *out;
    if (lib->handle) return STATUS_OK;
    cuda_library *kept = &d->libraries[CUDA_LIBRARY_CUDNN];
    TRY(cuda_library_check(kept));
    status created = cudnn_check(lib, lib->create(&lib->handle), "creating a handle");
    if (created != STATUS_OK) lib->handle = NULL;
    return cuda_library_opened(kept, created);
}
