/* vector_spread.h: what LayerNorm needs of a row, over the primitives that kernel_vector.h names; a source file defines those
 * first. One chain of sums, so that every kernel of an instruction set gets the same bits.
 */
#include <stddef.h>

/* Mean and 1 / standard deviation of one row, in every lane. */
struct spread {
    vector mean;
    vector scale;
};

static inline struct spread spread_of(const float *x, size_t width, float epsilon)
{
    vector sum = v_all(0);
    for (size_t i = 0; i < width; i += V_FLOATS) {
        sum = v_add(sum, v_load(x + i));
    }
    const vector mean = v_all(v_sum(sum) / (float)width);
    vector squares = v_all(0);
    for (size_t i = 0; i < width; i += V_FLOATS) {
        const vector distance = v_sub(v_load(x + i), mean);
        squares = v_fma(distance, distance, squares);
    }
    const vector scale = v_all(1.0f / __builtin_sqrtf(v_sum(squares) / (float)width + epsilon));
    return (struct spread){mean, scale};
}

static inline vector spread_even(struct spread spread, vector x, const float *gain, const float *bias)
{
    return v_fma(v_mul(v_sub(x, spread.mean), spread.scale), v_load(gain), v_load(bias));
}
