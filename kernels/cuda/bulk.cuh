// Bulk copies into shared memory by a multiprocessor's copy engine, and the barriers that go with
// them; from compute capability 9.0 on. Elsewhere these functions do nothing.
//
// An arrival barrier (8 bytes of shared memory) completes a phase once `count` threads, usually
// one, have arrived and all bytes that they announced have come. Named barriers (1..15; 0 is
// __syncthreads) complete once `threads` of them, a multiple of 32, synchronized or arrived; only
// the first wait.
#ifndef POSENET_KERNELS_CUDA_BULK_CUH
#define POSENET_KERNELS_CUDA_BULK_CUH

#include <cuda.h>
#include <cuda_runtime.h>

#include <stdint.h>

__device__ inline void make_barrier(unsigned barrier)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(barrier) : "memory");
#endif
}

__device__ inline void make_barrier(unsigned barrier, unsigned count)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(count) : "memory");
#endif
}

// Shows the cluster and the copy engine the barriers that the thread has made.
__device__ inline void show_barriers()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

__device__ inline void expect_bytes(unsigned barrier, unsigned bytes)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
                 : "memory");
#endif
}

#if __CUDA_ARCH__ >= 900
#define ARRIVE(SPACE, BARRIER, SO)                                                                 \
    asm volatile("{\n.reg .pred p;\n"                                                              \
                 "setp.ne.b32 p, %1, 0;\n"                                                         \
                 "@p mbarrier.arrive.shared::" SPACE ".b64 _, [%0];\n}" ::"r"(BARRIER),            \
                 "r"(static_cast<int>(SO))                                                         \
                 : "memory")
#else
#define ARRIVE(SPACE, BARRIER, SO)
#endif

// Arrives announcing no bytes, where `so` is true, without a branch.
__device__ inline void arrive_at(unsigned barrier, bool so = true)
{
    ARRIVE("cta", barrier, so);
}

// The same at a barrier of any block of the cluster (address_in_cluster). Shows it nothing of what
// the thread wrote.
__device__ inline void arrive_in_cluster(unsigned barrier, bool so)
{
    ARRIVE("cluster", barrier, so);
}
#undef ARRIVE

// Whether the barrier's phase, 0 and 1 in turn, is complete by now.
__device__ inline bool have_come(unsigned barrier, unsigned phase)
{
    unsigned done = 0;
#if __CUDA_ARCH__ >= 900
    asm volatile("{\n.reg .pred p;\n"
                 "mbarrier.test_wait.parity.shared::cta.b64 p, [%1], %2;\n"
                 "selp.u32 %0, 1, 0, p;\n}"
                 : "=r"(done)
                 : "r"(barrier), "r"(phase)
                 : "memory");
#endif
    return done;
}

// Until the barrier's phase, 0 and 1 in turn, is complete. That before the first counts as such.
__device__ inline void wait_for_bytes(unsigned barrier, unsigned phase)
{
#if __CUDA_ARCH__ >= 900
    unsigned done = 0;
    while (!done)
        asm volatile("{\n.reg .pred p;\n"
                     "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
                     "selp.u32 %0, 1, 0, p;\n}"
                     : "=r"(done)
                     : "r"(barrier), "r"(phase)
                     : "memory");
#endif
}

// Copies a multiple of 16 bytes, from and to multiples of 16, and counts them at the barrier.
// `blocks` (bits are ranks in the cluster): to the same place of every one of these, counted at the
// same barrier of each; 0: of this one alone.
__device__ inline void copy_bulk(unsigned to, const void *from, unsigned bytes, unsigned barrier,
                                 unsigned blocks = 0)
{
#if __CUDA_ARCH__ >= 900
    if (blocks)
        asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes"
                     ".multicast::cluster [%0], [%1], %2, [%3], %4;" ::"r"(to),
                     "l"(from), "r"(bytes), "r"(barrier), "h"(static_cast<uint16_t>(blocks))
                     : "memory");
    else
        asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes"
                     " [%0], [%1], %2, [%3];" ::"r"(to),
                     "l"(from), "r"(bytes), "r"(barrier)
                     : "memory");
#endif
}

