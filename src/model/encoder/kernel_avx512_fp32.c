/* kernel_avx512_fp32.c: fp32 on CPUs with AVX-512. */
#if defined(__x86_64__) && defined(__AVX512F__)
#include "model/encoder/vector_avx512.h"

#include "model/encoder/kernel_fp32_vector.h"

/* __builtin_cpu_supports also asks XGETBV whether the operating system saves the registers. */
static bool runs(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
}

const struct heddle_kernel heddle_kernel_avx512_fp32 = {
    .name = "avx512_fp32",
    .precision = HEDDLE_PRECISION_FP32,
    .activation_bytes = sizeof(float),
    .runs = runs,
    .is_fast = heddle_kernel_always,
    .packed_bytes = heddle_kernel_float_bytes,
    .pack = pack,
    .gemm_bytes = heddle_kernel_no_bytes,
    .gemm = gemm,
    .layer_norm = layer_norm,
    .attention_bytes = attention_bytes,
    .attention = attention,
};
#else
typedef int heddle_kernel_avx512_fp32_is_for_x86_only;
#endif
