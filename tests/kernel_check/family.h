/* The cases: families of problems, one an operation or a run of operations that a row may fuse. */
#ifndef POSENET_TESTS_KERNEL_CHECK_FAMILY_H
#define POSENET_TESTS_KERNEL_CHECK_FAMILY_H

#include "problem.h"

typedef struct family {
    const char *name;
    int count;
    /* Builds case `index` into an empty problem and writes what is special about it to p->name. */
    status (*build)(problem *p, int index);
} family;

extern const family *const all_families[]; /* NULL-terminated */

extern const family conv_family, layer_family, depthwise_pointwise_family, root_family,
    conv_max_pool_family, max_pool_family, binary_family, activate_family, unary_family, pad_family,
    permute_family, copy_family, slice_family, gather_family, concat_family, resize_family,
    expand_family, preprocess_family, decode_family, conv_pair_family, conv_twin_family,
    conv_thin_family, conv_unit_family, conv_unit_next_family;

#endif
