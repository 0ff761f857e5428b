/* TF.js weights: the manifest in model.json says which tensors lie one after another in which
 * shards. A tensor may run over the end of a shard.
 *
 * Quantised weights are q * scale + min, in double, rounded once to float, as TF.js computes them:
 * in float arithmetic the heads drift by 0.1 pixels.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "loader/file_read.h"
#include "loader/half.h"
#include "loader/limits.h"
#include "loader/names.h"
#include "loader/tfjs/model.h"

/* How the numbers of a tensor lie in its shard. */
typedef enum storage_kind {
    STORED_FLOAT32,
    STORED_FLOAT16,
    STORED_INT32,
    STORED_UINT8,
    STORED_UINT16
} storage_kind;

typedef struct storage {
    storage_kind kind;
    int64_t bytes; /* of one element */
    double scale, min;
    int quantised;
} storage;

/* A group of the manifest while it is read. */
typedef struct group {
    const cJSON *paths, *weights;
    size_t size;          /* of all shards together */
    unsigned char *bytes; /* on the heap */
} group;

static const cJSON *member(const cJSON *object, const char *key)
{
    return object ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
}

static status finite_member(const cJSON *object, const char *key, double *out)
{
    const cJSON *number = member(object, key);
    if (!cJSON_IsNumber(number) || !isfinite(number->valuedouble))
        return fail(STATUS_MODEL, "its quantization has no number '%s'", key);
    *out = number->valuedouble;
    return STATUS_OK;
}

static status read_storage(const cJSON *entry, element *type, storage *out)
{
    const char *dtype = tfjs_json_text(entry, "dtype");
    const cJSON *quantization = member(entry, "quantization");
    const char *packed = quantization ? tfjs_json_text(quantization, "dtype") : NULL;
    if (!dtype) return fail(STATUS_MODEL, "it has no dtype");
    int real = !strcmp(dtype, "float32");
    if (!real && strcmp(dtype, "int32") != 0)
        return fail(STATUS_UNSUPPORTED, "its dtype is '%s', not float32 or int32",
                    name_show(dtype).text);
    *type = real ? ELEMENT_REAL : ELEMENT_INTEGER;
    *out = (storage){.kind = real ? STORED_FLOAT32 : STORED_INT32, .bytes = 4};
    if (!quantization) return STATUS_OK;

    if (!packed) return fail(STATUS_MODEL, "its quantization has no dtype");
    if (real && !strcmp(packed, "float16")) {
        *out = (storage){.kind = STORED_FLOAT16, .bytes = 2};
        return STATUS_OK;
    }
    if (!strcmp(packed, "uint8"))
        *out = (storage){.kind = STORED_UINT8, .bytes = 1};
    else if (!strcmp(packed, "uint16"))
        *out = (storage){.kind = STORED_UINT16, .bytes = 2};
    else
        return fail(STATUS_UNSUPPORTED, "it is quantised to '%s', not uint8, uint16 or float16",
                    name_show(packed).text);
    out->quantised = 1;
    TRY(finite_member(quantization, "scale", &out->scale));
    return finite_member(quantization, "min", &out->min);
}

static status read_dims(const cJSON *entry, constant *c)
{
    const cJSON *shape = member(entry, "shape"), *item;
    if (!cJSON_IsArray(shape)) return fail(STATUS_MODEL, "it has no shape");
    c->rank = 0;
    cJSON_ArrayForEach(item, shape)
    {
        if (c->rank == GRAPH_MAX_RANK)
            return fail(STATUS_UNSUPPORTED, "it has more than %d dimensions", GRAPH_MAX_RANK);
        if (!tfjs_json_integer(item, &c->dims[c->rank++]))
            return fail(STATUS_MODEL, "dimension %d of its shape is no size", c->rank - 1);
    }
    return graph_element_count(c->dims, c->rank, "its shape", &c->count);
}

