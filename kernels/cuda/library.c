/* Vendor libraries through the system's loader. */
#include "kernels/cuda/library.h"

#include <dlfcn.h>
#include <string.h>

status library_open(const char *file, const char *title, const library_symbol *symbols, int count,
                    void *table, void **out)
{
    *out = NULL;
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return fail(STATUS_DEVICE, "%s is needed and was not found: %s", title, dlerror());
    for (int i = 0; i < count; i++) {
        void *function = dlsym(library, symbols[i].name);
        if (!function) {
            dlclose(library);
            return fail(STATUS_DEVICE, "%s: %s has no function %s", title, file, symbols[i].name);
        }
        memcpy((char *)table + symbols[i].offset, &function, sizeof function);
    }
    *out = library;
    return STATUS_OK;
}

void library_close(void *library)
{
    if (library) dlclose(library);
}
