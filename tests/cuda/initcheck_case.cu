// The smallest program in which compute-sanitizer's initcheck reports memory that was written: it
// does not follow bulk copies from shared memory (Hopper's copy engine), by which cuBLASLt's
// kernels write their results. Ours that read such results are then reported.
//
//   compute-sanitizer --tool initcheck ./initcheck_case
//
// Both halves compute the same. Seen with CUDA 13.0's tool: no finding after "by stores", one a
// word after "by a bulk copy". Built for compute capability 9.0 only; elsewhere the second half
// says so.
#include <cuda_runtime.h>
#include <stdio.h>

enum { WORDS = 64 };

__global__ void write_by_stores(int *out)
{
    out[threadIdx.x] = static_cast<int>(threadIdx.x);
}

__global__ void write_by_bulk_copy(int *out)
{
#if __CUDA_ARCH__ >= 900
    __shared__ alignas(128) int words[WORDS];
    words[threadIdx.x] = static_cast<int>(threadIdx.x);
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
    if (threadIdx.x == 0) {
        unsigned from = static_cast<unsigned>(__cvta_generic_to_shared(words));
        asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(out),
                     "r"(from), "r"(static_cast<unsigned>(sizeof words))
                     : "memory");
        asm volatile("cp.async.bulk.commit_group;");
        asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
    }
#else
    if (threadIdx.x == 0) printf("no bulk copies on this GPU\n");
#endif
}

__global__ void add_one(int *words)
{
    words[threadIdx.x] += 1;
}

static int check(const char *name, void (*write)(int *))
{
    int *words = NULL, got[WORDS], wrong = 0;
    if (cudaMalloc(&words, sizeof got) != cudaSuccess) return 1;
    printf("by %s:\n", name);
    fflush(stdout);
    write<<<1, WORDS>>>(words);
    add_one<<<1, WORDS>>>(words);
    if (cudaMemcpy(got, words, sizeof got, cudaMemcpyDeviceToHost) != cudaSuccess) return 1;
    for (int i = 0; i < WORDS; i++) wrong += got[i] != i + 1;
    printf("%d of %d words wrong\n", wrong, WORDS);
    fflush(stdout);
    return wrong + (cudaFree(words) != cudaSuccess);
}

int main(void)
{
    int stores = check("stores", write_by_stores), copy = check("a bulk copy", write_by_bulk_copy);
    return stores || copy;
}
