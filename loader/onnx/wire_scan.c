/* A look at protobuf bytes before anything is allocated for them. */
#include "loader/onnx/wire_scan.h"

#include <stdint.h>
#include <string.h>

enum wire_type { WIRE_VARINT = 0, WIRE_64_BITS = 1, WIRE_LENGTH = 2, WIRE_32_BITS = 5 };
enum { VARINT_MOST_BYTES = 10 };

typedef struct scan {
    const wire_rules *rules;
    const unsigned char *bytes;
    size_t counts[WIRE_MAX_LIMITS];
} scan;

static status damaged(size_t at, const ProtobufCMessageDescriptor *kind, const char *what)
{
    if (!at) return fail(STATUS_MODEL, "it is no ONNX model: at its first byte %s", what);
    return fail(STATUS_MODEL, "damaged at byte %zu, in a %s: %s", at, kind->short_name, what);
}

/* Reads a varint at *at, which moves behind it; `end` is the message's. */
static status read_varint(const scan *s, const ProtobufCMessageDescriptor *kind, size_t *at,
                          size_t end, uint64_t *number)
{
    size_t start = *at;
    uint64_t sum = 0;
    for (int i = 0; i < VARINT_MOST_BYTES; i++) {
        if (*at == end) return damaged(start, kind, "a number is cut off");
        unsigned char byte = s->bytes[(*at)++];
        sum |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *number = sum;
            return STATUS_OK;
        }
    }
    return damaged(start, kind, "a number is longer than 10 bytes");
}

static status skip(size_t bytes, const ProtobufCMessageDescriptor *kind, size_t *at, size_t end)
{
    if (end - *at < bytes) return damaged(*at, kind, "a field reaches beyond its message");
    *at += bytes;
    return STATUS_OK;
}

static status count_message(scan *s, const ProtobufCMessageDescriptor *kind, size_t at)
{
    for (int i = 0; i < s->rules->limit_count; i++) {
        const wire_limit *limit = &s->rules->limits[i];
        if (limit->kind == kind && ++s->counts[i] > limit->most)
            return fail(STATUS_MODEL, "more than %zu %s (at byte %zu)", limit->most, limit->plural,
                        at);
    }
    return STATUS_OK;
}

static status scan_message(scan *s, const ProtobufCMessageDescriptor *kind, size_t at, size_t end,
                           int depth);

/* What a known field of length-delimited bytes holds. */
static status scan_bytes(scan *s, const ProtobufCMessageDescriptor *kind,
                         const ProtobufCFieldDescriptor *field, size_t at, size_t end, int depth)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessageDescriptor *inner = field->descriptor;
        TRY(count_message(s, inner, at));
        return scan_message(s, inner, at, end, depth + 1);
    }
    if (field->type == PROTOBUF_C_TYPE_STRING && strcmp(field->name, "doc_string") != 0 &&
        memchr(s->bytes + at, 0, end - at))
        return damaged(at, kind, "a name holds a zero byte");
    return STATUS_OK;
}

static status scan_field(scan *s, const ProtobufCMessageDescriptor *kind, size_t *at, size_t end,
                         int depth)
{
    size_t start = *at;
    uint64_t tag = 0, length = 0;
    TRY(read_varint(s, kind, at, end, &tag));
    uint64_t number = tag >> 3;
    if (number == 0 || number > 0x1fffffff)
        return damaged(start, kind, "a field has a number that none can have");
    switch (tag & 7) {
    case WIRE_VARINT: return read_varint(s, kind, at, end, &length);
    case WIRE_64_BITS: return skip(8, kind, at, end);
    case WIRE_32_BITS: return skip(4, kind, at, end);
    case WIRE_LENGTH: break;
    default: return damaged(start, kind, "a field has an unknown wire type");
    }
    TRY(read_varint(s, kind, at, end, &length));
    if (length > end - *at) return damaged(start, kind, "a field reaches beyond its message");
    size_t inside = *at;
    *at += (size_t)length;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(kind, (unsigned)number);
    return field ? scan_bytes(s, kind, field, inside, *at, depth) : STATUS_OK;
}

static status scan_message(scan *s, const ProtobufCMessageDescriptor *kind, size_t at, size_t end,
                           int depth)
{
    if (depth > s->rules->nesting)
        return fail(STATUS_MODEL, "messages are nested more than %d deep at byte %zu, in a %s",
                    s->rules->nesting, at, kind->short_name);
    while (at < end) TRY(scan_field(s, kind, &at, end, depth));
    return STATUS_OK;
}

status wire_scan(const wire_rules *rules, const unsigned char *bytes, size_t size)
{
    scan s = {.rules = rules, .bytes = bytes};
    return scan_message(&s, rules->root, 0, size, 1);
}
