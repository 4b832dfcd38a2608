/* test_tokenizer.c: each rule of the BERT tokenizer with the trap in it. The expected behaviour of every case was
 * taken from the library itself; tests/fuzz/tokenizer compares the two on random texts. */
#include "model_fixture.h"

#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/unicode.h"
#include "model/tokenizer/unicode_tables.h"

enum { CAPACITY = 600 };

#define HEAD                                                                                                 \
    "{\"added_tokens\": [{\"id\": 2, \"content\": \"[CLS]\", \"lstrip\": true}, {\"id\": 3, \"content\": "   \
    "\"[SEP]\"},"                                                                                            \
    "{\"id\": 4, \"content\": \"[SEP]x\"}],"                                                                 \
    "\"normalizer\": {\"type\": \"BertNormalizer\""
#define TAIL                                                                                                 \
    "}, \"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"},"                                                \
    "\"post_processor\": {\"type\": \"BertProcessing\", \"sep\": [\"[SEP]\", 3], \"cls\": [\"[CLS]\", 2]},"  \
    "\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": \"##\","  \
    "\"max_input_chars_per_word\": 100, \"vocab\": {\"[PAD]\": 0, \"[UNK]\": 1, \"[CLS]\": 2, \"[SEP]\": "   \
    "3, \"[SEP]x\": 4, \"a\": 10,"                                                                           \
    "\"##a\": 11, \"b\": 12, \"##b\": 13, \"ab\": 14, \"##ba\": 15, \"e\": 16, \"##e\": 17, \"i\": 18, "     \
    "\"\\u0307\": 19,"                                                                                       \
    "\"##\\u0307\": 20, \"\\u98db\": 21, \"##\\u98db\": 22, \"$\": 23, \"-\": 24, \"\\u00e9\": 25, \"A\": "  \
    "26,"                                                                                                    \
    "\"abab\": 27, \"\\u03c3\": 28, \"##\\u03c3\": 29, \"\\u1112\": 30, \"##\\u1161\": 31, \"##\\u11ab\": "  \
    "32,"                                                                                                    \
    "\"[\": 33, \"]\": 34, \"##\\u302e\": 35, \"##\\u09be\": 36, \"\\u20ac\": 37, \"##\\u20ac\": 38, "       \
    "\"\\u2014\": 39,"                                                                                       \
    "\"##\": 40, \"E\": 41, \"##\\ud834\\udd65\": 42, \"cls\": 43, \";\": 44, \"##\\ud86e\\udc20\": 45, "    \
    "\"c\": 46, \"\": 47}}}"

static struct heddle_tokenizer *tokenizer_with(const char *settings)
{
    struct heddle_buffer json = {0};
    struct heddle_error error = {0};
    struct heddle_tokenizer *tokenizer = NULL;
    heddle_buffer_append_text(&json, HEAD);
    heddle_buffer_append_text(&json, settings);
    heddle_buffer_append_text(&json, TAIL);
    if (heddle_tokenizer_from_json((const char *)json.bytes, json.length, "test", &tokenizer, &error) !=
        HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    heddle_buffer_free(&json);
    return tokenizer;
}

/* Ids between [CLS] and [SEP] as "10 11 1". */
static const char *ids_of(const struct heddle_tokenizer *tokenizer, const char *text, size_t length,
                          char out[static 4096])
{
    struct heddle_tokenizer_scratch scratch = {0};
    uint32_t ids[CAPACITY];
    size_t count = 0;
    bool truncated = true;
    assert_int_equal(
        heddle_tokenizer_encode(tokenizer, &scratch, text, length, ids, CAPACITY, &count, &truncated, NULL),
        HEDDLE_OK);
    heddle_tokenizer_scratch_free(&scratch);
    assert_false(truncated);
    assert_true(count >= 2 && ids[0] == 2 && ids[count - 1] == 3);
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 1; i + 1 < count; i++) {
        used += (size_t)snprintf(out + used, 4096 - used, "%s%u", i == 1 ? "" : " ", ids[i]);
    }
    return out;
}

static void check_bytes(const char *settings, const char *text, size_t length, const char *expected)
{
    char found[4096];
    struct heddle_tokenizer *tokenizer = tokenizer_with(settings);
    assert_string_equal(ids_of(tokenizer, text, length, found), expected);
    heddle_tokenizer_destroy(tokenizer);
}

