/* test_kernels.c: every kernel against plain double arithmetic, and the promise that a token's result does not depend
 * on its neighbours: bit for bit. Runs on random numbers, without a model. */
#include "model_fixture.h"

#include <math.h>

#include "model/encoder/kernel.h"

enum { TOKENS = 61, INPUTS = 96, OUTPUTS = 64, ALIGNMENT = 64 };

static float *aligned(size_t count)
{
    void *memory = NULL;
    assert_int_equal(posix_memalign(&memory, ALIGNMENT, count * sizeof(float) + ALIGNMENT), 0);
    memset(memory, 0x7f, count * sizeof(float) + ALIGNMENT); /* large numbers: a read beyond the end shows */
    return memory;
}

static float *random_floats(size_t count, uint64_t seed, double width)
{
    float *values = aligned(count);
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)((heddle_random_unit(&seed) - 0.5) * width);
    }
    return values;
}

/* Calls `check` with each fp32 kernel that this CPU runs; says which it cannot. */
static void with_each_kernel(void (*check)(const struct heddle_kernel *kernel))
{
    const struct heddle_kernel *const *kernels = heddle_kernels();
    size_t checked = 0;
    for (size_t i = 0; kernels[i] != NULL; i++) {
        if (!kernels[i]->runs()) {
            print_message("%s: skipped, this CPU cannot run it\n", kernels[i]->name);
        } else if (kernels[i]->precision == HEDDLE_PRECISION_FP32) {
            check(kernels[i]);
            checked++;
        }
    }
    assert_true(checked >= 1);
}

/* ---- dense layers ---- */

struct dense {
    struct heddle_linear linear;
    float *weights; /* (N,K) as in the file */
    float *input;
    float *residual;
};

static struct dense make_dense(const struct heddle_kernel *kernel)
{
    struct dense dense = {.weights = random_floats(OUTPUTS * INPUTS, 1, 1.0),
                          .input = random_floats(TOKENS * INPUTS, 2, 2.0),
                          .residual = random_floats(TOKENS * OUTPUTS, 3, 2.0)};
    dense.linear =
        (struct heddle_linear){aligned(OUTPUTS * INPUTS), random_floats(OUTPUTS, 4, 1.0), INPUTS, OUTPUTS};
    kernel->pack(dense.weights, OUTPUTS, INPUTS, dense.linear.weights);
    return dense;
}

static void free_dense(struct dense *dense)
{
    free(dense->linear.weights);
    free(dense->linear.bias);
    free(dense->weights);
    free(dense->input);
    free(dense->residual);
}

static double expected_output(const struct dense *dense, size_t token, size_t output,
                              enum heddle_epilogue epilogue)
{
    double sum = (double)dense->linear.bias[output];
    for (size_t k = 0; k < INPUTS; k++) {
        sum += (double)dense->input[token * INPUTS + k] * (double)dense->weights[output * INPUTS + k];
    }
    if (epilogue == HEDDLE_EPILOGUE_GELU) {
        return 0.5 * sum * (1 + erf(sum / sqrt(2.0)));
    }
    return epilogue == HEDDLE_EPILOGUE_RESIDUAL ? sum + (double)dense->residual[token * OUTPUTS + output]
                                                : sum;
}

static void check_dense(const struct heddle_kernel *kernel)
{
    static const enum heddle_epilogue epilogues[] = {HEDDLE_EPILOGUE_BIAS, HEDDLE_EPILOGUE_GELU,
                                                     HEDDLE_EPILOGUE_RESIDUAL};
    struct dense dense = make_dense(kernel);
    float *output = aligned(TOKENS * OUTPUTS);
    for (size_t e = 0; e < 3; e++) {
        kernel->gemm(&dense.linear, dense.input, TOKENS, epilogues[e], dense.residual, output, NULL);
        for (size_t t = 0; t < TOKENS; t++) {
            for (size_t n = 0; n < OUTPUTS; n++) {
                const double expected = expected_output(&dense, t, n, epilogues[e]);
                assert_true(fabs((double)output[t * OUTPUTS + n] - expected) < 1e-5);
            }
        }
    }
    free(output);
    free_dense(&dense);
}

