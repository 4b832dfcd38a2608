/* test_unigram.c: the tokenizer of XLM-R-like models. The expected ids of every case were taken from the library;
 * tests/fuzz/tokenizer compares the two on random texts. */
#include "model_fixture.h"

#include "model/model_file.h"
#include "model/tokenizer/segmentation.h"
#include "model/tokenizer/tokenizer.h"

enum { CAPACITY = 600, GOLDEN_LINES = 197 };

#define HEAD                                                                                                 \
    "{\"added_tokens\": [{\"id\": 0, \"content\": \"<s>\"}, {\"id\": 2, \"content\": \"</s>\"},"             \
    "{\"id\": 4, \"content\": \"<mask>\", \"lstrip\": true}],"
#define STEPS                                                                                                \
    "\"normalizer\": {\"type\": \"Lowercase\"}, \"pre_tokenizer\": {\"type\": \"Sequence\", "                \
    "\"pretokenizers\": [{\"type\": \"WhitespaceSplit\"}, {\"type\": \"Metaspace\", \"replacement\": "       \
    "\"\\u2581\", \"prepend_scheme\": \"always\"}]},"
#define TAIL                                                                                                 \
    "\"post_processor\": {\"type\": \"RobertaProcessing\", \"sep\": [\"</s>\", 2], \"cls\": [\"<s>\", 0]},"  \
    "\"model\": {\"type\": \"Unigram\", \"unk_id\": 3, \"byte_fallback\": false, \"vocab\": [[\"<s>\", 0],"  \
    "[\"<pad>\", 0.0], [\"</s>\", 0], [\"<unk>\", 0], [\"<mask>\", 0], [\"\\u2581\", -2.0], [\"a\", -3],"    \
    "[\"b\", -3], [\"ab\", -4], [\"\\u2581ab\", -5.5], [\"ba\", -4], [\"<0x7A>\", -9], [\"qz\", -60],"       \
    "[\"\\u2581\\u2581\", -1.5], [\"aa\", -2.5]]}}"

