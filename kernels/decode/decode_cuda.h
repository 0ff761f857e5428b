/* The decoder on the device, for heads of anyone's: what decode_cuda's row and posenet_decode on
 * device tensors launch. */
#ifndef POSENET_KERNELS_DECODE_DECODE_CUDA_H
#define POSENET_KERNELS_DECODE_DECODE_CUDA_H

#include "kernels/decode/decode.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Every pointer is memory that the device can reach; heads and options were checked with
 * decode_check and decode_check_options. Image i of the batch gives poses[i * capacity ..] and
 * counts[i]. Both may be pinned host memory: an image's count is written when its poses are there,
 * so a host that sees it may read them. */
typedef struct decode_cuda_request {
    decode_heads heads;
    const decode_options *options;
    const picture *pictures;       /* NULL: poses stay in pixels of the network's input */
    int input_width, input_height; /* only with pictures */
    int capacity;
    pose *poses;
    int *counts;
    void *workspace;  /* decode_cuda_workspace_bytes(&heads), 16-byte aligned */
    void *stream;     /* cudaStream_t */
    int programmatic; /* run.programmatic */
} decode_cuda_request;

/* Room for every cell of every part of every image as a candidate, so that none is ever lost. */
size_t decode_cuda_workspace_bytes(const decode_heads *heads);

/* Puts the whole decoding on the stream: two kernels. */
status decode_cuda_launch(const decode_cuda_request *request) STATUS_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