static uint32_t word_at(const unsigned char *b)
{
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static double stored_number(const storage *s, const unsigned char *b)
{
    double q = s->kind == STORED_UINT8 ? b[0] : (double)(b[0] | b[1] << 8);
    return q * s->scale + s->min;
}

static void unpack_reals(const storage *s, const unsigned char *b, int64_t count, float *out)
{
    for (int64_t i = 0; i < count; i++, b += s->bytes) {
        if (s->quantised) {
            out[i] = (float)stored_number(s, b);
        } else if (s->kind == STORED_FLOAT16) {
            out[i] = half_to_float((uint16_t)(b[0] | b[1] << 8));
        } else {
            uint32_t bits = word_at(b);
            memcpy(&out[i], &bits, sizeof bits);
        }
    }
}

static status unpack_integers(const storage *s, const unsigned char *b, int64_t count, int64_t *out)
{
    for (int64_t i = 0; i < count; i++, b += s->bytes) {
        if (!s->quantised) {
            uint32_t bits = word_at(b);
            out[i] = bits < 0x80000000u ? (int64_t)bits : (int64_t)bits - 0x100000000LL;
            continue;
        }
        double number = floor(stored_number(s, b) + 0.5); /* JavaScript's Math.round */
        if (!(fabs(number) <= 2147483648.0))
            return fail(STATUS_MODEL, "element %lld is outside int32", (long long)i);
        out[i] = (int64_t)number;
    }
    return STATUS_OK;
}

static status unpack(const storage *s, const unsigned char *b, pool *p, constant *c)
{
    if (c->type == ELEMENT_REAL) {
        float *reals = pool_array(p, (size_t)c->count, sizeof *reals);
        if (!reals) return STATUS_MEMORY;
        unpack_reals(s, b, c->count, reals);
        c->reals = reals;
        return STATUS_OK;
    }
    int64_t *integers = pool_array(p, (size_t)c->count, sizeof *integers);
    if (!integers) return STATUS_MEMORY;
    c->integers = integers;
    return unpack_integers(s, b, c->count, integers);
}

/* Bytes of one entry of the manifest, and everything about it but its numbers. */
static status read_entry(const cJSON *entry, tfjs_weight *w, storage *s, size_t *size)
{
    w->name = tfjs_json_text(entry, "name");
    if (!w->name) return fail(STATUS_MODEL, "a tensor of the weights manifest has no name");
    status result = read_storage(entry, &w->data.type, s);
    if (result == STATUS_OK) result = read_dims(entry, &w->data);
    if (result != STATUS_OK)
        return fail(result, "tensor '%s': %s", name_show(w->name).text, fail_text());
    *size = (size_t)(w->data.count * s->bytes); /* at most 2^31 elements of 4 bytes */
    return STATUS_OK;
}

/* Tensors must fill their shards exactly. */
static status check_sizes(const group *g)
{
    size_t claimed = 0, size;
    const cJSON *entry;
    tfjs_weight w = {.name = NULL};
    storage s;
    cJSON_ArrayForEach(entry, g->weights)
    {
        TRY(read_entry(entry, &w, &s, &size));
        if (size > g->size - claimed)
            return fail(STATUS_MODEL,
                        "tensor '%s' has %zu bytes, but its shards end after %zu of them",
                        name_show(w.name).text, size, g->size - claimed);
        claimed += size;
    }
    if (claimed != g->size)
        return fail(STATUS_MODEL, "shards of %zu bytes from '%s' on, but the tensors fill only %zu",
                    g->size, name_show(cJSON_GetStringValue(cJSON_GetArrayItem(g->paths, 0))).text,
                    claimed);
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
        return fail(STATUS_MODEL, "shard '%s' would lie outside the model's folder",
                    name_show(shard).text);
    const char *slash = strrchr(m->path, '/');
    int folder = slash ? (int)(slash - m->path) + 1 : 0;
    *out = pool_format(m->pool, "%.*s%s", folder, m->path, shard);
    return *out ? STATUS_OK : STATUS_MEMORY;
}

static status check_shards(tfjs_model *m, group *g)
{
    const cJSON *item;
    const char *path;
    int64_t size;
    g->size = 0;
    cJSON_ArrayForEach(item, g->paths)
    {
        TRY(shard_path(m, item, &path));
        TRY(file_size(path, &size));
        if (size > LIMIT_FILE_BYTES - (int64_t)g->size)
            return fail(STATUS_MODEL, "shards of more than %lld bytes",
                        (long long)LIMIT_FILE_BYTES);
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
            return fail(STATUS_FILE, "%s: grew while it was read", path);
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
    storage s;
    cJSON_ArrayForEach(entry, g->weights)
    {
        tfjs_weight *w = &m->weights[m->weight_count];
        TRY(read_entry(entry, w, &s, &size));
        status result = unpack(&s, g->bytes + used, m->pool, &w->data);
        if (result != STATUS_OK)
            return fail(result, "tensor '%s': %s", name_show(w->name).text, fail_text());
        used += size;
        m->weight_count++;
    }
    return STATUS_OK;
}

static status read_group(tfjs_model *m, const cJSON *item)
{
    group g = {.paths = member(item, "paths"), .weights = member(item, "weights")};
    if (!cJSON_IsArray(g.paths) || !cJSON_IsArray(g.weights))
        return fail(STATUS_MODEL, "a group of the weights manifest has no paths or no weights");
    TRY(check_shards(m, &g));
    status s = read_shards(m, &g);
    if (s == STATUS_OK) s = unpack_group(m, &g);
    free(g.bytes);
    return s;
}

status tfjs_read_weights(tfjs_model *m)
{
    const cJSON *manifest = member(m->json, "weightsManifest"), *item;
    if (!cJSON_IsArray(manifest)) return fail(STATUS_MODEL, "it has no weightsManifest");
    size_t total = 0;
    cJSON_ArrayForEach(item, manifest) total += (size_t)cJSON_GetArraySize(member(item, "weights"));
    if (total > LIMIT_VALUES) return fail(STATUS_MODEL, "more than %d tensors", LIMIT_VALUES);
    m->weights = pool_array(m->pool, total, sizeof *m->weights);
    if (!m->weights) return STATUS_MEMORY;
    cJSON_ArrayForEach(item, manifest) TRY(read_group(m, item));
    for (int i = 0; i < m->weight_count; i++)
        TRY(tfjs_name(&m->weight_names, m->weights[i].name, i, "tensor"));
    return STATUS_OK;
}
