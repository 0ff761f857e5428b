/* TF.js's model.json as text. */
#include "loader/tfjs/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "loader/limits.h"

/* cJSON recurses once a level; this says where the nesting is instead of running into its limit. */
static status check_nesting(const char *text, size_t size)
{
    int depth = 0, quoted = 0;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = 0;
        } else if (c == '"') {
            quoted = 1;
        } else if (c == '{' || c == '[') {
            if (++depth > TFJS_JSON_NESTING)
                return fail(STATUS_MODEL, "nests more than %d levels deep at byte %zu",
                            TFJS_JSON_NESTING, i);
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return STATUS_OK;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

status tfjs_json_parse(const char *text, size_t size, cJSON **out)
{
    *out = NULL;
    if (size > TFJS_JSON_BYTES)
        return fail(STATUS_MODEL, "has %zu bytes, more than %d", size, TFJS_JSON_BYTES);
    TRY(check_nesting(text, size));
    const char *end = text;
    cJSON *json = cJSON_ParseWithLengthOpts(text, size, &end, 0);
    if (!json) return fail(STATUS_MODEL, "is no JSON at byte %zu", (size_t)(end - text));
    while (end < text + size && is_blank(*end)) end++;
    if (end < text + size && *end != '\0') {
        cJSON_Delete(json);
        return fail(STATUS_MODEL, "has more after its JSON, at byte %zu", (size_t)(end - text));
    }
    if (!cJSON_IsObject(json)) {
        cJSON_Delete(json);
        return fail(STATUS_MODEL, "is JSON, but no object");
    }
    *out = json;
    return STATUS_OK;
}

int tfjs_json_integer(const cJSON *item, int64_t *out)
{
    double number;
    if (cJSON_IsNumber(item)) {
        number = item->valuedouble;
    } else if (cJSON_IsString(item) && item->valuestring[0]) {
        char *end;
        number = strtod(item->valuestring, &end);
        if (*end) return 0;
    } else {
        return 0;
    }
    /* Beyond 2^53 a double is no longer the number that was written. */
    if (!(number >= -9007199254740992.0 && number <= 9007199254740992.0)) return 0;
    if (number != floor(number)) return 0;
    *out = (int64_t)number;
    return 1;
}

const cJSON *tfjs_json_member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

const char *tfjs_json_text(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(tfjs_json_member(object, key));
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    if (c == '/' || c == '_') return 63;
    return -1;
}

/* 1 if `text` is base64 of printable text that fits into `out`. */
static int decode_base64(const char *text, char out[TFJS_WORD])
{
    size_t length = strlen(text), used = 0;
    while (length && text[length - 1] == '=') length--;
    unsigned bits = 0;
    int held = 0;
    for (size_t i = 0; i < length; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0) return 0;
        bits = bits << 6 | (unsigned)digit;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        char c = (char)(bits >> held & 0xff);
        if (c < ' ' || c > '~' || used + 1 >= TFJS_WORD) return 0;
        out[used++] = c;
        bits &= (1u << held) - 1;
    }
    out[used] = '\0';
    return 1;
}

static int decode_codes(const cJSON *list, char out[TFJS_WORD])
{
    size_t used = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        int64_t code;
        if (!tfjs_json_integer(item, &code) || code < ' ' || code > '~' || used + 1 >= TFJS_WORD)
            return 0;
        out[used++] = (char)code;
    }
    out[used] = '\0';
    return 1;
}

static int decode_word(const cJSON *item, char out[TFJS_WORD])
{
    char word[TFJS_WORD];
    int good = 0;
    if (cJSON_IsString(item))
        good = decode_base64(item->valuestring, word);
    else if (cJSON_IsArray(item))
        good = decode_codes(item, word);
    if (good) memcpy(out, word, sizeof word);
    return good;
}

status tfjs_attr_word(const cJSON *attr, const char *key, char out[TFJS_WORD])
{
    const cJSON *entry = tfjs_json_member(attr, key), *s = tfjs_json_member(entry, "s");
    if (!entry) return STATUS_OK;
    if (!s || !decode_word(s, out))
        return fail(STATUS_MODEL, "attribute \"%s\" is no text in base64", key);
    return STATUS_OK;
}

