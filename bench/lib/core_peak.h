/* core_peak.h: what one core can multiply and add at most, measured: loops that only touch registers.
 *
 * Each loop keeps 24 sums going, more than latency times ports on any CPU of today, and is written in assembly so that
 * no compiler moves it to memory or folds it. One step of a 512-bit instruction is 16 sums of 1 (fp32), 2 (bf16) or 4
 * (int8) products; a product and its addition count as two operations, as everywhere in the literature.
 */
#ifndef HEDDLE_BENCH_CORE_PEAK_H
#define HEDDLE_BENCH_CORE_PEAK_H

#include <stdint.h>

#include "base/clock.h"
#include <heddle/embed.h>

#if defined(__x86_64__)

enum { PEAK_STEPS = 100000, PEAK_SUMS = 24, PEAK_LANES = 16, PEAK_ROUNDS = 5 };

#define PEAK_FOUR(operation, a, b, c, d)                                                                     \
    operation " %%zmm30, %%zmm31, %%zmm" #a "\n\t" operation " %%zmm30, %%zmm31, %%zmm" #b "\n\t" operation  \
              " %%zmm30, %%zmm31, %%zmm" #c "\n\t" operation " %%zmm30, %%zmm31, %%zmm" #d "\n\t"

/* A function that runs PEAK_STEPS times 24 such instructions on zeros. */
#define PEAK_LOOP(name, operation)                                                                           \
    static __attribute__((target("avx512f"))) void name(void)                                                \
    {                                                                                                        \
        uint64_t left = PEAK_STEPS;                                                                          \
        __asm__ volatile("vpxord %%zmm30, %%zmm30, %%zmm30\n\t"                                              \
                         "vpxord %%zmm31, %%zmm31, %%zmm31\n"                                                \
                         "1:\n\t" PEAK_FOUR(operation, 0, 1, 2, 3) PEAK_FOUR(operation, 4, 5, 6, 7)          \
                             PEAK_FOUR(operation, 8, 9, 10, 11) PEAK_FOUR(operation, 12, 13, 14, 15)         \
                                 PEAK_FOUR(operation, 16, 17, 18, 19)                                        \
                                     PEAK_FOUR(operation, 20, 21, 22, 23) "dec %0\n\tjnz 1b"                 \
                         : "+r"(left)                                                                        \
                         :                                                                                   \
                         : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",     \
                           "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "xmm16", "xmm17",   \
                           "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm30", "xmm31");          \
    }

PEAK_LOOP(peak_fp32, "vfmadd231ps")
PEAK_LOOP(peak_bf16, "vdpbf16ps")
PEAK_LOOP(peak_int8, "vpdpbusd")

/* Operations a second of `loop`, the best of some rounds; `products` of one lane of one instruction. */
static double core_peak_of(void (*loop)(void), double products)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < PEAK_ROUNDS; i++) {
        const uint64_t start = heddle_clock_thread_cpu_ns();
        loop();
        const uint64_t spent = heddle_clock_thread_cpu_ns() - start;
        best = spent < best ? spent : best;
    }
    return 2.0 * products * PEAK_LANES * PEAK_SUMS * PEAK_STEPS / ((double)best * 1e-9);
}

/* Operations a second of this core's 512-bit units in that precision, or 0 where it has none. */
static double core_peak(enum heddle_precision precision)
{
    if (precision == HEDDLE_PRECISION_BF16) {
        return __builtin_cpu_supports("avx512bf16") ? core_peak_of(peak_bf16, 2) : 0;
    }
    if (precision == HEDDLE_PRECISION_INT8) {
        return __builtin_cpu_supports("avx512vnni") ? core_peak_of(peak_int8, 4) : 0;
    }
    return __builtin_cpu_supports("avx512f") ? core_peak_of(peak_fp32, 1) : 0;
}

#else

static double core_peak(enum heddle_precision precision)
{
    (void)precision;
    return 0;
}

#endif
#endif
