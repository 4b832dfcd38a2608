/* test_kernel_amx.c: the AMX kernel on a model of its tile instructions (tile_model.h), and on the instructions themselves
 * where the CPU has them, then bit for bit equal to the model.
 *
 * On other CPUs this proves packing, edges, attention, epilogues, accuracy and independence of neighbours, and says that
 * the instructions were not run. The vector work around the tiles needs AVX-512.
 */
#include "model_fixture.h"

#if defined(__x86_64__) && defined(__AVX512F__)
#include <math.h>

#include "kernel_on_model.h"

/* ---- helpers ---- */

static void *aligned(size_t bytes)
{
    void *memory = NULL;
    assert_int_equal(posix_memalign(&memory, 64, bytes + 64), 0);
    memset(memory, 0xff, bytes); /* NaN in every width: whoever takes part and should not is seen */
    return memory;
}

static float *random_floats(size_t count, uint64_t seed, double width)
{
    float *values = aligned(count * sizeof *values);
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)((heddle_random_unit(&seed) - 0.5) * width);
    }
    return values;
}

static float widen(uint16_t x)
{
    const uint32_t bits = (uint32_t)x << 16;
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance)) {
        fail_msg("%.9g where %.9g was expected, to %.1e", value, expected, tolerance);
    }
}

/* What rounding to bf16 may cost a number: half a unit in its last place of 8 bits. */
static double rounding(double x)
{
    return fabs(x) / 256;
}

/* ---- the model ---- */

static void configure_small(unsigned rows, unsigned inner_pairs, unsigned columns)
{
    uint8_t shapes[64] = {1};
    const unsigned sizes[3][2] = {{rows, columns * 4}, {rows, inner_pairs * 4}, {inner_pairs, columns * 4}};
    for (size_t i = 0; i < MODEL_TILES; i++) {
        shapes[16 + 2 * i] = (uint8_t)sizes[i < 3 ? i : 0][1];
        shapes[48 + i] = (uint8_t)sizes[i < 3 ? i : 0][0];
    }
    tiles_configure(shapes);
}

/* sum (1,1) = start + pairs a . b, all given as floats that are bf16 numbers. */
static float dot(float start, size_t pairs, const float *a, const float *b)
{
    uint16_t left[2 * MODEL_ROWS];
    uint16_t right[MODEL_ROWS][2];
    float sum = start;
    for (size_t k = 0; k < 2 * pairs; k++) {
        left[k] = narrow_one(a[k]);
        right[k / 2][k % 2] = narrow_one(b[k]);
        assert_true(widen(left[k]) == a[k] && widen(right[k / 2][k % 2]) == b[k]);
    }
    configure_small(1, (unsigned)pairs, 1);
    tile_load(0, &sum, sizeof sum);
    tile_load(1, left, sizeof left);
    tile_load(2, right, sizeof right[0]);
    tile_dp(0, 1, 2);
    tile_store(0, &sum, sizeof sum);
    tiles_release();
    return sum;
}

static void the_model_adds_in_the_order_of_the_manual(void **state)
{
    (void)state;
    const float big = 16777216.0f; /* 2^24: adding 1 is a tie and rounds to even, that is, is lost */
    const float ones[] = {1, 1, 1, 1, 1, 1};
    /* even members: 2^24 + 1 - 2^24 = 0; odd members: 1 + 2 + 4 = 7 */
    assert_true(dot(0, 3, (const float[]){big, 1, 1, 2, -big, 4}, ones) == 7);
    /* were it one chain over all members, 2^24 + 1 + 1 + … would lose every one */
    assert_true(dot(0, 2, (const float[]){big, 1, -big, 1}, ones) == 2);
    /* the sum of the tile comes last: (1 + 1) + 2^24 keeps 2 where 2^24 + 1 + 1 would not */
    assert_true(dot(big, 1, (const float[]){1, 1}, ones) == big + 2);
    /* a multiply-add rounds once: 3 x 2^23 + 1/2 … exact product 385 x 385 needs 18 bits and is kept */
    assert_true(dot(0, 1, (const float[]){193, 0}, (const float[]){193, 0}) == 193.0f * 193.0f);
}

