/* kernel_amx_bf16.c: bf16 on Intel CPUs with AMX (Sapphire Rapids and later): sixteen times the multiply-adds of fp32.
 *
 * The arithmetic is in tile_dense.h and tile_attention.h. Weights and all activations are bf16, attention included; sums,
 * the residual stream, LayerNorm, softmax and GELU are fp32.
 */
#if defined(__x86_64__) && defined(__AMX_BF16__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "model/encoder/tile_amx.h"

#include "model/encoder/tile_dense.h"

#include "model/encoder/tile_attention.h"

/* Linux gives the memory of tile registers (8 KB a thread) only to a process that has asked for it: arch_prctl with the
 * number of the register state (linux/Documentation/arch/x86/xstate.rst). Asking again is free, and threads inherit the
 * answer; asked here, it is always before the first tile. */
static bool system_grants_tiles(void)
{
    enum { REQUEST_STATE = 0x1023, TILE_STATE = 18 };
    return syscall(SYS_arch_prctl, REQUEST_STATE, TILE_STATE) == 0;
}

/* CPUID says whether the CPU has it, XGETBV whether the operating system saves the registers. */
static bool cpu_has_tiles(void)
{
    enum { OSXSAVE = 1 << 27, AMX = 1 << 22 | 1 << 24 /* bf16, tile */, STATES = 1 << 17 | 1 << 18 };
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & OSXSAVE) == 0) {
        return false;
    }
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & AMX) != AMX) {
        return false;
    }
    return (_xgetbv(0) & STATES) == STATES;
}

static bool runs(void)
{
    return cpu_has_tiles() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bf16") && system_grants_tiles();
}

const struct heddle_kernel heddle_kernel_amx_bf16 = {
    .name = "amx_bf16",
    .precision = HEDDLE_PRECISION_BF16,
    .activation_bytes = sizeof(uint16_t),
    .runs = runs,
    .is_fast = heddle_kernel_always,
    .begin = begin,
    .end = end,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .gemm_bytes = heddle_kernel_no_bytes,
    .gemm = gemm,
    .layer_norm = layer_norm,
    .attention_bytes = attention_bytes,
    .attention = attention,
};
#else
typedef int heddle_kernel_amx_bf16_is_for_x86_only;
#endif
