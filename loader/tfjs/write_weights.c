/* The weights of a TF.js model: quantised if so wished, in shards, and the manifest that lists
 * them.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/file_write.h"
#include "loader/names.h"
#include "loader/tfjs/write_node.h"

enum { SHARD_BYTES = 4 * 1024 * 1024 };

/* ---- quantisation ---------------------------------------------------------------------------- */

/* Evenly between the smallest and the largest number, moved so that zero is one of the steps. */
typedef struct quantisation {
    double scale, min;
    int steps;
} quantisation;

static quantisation quantise(const constant *c, int bytes)
{
    quantisation q = {.scale = 1, .steps = bytes == 1 ? 255 : 65535};
    double low = 0, high = 0;
    for (int64_t i = 0; i < c->count; i++) {
        if ((double)c->reals[i] < low) low = c->reals[i];
        if ((double)c->reals[i] > high) high = c->reals[i];
    }
    if (high > low) q.scale = (high - low) / q.steps;
    q.min = -floor(-low / q.scale + 0.5) * q.scale;
    return q;
}

static status check_finite(const tfjs_tensor *t)
{
    for (int64_t i = 0; i < t->data.count; i++)
        if (!isfinite(t->data.reals[i]))
            return fail(STATUS_UNSUPPORTED, "constant \"%s\" holds %g, which no step stands for",
                        name_show(t->name).text, (double)t->data.reals[i]);
    return STATUS_OK;
}

static void store(unsigned char *out, uint32_t bits, int bytes)
{
    for (int i = 0; i < bytes; i++) out[i] = (unsigned char)(bits >> (8 * i));
}

static int stored_bytes(const constant *c, int bytes)
{
    return c->type == ELEMENT_REAL ? bytes : 4;
}

static void pack_tensor(const constant *c, int bytes, unsigned char *out)
{
    int size = stored_bytes(c, bytes);
    quantisation q = {.scale = 1};
    if (size < 4) q = quantise(c, bytes);
    for (int64_t i = 0; i < c->count; i++, out += size) {
        uint32_t bits;
        if (c->type == ELEMENT_INTEGER) {
            bits = (uint32_t)c->integers[i];
        } else if (size == 4) {
            memcpy(&bits, &c->reals[i], sizeof bits);
        } else {
            double step = floor(((double)c->reals[i] - q.min) / q.scale + 0.5);
            bits = step < 0 ? 0 : step > q.steps ? (uint32_t)q.steps : (uint32_t)step;
        }
        store(out, bits, size);
    }
}

/* ---- manifest and shards --------------------------------------------------------------------- */

static void describe_tensor(tfjs_writer *w, const tfjs_tensor *t, int bytes, cJSON *list)
{
    cJSON *entry = cJSON_CreateObject();
    tfjs_json_put(w, entry, "name", cJSON_CreateString(t->name));
    cJSON *shape = tfjs_json_put(w, entry, "shape", cJSON_CreateArray());
    for (int i = 0; i < t->data.rank; i++)
        tfjs_json_append(w, shape, cJSON_CreateNumber((double)t->data.dims[i]));
    int real = t->data.type == ELEMENT_REAL;
    tfjs_json_put(w, entry, "dtype", cJSON_CreateString(real ? "float32" : "int32"));
    if (real && bytes < 4) {
        quantisation q = quantise(&t->data, bytes);
        cJSON *how = tfjs_json_put(w, entry, "quantization", cJSON_CreateObject());
        tfjs_json_put(w, how, "min", cJSON_CreateNumber(q.min));
        tfjs_json_put(w, how, "scale", cJSON_CreateNumber(q.scale));
        tfjs_json_put(w, how, "dtype", cJSON_CreateString(bytes == 1 ? "uint8" : "uint16"));
    }
    tfjs_json_append(w, list, entry);
}

status tfjs_write_bytes(const char *path, const void *bytes, size_t size)
{
    file_writer f;
    TRY(file_write_begin(&f, path, 0666));
    return file_write_end(&f, file_write(&f, bytes, size));
}

static status write_shards(tfjs_writer *w, const char *path, const unsigned char *data, size_t size,
                           cJSON *paths)
{
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    size_t count = size ? (size + SHARD_BYTES - 1) / SHARD_BYTES : 1;
    for (size_t i = 0; i < count; i++) {
        char *name = pool_format(w->pool, "group1-shard%zuof%zu.bin", i + 1, count);
        char *full = name ? pool_format(w->pool, "%.*s%s", folder, path, name) : NULL;
        if (!full) return STATUS_MEMORY;
        /* The names are TF.js's own: beside another model's JSON they would take its weights. */
        if (access(full, F_OK) == 0 && access(path, F_OK) != 0)
            return fail(STATUS_ARGUMENT,
                        "%s: belongs to another model: give %s a folder of its own", full, path);
        size_t from = i * SHARD_BYTES, rest = size - from;
        tfjs_json_append(w, paths, cJSON_CreateString(name));
        TRY(tfjs_write_bytes(full, data + from, rest < SHARD_BYTES ? rest : SHARD_BYTES));
    }
    return STATUS_OK;
}

status tfjs_write_weights(tfjs_writer *w, const char *path, int bytes, cJSON *json)
{
    cJSON *group = cJSON_CreateObject();
    tfjs_json_append(w, tfjs_json_put(w, json, "weightsManifest", cJSON_CreateArray()), group);
    if (w->result != STATUS_OK) return w->result;
    cJSON *paths = tfjs_json_put(w, group, "paths", cJSON_CreateArray());
    cJSON *list = tfjs_json_put(w, group, "weights", cJSON_CreateArray());
    size_t size = 0, used = 0;
    for (size_t i = 0; i < w->tensor_count; i++) {
        const constant *c = &w->tensors[i].data;
        if (stored_bytes(c, bytes) < 4) TRY(check_finite(&w->tensors[i]));
        size += (size_t)c->count * (size_t)stored_bytes(c, bytes);
        describe_tensor(w, &w->tensors[i], bytes, list);
    }
    unsigned char *data = heap_array(size, 1);
    if (!data) return STATUS_MEMORY;
    for (size_t i = 0; i < w->tensor_count; i++) {
        const constant *c = &w->tensors[i].data;
        pack_tensor(c, bytes, data + used);
        used += (size_t)c->count * (size_t)stored_bytes(c, bytes);
    }
    status s = write_shards(w, path, data, size, paths);
    free(data);
    return s;
}