static void the_model_takes_subnormal_numbers_as_zero(void **state)
{
    (void)state;
    const float least = FLT_MIN;
    const float tiny = FLT_MIN / 4;
    assert_true(dot(0, 1, (const float[]){tiny, 0}, (const float[]){64, 0}) == 0);    /* input */
    assert_true(dot(0, 1, (const float[]){least, 0}, (const float[]){0.5f, 0}) == 0); /* product */
    assert_true(dot(tiny, 1, (const float[]){0, 0}, (const float[]){1, 1}) == 0);     /* tile */
    assert_true(dot(0, 1, (const float[]){least, 0}, (const float[]){1, 0}) ==
                least); /* the smallest that stays */
}

static void the_model_moves_rows_of_the_configured_shape(void **state)
{
    (void)state;
    uint32_t from[4][5];
    uint32_t to[4][7];
    memset(to, 0xee, sizeof to);
    for (uint32_t i = 0; i < 20; i++) {
        from[i / 5][i % 5] = i;
    }
    configure_small(3, 1, 2);
    tile_load(0, from, sizeof from[0]);
    tile_store(0, to, sizeof to[0]);
    tiles_release();
    for (size_t r = 0; r < 4; r++) {
        for (size_t i = 0; i < 7; i++) {
            assert_int_equal(to[r][i], r < 3 && i < 2 ? from[r][i] : 0xeeeeeeeeu);
        }
    }
}

/* The instruction, where this CPU has it. */
static __attribute__((target("avx512f,avx512bf16"))) void narrow_by_cpu(const float *x, uint16_t *out)
{
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + 16), _mm512_loadu_ps(x));
    _mm512_storeu_si512(out, both);
}

static void rounding_to_bf16_is_that_of_the_instruction(void **state)
{
    (void)state;
    static const uint32_t special[] = {0x00000000, 0x80000000, 0x00000001, 0x807fffff,
                                       0x00800000, 0x7f7fffff, 0x7f800000, 0xff800000,
                                       0x7f800001, 0xffc00000, 0x3f808000, 0x3f818000};
    uint64_t random = 11;
    if (!__builtin_cpu_supports("avx512bf16")) {
        print_message("rounding to bf16: not compared, this CPU has no such instruction\n");
        return;
    }
    for (size_t i = 0; i < 20000; i++) {
        uint32_t bits[32];
        float x[32];
        uint16_t expected[32];
        uint16_t got[32];
        for (size_t j = 0; j < 32; j++) {
            const bool plain = i > 0 || j >= sizeof special / sizeof special[0];
            bits[j] = plain ? (uint32_t)heddle_random_next(&random) : special[j];
        }
        memcpy(x, bits, sizeof x);
        narrow_by_cpu(x, expected);
        _mm512_storeu_si512(got, narrow_two(_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16)));
        assert_memory_equal(got, expected, sizeof got);
    }
}

/* ---- dense layers ---- */

struct dense {
    struct heddle_linear linear;
    float *weights;  /* (N,K), bf16 numbers */
    uint16_t *input; /* (T,K) in block order; what no token has is NaN */
    float *residual;
    size_t tokens;
};

