/* Graphs as TF.js graph models: JSON, manifest, shards. */
#include "loader/tfjs/write.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/file_write.h"
#include "loader/tfjs/write_node.h"

enum { SHARD_BYTES = 4 * 1024 * 1024 };

/* ---- JSON ---- */

static cJSON *add(tfjs_writer *w, cJSON *object, const char *key, cJSON *item)
{
    if (object && item && cJSON_AddItemToObject(object, key, item)) return item;
    cJSON_Delete(item);
    w->full = 1;
    return NULL;
}

static void append(tfjs_writer *w, cJSON *list, cJSON *item)
{
    if (list && item && cJSON_AddItemToArray(list, item)) return;
    cJSON_Delete(item);
    w->full = 1;
}

/* node.attr.key, made when it is first asked for. */
static cJSON *attribute(tfjs_writer *w, cJSON *node, const char *key)
{
    cJSON *attr = node ? cJSON_GetObjectItemCaseSensitive(node, "attr") : NULL;
    if (!attr) attr = add(w, node, "attr", cJSON_CreateObject());
    return add(w, attr, key, cJSON_CreateObject());
}

cJSON *tfjs_new_node(tfjs_writer *w, const char *op, const char *name, const char *const *inputs,
                     int count)
{
    cJSON *node = cJSON_CreateObject();
    add(w, node, "name", cJSON_CreateString(name));
    add(w, node, "op", cJSON_CreateString(op));
    if (count) {
        cJSON *list = add(w, node, "input", cJSON_CreateArray());
        for (int i = 0; i < count; i++) append(w, list, cJSON_CreateString(inputs[i]));
    }
    append(w, w->nodes, node);
    return w->full ? NULL : node;
}

void tfjs_set_type(tfjs_writer *w, cJSON *node, const char *key, const char *type)
{
    add(w, attribute(w, node, key), "type", cJSON_CreateString(type));
}

void tfjs_set_word(tfjs_writer *w, cJSON *node, const char *key, const char *word)
{
    static const char *const base64[][2] = {
        {"NHWC", "TkhXQw=="}, {"SAME", "U0FNRQ=="}, {"VALID", "VkFMSUQ="}};
    for (size_t i = 0; i < sizeof base64 / sizeof *base64; i++)
        if (!strcmp(word, base64[i][0]))
            add(w, attribute(w, node, key), "s", cJSON_CreateString(base64[i][1]));
}

/* Protobuf's JSON writes 64-bit integers as text. */
static cJSON *integer_text(tfjs_writer *w, int64_t value)
{
    char *text = pool_format(w->pool, "%lld", (long long)value);
    return text ? cJSON_CreateString(text) : NULL;
}

void tfjs_set_list(tfjs_writer *w, cJSON *node, const char *key, const int *list, int count)
{
    cJSON *entry = add(w, attribute(w, node, key), "list", cJSON_CreateObject());
    cJSON *numbers = add(w, entry, "i", cJSON_CreateArray());
    for (int i = 0; i < count; i++) append(w, numbers, integer_text(w, list[i]));
}

void tfjs_set_integer(tfjs_writer *w, cJSON *node, const char *key, int value)
{
    add(w, attribute(w, node, key), "i", integer_text(w, value));
}

void tfjs_set_real(tfjs_writer *w, cJSON *node, const char *key, double value)
{
    add(w, attribute(w, node, key), "f", cJSON_CreateNumber(value));
}

static void set_shape(tfjs_writer *w, cJSON *parent, const char *key, int rank, const int64_t *dims)
{
    cJSON *list = add(w, add(w, parent, key, cJSON_CreateObject()), "dim", cJSON_CreateArray());
    for (int i = 0; i < rank; i++) {
        cJSON *dim = cJSON_CreateObject();
        add(w, dim, "size", integer_text(w, dims[i]));
        append(w, list, dim);
    }
}

/* ---- constants ---- */

status tfjs_write_constant(tfjs_writer *w, const char *name, const constant *c)
{
    for (size_t i = 0; i < w->tensor_count; i++)
        if (w->tensors[i].name == name) return STATUS_OK; /* shared, and there already */
    TRY(heap_grow((void **)&w->tensors, &w->tensor_capacity, w->tensor_count + 1,
                  sizeof *w->tensors));
    w->tensors[w->tensor_count++] = (tfjs_tensor){.name = name, .data = *c};
    const char *type = c->type == ELEMENT_REAL ? "DT_FLOAT" : "DT_INT32";
    cJSON *node = tfjs_new_node(w, "Const", name, NULL, 0);
    tfjs_set_type(w, node, "dtype", type);
    cJSON *tensor = add(w, attribute(w, node, "value"), "tensor", cJSON_CreateObject());
    add(w, tensor, "dtype", cJSON_CreateString(type));
    set_shape(w, tensor, "tensorShape", c->rank, c->dims);
    return STATUS_OK;
}

status tfjs_write_integers(tfjs_writer *w, const char *prefix, const char *suffix, int rank,
                           const int *list, int count, const char **name)
{
    int64_t *copy = pool_array(w->pool, (size_t)count, sizeof *copy);
    *name = pool_format(w->pool, "%s/%s", prefix, suffix);
    if (!copy || !*name) return STATUS_MEMORY;
    for (int i = 0; i < count; i++) copy[i] = list[i];
    constant c = {.type = ELEMENT_INTEGER, .rank = rank, .count = count, .integers = copy};
    c.dims[0] = rank == 2 ? count / 2 : count;
    c.dims[1] = 2;
    return tfjs_write_constant(w, *name, &c);
}

