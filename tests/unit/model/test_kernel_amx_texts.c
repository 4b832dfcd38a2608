/* test_kernel_amx_texts.c: real texts through the real weights by the AMX kernel, on the model of its tile instructions; and
 * on the instructions themselves where the CPU has them, with equal bits. Skipped where the weights are missing. */
#include "model_fixture.h"

#if defined(__x86_64__) && defined(__AVX512F__)
#include <math.h>

#include "kernel_on_model.h"

#include "model/directory.h"
#include "model/encoder/encoder.h"
#include "model/pooling.h"

static const char *real_model_directory;

static double cosine(const float *a, const float *b, size_t width)
{
    double product = 0;
    double squares_a = 0;
    double squares_b = 0;
    for (size_t i = 0; i < width; i++) {
        product += (double)a[i] * (double)b[i];
        squares_a += (double)a[i] * (double)a[i];
        squares_b += (double)b[i] * (double)b[i];
    }
    return product / sqrt(squares_a * squares_b);
}

struct batch {
    struct heddle_sequence sequences[GOLDEN_TEXTS];
    float vectors[GOLDEN_TEXTS][GOLDEN_WIDTH];
    size_t texts[GOLDEN_TEXTS]; /* which golden text each is */
    size_t count;
    size_t tokens;
};

/* Every `step`-th golden text, tokenized as the original did. */
static struct batch *make_batch(const struct golden *golden, size_t step)
{
    struct batch *batch = calloc(1, sizeof *batch);
    assert_non_null(batch);
    for (size_t i = 0; i < GOLDEN_TEXTS; i += step) {
        const json_t *ids = json_object_get(golden->rows[i], "ids");
        const size_t tokens = json_array_size(ids);
        uint32_t *copy = calloc(tokens, sizeof *copy);
        assert_non_null(copy);
        for (size_t t = 0; t < tokens; t++) {
            copy[t] = (uint32_t)json_integer_value(json_array_get(ids, t));
        }
        batch->sequences[batch->count] = (struct heddle_sequence){.ids = copy, .tokens = tokens};
        batch->texts[batch->count++] = i;
        batch->tokens += tokens;
    }
    return batch;
}

static void free_batch(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        free((void *)(uintptr_t)batch->sequences[i].ids);
    }
    free(batch);
}

struct loaded {
    struct heddle_model_config config;
    struct heddle_weights *weights;
    struct heddle_encoder_workspace *workspace;
};

static struct loaded load(const struct heddle_kernel *kernel)
{
    struct loaded loaded = {0};
    assert_int_equal(heddle_model_config_read(real_model_directory, &loaded.config, NULL), HEDDLE_OK);
    assert_int_equal(heddle_weights_load(real_model_directory, &loaded.config, kernel, &loaded.weights, NULL),
                     HEDDLE_OK);
    assert_int_equal(heddle_encoder_workspace_create(&loaded.config, kernel, &loaded.workspace, NULL),
                     HEDDLE_OK);
    return loaded;
}

static void unload(struct loaded *loaded)
{
    heddle_encoder_workspace_destroy(loaded->workspace);
    heddle_weights_destroy(loaded->weights);
}

/* One group: token states, their mean, at unit length. */
static void encode_group(const struct loaded *loaded, const struct heddle_sequence *sequences, size_t count,
                         float (*vectors)[GOLDEN_WIDTH])
{
    const struct heddle_pooling_plan plan = {.modes = {HEDDLE_POOLING_MEAN}, .count = 1};
    const float *rows = heddle_encoder_run(loaded->weights, loaded->workspace, sequences, count);
    for (size_t i = 0; i < count; i++) {
        heddle_pool(&plan, GOLDEN_WIDTH, rows, sequences[i].tokens, 0, vectors[i]);
        heddle_vector_normalize(vectors[i], GOLDEN_WIDTH);
        rows += sequences[i].tokens * GOLDEN_WIDTH;
    }
}

/* Groups as full as they get, as a worker makes them. */
static void encode(const struct loaded *loaded, struct batch *batch)
{
    const size_t room = heddle_encoder_group_tokens(&loaded->config);
    for (size_t first = 0, last = 0; first < batch->count; first = last) {
        size_t tokens = 0;
        while (last < batch->count && tokens + batch->sequences[last].tokens <= room) {
            tokens += batch->sequences[last++].tokens;
        }
        encode_group(loaded, batch->sequences + first, last - first, batch->vectors + first);
    }
}

static void golden_texts_keep_the_gate_of_bf16(void **state)
{
    (void)state;
    struct golden *golden = read_golden();
    struct batch *batch = make_batch(golden, SANITIZED ? 17 : 4);
    struct loaded loaded = load(&kernel_on_model);
    double smallest = 2;
    double sum = 0;
    tile_model.multiplications = 0;
    encode(&loaded, batch);
    assert_true(tile_model.multiplications / batch->tokens >
                1000); /* 1,296 of 16 x 16 x 32 in the dense layers */
    assert_false(tile_model.configured);
    for (size_t i = 0; i < batch->count; i++) {
        const double c = cosine(batch->vectors[i], golden->vectors[batch->texts[i]], GOLDEN_WIDTH);
        smallest = fmin(smallest, c);
        sum += c;
    }
    print_message(
        "%s: %zu texts, %zu tokens, cosine at least %.6f, mean %.6f, %.0f multiplications a token\n",
        kernel_on_model.name, batch->count, batch->tokens, smallest, sum / (double)batch->count,
        (double)tile_model.multiplications / (double)batch->tokens);
    assert_true(smallest >= 0.9998);
    assert_true(sum / (double)batch->count >= 0.99997);
    unload(&loaded);
    free_batch(batch);
    free_golden(golden);
}

static void a_text_has_the_same_bits_alone_and_among_others(void **state)
{
    (void)state;
    struct golden *golden = read_golden();
    struct batch *batch = make_batch(golden, SANITIZED ? 40 : 20);
    struct loaded loaded = load(&kernel_on_model);
    encode(&loaded, batch);
    for (size_t i = 0; i < batch->count; i++) {
        float alone[1][GOLDEN_WIDTH];
        encode_group(&loaded, batch->sequences + i, 1, alone);
        assert_memory_equal(alone[0], batch->vectors[i], sizeof alone);
    }
    unload(&loaded);
    free_batch(batch);
    free_golden(golden);
}

static void compare_texts(void)
{
    struct golden *golden = read_golden();
    struct batch *expected = make_batch(golden, 20);
    struct batch *got = make_batch(golden, 20);
    struct loaded on_model = load(&kernel_on_model);
    struct loaded on_cpu = load(&heddle_kernel_amx_bf16);
    encode(&on_model, expected);
    encode(&on_cpu, got);
    assert_memory_equal(got->vectors, expected->vectors, sizeof got->vectors);
    unload(&on_cpu);
    unload(&on_model);
    free_batch(got);
    free_batch(expected);
    free_golden(golden);
}

static void the_instructions_give_the_bits_of_the_model(void **state)
{
    (void)state;
    if (!heddle_kernel_amx_bf16.runs()) {
        print_message("amx_bf16: the AMX instructions were NOT RUN, this CPU or system has none\n");
        return;
    }
    compare_texts();
    print_message("amx_bf16: ran on this CPU, equal to the model bit for bit\n");
}

/* Apart from main(), which must not be compiled to AVX-512 before it has asked for it. */
static __attribute__((noinline)) int run_all(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_texts_keep_the_gate_of_bf16),
        cmocka_unit_test(a_text_has_the_same_bits_alone_and_among_others),
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
    real_model_directory = real_model();
    if (real_model_directory == NULL) {
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
