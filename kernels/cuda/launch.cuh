// Launching a kernel so that it may start while the one before it on the stream still runs.
//
//   __global__ void kernel(...)
//   {
//       ...                  // indices, loads of weights: nothing that another kernel writes
//       wait_for_previous(); // every thread that touches what other kernels read or write, before
//       ...
//   }
//   return cuda_launch_check(launch_kernel(r, kernel, blocks, threads, bytes, ...), w, net);
//
// Waiting is for the whole of the previous kernel and what it wrote, whoever's kernel that is. A
// kernel that does not wait is launched with <<<>>>.
//
// The next kernel may start once every block has waited, not before: of three kernels under way at
// once, the third read what the first had not yet written (bench/NOTES.md). So there are two at
// most, and a chain of them keeps order.
#ifndef POSENET_KERNELS_CUDA_LAUNCH_CUH
#define POSENET_KERNELS_CUDA_LAUNCH_CUH

#include <cuda_runtime.h>

#include "kernels/op.h"

// The first half of wait_for_previous: let_next_start comes later.
__device__ inline void wait_for_previous_alone()
{
#if __CUDA_ARCH__ >= 900
    cudaGridDependencySynchronize();
#endif
}

// For a kernel that has nothing to wait for, or has waited.
__device__ inline void let_next_start()
{
#if __CUDA_ARCH__ >= 900
    cudaTriggerProgrammaticLaunchCompletion();
#endif
}

__device__ inline void wait_for_previous()
{
    wait_for_previous_alone();
    let_next_start();
}

// Rounded up: how many blocks of b it takes for a.
inline int divided(int a, int b)
{
    return (a + b - 1) / b;
}

// 1 where the kernels that the current device runs have the wait in them: not where it is older
// than compute capability 9.0, nor where this build has only kernels for older ones.
extern "C" int cuda_starts_early(void);

// `r->programmatic` says whether it may start early. A row of several kernels passes a run of its
// own with it set for all but the first. `cluster`: blocks of a thread-block cluster (compute
// capability 9.0 on where it is not 1).
template <typename... Parameters, typename... Arguments>
static cudaError_t launch_clusters(const run *r, void (*kernel)(Parameters...), dim3 cluster,
                                   dim3 blocks, dim3 threads, size_t shared_bytes,
                                   Arguments... arguments)
{
    cudaLaunchAttribute attributes[2];
    cudaLaunchConfig_t config = {};
    config.gridDim = blocks;
    config.blockDim = threads;
    config.dynamicSmemBytes = shared_bytes;
    config.stream = static_cast<cudaStream_t>(r->stream);
    config.attrs = attributes;
    if (r->programmatic && cuda_starts_early()) {
        attributes[config.numAttrs].id = cudaLaunchAttributeProgrammaticStreamSerialization;
        attributes[config.numAttrs++].val.programmaticStreamSerializationAllowed = 1;
    }
    if (cluster.x * cluster.y * cluster.z > 1) {
        attributes[config.numAttrs].id = cudaLaunchAttributeClusterDimension;
        attributes[config.numAttrs].val.clusterDim.x = cluster.x;
        attributes[config.numAttrs].val.clusterDim.y = cluster.y;
        attributes[config.numAttrs++].val.clusterDim.z = cluster.z;
    }
    return cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
}

template <typename... Parameters, typename... Arguments>
static cudaError_t launch_kernel(const run *r, void (*kernel)(Parameters...), dim3 blocks,
                                 dim3 threads, size_t shared_bytes, Arguments... arguments)
{
    return launch_clusters(r, kernel, dim3(1), blocks, threads, shared_bytes, arguments...);
}

#endif
