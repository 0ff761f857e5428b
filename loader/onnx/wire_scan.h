/* A look at protobuf bytes before anything is allocated for them.
 *
 * protobuf-c has no limit to the depth of messages in messages and takes up to 130 times the bytes'
 * size, so whatever comes from a file passes here first: every length lies within its message,
 * every tag and varint is whole, nesting and counts are limited.
 */
#ifndef POSENET_LOADER_ONNX_WIRE_SCAN_H
#define POSENET_LOADER_ONNX_WIRE_SCAN_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "kernels/status.h"

/* At most `most` messages of a kind in the whole file. */
typedef struct wire_limit {
    const ProtobufCMessageDescriptor *kind;
    const char *plural; /* "nodes" */
    size_t most;
} wire_limit;

enum { WIRE_MAX_LIMITS = 8 };

typedef struct wire_rules {
    const ProtobufCMessageDescriptor *root;
    int nesting; /* messages inside messages, the root included */
    int limit_count;
    wire_limit limits[WIRE_MAX_LIMITS];
} wire_rules;

/* Refuses bytes that break a rule; the sentence says at which byte and in what message, without the
 * file's name. A name (a text field other than doc_string) must not hold a zero byte: C would see
 * only its beginning. */
status wire_scan(const wire_rules *rules, const unsigned char *bytes,
                 size_t size) STATUS_MUST_CHECK;

#endif
