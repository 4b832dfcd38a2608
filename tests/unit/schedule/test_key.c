/* test_key.c: keys that Cypher calls equal are the same bytes, all others are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "base/hash.h"
#include "base/memory.h"
#include "schedule/key.h"

static struct heddle_buffer bytes_of(const struct heddle_column *columns, size_t count,
                                     enum heddle_key_state wanted)
{
    struct heddle_buffer buffer = {0};
    assert_int_equal(heddle_key_append(&buffer, columns, count, 0), wanted);
    assert_int_equal(heddle_buffer_check(&buffer, NULL), HEDDLE_OK);
    return buffer;
}

static struct heddle_column integer_column(const int64_t *value)
{
    return (struct heddle_column){.type = HEDDLE_TYPE_INTEGER, .length = 1, .values = value};
}

static struct heddle_column float_column(const double *value)
{
    return (struct heddle_column){.type = HEDDLE_TYPE_FLOAT, .length = 1, .values = value};
}

static struct heddle_column text_column(enum heddle_type type, const char *text, uint32_t offsets[2])
{
    offsets[0] = 0;
    offsets[1] = (uint32_t)strlen(text);
    return (struct heddle_column){
        .type = type, .length = 1, .offsets = offsets, .bytes = (const uint8_t *)text};
}

/* Compares the bytes of two single-column keys. */
static int same(struct heddle_column a, struct heddle_column b)
{
    struct heddle_buffer left = bytes_of(&a, 1, HEDDLE_KEY_USABLE);
    struct heddle_buffer right = bytes_of(&b, 1, HEDDLE_KEY_USABLE);
    const int equal = left.length == right.length && memcmp(left.bytes, right.bytes, left.length) == 0;
    heddle_buffer_free(&left);
    heddle_buffer_free(&right);
    return equal;
}

static void whole_floats_are_the_integers_they_equal(void **state)
{
    (void)state;
    const int64_t integers[] = {0, 0, 7, -7, INT64_C(1) << 53, INT64_MIN, INT64_C(1) << 62};
    const double floats[] = {
        0.0, -0.0, 7.0, -7.0, (double)(INT64_C(1) << 53), (double)INT64_MIN, 4611686018427387904.0};
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        assert_true(same(integer_column(&integers[i]), float_column(&floats[i])));
    }
}

static void the_short_way_to_hash_integers_equals_the_long_one(void **state)
{
    (void)state;
    uint64_t random = 6;
    for (int i = 0; i < 2000; i++) {
        int64_t value = (int64_t)(heddle_random_next(&random) >> heddle_random_below(&random, 64));
        value = i % 2 == 0 ? value : -value;
        struct heddle_column column = integer_column(&value);
        struct heddle_buffer buffer = bytes_of(&column, 1, HEDDLE_KEY_USABLE);
        uint64_t hash = 0;
        heddle_key_hash_integers(&value, 1, 77, &hash);
        assert_int_equal(hash, heddle_hash_bytes(buffer.bytes, buffer.length, 77));
        heddle_buffer_free(&buffer);
    }
}

static void other_numbers_are_different_keys(void **state)
{
    (void)state;
    const int64_t beyond = (INT64_C(1) << 53) + 1; /* no float equals it */
    const double near = (double)(INT64_C(1) << 53);
    const int64_t most = INT64_MAX;
    const double past = 9223372036854775808.0; /* 2^63, one more than INT64_MAX */
    const double half = 7.5;
    const int64_t seven = 7;
    const double infinite = INFINITY;
    const double negative = -INFINITY;
    assert_false(same(integer_column(&beyond), float_column(&near)));
    assert_false(same(integer_column(&most), float_column(&past)));
    assert_false(same(integer_column(&seven), float_column(&half)));
    assert_false(same(float_column(&infinite), float_column(&negative)));
    assert_true(same(float_column(&infinite), float_column(&infinite)));
}

static void texts_are_compared_byte_by_byte_and_never_equal_numbers(void **state)
{
    (void)state;
    uint32_t a[2];
    uint32_t b[2];
    const int64_t seven = 7;
    assert_true(same(text_column(HEDDLE_TYPE_STRING, "7", a), text_column(HEDDLE_TYPE_DECIMAL, "7", b)));
    assert_false(same(text_column(HEDDLE_TYPE_STRING, "7", a), integer_column(&seven)));
    assert_false(same(text_column(HEDDLE_TYPE_STRING, "a", a), text_column(HEDDLE_TYPE_STRING, "A", b)));
    assert_false(same(text_column(HEDDLE_TYPE_STRING, "a", a), text_column(HEDDLE_TYPE_BYTES, "a", b)));
}

static void moments_of_different_kinds_are_different_keys(void **state)
{
    (void)state;
    const int64_t value = 19000;
    const enum heddle_type kinds[] = {HEDDLE_TYPE_INTEGER, HEDDLE_TYPE_DATE, HEDDLE_TYPE_TIME,
                                      HEDDLE_TYPE_TIMESTAMP, HEDDLE_TYPE_DATETIME};
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 5; j++) {
            struct heddle_column a = integer_column(&value);
            struct heddle_column b = integer_column(&value);
            a.type = kinds[i];
            b.type = kinds[j];
            assert_int_equal(same(a, b), i == j);
        }
    }
}

