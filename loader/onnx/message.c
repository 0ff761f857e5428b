/* An ONNX file's bytes as protobuf-c's structures, made within a budget of memory. */
#include "loader/onnx/message.h"

#include <stdalign.h>
#include <stdlib.h>

#include "loader/limits.h"
#include "loader/onnx/wire_scan.h"

/* A real model's structures take about as much as its file; one made of the smallest fields takes
 * 130 times as much. 100,000 nodes fit into the fixed part. */
enum { BUDGET_FIXED = 96 * 1024 * 1024, BUDGET_FACTOR = 3 };

/* protobuf-c does not say how large what it gives back was. */
typedef union header {
    size_t bytes;
    max_align_t align;
} header;

static void *budget_alloc(void *user, size_t bytes)
{
    onnx_message *m = user;
    if (bytes > m->budget - m->used) {
        m->used_up = 1;
        return NULL;
    }
    header *h = malloc(sizeof *h + bytes);
    if (!h) {
        m->system_out = 1;
        return NULL;
    }
    h->bytes = bytes;
    m->used += bytes;
    return h + 1;
}

static void budget_free(void *user, void *memory)
{
    if (!memory) return;
    onnx_message *m = user;
    header *h = (header *)memory - 1;
    m->used -= h->bytes;
    free(h);
}

static ProtobufCAllocator allocator_of(onnx_message *m)
{
    return (ProtobufCAllocator){budget_alloc, budget_free, m};
}

status onnx_unpack(const unsigned char *bytes, size_t size, onnx_message *out)
{
    const wire_rules rules = {
        .root = &onnx__model_proto__descriptor,
        .nesting = LIMIT_NESTING,
        .limit_count = 4,
        .limits = {{&onnx__node_proto__descriptor, "nodes", LIMIT_NODES},
                   {&onnx__tensor_proto__descriptor, "tensors", LIMIT_VALUES},
                   {&onnx__value_info_proto__descriptor, "described values", LIMIT_VALUES},
                   {&onnx__attribute_proto__descriptor, "attributes", 16 * LIMIT_NODES}}};
    TRY(wire_scan(&rules, bytes, size));
    *out = (onnx_message){.budget = BUDGET_FIXED + BUDGET_FACTOR * size};
    ProtobufCAllocator allocator = allocator_of(out);
    out->model = onnx__model_proto__unpack(&allocator, size, bytes);
    if (out->model) return STATUS_OK;
    if (out->system_out) return fail(STATUS_MEMORY, "out of memory while its messages are read");
    if (out->used_up)
        return fail(STATUS_MODEL, "its messages take more than %zu bytes of memory", out->budget);
    return fail(STATUS_MODEL, "it is no ONNX model: protobuf-c cannot unpack it");
}

void onnx_drop_bytes(onnx_message *m, ProtobufCBinaryData *data)
{
    budget_free(m, data->data);
    *data = (ProtobufCBinaryData){0};
}

void onnx_release(onnx_message *m)
{
    if (!m->model) return;
    ProtobufCAllocator allocator = allocator_of(m);
    onnx__model_proto__free_unpacked(m->model, &allocator);
    m->model = NULL;
}
