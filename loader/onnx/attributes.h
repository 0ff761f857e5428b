/* A node's attributes, typed, with their defaults; whatever nobody asks for is refused.
 *
 *   attributes a;
 *   TRY(attributes_begin(&a, proto, place));
 *   TRY(attribute_float(&a, "epsilon", 1e-5f, &epsilon));
 *   attribute_ignore(&a, "momentum");
 *   TRY(attributes_end(&a));
 *
 * An attribute of another type than asked for is refused. Lists belong to the message.
 */
#ifndef POSENET_LOADER_ONNX_ATTRIBUTES_H
#define POSENET_LOADER_ONNX_ATTRIBUTES_H

#include <onnx.pb-c.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/status.h"

/* Which node a sentence is about. */
typedef struct node_place {
    const char *source;
    const char *name; /* of the node, or of its first output if it has none; never NULL */
    const char *op;
    int opset;
} node_place;

/* fail() with `m.onnx: node "n" (Conv, opset 13): ` before the sentence. */
status place_fail(const node_place *place, status code, const char *format, ...)
    STATUS_FORMAT(3, 4);

enum { ATTRIBUTES_MOST = 64 };

typedef struct attributes {
    const node_place *place;
    Onnx__AttributeProto **list;
    size_t count;
    uint64_t asked; /* a bit an attribute */
} attributes;

/* Refuses more than ATTRIBUTES_MOST, two of one name, and references to a function's attributes. */
status attributes_begin(attributes *a, const Onnx__NodeProto *proto,
                        const node_place *place) STATUS_MUST_CHECK;

/* Whether there is one of that name. */
int attribute_given(const attributes *a, const char *name);

/* Marks an attribute that changes no result here. */
void attribute_ignore(attributes *a, const char *name);

status attribute_int(attributes *a, const char *name, int64_t fallback,
                     int64_t *out) STATUS_MUST_CHECK;
status attribute_float(attributes *a, const char *name, float fallback,
                       float *out) STATUS_MUST_CHECK;

/* *list NULL and *count 0 if absent; more than LIMIT_LIST elements are refused. */
status attribute_ints(attributes *a, const char *name, const int64_t **list,
                      size_t *count) STATUS_MUST_CHECK;
status attribute_floats(attributes *a, const char *name, const float **list,
                        size_t *count) STATUS_MUST_CHECK;

/* NULL if absent. */
status attribute_tensor(attributes *a, const char *name, Onnx__TensorProto **out) STATUS_MUST_CHECK;

/* The number of the text among `choices` (a NULL-terminated list), `fallback` if absent; any other
 * text is refused by name. */
status attribute_choice(attributes *a, const char *name, const char *const *choices, int fallback,
                        int *out) STATUS_MUST_CHECK;

/* Refuses an attribute that was not asked for. */
status attributes_end(const attributes *a) STATUS_MUST_CHECK;

#endif
