/* test_kernel_amx_texts.c: real texts through the real weights by the AMX kernel, on the model of its tile instructions; and
 * on the instructions themselves where the CPU has them, with equal bits. Skipped where the weights are missing. */
#include "model_fixture.h"

#if defined(__x86_64__) && defined(__AVX512F__)
#include "kernel_on_model.h"

#include "golden_ids.h"

static const char *real_model_directory;

static void golden_texts_keep_the_gate_of_bf16(void **state)
{
    (void)state;
    struct golden *golden = read_golden();
    struct batch *batch = make_batch(golden, SANITIZED ? 17 : 4, SIZE_MAX);
    struct loaded loaded = load(real_model_directory, &kernel_on_model);
    tile_model.multiplications = 0;
    encode(&loaded, batch);
    assert_true(tile_model.multiplications / batch->tokens >
                1000); /* 1,296 of 16 x 16 x 32 in the dense layers */
    assert_false(tile_model.configured);
    const struct likeness likeness = compare(batch, golden);
    print_message(
        "%s: %zu texts, %zu tokens, cosine at least %.6f, mean %.6f, %.0f multiplications a token\n",
        kernel_on_model.name, batch->count, batch->tokens, likeness.cosine_min, likeness.cosine_mean,
        (double)tile_model.multiplications / (double)batch->tokens);
    assert_true(likeness.cosine_min >= 0.9998);
    assert_true(likeness.cosine_mean >= 0.99997);
    unload(&loaded);
    free_batch(batch);
    free_golden(golden);
}

static void a_text_has_the_same_bits_alone_and_among_others(void **state)
{
    (void)state;
    struct golden *golden = read_golden();
    struct batch *batch = make_batch(golden, SANITIZED ? 40 : 20, SIZE_MAX);
    struct loaded loaded = load(real_model_directory, &kernel_on_model);
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
    struct batch *expected = make_batch(golden, 20, SIZE_MAX);
    struct batch *got = make_batch(golden, 20, SIZE_MAX);
    struct loaded on_model = load(real_model_directory, &kernel_on_model);
    struct loaded on_cpu = load(real_model_directory, &heddle_kernel_amx_bf16);
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
