/* The rows by name, one declaration a file; rows.c puts them into all_rows. */
#ifndef POSENET_KERNELS_ROWS_H
#define POSENET_KERNELS_ROWS_H

#include "kernels/op.h"

/* clang-format off */
extern const row preprocess_ref, decode_ref;
extern const row conv_ref, max_pool_ref, binary_ref, activate_ref, unary_ref, pad_ref, permute_ref,
                 copy_ref, slice_ref, gather_ref, concat_ref, resize_ref, expand_ref;
extern const row conv_onednn;
/* clang-format on */

#endif
