/* test_encoder.c: every fp32 kernel of this CPU, by the encoder alone, gives the original's vectors for the original's tokens.
 *
 * Needs nothing of the room but the encoder, so it also runs where the room's libraries are not: scripts/test-arm64. A sample
 * of the golden texts: one of each 17, short ones for the scalar kernel; test_golden_vectors.c embeds them all. On an
 * emulated CPU HEDDLE_TEST_TEXTS=few leaves those of at most 16 tokens, =all takes all 400 but for the scalar kernel.
 */
#include "golden_ids.h"

static const char *model;

static bool asked_for(const char *texts)
{
    const char *asked = getenv("HEDDLE_TEST_TEXTS");
    return asked != NULL && strcmp(asked, texts) == 0;
}

static void check_kernel(const struct heddle_kernel *kernel, const struct golden *golden)
{
    const bool is_scalar = strcmp(kernel->name, "scalar") == 0;
    const size_t step = asked_for("all") && !is_scalar ? 1 : 17;
    const size_t longest = asked_for("few") || is_scalar ? 16 : SIZE_MAX;
    struct batch *batch = make_batch(golden, step, longest);
    struct loaded loaded = load(model, kernel);
    encode(&loaded, batch);
    const struct likeness likeness = compare(batch, golden);
    print_message("%s: %zu texts, %zu tokens, cosine at least %.9f, largest difference of a component %.1e\n",
                  kernel->name, batch->count, batch->tokens, likeness.cosine_min, likeness.component_max);
    assert_true(batch->count >= (step == 1 ? GOLDEN_TEXTS : 10));
    assert_true(likeness.cosine_min >= 0.999999);
    assert_true(likeness.component_max <= 2e-6);
    unload(&loaded);
    free_batch(batch);
}

static void fp32_kernels_give_the_vectors_of_the_original(void **state)
{
    (void)state;
    struct golden *golden = read_golden();
    for (const struct heddle_kernel *const *kernel = heddle_kernels(); *kernel != NULL; kernel++) {
        if ((*kernel)->precision == HEDDLE_PRECISION_FP32 && (*kernel)->runs()) {
            check_kernel(*kernel, golden);
        }
    }
    free_golden(golden);
}

int main(void)
{
    model = real_model();
    if (model == NULL) {
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(fp32_kernels_give_the_vectors_of_the_original)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