static void dense_layers_equal_double_arithmetic(void **state)
{
    (void)state;
    with_each_kernel(check_dense);
}

/* 1 to 61 tokens go through every size and mix of register tiles. */
static void check_dense_alone(const struct heddle_kernel *kernel)
{
    struct dense dense = make_dense(kernel);
    float *all = aligned(TOKENS * OUTPUTS);
    float *some = aligned(TOKENS * OUTPUTS);
    kernel->gemm(&dense.linear, dense.input, TOKENS, HEDDLE_EPILOGUE_GELU, NULL, all, NULL);
    for (size_t count = 1; count < TOKENS; count++) {
        const size_t first = (TOKENS - count) / 2;
        /* the input of a call is aligned: rows are copied to its front */
        float *rows = aligned(count * INPUTS);
        memcpy(rows, dense.input + first * INPUTS, count * INPUTS * sizeof *rows);
        kernel->gemm(&dense.linear, rows, count, HEDDLE_EPILOGUE_GELU, NULL, some, NULL);
        assert_memory_equal(some, all + first * OUTPUTS, count * OUTPUTS * sizeof *some);
        free(rows);
    }
    free(some);
    free(all);
    free_dense(&dense);
}

static void a_token_has_the_same_bits_with_any_number_of_neighbours(void **state)
{
    (void)state;
    with_each_kernel(check_dense_alone);
}

/* Weights of 1 on one input make the dense layer the identity: its epilogue is GELU of the input. */
static void check_gelu(const struct heddle_kernel *kernel)
{
    enum { POINTS = 2401, WIDTH = 32 };
    float *weights = aligned(WIDTH * WIDTH);
    float *input = aligned(POINTS * WIDTH);
    float *output = aligned(POINTS * WIDTH);
    memset(weights, 0, WIDTH * WIDTH * sizeof *weights);
    for (size_t i = 0; i < WIDTH; i++) {
        weights[i * WIDTH + i] = 1;
    }
    for (size_t i = 0; i < POINTS * WIDTH; i++) {
        input[i] = (float)((double)i / (POINTS * WIDTH - 1) * 24 - 12);
    }
    struct heddle_linear linear = {aligned(WIDTH * WIDTH), random_floats(WIDTH, 1, 0), WIDTH, WIDTH};
    kernel->pack(weights, WIDTH, WIDTH, linear.weights);
    kernel->gemm(&linear, input, POINTS, HEDDLE_EPILOGUE_GELU, NULL, output, NULL);
    double worst = 0;
    for (size_t i = 0; i < POINTS * WIDTH; i++) {
        const double x = (double)input[i];
        const double error = fabs((double)output[i] - 0.5 * x * (1 + erf(x / sqrt(2.0))));
        worst = fmax(worst, fabs(x) <= 6 ? error : error / fabs(x) * 6);
    }
    print_message("%s: GELU is right to %.1e\n", kernel->name, worst);
    assert_true(worst < 1.2e-6);
    free(linear.weights);
    free(linear.bias);
    free(weights);
    free(input);
    free(output);
}

static void gelu_is_the_one_with_erf_over_its_whole_range(void **state)
{
    (void)state;
    with_each_kernel(check_gelu);
}

/* ---- LayerNorm ---- */

static void check_norm(const struct heddle_kernel *kernel)
{
    float *values = random_floats(TOKENS * INPUTS, 5, 4.0);
    float *gain = random_floats(INPUTS, 6, 2.0);
    float *bias = random_floats(INPUTS, 7, 2.0);
    float *given = aligned(TOKENS * INPUTS);
    for (size_t i = 0; i < INPUTS; i++) {
        values[i] = 3.5f; /* no variance at all: epsilon keeps it finite */
    }
    memcpy(given, values, TOKENS * INPUTS * sizeof *given);
    kernel->layer_norm(values, TOKENS, INPUTS, gain, bias, 1e-12f, NULL);
    for (size_t t = 0; t < TOKENS; t++) {
        double mean = 0;
        double variance = 0;
        for (size_t i = 0; i < INPUTS; i++) {
            mean += (double)given[t * INPUTS + i] / INPUTS;
        }
        for (size_t i = 0; i < INPUTS; i++) {
            variance += pow((double)given[t * INPUTS + i] - mean, 2) / INPUTS;
        }
        for (size_t i = 0; i < INPUTS; i++) {
            const double normal = ((double)given[t * INPUTS + i] - mean) / sqrt(variance + 1e-12);
            const double expected = normal * (double)gain[i] + (double)bias[i];
            assert_true(fabs((double)values[t * INPUTS + i] - expected) < 4e-6);
        }
    }
    free(given);
    free(bias);
    free(gain);
    free(values);
}

