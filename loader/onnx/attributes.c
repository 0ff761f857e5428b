/* A node's attributes, typed, with their defaults. */
#include "loader/onnx/attributes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "loader/limits.h"
#include "loader/names.h"

#define KIND(name) ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##name

status place_fail(const node_place *place, status code, const char *format, ...)
{
    char sentence[600];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    return fail(code, "%s: node \"%s\" (%s, opset %d): %s", place->source,
                name_show(place->name).text, name_show(place->op).text, place->opset, sentence);
}

static const char *name_of(const Onnx__AttributeProto *a)
{
    return a->name ? a->name : "";
}

status attributes_begin(attributes *a, const Onnx__NodeProto *proto, const node_place *place)
{
    *a = (attributes){.place = place, .list = proto->attribute, .count = proto->n_attribute};
    if (a->count > ATTRIBUTES_MOST)
        return place_fail(place, STATUS_MODEL, "has %zu attributes, more than %d", a->count,
                          ATTRIBUTES_MOST);
    for (size_t i = 0; i < a->count; i++) {
        const char *name = name_of(a->list[i]);
        if (a->list[i]->ref_attr_name && *a->list[i]->ref_attr_name)
            return place_fail(place, STATUS_UNSUPPORTED,
                              "attribute \"%s\" refers to a function's attribute",
                              name_show(name).text);
        for (size_t j = 0; j < i; j++)
            if (strcmp(name, name_of(a->list[j])) == 0)
                return place_fail(place, STATUS_MODEL, "attribute \"%s\" is given twice",
                                  name_show(name).text);
    }
    return STATUS_OK;
}

static const Onnx__AttributeProto *find(const attributes *a, const char *name, size_t *at)
{
    for (*at = 0; *at < a->count; ++*at)
        if (strcmp(name_of(a->list[*at]), name) == 0) return a->list[*at];
    return NULL;
}

int attribute_given(const attributes *a, const char *name)
{
    size_t at;
    return find(a, name, &at) != NULL;
}

void attribute_ignore(attributes *a, const char *name)
{
    size_t at;
    if (find(a, name, &at)) a->asked |= (uint64_t)1 << at;
}

/* The attribute in *out, marked as asked for; NULL if absent. Files older than the `type` field
 * (IR version 1) leave it out. */
static status ask(attributes *a, const char *name, int32_t kind, const char *kind_name,
                  const Onnx__AttributeProto **out)
{
    size_t at;
    *out = find(a, name, &at);
    if (!*out) return STATUS_OK;
    a->asked |= (uint64_t)1 << at;
    if ((*out)->has_type && (*out)->type != (Onnx__AttributeProto__AttributeType)kind)
        return place_fail(a->place, STATUS_MODEL, "attribute \"%s\" is not %s", name, kind_name);
    return STATUS_OK;
}

static status check_length(const attributes *a, const char *name, size_t count)
{
    if (count <= LIMIT_LIST) return STATUS_OK;
    return place_fail(a->place, STATUS_MODEL, "attribute \"%s\" has %zu elements, more than %d",
                      name, count, LIMIT_LIST);
}

status attribute_int(attributes *a, const char *name, int64_t fallback, int64_t *out)
{
    const Onnx__AttributeProto *found;
    TRY(ask(a, name, KIND(INT), "an integer", &found));
    *out = found ? (found->has_i ? found->i : 0) : fallback;
    return STATUS_OK;
}

status attribute_float(attributes *a, const char *name, float fallback, float *out)
{
    const Onnx__AttributeProto *found;
    TRY(ask(a, name, KIND(FLOAT), "a float", &found));
    *out = found ? (found->has_f ? found->f : 0) : fallback;
    return STATUS_OK;
}

status attribute_ints(attributes *a, const char *name, const int64_t **list, size_t *count)
{
    const Onnx__AttributeProto *found;
    TRY(ask(a, name, KIND(INTS), "a list of integers", &found));
    *list = found ? found->ints : NULL;
    *count = found ? found->n_ints : 0;
    return check_length(a, name, *count);
}

status attribute_floats(attributes *a, const char *name, const float **list, size_t *count)
{
    const Onnx__AttributeProto *found;
    TRY(ask(a, name, KIND(FLOATS), "a list of floats", &found));
    *list = found ? found->floats : NULL;
    *count = found ? found->n_floats : 0;
    return check_length(a, name, *count);
}

status attribute_tensor(attributes *a, const char *name, Onnx__TensorProto **out)
{
    const Onnx__AttributeProto *found;
    TRY(ask(a, name, KIND(TENSOR), "a tensor", &found));
    *out = found ? found->t : NULL;
    if (found && !found->t)
        return place_fail(a->place, STATUS_MODEL, "attribute \"%s\" holds no tensor", name);
    return STATUS_OK;
}

status attribute_choice(attributes *a, const char *name, const char *const *choices, int fallback,
                        int *out)
{
    const Onnx__AttributeProto *found;
    TRY(ask(a, name, KIND(STRING), "a text", &found));
    *out = fallback;
    if (!found) return STATUS_OK;
    for (int i = 0; choices[i]; i++) {
        if (found->s.len != strlen(choices[i])) continue;
        if (memcmp(found->s.data, choices[i], found->s.len) != 0) continue;
        *out = i;
        return STATUS_OK;
    }
    shown_name shown;
    name_print(shown.text, sizeof shown.text, (const char *)found->s.data, found->s.len);
    return place_fail(a->place, STATUS_UNSUPPORTED, "%s \"%s\" is not supported", name, shown.text);
}

status attributes_end(const attributes *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (!(a->asked >> i & 1))
            return place_fail(a->place, STATUS_UNSUPPORTED, "attribute \"%s\" is not supported",
                              name_show(name_of(a->list[i])).text);
    return STATUS_OK;
}