static void check(const char *settings, const char *text, const char *expected)
{
    check_bytes(settings, text, strlen(text), expected);
}

static void words_split_into_the_longest_pieces_first(void **state)
{
    (void)state;
    check("", "abab", "27");
    check("", "abba", "14 15");
    check("", "aba", "14 11");
    check("", "", "");
    check("", "   ", "");
}

static void a_word_that_cannot_be_spelled_is_unknown_as_a_whole(void **state)
{
    (void)state;
    check("", "abz", "1");
    check("", "zab ab", "1 14");
}

static void a_word_of_over_100_characters_is_unknown_however_it_is_spelled(void **state)
{
    (void)state;
    char text[402];
    memset(text, 'z', sizeof text);
    memset(text, 'e', 101);
    text[101] = '\0';
    check("", text, "1");
    text[100] = '\0';
    char found[4096];
    struct heddle_tokenizer *tokenizer = tokenizer_with("");
    assert_memory_equal(ids_of(tokenizer, text, 100, found), "16 17 17", 8);
    /* 100 characters, not bytes: the sign of the euro has three */
    for (size_t i = 0; i < 100; i++) {
        memcpy(text + 3 * i, "\u20ac", 3);
    }
    assert_memory_equal(ids_of(tokenizer, text, 300, found), "37 38 38", 8);
    memcpy(text + 300, "\u20ac", 3);
    assert_string_equal(ids_of(tokenizer, text, 303, found), "1");
    /* accents are stripped before counting: 100 e and 100 acutes are 100 characters */
    for (size_t i = 0; i < 100; i++) {
        memcpy(text + 3 * i, "e\u0301", 3);
    }
    assert_memory_equal(ids_of(tokenizer, text, 300, found), "16 17 17", 8);
    heddle_tokenizer_destroy(tokenizer);
}

static void added_tokens_are_found_in_the_raw_text_even_inside_words(void **state)
{
    (void)state;
    check("", "a[SEP]b", "10 3 12");
    check("", "[SEP][CLS]", "3 2");
    check("", "a [CLS] b", "10 2 12");
    check("", "[cls]", "33 43 34");      /* not after lowering */
    check("", "[SEP]x[SEP]", "4 3");     /* the longest */
    check("", "[SE\u00adP]", "33 1 34"); /* not after cleaning: the soft hyphen vanishes later */
    check("", "[SEP", "33 1");
}

static void control_format_and_private_characters_vanish_inside_words(void **state)
{
    (void)state;
    check_bytes("", "a\0b", 3, "14");
    check("", "a\001\177\033b", "14");
    check("", "a\ufffdb", "14");    /* U+FFFD */
    check("", "a\u00adb", "14");    /* soft hyphen, Cf */
    check("", "a\u200db", "14");    /* zero width joiner, Cf */
    check("", "\ufeffab", "14");    /* byte order mark */
    check("", "a\ue000b", "14");    /* U+E000, private use */
    check("", "a\ue001b", "14");    /* and inside the private-use range */
    check("", "a\302\205b", "14");  /* U+0085 is a control here, not white space */
    check("", "a\013b", "14");      /* so is the vertical tab */
    check("", "a\U0002ffffb", "1"); /* unassigned stays, although the library's comment says otherwise */
}

static void every_kind_of_white_space_separates(void **state)
{
    (void)state;
    check("", "a\tb\nb\ra", "10 12 12 10");
    check("", "a\u00a0b\u3000a\u2028b", "10 12 10 12");              /* U+00A0 U+3000 U+2028 */
    check("", "a\u200bb", "14");                                     /* U+200B is format, not space */
    check(", \"clean_text\": false", "a\302\205b\013a", "10 12 10"); /* without cleaning it is White_Space */
}

static void punctuation_stands_alone_and_ascii_symbols_count(void **state)
{
    (void)state;
    check("", "a-b$a", "10 24 12 23 10");
    check("", "--", "24 24");
    check("", "a\u2014b", "10 39 12"); /* em dash, Pd */
    check("", "a\u20ace", "10 38 17"); /* the sign of the euro is a symbol beyond ASCII: it does not split */
    check("", "a\u20ac", "10 38");
    check("", "a\u037e", "10 44"); /* U+037E decomposes into a semicolon, which then splits */
}

