/* test_neo4j_ids.c: the table of internal ids: it finds what was put, grows, forgets all beyond its limit, and is right
 * under many threads.
 */
#include "rows_fixture.h"

#include "base/memory.h"
#include "sink/neo4j/ids.h"

static uint64_t hash_of(int64_t key, uint64_t space)
{
    struct heddle_buffer buffer = {0};
    const struct heddle_column column = {.type = HEDDLE_TYPE_INTEGER, .length = 1, .values = &key};
    const uint64_t hash = heddle_ids_hash(&column, 1, 0, space, &buffer);
    heddle_buffer_free(&buffer);
    return hash;
}

static int64_t id_of(struct heddle_ids *ids, uint64_t hash)
{
    int64_t id = 0;
    heddle_ids_get(ids, &hash, &id, 1);
    return id;
}

static void put(struct heddle_ids *ids, uint64_t hash, int64_t id)
{
    heddle_ids_put(ids, &hash, &id, 1);
}

static void what_was_put_is_found_and_nothing_else(void **state)
{
    (void)state;
    enum { KEYS = 20000 };
    struct heddle_ids *ids = NULL;
    assert_int_equal(heddle_ids_create(0, &ids, NULL), HEDDLE_OK);
    for (int64_t key = 0; key < KEYS; key++) {
        put(ids, hash_of(key, 1), 3 * key);
    }
    assert_int_equal(heddle_ids_count(ids), KEYS);
    for (int64_t key = 0; key < KEYS; key++) {
        assert_int_equal(id_of(ids, hash_of(key, 1)), 3 * key);
        assert_int_equal(id_of(ids, hash_of(key + KEYS, 1)), HEDDLE_IDS_NONE);
        assert_int_equal(id_of(ids, hash_of(key, 2)), HEDDLE_IDS_NONE);
    }
    heddle_ids_destroy(ids);
}

static void keys_that_are_equal_for_the_database_have_one_hash(void **state)
{
    (void)state;
    struct heddle_buffer buffer = {0};
    const double seven = 7.0;
    const struct heddle_column column = {.type = HEDDLE_TYPE_FLOAT, .length = 1, .values = &seven};
    assert_true(heddle_ids_hash(&column, 1, 0, 5, &buffer) == hash_of(7, 5));
    heddle_buffer_free(&buffer);
}

static void a_later_id_replaces_an_earlier_one_and_one_that_is_none_is_not_kept(void **state)
{
    (void)state;
    struct heddle_ids *ids = NULL;
    assert_int_equal(heddle_ids_create(0, &ids, NULL), HEDDLE_OK);
    put(ids, 77, 1);
    put(ids, 77, 2);
    put(ids, 78, HEDDLE_IDS_NONE);
    put(ids, 0, 0);
    assert_int_equal(id_of(ids, 77), 2);
    assert_int_equal(id_of(ids, 78), HEDDLE_IDS_NONE);
    assert_int_equal(id_of(ids, 0), 0);
    assert_int_equal(heddle_ids_count(ids), 2);
    heddle_ids_destroy(ids);
}

static void beyond_its_limit_the_table_is_given_up_for_good(void **state)
{
    (void)state;
    struct heddle_ids *ids = NULL;
    assert_int_equal(heddle_ids_create((size_t)16 * 1024, &ids, NULL), HEDDLE_OK);
    for (int64_t key = 0; key < 896; key++) {
        put(ids, hash_of(key, 1), key);
    }
    assert_false(heddle_ids_is_given_up(ids));
    assert_int_equal(id_of(ids, hash_of(5, 1)), 5);
    put(ids, hash_of(896, 1), 896);
    assert_true(heddle_ids_is_given_up(ids));
    put(ids, hash_of(1, 1), 1);
    assert_int_equal(id_of(ids, hash_of(1, 1)), HEDDLE_IDS_NONE);
    assert_int_equal(heddle_ids_count(ids), 0);
    heddle_ids_destroy(ids);
}

