/* kernel_avx512_bf16.c: bf16 on CPUs with AVX512-BF16: twice the multiply-adds of fp32 where the CPU does them at full rate.
 *
 * Weights and the inputs of dense layers are bf16, sums are fp32 (vdpbf16ps adds two products a step); the residual
 * stream, LayerNorm, GELU and attention stay fp32. AMD Zen 4 and later run it at full rate; the first Intel CPUs that
 * have the instruction run it slower than fp32, so it is used where bf16 is asked for.
 */
#if defined(__x86_64__) && defined(__AVX512BF16__)
#include <stdint.h>

#include "model/encoder/vector_avx512.h"

#include "model/encoder/kernel_vector.h"

/* ---- conversions ---- */

static uint16_t narrow_one(float x)
{
    uint32_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    bits += 0x7fff + (bits >> 16 & 1); /* round to nearest, ties to even; weights are finite */
    return (uint16_t)(bits >> 16);
}

static float widen_one(uint16_t x)
{
    const uint32_t bits = (uint32_t)x << 16;
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline void store_narrow(uint16_t *to, vector x)
{
    _mm256_storeu_si256((__m256i *)(void *)to, (__m256i)_mm512_cvtneps_pbh(x));
}

/* ---- dense layers ---- */

/* (N,K) -> panels (N/32)(K/2)(32)(2): the two inputs of one product pair lie side by side. */
static void pack(const float *weights, size_t outputs, size_t inputs, void *packed_out)
{
    uint16_t *packed = packed_out;
    for (size_t panel = 0; panel < outputs; panel += TILE_COLUMNS) {
        for (size_t k = 0; k < inputs; k++) {
            for (size_t n = 0; n < TILE_COLUMNS; n++) {
                packed[(k / 2 * TILE_COLUMNS + n) * 2 + k % 2] =
                    narrow_one(weights[(panel + n) * inputs + k]);
            }
        }
        packed += inputs * TILE_COLUMNS;
    }
}

/* As tile() of kernel_vector.h: c (rows,32) = a (rows,depth) . b (depth,32), two steps of depth at once. */
static inline __attribute__((always_inline)) void
narrow_tile(const size_t rows, const uint16_t *a, size_t a_step, const uint16_t *b, size_t depth, float *c)
{
    vector left[TILE_ROWS];
    vector right[TILE_ROWS];
#pragma GCC unroll 16
    for (size_t r = 0; r < rows; r++) {
        left[r] = v_all(0);
        right[r] = v_all(0);
    }
    for (size_t k = 0; k < depth; k += 2) {
        const __m512bh b_left = (__m512bh)_mm512_load_si512(b + k * TILE_COLUMNS);
        const __m512bh b_right = (__m512bh)_mm512_load_si512(b + k * TILE_COLUMNS + TILE_COLUMNS);
#pragma GCC unroll 16
        for (size_t r = 0; r < rows; r++) {
            int pair = 0;
            memcpy(&pair, a + r * a_step + k, sizeof pair);
            const __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
            left[r] = _mm512_dpbf16_ps(left[r], x, b_left);
            right[r] = _mm512_dpbf16_ps(right[r], x, b_right);
        }
    }
#pragma GCC unroll 16
    for (size_t r = 0; r < rows; r++) {
        v_store(c + r * TILE_COLUMNS, left[r]);
        v_store(c + r * TILE_COLUMNS + V_FLOATS, right[r]);
    }
}

#define NARROW_TILE_OF(rows)                                                                                 \
    static __attribute__((noinline)) void narrow_tile_##rows(const uint16_t *a, size_t a_step,               \
                                                             const uint16_t *b, size_t depth, float *c)      \
    {                                                                                                        \
        narrow_tile(rows, a, a_step, b, depth, c);                                                           \
    }

NARROW_TILE_OF(1)
NARROW_TILE_OF(2)
NARROW_TILE_OF(3)
NARROW_TILE_OF(4)
NARROW_TILE_OF(5)
NARROW_TILE_OF(6)
NARROW_TILE_OF(7)
NARROW_TILE_OF(8)
NARROW_TILE_OF(9)
NARROW_TILE_OF(10)
NARROW_TILE_OF(11)
NARROW_TILE_OF(12)
NARROW_TILE_OF(13)
NARROW_TILE_OF(14)

typedef void narrow_tile_function(const uint16_t *a, size_t a_step, const uint16_t *b, size_t depth,
                                  float *c);

static narrow_tile_function *const narrow_tiles[TILE_ROWS + 1] = {
    NULL,           narrow_tile_1,  narrow_tile_2,  narrow_tile_3,  narrow_tile_4,
    narrow_tile_5,  narrow_tile_6,  narrow_tile_7,  narrow_tile_8,  narrow_tile_9,
    narrow_tile_10, narrow_tile_11, narrow_tile_12, narrow_tile_13, narrow_tile_14,
};