static struct dense make_dense(size_t tokens, size_t inputs, size_t outputs)
{
    struct dense dense = {.weights = random_floats(outputs * inputs, 1, 1.0),
                          .residual = random_floats(tokens * outputs, 3, 2.0),
                          .input = aligned((tokens + HEDDLE_TOKEN_ROOM) * inputs * sizeof(uint16_t)),
                          .tokens = tokens};
    uint64_t random = 2;
    for (size_t i = 0; i < outputs * inputs; i++) {
        dense.weights[i] = widen(narrow_one(dense.weights[i]));
    }
    for (size_t t = 0; t < tokens; t++) {
        for (size_t k = 0; k < inputs; k++) {
            dense.input[place(t, k, inputs)] = narrow_one((float)heddle_random_unit(&random) * 2 - 1);
        }
    }
    dense.linear = (struct heddle_linear){aligned(packed_bytes(outputs, inputs)),
                                          random_floats(outputs, 4, 1.0), inputs, outputs};
    pack(dense.weights, outputs, inputs, dense.linear.weights);
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

static void *run_dense(const struct heddle_kernel *kernel, const struct dense *dense,
                       enum heddle_epilogue epilogue)
{
    void *output = aligned((dense->tokens + HEDDLE_TOKEN_ROOM) * dense->linear.outputs * sizeof(float));
    kernel->begin();
    kernel->gemm(&dense->linear, dense->input, dense->tokens, epilogue, dense->residual, output, NULL);
    kernel->end();
    return output;
}

static double expected_sum(const struct dense *dense, size_t token, size_t n)
{
    const size_t inputs = dense->linear.inputs;
    double sum = (double)dense->linear.bias[n];
    for (size_t k = 0; k < inputs; k++) {
        sum += (double)widen(dense->input[place(token, k, inputs)]) * (double)dense->weights[n * inputs + k];
    }
    return sum;
}

static void check_dense(size_t tokens, size_t inputs, size_t outputs)
{
    struct dense dense = make_dense(tokens, inputs, outputs);
    uint16_t *plain = run_dense(&kernel_on_model, &dense, HEDDLE_EPILOGUE_BIAS);
    uint16_t *curved = run_dense(&kernel_on_model, &dense, HEDDLE_EPILOGUE_GELU);
    float *added = run_dense(&kernel_on_model, &dense, HEDDLE_EPILOGUE_RESIDUAL);
    for (size_t t = 0; t < tokens; t++) {
        for (size_t n = 0; n < outputs; n++) {
            const double sum = expected_sum(&dense, t, n);
            const double gelu_of_sum = 0.5 * sum * (1 + erf(sum / sqrt(2.0)));
            assert_near((double)widen(plain[t * outputs + n]), sum, rounding(sum) + 1e-5);
            assert_near((double)widen(curved[place(t, n, outputs)]), gelu_of_sum,
                        rounding(gelu_of_sum) + 4e-5);
            assert_near((double)added[t * outputs + n], sum + (double)dense.residual[t * outputs + n], 2e-5);
        }
    }
    free(plain);
    free(curved);
    free(added);
    free_dense(&dense);
}

static void dense_layers_equal_double_arithmetic_for_any_shape(void **state)
{
    (void)state;
    static const size_t tokens[] = {1, 2, 15, 16, 17, 31, 32, 33, 48, 49, 64, 65, 97};
    uint64_t random = 5;
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        const size_t inputs = BLOCK * (1 + heddle_random_next(&random) % 5);
        const size_t outputs = BLOCK * (1 + heddle_random_next(&random) % 5);
        check_dense(tokens[i], inputs, outputs);
    }
    check_dense(40, 384, 96); /* more steps than rows, and fewer, between two finished rows */
    check_dense(40, 1536, 32);
}

static void a_token_has_the_same_bits_with_any_number_of_neighbours(void **state)
{
    (void)state;
    enum { TOKENS = 70, INPUTS = 96, OUTPUTS = 64 };
    struct dense all = make_dense(TOKENS, INPUTS, OUTPUTS);
    float *expected = run_dense(&kernel_on_model, &all, HEDDLE_EPILOGUE_RESIDUAL);
    for (size_t count = 1; count < TOKENS; count += 3) {
        struct dense some = make_dense(count, INPUTS, OUTPUTS);
        const size_t first = TOKENS - count; /* other places in other blocks */
        for (size_t i = 0; i < count * INPUTS; i++) {
            some.input[place(i / INPUTS, i % INPUTS, INPUTS)] =
                all.input[place(first + i / INPUTS, i % INPUTS, INPUTS)];
        }
        memcpy(some.residual, all.residual + first * OUTPUTS, count * OUTPUTS * sizeof(float));
        float *got = run_dense(&kernel_on_model, &some, HEDDLE_EPILOGUE_RESIDUAL);
        assert_memory_equal(got, expected + first * OUTPUTS, count * OUTPUTS * sizeof *got);
        free(got);
        free_dense(&some);
    }
    free(expected);
    free_dense(&all);
}

