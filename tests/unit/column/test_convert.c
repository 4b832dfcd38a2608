/* test_convert.c: which values become which, what is bad, what can never be; builders; printing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "column/builder.h"
#include "column/convert.h"

static struct heddle_arena *arena;

static int arena_open(void **state)
{
    (void)state;
    return heddle_arena_create(0, &arena, NULL);
}

static int arena_close(void **state)
{
    (void)state;
    heddle_arena_destroy(arena);
    return 0;
}

/* A STRING column; NULL is a null. */
static struct heddle_column texts(const char *const *values, size_t count)
{
    struct heddle_builder builder = {.type = HEDDLE_TYPE_STRING};
    struct heddle_column column;
    for (size_t i = 0; i < count; i++) {
        if (values[i] == NULL) {
            heddle_builder_null(&builder);
        } else {
            heddle_builder_text(&builder, values[i], strlen(values[i]));
        }
    }
    assert_int_equal(heddle_builder_finish(&builder, arena, &column, NULL), HEDDLE_OK);
    heddle_builder_free(&builder);
    return column;
}

static bool is_bad(const uint8_t *bad, size_t row)
{
    return bad != NULL && (bad[row >> 3] >> (row & 7) & 1) != 0;
}

/* The texts of a column converted: what each prints as, or "BAD". */
static void expect(const struct heddle_column *column, enum heddle_type type, const char *const *wanted)
{
    struct heddle_column out;
    const uint8_t *bad = NULL;
    struct heddle_error error = {0};
    char text[128];
    assert_int_equal(heddle_column_convert(arena, column, type, HEDDLE_TYPE_NULL, &out, &bad, &error),
                     HEDDLE_OK);
    assert_int_equal(out.length, column->length);
    for (size_t i = 0; i < column->length; i++) {
        if (is_bad(bad, i)) {
            assert_true(heddle_column_is_null(&out, i));
            assert_string_equal(wanted[i], "BAD");
        } else {
            assert_string_equal(heddle_column_print(&out, i, text, sizeof text), wanted[i]);
        }
    }
}

static void texts_become_what_they_wholly_read_as(void **state)
{
    (void)state;
    const char *const in[] = {"17", NULL, "17.0", "x", "-9223372036854775808", "2024-05-01", "true", ""};
    const struct heddle_column column = texts(in, 8);
    expect(&column, HEDDLE_TYPE_INTEGER,
           (const char *const[]){"17", "null", "BAD", "BAD", "-9223372036854775808", "BAD", "BAD", "BAD"});
    expect(
        &column, HEDDLE_TYPE_FLOAT,
        (const char *const[]){"17.0", "null", "17.0", "BAD", "-9.223372036854776e+18", "BAD", "BAD", "BAD"});
    expect(&column, HEDDLE_TYPE_BOOLEAN,
           (const char *const[]){"BAD", "null", "BAD", "BAD", "BAD", "BAD", "true", "BAD"});
    expect(&column, HEDDLE_TYPE_DATE,
           (const char *const[]){"BAD", "null", "BAD", "BAD", "BAD", "2024-05-01", "BAD", "BAD"});
    expect(&column, HEDDLE_TYPE_DATETIME,
           (const char *const[]){"BAD", "null", "BAD", "BAD", "BAD", "2024-05-01T00:00:00", "BAD", "BAD"});
    expect(
        &column, HEDDLE_TYPE_STRING,
        (const char *const[]){"17", "null", "17.0", "x", "-9223372036854775808", "2024-05-01", "true", ""});
    expect(&column, HEDDLE_TYPE_DECIMAL,
           (const char *const[]){"17", "null", "17.0", "BAD", "-9223372036854775808", "BAD", "BAD", "BAD"});
}

static void an_instant_needs_an_offset_and_a_wall_clock_must_have_none(void **state)
{
    (void)state;
    const char *const in[] = {"2024-05-01T10:00:00Z", "2024-05-01T10:00:00", "2024-05-01T00:30:00+01:00"};
    const struct heddle_column column = texts(in, 3);
    expect(&column, HEDDLE_TYPE_TIMESTAMP,
           (const char *const[]){"2024-05-01T10:00:00Z", "BAD", "2024-04-30T23:30:00Z"});
    expect(&column, HEDDLE_TYPE_DATETIME, (const char *const[]){"BAD", "2024-05-01T10:00:00", "BAD"});
}

