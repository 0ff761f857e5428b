// The smallest programs of the kinds of order that compute-sanitizer's racecheck reported in our
// kernels as none: what it says of each tells whether such a report is worth anything.
//
//   compute-sanitizer --tool racecheck ./racecheck_case
//
// Every case computes the same and is ordered but for the last, which must be reported. Bulk copies
// need compute capability 9.0.
#include <cuda_runtime.h>
#include <stdio.h>

#include "kernels/cuda/bulk.cuh"

enum { GROUP = 128, THREADS = 2 * GROUP, ROUNDS = 8 };

__device__ unsigned shared_of(const void *p)
{
    return static_cast<unsigned>(__cvta_generic_to_shared(p));
}

// Group 0 meets by itself `meetings` times, as group 1 does once, and leaves words for it, which
// reads them after a barrier of all threads (conv_pair: its groups have different parts).
template <int MEETINGS> __global__ void meet(const int *, int *out)
{
    __shared__ int words[GROUP];
    int group = threadIdx.x / GROUP, lane = threadIdx.x % GROUP;
    for (int i = 0; i < (group ? 1 : MEETINGS); i++) named_barrier_sync(1 + group, GROUP);
    if (!group) words[lane] = lane;
    __syncthreads();
    if (group) out[lane] = words[lane] + ROUNDS;
}

// A bulk copy fills the words again and again: group 1 reads and arrives, group 0 waits for that
// and copies (depthwise_pointwise_stream).
__global__ void refill_after_arrival(const int *in, int *out)
{
    __shared__ alignas(128) int words[GROUP];
    __shared__ alignas(8) unsigned long long arrived;
    unsigned barrier = shared_of(&arrived);
    if (threadIdx.x == 0) {
        make_barrier(barrier);
        show_barriers();
    }
    __syncthreads();
    int sum = 0;
    for (int i = 0; i < ROUNDS; i++) {
        if (threadIdx.x < GROUP) {
            if (i > 0) named_barrier_sync(1, THREADS);
            if (threadIdx.x == 0) {
                expect_bytes(barrier, sizeof words);
                copy_bulk(shared_of(words), in, sizeof words, barrier);
            }
        } else {
            wait_for_bytes(barrier, i & 1);
            sum += words[threadIdx.x - GROUP] * (i == 0) + 1;
            if (i + 1 < ROUNDS) named_barrier_arrive(1, THREADS);
        }
    }
    if (threadIdx.x >= GROUP) out[threadIdx.x - GROUP] = sum;
}

// The same where a lane of each warp arrives for all at a second arrival barrier (conv_tma).
// TOGETHER: after __syncwarp.
template <bool TOGETHER> __global__ void refill_after_lane(const int *in, int *out)
{
    __shared__ alignas(128) int words[GROUP];
    __shared__ alignas(8) unsigned long long arrived, left;
    unsigned full = shared_of(&arrived), empty = shared_of(&left);
    if (threadIdx.x == 0) {
        make_barrier(full);
        make_barrier(empty, GROUP / 32);
        show_barriers();
    }
    __syncthreads();
    int sum = 0;
    if (threadIdx.x == 0) {
        for (int i = 0; i < ROUNDS; i++) {
            if (i > 0) wait_for_bytes(empty, (i - 1) & 1);
            expect_bytes(full, sizeof words);
            copy_bulk(shared_of(words), in, sizeof words, full);
        }
    } else if (threadIdx.x >= GROUP) {
        for (int i = 0; i < ROUNDS; i++) {
            wait_for_bytes(full, i & 1);
            sum += words[threadIdx.x - GROUP] * (i == 0) + 1;
            if (TOGETHER) __syncwarp();
            if (threadIdx.x % 32 == 0) arrive_at(empty);
        }
        out[threadIdx.x - GROUP] = sum;
    }
}

// The second copy waits for no reader of the first.
__global__ void refill_at_once(const int *in, int *out)
{
    __shared__ alignas(128) int words[GROUP];
    __shared__ alignas(8) unsigned long long arrived[2];
    if (threadIdx.x == 0) {
        for (int i = 0; i < 2; i++) make_barrier(shared_of(&arrived[i]));
        show_barriers();
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int i = 0; i < 2; i++) {
            expect_bytes(shared_of(&arrived[i]), sizeof words);
            copy_bulk(shared_of(words), in, sizeof words, shared_of(&arrived[i]));
            wait_for_bytes(shared_of(&arrived[i]), 0);
        }
    } else if (threadIdx.x >= GROUP) {
        wait_for_bytes(shared_of(&arrived[0]), 0);
        out[threadIdx.x - GROUP] = words[threadIdx.x - GROUP] + ROUNDS;
    }
}

static int check(const char *name, void (*kernel)(const int *, int *))
{
    int *memory = NULL, words[GROUP], wrong = 0;
    if (cudaMalloc(&memory, 2 * sizeof words) != cudaSuccess) return 1;
    for (int i = 0; i < GROUP; i++) words[i] = i;
    if (cudaMemcpy(memory, words, sizeof words, cudaMemcpyHostToDevice) != cudaSuccess) return 1;
    printf("%s:\n", name);
    fflush(stdout);
    kernel<<<1, THREADS>>>(memory, memory + GROUP);
    if (cudaMemcpy(words, memory + GROUP, sizeof words, cudaMemcpyDeviceToHost) != cudaSuccess)
        return 1;
    for (int i = 0; i < GROUP; i++) wrong += words[i] != i + ROUNDS;
    printf("%d of %d words wrong\n", wrong, GROUP);
    fflush(stdout);
    return wrong + (cudaFree(memory) != cudaSuccess);
}

int main(void)
{
    int wrong = check("groups that met equally often", meet<1>);
    wrong += check("groups that met unequally often", meet<5>);
    wrong += check("a copy after readers arrived at a named barrier", refill_after_arrival);
    wrong += check("a copy after a lane arrived for its warp", refill_after_lane<false>);
    wrong +=
        check("a copy after a lane arrived for its warp, which had met", refill_after_lane<true>);
    wrong += check("a race, though of equal words", refill_at_once);
    return wrong != 0;
}