/* Block (rows,32) of sums -> the rows of the output from `place` on. */
static void finish_block(const float *block, size_t rows, const float *bias, enum heddle_epilogue epilogue,
                         const float *residual, void *output, size_t place, size_t step)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t n = 0; n < TILE_COLUMNS; n += V_FLOATS) {
            const size_t at = place + r * step + n;
            const vector value = v_add(v_load(block + r * TILE_COLUMNS + n), v_load(bias + n));
            if (epilogue == HEDDLE_EPILOGUE_RESIDUAL) {
                v_store((float *)output + at, v_add(value, v_load(residual + at)));
            } else {
                store_narrow((uint16_t *)output + at,
                             epilogue == HEDDLE_EPILOGUE_GELU ? v_gelu(value) : value);
            }
        }
    }
}

static void gemm(const struct heddle_linear *linear, const void *input, size_t tokens,
                 enum heddle_epilogue epilogue, const float *residual, void *output, void *scratch)
{
    (void)scratch; /* nothing is kept between the steps */
    alignas(64) float block[TILE_ROWS * TILE_COLUMNS];
    const size_t inputs = linear->inputs;
    const size_t outputs = linear->outputs;
    const size_t count = tile_count(tokens);
    for (size_t panel = 0; panel < outputs; panel += TILE_COLUMNS) {
        const uint16_t *weights = (const uint16_t *)linear->weights + panel * inputs;
        for (size_t i = 0; i < count; i++) {
            const size_t first = tokens * i / count;
            const size_t rows = tokens * (i + 1) / count - first;
            narrow_tiles[rows]((const uint16_t *)input + first * inputs, inputs, weights, inputs, block);
            finish_block(block, rows, linear->bias + panel, epilogue, residual, output,
                         first * outputs + panel, outputs);
        }
    }
}

static void narrow_layer_norm(float *values, size_t tokens, size_t width, const float *gain,
                              const float *bias, float epsilon, void *narrow_out)
{
    layer_norm(values, tokens, width, gain, bias, epsilon, NULL);
    for (size_t i = 0; i < tokens * width; i += V_FLOATS) {
        store_narrow((uint16_t *)narrow_out + i, v_load(values + i));
    }
}

/* ---- attention: widened head by head, then as in fp32 ---- */

/* Behind the scratch of attend(): queries and context of one head, (T,width) floats each. */
static size_t narrow_attention_bytes(size_t tokens, size_t head_width)
{
    return attention_bytes(tokens, head_width) + 2 * padded(tokens) * head_width * sizeof(float);
}

static void widen_rows(const uint16_t *rows, size_t step, size_t tokens, size_t width, float *out)
{
    for (size_t t = 0; t < tokens; t++) {
        for (size_t i = 0; i < width; i++) {
            out[t * width + i] = widen_one(rows[t * step + i]);
        }
    }
}

/* (T,width) -> panels of 32 tokens (T/32)(width)(32); places without a token are zero. */
static void pack_keys(const uint16_t *keys, size_t step, size_t tokens, size_t width, float *packed)
{
    for (size_t panel = 0; panel < tokens; panel += TILE_COLUMNS) {
        const size_t here = tokens - panel < TILE_COLUMNS ? tokens - panel : TILE_COLUMNS;
        for (size_t i = 0; i < width; i++) {
            for (size_t n = 0; n < TILE_COLUMNS; n++) {
                packed[i * TILE_COLUMNS + n] = n < here ? widen_one(keys[(panel + n) * step + i]) : 0.0f;
            }
        }
        packed += width * TILE_COLUMNS;
    }
}

/* (T,width) -> panels of 32 columns (width/32)(T)(32). */
static void pack_values(const uint16_t *values, size_t step, size_t tokens, size_t width, float *packed)
{
    for (size_t panel = 0; panel < width; panel += TILE_COLUMNS) {
        widen_rows(values + panel, step, tokens, TILE_COLUMNS, packed);
        packed += tokens * TILE_COLUMNS;
    }
}

static void attend_head(const struct heddle_attention *attention, size_t head)
{
    const size_t tokens = attention->tokens;
    const size_t width = attention->head_width;
    const size_t hidden = attention->heads * width;
    const size_t room = padded(tokens) * width;
    const uint16_t *qkv = (const uint16_t *)attention->qkv + head * width;
    float *keys = attention->scratch;
    float *values = keys + room;
    float *queries = values + room;
    float *context = queries + room;
    float *scores = context + room;
    widen_rows(qkv, 3 * hidden, tokens, width, queries);
    pack_keys(qkv + hidden, 3 * hidden, tokens, width, keys);
    pack_values(qkv + 2 * hidden, 3 * hidden, tokens, width, values);
    const size_t count = tile_count(tokens);
    for (size_t i = 0; i < count; i++) {
        const size_t first = tokens * i / count;
        const size_t rows = tokens * (i + 1) / count - first;
        attend(queries + first * width, width, rows, keys, values, tokens, width, scores,
               context + first * width, width);
    }
    uint16_t *out = (uint16_t *)attention->context + head * width;
    for (size_t t = 0; t < tokens; t++) {
        for (size_t i = 0; i < width; i += V_FLOATS) {
            store_narrow(out + t * hidden + i, v_load(context + t * width + i));
        }
    }
}

static void narrow_attention(const struct heddle_attention *attention)
{
    for (size_t head = 0; head < attention->heads; head++) {
        attend_head(attention, head);
    }
}

/* __builtin_cpu_supports also asks XGETBV whether the operating system saves the registers. */
static bool runs(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
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