static struct heddle_tokenizer *load(const char *json, size_t length)
{
    struct heddle_error error = {0};
    struct heddle_tokenizer *tokenizer = NULL;
    if (heddle_tokenizer_from_json(json, length, "test", &tokenizer, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return tokenizer;
}

/* HEAD STEPS TAIL, with the first `from` replaced by `to`. */
static struct heddle_buffer changed(const char *from, const char *to)
{
    static const char whole[] = HEAD STEPS TAIL;
    const char *at = strstr(whole, from);
    assert_non_null(at);
    struct heddle_buffer json = {0};
    heddle_buffer_append(&json, whole, (size_t)(at - whole));
    heddle_buffer_append_text(&json, to);
    heddle_buffer_append_text(&json, at + strlen(from));
    return json;
}

/* Ids between <s> and </s> as "10 11 1". */
static void check(const char *from, const char *to, const char *text, const char *expected)
{
    struct heddle_buffer json = changed(from, to);
    struct heddle_tokenizer *tokenizer = load((const char *)json.bytes, json.length);
    struct heddle_tokenizer_scratch scratch = {0};
    uint32_t ids[CAPACITY];
    size_t count = 0;
    bool truncated = true;
    assert_int_equal(heddle_tokenizer_encode(tokenizer, &scratch, text, strlen(text), ids, CAPACITY, &count,
                                             &truncated, NULL),
                     HEDDLE_OK);
    assert_false(truncated);
    assert_true(count >= 2 && ids[0] == 0 && ids[count - 1] == 2);
    char found[4096] = "";
    size_t used = 0;
    for (size_t i = 1; i + 1 < count; i++) {
        used += (size_t)snprintf(found + used, sizeof found - used, "%s%u", i == 1 ? "" : " ", ids[i]);
    }
    assert_string_equal(found, expected);
    heddle_tokenizer_scratch_free(&scratch);
    heddle_tokenizer_destroy(tokenizer);
    heddle_buffer_free(&json);
}

static void the_best_scored_spelling_wins(void **state)
{
    (void)state;
    check("", "", "ab", "9");
    check("", "", "aab", "5 14 7"); /* U+2581 aa b beats U+2581 a ab */
    check("", "", "ba ab", "5 10 9");
    check("", "", "", "");
    check("", "", " \t\u3000", "");
    check("", "", "AB", "9");
}

static void of_equal_spellings_the_first_found_wins(void **state)
{
    (void)state;
    check("[\"aa\", -2.5]", "[\"aa\", -6]", "aa", "5 14"); /* a a and aa are both -6 */
}

static void unknown_characters_in_a_row_are_one_unknown_piece(void **state)
{
    (void)state;
    check("", "", "\u98db\u884c", "5 3");
    check("", "", "\u98dba\u884c", "5 3 6 3");
    check("", "", "x<unk>y", "5 3"); /* the text of the unknown piece is unknown, and fuses */
    check("", "", "qz", "5 12");     /* worse than two unknowns, but found when looked up as a whole */
}

static void byte_fallback_spells_an_unknown_piece_if_every_byte_is_there(void **state)
{
    (void)state;
    check("\"byte_fallback\": false", "\"byte_fallback\": true", "zz", "5 11 11");
    check("\"byte_fallback\": false", "\"byte_fallback\": true", "zy", "5 3");
    check("", "", "zz", "5 3");
}

static void every_mark_starts_a_word(void **state)
{
    (void)state;
    check("", "", "\u2581ab\u2581\u2581ab", "9 5 9");
    check("\"prepend_scheme\": \"always\"", "\"prepend_scheme\": \"always\", \"split\": false",
          "ab\u2581\u2581ab", "9 13 8");
    check("\"prepend_scheme\": \"always\"", "\"prepend_scheme\": \"never\"", "ab ab", "8 8");
    check("{\"type\": \"WhitespaceSplit\"},", "", "ab  ab", "9 5 9"); /* spaces are marks then */
}

static void first_marks_only_what_the_text_starts_with(void **state)
{
    (void)state;
    const char *from = "\"prepend_scheme\": \"always\"";
    const char *to = "\"prepend_scheme\": \"first\"";
    check(from, to, "ab ab", "9 8");
    check(from, to, " ab ab", "8 8");
    check(from, to, "<s>ab ab", "0 8 8");
    check(from, to, "AB", "9");
}

static void special_tokens_in_a_text_are_their_ids_and_take_space_along(void **state)
{
    (void)state;
    check("", "", "ab <mask> ab", "9 4 9");
    check("", "", "<s></s>", "0 2");
}

static void normalizers_run_one_after_the_other(void **state)
{
    (void)state;
    const char *from = "{\"type\": \"Lowercase\"}";
    check(from, "null", "AB", "5 3");
    check(from, "{\"type\": \"Replace\", \"pattern\": {\"String\": \"x\"}, \"content\": \"ab\"}", "xx",
          "9 8");
    check(from,
          "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Replace\", \"pattern\": {\"Regex\": \" "
          "{2,}\"}, \"content\": \"a\"}, {\"type\": \"Lowercase\"}]}",
          "B   B B", "5 7 8 5 7");
    check(from, "{\"type\": \"Prepend\", \"prepend\": \"a\"}", "b", "9");
    check(from, "{\"type\": \"Strip\", \"strip_left\": true, \"strip_right\": true}", " \tab ", "9");
}

static void clusters_end_where_unicode_says(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t end;
    } cases[] = {{"ab", 1},
                 {"e\u0301\u0302a", 5},
                 {"\r\na", 2},
                 {"\r\u0301", 1},
                 {"a\u200da", 4},
                 {"\u0915\u094d\u0937", 9},             /* a conjunct */
                 {"\u0915\u0937", 3},                   /* no linker */
                 {"\U0001f469\u200d\U0001f680", 11},    /* an emoji sequence */
                 {"\U0001f469\u200da", 7},              /* a joiner with nothing to join */
                 {"\U0001f1e9\U0001f1ea\U0001f1eb", 8}, /* flags are pairs */
                 {"\u1100\u1161\u11a8\u1100", 9},       /* Hangul L V T */
                 {"\uac00\u11a8", 6},                   /* LV T */
                 {"\uac01\u1161", 3},                   /* LVT V */
                 {"\u0600a", 3},                        /* a prepended sign */
                 {"\u0915\u093e", 6}};                  /* a spacing mark */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(heddle_grapheme_end(cases[i].text, 0, strlen(cases[i].text)), cases[i].end);
    }
    assert_true(heddle_unicode_is_word('_') && heddle_unicode_is_word(0xe9) && heddle_unicode_is_word(0x301));
    assert_true(!heddle_unicode_is_word('-') && !heddle_unicode_is_word(0x2581));
}

