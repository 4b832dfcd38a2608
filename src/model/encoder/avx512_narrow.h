/* avx512_narrow.h: what the AVX-512 kernels with bf16 activations share: conversions, GELU, powers, LayerNorm.
 *
 * Functions of a vector are as exact as bf16 can show (3 decimal digits).
 */
#ifndef HEDDLE_MODEL_ENCODER_AVX512_NARROW_H
#define HEDDLE_MODEL_ENCODER_AVX512_NARROW_H

#include <stdalign.h>
#include <stdint.h>

#include "model/encoder/avx512_tile.h"
#include "model/encoder/kernel.h"
#include "model/encoder/vector_spread.h"

/* ---- conversions ---- */

/* 16 floats -> bf16, rounded to nearest even. */
static inline void store_narrow(uint16_t *to, vector x)
{
    _mm256_store_si256((__m256i *)(void *)to, (__m256i)_mm512_cvtneps_pbh(x));
}

/* 32 floats -> bf16. */
static inline void store_narrow_pair(uint16_t *to, vector left, vector right)
{
    _mm512_store_si512(to, (__m512i)_mm512_cvtne2ps_pbh(right, left));
}

/* ---- functions of a vector ---- */

/* erf GELU: max(x,0) - u Phi(-u) with u = |x|, absolute error 1e-4. The second part is a parabola in each of 15 pieces of
 * width 0.28 around its multiples, fitted for the least largest error, and zero beyond 4.06. Adding 1.5 x 2^23 to
 * u/0.28 rounds it to a whole number, which then stands in the lowest bits: the number of the piece. */
struct gelu_table {
    vector square; /* coefficients of u^2, of u, and constants */
    vector slope;
    vector constant;
};

static inline struct gelu_table gelu_table_load(void)
{
    alignas(64) static const float coefficients[3][V_FLOATS] = {
        {3.965898156e-01f, 3.672202140e-01f, 2.869083736e-01f, 1.815627462e-01f, 8.012620272e-02f,
         3.889858774e-03f, -3.923059939e-02f, -5.333716317e-02f, -4.877843219e-02f, -3.625770384e-02f,
         -2.319797007e-02f, -1.310546966e-02f, -6.627417811e-03f, -3.024833392e-03f, -1.252731533e-03f, 0},
        {-4.998295340e-01f, -4.889992164e-01f, -4.198100857e-01f, -2.718859439e-01f, -7.380417060e-02f,
         1.169230993e-01f, 2.482977584e-01f, 2.985837113e-01f, 2.788721368e-01f, 2.191205790e-01f,
         1.497249259e-01f, 9.054184334e-02f, 4.897098792e-02f, 2.385538078e-02f, 1.051746512e-02f, 0},
        {-1.612469744e-06f, -9.918725498e-04f, -1.601247295e-02f, -6.810848805e-02f, -1.649720594e-01f,
         -2.843792886e-01f, -3.845029540e-01f, -4.293216087e-01f, -4.080255291e-01f, -3.367196585e-01f,
         -2.445117402e-01f, -1.577325772e-01f, -9.103076110e-02f, -4.725177049e-02f, -2.215194752e-02f, 0},
    };
    return (struct gelu_table){v_load(coefficients[0]), v_load(coefficients[1]), v_load(coefficients[2])};
}

static inline vector gelu(const struct gelu_table *table, vector x)
{
    const float whole = 12582912.0f; /* 1.5 x 2^23 */
    const vector u = _mm512_abs_ps(x);
    const vector place = v_min(v_fma(u, v_all(1.0f / 0.28f), v_all(whole)), v_all(whole + 15));
    const __m512i piece = _mm512_castps_si512(place);
    vector y =
        v_fma(_mm512_permutexvar_ps(piece, table->square), u, _mm512_permutexvar_ps(piece, table->slope));
    y = v_fma(y, u, _mm512_permutexvar_ps(piece, table->constant));
    return v_add(y, v_max(x, v_all(0)));
}

/* 2^x for x <= 0, relative error 1e-4: a cubic in the distance f to the nearest whole number n, whose exponent is then
 * raised by n. Adding 1.5 x 2^23 rounds to n and leaves it in the lowest bits. On Zen 4 this takes half the time of the
 * instructions made for it (vreduceps, vscalefps). Below -100 the result
 * stays at 2^-100: nothing beside 2^0, and no subnormal number. */
static inline vector exp2_narrow(vector x)
{
    const vector shift = v_all(12582912.0f);
    x = v_max(x, v_all(-100.0f));
    const vector shifted = v_add(x, shift);
    const vector f = v_sub(x, v_sub(shifted, shift));
    vector p = v_all(5.517166839e-02f);
    p = v_fma(p, f, v_all(2.426111221e-01f));
    p = v_fma(p, f, v_all(6.932609856e-01f));
    p = v_fma(p, f, v_all(9.999280735e-01f));
    const __m512i exponent = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), exponent));
}

/* ---- LayerNorm ---- */

static void narrow_layer_norm(float *values, size_t tokens, size_t width, const float *gain,
                              const float *bias, float epsilon, void *narrow_out)
{
    for (size_t t = 0; t < tokens; t++) {
        float *x = values + t * width;
        uint16_t *narrow = (uint16_t *)narrow_out + t * width;
        const struct spread spread = spread_of(x, width, epsilon);
        for (size_t i = 0; i < width; i += V_FLOATS) {
            const vector y = spread_even(spread, v_load(x + i), gain + i, bias + i);
            v_store(x + i, y);
            store_narrow(narrow + i, y);
        }
    }
}

#endif
