/* CUDA runtime calls answered with a status; where the operands of a step are on the device.
 * Included by every CUDA row, from C and from C++.
 *
 *   TRY(cuda_check(cudaMalloc(&memory, bytes), "allocating the arena"));
 *   return cuda_launch_check(launch_kernel(r, kernel, blocks, threads, 0, ...), w, net);
 */
#ifndef POSENET_KERNELS_CUDA_CUDA_H
#define POSENET_KERNELS_CUDA_CUDA_H

#include <cuda_runtime_api.h>

#include "kernels/op.h"
#include "kernels/pack.h"

#ifdef __cplusplus
extern "C" {
#endif

/* STATUS_OK, or "CUDA: `doing` failed: the runtime's own words" (STATUS_MEMORY where memory was
 * short, else STATUS_DEVICE). Takes the runtime's kept error away, so the next check starts clean.
 */
status cuda_check(cudaError_t error, const char *doing) STATUS_MUST_CHECK;

/* The same for launching a kernel of `w` (kernels/cuda/launch.cuh), with the row's and the nodes'
 * names. */
status cuda_launch_check(cudaError_t error, const work *w, const network *net) STATUS_MUST_CHECK;

/* A function of the driver by name, as it is since CUDA `version` (12000 for 12.0), in *out;
 * STATUS_UNSUPPORTED where the driver has none. */
status cuda_driver_function(const char *name, unsigned version, void **out) STATUS_MUST_CHECK;

/* Device memory for a pack cache: pack_cache_new(&cuda_pack_memory, &cache). */
extern const pack_memory cuda_pack_memory;

/* Writes one packed array into `host` memory, `bytes` long and zeroed. */
typedef void (*cuda_pack_write)(const void *user, void *host, size_t bytes);

/* The device's copy of what `write` makes, kept in the context's cache under `key`. */
status cuda_pack(const prepare_context *context, const pack_key *key, size_t bytes,
                 cuda_pack_write write, const void *user, void **out) STATUS_MUST_CHECK;

/* The device's copy of a plain host array: biases, indices, constant operands. Its content is its
 * identity, since some of these live no longer than a plan. */
status cuda_pack_array(const prepare_context *context, const void *array, size_t bytes,
                       const void **out) STATUS_MUST_CHECK;

/* The filter of a convolution as [kernel h][kernel w][in_channels/groups][out_channels], fp32. */
status cuda_pack_filter(const prepare_context *context, const conv_params *conv,
                        const void **out) STATUS_MUST_CHECK;

/* One operand of a step on the device: dense NHWC. */
typedef struct cuda_view {
    void *data;
    element_type type;
    int dims[AXES];
} cuda_view;

/* `prepare` of rows that only need their constant operands on the device; work_release goes with
 * it.
 */
status cuda_operands_prepare(const prepare_context *context, const network *net,
                             work *w) STATUS_MUST_CHECK;

/* Operand `input` of the one step that `w` covers; `w` was prepared with cuda_operands_prepare. */
cuda_view cuda_input(const work *w, const network *net, const run *r, int input);
cuda_view cuda_output(const work *w, const network *net, const run *r);

/* The same for a tensor that is known not to be a constant. */
cuda_view cuda_tensor(const network *net, const run *r, int number);

/* 1 if kernels may count the step's elements in int: every tensor has so few that places beyond its
 * end, in a tile or a window that sticks out, are still counted. */
int cuda_countable(const network *net, const step *s);

/* 1 if every operand of the step is computed, not a constant, and fp16; its output may be either.
 */
int cuda_reads_halves(const network *net, const step *s);

/* A grid's second and third dimension have at most so many blocks. Rows whose tiles of channels, of
 * 32 at the least, lie along one take so many channels. */
enum { CUDA_MOST_BLOCKS = 65535, CUDA_MOST_CHANNELS = 1 << 20 };

#ifdef __cplusplus
}
#endif
#endif
