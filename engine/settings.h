/* What callers pass, as the engine uses it: checked, whole whatever the struct's size, with every
 * default filled in.
 *
 * A struct's size says which version of the header the program was compiled with. Shorter than this
 * one: defaults for the rest. Longer: the program needs a newer library, refused. */
#ifndef POSENET_ENGINE_SETTINGS_H
#define POSENET_ENGINE_SETTINGS_H

#include "engine/device/slot.h"
#include "engine/device/view.h"
#include "engine/model/model.h"
#include "engine/posenet.h"

extern const posenet_settings settings_default;
extern const posenet_decode_options options_default;

enum {
    SETTINGS_MAX_BATCH = MODEL_MAX_BATCH,
    SETTINGS_MAX_SLOTS = 64,
    SETTINGS_MAX_PLANS = 64,
    SETTINGS_MAX_THREADS = 1024,
    IMAGE_MAX_SIDE = 16384
};

/* Texts stay the caller's. width, height and batch may stay 0: the model says. */
status settings_read(const posenet_settings *from, posenet_settings *to) STATUS_MUST_CHECK;

/* NULL: the defaults. `most` stands for max_poses 0 and is the most it may be. */
status options_read(const posenet_decode_options *from, int most,
                    decode_options *to) STATUS_MUST_CHECK;

/* Pitches settled; a device picture is refused where `d` has no device memory. */
status image_read(const posenet_image *from, const device *d, slot_image *to) STATUS_MUST_CHECK;

/* Strides settled. `what` names the tensor in sentences; `d` may be NULL. Without data nothing else
 * is looked at. */
status tensor_read(const posenet_tensor *from, const char *what, const device *d,
                   view *to) STATUS_MUST_CHECK;

/* The struct at `from[index]` of an array whose elements have `size` bytes, the caller's own. */
const void *settings_element(const void *from, size_t size, int index);

/* Fills the caller's struct, which is `size` bytes long, from ours of `known` bytes; the first
 * member, its size, stays the caller's. Refused if `size` was not set. */
status settings_give(void *to, const void *from, size_t known, const char *what) STATUS_MUST_CHECK;

#endif
