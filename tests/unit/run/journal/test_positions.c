/* test_positions.c: lists of rows come back as they were written, sets hold what was put in, and neither grows with the rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/memory.h"
#include "run/journal/positions.h"

static void check_round_trip(const uint64_t *positions, size_t count)
{
    struct heddle_buffer bytes = {0};
    heddle_positions_append(&bytes, positions, count);
    assert_int_equal(heddle_buffer_check(&bytes, NULL), HEDDLE_OK);
    struct heddle_positions_reader reader = heddle_positions_read(bytes.bytes, bytes.length);
    size_t at = 0;
    uint64_t first;
    uint64_t length;
    while (heddle_positions_next(&reader, &first, &length)) {
        for (uint64_t i = 0; i < length; i++) {
            assert_true(at < count);
            assert_int_equal(first + i, positions[at++]);
        }
    }
    assert_false(reader.bytes.failed);
    assert_int_equal(at, count);
    uint64_t counted = 0;
    assert_true(heddle_positions_count(bytes.bytes, bytes.length, &counted));
    assert_int_equal(counted, count);
    heddle_buffer_free(&bytes);
}

static void a_list_comes_back_in_its_own_order(void **state)
{
    (void)state;
    check_round_trip(NULL, 0);
    check_round_trip((const uint64_t[]){0}, 1);
    check_round_trip((const uint64_t[]){HEDDLE_POSITION_MAX - 1, 0, 5, 4, 3, 3, 9}, 7);
    uint64_t random = 1;
    for (size_t round = 0; round < 200; round++) {
        uint64_t positions[300];
        const size_t count = heddle_random_below(&random, 300);
        uint64_t next = heddle_random_below(&random, 1000);
        for (size_t i = 0; i < count; i++) {
            positions[i] = next;
            next = heddle_random_below(&random, 3) > 0
                       ? next + 1
                       : heddle_random_below(&random, HEDDLE_POSITION_MAX - 300);
        }
        check_round_trip(positions, count);
    }
}

static void rows_side_by_side_take_a_few_bytes(void **state)
{
    (void)state;
    uint64_t positions[1000];
    for (size_t i = 0; i < 1000; i++) {
        positions[i] = 50000000 + i;
    }
    struct heddle_buffer bytes = {0};
    heddle_positions_append(&bytes, positions, 1000);
    assert_true(bytes.length <= 7);
    heddle_buffer_free(&bytes);
}

static void bytes_that_are_no_list_are_refused(void **state)
{
    (void)state;
    uint64_t count;
    assert_false(heddle_positions_count((const uint8_t[]){0x02}, 1, &count));       /* no length */
    assert_false(heddle_positions_count((const uint8_t[]){0x80}, 1, &count));       /* number cut */
    assert_false(heddle_positions_count((const uint8_t[]){0x01, 0x00}, 2, &count)); /* before 0 */
    const uint8_t long_number[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0};
    assert_false(heddle_positions_count(long_number, sizeof long_number, &count));
    struct heddle_buffer bytes = {0};
    heddle_number_append(&bytes, 0);
    heddle_number_append(&bytes, UINT64_MAX); /* a run that wraps */
    assert_false(heddle_positions_count(bytes.bytes, bytes.length, &count));
    struct heddle_position_set set = {0};
    assert_int_equal(heddle_position_set_add_list(&set, bytes.bytes, bytes.length, NULL), HEDDLE_INVALID);
    heddle_position_set_free(&set);
    heddle_buffer_free(&bytes);
    uint64_t random = 7; /* whatever the bytes, nothing is read beyond them: the sanitizer watches */
    for (size_t i = 0; i < 20000; i++) {
        uint8_t noise[16];
        for (size_t j = 0; j < sizeof noise; j++) {
            noise[j] = (uint8_t)heddle_random_next(&random);
        }
        (void)heddle_positions_count(noise, heddle_random_below(&random, sizeof noise + 1), &count);
    }
}

static void a_set_holds_what_a_plain_table_holds(void **state)
{
    (void)state;
    enum { ROWS = 300000 };
    uint8_t *plain = calloc(ROWS, 1);
    assert_non_null(plain);
    struct heddle_position_set set = {0};
    uint64_t random = 3;
    for (size_t i = 0; i < 4000; i++) {
        const uint64_t first = heddle_random_below(&random, ROWS);
        uint64_t length = 1 + heddle_random_below(&random, i % 100 == 0 ? 70000 : 100);
        length = length > ROWS - first ? ROWS - first : length;
        memset(plain + first, 1, length);
        assert_int_equal(heddle_position_set_add(&set, first, length, NULL), HEDDLE_OK);
    }
    uint64_t count = 0;
    for (uint64_t i = 0; i < ROWS; i++) {
        assert_int_equal(heddle_position_set_has(&set, i), plain[i] != 0);
        count += plain[i];
    }
    assert_int_equal(set.count, count);
    assert_false(heddle_position_set_has(&set, HEDDLE_POSITION_MAX - 1));
    heddle_position_set_free(&set);
    free(plain);
}

/* Four writers, each 1,000 rows at a time, far apart by at most 40 transactions: as a load does. */
static void a_hundred_million_rows_take_less_than_a_megabyte(void **state)
{
    (void)state;
    enum { TRANSACTIONS = 100000, ROWS = 1000, WINDOW = 40 };
    struct heddle_position_set set = {0};
    uint64_t random = 9;
    size_t most = 0;
    for (uint64_t start = 0; start < TRANSACTIONS; start += WINDOW) {
        uint64_t order[WINDOW];
        for (uint64_t i = 0; i < WINDOW; i++) { /* a shuffle */
            const uint64_t other = heddle_random_below(&random, i + 1);
            order[i] = order[other];
            order[other] = start + i;
        }
        for (size_t i = 0; i < WINDOW; i++) {
            assert_int_equal(heddle_position_set_add(&set, order[i] * ROWS, ROWS, NULL), HEDDLE_OK);
        }
        const size_t bytes = heddle_position_set_bytes(&set);
        most = bytes > most ? bytes : most;
    }
    assert_int_equal(set.count, (uint64_t)TRANSACTIONS * ROWS);
    assert_true(heddle_position_set_has(&set, 99999999));
    assert_false(heddle_position_set_has(&set, 100000000));
    assert_true(most < 1024 * 1024);
    heddle_position_set_free(&set);
}

static void out_of_memory_is_told(void **state)
{
    (void)state;
    for (int64_t n = 0;; n++) {
        struct heddle_position_set set = {0};
        heddle_memory_fail_at(n);
        const int status = heddle_position_set_add(&set, 65000, 200000, NULL);
        heddle_memory_fail_at(-1);
        heddle_position_set_free(&set);
        if (status == HEDDLE_OK) {
            assert_true(n > 3);
            return;
        }
        assert_int_equal(status, HEDDLE_OUT_OF_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_comes_back_in_its_own_order),
        cmocka_unit_test(rows_side_by_side_take_a_few_bytes),
        cmocka_unit_test(bytes_that_are_no_list_are_refused),
        cmocka_unit_test(a_set_holds_what_a_plain_table_holds),
        cmocka_unit_test(a_hundred_million_rows_take_less_than_a_megabyte),
        cmocka_unit_test(out_of_memory_is_told),
    };
    return cmocka_run_group_tests_name("positions", tests, NULL, NULL);
}
