/* kernel_neon_fp32.c: fp32 on arm64, where every CPU has NEON. */
#if defined(__aarch64__)
#include "model/encoder/vector_neon.h"

#include "model/encoder/kernel_fp32_vector.h"

const struct heddle_kernel heddle_kernel_neon_fp32 = {
    .name = "neon_fp32",
    .precision = HEDDLE_PRECISION_FP32,
    .activation_bytes = sizeof(float),
    .runs = heddle_kernel_always,
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
typedef int heddle_kernel_neon_fp32_is_for_arm64_only;
#endif
