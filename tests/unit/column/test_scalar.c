/* test_scalar.c: single values read and printed, edge by edge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "column/scalar.h"

static void integers_reach_both_ends_of_int64_and_no_further(void **state)
{
    (void)state;
    int64_t value = 0;
    assert_true(heddle_scalar_parse_integer("9223372036854775807", 19, &value));
    assert_true(value == INT64_MAX);
    assert_true(heddle_scalar_parse_integer("-9223372036854775808", 20, &value));
    assert_true(value == INT64_MIN);
    assert_true(heddle_scalar_parse_integer("+007", 4, &value));
    assert_true(value == 7);
    static const char *const bad[] = {"9223372036854775808",
                                      "-9223372036854775809",
                                      "",
                                      "-",
                                      "+",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "0x10",
                                      "1e3",
                                      "--1",
                                      "1_000"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(heddle_scalar_parse_integer(bad[i], strlen(bad[i]), &value));
    }
}

static void whole_decimals_are_integers_and_others_are_not(void **state)
{
    (void)state;
    int64_t value = 0;
    assert_true(heddle_scalar_parse_whole_decimal("-12.000", 7, &value));
    assert_true(value == -12);
    assert_false(heddle_scalar_parse_whole_decimal("-12.010", 7, &value));
    assert_false(heddle_scalar_parse_whole_decimal("18446744073709551615", 20, &value));
}

static void floats_are_decimal_numbers_and_nothing_else(void **state)
{
    (void)state;
    double value = 0;
    assert_true(heddle_scalar_parse_float("-1.5e3", 6, &value));
    assert_true(value == -1500.0);
    assert_true(heddle_scalar_parse_float(".5", 2, &value));
    assert_true(value == 0.5);
    assert_true(heddle_scalar_parse_float("NaN", 3, &value));
    assert_true(isnan(value));
    assert_true(heddle_scalar_parse_float("-Infinity", 9, &value));
    assert_true(isinf(value) && value < 0);
    static const char *const bad[] = {"",   "1,5",    " 1",  "1 ",    "0x1p3", "1e999",
                                      "1e", "nan(7)", "--1", "1.5.2", "e5"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(heddle_scalar_parse_float(bad[i], strlen(bad[i]), &value));
    }
    assert_false(heddle_scalar_parse_float("1\0002", 3, &value));
}

static void printed_floats_read_back_as_the_same_double(void **state)
{
    (void)state;
    static const double values[] = {0.1,  1.0 / 3,     5e-324, 1.7976931348623157e308,
                                    -0.0, 123456789.0, 1e22,   1e23};
    char text[HEDDLE_SCALAR_TEXT_MAX];
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        double back = 0;
        const size_t length = heddle_scalar_print_float(values[i], text);
        assert_int_equal(length, strlen(text));
        assert_true(heddle_scalar_parse_float(text, length, &back));
        assert_memory_equal(&back, &values[i], sizeof back);
    }
    heddle_scalar_print_float(3.0, text);
    assert_string_equal(text, "3.0");
}

static void the_calendar_knows_its_leap_years(void **state)
{
    (void)state;
    int64_t days = 0;
    assert_true(heddle_scalar_parse_date("1970-01-01", 10, &days));
    assert_true(days == 0);
    assert_true(heddle_scalar_parse_date("2000-02-29", 10, &days));
    assert_true(days == 11016);
    assert_true(heddle_scalar_parse_date("0001-01-01", 10, &days));
    assert_true(days == -719162);
    assert_true(heddle_scalar_parse_date("+12345-06-07", 12, &days));
    static const char *const bad[] = {"1900-02-29", "2023-02-29", "2024-13-01",  "2024-00-10",
                                      "2024-01-32", "2024-1-1",   "12345-06-07", "2024-01-01 ",
                                      "2024/01/01", "",           "20240101"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(heddle_scalar_parse_date(bad[i], strlen(bad[i]), &days));
    }
}

static void every_day_of_eight_centuries_prints_and_reads_back(void **state)
{
    (void)state;
    char text[HEDDLE_SCALAR_TEXT_MAX];
    for (int64_t day = -146097; day <= 146097; day++) {
        int64_t back = 0;
        const size_t length = heddle_scalar_print_date(day, text);
        assert_true(heddle_scalar_parse_date(text, length, &back));
        assert_true(back == day);
    }
}

static void moments_keep_their_offset_and_microseconds(void **state)
{
    (void)state;
    int64_t value = 0;
    bool zoned = false;
    char text[HEDDLE_SCALAR_TEXT_MAX];
    const char *const with_offset = "2024-05-01T02:15:30.000001+02:30";
    assert_true(heddle_scalar_parse_datetime(with_offset, strlen(with_offset), &value, &zoned));
    assert_true(zoned);
    heddle_scalar_print_datetime(value, true, text);
    assert_string_equal(text, "2024-04-30T23:45:30.000001Z");
    assert_true(heddle_scalar_parse_datetime("1969-12-31 23:59:59.5", 21, &value, &zoned));
    assert_false(zoned);
    assert_true(value == -500000);
    heddle_scalar_print_datetime(value, false, text);
    assert_string_equal(text, "1969-12-31T23:59:59.5");
    static const char *const bad[] = {
        "2024-05-01T24:00:00",         "2024-05-01T10:60:00",   "2024-05-01T10:00:60",
        "2024-05-01T10:00:00.0000001", "2024-05-01T10:00:00+2", "2024-05-01T",
        "2024-05-01T10:00:00ZZ",       "2024-05-01X10:00:00",   "2024-05-01T10:00:00."};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(heddle_scalar_parse_datetime(bad[i], strlen(bad[i]), &value, &zoned));
    }
}

static void times_go_down_to_the_nanosecond(void **state)
{
    (void)state;
    int64_t value = 0;
    char text[HEDDLE_SCALAR_TEXT_MAX];
    assert_true(heddle_scalar_parse_time("23:59:59.123456789", 18, &value));
    heddle_scalar_print_time(value, text);
    assert_string_equal(text, "23:59:59.123456789");
    assert_true(heddle_scalar_parse_time("07:05", 5, &value));
    assert_true(value == INT64_C(25500) * 1000000000);
    assert_false(heddle_scalar_parse_time("7:05", 4, &value));
    assert_false(heddle_scalar_parse_time("23:59:59.1234567890", 19, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_reach_both_ends_of_int64_and_no_further),
        cmocka_unit_test(whole_decimals_are_integers_and_others_are_not),
        cmocka_unit_test(floats_are_decimal_numbers_and_nothing_else),
        cmocka_unit_test(printed_floats_read_back_as_the_same_double),
        cmocka_unit_test(the_calendar_knows_its_leap_years),
        cmocka_unit_test(every_day_of_eight_centuries_prints_and_reads_back),
        cmocka_unit_test(moments_keep_their_offset_and_microseconds),
        cmocka_unit_test(times_go_down_to_the_nanosecond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
