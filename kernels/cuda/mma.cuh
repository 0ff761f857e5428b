// The instructions that matrix kernels are made of: asynchronous copies to shared memory,
// fragments, the fp16 matrix multiply-add, and thread-block clusters. From compute capability 8.0
// on; clusters from 9.0 on, before that a "cluster" is the block alone.
//
// Shared memory is named by its 32-bit address (shared_address). Fragments of the 16x8x16 product,
// lane l of a warp, q = l % 4, g = l / 4, two halves a register:
//
//   a[0], a[1]: rows g, g + 8 of columns 2q, 2q + 1;   a[2], a[3]: the same of columns + 8
//   b[0], b[1]: column g of rows 2q, 2q + 1;           of rows + 8
//   sums[0..1]: row g of columns 2q, 2q + 1;           sums[2..3]: row g + 8
#ifndef POSENET_KERNELS_CUDA_MMA_CUH
#define POSENET_KERNELS_CUDA_MMA_CUH

#include <cuda_runtime.h>

#include <stdint.h>

__device__ inline unsigned shared_address(const void *shared)
{
    return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}

// Begins to copy 16 bytes; zeros instead where `inside` is false (`from` is not read then).
__device__ inline void copy_async(unsigned to, const void *from, bool inside = true)
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from),
                 "r"(inside ? 16 : 0)
                 : "memory");
#endif
}

// Makes one group of the thread's copies since the last.
__device__ inline void copy_group()
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Until at most the last PENDING groups of the thread are under way.
template <int PENDING> __device__ inline void wait_for_copies()
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
#endif
}

// Four 8x8 matrices of halves; lanes 8i..8i+7 give the addresses of the rows of matrix i.
__device__ inline void load_matrices(unsigned (&out)[4], unsigned from)
{
#if __CUDA_ARCH__ >= 800
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(from)
                 : "memory");
#endif
}

// Each matrix turned: a lane gets rows 2q and 2q + 1 of column g.
__device__ inline void load_matrices_turned(unsigned (&out)[4], unsigned from)
{
#if __CUDA_ARCH__ >= 800
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(from)
                 : "memory");
#endif
}

// The way back from either, from compute capability 9.0 on.
__device__ inline void store_matrices(unsigned to, const unsigned (&in)[4])
{
#if __CUDA_ARCH__ >= 900
    asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(to),
                 "r"(in[0]), "r"(in[1]), "r"(in[2]), "r"(in[3])
                 : "memory");
#endif
}

__device__ inline void store_matrices_turned(unsigned to, const unsigned (&in)[4])
{
#if __CUDA_ARCH__ >= 900
    asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(to),
                 "r"(in[0]), "r"(in[1]), "r"(in[2]), "r"(in[3])
                 : "memory");
#endif
}

// An 8x8 matrix of halves in registers, turned: a lane with columns 2q and 2q + 1 of row g gets
// rows 2q and 2q + 1 of column g.
__device__ inline unsigned turned(unsigned halves)
{
    unsigned out = halves;
#if __CUDA_ARCH__ >= 800
    asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(out) : "r"(halves));
#endif
    return out;
}

__device__ inline uint4 load_shared(unsigned from)
{
    uint4 out = {};
#if __CUDA_ARCH__ >= 800
    asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out.x), "=r"(out.y), "=r"(out.z), "=r"(out.w)
                 : "r"(from)
                 : "memory");
#endif
    return out;
}

__device__ inline float load_shared_float(unsigned from)
{
    float out = 0;
#if __CUDA_ARCH__ >= 800
    asm volatile("ld.shared.f32 %0, [%1];" : "=f"(out) : "r"(from) : "memory");
#endif
    return out;
}

__device__ inline float2 load_shared_two(unsigned from)
{
    float2 out = {};
#if __CUDA_ARCH__ >= 800
    asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];"
                 : "=f"(out.x), "=f"(out.y)
                 : "r"(from)
                 : "memory");
