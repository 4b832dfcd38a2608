/* test_text.c: UTF-8, cutting, nearest names, grouped numbers, hashing, buffers and errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"

static void well_formed_utf8_is_told_from_the_rest(void **state)
{
    (void)state;
    const char *good[] = {"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x9b\xa9", "\xf4\x8f\xbf\xbf"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(heddle_text_is_utf8(good[i], strlen(good[i])));
    }
    const char *bad[] = {
        "\x80",   "\xc0\xaf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "a\xffz", "\xe2\x82"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(heddle_text_is_utf8(bad[i], strlen(bad[i])));
    }
}

static void a_cut_never_splits_a_code_point(void **state)
{
    (void)state;
    const char *text = "a\xe2\x82\xac"
                       "b";
    assert_int_equal(heddle_text_cut(text, 5, 9), 5);
    assert_int_equal(heddle_text_cut(text, 5, 4), 4);
    assert_int_equal(heddle_text_cut(text, 5, 3), 1);
    assert_int_equal(heddle_text_cut(text, 5, 2), 1);
    assert_int_equal(heddle_text_cut(text, 5, 0), 0);
}

static void a_misspelt_name_finds_its_neighbour_and_a_strange_one_none(void **state)
{
    (void)state;
    const char *names[] = {"batch-rows", "batch-bytes", "writers"};
    assert_string_equal(heddle_text_nearest("batch-row", names, 3), "batch-rows");
    assert_string_equal(heddle_text_nearest("wirters", names, 3), "writers");
    assert_string_equal(heddle_text_nearest("WRITERS", names, 3), "writers");
    assert_null(heddle_text_nearest("colour", names, 3));
    assert_int_equal(heddle_text_distance("ab", "ba"), 1);
    assert_int_equal(heddle_text_distance("", "abc"), 3);
}

static void numbers_are_grouped_by_thousands(void **state)
{
    (void)state;
    char out[32];
    assert_string_equal(heddle_text_grouped(0, out), "0");
    assert_string_equal(heddle_text_grouped(999, out), "999");
    assert_string_equal(heddle_text_grouped(1000, out), "1,000");
    assert_string_equal(heddle_text_grouped(UINT64_MAX, out), "18,446,744,073,709,551,615");
}

static void base64_is_that_of_the_standard(void **state)
{
    (void)state;
    /* The test vectors of RFC 4648 section 10, and the two digits that differ between alphabets. */
    const char *vectors[][2] = {{"", ""},
                                {"f", "Zg=="},
                                {"fo", "Zm8="},
                                {"foo", "Zm9v"},
                                {"foob", "Zm9vYg=="},
                                {"fooba", "Zm9vYmE="},
                                {"foobar", "Zm9vYmFy"},
                                {"\xfb\xff", "+/8="}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        char out[16] = "";
        const size_t length = strlen(vectors[i][0]);
        heddle_text_base64(vectors[i][0], length, out);
        assert_int_equal(heddle_text_base64_length(length), strlen(vectors[i][1]));
        assert_string_equal(out, vectors[i][1]);
    }
}

static void every_byte_and_the_length_and_the_seed_change_the_hash(void **state)
{
    (void)state;
    unsigned char bytes[40] = {0};
    for (size_t length = 0; length < sizeof bytes; length++) {
        const uint64_t plain = heddle_hash_bytes(bytes, length, 1);
        assert_true(plain != heddle_hash_bytes(bytes, length, 2));
        assert_true(plain != heddle_hash_bytes(bytes, length + 1, 1));
        for (size_t i = 0; i < length; i++) {
            bytes[i] = 1;
            assert_true(plain != heddle_hash_bytes(bytes, length, 1));
            bytes[i] = 0;
        }
    }
}

static void a_bounded_random_number_stays_in_its_bounds_and_reaches_them(void **state)
{
    (void)state;
    uint64_t seed = 42;
    unsigned seen = 0;
    for (int i = 0; i < 1000; i++) {
        const uint64_t value = heddle_random_below(&seed, 7);
        assert_true(value < 7);
        seen |= 1u << value;
        const double unit = heddle_random_unit(&seed);
        assert_true(unit >= 0 && unit < 1);
    }
    assert_int_equal(seen, 0x7f);
}

static void a_buffer_that_could_not_grow_says_so_once_at_the_end(void **state)
{
    (void)state;
    struct heddle_buffer buffer = {0};
    heddle_buffer_append_text(&buffer, "abc");
    heddle_memory_fail_at(0);
    heddle_buffer_append_format(&buffer, "%0100d", 7);
    heddle_memory_fail_at(-1);
    heddle_buffer_append_text(&buffer, "def");
    assert_int_equal(buffer.length, 3);
    struct heddle_error error = {0};
    assert_int_equal(heddle_buffer_check(&buffer, &error), HEDDLE_OUT_OF_MEMORY);
    assert_null(heddle_buffer_text(&buffer));
    heddle_buffer_reset(&buffer);
    heddle_buffer_append_format(&buffer, "%s=%d", "x", 1);
    assert_string_equal(heddle_buffer_text(&buffer), "x=1");
    heddle_buffer_free(&buffer);
    heddle_buffer_free(NULL);
}

static void an_error_keeps_its_action_and_code_when_a_layer_adds_its_context(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    assert_int_equal(heddle_error_set(&error, HEDDLE_DATABASE, "deadlock"), HEDDLE_DATABASE);
    error.action = HEDDLE_ACTION_RETRY;
    snprintf(error.code, sizeof error.code, "Neo.X");
    assert_int_equal(heddle_error_prefix(&error, "target '%s'", "a"), HEDDLE_DATABASE);
    assert_string_equal(error.message, "target 'a': deadlock");
    assert_int_equal(error.action, HEDDLE_ACTION_RETRY);
    assert_string_equal(error.code, "Neo.X");
    assert_int_equal(heddle_error_set(&error, HEDDLE_IO, "again: %s", error.message), HEDDLE_IO);
    assert_string_equal(error.message, "again: target 'a': deadlock");
    assert_string_equal(error.code, "");
    assert_int_equal(heddle_error_set(NULL, HEDDLE_IO, "nobody listens"), HEDDLE_IO);
}

static void a_message_that_is_too_long_is_cut_and_terminated(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    heddle_error_set(&error, HEDDLE_IO, "%0900d", 1);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    heddle_error_prefix(&error, "%0900d", 2);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_utf8_is_told_from_the_rest),
        cmocka_unit_test(a_cut_never_splits_a_code_point),
        cmocka_unit_test(a_misspelt_name_finds_its_neighbour_and_a_strange_one_none),
        cmocka_unit_test(numbers_are_grouped_by_thousands),
        cmocka_unit_test(base64_is_that_of_the_standard),
        cmocka_unit_test(every_byte_and_the_length_and_the_seed_change_the_hash),
        cmocka_unit_test(a_bounded_random_number_stays_in_its_bounds_and_reaches_them),
        cmocka_unit_test(a_buffer_that_could_not_grow_says_so_once_at_the_end),
        cmocka_unit_test(an_error_keeps_its_action_and_code_when_a_layer_adds_its_context),
        cmocka_unit_test(a_message_that_is_too_long_is_cut_and_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
