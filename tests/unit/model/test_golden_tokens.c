/* test_golden_tokens.c: the real tokenizer gives the ids that the original implementation gave for 400 texts. */
#include "model_fixture.h"

#include "model/tokenizer/tokenizer.h"

enum { MAX_TOKENS = 256 };

static const char *model;

static void assert_ids(const struct golden *golden, const struct heddle_tokenizer *tokenizer)
{
    struct heddle_tokenizer_scratch scratch = {0};
    uint32_t ids[MAX_TOKENS];
    for (size_t i = 0; i < GOLDEN_TEXTS; i++) {
        const json_t *expected = json_object_get(golden->rows[i], "ids");
        size_t count = 0;
        bool truncated = false;
        assert_int_equal(heddle_tokenizer_encode(tokenizer, &scratch, golden->texts[i].text,
                                                 golden->texts[i].length, ids, MAX_TOKENS, &count, &truncated,
                                                 NULL),
                         HEDDLE_OK);
        assert_int_equal(count, json_array_size(expected));
        for (size_t j = 0; j < count; j++) {
            assert_int_equal(ids[j], json_integer_value(json_array_get(expected, j)));
        }
        assert_true(!truncated || count == MAX_TOKENS);
    }
    heddle_tokenizer_scratch_free(&scratch);
}

static void every_golden_text_gets_the_ids_of_the_original(void **state)
{
    (void)state;
    struct golden *golden = read_golden();
    struct heddle_tokenizer *tokenizer = NULL;
    assert_int_equal(heddle_tokenizer_open(model, &tokenizer, NULL), HEDDLE_OK);
    assert_int_equal(heddle_tokenizer_vocabulary_size(tokenizer), 30522);
    assert_ids(golden, tokenizer);
    heddle_tokenizer_destroy(tokenizer);
    free_golden(golden);
}

static void link_file(const char *directory, const char *file)
{
    char *absolute = realpath(model, NULL);
    char from[4200];
    char to[4200];
    assert_non_null(absolute);
    snprintf(from, sizeof from, "%s/%s", absolute, file);
    snprintf(to, sizeof to, "%s/%s", directory, file);
    assert_int_equal(symlink(from, to), 0);
    free(absolute);
}

static void vocab_txt_gives_the_same_ids_as_tokenizer_json(void **state)
{
    (void)state;
    struct golden *golden = read_golden();
    struct heddle_tokenizer *tokenizer = NULL;
    char *directory = make_directory();
    link_file(directory, "vocab.txt");
    link_file(directory, "tokenizer_config.json");
    assert_int_equal(heddle_tokenizer_open(directory, &tokenizer, NULL), HEDDLE_OK);
    assert_ids(golden, tokenizer);
    heddle_tokenizer_destroy(tokenizer);
    remove_directory(directory);
    free_golden(golden);
}

int main(void)
{
    model = real_model();
    if (model == NULL) {
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_golden_text_gets_the_ids_of_the_original),
        cmocka_unit_test(vocab_txt_gives_the_same_ids_as_tokenizer_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
