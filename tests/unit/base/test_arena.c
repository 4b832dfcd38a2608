/* test_arena.c: alignment, reuse after reset, large objects, and every allocation failing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/memory.h"

static struct heddle_arena *arena_of(size_t block_size)
{
    struct heddle_arena *arena = NULL;
    assert_int_equal(heddle_arena_create(block_size, &arena, NULL), HEDDLE_OK);
    return arena;
}

static void wide_objects_start_on_a_cache_line(void **state)
{
    (void)state;
    struct heddle_arena *arena = arena_of(1024);
    for (size_t size = 0; size < 700; size += 7) {
        unsigned char *object = heddle_arena_alloc(arena, size);
        assert_non_null(object);
        assert_int_equal((uintptr_t)object % 64, 0);
        memset(object, 0x5a, size);
    }
    heddle_arena_destroy(arena);
}

static void objects_do_not_overlap(void **state)
{
    (void)state;
    struct heddle_arena *arena = arena_of(256);
    enum { COUNT = 100, SIZE = 40 };
    unsigned char *objects[COUNT];
    for (int i = 0; i < COUNT; i++) {
        objects[i] = heddle_arena_alloc_small(arena, SIZE);
        assert_non_null(objects[i]);
        memset(objects[i], i, SIZE);
    }
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < SIZE; j++) {
            assert_int_equal(objects[i][j], i);
        }
    }
    heddle_arena_destroy(arena);
}

static void a_reset_arena_takes_no_new_memory_for_the_same_work(void **state)
{
    (void)state;
    struct heddle_arena *arena = arena_of(4096);
    for (int i = 0; i < 50; i++) {
        assert_non_null(heddle_arena_alloc(arena, 1000));
    }
    const size_t held = heddle_arena_bytes(arena);
    for (int round = 0; round < 10; round++) {
        heddle_arena_reset(arena);
        for (int i = 0; i < 50; i++) {
            assert_non_null(heddle_arena_alloc(arena, 1000));
        }
        assert_int_equal(heddle_arena_bytes(arena), held);
    }
    heddle_arena_destroy(arena);
}

static void a_large_object_is_given_back_by_reset(void **state)
{
    (void)state;
    struct heddle_arena *arena = arena_of(4096);
    assert_non_null(heddle_arena_alloc(arena, 1 << 20));
    assert_true(heddle_arena_bytes(arena) >= 1 << 20);
    heddle_arena_reset(arena);
    assert_int_equal(heddle_arena_bytes(arena), 0);
    heddle_arena_destroy(arena);
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    struct heddle_arena *arena = arena_of(0);
    assert_null(heddle_arena_calloc(arena, SIZE_MAX / 2, 3));
    assert_null(heddle_arena_alloc(arena, SIZE_MAX - 8));
    assert_null(heddle_arena_copy_text(arena, "x", SIZE_MAX));
    heddle_arena_destroy(arena);
}

static void text_is_copied_and_formatted(void **state)
{
    (void)state;
    struct heddle_arena *arena = arena_of(0);
    assert_string_equal(heddle_arena_copy_text(arena, "abcdef", 3), "abc");
    assert_string_equal(heddle_arena_copy_text(arena, NULL, 0), "");
    assert_string_equal(heddle_arena_format(arena, "%d of %s", 7, "nine"), "7 of nine");
    heddle_arena_destroy(arena);
}

static void running_out_of_memory_is_answered_and_nothing_leaks(void **state)
{
    (void)state;
    for (int at = 0;; at++) {
        struct heddle_arena *arena = NULL;
        struct heddle_error error = {0};
        heddle_memory_fail_at(at);
        const int status = heddle_arena_create(128, &arena, &error);
        void *small = status == HEDDLE_OK ? heddle_arena_alloc(arena, 32) : NULL;
        void *large = small != NULL ? heddle_arena_alloc(arena, 4096) : NULL;
        heddle_memory_fail_at(-1);
        heddle_arena_destroy(arena);
        if (large != NULL) {
            assert_true(at > 2); /* arena, block, large block: each was made to fail */
            return;
        }
        assert_true(at < 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_objects_start_on_a_cache_line),
        cmocka_unit_test(objects_do_not_overlap),
        cmocka_unit_test(a_reset_arena_takes_no_new_memory_for_the_same_work),
        cmocka_unit_test(a_large_object_is_given_back_by_reset),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(text_is_copied_and_formatted),
        cmocka_unit_test(running_out_of_memory_is_answered_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
