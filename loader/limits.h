/* What a file may claim at most. Every size is checked against one of these before it is used. */
#ifndef POSENET_LOADER_LIMITS_H
#define POSENET_LOADER_LIMITS_H

#define LIMIT_FILE_BYTES (2LL * 1024 * 1024 * 1024) /* protobuf's own limit for one message */
#define LIMIT_ELEMENTS   ((1LL << 31) - 1)          /* of one tensor: any of its dims fit an int */
#define LIMIT_DIM        (1LL << 31)                /* one side of a tensor */
#define LIMIT_NODES      20000
#define LIMIT_VALUES     80000
#define LIMIT_LIST       4096 /* inputs or outputs of one node, elements of one attribute list */
#define LIMIT_NESTING    16   /* protobuf messages inside messages; PoseNet needs 6 */
#define LIMIT_NAME_BYTES 4096 /* one name */
#define LIMIT_WINDOW     1024 /* a convolution's or pool's kernel, stride, dilation or pad */
#define LIMIT_BLOCK      64   /* a side of SpaceToBatchND's block: TensorFlow's dilation */

#endif
