/* test_delta_deletions.c: deletion vectors of every container against a plain set, and damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "base/memory.h"
#include "source/delta/deletions.h"
#include "source/delta/z85.h"

enum { MAGIC = 1681511377 };

static struct heddle_arena *arena;

static int arena_make(void **state)
{
    (void)state;
    return heddle_arena_create(0, &arena, NULL);
}

static int arena_free(void **state)
{
    (void)state;
    heddle_arena_destroy(arena);
    return 0;
}

static void put(struct heddle_buffer *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        heddle_buffer_append_byte(out, (uint8_t)(value >> (8 * i)));
    }
}

/* One container of the set in the kind that `kind` says: 0 = array or bitmap as the format wants, 1 = runs. */
static void container_put(struct heddle_buffer *out, const uint8_t *set, bool runs, uint32_t count)
{
    struct heddle_buffer list = {0};
    uint32_t run_count = 0;
    for (uint32_t i = 0; i < 65536; i++) {
        if (set[i] == 0) {
            continue;
        }
        uint32_t end = i;
        while (runs && end + 1 < 65536 && set[end + 1] != 0) {
            end++;
        }
        put(&list, i, 2);
        if (runs) {
            put(&list, end - i, 2);
            i = end;
        }
        run_count++;
    }
    if (runs) {
        put(out, run_count, 2);
    }
    if (runs || count <= 4096) {
        heddle_buffer_append(out, list.bytes, list.length);
    } else {
        for (uint32_t i = 0; i < 65536; i += 8) {
            uint8_t byte = 0;
            for (uint32_t k = 0; k < 8; k++) {
                byte = (uint8_t)(byte | set[i + k] << k);
            }
            heddle_buffer_append_byte(out, byte);
        }
    }
    heddle_buffer_free(&list);
}

/* A vector of `buckets` buckets, each the set of `containers` x 65,536 bytes; container i holds runs where bit i of `runs`. */
static void vector_put(struct heddle_buffer *out, const uint8_t *set, uint32_t containers, uint32_t runs,
                       uint32_t buckets)
{
    put(out, MAGIC, 4);
    put(out, buckets, 8);
    for (uint32_t b = 0; b < buckets; b++) {
        put(out, b, 4);
        put(out, runs != 0 ? 12347 | (uint64_t)(containers - 1) << 16 : 12346, 4);
        if (runs != 0) {
            put(out, runs, (int)(containers + 7) / 8);
        } else {
            put(out, containers, 4);
        }
        uint32_t counts[8] = {0};
        for (uint32_t c = 0; c < containers; c++) {
            for (uint32_t i = 0; i < 65536; i++) {
                counts[c] += set[c * 65536 + i];
            }
            put(out, c, 2);
            put(out, counts[c] - 1, 2);
        }
        for (uint32_t c = 0; (runs == 0 || containers >= 4) && c < containers; c++) {
            put(out, 0, 4);
        }
        for (uint32_t c = 0; c < containers; c++) {
            container_put(out, set + c * 65536, (runs >> c & 1) != 0, counts[c]);
        }
    }
}

static void every_container_answers_as_a_plain_set(void **state)
{
    (void)state;
    enum { CONTAINERS = 5, ALL = CONTAINERS * 65536 };
    uint8_t *set = calloc(ALL, 1);
    uint64_t *kept = malloc(ALL * sizeof *kept);
    uint64_t random = 7;
    assert_non_null(set);
    assert_non_null(kept);
    for (uint32_t runs = 0; runs < 32; runs += 5) {
        uint64_t count = 0;
        uint64_t last = 0;
        for (uint32_t i = 0; i < ALL; i++) {
            /* sparse, dense, all but few, long runs, one row */
            const uint64_t odds[CONTAINERS] = {100, 2, 1, 0, 0};
            const uint32_t c = i / 65536;
            const bool in = c == 3   ? i / 1000 % 2 != 0
                            : c == 4 ? i % 65536 == 65535
                                     : heddle_random_below(&random, odds[c]) == 0;
            set[i] = in ? 1 : 0;
            count += set[i];
            last = set[i] != 0 ? i : last;
        }
        struct heddle_buffer bytes = {0};
        struct heddle_delta_deletions *deletions = NULL;
        struct heddle_error error = {0};
        vector_put(&bytes, set, CONTAINERS, runs, 2);
        if (heddle_delta_deletions_parse(bytes.bytes, bytes.length, arena, &deletions, &error) != HEDDLE_OK) {
            fail_msg("runs %u: %s", runs, error.message);
        }
        assert_int_equal(heddle_delta_deletions_count(deletions), 2 * count);
        assert_int_equal(heddle_delta_deletions_last(deletions), last + (UINT64_C(1) << 32));
        for (uint64_t bucket = 0; bucket < 2; bucket++) {
            const uint64_t first = (bucket << 32) + 100;
            const size_t found = heddle_delta_deletions_keep(deletions, first, ALL - 100, kept);
            size_t at = 0;
            for (uint32_t i = 100; i < ALL; i++) {
                assert_int_equal(heddle_delta_deletions_has(deletions, (bucket << 32) + i), set[i]);
                if (set[i] == 0) {
                    assert_true(at < found && kept[at] == i - 100);
                    at++;
                }
            }
            assert_int_equal(at, found);
        }
        heddle_buffer_free(&bytes);
    }
    free(set);
    free(kept);
}

