/* The list of rows. The planner, the kernel check, validate and inspect all read this one. */
#include "kernels/rows.h"

#include <string.h>

const row *const all_rows[] = {
    &preprocess_ref,
    &decode_ref,
    &conv_ref,
    &max_pool_ref,
    &binary_ref,
    &activate_ref,
    &unary_ref,
    &pad_ref,
    &permute_ref,
    &copy_ref,
    &slice_ref,
    &gather_ref,
    &concat_ref,
    &resize_ref,
    &expand_ref,
    &depthwise_pointwise_amx,
    &depthwise_pointwise_avx512,
    &conv_amx,
    &conv_avx512,
    &conv_onednn,
    &preprocess_cpu,
    &max_pool_cpu,
    &binary_cpu,
    &activate_cpu,
    &move_cpu,
    &concat_cpu,
    &resize_cpu,
#ifdef POSENET_HAVE_CUDA
    &preprocess_cuda,
    &decode_cuda,
    &conv_max_pool_wgmma_cuda,
    &conv_max_pool_cuda,
    &conv_root_wgmma_cuda,
    &conv_root_mma_cuda,
    &depthwise_pointwise_cuda,
    &depthwise_pointwise_stream_cuda,
    &conv_unit_cuda,
    &conv_unit_thin_cuda,
    &conv_unit_next_cuda,
    &conv_pair_cuda,
    &conv_twin_cuda,
    &conv_thin_cuda,
    &conv_root_cuda,
    &conv_depthwise_cuda,
    &conv_shift_cuda,
    &conv_tma_cuda,
    &conv_mma_cuda,
    &conv_cublaslt,
#ifdef POSENET_HAVE_CUDNN
    &conv_cudnn,
#endif
    &conv_direct_cuda,
    &max_pool_cuda,
    &binary_cuda,
    &activate_cuda,
    &unary_cuda,
    &pad_cuda,
    &permute_cuda,
    &copy_cuda,
    &slice_cuda,
    &gather_cuda,
    &concat_cuda,
    &resize_cuda,
    &expand_cuda,
#endif
    NULL,
};

const row *row_find(const char *name)
{
    for (const row *const *at = all_rows; *at; at++)
        if (strcmp((*at)->name, name) == 0) return *at;
    return NULL;
}
