/* Which sets of inner loops this machine can run. */
#define _DEFAULT_SOURCE /* syscall */

#include "kernels/conv/gemm/gemm_loops.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

const gemm_kernels *gemm_kernels_avx512(void)
{
    return __builtin_cpu_supports("avx512f") ? &gemm_loops_avx512 : NULL;
}

/* AMX needs the kernel's permission, which is the process's for ever; asking again is harmless. */
static int may_use_tiles(void)
{
#if defined(__linux__) && defined(SYS_arch_prctl)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; /* ARCH_REQ_XCOMP_PERM */
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return 0;
#endif
}

const gemm_kernels *gemm_kernels_amx(void)
{
    enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, AVX512_BF16 = 1 << 5 };
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__builtin_cpu_supports("avx512bw") || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return NULL;
    if (!(d & AMX_BF16) || !(d & AMX_TILE)) return NULL;
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & AVX512_BF16)) return NULL;
    return may_use_tiles() ? &gemm_loops_amx : NULL;
}

#else

const gemm_kernels *gemm_kernels_avx512(void)
{
    return NULL;
}

const gemm_kernels *gemm_kernels_amx(void)
{
    return NULL;
}

#endif
