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
