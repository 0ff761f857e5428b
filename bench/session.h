/* What the engine's own worker holds between commands: the handle and the buffers of both measures.
 */
#ifndef POSENET_BENCH_SESSION_H
#define POSENET_BENCH_SESSION_H

#include "bench/bench.h"
#include "engine/posenet.h"

typedef struct session {
    posenet *engine;
    int frame; /* measures frames, not the network alone */
    int batch, slots, threads, max_poses;
    int on_cpu, half;            /* half: computes in fp16 */
    const char *precision;       /* as the command says it */
    unsigned char *pixels;       /* of the frame's file */
    void *filled[MAX_SLOTS];     /* lent buffers that hold them already */
    float *values;               /* of the last infer's input, on the host */
    posenet_tensor input;        /* the same as the network wants it: on its device, in its type */
    float *heads[POSENET_HEADS]; /* what was read back */
    size_t head_elements[POSENET_HEADS];
    double idle_mib; /* the process before open */
    posenet_image *images;
    posenet_pose *poses;
    int *counts;
} session;

/* Elements of a dense tensor. */
size_t session_elements(const posenet_tensor *t);

/* Input, heads, poses for the open engine; 0, or -1 without memory. */
int session_buffers(session *s);

/* Puts `values` where the network measure reads them; 0 or -1. */
int session_put_input(session *s);

/* The frame goes in. */
posenet_status session_submit(session *s);

/* One timed call of the session's measure. Of the network: the input is on the device already, in
 * the type that the network computes in, and the heads stay where it leaves them. Of frames: one
 * goes in and the oldest comes out. */
posenet_status session_call(session *s);

void session_close(session *s);

#endif
