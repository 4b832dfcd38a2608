/* test_counts.c: bucket counts are exact, every large key is found whatever the order, and bounds hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/memory.h"
#include "schedule/counts.h"

enum { FOUND_MAX = 2 * HEDDLE_HUBS_COUNTERS };

static uint64_t hash_of(uint64_t key)
{
    return heddle_hash_mix(key + 12345);
}

static struct heddle_counts *new_counts(void)
{
    struct heddle_counts *counts = NULL;
    assert_int_equal(heddle_counts_create(&counts, NULL), HEDDLE_OK);
    return counts;
}

static struct heddle_hubs *new_hubs(void)
{
    struct heddle_hubs *hubs = NULL;
    assert_int_equal(heddle_hubs_create(&hubs, NULL), HEDDLE_OK);
    return hubs;
}

/* Bounds of a key, 0 .. error where it has no counter. */
static struct heddle_hub_rows bounds_of(const struct heddle_hub_rows *found, size_t count, uint64_t hash,
                                        uint64_t error)
{
    for (size_t i = 0; i < count; i++) {
        if (found[i].hash == hash) {
            return found[i];
        }
    }
    return (struct heddle_hub_rows){hash, 0, error};
}

/* Keys 0 .. keys-1, key i with about weight / (i + 1) of the rows. */
static size_t harmonic_keys(uint64_t *keys, size_t room, size_t distinct, size_t weight)
{
    size_t count = 0;
    for (size_t i = 0; i < distinct; i++) {
        for (size_t j = 0; j < weight / (i + 1) + 1 && count < room; j++) {
            keys[count++] = i;
        }
    }
    return count;
}

static void shuffle(uint64_t *keys, size_t count, uint64_t seed)
{
    for (size_t i = count; i > 1; i--) {
        const size_t other = (size_t)heddle_random_below(&seed, i);
        const uint64_t swapped = keys[i - 1];
        keys[i - 1] = keys[other];
        keys[other] = swapped;
    }
}

enum { KEYS_ROOM = 300000, KEYS_DISTINCT = 60000 };

/* Feeds keys in three orders and holds every bound against the true counts. */
static void every_counter_is_within_its_bound_in_any_order(void **state)
{
    (void)state;
    uint64_t *keys = calloc(KEYS_ROOM, sizeof *keys);
    uint64_t *truth = calloc(KEYS_DISTINCT, sizeof *truth);
    struct heddle_hub_rows *found = calloc(FOUND_MAX, sizeof *found);
    assert_true(keys != NULL && truth != NULL && found != NULL);
    const size_t count = harmonic_keys(keys, KEYS_ROOM, KEYS_DISTINCT, 20000);
    for (size_t i = 0; i < count; i++) {
        truth[keys[i]]++;
    }
    for (int order = 0; order < 3; order++) {
        struct heddle_hubs *hubs = new_hubs();
        if (order == 1) {
            shuffle(keys, count, 3);
        }
        for (size_t i = 0; i < count; i++) {
            heddle_hubs_add(hubs, hash_of(order == 2 ? keys[count - 1 - i] : keys[i]), 1);
        }
        const uint64_t error = heddle_hubs_error(hubs);
        assert_true(error > 0); /* there were purges, or nothing was put to the test */
        assert_true(error <= count / (HEDDLE_HUBS_COUNTERS + 1));
        const size_t some = heddle_hubs_find(hubs, 1, found);
        for (size_t key = 0; key < KEYS_DISTINCT; key++) {
            const struct heddle_hub_rows rows = bounds_of(found, some, hash_of(key), error);
            assert_true(rows.rows_min <= truth[key]);
            assert_true(rows.rows_max >= truth[key]);
        }
        heddle_hubs_destroy(hubs);
    }
    free(found);
    free(truth);
    free(keys);
}

