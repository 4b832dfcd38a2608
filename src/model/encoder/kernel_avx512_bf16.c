/* kernel_avx512_bf16.c: bf16 on CPUs with AVX512-BF16: twice the multiply-adds of fp32 where the CPU does them at full rate.
 *
 * Weights, the inputs of dense layers, and attention's factors are bf16; sums are fp32 (vdpbf16ps adds two products a
 * step), and so are the residual stream, LayerNorm, GELU and softmax. AMD Zen 4 and later run it at full rate; the first
 * Intel CPUs that have the instruction run it slower than fp32, so there it is used where bf16 is asked for.
 */
#if defined(__x86_64__) && defined(__AVX512BF16__)
#include "model/encoder/avx512_attention.h"
#include "model/encoder/avx512_dense.h"

DENSE(PRODUCT_BF16)

/* Round to nearest, ties to even; weights are finite. */
static inline uint32_t narrow_bits(float x)
{
    uint32_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/* (N,K) -> panels (N/32)(K/2)(32)(2): the two inputs of one product pair lie side by side. */
static void pack(const float *weights, size_t outputs, size_t inputs, void *packed_out)
{
    uint32_t *packed = packed_out;
    for (size_t panel = 0; panel < outputs; panel += TILE_COLUMNS) {
        for (size_t n = 0; n < TILE_COLUMNS; n++) {
            const float *row = weights + (panel + n) * inputs;
            for (size_t k = 0; k < inputs; k += 2) {
                packed[k / 2 * TILE_COLUMNS + n] = narrow_bits(row[k]) | narrow_bits(row[k + 1]) << 16;
            }
        }
        packed += inputs / 2 * TILE_COLUMNS;
    }
}

static void gemm(const struct heddle_linear *linear, const void *input, size_t tokens,
                 enum heddle_epilogue epilogue, const float *residual, void *output, void *scratch)
{
    (void)scratch; /* nothing is kept between the steps */
    const struct ending ending = {
        .bias = linear->bias, .residual = residual, .output = output, .outputs = linear->outputs};
    dense(epilogue, &ending, input, linear->weights, linear->inputs * sizeof(uint16_t), tokens);
}

/* __builtin_cpu_supports also asks XGETBV whether the operating system saves the registers. */
static bool runs(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bf16");
}

/* Full rate on AMD (Zen 4 and later); Intel's first CPUs with the instruction are slower at it than at fp32. */
static bool is_fast(void)
{
    return __builtin_cpu_is("amd");
}

static size_t packed_bytes(size_t outputs, size_t inputs)
{
    return outputs * inputs * sizeof(uint16_t);
}

const struct heddle_kernel heddle_kernel_avx512_bf16 = {
    .name = "avx512_bf16",
    .precision = HEDDLE_PRECISION_BF16,
    .activation_bytes = sizeof(uint16_t),
    .runs = runs,
    .is_fast = is_fast,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .gemm_bytes = heddle_kernel_no_bytes,
    .gemm = gemm,
    .layer_norm = narrow_layer_norm,
    .attention_bytes = narrow_attention_bytes,
    .attention = narrow_attention,
};
#else
typedef int heddle_kernel_avx512_bf16_is_for_x86_only;
#endif