static void layer_norm_equals_double_arithmetic(void **state)
{
    (void)state;
    with_each_kernel(check_norm);
}

/* ---- attention ---- */

enum { HEADS = 2, HIDDEN_MAX = HEADS * 64 };

/* Context of one query of one head in double arithmetic. */
static void expected_context(const float *qkv, size_t tokens, size_t width, size_t head, size_t token,
                             double *context)
{
    const size_t hidden = HEADS * width;
    double weights[512];
    double sum = 0;
    for (size_t t = 0; t < tokens; t++) {
        double score = 0;
        for (size_t i = 0; i < width; i++) {
            score += (double)qkv[token * 3 * hidden + head * width + i] *
                     (double)qkv[t * 3 * hidden + hidden + head * width + i];
        }
        weights[t] = exp(score);
        sum += weights[t];
    }
    for (size_t i = 0; i < width; i++) {
        context[i] = 0;
        for (size_t t = 0; t < tokens; t++) {
            context[i] += weights[t] / sum * (double)qkv[t * 3 * hidden + 2 * hidden + head * width + i];
        }
    }
}

static void check_attention_of(const struct heddle_kernel *kernel, size_t tokens, size_t width)
{
    const size_t hidden = HEADS * width;
    float *qkv = random_floats(tokens * 3 * hidden, tokens + width, 3.0);
    float *context = aligned(tokens * hidden);
    void *scratch = aligned(kernel->attention_bytes(tokens, width) / sizeof(float));
    const struct heddle_attention attention = {.qkv = qkv,
                                               .tokens = tokens,
                                               .heads = HEADS,
                                               .head_width = width,
                                               .context = context,
                                               .scratch = scratch};
    kernel->attention(&attention);
    for (size_t head = 0; head < HEADS; head++) {
        for (size_t t = 0; t < tokens; t++) {
            double expected[HIDDEN_MAX];
            expected_context(qkv, tokens, width, head, t, expected);
            for (size_t i = 0; i < width; i++) {
                assert_true(fabs((double)context[t * hidden + head * width + i] - expected[i]) < 1e-5);
            }
        }
    }
    free(scratch);
    free(context);
    free(qkv);
}

static void check_attention(const struct heddle_kernel *kernel)
{
    static const size_t lengths[] = {1, 2, 3, 6, 7, 13, 14, 15, 16, 17, 31, 32, 33, 63, 65, 130};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        check_attention_of(kernel, lengths[i], 32);
        check_attention_of(kernel, lengths[i], 64);
    }
}

static void attention_equals_double_arithmetic_for_any_length(void **state)
{
    (void)state;
    with_each_kernel(check_attention);
}

/* Scores of +-300 would overflow exp; the largest must be subtracted first. */
static void check_extreme(const struct heddle_kernel *kernel)
{
    enum { WIDTH = 32, LENGTH = 20, H = HEADS * WIDTH };
    float *qkv = aligned(LENGTH * 3 * H);
    float *context = aligned(LENGTH * H);
    void *scratch = aligned(kernel->attention_bytes(LENGTH, WIDTH) / sizeof(float));
    for (size_t t = 0; t < LENGTH; t++) {
        for (size_t i = 0; i < H; i++) {
            qkv[t * 3 * H + i] = 3.0f;
            qkv[t * 3 * H + H + i] = t == 7 ? 3.2f : -3.0f; /* token 7 takes all */
            qkv[t * 3 * H + 2 * H + i] = (float)t;
        }
    }
    const struct heddle_attention attention = {.qkv = qkv,
                                               .tokens = LENGTH,
                                               .heads = HEADS,
                                               .head_width = WIDTH,
                                               .context = context,
                                               .scratch = scratch};
    kernel->attention(&attention);
    for (size_t i = 0; i < LENGTH * H; i++) {
        assert_true(fabsf(context[i] - 7.0f) < 1e-5f);
    }
    free(scratch);
    free(context);
    free(qkv);
}

