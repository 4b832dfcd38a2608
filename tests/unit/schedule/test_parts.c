/* test_parts.c: parts are balanced, hubs stand alone, every key has one part, and a changing table claims both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/memory.h"
#include "schedule/scheduler.h"
#include "schedule/table.h"

static uint64_t hash_of(uint64_t key)
{
    return heddle_hash_mix(key * 77 + 1);
}

/* Counts `rows` keys below `keys`, the key 0 in `hub_percent` of the rows. */
static struct heddle_counts *count_keys(size_t rows, uint64_t keys, unsigned hub_percent, uint64_t seed)
{
    struct heddle_counts *counts = NULL;
    assert_int_equal(heddle_counts_create(&counts, NULL), HEDDLE_OK);
    for (size_t i = 0; i < rows; i++) {
        const bool hub = heddle_random_below(&seed, 100) < hub_percent;
        const uint64_t bound = heddle_random_below(&seed, keys) + 1; /* small keys come more often */
        const uint64_t hash = hash_of(hub ? 0 : heddle_random_below(&seed, bound));
        heddle_counts_add(counts, &hash, 1);
    }
    return counts;
}

static struct heddle_parts *parts_of(const struct heddle_counts *counts, size_t count)
{
    struct heddle_parts *parts = NULL;
    assert_int_equal(heddle_parts_create(counts, count, &parts, NULL), HEDDLE_OK);
    return parts;
}

static void sixty_four_parts_are_within_a_hundredth_of_each_other(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 5; seed++) {
        struct heddle_counts *counts = count_keys(300000, 50000, 0, seed);
        struct heddle_parts *parts = parts_of(counts, 64);
        uint64_t total = 0;
        for (uint32_t i = 0; i < 64; i++) {
            total += heddle_parts_load(parts, i);
        }
        assert_int_equal(total, 300000);
        assert_true(heddle_parts_imbalance(parts) <= 1.01);
        heddle_parts_destroy(parts);
        heddle_counts_destroy(counts);
    }
}

static void a_hub_above_the_mean_has_its_part_to_itself(void **state)
{
    (void)state;
    struct heddle_counts *counts = count_keys(300000, 50000, 20, 1);
    struct heddle_parts *parts = parts_of(counts, 64);
    size_t count = 0;
    const struct heddle_hub *hubs = heddle_parts_hubs(parts, &count);
    assert_true(count >= 1);
    assert_int_equal(hubs[0].hash, hash_of(0));
    assert_true(hubs[0].exclusive);
    assert_true(hubs[0].rows_min <= hubs[0].rows_max);
    assert_true(hubs[0].rows_min > 55000 && hubs[0].rows_min < 65000);
    assert_int_equal(heddle_parts_of(parts, hash_of(0)), hubs[0].part);
    assert_int_equal(heddle_parts_load(parts, hubs[0].part), hubs[0].rows_min);
    for (uint64_t key = 1; key < 50000; key++) {
        assert_int_not_equal(heddle_parts_of(parts, hash_of(key)), hubs[0].part);
    }
    /* The others share what is left evenly. */
    const uint64_t rest = (300000 - hubs[0].rows_min) / 63;
    for (uint32_t i = 0; i < 64; i++) {
        assert_true(i == hubs[0].part || heddle_parts_load(parts, i) <= rest + rest / 50);
    }
    heddle_parts_destroy(parts);
    heddle_counts_destroy(counts);
}