static void the_padding_id_is_known_where_the_file_names_it(void **state)
{
    (void)state;
    struct heddle_buffer json = changed("\"normalizer\"", "\"padding\": {\"pad_id\": 7}, \"normalizer\"");
    struct heddle_tokenizer *tokenizer = load((const char *)json.bytes, json.length);
    uint32_t id = 0;
    assert_true(heddle_tokenizer_pad_id(tokenizer, &id));
    assert_int_equal(id, 7);
    heddle_tokenizer_destroy(tokenizer);
    heddle_buffer_free(&json);
    tokenizer = load(HEAD STEPS TAIL, sizeof HEAD STEPS TAIL - 1);
    assert_true(heddle_tokenizer_pad_id(tokenizer, &id));
    assert_int_equal(id, 1);
    assert_int_equal(heddle_tokenizer_vocabulary_size(tokenizer), 15);
    heddle_tokenizer_destroy(tokenizer);
}

static void every_golden_text_gets_the_ids_of_the_library(void **state)
{
    (void)state;
    struct heddle_tokenizer *tokenizer = NULL;
    struct heddle_tokenizer_scratch scratch = {0};
    assert_int_equal(heddle_tokenizer_open("tests/golden/unigram", &tokenizer, NULL), HEDDLE_OK);
    FILE *stream = fopen("tests/golden/unigram/golden.jsonl", "rb");
    assert_non_null(stream);
    char *line = NULL;
    size_t capacity = 0;
    size_t lines = 0;
    for (ssize_t length = 0; (length = getline(&line, &capacity, stream)) > 0; lines++) {
        json_t *row = json_loadb(line, (size_t)length, JSON_ALLOW_NUL, NULL);
        const json_t *text = json_object_get(row, "text");
        const json_t *expected = json_object_get(row, "ids");
        uint32_t ids[CAPACITY];
        size_t count = 0;
        bool truncated = true;
        assert_int_equal(heddle_tokenizer_encode(tokenizer, &scratch, json_string_value(text),
                                                 json_string_length(text), ids, CAPACITY, &count, &truncated,
                                                 NULL),
                         HEDDLE_OK);
        assert_false(truncated);
        assert_int_equal(count, json_array_size(expected));
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(ids[i], json_integer_value(json_array_get(expected, i)));
        }
        json_decref(row);
    }
    assert_int_equal(lines, GOLDEN_LINES);
    free(line);
    fclose(stream);
    heddle_tokenizer_scratch_free(&scratch);
    heddle_tokenizer_destroy(tokenizer);
}

static void a_megabyte_without_a_space_is_one_word(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    static uint32_t ids[BYTES];
    char *text = malloc(BYTES);
    assert_non_null(text);
    memset(text, 'a', BYTES);
    struct heddle_tokenizer *tokenizer = load(HEAD STEPS TAIL, sizeof HEAD STEPS TAIL - 1);
    struct heddle_tokenizer_scratch scratch = {0};
    size_t count = 0;
    bool truncated = true;
    assert_int_equal(
        heddle_tokenizer_encode(tokenizer, &scratch, text, BYTES, ids, BYTES, &count, &truncated, NULL),
        HEDDLE_OK);
    assert_false(truncated);
    assert_int_equal(count, BYTES / 2 + 3); /* pairs, the mark, <s> and </s> */
    assert_int_equal(
        heddle_tokenizer_encode(tokenizer, &scratch, text, BYTES, ids, 9, &count, &truncated, NULL),
        HEDDLE_OK);
    assert_true(truncated);
    assert_int_equal(count, 9);
    heddle_tokenizer_scratch_free(&scratch);
    heddle_tokenizer_destroy(tokenizer);
    free(text);
}