#endif
    return out;
}

__device__ inline void store_shared(unsigned to, uint4 value)
{
#if __CUDA_ARCH__ >= 800
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(value.x), "r"(value.y),
                 "r"(value.z), "r"(value.w)
                 : "memory");
#endif
}

__device__ inline void store_shared(unsigned to, float first, float second)
{
#if __CUDA_ARCH__ >= 800
    asm volatile("st.shared.v2.f32 [%0], {%1, %2};" ::"r"(to), "f"(first), "f"(second) : "memory");
#endif
}

// sums += a b, 16x8 += 16x16 times 16x8.
__device__ inline void multiply_add(float (&sums)[4], const unsigned (&a)[4], unsigned b0,
                                    unsigned b1)
{
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, "
        "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#endif
}

// Every thread of the cluster's blocks arrives, then waits. What a thread wrote before it arrived,
// also into another block's shared memory, is seen by all after they waited.
__device__ inline void cluster_arrive()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
#endif
}

// The same, showing nothing: tells the others only that this block has started.
__device__ inline void cluster_arrive_unseen()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
#endif
}

__device__ inline void cluster_wait()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#else
    __syncthreads();
#endif
}

// Which cluster of the grid this is, how many there are, and which of its blocks this is; of a
// launch in one dimension.
struct cluster_place {
    int number = static_cast<int>(blockIdx.x), count = static_cast<int>(gridDim.x), rank = 0;

    __device__ cluster_place()
    {
#if __CUDA_ARCH__ >= 900
        asm("mov.u32 %0, %%clusterid.x;" : "=r"(number));
        asm("mov.u32 %0, %%nclusterid.x;" : "=r"(count));
        asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
#endif
    }
};

// Where `at` lies in block `rank` of the cluster.
__device__ inline unsigned address_in_cluster(unsigned at, unsigned rank)
{
    unsigned there = at;
#if __CUDA_ARCH__ >= 900
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(at), "r"(rank));
#endif
    return there;
}

// Writes two floats into the shared memory of a block of the cluster, and counts 8 bytes at its
// barrier (kernels/cuda/bulk.cuh); both addresses are address_in_cluster's.
__device__ inline void send_in_cluster(unsigned to, float first, float second, unsigned barrier)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v2.f32 "
                 "[%0], {%1, %2}, [%3];" ::"r"(to),
                 "f"(first), "f"(second), "r"(barrier)
                 : "memory");
#endif
}

// The same with 16 bytes.
__device__ inline void send_in_cluster(unsigned to, uint4 value, unsigned barrier)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 "
                 "[%0], {%1, %2, %3, %4}, [%5];" ::"r"(to),
                 "r"(value.x), "r"(value.y), "r"(value.z), "r"(value.w), "r"(barrier)
                 : "memory");
#endif
}

// Until all bytes that the block's barrier expects in its first phase have been sent to it.
__device__ inline void wait_for_sent(unsigned barrier)
{
#if __CUDA_ARCH__ >= 900
    unsigned done = 0;
    while (!done)
        asm volatile("{\n.reg .pred p;\n"
                     "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], 0;\n"
                     "selp.u32 %0, 1, 0, p;\n}"
                     : "=r"(done)
                     : "r"(barrier)
                     : "memory");
#endif
}

// Writes two floats at the same place in the shared memory of block `rank` of the cluster.
__device__ inline void store_in_cluster(unsigned to, unsigned rank, float first, float second)
{
#if __CUDA_ARCH__ >= 900
    unsigned there;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(to), "r"(rank));
    asm volatile("st.shared::cluster.v2.f32 [%0], {%1, %2};" ::"r"(there), "f"(first), "f"(second)
                 : "memory");
#elif __CUDA_ARCH__ >= 800
    asm volatile("st.shared.v2.f32 [%0], {%1, %2};" ::"r"(to), "f"(first), "f"(second) : "memory");
#endif
}

#endif
