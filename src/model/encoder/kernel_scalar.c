/* kernel_scalar.c: the encoder's arithmetic in plain C: the reference that every other kernel is held against.
 *
 * It says what is computed, in the simplest order, with the math library's erf and exp. Only the outputs are taken in
 * panels of 32, so that a panel's weights stay in cache while all tokens pass over them.
 */
#include <math.h>
#include <string.h>

#include "model/encoder/kernel.h"

enum { PANEL = 32 };

static bool runs(void)
{
    return true;
}

/* (N,K) -> panels (N/32)(K)(32). */
static void pack(const float *weights, size_t outputs, size_t inputs, void *packed_out)
{
    float *packed = packed_out;
    for (size_t n = 0; n < outputs; n++) {
        for (size_t k = 0; k < inputs; k++) {
            packed[(n / PANEL * inputs + k) * PANEL + n % PANEL] = weights[n * inputs + k];
        }
    }
}

static float gelu(float x)
{
    return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
}

static void gemm(const struct heddle_linear *linear, const void *input, size_t tokens,
                 enum heddle_epilogue epilogue, const float *residual, void *output, void *scratch)
{
    (void)scratch; /* nothing is kept between the steps */
    const size_t inputs = linear->inputs;
    const size_t outputs = linear->outputs;
    for (size_t panel = 0; panel < outputs; panel += PANEL) {
        const float *weights = (const float *)linear->weights + panel * inputs;
        for (size_t t = 0; t < tokens; t++) {
            const float *x = (const float *)input + t * inputs;
            float *y = (float *)output + t * outputs + panel;
            float sum[PANEL] = {0};
            for (size_t k = 0; k < inputs; k++) {
                for (size_t n = 0; n < PANEL; n++) {
                    sum[n] += x[k] * weights[k * PANEL + n];
                }
            }
            for (size_t n = 0; n < PANEL; n++) {
                const float value = sum[n] + linear->bias[panel + n];
                if (epilogue == HEDDLE_EPILOGUE_GELU) {
                    y[n] = gelu(value);
                } else if (epilogue == HEDDLE_EPILOGUE_RESIDUAL) {
                    y[n] = value + residual[t * outputs + panel + n];
                } else {
                    y[n] = value;
                }
            }
        }
    }
}

static void layer_norm(float *values, size_t tokens, size_t width, const float *gain, const float *bias,
                       float epsilon, void *narrow_out)
{
    (void)narrow_out; /* activations are float here */
    for (size_t t = 0; t < tokens; t++) {
        float *x = values + t * width;
        double mean = 0;
        for (size_t i = 0; i < width; i++) {
            mean += x[i];
        }
        mean /= (double)width;
        double variance = 0;
        for (size_t i = 0; i < width; i++) {
            variance += (x[i] - mean) * (x[i] - mean);
        }
        variance /= (double)width;
        const double scale = 1.0 / sqrt(variance + (double)epsilon);
        for (size_t i = 0; i < width; i++) {
            x[i] = (float)((x[i] - mean) * scale) * gain[i] + bias[i];
        }
    }
}

static size_t attention_bytes(size_t tokens, size_t head_width)
{
    (void)head_width;
    return tokens * sizeof(float);
}

/* Turns scores into weights that sum to 1. The largest is subtracted first: exp then cannot overflow. */
static void softmax(float *scores, size_t count)
{
    float largest = scores[0];
    for (size_t i = 1; i < count; i++) {
        largest = scores[i] > largest ? scores[i] : largest;
    }
    float sum = 0;
    for (size_t i = 0; i < count; i++) {
        scores[i] = expf(scores[i] - largest);
        sum += scores[i];
    }
    for (size_t i = 0; i < count; i++) {
        scores[i] /= sum;
    }
}

/* One query of one head: context = softmax(query . keys) . values. `step` is the distance between tokens. */
static void attend(const float *query, const float *keys, const float *values, size_t step, size_t tokens,
                   size_t width, float *scores, float *context)
{
    for (size_t t = 0; t < tokens; t++) {
        scores[t] = 0;
        for (size_t i = 0; i < width; i++) {
            scores[t] += query[i] * keys[t * step + i];
        }
    }
    softmax(scores, tokens);
    memset(context, 0, width * sizeof *context);
    for (size_t t = 0; t < tokens; t++) {
        for (size_t i = 0; i < width; i++) {
            context[i] += scores[t] * values[t * step + i];
        }
    }
}

static void attention(const struct heddle_attention *attention)
{
    const size_t width = attention->head_width;
    const size_t hidden = attention->heads * width;
    const size_t step = 3 * hidden;
    for (size_t head = 0; head < attention->heads; head++) {
        const float *queries = (const float *)attention->qkv + head * width;
        for (size_t t = 0; t < attention->tokens; t++) {
            attend(queries + t * step, queries + hidden, queries + 2 * hidden, step, attention->tokens, width,
                   attention->scratch, (float *)attention->context + t * hidden + head * width);
        }
    }
}

const struct heddle_kernel heddle_kernel_scalar = {
    .name = "scalar",
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