static void integers_become_floats_only_without_loss(void **state)
{
    (void)state;
    const int64_t values[] = {1, INT64_C(9007199254740992), INT64_C(9007199254740993), INT64_MAX, INT64_MIN};
    const struct heddle_column column = {.type = HEDDLE_TYPE_INTEGER, .length = 5, .values = values};
    expect(&column, HEDDLE_TYPE_FLOAT,
           (const char *const[]){"1.0", "9007199254740992.0", "BAD", "BAD", "-9.223372036854776e+18"});
}

static void floats_become_integers_only_where_they_are_whole(void **state)
{
    (void)state;
    const double values[] = {2.0, -2.5, (double)NAN, 0x1p63, -0x1p63, (double)INFINITY};
    const struct heddle_column column = {.type = HEDDLE_TYPE_FLOAT, .length = 6, .values = values};
    expect(&column, HEDDLE_TYPE_INTEGER,
           (const char *const[]){"2", "BAD", "BAD", "BAD", "-9223372036854775808", "BAD"});
}

static void a_pair_that_can_never_convert_is_refused_with_both_names(void **state)
{
    (void)state;
    const int64_t values[] = {1};
    const struct heddle_column column = {.type = HEDDLE_TYPE_DATE, .length = 1, .values = values};
    struct heddle_column out;
    const uint8_t *bad = NULL;
    struct heddle_error error = {0};
    assert_int_equal(
        heddle_column_convert(arena, &column, HEDDLE_TYPE_FLOAT, HEDDLE_TYPE_NULL, &out, &bad, &error),
        HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "a date never becomes a float"));
}

static void bytes_become_text_only_where_they_are_utf8(void **state)
{
    (void)state;
    const uint32_t offsets[] = {0, 2, 4};
    const struct heddle_column column = {.type = HEDDLE_TYPE_BYTES,
                                         .length = 2,
                                         .offsets = offsets,
                                         .bytes = (const uint8_t *)"\xc3\xa9\xc3("};
    expect(&column, HEDDLE_TYPE_STRING, (const char *const[]){"\xc3\xa9", "BAD"});
}

/* [["1","2"], null, ["x"], []] */
static struct heddle_column text_lists(void)
{
    struct heddle_builder items = {.type = HEDDLE_TYPE_STRING};
    struct heddle_builder lists = {.type = HEDDLE_TYPE_LIST, .items = &items};
    struct heddle_column column;
    heddle_builder_text(&items, "1", 1);
    heddle_builder_text(&items, "2", 1);
    heddle_builder_end_list(&lists);
    heddle_builder_null(&lists);
    heddle_builder_text(&items, "x", 1);
    heddle_builder_end_list(&lists);
    heddle_builder_end_list(&lists);
    assert_int_equal(heddle_builder_finish(&lists, arena, &column, NULL), HEDDLE_OK);
    heddle_builder_free(&lists);
    return column;
}

static void one_bad_item_makes_its_list_bad_and_no_other(void **state)
{
    (void)state;
    const struct heddle_column column = text_lists();
    struct heddle_column out;
    const uint8_t *bad = NULL;
    char text[64];
    assert_int_equal(
        heddle_column_convert(arena, &column, HEDDLE_TYPE_LIST, HEDDLE_TYPE_INTEGER, &out, &bad, NULL),
        HEDDLE_OK);
    assert_false(is_bad(bad, 0));
    assert_false(is_bad(bad, 1));
    assert_true(is_bad(bad, 2));
    assert_false(is_bad(bad, 3));
    assert_string_equal(heddle_column_print(&out, 0, text, sizeof text), "[1, 2]");
    assert_string_equal(heddle_column_print(&out, 3, text, sizeof text), "[]");
    assert_true(heddle_column_is_null(&out, 1));
}

