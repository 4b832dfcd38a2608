/* test_strip.c: stripping takes what Python's str.strip() takes, and nothing else. */
#include "model_fixture.h"

#include "model/strip.h"
#include "model/tokenizer/unicode.h"

static void check(const char *text, const char *expected)
{
    size_t length = strlen(text);
    heddle_strip(&text, &length);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(text, expected, length);
}

static void white_space_goes_from_both_ends_only(void **state)
{
    (void)state;
    check("", "");
    check("   ", "");
    check(" a b ", "a b");
    check("a", "a");
    check("\u3000\u00a0\t\u98db \u98db\u2009\n", "\u98db \u98db");
    check("\u98db", "\u98db");
}

static void exactly_the_29_characters_of_python_are_space(void **state)
{
    (void)state;
    static const uint32_t spaces[] = {0x09,   0x0a,   0x0b,   0x0c,   0x0d,   0x1c,   0x1d,   0x1e,
                                      0x1f,   0x20,   0x85,   0xa0,   0x1680, 0x2000, 0x2001, 0x2002,
                                      0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a,
                                      0x2028, 0x2029, 0x202f, 0x205f, 0x3000};
    size_t found = 0;
    for (uint32_t point = 0; point < HEDDLE_UNICODE_LIMIT; point++) {
        char bytes[4];
        const char *text = bytes;
        size_t length = heddle_unicode_encode(point, bytes);
        heddle_strip(&text, &length);
        if (length == 0) {
            assert_true(found < sizeof spaces / sizeof spaces[0]);
            assert_int_equal(point, spaces[found]);
            found++;
        }
    }
    assert_int_equal(found, sizeof spaces / sizeof spaces[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_space_goes_from_both_ends_only),
        cmocka_unit_test(exactly_the_29_characters_of_python_are_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
