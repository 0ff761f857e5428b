/* One tensor of a TF.js weights manifest: what it is, and its numbers. */
#ifndef POSENET_LOADER_TFJS_TENSOR_H
#define POSENET_LOADER_TFJS_TENSOR_H

#include "loader/tfjs/model.h"

/* How the numbers of a tensor lie in its shard. */
typedef enum tfjs_storage_kind {
    STORED_FLOAT32,
    STORED_FLOAT16,
    STORED_INT32,
    STORED_UINT8,
    STORED_UINT16
} tfjs_storage_kind;

typedef struct tfjs_storage {
    tfjs_storage_kind kind;
    int64_t bytes; /* of one element */
    double scale, min;
    int quantised;
} tfjs_storage;

/* Everything about an entry of the manifest but its numbers, and how many bytes they take. */
status tfjs_read_entry(const cJSON *entry, tfjs_weight *w, tfjs_storage *s,
                       size_t *size) STATUS_MUST_CHECK;

/* Fills the numbers of `c`, whose type and dims are known, from `bytes`; they come from `p`. */
status tfjs_unpack(const tfjs_storage *s, const unsigned char *bytes, pool *p,
                   constant *c) STATUS_MUST_CHECK;

#endif