/* Keys that come only as often as each other, and one that comes at the worst moments: in the gaps between purges. */
static void a_key_above_its_share_is_found_against_an_adversary(void **state)
{
    (void)state;
    enum { ROWS = 1000000, EVERY = 500 };
    struct heddle_counts *counts = new_counts();
    struct heddle_hub_rows *found = calloc(FOUND_MAX, sizeof *found);
    assert_non_null(found);
    for (uint64_t i = 0; i < ROWS; i++) {
        const uint64_t hash = i % EVERY == 0 ? hash_of(7) : hash_of(1000 + i);
        heddle_counts_add(counts, &hash, 1);
    }
    assert_true(heddle_counts_error(counts) < ROWS / EVERY);
    const size_t count = heddle_counts_hubs(counts, ROWS / EVERY, found);
    const struct heddle_hub_rows rows = bounds_of(found, count, hash_of(7), 0);
    assert_true(rows.rows_min > 0);
    assert_true(rows.rows_min <= ROWS / EVERY && ROWS / EVERY <= rows.rows_max);
    free(found);
    heddle_counts_destroy(counts);
}

static void buckets_are_exact_and_merging_is_adding(void **state)
{
    (void)state;
    uint64_t *hashes = calloc(KEYS_ROOM, sizeof *hashes);
    uint64_t *truth = calloc(HEDDLE_KEY_BUCKETS, sizeof *truth);
    struct heddle_hub_rows *found = calloc(FOUND_MAX, sizeof *found);
    assert_true(hashes != NULL && truth != NULL && found != NULL);
    const size_t count = harmonic_keys(hashes, KEYS_ROOM, KEYS_DISTINCT, 20000);
    shuffle(hashes, count, 11);
    uint64_t first = 0;
    for (size_t i = 0; i < count; i++) {
        first += hashes[i] == 0 ? 1 : 0;
        hashes[i] = hash_of(hashes[i]);
        truth[heddle_key_bucket(hashes[i])]++;
    }
    struct heddle_counts *whole = new_counts();
    struct heddle_counts *thirds[3];
    heddle_counts_add(whole, hashes, count);
    for (size_t i = 0; i < 3; i++) {
        thirds[i] = new_counts();
        heddle_counts_add(thirds[i], hashes + i * (count / 3), i == 2 ? count - 2 * (count / 3) : count / 3);
    }
    heddle_counts_merge(thirds[0], thirds[1]);
    heddle_counts_merge(thirds[0], thirds[2]);
    assert_int_equal(heddle_counts_total(whole), count);
    assert_int_equal(heddle_counts_total(thirds[0]), count);
    for (uint32_t i = 0; i < HEDDLE_KEY_BUCKETS; i++) {
        assert_int_equal(heddle_counts_bucket(whole, i), truth[i]);
        assert_int_equal(heddle_counts_bucket(thirds[0], i), truth[i]);
    }
    const struct heddle_counts *both[] = {whole, thirds[0]};
    for (size_t i = 0; i < 2; i++) {
        const size_t some = heddle_counts_hubs(both[i], first, found);
        const struct heddle_hub_rows rows = bounds_of(found, some, hash_of(0), 0);
        assert_true(rows.rows_min <= first && first <= rows.rows_max);
        assert_true(rows.rows_max - rows.rows_min <= heddle_counts_error(both[i]));
    }
    heddle_counts_destroy(whole);
    for (size_t i = 0; i < 3; i++) {
        heddle_counts_destroy(thirds[i]);
    }
    free(found);
    free(truth);
    free(hashes);
}

/* What heddle_counts_add does, one key after the other and in one step: the plain way. The gate is set anew every 1,024
 * keys of one call. */
static void count_plainly(const uint64_t *hashes, size_t count, uint64_t *total, uint64_t *buckets,
                          struct heddle_hubs *hubs)
{
    uint64_t gate = 0;
    for (size_t i = 0; i < count; i++) {
        if (i % 1024 == 0) {
            gate = 64 + (*total + i) / HEDDLE_COUNTS_GATE;
        }
        if (++buckets[heddle_key_bucket(hashes[i])] > gate) {
            heddle_hubs_add(hubs, hashes[i], 1);
        }
    }
    *total += count;
}

