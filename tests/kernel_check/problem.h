/* A small network made up for one check, with the values that flow into it.
 *
 * Tensors that no step makes and that have no constant are inputs: they are filled at random, by
 * the problem's seed and the tensor's `fill`. */
#ifndef POSENET_TESTS_KERNEL_CHECK_PROBLEM_H
#define POSENET_TESTS_KERNEL_CHECK_PROBLEM_H

#include "kernels/op.h"

enum { PROBLEM_TENSORS = 128, PROBLEM_STEPS = 96, PROBLEM_PICTURES = 3, PROBLEM_NO_TENSOR = -1 };

typedef enum fill {
    FILL_UNIT,     /* -1..1 */
    FILL_WIDE,     /* -20..20 */
    FILL_POSITIVE, /* 0.25..2: safe to divide by and to take the root of */
    FILL_EVERY,    /* -4..4, one in eight infinite, of either sign, or NaN */
    FILL_TIES,     /* few different values, some of them NaN or saturated: heatmaps */
} fill;

typedef struct problem {
    pool *pool;
    char name[128];
    uint64_t random; /* state of the generator */
    element_type type;
    network net;
    tensor tensors[PROBLEM_TENSORS];
    step steps[PROBLEM_STEPS];
    fill fills[PROBLEM_TENSORS];

    int picture_count;
    picture pictures[PROBLEM_PICTURES]; /* host memory, in the pool */
    size_t picture_bytes[PROBLEM_PICTURES], chroma_bytes[PROBLEM_PICTURES];
    decode_options options;
    int pose_room; /* poses a picture; 0: nothing is decoded */
} problem;

/* An empty problem whose random values follow from `seed`. */
status problem_new(uint64_t seed, element_type type, problem **out) STATUS_MUST_CHECK;
void problem_free(problem **p);

/* Numbers that follow from the seed: in 0..bound-1, and in low..high. */
uint32_t problem_random(problem *p, uint32_t bound);
float problem_random_real(problem *p, float low, float high);

/* The number of a new tensor of the problem's type. */
int problem_tensor(problem *p, int n, int h, int w, int c, fill how);

/* `count` floats within +-limit from the pool, or NULL. */
float *problem_reals(problem *p, size_t count, float limit);

/* A new step; its inputs and output are to be set. */
step *problem_step(problem *p, op o);

/* Appends a convolution of `x` with random weights; sizes of the output follow from the parameters,
 * whose filter and bias (`with_bias`) are made here. `residual`: a tensor, PROBLEM_NO_TENSOR
 * (none), or PROBLEM_NEW_TENSOR (an input of its own). Gives the output's number. */
enum { PROBLEM_NEW_TENSOR = -2 };
status problem_conv(problem *p, int x, conv_params params, int with_bias, int residual,
                    int *out) STATUS_MUST_CHECK;

/* Appends a pooling of `x` that keeps every stride-th pixel, height and width; its output. */
int problem_thinning(problem *p, int x, const int stride[2]);

/* Writes the random values of input tensor `number` to `to`, dense, in the tensor's type. */
void problem_fill(problem *p, int number, void *to);

/* 1 if step made tensor `number`. */
int problem_is_made(const problem *p, int number);

#endif
