/* test_tokenizer_load.c: a tokenizer that would not be exact is refused by name, never approximated. */
#include "model_fixture.h"

#include "model/tokenizer/tokenizer.h"

/* Loads TINY_TOKENIZER with the first `from` replaced by `to`, and expects a refusal that says `reason`. */
static void refused(const char *from, const char *to, const char *reason)
{
    static const char whole[] = TINY_TOKENIZER;
    const char *at = strstr(whole, from);
    assert_non_null(at);
    struct heddle_buffer json = {0};
    heddle_buffer_append(&json, whole, (size_t)(at - whole));
    heddle_buffer_append_text(&json, to);
    heddle_buffer_append_text(&json, at + strlen(from));
    struct heddle_tokenizer *tokenizer = NULL;
    struct heddle_error error = {0};
    assert_int_equal(
        heddle_tokenizer_from_json((const char *)json.bytes, json.length, "T", &tokenizer, &error),
        HEDDLE_MODEL);
    assert_null(tokenizer);
    if (strstr(error.message, reason) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
    }
    heddle_buffer_free(&json);
}

static void other_models_and_steps_are_refused_by_name(void **state)
{
    (void)state;
    refused("WordPiece", "BPE", "model.type is BPE; only WordPiece and Unigram");
    refused("\"type\": \"WordPiece\"", "\"tipe\": \"WordPiece\"", "model.type is missing");
    refused("WordPiece", "Unigram", "normalizer BertNormalizer of a Unigram model");
    refused("BertNormalizer", "Precompiled", "type is Precompiled; only BertNormalizer");
    refused("BertPreTokenizer", "Metaspace", "type is Metaspace; only BertPreTokenizer");
    refused("TemplateProcessing", "ByteLevel", "type is ByteLevel");
    refused("\"normalizer\"", "\"normaliser\"", "type is missing");
}

static void added_tokens_that_cannot_be_found_are_refused(void **state)
{
    (void)state;
    refused("\"content\": \"[CLS]\"", "\"content\": \"\"", "no content");
    refused("\"id\": 2, \"content\"", "\"id\": -2, \"content\"", "id must be a whole number");
    refused("\"content\": \"[CLS]\"", "\"content\": \"\\u0001\", \"normalized\": true", "no text left");
    refused("\"content\": \"[CLS]\"", "\"content\": \"[CLS]\", \"single_word\": 1", "single_word must be");
    refused("\"added_tokens\": [",
            "\"added_tokens\": [{\"id\": 50, \"content\": \"Ab\", \"normalized\": true},"
            "{\"id\": 51, \"content\": \"aB\", \"normalized\": true},",
            "two added tokens are \"ab\"");
    refused("\"id\": 2, \"content\"", "\"content\"", "id must be a whole number");
}

static void values_of_the_wrong_kind_are_refused(void **state)
{
    (void)state;
    refused("\"lowercase\": true", "\"lowercase\": 1", "lowercase must be true or false");
    refused("\"max_input_chars_per_word\": 100", "\"max_input_chars_per_word\": 0",
            "max_input_chars_per_word");
    refused("\"max_input_chars_per_word\": 100", "\"max_input_chars_per_word\": 1e9",
            "max_input_chars_per_word");
    refused("\"pump\": 4", "\"pump\": -4", "the id of token \"pump\"");
    refused("\"pump\": 4", "\"pump\": 99999999999", "the id of token \"pump\"");
    refused("\"pump\": 4", "\"pump\": \"4\"", "the id of token \"pump\"");
    refused("\"pump\": 4", "\"pump\": 4, \"pump\": 5", "not valid JSON");
    refused("\"pump\": 4", "\"pump\": 4, \"pum\\u0070\": 5", "not valid JSON");
    refused("\"pump\": 4", "\"pump\": 04", "not valid JSON");
    refused("\"vocab\": {", "\"vocab\": 5, \"x\": {", "model.vocab is missing");
    refused("\"unk_token\": \"[UNK]\"", "\"unk_token\": \"[unk]\"", "the vocabulary has no [unk]");
    refused("{\"SpecialToken\": {\"id\": \"[CLS]\"", "{\"SpecialToken\": {\"id\": \"[cls]\"",
            "the vocabulary has no [cls]");
    refused("{\"SpecialToken\": {\"id\": \"[CLS]\"", "{\"Sequence\": {\"id\": \"B\"", "not [CLS] text [SEP]");
    refused("\"##\"", "\"\"", "continuing_subword_prefix");
}

