/* The functions of operators.c's table: each reads one operator's attributes into a draft. */
#ifndef POSENET_LOADER_ONNX_OPERATOR_READERS_H
#define POSENET_LOADER_ONNX_OPERATOR_READERS_H

#include "loader/onnx/operators.h"

/* operators_window.c */
status read_conv(node_draft *d) STATUS_MUST_CHECK;
status read_max_pool(node_draft *d) STATUS_MUST_CHECK;

/* operators_resize.c; the number is the first opset of that form */
status read_resize(node_draft *d) STATUS_MUST_CHECK;
status read_resize_10(node_draft *d) STATUS_MUST_CHECK;
status read_upsample_7(node_draft *d) STATUS_MUST_CHECK;
status read_upsample_9(node_draft *d) STATUS_MUST_CHECK;

/* operators_math.c */
status read_batch_normalization(node_draft *d) STATUS_MUST_CHECK;
status read_cast(node_draft *d) STATUS_MUST_CHECK;
status read_clip_6(node_draft *d) STATUS_MUST_CHECK;
status read_constant_of_shape(node_draft *d) STATUS_MUST_CHECK;
status read_dropout(node_draft *d) STATUS_MUST_CHECK;

/* operators_shape.c */
status read_axis_0(node_draft *d) STATUS_MUST_CHECK;
status read_flatten(node_draft *d) STATUS_MUST_CHECK;
status read_concat(node_draft *d) STATUS_MUST_CHECK;
status read_pad(node_draft *d) STATUS_MUST_CHECK;
status read_pad_2(node_draft *d) STATUS_MUST_CHECK;
status read_reshape_14(node_draft *d) STATUS_MUST_CHECK;
status read_shape(node_draft *d) STATUS_MUST_CHECK;
status read_slice_1(node_draft *d) STATUS_MUST_CHECK;
status read_split_2(node_draft *d) STATUS_MUST_CHECK;
status read_split_18(node_draft *d) STATUS_MUST_CHECK;
status read_squeeze_1(node_draft *d) STATUS_MUST_CHECK;
status read_unsqueeze_1(node_draft *d) STATUS_MUST_CHECK;
status read_transpose(node_draft *d) STATUS_MUST_CHECK;

#endif
