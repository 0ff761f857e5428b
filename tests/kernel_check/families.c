/* The list of families. */
#include <stddef.h>

#include "family.h"

const family *const all_families[] = {
    &conv_family,
    &layer_family,
    &depthwise_pointwise_family,
    &conv_unit_family,
    &conv_unit_next_family,
    &conv_pair_family,
    &conv_twin_family,
    &conv_thin_family,
    &root_family,
    &conv_max_pool_family,
    &max_pool_family,
    &binary_family,
    &activate_family,
    &unary_family,
    &pad_family,
    &permute_family,
    &copy_family,
    &slice_family,
    &gather_family,
    &concat_family,
    &resize_family,
    &expand_family,
    &preprocess_family,
    &decode_family,
    NULL,
};
