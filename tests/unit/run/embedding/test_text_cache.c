/* test_text_cache.c: a hit is exact, memory is bounded, threads may share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/memory.h"
#include "run/embedding/text_cache.h"

enum { WIDTH = 4 };

static struct heddle_text_cache *new_cache(void)
{
    struct heddle_text_cache *cache = NULL;
    assert_int_equal(heddle_text_cache_create(WIDTH, &cache, NULL), HEDDLE_OK);
    return cache;
}

static void a_text_that_was_kept_is_found_with_its_own_vector_and_no_other_is(void **state)
{
    (void)state;
    struct heddle_text_cache *cache = new_cache();
    const float vector[WIDTH] = {1, 2, 3, 4};
    float found[WIDTH] = {0};
    assert_false(heddle_text_cache_find(cache, "leak", 4, found));
    heddle_text_cache_keep(cache, "leak", 4, vector);
    assert_true(heddle_text_cache_find(cache, "leak", 4, found));
    assert_memory_equal(found, vector, sizeof vector);
    assert_false(heddle_text_cache_find(cache, "leaks", 5, found));
    assert_false(heddle_text_cache_find(cache, "lea", 3, found));
    heddle_text_cache_destroy(cache);
    heddle_text_cache_destroy(NULL);
}

static void far_more_texts_than_slots_never_answer_a_wrong_vector(void **state)
{
    (void)state;
    struct heddle_text_cache *cache = new_cache();
    size_t hits = 0;
    for (int i = 0; i < 4 * HEDDLE_TEXT_CACHE_SLOTS; i++) {
        char text[32];
        const int length = snprintf(text, sizeof text, "text %d", i);
        const float vector[WIDTH] = {(float)i, 0, 0, 0};
        heddle_text_cache_keep(cache, text, (size_t)length, vector);
    }
    for (int i = 0; i < 4 * HEDDLE_TEXT_CACHE_SLOTS; i++) {
        char text[32];
        const int length = snprintf(text, sizeof text, "text %d", i);
        float found[WIDTH];
        if (heddle_text_cache_find(cache, text, (size_t)length, found)) {
            assert_true(found[0] == (float)i);
            hits++;
        }
    }
    assert_in_range(hits, 1, HEDDLE_TEXT_CACHE_SLOTS);
    heddle_text_cache_destroy(cache);
}

static void empty_and_very_long_texts_are_not_kept(void **state)
{
    (void)state;
    struct heddle_text_cache *cache = new_cache();
    static char text[HEDDLE_TEXT_CACHE_BYTES_MAX + 1];
    memset(text, 'x', sizeof text);
    const float vector[WIDTH] = {1};
    float found[WIDTH];
    heddle_text_cache_keep(cache, text, sizeof text, vector);
    assert_false(heddle_text_cache_find(cache, text, sizeof text, found));
    heddle_text_cache_keep(cache, text, 0, vector);
    assert_false(heddle_text_cache_find(cache, text, 0, found));
    heddle_text_cache_keep(cache, text, sizeof text - 1, vector);
    assert_true(heddle_text_cache_find(cache, text, sizeof text - 1, found));
    heddle_text_cache_destroy(cache);
}

static void without_memory_a_text_is_simply_not_kept(void **state)
{
    (void)state;
    for (int at = 0; at < 2; at++) {
        struct heddle_text_cache *cache = NULL;
        heddle_memory_fail_at(at);
        assert_int_equal(heddle_text_cache_create(WIDTH, &cache, NULL), HEDDLE_OUT_OF_MEMORY);
        heddle_memory_fail_at(-1);
    }
    struct heddle_text_cache *cache = new_cache();
    const float vector[WIDTH] = {1};
    float found[WIDTH];
    heddle_memory_fail_at(0);
    heddle_text_cache_keep(cache, "leak", 4, vector);
    heddle_memory_fail_at(-1);
    assert_false(heddle_text_cache_find(cache, "leak", 4, found));
    heddle_text_cache_destroy(cache);
}

static void *use(void *cache)
{
    for (int i = 0; i < 20000; i++) {
        char text[16];
        const int number = i * 7 % 100;
        const int length = snprintf(text, sizeof text, "%d", number);
        float vector[WIDTH] = {(float)number, (float)number, (float)number, (float)number};
        if (heddle_text_cache_find(cache, text, (size_t)length, vector)) {
            for (int j = 0; j < WIDTH; j++) {
                if (vector[j] != (float)number) {
                    return cache; /* anything but NULL: a torn vector */
                }
            }
        } else {
            heddle_text_cache_keep(cache, text, (size_t)length, vector);
        }
    }
    return NULL;
}

static void threads_that_share_a_cache_never_see_half_a_vector(void **state)
{
    (void)state;
    struct heddle_text_cache *cache = new_cache();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use, cache), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *torn = NULL;
        pthread_join(threads[i], &torn);
        assert_null(torn);
    }
    heddle_text_cache_destroy(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_that_was_kept_is_found_with_its_own_vector_and_no_other_is),
        cmocka_unit_test(far_more_texts_than_slots_never_answer_a_wrong_vector),
        cmocka_unit_test(empty_and_very_long_texts_are_not_kept),
        cmocka_unit_test(without_memory_a_text_is_simply_not_kept),
        cmocka_unit_test(threads_that_share_a_cache_never_see_half_a_vector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
