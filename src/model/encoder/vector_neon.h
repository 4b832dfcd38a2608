/* vector_neon.h: the primitives of kernel_vector.h for NEON of arm64: 4 floats; a tile of 12 x 8 takes 24 of 32 registers,
 * which leaves two for a row of b and six for numbers of a. */
#include <arm_neon.h>
#include <stddef.h>

typedef float32x4_t vector;
enum { V_FLOATS = 4 };
#define TILE_ROWS 12

static inline vector v_load(const float *from)
{
    return vld1q_f32(from);
}

static inline void v_store(float *to, vector x)
{
    vst1q_f32(to, x);
}

static inline vector v_all(float x)
{
    return vdupq_n_f32(x);
}

static inline vector v_add(vector a, vector b)
{
    return vaddq_f32(a, b);
}

static inline vector v_sub(vector a, vector b)
{
    return vsubq_f32(a, b);
}

static inline vector v_mul(vector a, vector b)
{
    return vmulq_f32(a, b);
}

static inline vector v_fma(vector a, vector b, vector c)
{
    return vfmaq_f32(c, a, b);
}

static inline vector v_min(vector a, vector b)
{
    return vminq_f32(a, b);
}

static inline vector v_max(vector a, vector b)
{
    return vmaxq_f32(a, b);
}

static inline vector v_round(vector x)
{
    return vrndnq_f32(x);
}

static inline vector v_scale(vector x, vector n)
{
    /* 2^n has the exponent field n + 127; n is above -127 here, so it is a normal number. */
    const int32x4_t exponent = vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127)), 23);
    return vmulq_f32(x, vreinterpretq_f32_s32(exponent));
}

/* Lanes 0 + 1 and 2 + 3, then both: the order is part of the result. */
static inline float v_sum(vector x)
{
    const float32x2_t pairs = vpadd_f32(vget_low_f32(x), vget_high_f32(x));
    return vget_lane_f32(pairs, 0) + vget_lane_f32(pairs, 1);
}

static inline float v_largest(vector x)
{
    return vmaxvq_f32(x);
}