static void large_scores_do_not_overflow(void **state)
{
    (void)state;
    with_each_kernel(check_extreme);
}

/* ---- narrow activations ---- */

/* Calls `check` with each kernel of bf16 activations in row-major order that this CPU runs; says which it cannot. AMX, which
 * has them in the order of its tiles, is test_kernel_amx.c's. */
static void with_each_narrow_kernel(void (*check)(const struct heddle_kernel *kernel))
{
    const struct heddle_kernel *const *kernels = heddle_kernels();
    for (size_t i = 0; kernels[i] != NULL; i++) {
        if (kernels[i]->activation_bytes != sizeof(uint16_t) || kernels[i]->begin != NULL) {
            continue;
        }
        if (!kernels[i]->runs()) {
            print_message("%s: skipped, this CPU cannot run it\n", kernels[i]->name);
        } else {
            check(kernels[i]);
        }
    }
}

static float widened(uint16_t x)
{
    const uint32_t bits = (uint32_t)x << 16;
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Floats that are bf16 exactly, and those in 16 bits; one token in 8 is a hundred times larger than its neighbours. */
static uint16_t *narrowed(float *values, size_t count, size_t width)
{
    uint16_t *narrow = (uint16_t *)(void *)aligned((count + HEDDLE_TOKEN_ROOM * width) / 2);
    for (size_t i = 0; i < count; i++) {
        const float value = i / width % 8 == 3 ? 100 * values[i] : values[i];
        uint32_t bits = 0;
        memcpy(&bits, &value, sizeof bits);
        narrow[i] = (uint16_t)(bits >> 16);
        values[i] = widened(narrow[i]);
    }
    return narrow;
}

/* A dense layer of K = 96, N = 64 over TOKENS tokens; the packed weights have the size that the kernel asks for. */
struct narrow_dense {
    struct dense dense;
    uint16_t *input;
    void *scratch;
    void *output;
};

static struct narrow_dense make_narrow_dense(const struct heddle_kernel *kernel)
{
    struct narrow_dense made = {
        .dense = {.weights = random_floats(OUTPUTS * INPUTS, 1, 1.0),
                  .input = random_floats(TOKENS * INPUTS, 2, 2.0),
                  .residual = random_floats((TOKENS + HEDDLE_TOKEN_ROOM) * OUTPUTS, 3, 2.0)},
        .scratch = aligned(kernel->gemm_bytes(TOKENS + HEDDLE_TOKEN_ROOM, INPUTS)),
        .output = aligned((TOKENS + HEDDLE_TOKEN_ROOM) * OUTPUTS)};
    void *packed = aligned(kernel->packed_bytes(OUTPUTS, INPUTS) / sizeof(float));
    made.input = narrowed(made.dense.input, TOKENS * INPUTS, INPUTS);
    made.dense.linear = (struct heddle_linear){packed, random_floats(OUTPUTS, 4, 1.0), INPUTS, OUTPUTS};
    kernel->pack(made.dense.weights, OUTPUTS, INPUTS, packed);
    return made;
}

static void free_narrow_dense(struct narrow_dense *made)
{
    free_dense(&made->dense);
    free(made->input);
    free(made->scratch);
    free(made->output);
}

/* An error is measured against the length of the token's row of results, as rounding of its inputs and weights makes it. */
static void check_narrow_dense(const struct heddle_kernel *kernel)
{
    static const enum heddle_epilogue epilogues[] = {HEDDLE_EPILOGUE_BIAS, HEDDLE_EPILOGUE_GELU,
                                                     HEDDLE_EPILOGUE_RESIDUAL};
    const double allowed = kernel->precision == HEDDLE_PRECISION_BF16 ? 0.004 : 0.012;
    struct narrow_dense made = make_narrow_dense(kernel);
    double worst = 0;
    for (size_t e = 0; e < 3; e++) {
        kernel->gemm(&made.dense.linear, made.input, TOKENS, epilogues[e], made.dense.residual, made.output,
                     made.scratch);
        for (size_t t = 0; t < TOKENS; t++) {
            double errors = 0;
            double squares = 0;
            for (size_t n = 0; n < OUTPUTS; n++) {
                const double expected = expected_output(&made.dense, t, n, epilogues[e]);
                const double got = epilogues[e] == HEDDLE_EPILOGUE_RESIDUAL
                                       ? (double)((float *)made.output)[t * OUTPUTS + n]
                                       : (double)widened(((uint16_t *)made.output)[t * OUTPUTS + n]);
                errors += (got - expected) * (got - expected);
                squares += expected * expected;
            }
            worst = fmax(worst, sqrt(errors / squares));
        }
    }
    print_message("%s: dense layers are right to %.1e of a row's length\n", kernel->name, worst);
    assert_true(worst < allowed);
    free_narrow_dense(&made);
}

static void narrow_dense_layers_equal_double_arithmetic_but_for_rounding(void **state)
{
    (void)state;
    with_each_narrow_kernel(check_narrow_dense);
}

/* What a token's inputs may look like; each alone decides how they are rounded. */
static float one_sided(size_t token, float x)
{
    switch (token % 6) {
    case 0: return fabsf(x);
    case 1: return -fabsf(x);
    case 2: return -0.0f;
    case 3: return 1e30f * x;
    case 4: return 1e-15f * x;
    default: return x > 0 ? x : 0;
    }
}

static void check_one_sided(const struct heddle_kernel *kernel)
{
    const double allowed = kernel->precision == HEDDLE_PRECISION_BF16 ? 0.004 : 0.012;
    struct narrow_dense made = make_narrow_dense(kernel);
    memset(made.dense.linear.bias, 0, OUTPUTS * sizeof(float));
    for (size_t i = 0; i < TOKENS * INPUTS; i++) {
        made.dense.input[i] = one_sided(i / INPUTS, made.dense.input[i]);
        uint32_t bits = 0;
        memcpy(&bits, &made.dense.input[i], sizeof bits);
        made.input[i] = (uint16_t)(bits >> 16);
        made.dense.input[i] = widened(made.input[i]);
    }
    kernel->gemm(&made.dense.linear, made.input, TOKENS, HEDDLE_EPILOGUE_BIAS, NULL, made.output,
                 made.scratch);
    for (size_t t = 0; t < TOKENS; t++) {
        double errors = 0;
        double squares = 0;
        for (size_t n = 0; n < OUTPUTS; n++) {
            const double expected = expected_output(&made.dense, t, n, HEDDLE_EPILOGUE_BIAS);
            const double got = (double)widened(((uint16_t *)made.output)[t * OUTPUTS + n]);
            errors += (got - expected) * (got - expected);
            squares += expected * expected;
        }
        assert_true(errors <= allowed * allowed * squares);
    }
    free_narrow_dense(&made);
}

static void inputs_of_one_sign_of_any_size_or_all_zero_are_rounded_to_their_own_scale(void **state)
{
    (void)state;
    with_each_narrow_kernel(check_one_sided);
}

/* Every number of tokens, at every place among others a hundred times larger: the same bits. */
static void check_narrow_alone(const struct heddle_kernel *kernel)
{
    struct narrow_dense made = make_narrow_dense(kernel);
    uint16_t *all = (uint16_t *)(void *)aligned(TOKENS * OUTPUTS / 2);
    kernel->gemm(&made.dense.linear, made.input, TOKENS, HEDDLE_EPILOGUE_GELU, NULL, made.output,
                 made.scratch);
    memcpy(all, made.output, TOKENS * OUTPUTS * sizeof *all);
    uint16_t *rows = (uint16_t *)(void *)aligned((TOKENS + HEDDLE_TOKEN_ROOM) * INPUTS / 2);
    uint64_t random = 11;
    for (size_t count = 1; count < TOKENS; count++) {
        const size_t first = heddle_random_below(&random, TOKENS - count + 1);
        memcpy(rows, made.input + first * INPUTS, count * INPUTS * sizeof *rows);
        kernel->gemm(&made.dense.linear, rows, count, HEDDLE_EPILOGUE_GELU, NULL, made.output, made.scratch);
        assert_memory_equal(made.output, all + first * OUTPUTS, count * OUTPUTS * sizeof *all);
    }
    free(rows);
    free(all);
    free_narrow_dense(&made);
}

static void a_narrow_token_has_the_same_bits_with_any_neighbours(void **state)
{
    (void)state;
    with_each_narrow_kernel(check_narrow_alone);
}

static void check_narrow_attention_of(const struct heddle_kernel *kernel, size_t tokens, size_t width)
{
    const size_t hidden = HEADS * width;
    float *qkv = random_floats(tokens * 3 * hidden, tokens + width, 3.0);
    uint16_t *narrow = narrowed(qkv, tokens * 3 * hidden, 1000 * 3 * hidden);
    uint16_t *context = (uint16_t *)(void *)aligned((tokens + HEDDLE_TOKEN_ROOM) * hidden / 2);
    void *scratch = aligned(kernel->attention_bytes(tokens, width) / sizeof(float));
    const struct heddle_attention attention = {.qkv = narrow,
                                               .tokens = tokens,
                                               .heads = HEADS,
                                               .head_width = width,
                                               .context = context,
                                               .scratch = scratch};
    kernel->attention(&attention);
    for (size_t head = 0; head < HEADS; head++) {
        for (size_t t = 0; t < tokens; t++) {
            double expected[HIDDEN_MAX];
            expected_context(qkv, tokens, width, head, t, expected);
            for (size_t i = 0; i < width; i++) {
                const double got = (double)widened(context[t * hidden + head * width + i]);
                assert_true(fabs(got - expected[i]) < 0.012);
            }
        }
    }
    free(scratch);
    free(context);
    free(narrow);
    free(qkv);
}

static void check_narrow_attention(const struct heddle_kernel *kernel)
{
    static const size_t lengths[] = {1, 2, 3, 7, 13, 14, 15, 16, 17, 28, 29, 31, 32, 33, 47, 48, 49, 65, 130};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        check_narrow_attention_of(kernel, lengths[i], 32);
        check_narrow_attention_of(kernel, lengths[i], 64);
    }
}

