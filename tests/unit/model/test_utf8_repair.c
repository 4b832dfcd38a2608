/* test_utf8_repair.c: ill-formed UTF-8 becomes what Python's decoder makes of it, for every line of a table it wrote. */
#include "model_fixture.h"

#include "base/text.h"
#include "model/utf8_repair.h"

enum { BYTES_MAX = 128, LINES = 2394 };

static size_t from_hex(const char *hex, size_t digits, uint8_t bytes_out[static BYTES_MAX])
{
    assert_true(digits % 2 == 0 && digits / 2 <= BYTES_MAX);
    for (size_t i = 0; i < digits; i += 2) {
        const char pair[3] = {hex[i], hex[i + 1], '\0'};
        char *end = NULL;
        bytes_out[i / 2] = (uint8_t)strtoul(pair, &end, 16);
        assert_true(*end == '\0');
    }
    return digits / 2;
}

/* Counts U+FFFD; the table's inputs hold none, being made of other bytes or ill-formed. */
static size_t count_replacements(const uint8_t *bytes, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i + 3 <= length; i++) {
        count += memcmp(bytes + i, "\xef\xbf\xbd", 3) == 0;
    }
    return count;
}

static void every_line_of_the_table_is_repaired_as_python_does(void **state)
{
    (void)state;
    FILE *stream = fopen("tests/golden/utf8/repaired.txt", "rb");
    assert_non_null(stream);
    char line[4 * BYTES_MAX];
    size_t lines = 0;
    size_t ill_formed = 0;
    while (fgets(line, sizeof line, stream) != NULL) {
        uint8_t bytes[BYTES_MAX];
        uint8_t expected[BYTES_MAX];
        const char *space = strchr(line, ' ');
        assert_non_null(space);
        const size_t length = from_hex(line, (size_t)(space - line), bytes);
        const size_t wanted = from_hex(space + 1, strcspn(space + 1, "\n"), expected);
        struct heddle_buffer out = {0};
        const size_t replaced = heddle_text_repair((const char *)bytes, length, &out);
        assert_int_equal(out.length, wanted);
        if (wanted > 0) {
            assert_memory_equal(out.bytes, expected, wanted);
        }
        assert_true((replaced == 0) == heddle_text_is_utf8((const char *)bytes, length));
        assert_int_equal(replaced, count_replacements(expected, wanted) - count_replacements(bytes, length));
        ill_formed += replaced > 0;
        heddle_buffer_free(&out);
        lines++;
    }
    fclose(stream);
    assert_int_equal(lines, LINES);
    assert_true(ill_formed > 1500);
}

static void well_formed_text_is_copied_and_appended(void **state)
{
    (void)state;
    struct heddle_buffer out = {0};
    heddle_buffer_append_text(&out, "before ");
    assert_int_equal(heddle_text_repair("a\u00e9\u98db\U0001f642", 10, &out), 0);
    assert_int_equal(heddle_text_repair("", 0, &out), 0);
    assert_string_equal(heddle_buffer_text(&out), "before a\u00e9\u98db\U0001f642");
    heddle_buffer_free(&out);
}

static void a_cut_sequence_at_the_end_is_one_replacement(void **state)
{
    (void)state;
    struct heddle_buffer out = {0};
    assert_int_equal(heddle_text_repair("ab\xf0\x9f\x99", 5, &out), 1);
    assert_string_equal(heddle_buffer_text(&out), "ab\ufffd");
    heddle_buffer_free(&out);
}

static void running_out_of_memory_is_seen_in_the_buffer(void **state)
{
    (void)state;
    struct heddle_buffer out = {0};
    heddle_memory_fail_at(0);
    (void)heddle_text_repair("\xff", 1, &out);
    heddle_memory_fail_at(-1);
    assert_int_equal(heddle_buffer_check(&out, NULL), HEDDLE_OUT_OF_MEMORY);
    heddle_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_of_the_table_is_repaired_as_python_does),
        cmocka_unit_test(well_formed_text_is_copied_and_appended),
        cmocka_unit_test(a_cut_sequence_at_the_end_is_one_replacement),
        cmocka_unit_test(running_out_of_memory_is_seen_in_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
