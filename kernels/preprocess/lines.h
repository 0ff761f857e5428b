/* The host's preprocess: some lines of one network input. */
#ifndef POSENET_KERNELS_PREPROCESS_LINES_H
#define POSENET_KERNELS_PREPROCESS_LINES_H

#include "kernels/op.h"
#include "kernels/preprocess/letterbox.h"

enum { PREPROCESS_COLORS = 3 };

typedef struct preprocess_job {
    const picture *from;
    letterbox box;
    normalization normalize;
    const resize_tap *columns; /* one an input column: preprocess_columns */
    void *to;                  /* [input_height][input_width][3] of `type`: this picture's */
    element_type type;
} preprocess_job;

/* Where every input column reads. */
void preprocess_columns(const letterbox *box, resize_tap *columns);

/* Input lines first..end-1: letterbox with zeros, bilinear, normalise, in fp32 and in one fixed
 * order of operations. The picture is never mirrored: flip concerns the way back only. */
void preprocess_lines(const preprocess_job *job, int first, int end);

#endif