static void json_cut_anywhere_is_refused_and_never_crashes(void **state)
{
    (void)state;
    static const char whole[] = TINY_TOKENIZER;
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        struct heddle_tokenizer *tokenizer = NULL;
        assert_int_equal(heddle_tokenizer_from_json(whole, length, "T", &tokenizer, NULL), HEDDLE_MODEL);
    }
}

static void a_missing_tokenizer_names_the_file_and_the_remedy(void **state)
{
    (void)state;
    char *directory = make_directory();
    struct heddle_tokenizer *tokenizer = NULL;
    struct heddle_error error = {0};
    assert_int_equal(heddle_tokenizer_open(directory, &tokenizer, &error), HEDDLE_MODEL);
    assert_non_null(strstr(error.message, "tokenizer.json"));
    assert_non_null(strstr(error.message, "scripts/bootstrap"));
    remove_directory(directory);
}

static size_t encode(const char *directory, const char *text, uint32_t *ids)
{
    struct heddle_tokenizer *tokenizer = NULL;
    struct heddle_tokenizer_scratch scratch = {0};
    size_t count = 0;
    bool truncated = false;
    assert_int_equal(heddle_tokenizer_open(directory, &tokenizer, NULL), HEDDLE_OK);
    assert_int_equal(
        heddle_tokenizer_encode(tokenizer, &scratch, text, strlen(text), ids, 16, &count, &truncated, NULL),
        HEDDLE_OK);
    heddle_tokenizer_scratch_free(&scratch);
    heddle_tokenizer_destroy(tokenizer);
    return count;
}

static void vocab_txt_counts_lines_whatever_ends_them(void **state)
{
    (void)state;
    uint32_t ids[16];
    char *directory = make_directory();
    write_text(directory, "vocab.txt", "[UNK]\r\n[CLS]\r\n[SEP]\r\npump\r\n##s\r\n\r\nvalve");
    assert_int_equal(encode(directory, "Pumps [SEP] valve x", ids), 7);
    assert_memory_equal(ids, ((uint32_t[]){1, 3, 4, 2, 6, 0, 2}), 7 * sizeof ids[0]);
    write_text(directory, "tokenizer_config.json", "{\"do_lower_case\": false, \"strip_accents\": null}");
    assert_int_equal(encode(directory, "Pumps pumps", ids), 5);
    assert_memory_equal(ids, ((uint32_t[]){1, 0, 3, 4, 2}), 5 * sizeof ids[0]);
    remove_directory(directory);
}

static void vocab_txt_without_the_special_tokens_is_refused(void **state)
{
    (void)state;
    char *directory = make_directory();
    struct heddle_tokenizer *tokenizer = NULL;
    struct heddle_error error = {0};
    write_text(directory, "vocab.txt", "[UNK]\n[CLS]\npump\n");
    assert_int_equal(heddle_tokenizer_open(directory, &tokenizer, &error), HEDDLE_MODEL);
    assert_non_null(strstr(error.message, "vocab.txt: the vocabulary has no [SEP]"));
    write_text(directory, "vocab.txt", "");
    assert_int_equal(heddle_tokenizer_open(directory, &tokenizer, &error), HEDDLE_MODEL);
    remove_directory(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_models_and_steps_are_refused_by_name),
        cmocka_unit_test(added_tokens_that_cannot_be_found_are_refused),
        cmocka_unit_test(values_of_the_wrong_kind_are_refused),
        cmocka_unit_test(json_cut_anywhere_is_refused_and_never_crashes),
        cmocka_unit_test(a_missing_tokenizer_names_the_file_and_the_remedy),
        cmocka_unit_test(vocab_txt_counts_lines_whatever_ends_them),
        cmocka_unit_test(vocab_txt_without_the_special_tokens_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