static void gelu_is_the_one_with_erf_over_its_whole_range(void **state)
{
    (void)state;
    double worst = 0;
    for (double x = -12; x < 12; x += 16.0 / 4096) {
        float values[16];
        for (size_t i = 0; i < 16; i++) {
            values[i] = (float)(x + (double)i / 4096);
        }
        _mm512_storeu_ps(values, gelu(_mm512_loadu_ps(values)));
        for (size_t i = 0; i < 16; i++) {
            const double at = (double)(float)(x + (double)i / 4096);
            const double error = fabs((double)values[i] - 0.5 * at * (1 + erf(at / sqrt(2.0))));
            worst = fmax(worst, fabs(at) <= 6 ? error : error / fabs(at) * 6);
        }
    }
    print_message("GELU is right to %.1e\n", worst);
    assert_true(worst < 4e-5);
}

/* ---- LayerNorm ---- */

static void layer_norm_equals_double_arithmetic(void **state)
{
    (void)state;
    enum { TOKENS = 35, WIDTH = 96 };
    float *values = random_floats(TOKENS * WIDTH, 5, 4.0);
    float *gain = random_floats(WIDTH, 6, 2.0);
    float *bias = random_floats(WIDTH, 7, 2.0);
    float *given = aligned(TOKENS * WIDTH * sizeof *given);
    uint16_t *narrow = aligned((TOKENS + HEDDLE_TOKEN_ROOM) * WIDTH * sizeof *narrow);
    for (size_t i = 0; i < WIDTH; i++) {
        values[i] = 3.5f; /* no variance at all: epsilon keeps it finite */
    }
    memcpy(given, values, TOKENS * WIDTH * sizeof *given);
    layer_norm(values, TOKENS, WIDTH, gain, bias, 1e-12f, narrow);
    for (size_t t = 0; t < TOKENS; t++) {
        double mean = 0;
        double variance = 0;
        for (size_t i = 0; i < WIDTH; i++) {
            mean += (double)given[t * WIDTH + i] / WIDTH;
        }
        for (size_t i = 0; i < WIDTH; i++) {
            variance += pow((double)given[t * WIDTH + i] - mean, 2) / WIDTH;
        }
        for (size_t i = 0; i < WIDTH; i++) {
            const double normal = ((double)given[t * WIDTH + i] - mean) / sqrt(variance + 1e-12);
            const double expected = normal * (double)gain[i] + (double)bias[i];
            assert_near((double)values[t * WIDTH + i], expected, 6e-6);
            assert_true(narrow[place(t, i, WIDTH)] == narrow_one(values[t * WIDTH + i]));
        }
    }
    free(narrow);
    free(given);
    free(bias);
    free(gain);
    free(values);
}

/* ---- attention ---- */

enum { HEADS = 2, HIDDEN_MAX = HEADS * 64, LENGTH_MAX = 300 };

/* A sequence of `tokens` behind `first` others. */
struct sequence {
    uint16_t *qkv; /* (first + T + room, 3H) */
    uint16_t *context;
    void *scratch;
    size_t first;
    size_t tokens;
    size_t width;
};

/* Rows of others, the room behind and the scratch are NaN for one half of the sequences, which shows what is added in
 * and should not be, and 100 for the other, which shows what is compared: a maximum may pass over NaN. */