status tfjs_attr_list(const cJSON *attr, const char *key, tfjs_list *out)
{
    const cJSON *entry = tfjs_json_member(attr, key);
    if (!entry) return STATUS_OK;
    const cJSON *list = tfjs_json_member(entry, "list");
    if (!list) return fail(STATUS_MODEL, "attribute \"%s\" is no list", key);
    const cJSON *numbers = tfjs_json_member(list, "i"), *item;
    if (!numbers) return STATUS_OK;
    if (!cJSON_IsArray(numbers)) return fail(STATUS_MODEL, "attribute \"%s\" is no list", key);
    tfjs_list read = {.count = 0};
    cJSON_ArrayForEach(item, numbers)
    {
        if (read.count == TFJS_LIST)
            return fail(STATUS_MODEL, "attribute \"%s\" has more than %d elements", key, TFJS_LIST);
        if (!tfjs_json_integer(item, &read.values[read.count++]))
            return fail(STATUS_MODEL, "attribute \"%s\" has an element that is no integer", key);
    }
    if (read.count) *out = read;
    return STATUS_OK;
}

status tfjs_attr_words(const cJSON *attr, const char *key, char out[TFJS_LIST][TFJS_WORD],
                       int *count)
{
    *count = 0;
    const cJSON *words =
                    tfjs_json_member(tfjs_json_member(tfjs_json_member(attr, key), "list"), "s"),
                *item;
    cJSON_ArrayForEach(item, words)
    {
        if (*count == TFJS_LIST)
            return fail(STATUS_MODEL, "attribute \"%s\" has more than %d elements", key, TFJS_LIST);
        if (!decode_word(item, out[(*count)++]))
            return fail(STATUS_MODEL, "attribute \"%s\" has an element that is no text in base64",
                        key);
    }
    return STATUS_OK;
}

status tfjs_attr_integer(const cJSON *attr, const char *key, int64_t *out)
{
    const cJSON *entry = tfjs_json_member(attr, key);
    if (!entry) return STATUS_OK;
    if (!tfjs_json_integer(tfjs_json_member(entry, "i"), out))
        return fail(STATUS_MODEL, "attribute \"%s\" is no integer", key);
    return STATUS_OK;
}

status tfjs_attr_real(const cJSON *attr, const char *key, double *out)
{
    const cJSON *entry = tfjs_json_member(attr, key);
    if (!entry) return STATUS_OK;
    const cJSON *number = tfjs_json_member(entry, "f");
    /* Protobuf writes only NaN and the infinities as text. */
    if (!cJSON_IsNumber(number)) return fail(STATUS_MODEL, "attribute \"%s\" is no number", key);
    if (!isfinite(number->valuedouble))
        return fail(STATUS_MODEL, "attribute \"%s\" is not finite", key);
    *out = number->valuedouble;
    return STATUS_OK;
}

status tfjs_attr_type(const cJSON *attr, const char *key, tfjs_type *out)
{
    const cJSON *entry = tfjs_json_member(attr, key);
    if (!entry) return STATUS_OK;
    const cJSON *type = tfjs_json_member(entry, "type");
    int64_t number;
    if (cJSON_IsNumber(type) && tfjs_json_integer(type, &number)) {
        *out = number == TFJS_TYPE_FLOAT   ? TFJS_TYPE_FLOAT
               : number == TFJS_TYPE_INT32 ? TFJS_TYPE_INT32
               : number == TFJS_TYPE_INT64 ? TFJS_TYPE_INT64
                                           : TFJS_TYPE_OTHER;
        return STATUS_OK;
    }
    if (!cJSON_IsString(type)) return fail(STATUS_MODEL, "attribute \"%s\" is no type", key);
    const char *name = type->valuestring;
    *out = !strcmp(name, "DT_FLOAT")   ? TFJS_TYPE_FLOAT
           : !strcmp(name, "DT_INT32") ? TFJS_TYPE_INT32
           : !strcmp(name, "DT_INT64") ? TFJS_TYPE_INT64
                                       : TFJS_TYPE_OTHER;
    return STATUS_OK;
}

status tfjs_json_shape(const cJSON *shape, int *rank, int64_t dims[TFJS_LIST])
{
    *rank = -1;
    if (cJSON_IsTrue(tfjs_json_member(shape, "unknownRank"))) return STATUS_OK;
    const cJSON *list = tfjs_json_member(shape, "dim"), *item;
    int count = 0;
    cJSON_ArrayForEach(item, list)
    {
        if (count == TFJS_LIST)
            return fail(STATUS_MODEL, "its shape has more than %d dimensions", TFJS_LIST);
        const cJSON *size = tfjs_json_member(item, "size");
        int64_t dim = 0; /* the default of a protobuf number, which JSON leaves out */
        if (size && (!tfjs_json_integer(size, &dim) || dim < -1 || dim > LIMIT_DIM))
            return fail(STATUS_MODEL, "dimension %d of its shape is no size", count);
        dims[count++] = dim;
    }
    *rank = count;
    return STATUS_OK;
}