static void counting_in_two_steps_finds_what_the_plain_way_finds(void **state)
{
    (void)state;
    uint64_t *hashes = calloc(KEYS_ROOM, sizeof *hashes);
    uint64_t *buckets = calloc(HEDDLE_KEY_BUCKETS, sizeof *buckets);
    struct heddle_hub_rows *found = calloc(FOUND_MAX, sizeof *found);
    struct heddle_hub_rows *wanted = calloc(FOUND_MAX, sizeof *wanted);
    assert_true(hashes != NULL && buckets != NULL && found != NULL && wanted != NULL);
    const size_t count = harmonic_keys(hashes, KEYS_ROOM, KEYS_DISTINCT, 20000);
    shuffle(hashes, count, 12);
    for (size_t i = 0; i < count; i++) {
        hashes[i] = hash_of(hashes[i]);
    }
    struct heddle_counts *counts = new_counts();
    struct heddle_hubs *hubs = new_hubs();
    uint64_t total = 0;
    for (size_t first = 0, some = 1; first < count; first += some, some = some * 3 + 1) {
        some = some < count - first ? some : count - first;
        heddle_counts_add(counts, hashes + first, some);
        count_plainly(hashes + first, some, &total, buckets, hubs);
    }
    assert_int_equal(heddle_counts_total(counts), total);
    for (uint32_t i = 0; i < HEDDLE_KEY_BUCKETS; i++) {
        assert_int_equal(heddle_counts_bucket(counts, i), buckets[i]);
    }
    /* Asked for everything, both answer every counter; only the bound of the gate comes on top in one of them. */
    const size_t found_count = heddle_counts_hubs(counts, 0, found);
    assert_int_equal(found_count, heddle_hubs_find(hubs, 0, wanted));
    assert_true(found_count > 100);
    for (size_t i = 0; i < found_count; i++) {
        assert_int_equal(found[i].hash, wanted[i].hash);
        assert_int_equal(found[i].rows_min, wanted[i].rows_min);
    }
    heddle_hubs_destroy(hubs);
    heddle_counts_destroy(counts);
    free(wanted);
    free(found);
    free(buckets);
    free(hashes);
}

static void counts_beyond_32_bits_are_kept(void **state)
{
    (void)state;
    struct heddle_hubs *hubs = new_hubs();
    struct heddle_hub_rows found[FOUND_MAX];
    heddle_hubs_add(hubs, 5, UINT64_C(1) << 40);
    heddle_hubs_add(hubs, 5, 1);
    assert_int_equal(heddle_hubs_find(hubs, 2, found), 1);
    assert_int_equal(found[0].rows_min, (UINT64_C(1) << 40) + 1);
    heddle_hubs_destroy(hubs);
    struct heddle_counts *counts = new_counts();
    const uint64_t hash = 9;
    heddle_counts_add(counts, &hash, 1);
    for (int i = 0; i < 33; i++) {
        struct heddle_counts *same = new_counts();
        heddle_counts_merge(same, counts);
        heddle_counts_merge(counts, same);
        heddle_counts_destroy(same);
    }
    assert_int_equal(heddle_counts_bucket(counts, 9), UINT64_C(1) << 33);
    heddle_counts_destroy(counts);
}

static void failing_allocations_are_survived(void **state)
{
    (void)state;
    struct heddle_counts *counts = NULL;
    int64_t countdown = 0;
    int status = HEDDLE_OUT_OF_MEMORY;
    for (; status != HEDDLE_OK; countdown++) {
        heddle_memory_fail_at(countdown);
        status = heddle_counts_create(&counts, NULL);
        heddle_memory_fail_at(-1);
    }
    assert_int_equal(countdown, 3);
    heddle_counts_destroy(counts);
    heddle_counts_destroy(NULL);
    heddle_hubs_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_counter_is_within_its_bound_in_any_order),
        cmocka_unit_test(a_key_above_its_share_is_found_against_an_adversary),
        cmocka_unit_test(buckets_are_exact_and_merging_is_adding),
        cmocka_unit_test(counting_in_two_steps_finds_what_the_plain_way_finds),
        cmocka_unit_test(counts_beyond_32_bits_are_kept),
        cmocka_unit_test(failing_allocations_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
