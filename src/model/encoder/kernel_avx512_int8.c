/* kernel_avx512_int8.c: dense layers in 8-bit integers on CPUs with AVX512-VNNI (vpdpbusd: four products a step); the rest
 * as in the bf16 kernel.
 *
 * Weights of an output are signed, w ~ scale x q, q in -127 .. 127. Inputs of a token are unsigned, x ~ scale x (q - zero),
 * with a scale and a zero of the token's own: they depend on that token only, so its result does not depend on its
 * neighbours, and a token of small numbers loses nothing to one of large numbers. Then
 *     sum of x w  ~  token_scale x weight_scale x (sum of q_x q_w  -  zero x sum of q_w),
 * and the last sum is known when packing. 255 x 127 x 8,192 inputs fit 32 bits.
 */
#if defined(__x86_64__) && defined(__AVX512VNNI__) && defined(__AVX512BF16__)
#include "model/encoder/avx512_attention.h"
#include "model/encoder/avx512_dense.h"

DENSE(PRODUCT_INT8)

/* ---- weights ---- */

enum { QUAD = 4 };

/* Weights, then a scale and a sum of each output. */
static size_t packed_bytes(size_t outputs, size_t inputs)
{
    return outputs * inputs + 2 * outputs * sizeof(float);
}

static float largest_of(const float *row, size_t count)
{
    vector largest = v_all(0);
    for (size_t i = 0; i < count; i += V_FLOATS) {
        largest = v_max(largest, _mm512_abs_ps(_mm512_loadu_ps(row + i)));
    }
    return v_largest(largest);
}

/* One output's weights to every 32nd quad from `packed` on; answers the sum of the integers. */
static int32_t pack_row(const float *row, size_t inputs, float scale, int32_t *packed)
{
    const vector by = v_all(1 / scale);
    int32_t sum = 0;
    for (size_t i = 0; i < inputs; i += V_FLOATS) {
        const __m512i whole = _mm512_cvtps_epi32(v_mul(_mm512_loadu_ps(row + i), by));
        int32_t quads[QUAD];
        _mm_storeu_si128((__m128i *)(void *)quads, _mm512_cvtsepi32_epi8(whole));
        sum += _mm512_reduce_add_epi32(whole);
        for (size_t j = 0; j < QUAD; j++) {
            packed[(i / QUAD + j) * TILE_COLUMNS] = quads[j];
        }
    }
    return sum;
}

/* (N,K) -> panels (N/32)(K/4)(32)(4), then (N) scales and (N) sums times scale. */
static void pack(const float *weights, size_t outputs, size_t inputs, void *packed_out)
{
    float *scales = (float *)(void *)((char *)packed_out + outputs * inputs);
    float *sums = scales + outputs;
    for (size_t n = 0; n < outputs; n++) {
        const float *row = weights + n * inputs;
        const float largest = largest_of(row, inputs);
        scales[n] = largest > 0 ? largest / 127 : 1;
        int32_t *panel = (int32_t *)packed_out + n / TILE_COLUMNS * (inputs / QUAD * TILE_COLUMNS);
        sums[n] = scales[n] * (float)pack_row(row, inputs, scales[n], panel + n % TILE_COLUMNS);
    }
}

/* ---- inputs ---- */

/* The inputs of a call in integers: (T,K), then a scale and a zero times scale of each token. */
struct quantized {
    uint8_t *rows;
    float *scales;
    float *zeros;
};

static struct quantized place_quantized(void *scratch, size_t tokens, size_t inputs)
{
    struct quantized place = {.rows = scratch};
    place.scales = (float *)(void *)(place.rows + tokens * inputs);
    place.zeros = place.scales + tokens;
    return place;
}

static size_t gemm_bytes(size_t tokens, size_t inputs)
{
    return tokens * inputs + 2 * tokens * sizeof(float);
}

/* Bits of bf16 numbers, taken as whole numbers, are in the numbers' order where these are positive, and without sign those
 * of negative numbers are above all others and in the reverse order. So the largest number is the largest with sign, and the
 * smallest the largest without, if any is negative; zero is always among them. */
struct extremes {
    float least; /* <= 0 */
    float most;  /* >= 0 */
};

static inline float widened(unsigned bits)
{
    const uint32_t wide = (uint32_t)bits << 16;
    float number = 0;
    memcpy(&number, &wide, sizeof number);
    return number;
}

