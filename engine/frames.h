/* Frames on their way: pictures in, poses out, in order. A frame takes the lowest free slot, so
 * that one frame at a time always meets the same, warm memory. */
#ifndef POSENET_ENGINE_FRAMES_H
#define POSENET_ENGINE_FRAMES_H

#include "engine/inside.h"

/* The pinned buffer of the slot that the next frame takes. */
status frames_lend(posenet *engine, size_t bytes, void **out) STATUS_MUST_CHECK;

status frames_submit(posenet *engine, const posenet_image *images, int count,
                     const posenet_decode_options *options) STATUS_MUST_CHECK;

status frames_wait(posenet *engine, posenet_pose *poses, int *counts) STATUS_MUST_CHECK;

/* Takes what is in flight to its end, results dropped. */
void frames_drain(posenet *engine);

/* The network alone; heads are those of the last frame afterwards. */
status frames_infer(posenet *engine, const posenet_tensor *input,
                    const posenet_tensor *heads) STATUS_MUST_CHECK;

#endif