static void running_out_of_memory_gives_the_table_up_and_breaks_nothing(void **state)
{
    (void)state;
    struct heddle_ids *ids = NULL;
    heddle_memory_fail_at(0);
    assert_int_equal(heddle_ids_create(0, &ids, NULL), HEDDLE_OUT_OF_MEMORY);
    heddle_memory_fail_at(1);
    assert_int_equal(heddle_ids_create(0, &ids, NULL), HEDDLE_OUT_OF_MEMORY);
    heddle_memory_fail_at(-1);
    assert_int_equal(heddle_ids_create(0, &ids, NULL), HEDDLE_OK);
    heddle_memory_fail_at(0);
    for (int64_t key = 0; key < 2000; key++) {
        const uint64_t hash = heddle_hash_mix((uint64_t)key + 1);
        heddle_ids_put(ids, &hash, &key, 1);
    }
    heddle_memory_fail_at(-1);
    assert_true(heddle_ids_is_given_up(ids));
    heddle_ids_destroy(ids);
}

static void element_ids_are_read_by_their_number_under_one_prefix(void **state)
{
    (void)state;
    static const char first[] = "4:1b671a64-40d5-491e-99b0-da01ff1f3341:17";
    static const char *const none[] = {"17",
                                       "4:",
                                       "4:1b671a64-40d5-491e-99b0-da01ff1f3341:",
                                       "4:1b671a64-40d5-491e-99b0-da01ff1f3341:x",
                                       "4:other:18",
                                       "4:1b671a64-40d5-491e-99b0-da01ff1f3341:99999999999999999999"};
    struct heddle_ids *ids = NULL;
    int64_t id = 0;
    assert_int_equal(heddle_ids_create(0, &ids, NULL), HEDDLE_OK);
    assert_string_equal(heddle_ids_element_prefix(ids), "");
    assert_true(heddle_ids_read_element(ids, first, strlen(first), &id));
    assert_int_equal(id, 17);
    assert_string_equal(heddle_ids_element_prefix(ids), "4:1b671a64-40d5-491e-99b0-da01ff1f3341:");
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_false(heddle_ids_read_element(ids, none[i], strlen(none[i]), &id));
    }
    heddle_ids_destroy(ids);
}

enum { THREADS = 4, KEYS_A_THREAD = 20000 };

struct thread {
    pthread_t id;
    struct heddle_ids *ids;
    int64_t first;
    size_t wrong;
};

static void *put_and_get(void *context)
{
    struct thread *thread = context;
    for (int64_t key = thread->first; key < thread->first + KEYS_A_THREAD; key++) {
        const uint64_t hash = heddle_hash_mix((uint64_t)key + 1);
        heddle_ids_put(thread->ids, &hash, &key, 1);
        thread->wrong += id_of(thread->ids, hash) != key ? 1 : 0;
    }
    return NULL;
}

static void many_threads_find_what_each_has_put(void **state)
{
    (void)state;
    struct thread threads[THREADS];
    struct heddle_ids *ids = NULL;
    assert_int_equal(heddle_ids_create(0, &ids, NULL), HEDDLE_OK);
    for (int64_t i = 0; i < THREADS; i++) {
        threads[i] = (struct thread){.ids = ids, .first = i * KEYS_A_THREAD};
        assert_int_equal(pthread_create(&threads[i].id, NULL, put_and_get, &threads[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i].id, NULL);
        assert_int_equal(threads[i].wrong, 0);
    }
    assert_int_equal(heddle_ids_count(ids), THREADS * KEYS_A_THREAD);
    heddle_ids_destroy(ids);
}

static void reading_ids_back_pays_only_for_many_rows(void **state)
{
    (void)state;
    assert_true(heddle_ids_reading_pays(1000000, 1000000));
    assert_false(heddle_ids_reading_pays(1000000, 1000));
    assert_false(heddle_ids_reading_pays(0, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_and_nothing_else),
        cmocka_unit_test(keys_that_are_equal_for_the_database_have_one_hash),
        cmocka_unit_test(a_later_id_replaces_an_earlier_one_and_one_that_is_none_is_not_kept),
        cmocka_unit_test(beyond_its_limit_the_table_is_given_up_for_good),
        cmocka_unit_test(running_out_of_memory_gives_the_table_up_and_breaks_nothing),
        cmocka_unit_test(element_ids_are_read_by_their_number_under_one_prefix),
        cmocka_unit_test(many_threads_find_what_each_has_put),
        cmocka_unit_test(reading_ids_back_pays_only_for_many_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
