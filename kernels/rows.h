/* The rows by name, one declaration a file; rows.c puts them into all_rows. */
#ifndef POSENET_KERNELS_ROWS_H
#define POSENET_KERNELS_ROWS_H

#include "kernels/op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
extern const row preprocess_ref, decode_ref;
extern const row conv_ref, max_pool_ref, binary_ref, activate_ref, unary_ref, pad_ref, permute_ref,
                 copy_ref, slice_ref, gather_ref, concat_ref, resize_ref, expand_ref;
extern const row depthwise_pointwise_amx, depthwise_pointwise_avx512, conv_amx, conv_avx512,
                 conv_onednn;
extern const row preprocess_cpu, max_pool_cpu, binary_cpu, activate_cpu, move_cpu, concat_cpu,
                 resize_cpu;
extern const row preprocess_cuda, decode_cuda;
extern const row depthwise_pointwise_cuda, depthwise_pointwise_stream_cuda;
extern const row conv_max_pool_wgmma_cuda, conv_max_pool_cuda, conv_root_wgmma_cuda,
                 conv_root_mma_cuda, conv_unit_cuda, conv_unit_thin_cuda, conv_unit_next_cuda,
                 conv_pair_cuda, conv_twin_cuda, conv_thin_cuda;
extern const row conv_root_cuda, conv_depthwise_cuda, conv_mma_cuda, conv_tma_cuda, conv_shift_cuda,
                 conv_cublaslt, conv_cudnn, conv_direct_cuda;
extern const row max_pool_cuda, binary_cuda, activate_cuda, unary_cuda, pad_cuda, permute_cuda,
                 copy_cuda, slice_cuda, gather_cuda, concat_cuda, resize_cuda, expand_cuda;
/* clang-format on */

#ifdef __cplusplus
}
#endif

#endif
