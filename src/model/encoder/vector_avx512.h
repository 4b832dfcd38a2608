/* vector_avx512.h: the primitives of kernel_vector.h for AVX-512: 16 floats; a tile of 14 x 32 takes 28 of 32 registers. */
#include <immintrin.h>
#include <stddef.h>

typedef __m512 vector;
enum { V_FLOATS = 16 };
#define TILE_ROWS 14

static inline vector v_load(const float *from)
{
    return _mm512_load_ps(from);
}

static inline void v_store(float *to, vector x)
{
    _mm512_store_ps(to, x);
}

static inline vector v_all(float x)
{
    return _mm512_set1_ps(x);
}

static inline vector v_add(vector a, vector b)
{
    return _mm512_add_ps(a, b);
}

static inline vector v_sub(vector a, vector b)
{
    return _mm512_sub_ps(a, b);
}

static inline vector v_mul(vector a, vector b)
{
    return _mm512_mul_ps(a, b);
}

static inline vector v_fma(vector a, vector b, vector c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vector v_min(vector a, vector b)
{
    return _mm512_min_ps(a, b);
}

static inline vector v_max(vector a, vector b)
{
    return _mm512_max_ps(a, b);
}

static inline vector v_round(vector x)
{
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline vector v_scale(vector x, vector n)
{
    return _mm512_scalef_ps(x, n);
}

static inline float v_sum(vector x)
{
    return _mm512_reduce_add_ps(x);
}

static inline float v_largest(vector x)
{
    return _mm512_reduce_max_ps(x);
}

/* 16 numbers of 32 bits of each of 16 rows, `step` bytes apart -> their 16 columns, `out_step` bytes apart. Of rows from
 * `real` on there is nothing to read: they are zero. Four rounds each double the size of what rows exchange. */
#define V_TRANSPOSES
static inline void v_transpose(const void *from, size_t step, size_t real, void *out, size_t out_step)
{
    __m512i r[16];
    __m512i t[16];
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; i++) {
        r[i] = i < real ? _mm512_load_si512((const char *)from + i * step) : _mm512_setzero_si512();
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        char *column = (char *)out + i * out_step;
        _mm512_store_si512(column, _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88));
        _mm512_store_si512(column + 4 * out_step, _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88));
        _mm512_store_si512(column + 8 * out_step, _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd));
        _mm512_store_si512(column + 12 * out_step, _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd));
    }
}
