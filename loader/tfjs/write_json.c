/* Nodes of a TF.js topology, constants among them, as JSON. */
#include <string.h>

#include "loader/names.h"
#include "loader/tfjs/write_node.h"

/* ---- JSON ------------------------------------------------------------------------------------ */

static void run_out(tfjs_writer *w)
{
    if (w->result == STATUS_OK) w->result = fail(STATUS_MEMORY, "out of memory");
}

cJSON *tfjs_json_put(tfjs_writer *w, cJSON *object, const char *key, cJSON *item)
{
    if (object && item && cJSON_AddItemToObject(object, key, item)) return item;
    cJSON_Delete(item);
    run_out(w);
    return NULL;
}

void tfjs_json_append(tfjs_writer *w, cJSON *list, cJSON *item)
{
    if (list && item && cJSON_AddItemToArray(list, item)) return;
    cJSON_Delete(item);
    run_out(w);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/* A node's name is not taken, and means nothing else where another node reads it. */
static status take_name(tfjs_writer *w, const char *name)
{
    if (!*name || *name == '^' || strchr(name, ':'))
        return fail(STATUS_UNSUPPORTED, "TensorFlow has no node named \"%s\"",
                    name_show(name).text);
    if (name_table_find(&w->taken, name, 0))
        return fail(STATUS_UNSUPPORTED, "two nodes would be named \"%s\"", name_show(name).text);
    return name_table_add(&w->taken, name, 1);
}

cJSON *tfjs_new_node(tfjs_writer *w, const char *op, const char *name, const char *const *inputs,
                     int count)
{
    if (w->result == STATUS_OK) w->result = take_name(w, name);
    if (w->result != STATUS_OK) return NULL;
    cJSON *node = cJSON_CreateObject();
    tfjs_json_put(w, node, "name", cJSON_CreateString(name));
    tfjs_json_put(w, node, "op", cJSON_CreateString(op));
    if (count) {
        cJSON *list = tfjs_json_put(w, node, "input", cJSON_CreateArray());
        for (int i = 0; i < count; i++) tfjs_json_append(w, list, cJSON_CreateString(inputs[i]));
    }
    tfjs_json_append(w, w->nodes, node);
    return w->result == STATUS_OK ? node : NULL;
}

/* node.attr.key, made when it is first asked for. */
static cJSON *attribute(tfjs_writer *w, cJSON *node, const char *key)
{
    cJSON *attr = node ? cJSON_GetObjectItemCaseSensitive(node, "attr") : NULL;
    if (!attr) attr = tfjs_json_put(w, node, "attr", cJSON_CreateObject());
    return tfjs_json_put(w, attr, key, cJSON_CreateObject());
}

void tfjs_set_type(tfjs_writer *w, cJSON *node, const char *key, const char *type)
{
    tfjs_json_put(w, attribute(w, node, key), "type", cJSON_CreateString(type));
}

void tfjs_set_word(tfjs_writer *w, cJSON *node, const char *key, const char *word)
{
    static const char *const base64[][2] = {
        {"NHWC", "TkhXQw=="}, {"SAME", "U0FNRQ=="}, {"VALID", "VkFMSUQ="}};
    for (size_t i = 0; i < sizeof base64 / sizeof *base64; i++)
        if (!strcmp(word, base64[i][0]))
            tfjs_json_put(w, attribute(w, node, key), "s", cJSON_CreateString(base64[i][1]));
}

/* Protobuf's JSON writes 64-bit integers as text. */
static cJSON *integer_text(tfjs_writer *w, int64_t value)
{
    char *text = pool_format(w->pool, "%lld", (long long)value);
    return text ? cJSON_CreateString(text) : NULL;
}

void tfjs_set_list(tfjs_writer *w, cJSON *node, const char *key, const int *list, int count)
{
    cJSON *entry = tfjs_json_put(w, attribute(w, node, key), "list", cJSON_CreateObject());
    cJSON *numbers = tfjs_json_put(w, entry, "i", cJSON_CreateArray());
    for (int i = 0; i < count; i++) tfjs_json_append(w, numbers, integer_text(w, list[i]));
}

void tfjs_set_integer(tfjs_writer *w, cJSON *node, const char *key, int value)
{
    tfjs_json_put(w, attribute(w, node, key), "i", integer_text(w, value));
}

void tfjs_set_real(tfjs_writer *w, cJSON *node, const char *key, double value)
{
    tfjs_json_put(w, attribute(w, node, key), "f", cJSON_CreateNumber(value));
}

static void put_shape(tfjs_writer *w, cJSON *parent, const char *key, int rank, const int64_t *dims)
{
    cJSON *shape = tfjs_json_put(w, parent, key, cJSON_CreateObject());
    cJSON *list = tfjs_json_put(w, shape, "dim", cJSON_CreateArray());
    for (int i = 0; i < rank; i++) {
        cJSON *dim = cJSON_CreateObject();
        tfjs_json_put(w, dim, "size", integer_text(w, dims[i]));
        tfjs_json_append(w, list, dim);
    }
}

void tfjs_set_shape(tfjs_writer *w, cJSON *node, const char *key, int rank, const int64_t *dims)
{
    put_shape(w, attribute(w, node, key), "shape", rank, dims);
}

/* ---- constants ------------------------------------------------------------------------------- */

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
    cJSON *tensor = tfjs_json_put(w, attribute(w, node, "value"), "tensor", cJSON_CreateObject());
    tfjs_json_put(w, tensor, "dtype", cJSON_CreateString(type));
    put_shape(w, tensor, "tensorShape", c->rank, c->dims);
    return w->result;
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