static void lists_become_vectors_where_all_have_one_length(void **state)
{
    (void)state;
    const double values[] = {1, 2, 3, 4, 5};
    const uint32_t offsets[] = {0, 2, 4, 5};
    const struct heddle_column items = {.type = HEDDLE_TYPE_FLOAT, .length = 5, .values = values};
    const struct heddle_column column = {
        .type = HEDDLE_TYPE_LIST, .length = 3, .offsets = offsets, .items = &items};
    struct heddle_column out;
    const uint8_t *bad = NULL;
    assert_int_equal(
        heddle_column_convert(arena, &column, HEDDLE_TYPE_VECTOR, HEDDLE_TYPE_NULL, &out, &bad, NULL),
        HEDDLE_OK);
    assert_int_equal(out.width, 2);
    assert_true(heddle_column_vector(&out, 1)[1] == 4.0F);
    assert_true(is_bad(bad, 2));
    struct heddle_column back;
    assert_int_equal(
        heddle_column_convert(arena, &out, HEDDLE_TYPE_LIST, HEDDLE_TYPE_FLOAT, &back, &bad, NULL),
        HEDDLE_OK);
    assert_true(heddle_column_float(back.items, 1) == 2.0);
}

static void printing_cuts_without_breaking_a_character(void **state)
{
    (void)state;
    const char *const in[] = {"a\xc3\xa9\xc3\xa9"};
    const struct heddle_column column = texts(in, 1);
    char text[4];
    assert_string_equal(heddle_column_print(&column, 0, text, sizeof text), "a\xc3\xa9");
    assert_string_equal(heddle_column_print(&column, 0, text, 3), "a");
    assert_string_equal(heddle_column_print(&column, 0, text, 1), "");
}

static void conversion_survives_the_failure_of_every_allocation(void **state)
{
    (void)state;
    const char *const in[] = {"1", NULL, "x"};
    const enum heddle_type types[] = {HEDDLE_TYPE_INTEGER, HEDDLE_TYPE_BYTES};
    for (size_t t = 0; t < 2; t++) {
        int status = HEDDLE_OUT_OF_MEMORY;
        int64_t failures = 0;
        for (; status != HEDDLE_OK; failures++) {
            assert_true(failures < 100);
            struct heddle_column column = texts(in, 3);
            struct heddle_arena *fresh = NULL;
            struct heddle_column out;
            const uint8_t *bad = NULL;
            assert_int_equal(heddle_arena_create(64, &fresh, NULL), HEDDLE_OK);
            heddle_memory_fail_at(failures);
            status = heddle_column_convert(fresh, &column, types[t], HEDDLE_TYPE_NULL, &out, &bad, NULL);
            heddle_memory_fail_at(-1);
            assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
            heddle_arena_destroy(fresh);
        }
        assert_true(failures > 1); /* at least one allocation was made to fail */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(texts_become_what_they_wholly_read_as, arena_open, arena_close),
        cmocka_unit_test_setup_teardown(an_instant_needs_an_offset_and_a_wall_clock_must_have_none,
                                        arena_open, arena_close),
        cmocka_unit_test_setup_teardown(integers_become_floats_only_without_loss, arena_open, arena_close),
        cmocka_unit_test_setup_teardown(floats_become_integers_only_where_they_are_whole, arena_open,
                                        arena_close),
        cmocka_unit_test_setup_teardown(a_pair_that_can_never_convert_is_refused_with_both_names, arena_open,
                                        arena_close),
        cmocka_unit_test_setup_teardown(bytes_become_text_only_where_they_are_utf8, arena_open, arena_close),
        cmocka_unit_test_setup_teardown(one_bad_item_makes_its_list_bad_and_no_other, arena_open,
                                        arena_close),
        cmocka_unit_test_setup_teardown(lists_become_vectors_where_all_have_one_length, arena_open,
                                        arena_close),
        cmocka_unit_test_setup_teardown(printing_cuts_without_breaking_a_character, arena_open, arena_close),
        cmocka_unit_test_setup_teardown(conversion_survives_the_failure_of_every_allocation, arena_open,
                                        arena_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