/* ---- shards ---- */

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

static void describe_tensor(tfjs_writer *w, const tfjs_tensor *t, int bytes, cJSON *list)
{
    cJSON *entry = cJSON_CreateObject();
    add(w, entry, "name", cJSON_CreateString(t->name));
    cJSON *shape = add(w, entry, "shape", cJSON_CreateArray());
    for (int i = 0; i < t->data.rank; i++)
        append(w, shape, cJSON_CreateNumber((double)t->data.dims[i]));
    int real = t->data.type == ELEMENT_REAL;
    add(w, entry, "dtype", cJSON_CreateString(real ? "float32" : "int32"));
    if (real && bytes < 4) {
        quantisation q = quantise(&t->data, bytes);
        cJSON *how = add(w, entry, "quantization", cJSON_CreateObject());
        add(w, how, "min", cJSON_CreateNumber(q.min));
        add(w, how, "scale", cJSON_CreateNumber(q.scale));
        add(w, how, "dtype", cJSON_CreateString(bytes == 1 ? "uint8" : "uint16"));
    }
    append(w, list, entry);
}

static status write_bytes(const char *path, const void *bytes, size_t size)
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
        append(w, paths, cJSON_CreateString(name));
        TRY(write_bytes(full, data + from, rest < SHARD_BYTES ? rest : SHARD_BYTES));
    }
    return STATUS_OK;
}

static status write_weights(tfjs_writer *w, const char *path, int bytes, cJSON *json)
{
    cJSON *group = cJSON_CreateObject();
    append(w, add(w, json, "weightsManifest", cJSON_CreateArray()), group);
    if (w->full) return fail(STATUS_MEMORY, "out of memory");
    cJSON *paths = add(w, group, "paths", cJSON_CreateArray());
    cJSON *list = add(w, group, "weights", cJSON_CreateArray());
    size_t size = 0, used = 0;
    for (size_t i = 0; i < w->tensor_count; i++) {
        const constant *c = &w->tensors[i].data;
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

/* ---- topology ---- */

/* Transposes at the edges go: both their ends are one TensorFlow node. It has the name of the
 * graph's input or output, whichever end that is. */
static status name_values(tfjs_writer *w)
{
    const graph *g = w->g;
    for (size_t i = 0; i < g->value_count; i++) w->names[i] = g->values[i].name;
    for (size_t i = 0; i < g->input_count; i++) w->nhwc[g->inputs[i]] = 1;
    for (size_t i = 0; i < g->node_count; i++) {
        const node *n = &g->nodes[i];
        int from = n->inputs[0], to = n->outputs[0];
        w->nhwc[to] = w->nhwc[from];
        if (n->op != GRAPH_TRANSPOSE) continue;
        w->nhwc[to] = !w->nhwc[from];
        if (w->nhwc[from])
            w->names[to] = w->names[from];
        else
            w->names[from] = w->names[to];
    }
    for (size_t i = 0; i < g->output_count; i++)
        if (!w->nhwc[g->outputs[i]])
            return fail(STATUS_UNSUPPORTED, "output '%s' is not NHWC", w->names[g->outputs[i]]);
    return STATUS_OK;
}

static status write_topology(tfjs_writer *w, cJSON *json)
{
    const graph *g = w->g;
    w->names = pool_array(w->pool, g->value_count, sizeof *w->names);
    w->nhwc = pool_array(w->pool, g->value_count, sizeof *w->nhwc);
    if (!w->names || !w->nhwc) return STATUS_MEMORY;
    TRY(name_values(w));
    w->nodes =
        add(w, add(w, json, "modelTopology", cJSON_CreateObject()), "node", cJSON_CreateArray());
    for (size_t i = 0; i < g->input_count; i++) {
        const value *v = &g->values[g->inputs[i]];
        cJSON *node = tfjs_new_node(w, "Placeholder", w->names[g->inputs[i]], NULL, 0);
        tfjs_set_type(w, node, "dtype", "DT_FLOAT");
        set_shape(w, attribute(w, node, "shape"), "shape", v->rank, v->dims);
    }
    for (size_t i = 0; i < g->node_count; i++) TRY(tfjs_write_node(w, &g->nodes[i]));
    return STATUS_OK;
}

static status write_model(tfjs_writer *w, const char *path, int bytes, cJSON *json)
{
    add(w, json, "format", cJSON_CreateString("graph-model"));
    add(w, json, "generatedBy", cJSON_CreateString("posenet"));
    TRY(write_topology(w, json));
    TRY(write_weights(w, path, bytes, json));
    char *text = w->full ? NULL : cJSON_PrintUnformatted(json);
    if (!text) return fail(STATUS_MEMORY, "out of memory");
    status s = write_bytes(path, text, strlen(text));
    cJSON_free(text);
    return s;
}

status tfjs_write_file(const graph *g, const char *path, int bytes)
{
    if (bytes != 1 && bytes != 2 && bytes != 4)
        return fail(STATUS_ARGUMENT, "weights of %d bytes: they take 1, 2 or 4", bytes);
    tfjs_writer w = {.g = g};
    TRY(pool_new(&w.pool));
    cJSON *json = cJSON_CreateObject();
    status s = json ? write_model(&w, path, bytes, json) : fail(STATUS_MEMORY, "out of memory");
    cJSON_Delete(json);
    free(w.tensors);
    pool_free(&w.pool);
    return s;
}