static struct sequence make_sequence(size_t first, size_t tokens, size_t width, double spread)
{
    const size_t rows = first + tokens + HEDDLE_TOKEN_ROOM;
    const size_t hidden = HEADS * width;
    struct sequence sequence = {.qkv = aligned(rows * 3 * hidden * sizeof(uint16_t)),
                                .context = aligned(rows * hidden * sizeof(uint16_t)),
                                .scratch = aligned(attention_bytes(tokens, width)),
                                .first = first,
                                .tokens = tokens,
                                .width = width};
    uint64_t random = tokens + width;
    const uint16_t foreign = (tokens + first) % 2 == 0 ? 0xffff : narrow_one(100);
    for (size_t i = 0; i < rows * 3 * hidden; i++) {
        sequence.qkv[i] = foreign;
    }
    for (size_t i = 0; i < attention_bytes(tokens, width) / sizeof foreign; i++) {
        ((uint16_t *)sequence.scratch)[i] = foreign;
    }
    for (size_t i = 0; i < tokens * 3 * hidden; i++) {
        sequence.qkv[first * 3 * hidden + i] =
            narrow_one((float)((heddle_random_unit(&random) - 0.5) * spread));
    }
    return sequence;
}

static void attend(const struct heddle_kernel *kernel, const struct sequence *sequence)
{
    const size_t hidden = HEADS * sequence->width;
    const struct heddle_attention call = {.qkv = sequence->qkv + sequence->first * 3 * hidden,
                                          .first = sequence->first,
                                          .tokens = sequence->tokens,
                                          .heads = HEADS,
                                          .head_width = sequence->width,
                                          .context = sequence->context + sequence->first * hidden,
                                          .scratch = sequence->scratch};
    kernel->begin();
    kernel->attention(&call);
    kernel->end();
}

static void free_sequence(struct sequence *sequence)
{
    free(sequence->qkv);
    free(sequence->context);
    free(sequence->scratch);
}

/* Context of one query of one head in double arithmetic. */
static void expected_context(const struct sequence *sequence, size_t head, size_t token, double *context)
{
    const size_t width = sequence->width;
    const size_t hidden = HEADS * width;
    const uint16_t *qkv = sequence->qkv + sequence->first * 3 * hidden + head * width;
    double scores[LENGTH_MAX];
    double largest = -INFINITY;
    double sum = 0;
    for (size_t t = 0; t < sequence->tokens; t++) {
        scores[t] = 0;
        for (size_t i = 0; i < width; i++) {
            scores[t] +=
                (double)widen(qkv[token * 3 * hidden + i]) * (double)widen(qkv[t * 3 * hidden + hidden + i]);
        }
        largest = fmax(largest, scores[t]);
    }
    memset(context, 0, width * sizeof *context);
    for (size_t t = 0; t < sequence->tokens; t++) {
        const double share = exp(scores[t] - largest);
        sum += share;
        for (size_t i = 0; i < width; i++) {
            context[i] += share * (double)widen(qkv[t * 3 * hidden + 2 * hidden + i]);
        }
    }
    for (size_t i = 0; i < width; i++) {
        context[i] /= sum;
    }
}

static void check_attention(size_t first, size_t tokens, size_t width, double spread)
{
    const size_t hidden = HEADS * width;
    struct sequence sequence = make_sequence(first, tokens, width, spread);
    attend(&kernel_on_model, &sequence);
    for (size_t head = 0; head < HEADS; head++) {
        for (size_t t = 0; t < tokens; t++) {
            double expected[HIDDEN_MAX];
            expected_context(&sequence, head, t, expected);
            for (size_t i = 0; i < width; i++) {
                const uint16_t got = sequence.context[place(first + t, head * width + i, hidden)];
                /* a share is rounded to 8 bits, the result again */
                assert_near((double)widen(got), expected[i], spread / 2 / 256 + rounding(expected[i]));
            }
        }
    }
    for (size_t t = 0; t < (first + tokens + BLOCK - 1) / BLOCK * BLOCK; t++) {
        for (size_t i = 0; (t < first || t >= first + tokens) && i < hidden; i++) {
            assert_int_equal(sequence.context[place(t, i, hidden)], 0xffff); /* not its own: as it was */
        }
    }
    free_sequence(&sequence);
}