static void narrow_attention_equals_double_arithmetic_but_for_rounding(void **state)
{
    (void)state;
    with_each_narrow_kernel(check_narrow_attention);
}

/* One query of `tokens` meets keys that give it scores from -`top` to `top`, the others small ones: its context is the value
 * of the key it likes best, theirs are means. */
static void check_narrow_top(const struct heddle_kernel *kernel, size_t tokens, size_t loud, float top)
{
    enum { WIDTH = 32, H = HEADS * WIDTH };
    float *qkv = aligned(tokens * 3 * H);
    for (size_t t = 0; t < tokens; t++) {
        for (size_t i = 0; i < H; i++) {
            qkv[t * 3 * H + i] = t == loud ? top / WIDTH : 0;
            qkv[t * 3 * H + H + i] = t == tokens / 2 ? 1 : -1;
            qkv[t * 3 * H + 2 * H + i] = (float)(t % 4);
        }
    }
    uint16_t *narrow = narrowed(qkv, tokens * 3 * H, 1000 * 3 * H);
    uint16_t *context = (uint16_t *)(void *)aligned((tokens + HEDDLE_TOKEN_ROOM) * H / 2);
    void *scratch = aligned(kernel->attention_bytes(tokens, WIDTH) / sizeof(float));
    const struct heddle_attention attention = {.qkv = narrow,
                                               .tokens = tokens,
                                               .heads = HEADS,
                                               .head_width = WIDTH,
                                               .context = context,
                                               .scratch = scratch};
    kernel->attention(&attention);
    for (size_t t = 0; t < tokens; t++) {
        double expected[HIDDEN_MAX];
        expected_context(qkv, tokens, WIDTH, 0, t, expected);
        assert_true(fabs((double)widened(context[t * H]) - expected[0]) < 0.012);
        assert_int_equal(context[t * H], context[t * H + H - 1]);
    }
    free(scratch);
    free(context);
    free(narrow);
    free(qkv);
}

