/* TF.js weights: the manifest in model.json says which tensors lie one after another in which
 * shards. A tensor may run over the end of a shard.
 */
#include <stdlib.h>
#include <string.h>

#include "loader/file_read.h"
#include "loader/limits.h"
#include "loader/names.h"
#include "loader/tfjs/tensor.h"

/* A group of the manifest while it is read. */
typedef struct group {
    const cJSON *paths, *weights;
    size_t size;          /* of all shards together */
    unsigned char *bytes; /* on the heap */
} group;

/* Tensors must fill their shards exactly. */
static status check_sizes(const group *g)
{
    size_t claimed = 0, size;
    const cJSON *entry;
    tfjs_weight w = {.name = NULL};
    tfjs_storage s;
    cJSON_ArrayForEach(entry, g->weights)
    {
        TRY(tfjs_read_entry(entry, &w, &s, &size));
        if (size > g->size - claimed)
            return fail(STATUS_MODEL,
                        "tensor \"%s\" has %zu bytes, but its shards end after %zu of them",
                        name_show(w.name).text, size, g->size - claimed);
        claimed += size;
    }
    if (claimed != g->size)
        return fail(STATUS_MODEL,
                    "shards of %zu bytes from \"%s\" on, but the tensors fill only %zu", g->size,
                    name_show(cJSON_GetStringValue(cJSON_GetArrayItem(g->paths, 0))).text, claimed);
    return STATUS_OK;
}

/* Relative, of plain parts: no "", ".", "..", nor a separator or drive of another system. */
static int stays_inside(const char *shard)
{
    for (const char *part = shard;; part++) {
        size_t length = strcspn(part, "/");
        if (length == 0 || (length == 1 && part[0] == '.') ||
            (length == 2 && part[0] == '.' && part[1] == '.'))
            return 0;
        if (memchr(part, '\\', length) || memchr(part, ':', length)) return 0;
        part += length;
        if (!*part) return 1;
    }
}

/* The path of a shard in the folder of model.json. */
static status shard_path(const tfjs_model *m, const cJSON *item, const char **out)
{
    const char *shard = cJSON_GetStringValue(item);
    if (!shard) return fail(STATUS_MODEL, "a shard's path is no text");
    if (!stays_inside(shard))
        return fail(STATUS_MODEL, "shard \"%s\" would lie outside the model's folder",
                    name_show(shard).text);
    const char *slash = strrchr(m->path, '/');
    int folder = slash ? (int)(slash - m->path) + 1 : 0;
    *out = pool_format(m->pool, "%.*s%s", folder, m->path, shard);
    return *out ? STATUS_OK : STATUS_MEMORY;
}

/* Finds g->size; *total grows by it. One file may be a shard of many groups, so that a small folder
 * could ask for any memory: all groups together have a limit. */
static status check_shards(tfjs_model *m, group *g, int64_t *total)
{
    const cJSON *item;
    const char *path;
    int64_t size;
    cJSON_ArrayForEach(item, g->paths)
    {
        TRY(shard_path(m, item, &path));
        TRY(file_size(path, &size));
        if (size > LIMIT_FILE_BYTES - *total)
            return fail(STATUS_MODEL, "shards of more than %lld bytes",
                        (long long)LIMIT_FILE_BYTES);
        *total += size;
        g->size += (size_t)size;
    }
    return check_sizes(g);
}

static status read_shards(tfjs_model *m, group *g)
{
    const cJSON *item;
    const char *path;
    int64_t size;
    size_t used = 0;
    g->bytes = heap_array(g->size, 1);
    if (!g->bytes) return STATUS_MEMORY;
    cJSON_ArrayForEach(item, g->paths)
    {
        TRY(shard_path(m, item, &path));
        TRY(file_size(path, &size));
        if (size > (int64_t)(g->size - used))
            return fail(STATUS_FILE, "%s: grew while it was read", path_show(path).text);
        TRY(file_read_part(path, 0, (size_t)size, g->bytes + used));
        used += (size_t)size;
    }
    if (used != g->size) return fail(STATUS_FILE, "a shard became shorter while it was read");
    return STATUS_OK;
}

static status unpack_group(tfjs_model *m, const group *g)
{
    size_t used = 0, size;
    const cJSON *entry;
    tfjs_storage s;
    cJSON_ArrayForEach(entry, g->weights)
    {
        tfjs_weight *w = &m->weights[m->weight_count];
        TRY(tfjs_read_entry(entry, w, &s, &size));
        status result = tfjs_unpack(&s, g->bytes + used, m->pool, &w->data);
        if (result != STATUS_OK)
            return fail(result, "tensor \"%s\": %s", name_show(w->name).text, fail_text());
        used += size;
        m->weight_count++;
    }
    return STATUS_OK;
}

static status check_group(tfjs_model *m, const cJSON *item, int64_t *total, group *g)
{
    *g = (group){.paths = tfjs_json_member(item, "paths"),
                 .weights = tfjs_json_member(item, "weights")};
    if (!cJSON_IsArray(g->paths) || !cJSON_IsArray(g->weights))
        return fail(STATUS_MODEL, "a group of the weights manifest has no paths or no weights");
    return check_shards(m, g, total);
}

static status read_group(tfjs_model *m, group *g)
{
    status s = read_shards(m, g);
    if (s == STATUS_OK) s = unpack_group(m, g);
    free(g->bytes);
    return s;
}

/* All sizes are checked before any shard is read. */
static status read_groups(tfjs_model *m, const cJSON *manifest)
{
    const cJSON *item;
    size_t count = (size_t)cJSON_GetArraySize(manifest), at = 0;
    int64_t total = 0;
    group *groups = pool_array(m->pool, count, sizeof *groups);
    if (!groups) return STATUS_MEMORY;
    cJSON_ArrayForEach(item, manifest) TRY(check_group(m, item, &total, &groups[at++]));
    for (size_t i = 0; i < count; i++) TRY(read_group(m, &groups[i]));
    return STATUS_OK;
}

status tfjs_read_weights(tfjs_model *m)
{
    const cJSON *manifest = tfjs_json_member(m->json, "weightsManifest"), *item;
    if (!cJSON_IsArray(manifest)) return fail(STATUS_MODEL, "it has no weightsManifest");
    size_t total = 0;
    cJSON_ArrayForEach(item, manifest) total +=
        (size_t)cJSON_GetArraySize(tfjs_json_member(item, "weights"));
    if (total > LIMIT_VALUES) return fail(STATUS_MODEL, "more than %d tensors", LIMIT_VALUES);
    m->weights = pool_array(m->pool, total, sizeof *m->weights);
    if (!m->weights) return STATUS_MEMORY;
    TRY(read_groups(m, manifest));
    for (int i = 0; i < m->weight_count; i++)
        TRY(tfjs_name(&m->weight_names, m->weights[i].name, i, "tensor"));
    return STATUS_OK;
}