static void chinese_characters_are_words_of_their_own(void **state)
{
    (void)state;
    check("", "a\u98dbb", "10 21 12");
    check(", \"handle_chinese_chars\": false", "a\u98db", "10 22");
    /* U+2B820 .. U+2B91F is missing from the library's ranges (original BERT has it) */
    check("", "a\U0002b820", "10 45");
    check("", "a\U0002b920", "10 1");
}

static void accents_are_stripped_and_case_is_lowered(void **state)
{
    (void)state;
    check("", "\u00e9", "16"); /* e acute */
    check("", "\u00c9", "16"); /* E acute */
    check("", "e\u0301\u0302", "16");
    check("", "AB", "14");
    check("", "\u0130", "18");          /* U+0130: I and a dot, the dot is stripped */
    check("", "\u03a3\u03a3", "28 29"); /* no final sigma */
    check("", "\uac00", "1");           /* Hangul is taken apart … */
    check("", "\ud55c", "30 31 32");    /* … and stays so: U+D55C is three Jamo */
    check("", "a\u09be", "10 36");      /* a spacing mark (Mc) stays */
}

static void the_switches_of_the_normalizer_hold_one_by_one(void **state)
{
    (void)state;
    check(", \"lowercase\": false", "A", "26");
    check(", \"lowercase\": false", "\u00e9", "25"); /* null means: as lowercase says */
    check(", \"lowercase\": false, \"strip_accents\": true", "\u00c9", "41");
    check(", \"strip_accents\": false", "\u00c9", "25");
    check(", \"strip_accents\": false", "\u0130", "18 20"); /* U+0130 lowers to two characters */
    check_bytes(", \"clean_text\": false", "a\0b", 3, "1");
}

static void marks_that_stay_are_put_into_canonical_order(void **state)
{
    (void)state;
    /* U+302E has class 224, U+1D165 class 216: both stay, sorted, also around a stripped mark */
    check("", "a\u302e\U0001d165", "10 42 35");
    check("", "a\U0001d165\u302e", "10 42 35");
    check("", "a\u302e\u0301\U0001d165", "10 42 35");
    /* a dropped character does not end the run, a special token does */
    check("", "a\u302e\001\U0001d165", "10 42 35");
    check("", "a\u302e[SEP]\U0001d165", "10 35 3 1");
    check("", "a\u302eb\U0001d165", "10 35 13 42");
}

static void what_does_not_fit_is_cut_from_the_right(void **state)
{
    (void)state;
    struct heddle_tokenizer *tokenizer = tokenizer_with("");
    struct heddle_tokenizer_scratch scratch = {0};
    uint32_t ids[5];
    size_t count = 0;
    bool truncated = true;
    assert_int_equal(
        heddle_tokenizer_encode(tokenizer, &scratch, "a b a", 5, ids, 5, &count, &truncated, NULL), 0);
    assert_false(truncated);
    assert_memory_equal(ids, ((uint32_t[]){2, 10, 12, 10, 3}), sizeof ids);
    assert_int_equal(
        heddle_tokenizer_encode(tokenizer, &scratch, "a b a b", 7, ids, 5, &count, &truncated, NULL), 0);
    assert_true(truncated);
    assert_int_equal(count, 5);
    assert_memory_equal(ids, ((uint32_t[]){2, 10, 12, 10, 3}), sizeof ids);
    /* a word across the limit is cut between its pieces; an unknown one is unknown although its start would fit */
    assert_int_equal(
        heddle_tokenizer_encode(tokenizer, &scratch, "a b aba", 7, ids, 5, &count, &truncated, NULL), 0);
    assert_true(truncated);
    assert_memory_equal(ids, ((uint32_t[]){2, 10, 12, 14, 3}), sizeof ids);
    assert_int_equal(
        heddle_tokenizer_encode(tokenizer, &scratch, "a b abaz", 8, ids, 5, &count, &truncated, NULL), 0);
    assert_false(truncated);
    assert_memory_equal(ids, ((uint32_t[]){2, 10, 12, 1, 3}), sizeof ids);
    assert_int_equal(heddle_tokenizer_encode(tokenizer, &scratch, "a", 1, ids, 2, &count, &truncated, NULL),
                     0);
    assert_true(truncated);
    assert_int_equal(count, 2);
    heddle_tokenizer_scratch_free(&scratch);
    heddle_tokenizer_destroy(tokenizer);
}

