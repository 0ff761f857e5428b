/* Heads to poses: the rule that every decoder follows, and the host decoder itself.
 *
 * Heads are four tensors of anyone's, in the order of DECODE_HEATMAP…: any strides, fp32 or fp16.
 * Poses come out in descending root score, in pixels of the network's input, or of the source
 * picture where a letterbox is given.
 *
 * What is not a number: a NaN in the heatmap is never a candidate and its score counts as 0; a NaN
 * offset or displacement counts as 0. Other values are held within +-DECODE_LARGEST, so that every
 * result is finite.
 */
#ifndef POSENET_KERNELS_DECODE_DECODE_H
#define POSENET_KERNELS_DECODE_DECODE_H

#include <math.h>
#include <string.h>

#include "kernels/exact.h"
#include "kernels/op.h"
#include "kernels/preprocess/letterbox.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { DECODE_HEATMAP, DECODE_OFFSET, DECODE_FORWARD, DECODE_BACKWARD, DECODE_HEADS };
enum { DECODE_MAX_POSES = 256, DECODE_MAX_IMAGES = 65535, DECODE_REFINEMENTS = 2 };

#define DECODE_LARGEST 1e6f

/* Element (n, y, x, c) lies at data + n*strides[0] + y*strides[1] + x*strides[2] + c*strides[3]
 * elements. */
typedef struct head_view {
    const void *data;
    element_type type;
    int dims[AXES];
    int64_t strides[AXES];
} head_view;

typedef struct decode_heads {
    head_view head[DECODE_HEADS];
    int stride; /* input pixels per cell */
    int logits; /* the heatmap needs the sigmoid */
} decode_heads;

/* Channels of each head: 17, 34, 32, 32. */
extern const int decode_channels[DECODE_HEADS];

/* Refuses heads whose channels are not 17, 34, 32, 32, that disagree in batch or size, have no
 * data, more than DECODE_MAX_IMAGES images (what a grid of the CUDA decoder has), more than 2^31 -
 * 1 scores an image, or a stride outside 1..1024. Once, before decode_image; CUDA callers too (data
 * is not read). */
status decode_check(const decode_heads *heads) STATUS_MUST_CHECK;

/* Refuses max_poses outside 1..capacity, a threshold outside 0..1 and a radius that is not a
 * positive number. `capacity` at most DECODE_MAX_POSES. */
status decode_check_options(const decode_options *options, int capacity) STATUS_MUST_CHECK;

/* Bytes that decode_image needs at `workspace` (8-byte aligned), for maps of this size: room for
 * every cell of every part as a candidate. Images may share it one after another. */
size_t decode_workspace_bytes(int height, int width);

/* Decodes image `image` of the batch into poses[0..options->max_poses-1] and *count. `box` NULL:
 * the poses stay in pixels of the network's input. Allocates nothing, cannot fail: heads and
 * options were checked before. */
void decode_image(const decode_heads *heads, int image, const decode_options *options,
                  const letterbox *box, void *workspace, pose *poses, int *count);

/* ---- the rule, shared with CUDA -------------------------------------------------------------- */

HOST_DEVICE static inline float decode_sigmoid(float logit)
{
    return (float)(1.0 / (1.0 + exp(-(double)logit)));
}

/* Within +-DECODE_LARGEST; NaN stays NaN. */
HOST_DEVICE static inline float decode_bounded(float value)
{
    if (value > DECODE_LARGEST) return DECODE_LARGEST;
    if (value < -DECODE_LARGEST) return -DECODE_LARGEST;
    return value;
}

/* NaN counts as 0. */
HOST_DEVICE static inline float decode_number(float value)
{
    return value == value ? value : 0.0f;
}

/* The cell nearest to coordinate `p`, given as p / stride, held within 0..cells-1 before it becomes
 * an int. */
HOST_DEVICE static inline int decode_nearest_cell(float p_in_cells, int cells)
{
    float cell = floorf(p_in_cells + 0.5f);
    return (int)fminf(fmaxf(cell, 0.0f), (float)(cells - 1));
}

HOST_DEVICE static inline float decode_squared_distance(float ax, float ay, float bx, float by)
{
    float dx = ax - bx, dy = ay - by;
    return exact_product(dx, dx) + exact_product(dy, dy);
}

/* Candidates in the order they are tried are these keys in descending order: by score, then lowest
 * part, then lowest cell. `index` is part * height * width + y * width + x. */
HOST_DEVICE static inline uint64_t decode_key(float score, uint32_t index)
{
    float plain = score + 0.0f; /* -0 ties with 0 */
    uint32_t bits;
    memcpy(&bits, &plain, sizeof bits);
    uint32_t ordered = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return (uint64_t)ordered << 32 | (0xffffffffu - index);
}

HOST_DEVICE static inline uint32_t decode_key_index(uint64_t key)
{
    return 0xffffffffu - (uint32_t)key;
}

#ifdef __cplusplus
}
#endif
#endif