static void composite_keys_cannot_be_shifted_into_each_other(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"", "abc"}};
    struct heddle_buffer keys[4];
    for (size_t i = 0; i < 4; i++) {
        uint32_t a[2];
        uint32_t b[2];
        const struct heddle_column columns[] = {text_column(HEDDLE_TYPE_STRING, pairs[i][0], a),
                                                text_column(HEDDLE_TYPE_STRING, pairs[i][1], b)};
        keys[i] = bytes_of(columns, 2, HEDDLE_KEY_USABLE);
    }
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(keys[i].length != keys[j].length ||
                        memcmp(keys[i].bytes, keys[j].bytes, keys[i].length) != 0);
        }
    }
    for (size_t i = 0; i < 4; i++) {
        heddle_buffer_free(&keys[i]);
    }
}

static void lists_are_compared_item_by_item(void **state)
{
    (void)state;
    const int64_t whole[] = {1, 2};
    const double real[] = {1.0, 2.0};
    const uint32_t offsets[] = {0, 2};
    const uint32_t shorter[] = {0, 1};
    const struct heddle_column integers = {.type = HEDDLE_TYPE_INTEGER, .length = 2, .values = whole};
    const struct heddle_column floats = {.type = HEDDLE_TYPE_FLOAT, .length = 2, .values = real};
    const struct heddle_column a = {
        .type = HEDDLE_TYPE_LIST, .length = 1, .offsets = offsets, .items = &integers};
    const struct heddle_column b = {
        .type = HEDDLE_TYPE_LIST, .length = 1, .offsets = offsets, .items = &floats};
    const struct heddle_column c = {
        .type = HEDDLE_TYPE_LIST, .length = 1, .offsets = shorter, .items = &integers};
    assert_true(same(a, b));
    assert_false(same(a, c));
}

static void null_nan_and_maps_are_no_keys(void **state)
{
    (void)state;
    const double nan = NAN;
    const uint8_t invalid = 0;
    const int64_t one = 1;
    struct heddle_column absent = integer_column(&one);
    absent.valid = &invalid;
    const struct heddle_column no_number = float_column(&nan);
    const struct heddle_column map = {.type = HEDDLE_TYPE_MAP, .length = 1};
    const struct heddle_column null_type = {.type = HEDDLE_TYPE_NULL, .length = 1};
    struct heddle_buffer buffer = bytes_of(&absent, 1, HEDDLE_KEY_IS_NULL);
    heddle_buffer_free(&buffer);
    buffer = bytes_of(&no_number, 1, HEDDLE_KEY_IS_NAN);
    heddle_buffer_free(&buffer);
    buffer = bytes_of(&map, 1, HEDDLE_KEY_UNSUPPORTED);
    heddle_buffer_free(&buffer);
    buffer = bytes_of(&null_type, 1, HEDDLE_KEY_IS_NULL);
    heddle_buffer_free(&buffer);
}

static void a_megabyte_of_text_is_a_key(void **state)
{
    (void)state;
    const size_t length = 1 << 20;
    char *text = malloc(length + 1);
    assert_non_null(text);
    memset(text, 'x', length);
    text[length] = '\0';
    uint32_t offsets[2];
    const struct heddle_column column = text_column(HEDDLE_TYPE_STRING, text, offsets);
    struct heddle_buffer key = bytes_of(&column, 1, HEDDLE_KEY_USABLE);
    assert_true(key.length > length);
    heddle_buffer_free(&key);
    free(text);
}

static void running_out_of_memory_is_noted_in_the_buffer(void **state)
{
    (void)state;
    const int64_t value = 5;
    const struct heddle_column column = integer_column(&value);
    struct heddle_buffer buffer = {0};
    heddle_memory_fail_at(0);
    (void)heddle_key_append(&buffer, &column, 1, 0);
    heddle_memory_fail_at(-1);
    assert_int_equal(heddle_buffer_check(&buffer, NULL), HEDDLE_OUT_OF_MEMORY);
    heddle_buffer_free(&buffer);
}

static void parts_are_all_used_and_about_even(void **state)
{
    (void)state;
    enum { PARTS = 12, KEYS = 60000 };
    size_t load[PARTS] = {0};
    for (int64_t i = 0; i < KEYS; i++) {
        const struct heddle_column column = integer_column(&i);
        struct heddle_buffer key = bytes_of(&column, 1, HEDDLE_KEY_USABLE);
        const uint32_t part = heddle_key_part(heddle_hash_bytes(key.bytes, key.length, 99), PARTS);
        assert_true(part < PARTS);
        load[part]++;
        heddle_buffer_free(&key);
    }
    for (size_t i = 0; i < PARTS; i++) {
        /* Binomial: mean 5,000, standard deviation 68; six of them are never reached by chance. */
        assert_in_range(load[i], 5000 - 410, 5000 + 410);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_floats_are_the_integers_they_equal),
        cmocka_unit_test(the_short_way_to_hash_integers_equals_the_long_one),
        cmocka_unit_test(other_numbers_are_different_keys),
        cmocka_unit_test(texts_are_compared_byte_by_byte_and_never_equal_numbers),
        cmocka_unit_test(moments_of_different_kinds_are_different_keys),
        cmocka_unit_test(composite_keys_cannot_be_shifted_into_each_other),
        cmocka_unit_test(lists_are_compared_item_by_item),
        cmocka_unit_test(null_nan_and_maps_are_no_keys),
        cmocka_unit_test(a_megabyte_of_text_is_a_key),
        cmocka_unit_test(running_out_of_memory_is_noted_in_the_buffer),
        cmocka_unit_test(parts_are_all_used_and_about_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