static inline struct extremes extremes_of(const uint16_t *row, size_t inputs)
{
    enum { MINUS_ZERO = 0x8000 };
    __m512i with_sign = _mm512_setzero_si512();
    __m512i without = _mm512_setzero_si512();
    for (size_t i = 0; i < inputs; i += TILE_COLUMNS) {
        const __m512i bits = _mm512_load_si512(row + i);
        with_sign = _mm512_max_epi16(with_sign, bits);
        without = _mm512_max_epu16(without, bits);
    }
    /* To 32 bits, for which there are reductions: of each pair the larger one. */
    const __m512i low = _mm512_set1_epi32(0xffff);
    const __m512i most = _mm512_max_epi32(_mm512_and_si512(with_sign, low), _mm512_srli_epi32(with_sign, 16));
    const __m512i least = _mm512_max_epi32(_mm512_and_si512(without, low), _mm512_srli_epi32(without, 16));
    const unsigned least_bits = (unsigned)_mm512_reduce_max_epi32(least);
    return (struct extremes){
        .least = least_bits > MINUS_ZERO ? widened(least_bits) : 0,
        .most = widened((unsigned)_mm512_reduce_max_epi32(most)),
    };
}

/* 32 bf16 x -> 32 bytes of x by + zero. A float of 1.5 x 2^23 and a whole number has that number in its lowest bits, so adding
 * rounds; `shift` is that and zero. */
static inline __m256i to_bytes(__m512i pairs, vector by, vector shift)
{
    const __m512i mask = _mm512_set1_epi32((int)0xffff0000);
    const vector evens = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
    const vector odds = _mm512_castsi512_ps(_mm512_and_si512(pairs, mask));
    const __m512i even = _mm512_castps_si512(v_fma(evens, by, shift));
    const __m512i odd = _mm512_slli_epi32(_mm512_castps_si512(v_fma(odds, by, shift)), 8);
    enum { FIRST_CHOOSES = 0xca }; /* a bit of the second where the first has one, else of the third */
    return _mm512_cvtepi32_epi16(
        _mm512_ternarylogic_epi32(_mm512_set1_epi32(0xff), even, odd, FIRST_CHOOSES));
}

/* One token's inputs, bf16 -> u8. */
static void quantize_row(const uint16_t *row, size_t inputs, uint8_t *out, float *scale_out, float *zero_out)
{
    const float whole = 12582912.0f; /* 1.5 x 2^23 */
    const struct extremes extremes = extremes_of(row, inputs);
    const float width = extremes.most - extremes.least;
    /* 254.4, not 255: rounded twice, the largest must not become 256. */
    const float scale = width > 1e-20f ? width / 254.4f : 1.0f;
    const float zero = __builtin_rintf(-extremes.least / scale);
    const vector by = v_all(1 / scale);
    const vector shift = v_all(zero + whole);
    for (size_t i = 0; i < inputs; i += TILE_COLUMNS) {
        _mm256_store_si256((__m256i *)(void *)(out + i), to_bytes(_mm512_load_si512(row + i), by, shift));
    }
    *scale_out = scale;
    *zero_out = scale * zero;
}

/* ---- dense layers ---- */

static void gemm(const struct heddle_linear *linear, const void *input, size_t tokens,
                 enum heddle_epilogue epilogue, const float *residual, void *output, void *scratch)
{
    const size_t inputs = linear->inputs;
    const struct quantized quantized = place_quantized(scratch, tokens, inputs);
    for (size_t t = 0; t < tokens; t++) {
        quantize_row((const uint16_t *)input + t * inputs, inputs, quantized.rows + t * inputs,
                     quantized.scales + t, quantized.zeros + t);
    }
    const float *weight_scales =
        (const float *)(const void *)((const char *)linear->weights + linear->outputs * inputs);
    const struct ending ending = {.bias = linear->bias,
                                  .residual = residual,
                                  .output = output,
                                  .outputs = linear->outputs,
                                  .token_scales = quantized.scales,
                                  .token_zeros = quantized.zeros,
                                  .weight_scales = weight_scales,
                                  .weight_sums = weight_scales + linear->outputs};
    dense(epilogue, &ending, (const char *)quantized.rows, linear->weights, inputs, tokens);
}

/* __builtin_cpu_supports also asks XGETBV whether the operating system saves the registers. */
static bool runs(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni");
}

const struct heddle_kernel heddle_kernel_avx512_int8 = {
    .name = "avx512_int8",
    .precision = HEDDLE_PRECISION_INT8,
    .activation_bytes = sizeof(uint16_t),
    .runs = runs,
    .is_fast = heddle_kernel_always,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .gemm_bytes = gemm_bytes,
    .gemm = gemm,
    .layer_norm = narrow_layer_norm,
    .attention_bytes = narrow_attention_bytes,
    .attention = narrow_attention,
};
#else
typedef int heddle_kernel_avx512_int8_is_for_x86_only;
#endif
