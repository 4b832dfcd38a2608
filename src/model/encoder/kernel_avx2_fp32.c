/* kernel_avx2_fp32.c: fp32 on CPUs with AVX2 and FMA: vectors of 8 floats, 12 of 16 registers hold a tile of 6 x 16. */
#if defined(__x86_64__) && defined(__AVX2__)
#include <immintrin.h>
#include <stddef.h>

typedef __m256 vector;
enum { V_FLOATS = 8 };
#define TILE_ROWS 6

static inline vector v_load(const float *from)
{
    return _mm256_load_ps(from);
}

static inline void v_store(float *to, vector x)
{
    _mm256_store_ps(to, x);
}

static inline vector v_all(float x)
{
    return _mm256_set1_ps(x);
}

static inline vector v_add(vector a, vector b)
{
    return _mm256_add_ps(a, b);
}

static inline vector v_sub(vector a, vector b)
{
    return _mm256_sub_ps(a, b);
}

static inline vector v_mul(vector a, vector b)
{
    return _mm256_mul_ps(a, b);
}

static inline vector v_fma(vector a, vector b, vector c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vector v_min(vector a, vector b)
{
    return _mm256_min_ps(a, b);
}

static inline vector v_max(vector a, vector b)
{
    return _mm256_max_ps(a, b);
}

static inline vector v_round(vector x)
{
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline vector v_scale(vector x, vector n)
{
    /* 2^n has the exponent field n + 127; n is above -127 here, so it is a normal number. */
    const __m256i exponent =
        _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(x, _mm256_castsi256_ps(exponent));
}

static inline float v_sum(vector x)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

static inline float v_largest(vector x)
{
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}

#include "model/encoder/kernel_fp32_vector.h"

/* __builtin_cpu_supports also asks XGETBV whether the operating system saves the registers. */
static bool runs(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

const struct heddle_kernel heddle_kernel_avx2_fp32 = {
    .name = "avx2_fp32",
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
typedef int heddle_kernel_avx2_fp32_is_for_x86_only;
#endif
