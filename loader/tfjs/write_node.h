/* What the files of the TF.js writer share. */
#ifndef POSENET_LOADER_TFJS_WRITE_NODE_H
#define POSENET_LOADER_TFJS_WRITE_NODE_H

#include <cjson/cJSON.h>

#include "loader/graph.h"
#include "loader/name_table.h"

/* A tensor of the manifest, in TensorFlow's layout. */
typedef struct tfjs_tensor {
    const char *name;
    constant data;
} tfjs_tensor;

typedef struct tfjs_writer {
    const graph *g;
    pool *pool;
    status result;    /* of the first JSON that could not be made; no node is added after it */
    cJSON *nodes;     /* the topology's list */
    name_table taken; /* their names */
    const char **own_names; /* of values, each only once */
    const char **names;     /* of the TensorFlow node that makes each value */
    unsigned char *nhwc;    /* values that are NHWC in the graph too: outside its Transposes */
    tfjs_tensor *tensors;   /* on the heap */
    size_t tensor_count, tensor_capacity;
} tfjs_writer;

/* ---- write_json.c: whatever fails is kept in w->result, and NULL is as good as a node ---- */

/* object.key = item, which is returned. Takes the item. */
cJSON *tfjs_json_put(tfjs_writer *w, cJSON *object, const char *key, cJSON *item);
void tfjs_json_append(tfjs_writer *w, cJSON *list, cJSON *item);

/* A new node of the topology with `count` inputs by name. Refuses a name that another node has, or
 * that TensorFlow would take for something else. */
cJSON *tfjs_new_node(tfjs_writer *w, const char *op, const char *name, const char *const *inputs,
                     int count);

/* Attributes of a node: a type (the attribute T of most), text in base64, lists, numbers. */
void tfjs_set_type(tfjs_writer *w, cJSON *node, const char *key, const char *type);
void tfjs_set_word(tfjs_writer *w, cJSON *node, const char *key, const char *word);
void tfjs_set_list(tfjs_writer *w, cJSON *node, const char *key, const int *list, int count);
void tfjs_set_integer(tfjs_writer *w, cJSON *node, const char *key, int value);
void tfjs_set_real(tfjs_writer *w, cJSON *node, const char *key, double value);
void tfjs_set_shape(tfjs_writer *w, cJSON *node, const char *key, int rank, const int64_t *dims);

/* A Const node and its entry in the manifest. `c` is copied, its numbers are not. */
status tfjs_write_constant(tfjs_writer *w, const char *name, const constant *c) STATUS_MUST_CHECK;

/* A Const node of integers named "prefix/suffix", whose name comes back in *name. rank 0 has one
 * number; rank 2 has rows of two. */
status tfjs_write_integers(tfjs_writer *w, const char *prefix, const char *suffix, int rank,
                           const int *list, int count, const char **name) STATUS_MUST_CHECK;

/* ---- write_dilation.c ---- */

/* SpaceToBatchND before a convolution of window `win` that reads node *x, for pictures of any
 * size; *x becomes it, and *crops what its BatchToSpaceND takes. */
status tfjs_write_split(tfjs_writer *w, const char *prefix, const window *win, const char **x,
                        const char **crops) STATUS_MUST_CHECK;

/* BatchToSpaceND behind it. */
status tfjs_write_join(tfjs_writer *w, const char *prefix, const window *win, const char *crops,
                       const char **x) STATUS_MUST_CHECK;

/* ---- write_node.c ---- */

/* Puts the node before the kept sentence, unless memory is out. */
status tfjs_fail_at(const node *n, status code);

/* One graph node as TensorFlow's. */
status tfjs_write_node(tfjs_writer *w, const node *n) STATUS_MUST_CHECK;

/* ---- write_weights.c ---- */

/* The shards of w->tensors beside `path`, and json.weightsManifest. */
status tfjs_write_weights(tfjs_writer *w, const char *path, int bytes,
                          cJSON *json) STATUS_MUST_CHECK;

status tfjs_write_bytes(const char *path, const void *bytes, size_t size) STATUS_MUST_CHECK;

#endif