static void loads_are_what_the_table_gives(void **state)
{
    (void)state;
    enum { ROWS = 100000, PARTS = 13 };
    uint64_t seed = 4;
    uint64_t *hashes = calloc(ROWS, sizeof *hashes);
    uint32_t *found = calloc(ROWS, sizeof *found);
    uint64_t truth[PARTS] = {0};
    struct heddle_counts *counts = NULL;
    assert_true(hashes != NULL && found != NULL);
    assert_int_equal(heddle_counts_create(&counts, NULL), HEDDLE_OK);
    for (size_t i = 0; i < ROWS; i++) {
        const uint64_t bound = heddle_random_below(&seed, heddle_random_below(&seed, 3000) + 1) + 1;
        hashes[i] = hash_of(heddle_random_below(&seed, bound));
    }
    heddle_counts_add(counts, hashes, ROWS);
    struct heddle_parts *parts = parts_of(counts, PARTS);
    heddle_parts_of_all(parts, hashes, ROWS, found);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(found[i], heddle_parts_of(parts, hashes[i]));
        assert_true(found[i] < PARTS);
        truth[found[i]]++;
    }
    size_t hubs = 0;
    (void)heddle_parts_hubs(parts, &hubs);
    assert_true(hubs > 10); /* keys with a part of their own in the bucket of others were met */
    for (uint32_t i = 0; i < PARTS; i++) {
        /* A hub's counter may be low by the bound: those rows are in its bucket's account. */
        const uint64_t slack = hubs * heddle_counts_error(counts);
        assert_true(truth[i] <= heddle_parts_load(parts, i) + slack);
        assert_true(heddle_parts_load(parts, i) <= truth[i] + slack);
    }
    heddle_parts_destroy(parts);
    heddle_counts_destroy(counts);
    free(found);
    free(hashes);
}

static void keys_that_were_not_counted_spread_evenly(void **state)
{
    (void)state;
    enum { PARTS = 16, KEYS = 64000 };
    struct heddle_counts *counts = count_keys(100, 20, 0, 2);
    struct heddle_parts *tables[] = {parts_of(counts, PARTS), parts_of(NULL, PARTS)};
    for (size_t i = 0; i < 2; i++) {
        size_t spread[PARTS] = {0};
        for (uint64_t key = 1000; key < 1000 + KEYS; key++) {
            spread[heddle_parts_of(tables[i], hash_of(key))]++;
        }
        for (size_t j = 0; j < PARTS; j++) {
            assert_true(spread[j] > KEYS / PARTS * 3 / 4 && spread[j] < KEYS / PARTS * 5 / 4);
        }
    }
    assert_true(heddle_parts_imbalance(tables[1]) == 1.0);
    heddle_parts_destroy(tables[0]);
    heddle_parts_destroy(tables[1]);
    heddle_counts_destroy(counts);
}

static void a_key_claims_its_old_and_its_new_part_while_the_table_changes(void **state)
{
    (void)state;
    struct heddle_counts *counts = count_keys(10000, 500, 10, 9);
    struct heddle_parts *old = parts_of(NULL, 8);
    struct heddle_parts *new = parts_of(counts, 8);
    const struct heddle_table changing = {.first_part = 16, .now = new, .before = old};
    size_t moved = 0;
    for (uint64_t key = 0; key < 500; key++) {
        struct heddle_claim claim = {0};
        assert_true(heddle_table_claim(&changing, hash_of(key), &claim));
        const uint32_t one = 16 + heddle_parts_of(old, hash_of(key));
        const uint32_t other = 16 + heddle_parts_of(new, hash_of(key));
        assert_int_equal(claim.count, one == other ? 1 : 2);
        assert_int_equal(claim.parts[0], one < other ? one : other);
        assert_int_equal(claim.parts[claim.count - 1], one < other ? other : one);
        moved += one != other ? 1 : 0;
    }
    assert_true(moved > 100);
    heddle_parts_destroy(old);
    heddle_parts_destroy(new);
    heddle_counts_destroy(counts);
}

static void a_claim_is_sorted_without_repeats_and_says_when_it_is_full(void **state)
{
    (void)state;
    struct heddle_claim claim = {0};
    for (uint32_t i = 0; i < 3 * HEDDLE_CLAIM_PARTS_MAX; i++) {
        const uint32_t part = i * 37 % HEDDLE_CLAIM_PARTS_MAX;
        assert_true(heddle_claim_add(&claim, part));
    }
    assert_int_equal(claim.count, HEDDLE_CLAIM_PARTS_MAX);
    for (uint32_t i = 0; i < claim.count; i++) {
        assert_int_equal(claim.parts[i], i);
    }
    assert_false(heddle_claim_add(&claim, 1000));
    assert_true(heddle_claim_add(&claim, 7));
    assert_int_equal(claim.count, HEDDLE_CLAIM_PARTS_MAX);
}

