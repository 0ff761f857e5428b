/* The list of rows. The planner, the kernel check, validate and inspect all read this one. */
#include "kernels/rows.h"

#include <string.h>

const row *const all_rows[] = {
    &preprocess_ref, &decode_ref, &conv_ref,    &max_pool_ref, &binary_ref, &activate_ref,
    &unary_ref,      &pad_ref,    &permute_ref, &copy_ref,     &slice_ref,  &gather_ref,
    &concat_ref,     &resize_ref, &expand_ref,  &conv_onednn,  NULL,
};

const row *row_find(const char *name)
{
    for (const row *const *at = all_rows; *at; at++)
        if (strcmp((*at)->name, name) == 0) return *at;
    return NULL;
}