static void running_out_of_memory_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    struct heddle_buffer json =
        changed("{\"type\": \"Lowercase\"}",
                "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Precompiled\", "
                "\"precompiled_charsmap\": \"BAAAAAAAAAB4AA==\"}, {\"type\": \"Replace\", \"pattern\": "
                "{\"String\": \"x\"}, \"content\": \"y\"}, {\"type\": \"Prepend\", \"prepend\": \"x\"}]}");
    int status = HEDDLE_OUT_OF_MEMORY;
    int failures = 0;
    for (int64_t i = 0; status != HEDDLE_OK; i++) {
        struct heddle_tokenizer *tokenizer = NULL;
        struct heddle_tokenizer_scratch scratch = {0};
        uint32_t ids[8];
        size_t count = 0;
        bool truncated = false;
        heddle_memory_fail_at(i);
        status = heddle_tokenizer_from_json((const char *)json.bytes, json.length, "test", &tokenizer, NULL);
        if (status == HEDDLE_OK) {
            status =
                heddle_tokenizer_encode(tokenizer, &scratch, "x ab", 4, ids, 8, &count, &truncated, NULL);
        }
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
        failures += status != HEDDLE_OK;
        heddle_tokenizer_scratch_free(&scratch);
        heddle_tokenizer_destroy(tokenizer);
    }
    assert_true(failures >= 20);
    heddle_buffer_free(&json);
}

static void refused(const char *from, const char *to, const char *reason)
{
    struct heddle_buffer json = changed(from, to);
    struct heddle_tokenizer *tokenizer = NULL;
    struct heddle_error error = {0};
    assert_int_equal(
        heddle_tokenizer_from_json((const char *)json.bytes, json.length, "T", &tokenizer, &error),
        HEDDLE_MODEL);
    if (strstr(error.message, reason) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
    }
    heddle_buffer_free(&json);
}

static void what_would_not_be_exact_is_refused_by_name(void **state)
{
    (void)state;
    refused("{\"type\": \"Lowercase\"}", "{\"type\": \"NFKD\"}", "normalizer NFKD");
    refused("{\"type\": \"Lowercase\"}", "{}", "normalizer without a type");
    refused("{\"type\": \"Lowercase\"}",
            "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"\\\\s+\"}, \"content\": \"\"}",
            "Regex \"\\s+\" is not supported");
    refused("{\"type\": \"Lowercase\"}",
            "{\"type\": \"Replace\", \"pattern\": {\"String\": \"\"}, \"content\": \"\"}",
            "String is no text");
    refused("{\"type\": \"Lowercase\"}", "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"AAAA\"}",
            "cut short");
    refused("{\"type\": \"Lowercase\"}", "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"A=AA\"}",
            "not base64");
    refused("{\"type\": \"Lowercase\"}",
            "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"BAAAAAAAAAD/AA==\"}", "not UTF-8");
    refused("{\"type\": \"WhitespaceSplit\"}", "{\"type\": \"Punctuation\"}", "pre_tokenizer Punctuation");
    refused("\"prepend_scheme\": \"always\"}", "\"prepend_scheme\": \"always\"}, {\"type\": \"Digits\"}",
            "Digits behind Metaspace");
    refused("\"always\"", "\"sometimes\"", "prepend_scheme sometimes");
    refused("\"always\"", "\"always\", \"add_prefix_space\": false", "contradicts");
    refused("\\u2581", "__", "not one character");
    refused("\"unk_id\": 3", "\"unk_id\": null", "unk_id");
    refused("\"unk_id\": 3", "\"unk_id\": 15", "unk_id");
    refused("[\"a\", -3]", "[\"a\"]", "model.vocab[6]");
    refused("[\"a\", -3]", "[\"a\", \"-3\"]", "model.vocab[6]");
    refused("[\"</s>\", 2]", "[\"</s>\", -2]", "post_processor");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_scored_spelling_wins),
        cmocka_unit_test(of_equal_spellings_the_first_found_wins),
        cmocka_unit_test(unknown_characters_in_a_row_are_one_unknown_piece),
        cmocka_unit_test(byte_fallback_spells_an_unknown_piece_if_every_byte_is_there),
        cmocka_unit_test(every_mark_starts_a_word),
        cmocka_unit_test(first_marks_only_what_the_text_starts_with),
        cmocka_unit_test(special_tokens_in_a_text_are_their_ids_and_take_space_along),
        cmocka_unit_test(normalizers_run_one_after_the_other),
        cmocka_unit_test(clusters_end_where_unicode_says),
        cmocka_unit_test(the_padding_id_is_known_where_the_file_names_it),
        cmocka_unit_test(every_golden_text_gets_the_ids_of_the_library),
        cmocka_unit_test(a_megabyte_without_a_space_is_one_word),
        cmocka_unit_test(running_out_of_memory_is_reported_and_leaves_nothing),
        cmocka_unit_test(what_would_not_be_exact_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