/* 32,768 full containers of one run each: 2^31 rows. */
static void two_thousand_million_rows_cost_what_their_bytes_cost(void **state)
{
    (void)state;
    enum { FULL = 32768 };
    struct heddle_buffer bytes = {0};
    struct heddle_delta_deletions *deletions = NULL;
    put(&bytes, MAGIC, 4);
    put(&bytes, 1, 8);
    put(&bytes, 0, 4);
    put(&bytes, 12347 | (uint64_t)(FULL - 1) << 16, 4);
    for (int i = 0; i < FULL / 8; i++) {
        put(&bytes, 0xff, 1);
    }
    for (unsigned i = 0; i < FULL; i++) {
        put(&bytes, i | 0xffffu << 16, 4);
    }
    for (int i = 0; i < FULL; i++) {
        put(&bytes, 0, 4);
    }
    for (int i = 0; i < FULL; i++) {
        put(&bytes, 1, 2);
        put(&bytes, UINT64_C(0xffff) << 16, 4);
    }
    assert_int_equal(heddle_delta_deletions_parse(bytes.bytes, bytes.length, arena, &deletions, NULL),
                     HEDDLE_OK);
    assert_true(heddle_delta_deletions_count(deletions) == UINT64_C(1) << 31);
    assert_true(heddle_arena_bytes(arena) < 4 * 1024 * 1024);
    assert_true(heddle_delta_deletions_has(deletions, 12345678));
    assert_false(heddle_delta_deletions_has(deletions, UINT64_C(1) << 31));
    heddle_buffer_free(&bytes);
}

static void a_vector_cut_or_changed_anywhere_never_reads_as_another_size(void **state)
{
    (void)state;
    uint8_t *set = calloc(5, 65536);
    struct heddle_buffer bytes = {0};
    struct heddle_delta_deletions *deletions = NULL;
    assert_non_null(set);
    for (uint32_t i = 0; i < 5; i++) {
        set[i * 65536 + 3] = set[i * 65536 + 4] = set[i * 65536 + 9] = 1;
    }
    vector_put(&bytes, set, 5, 6, 1);
    assert_int_equal(heddle_delta_deletions_parse(bytes.bytes, bytes.length, arena, &deletions, NULL),
                     HEDDLE_OK);
    for (size_t length = 0; length < bytes.length; length++) {
        /* exactly this long, so that a sanitizer sees a byte too many */
        uint8_t *copy = malloc(length + 1);
        assert_non_null(copy);
        memcpy(copy, bytes.bytes, length);
        uint8_t *exact = realloc(copy, length > 0 ? length : 1);
        assert_int_equal(heddle_delta_deletions_parse(exact, length, arena, &deletions, NULL), HEDDLE_SOURCE);
        free(exact);
    }
    heddle_buffer_append_byte(&bytes, 0);
    assert_int_equal(heddle_delta_deletions_parse(bytes.bytes, bytes.length, arena, &deletions, NULL),
                     HEDDLE_SOURCE);
    heddle_buffer_free(&bytes);
    free(set);
}

static void the_native_format_of_the_protocols_example_is_refused_by_name(void **state)
{
    (void)state;
    static const char text[] = "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L";
    uint8_t bytes[40];
    struct heddle_delta_deletions *deletions = NULL;
    struct heddle_error error = {0};
    assert_true(heddle_delta_z85_decode(text, 50, bytes));
    assert_int_equal(heddle_delta_deletions_parse(bytes, sizeof bytes, arena, &deletions, &error),
                     HEDDLE_SOURCE);
    assert_non_null(strstr(error.message, "deletion vector"));
    static const uint8_t native[16] = {0xd0, 0xd3, 0x39, 0x64};
    assert_int_equal(heddle_delta_deletions_parse(native, sizeof native, arena, &deletions, &error),
                     HEDDLE_SOURCE);
    assert_non_null(strstr(error.message, "native format"));
}

static void z85_reads_its_own_example_and_nothing_else(void **state)
{
    (void)state;
    static const uint8_t hello[] = {0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b};
    uint8_t bytes[8];
    assert_true(heddle_delta_z85_decode("HelloWorld", 10, bytes));
    assert_memory_equal(bytes, hello, sizeof hello);
    assert_false(heddle_delta_z85_decode("HelloWorl", 9, bytes));
    assert_false(heddle_delta_z85_decode("Hello orld", 10, bytes));
    assert_false(heddle_delta_z85_decode("#####", 5, bytes)); /* above 2^32 - 1 */
    assert_true(heddle_delta_z85_decode("", 0, bytes));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, arena_make, arena_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_container_answers_as_a_plain_set),
        TEST(two_thousand_million_rows_cost_what_their_bytes_cost),
        TEST(a_vector_cut_or_changed_anywhere_never_reads_as_another_size),
        TEST(the_native_format_of_the_protocols_example_is_refused_by_name),
        TEST(z85_reads_its_own_example_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