static void check_narrow_tops(const struct heddle_kernel *kernel)
{
    static const float tops[] = {4,  40, 43,  44,  44.25f, 44.5f, 45,     64,
                                 88, 90, 100, 178, 300,    600,   -44.5f, -300};
    for (size_t i = 0; i < sizeof tops / sizeof tops[0]; i++) {
        check_narrow_top(kernel, 1, 0, tops[i]);
        check_narrow_top(kernel, 20, 19, tops[i]);
        check_narrow_top(kernel, 70, 30, tops[i]);
    }
}

static void narrow_scores_of_any_size_give_a_softmax(void **state)
{
    (void)state;
    with_each_narrow_kernel(check_narrow_tops);
}

/* ---- choosing ---- */

static void the_best_kernel_that_runs_is_chosen_and_others_by_name(void **state)
{
    (void)state;
    const struct heddle_kernel *kernel = NULL;
    const struct heddle_kernel *best = NULL;
    for (size_t i = 0; heddle_kernels()[i] != NULL; i++) {
        const struct heddle_kernel *each = heddle_kernels()[i];
        assert_string_equal(each->name, heddle_kernel_names()[i]);
        best = each->runs() && each->precision == HEDDLE_PRECISION_FP32 ? each : best;
        assert_null(heddle_kernels()[i + 1] == NULL ? heddle_kernel_names()[i + 1] : NULL);
    }
    assert_int_equal(heddle_kernel_choose(NULL, HEDDLE_PRECISION_FP32, &kernel, NULL), HEDDLE_OK);
    assert_ptr_equal(kernel, best);
    assert_int_equal(heddle_kernel_choose("scalar", HEDDLE_PRECISION_FP32, &kernel, NULL), HEDDLE_OK);
    assert_string_equal(kernel->name, "scalar");
}

