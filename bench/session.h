/* What the engine's own worker holds between commands: the handle and the buffers of both measures.
 */
#ifndef POSENET_BENCH_SESSION_H
#define POSENET_BENCH_SESSION_H

#include "engine/posenet.h"

enum { MAX_SLOTS = 8 };

typedef struct session {
    posenet *engine;
    int frame; /* measures frames, not the network alone */
    int batch, slots, threads, max_poses;
    int on_cpu, half;        /* half: computes in fp16 */
    const char *precision;   /* as the command says it */
    unsigned char *pixels;   /* of the frame's file */
    void *filled[MAX_SLOTS]; /* lent buffers that hold them already */
    posenet_tensor input, heads[POSENET_HEADS];
    posenet_tensor device_input, device_heads[POSENET_HEADS]; /* CUDA only: what is timed */
    double idle_mib;                                          /* the process before open */
    posenet_image *images;
    posenet_pose *poses;
    int *counts;
} session;

/* Elements of a dense tensor. */
size_t session_elements(const posenet_tensor *t);

/* Input, heads, poses for the open engine; 0, or -1 without memory. */
int session_buffers(session *s);

/* The frame goes in. */
posenet_status session_submit(session *s);

/* One timed call of the session's measure. With several slots a frame goes in and the oldest comes
 * out. */
posenet_status session_call(session *s);

void session_close(session *s);

#endif
