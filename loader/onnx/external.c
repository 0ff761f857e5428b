/* ONNX's external data: a tensor's elements in another file of the model's folder. */
#define _XOPEN_SOURCE 700 /* realpath, which POSIX counts among its extensions */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/pool.h"
#include "loader/file_read.h"
#include "loader/limits.h"
#include "loader/names.h"
#include "loader/onnx/tensor.h"

/* The value of a key, or NULL. Of two the first counts. */
static const char *entry(const Onnx__TensorProto *t, const char *key)
{
    for (size_t i = 0; i < t->n_external_data; i++) {
        const Onnx__StringStringEntryProto *e = t->external_data[i];
        if (e->key && e->value && strcmp(e->key, key) == 0) return e->value;
    }
    return NULL;
}

/* A whole number of bytes in decimal digits. */
static status entry_bytes(const Onnx__TensorProto *t, const char *key, int64_t fallback,
                          const char *what, int64_t *out)
{
    *out = fallback;
    const char *text = entry(t, key);
    if (!text) return STATUS_OK;
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno)
        return fail(STATUS_MODEL, "%s: its external data's %s is \"%s\", no number of bytes", what,
                    key, name_show(text).text);
    *out = number;
    return STATUS_OK;
}

static int leaves_folder(const char *location)
{
    if (location[0] == '/') return 1;
    for (const char *part = location; part; part = strchr(part, '/')) {
        part += *part == '/';
        size_t length = strcspn(part, "/");
        if (length == 2 && part[0] == '.' && part[1] == '.') return 1;
    }
    return 0;
}

/* "folder of model_path" / location in *out (release with free()). */
static status join(const char *model_path, const char *location, char **out)
{
    const char *slash = strrchr(model_path, '/');
    size_t folder = slash ? (size_t)(slash - model_path) + 1 : 0;
    size_t length = strlen(location);
    char *path = heap_array(folder + length + 3, 1);
    if (!path) return STATUS_MEMORY;
    if (folder == 0)
        memcpy(path, "./", folder = 2);
    else
        memcpy(path, model_path, folder);
    memcpy(path + folder, location, length);
    *out = path;
    return STATUS_OK;
}

/* Whether `path` still lies under `folder` once symbolic links are followed; both exist. */
static status check_inside(const char *folder, const char *path, const char *what)
{
    char *real_folder = realpath(folder, NULL);
    char *real_path = realpath(path, NULL);
    status s = STATUS_OK;
    if (!real_folder || !real_path) {
        s = fail(STATUS_FILE, "%s: its external data %s cannot be opened: %s", what,
                 path_show(path).text, strerror(errno));
    } else {
        size_t length = strlen(real_folder);
        while (length && real_folder[length - 1] == '/') length--;
        if (strncmp(real_folder, real_path, length) != 0 || real_path[length] != '/')
            s = fail(STATUS_MODEL, "%s: its external data %s is a link out of the model's folder",
                     what, path_show(path).text);
    }
    free(real_folder);
    free(real_path);
    return s;
}

/* The part of a file in *bytes; the file's size is checked before room is made. */
static status read_part(const char *path, int64_t offset, size_t size, unsigned char **bytes)
{
    int64_t whole = 0;
    TRY(file_size(path, &whole));
    if (offset > whole || (uint64_t)(whole - offset) < size)
        return fail(STATUS_MODEL, "%s: %zu bytes from %lld on are beyond its end, at %lld",
                    path_show(path).text, size, (long long)offset, (long long)whole);
    *bytes = heap_array(size, 1);
    if (!*bytes) return STATUS_MEMORY;
    return file_read_part(path, offset, size, *bytes);
}

static status read_inside(const onnx_data *data, const char *location, const char *what,
                          int64_t offset, size_t size, unsigned char **bytes)
{
    char *folder = NULL, *path = NULL;
    status s = join(data->model_path, "", &folder);
    if (s == STATUS_OK) s = join(data->model_path, location, &path);
    if (s == STATUS_OK) s = check_inside(folder, path, what);
    if (s == STATUS_OK) {
        s = read_part(path, offset, size, bytes);
        if (s != STATUS_OK) s = fail_in(s, what);
    }
    free(folder);
    free(path);
    return s;
}

status onnx_external_read(onnx_data *data, const Onnx__TensorProto *t, size_t size,
                          const char *what, unsigned char **bytes)
{
    *bytes = NULL;
    const char *location = entry(t, "location");
    int64_t offset = 0, length = 0;
    if (!location || !*location)
        return fail(STATUS_MODEL, "%s: its external data has no location", what);
    TRY(entry_bytes(t, "offset", 0, what, &offset));
    TRY(entry_bytes(t, "length", (int64_t)size, what, &length));
    if ((uint64_t)length != size)
        return fail(STATUS_MODEL,
                    "%s: its external data has %lld bytes, its dims and type need %zu", what,
                    (long long)length, size);
    if (leaves_folder(location))
        return fail(STATUS_MODEL, "%s: its external data \"%s\" lies outside the model's folder",
                    what, name_show(location).text);
    data->external_bytes += length;
    if (data->external_bytes > LIMIT_FILE_BYTES)
        return fail(STATUS_MODEL, "%s: the model's external data are more than %lld bytes", what,
                    (long long)LIMIT_FILE_BYTES);
    status s = read_inside(data, location, what, offset, size, bytes);
    if (s == STATUS_OK) return STATUS_OK;
    free(*bytes);
    *bytes = NULL;
    return s;
}