// The map's box from channel c, column x, line y of picture n on; what lies outside is zero. `to`
// is a multiple of 128.
__device__ inline void copy_window(unsigned to, const CUtensorMap *map, int c, int x, int y, int n,
                                   unsigned barrier)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%2, %3, %4, %5}], [%6];" ::"r"(to),
                 "l"(map), "r"(c), "r"(x), "r"(y), "r"(n), "r"(barrier)
                 : "memory");
#endif
}

// The same for a map of rows: its box from column c of row `row` on. `blocks`: as copy_bulk's.
__device__ inline void copy_rows(unsigned to, const CUtensorMap *map, int c, int row,
                                 unsigned barrier, unsigned blocks = 0)
{
#if __CUDA_ARCH__ >= 900
    if (blocks)
        asm volatile(
            "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes"
            ".multicast::cluster [%0], [%1, {%2, %3}], [%4], %5;" ::"r"(to),
            "l"(map), "r"(c), "r"(row), "r"(barrier), "h"(static_cast<uint16_t>(blocks))
            : "memory");
    else
        asm volatile(
            "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
            "[%0], [%1, {%2, %3}], [%4];" ::"r"(to),
            "l"(map), "r"(c), "r"(row), "r"(barrier)
            : "memory");
#endif
}

// The same for an im2col map: as many pixels as it says, one after the other through lines and
// pictures of its bounding box, from channel c on and from where a window's corner is at column x,
// line y of picture n; dx, dy: the tap's place in the window.
__device__ inline void copy_taps(unsigned to, const CUtensorMap *map, int c, int x, int y, int n,
                                 int dx, int dy, unsigned barrier, unsigned blocks = 0)
{
#if __CUDA_ARCH__ >= 900
    if (blocks)
        asm volatile(
            "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes"
            ".multicast::cluster [%0], [%1, {%2, %3, %4, %5}], [%6], {%7, %8}, %9;" ::"r"(to),
            "l"(map), "r"(c), "r"(x), "r"(y), "r"(n), "r"(barrier), "h"(static_cast<uint16_t>(dx)),
            "h"(static_cast<uint16_t>(dy)), "h"(static_cast<uint16_t>(blocks))
            : "memory");
    else
        asm volatile(
            "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes "
            "[%0], [%1, {%2, %3, %4, %5}], [%6], {%7, %8};" ::"r"(to),
            "l"(map), "r"(c), "r"(x), "r"(y), "r"(n), "r"(barrier), "h"(static_cast<uint16_t>(dx)),
            "h"(static_cast<uint16_t>(dy))
            : "memory");
#endif
}

// The way back: shared memory, shown by show_writes, to the map's box; what lies outside is left.
__device__ inline void store_rows(const CUtensorMap *map, int c, int row, unsigned from)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group "
                 "[%0, {%1, %2}], [%3];" ::"l"(map),
                 "r"(c), "r"(row), "r"(from)
                 : "memory");
#endif
}

// The same to a map's box from channel c, column x, line y of picture n on.
__device__ inline void store_window(const CUtensorMap *map, int c, int x, int y, int n,
                                    unsigned from)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("cp.async.bulk.tensor.4d.global.shared::cta.tile.bulk_group "
                 "[%0, {%1, %2, %3, %4}], [%5];" ::"l"(map),
                 "r"(c), "r"(x), "r"(y), "r"(n), "r"(from)
                 : "memory");
#endif
}

// Makes one group of the thread's stores since the last.
__device__ inline void end_stores()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
#endif
}

// Until at most the last PENDING groups of the thread's stores have still to read shared memory.
template <int PENDING> __device__ inline void wait_for_reads()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(PENDING) : "memory");
#endif
}

// Brings a map, a kernel's parameter, near the copy engine before its first use.
__device__ inline void fetch_map(const CUtensorMap *map)
{
#if __CUDA_ARCH__ >= 900
    asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
#endif
}

// Not `bar.sync`: that promises that all who wait do so at one place in the code, and warps of
// different kinds wait at theirs (compute-sanitizer's synccheck tells).
__device__ inline void named_barrier_sync(int barrier, int threads)
{
    asm volatile("barrier.cta.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

__device__ inline void named_barrier_arrive(int barrier, int threads)
{
    asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

#endif