static void the_tables_fit_the_room_that_callers_give(void **state)
{
    (void)state;
    for (uint32_t point = 0; point < HEDDLE_UNICODE_LIMIT; point++) {
        uint32_t parts[64];
        const size_t count = heddle_unicode_decompose(point, parts);
        assert_true(count >= 1 && count <= HEDDLE_UNICODE_DECOMPOSITION_MAX);
        assert_true(heddle_unicode_lower(point, parts) <= HEDDLE_UNICODE_LOWER_MAX);
    }
    for (size_t i = 1; i < heddle_unicode_decomposition_count; i++) {
        assert_true(heddle_unicode_decompositions[i - 1].from < heddle_unicode_decompositions[i].from);
    }
    for (size_t i = 1; i < heddle_unicode_lower_count; i++) {
        assert_true(heddle_unicode_lowers[i - 1].from < heddle_unicode_lowers[i].from);
    }
}

static void code_points_survive_encoding_and_decoding(void **state)
{
    (void)state;
    for (uint32_t point = 0; point < HEDDLE_UNICODE_LIMIT; point++) {
        char bytes[4];
        size_t at = 0;
        const size_t length = heddle_unicode_encode(point, bytes);
        assert_int_equal(heddle_unicode_decode(bytes, &at), point);
        assert_int_equal(at, length);
    }
}

/* 6 MB of marks in reverse order: sorting must not be quadratic (this test would not end). */
static void a_text_of_nothing_but_marks_takes_linear_time(void **state)
{
    (void)state;
    enum { MARKS = 1000000 };
    struct heddle_buffer text = {0};
    for (size_t i = 0; i < MARKS; i++) {
        heddle_buffer_append_text(&text, i % 2 == 0 ? "\u302e" : "\U0001d165");
    }
    assert_int_equal(heddle_buffer_check(&text, NULL), HEDDLE_OK);
    check_bytes("", (const char *)text.bytes, text.length, "1");
    heddle_buffer_free(&text);
}

static void running_out_of_memory_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    static const char text[] = "a\u302e\U0001d165";
    int status = HEDDLE_OUT_OF_MEMORY;
    int failures = 0;
    for (int64_t i = 0; status != HEDDLE_OK; i++) {
        struct heddle_tokenizer *tokenizer = NULL;
        struct heddle_tokenizer_scratch scratch = {0};
        uint32_t ids[8];
        size_t count = 0;
        bool truncated = false;
        heddle_memory_fail_at(i);
        status =
            heddle_tokenizer_from_json(TINY_TOKENIZER, sizeof TINY_TOKENIZER - 1, "test", &tokenizer, NULL);
        if (status == HEDDLE_OK) {
            status = heddle_tokenizer_encode(tokenizer, &scratch, text, sizeof text - 1, ids, 8, &count,
                                             &truncated, NULL);
        }
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
        failures += status != HEDDLE_OK;
        heddle_tokenizer_scratch_free(&scratch);
        heddle_tokenizer_destroy(tokenizer);
    }
    assert_true(failures >= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_split_into_the_longest_pieces_first),
        cmocka_unit_test(a_word_that_cannot_be_spelled_is_unknown_as_a_whole),
        cmocka_unit_test(a_word_of_over_100_characters_is_unknown_however_it_is_spelled),
        cmocka_unit_test(added_tokens_are_found_in_the_raw_text_even_inside_words),
        cmocka_unit_test(control_format_and_private_characters_vanish_inside_words),
        cmocka_unit_test(every_kind_of_white_space_separates),
        cmocka_unit_test(punctuation_stands_alone_and_ascii_symbols_count),
        cmocka_unit_test(chinese_characters_are_words_of_their_own),
        cmocka_unit_test(accents_are_stripped_and_case_is_lowered),
        cmocka_unit_test(the_switches_of_the_normalizer_hold_one_by_one),
        cmocka_unit_test(marks_that_stay_are_put_into_canonical_order),
        cmocka_unit_test(what_does_not_fit_is_cut_from_the_right),
        cmocka_unit_test(the_tables_fit_the_room_that_callers_give),
        cmocka_unit_test(code_points_survive_encoding_and_decoding),
        cmocka_unit_test(a_text_of_nothing_but_marks_takes_linear_time),
        cmocka_unit_test(running_out_of_memory_is_reported_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