static void attention_equals_double_arithmetic_for_any_length_and_place(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 130};
    static const size_t firsts[] = {0, 3, 16, 31, 32, 45};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        check_attention(firsts[i % 6], lengths[i], 32, 3.0);
        check_attention(firsts[(i + 2) % 6], lengths[i], 64, 3.0);
    }
    check_attention(5, LENGTH_MAX, 32, 3.0);
}

/* Scores of hundreds would overflow exp; the largest must be subtracted first. */
static void large_scores_do_not_overflow(void **state)
{
    (void)state;
    check_attention(7, 40, 32, 60.0);
}

/* ---- the instructions ---- */

static void compare_dense(size_t tokens, size_t inputs, size_t outputs)
{
    struct dense dense = make_dense(tokens, inputs, outputs);
    float *expected = run_dense(&kernel_on_model, &dense, HEDDLE_EPILOGUE_RESIDUAL);
    float *got = run_dense(&heddle_kernel_amx_bf16, &dense, HEDDLE_EPILOGUE_RESIDUAL);
    assert_memory_equal(got, expected, tokens * outputs * sizeof *got);
    free(got);
    free(expected);
    free_dense(&dense);
}

static void compare_attention(size_t tokens, size_t width)
{
    struct sequence expected = make_sequence(3, tokens, width, 3.0);
    struct sequence got = make_sequence(3, tokens, width, 3.0);
    attend(&kernel_on_model, &expected);
    attend(&heddle_kernel_amx_bf16, &got);
    assert_memory_equal(got.context, expected.context, (tokens + 3) * HEADS * width * sizeof(uint16_t));
    free_sequence(&got);
    free_sequence(&expected);
}

static void the_instructions_give_the_bits_of_the_model(void **state)
{
    (void)state;
    if (!heddle_kernel_amx_bf16.runs()) {
        print_message("amx_bf16: the AMX instructions were NOT RUN, this CPU or system has none; the rest of "
                      "the kernel was, "
                      "on a model of them\n");
        return;
    }
    compare_dense(70, 96, 64);
    compare_dense(17, 1536, 384);
    compare_attention(5, 32);
    compare_attention(100, 64);
    print_message("amx_bf16: ran on this CPU, equal to the model bit for bit\n");
}

/* Apart from main(), which must not be compiled to AVX-512 before it has asked for it. */
static __attribute__((noinline)) int run_all(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_adds_in_the_order_of_the_manual),
        cmocka_unit_test(the_model_takes_subnormal_numbers_as_zero),
        cmocka_unit_test(the_model_moves_rows_of_the_configured_shape),
        cmocka_unit_test(rounding_to_bf16_is_that_of_the_instruction),
        cmocka_unit_test(dense_layers_equal_double_arithmetic_for_any_shape),
        cmocka_unit_test(a_token_has_the_same_bits_with_any_number_of_neighbours),
        cmocka_unit_test(gelu_is_the_one_with_erf_over_its_whole_range),
        cmocka_unit_test(layer_norm_equals_double_arithmetic),
        cmocka_unit_test(attention_equals_double_arithmetic_for_any_length_and_place),
        cmocka_unit_test(large_scores_do_not_overflow),
        cmocka_unit_test(the_instructions_give_the_bits_of_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    if (!amx_model_runs()) {
        print_message("skipped: the vector work around the tiles needs AVX-512 (F, DQ, BW, VL), which this "
                      "CPU lacks\n");
        return SKIPPED;
    }
    return run_all();
}
#else
int main(void)
{
    print_message("skipped: AMX is of x86-64\n");
    return SKIPPED;
}
#endif