static void an_unknown_kernel_is_refused_with_those_that_run(void **state)
{
    (void)state;
    const struct heddle_kernel *kernel = NULL;
    struct heddle_error error = {0};
    assert_int_equal(heddle_kernel_choose("avx1024", HEDDLE_PRECISION_FP32, &kernel, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "no kernel avx1024"));
    assert_non_null(strstr(error.message, "scalar"));
    assert_int_equal(heddle_kernel_choose("scalar", HEDDLE_PRECISION_BF16, &kernel, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "scalar computes in fp32, not in bf16"));
    assert_null(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_layers_equal_double_arithmetic),
        cmocka_unit_test(a_token_has_the_same_bits_with_any_number_of_neighbours),
        cmocka_unit_test(gelu_is_the_one_with_erf_over_its_whole_range),
        cmocka_unit_test(layer_norm_equals_double_arithmetic),
        cmocka_unit_test(attention_equals_double_arithmetic_for_any_length),
        cmocka_unit_test(large_scores_do_not_overflow),
        cmocka_unit_test(narrow_dense_layers_equal_double_arithmetic_but_for_rounding),
        cmocka_unit_test(inputs_of_one_sign_of_any_size_or_all_zero_are_rounded_to_their_own_scale),
        cmocka_unit_test(a_narrow_token_has_the_same_bits_with_any_neighbours),
        cmocka_unit_test(narrow_attention_equals_double_arithmetic_but_for_rounding),
        cmocka_unit_test(narrow_scores_of_any_size_give_a_softmax),
        cmocka_unit_test(the_best_kernel_that_runs_is_chosen_and_others_by_name),
        cmocka_unit_test(an_unknown_kernel_is_refused_with_those_that_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
