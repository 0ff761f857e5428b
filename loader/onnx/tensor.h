/* ONNX tensors, wherever their elements stand, as constants. */
#ifndef POSENET_LOADER_ONNX_TENSOR_H
#define POSENET_LOADER_ONNX_TENSOR_H

#include "loader/graph.h"
#include "loader/onnx/message.h"

/* Where a model's tensors come from. */
typedef struct onnx_data {
    const char *model_path; /* external data lies in its folder; NULL: a model in memory */
    onnx_message *message;
    int64_t external_bytes; /* read so far: at most LIMIT_FILE_BYTES in all */
} onnx_data;

/* The tensor as a constant in `p`. Its raw bytes are given back to the message. `what` begins each
 * sentence: "m.onnx: constant \"w\"". */
status onnx_tensor_read(onnx_data *data, Onnx__TensorProto *t, pool *p, const char *what,
                        constant *out) STATUS_MUST_CHECK;

/* Which kind of element an ONNX data type is read as; strings, complex numbers and types of less
 * than a byte are refused. */
status onnx_element(int32_t data_type, const char *what, element *out) STATUS_MUST_CHECK;

/* 1 if elements of that type, one that onnx_element takes, can be 0..255. */
int onnx_holds_bytes(int32_t data_type);

/* `size` bytes of the tensor's external data in *bytes (release with free()). Its location must lie
 * in the model's folder, also after symbolic links are followed; nothing is allocated before the
 * file is known to hold them. */
status onnx_external_read(onnx_data *data, const Onnx__TensorProto *t, size_t size,
                          const char *what, unsigned char **bytes) STATUS_MUST_CHECK;

#endif