static void bad_numbers_and_failing_allocations_are_answered(void **state)
{
    (void)state;
    struct heddle_parts *parts = NULL;
    assert_int_equal(heddle_parts_create(NULL, 0, &parts, NULL), HEDDLE_INVALID);
    assert_int_equal(heddle_parts_create(NULL, HEDDLE_SCHEDULE_PARTS_MAX + 1, &parts, NULL), HEDDLE_INVALID);
    int64_t countdown = 0;
    int status = HEDDLE_OUT_OF_MEMORY;
    for (; status != HEDDLE_OK; countdown++) {
        heddle_memory_fail_at(countdown);
        status = heddle_parts_create(NULL, HEDDLE_SCHEDULE_PARTS_MAX, &parts, NULL);
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
    }
    assert_true(countdown > 8);
    heddle_parts_destroy(parts);
    heddle_parts_destroy(NULL);
}

/* A table in use is judged by the rows of another window: by the very rows it was made of it fits as it says, by rows of one
 * of its keys alone all load lies in one part; and counts that were cleared begin anew. */
static void a_table_is_judged_by_the_rows_of_another_window(void **state)
{
    (void)state;
    struct heddle_counts *counts = NULL;
    struct heddle_parts *parts = NULL;
    uint64_t hashes[4096];
    double imbalance = 0;
    for (size_t i = 0; i < 4096; i++) {
        hashes[i] = heddle_hash_mix(i % 512);
    }
    assert_int_equal(heddle_counts_create(&counts, NULL), HEDDLE_OK);
    heddle_counts_add(counts, hashes, 4096);
    assert_int_equal(heddle_parts_create(counts, 16, &parts, NULL), HEDDLE_OK);
    assert_int_equal(heddle_parts_imbalance_under(parts, counts, &imbalance, NULL), HEDDLE_OK);
    assert_true(imbalance > heddle_parts_imbalance(parts) - 1e-9 &&
                imbalance < heddle_parts_imbalance(parts) + 1e-9);
    heddle_counts_clear(counts);
    assert_int_equal(heddle_counts_total(counts), 0);
    assert_int_equal(heddle_parts_imbalance_under(parts, counts, &imbalance, NULL), HEDDLE_OK);
    assert_true(imbalance > 0.99 && imbalance < 1.01);
    for (size_t i = 0; i < 4096; i++) {
        hashes[i] = heddle_hash_mix(7);
    }
    heddle_counts_add(counts, hashes, 4096);
    assert_int_equal(heddle_parts_imbalance_under(parts, counts, &imbalance, NULL), HEDDLE_OK);
    assert_true(imbalance > 15.99 && imbalance < 16.01);
    heddle_memory_fail_at(0);
    assert_int_equal(heddle_parts_imbalance_under(parts, counts, &imbalance, NULL), HEDDLE_OUT_OF_MEMORY);
    heddle_memory_fail_at(-1);
    heddle_parts_destroy(parts);
    heddle_counts_destroy(counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_judged_by_the_rows_of_another_window),
        cmocka_unit_test(sixty_four_parts_are_within_a_hundredth_of_each_other),
        cmocka_unit_test(a_hub_above_the_mean_has_its_part_to_itself),
        cmocka_unit_test(loads_are_what_the_table_gives),
        cmocka_unit_test(keys_that_were_not_counted_spread_evenly),
        cmocka_unit_test(a_key_claims_its_old_and_its_new_part_while_the_table_changes),
        cmocka_unit_test(a_claim_is_sorted_without_repeats_and_says_when_it_is_full),
        cmocka_unit_test(bad_numbers_and_failing_allocations_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
