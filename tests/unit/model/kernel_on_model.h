/* kernel_on_model.h: the AMX kernel compiled over the model of its tile instructions; included by one test program each.
 *
 * The vector work around the tiles needs AVX-512: main() must ask amx_model_runs() before it calls anything compiled for
 * it, from a function of its own.
 */
#ifndef HEDDLE_TESTS_UNIT_MODEL_KERNEL_ON_MODEL_H
#define HEDDLE_TESTS_UNIT_MODEL_KERNEL_ON_MODEL_H

#include "tile_model.h"

#include "model/encoder/tile_dense.h"

#include "model/encoder/tile_attention.h"

static bool amx_model_runs(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

static const struct heddle_kernel kernel_on_model = {
    .name = "amx_bf16 on the model",
    .precision = HEDDLE_PRECISION_BF16,
    .activation_bytes = sizeof(uint16_t),
    .runs = amx_model_runs,
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

#endif
