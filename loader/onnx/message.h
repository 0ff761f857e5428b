/* An ONNX file's bytes as protobuf-c's structures, made within a budget of memory. */
#ifndef POSENET_LOADER_ONNX_MESSAGE_H
#define POSENET_LOADER_ONNX_MESSAGE_H

#include <onnx.pb-c.h>
#include <stddef.h>

#include "kernels/status.h"

typedef struct onnx_message {
    Onnx__ModelProto *model;
    size_t used, budget; /* bytes that protobuf-c holds and may hold */
    int used_up;         /* the budget had no more */
    int system_out;      /* the system had no more */
} onnx_message;

/* Scans and unpacks. The message keeps no pointer into `bytes`. On failure nothing is held. */
status onnx_unpack(const unsigned char *bytes, size_t size, onnx_message *out) STATUS_MUST_CHECK;

/* Gives back a tensor's raw bytes before the rest: weights need not lie in memory twice. */
void onnx_drop_bytes(onnx_message *m, ProtobufCBinaryData *data);

void onnx_release(onnx_message *m);

#endif
