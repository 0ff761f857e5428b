/* TF.js's model.json as text: parsed within limits, and its attributes read exactly.
 *
 * Protobuf's JSON form has several spellings of one thing: numbers as numbers or as strings ("3"),
 * text as base64 or as a list of character codes, types as names ("DT_FLOAT") or as numbers (1),
 * and default values left out. These functions take every spelling and refuse everything else.
 * `attr` is a node's "attr" object and may be NULL; an attribute that is absent leaves the default
 * that the caller put into the result.
 */
#ifndef POSENET_LOADER_TFJS_JSON_H
#define POSENET_LOADER_TFJS_JSON_H

#include <stdint.h>

#include <cjson/cJSON.h>

#include "kernels/status.h"

/* Of a model.json: the largest official one has 0.3 MB. Parsed it takes up to 32 times as much. */
#define TFJS_JSON_BYTES (16 * 1024 * 1024)

enum { TFJS_JSON_NESTING = 64, TFJS_LIST = 8, TFJS_WORD = 32 };

/* TensorFlow's own type numbers, as far as PoseNet files use them. */
typedef enum tfjs_type {
    TFJS_TYPE_ABSENT = 0,
    TFJS_TYPE_FLOAT = 1,
    TFJS_TYPE_INT32 = 3,
    TFJS_TYPE_INT64 = 9,
    TFJS_TYPE_OTHER = -1
} tfjs_type;

typedef struct tfjs_list {
    int count;
    int64_t values[TFJS_LIST];
} tfjs_list;

/* Parses `size` bytes; nothing but blanks may follow the one object. Release with cJSON_Delete. */
status tfjs_json_parse(const char *text, size_t size, cJSON **out) STATUS_MUST_CHECK;

/* An item that is an integer, as a number or in a string. 0 if it is neither. */
int tfjs_json_integer(const cJSON *item, int64_t *out);

/* The member `key`; NULL if there is none, or no object. */
const cJSON *tfjs_json_member(const cJSON *object, const char *key);

/* The same if it is text, NULL otherwise. */
const char *tfjs_json_text(const cJSON *object, const char *key);

/* Text of at most TFJS_WORD - 1 characters: "SAME", "NHWC". */
status tfjs_attr_word(const cJSON *attr, const char *key, char out[TFJS_WORD]) STATUS_MUST_CHECK;

/* A list of at most TFJS_LIST integers; an empty one leaves *out as it was. */
status tfjs_attr_list(const cJSON *attr, const char *key, tfjs_list *out) STATUS_MUST_CHECK;

/* A list of at most TFJS_LIST texts. */
status tfjs_attr_words(const cJSON *attr, const char *key, char out[TFJS_LIST][TFJS_WORD],
                       int *count) STATUS_MUST_CHECK;

status tfjs_attr_integer(const cJSON *attr, const char *key, int64_t *out) STATUS_MUST_CHECK;
status tfjs_attr_real(const cJSON *attr, const char *key, double *out) STATUS_MUST_CHECK;
status tfjs_attr_type(const cJSON *attr, const char *key, tfjs_type *out) STATUS_MUST_CHECK;

/* A shape object: its dims, -1 where it does not say; *rank -1 if even that is unknown. At most
 * TFJS_LIST dims. */
status tfjs_json_shape(const cJSON *shape, int *rank, int64_t dims[TFJS_LIST]) STATUS_MUST_CHECK;

#endif
