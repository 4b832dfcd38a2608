/* test_share.c: every row of every target is one shard's and no more, whatever the batches; rows of one identity are together;
 * classes of parts: in each round no two shards prefer the same, and in time every class meets every other.
 */
#include "rows_fixture.h"

#include "sink/neo4j/shards.h"
#include "sink/share.h"

enum { ROWS = 4000, SHARDS_TRIED = 7 };

static struct removal *removals(void)
{
    static const char *const aircraft[] = {"D-1", "D-2", "D-3", NULL, "D-5", "D-6", "D-7"};
    static const char *const components[] = {"c1", "c2", "c3", "c4",  "c5", "c6",
                                             "c7", "c8", "c9", "c10", "c11"};
    struct removal *rows = calloc(ROWS, sizeof *rows);
    assert_non_null(rows);
    for (size_t i = 0; i < ROWS; i++) {
        const int64_t id = (int64_t)(heddle_hash_mix(i) % 1500);
        rows[i] = (struct removal){.id = i % 97 == 0 ? -1 : id,
                                   .reason = "r",
                                   .aircraft = aircraft[heddle_hash_mix(i + ROWS) % 7],
                                   .component = components[i % 11],
                                   .hours = (int64_t)i};
    }
    return rows;
}

/* owners[row] = the shard that takes it, by batches of `batch_rows`; fails where there is none, or two. */
static void find_owners(const struct removal *rows, const struct heddle_target *target, size_t shards,
                        size_t batch_rows, size_t *owners)
{
    for (size_t first = 0; first < ROWS; first += batch_rows) {
        const size_t count = ROWS - first < batch_rows ? ROWS - first : batch_rows;
        struct heddle_batch *batch = fixture_batch(&rows[first], count, 0, first);
        uint8_t *mine = calloc(count, 1);
        assert_non_null(mine);
        for (size_t row = 0; row < count; row++) {
            owners[first + row] = SIZE_MAX;
        }
        for (size_t shard = 0; shard < shards; shard++) {
            const struct heddle_share share = {.index = shard, .count = shards, .seed = 42};
            assert_int_equal(heddle_share_find(&share, batch, target, batch->arena, mine, NULL), HEDDLE_OK);
            for (size_t row = 0; row < count; row++) {
                if (mine[row] != 0) {
                    assert_int_equal(owners[first + row], SIZE_MAX); /* nobody else's */
                    owners[first + row] = shard;
                }
            }
        }
        for (size_t row = 0; row < count; row++) {
            assert_int_not_equal(owners[first + row], SIZE_MAX); /* somebody's */
        }
        free(mine);
        heddle_batch_release(batch);
    }
}

static void every_row_is_one_shards_whatever_the_batches(void **state)
{
    (void)state;
    struct fixture_job job;
    fixture_job_init(&job);
    struct removal *rows = removals();
    size_t *owners = calloc(ROWS, sizeof *owners);
    size_t *others = calloc(ROWS, sizeof *others);
    assert_true(owners != NULL && others != NULL);
    for (size_t shards = 1; shards <= SHARDS_TRIED; shards++) {
        for (size_t target = 0; target < TARGETS; target++) {
            find_owners(rows, &job.targets[target], shards, 256, owners);
            find_owners(rows, &job.targets[target], shards, 1111, others);
            assert_memory_equal(owners, others, ROWS * sizeof *owners);
        }
    }
    free(owners);
    free(others);
    free(rows);
}

static void rows_of_one_identity_are_together_and_shards_are_even(void **state)
{
    (void)state;
    struct fixture_job job;
    fixture_job_init(&job);
    struct removal *rows = removals();
    size_t *owners = calloc(ROWS, sizeof *owners);
    size_t by_id[1500];
    size_t counts[SHARDS_TRIED] = {0};
    assert_non_null(owners);
    memset(by_id, 0xff, sizeof by_id);
    find_owners(rows, &job.targets[TARGET_REMOVAL], SHARDS_TRIED, 500, owners);
    for (size_t row = 0; row < ROWS; row++) {
        counts[owners[row]]++;
        if (rows[row].id >= 0) {
            size_t *known = &by_id[rows[row].id];
            assert_true(*known == SIZE_MAX || *known == owners[row]);
            *known = owners[row];
        }
    }
    for (size_t i = 0; i < SHARDS_TRIED; i++) {
        assert_in_range(counts[i], ROWS / SHARDS_TRIED / 2, ROWS / SHARDS_TRIED * 2);
    }
    free(owners);
    free(rows);
}

static void a_key_is_one_shards_whatever_its_column_type(void **state)
{
    (void)state;
    struct fixture_job job;
    fixture_job_init(&job);
    struct removal *rows = removals();
    size_t *whole = calloc(ROWS, sizeof *whole);
    size_t *text = calloc(ROWS, sizeof *text);
    assert_true(whole != NULL && text != NULL);
    find_owners(rows, &job.targets[TARGET_REMOVAL], 5, ROWS, whole);
    job.removal_properties[0].typed = true;
    job.removal_properties[0].type = HEDDLE_TYPE_FLOAT; /* 7 and 7.0 are one key */
    find_owners(rows, &job.targets[TARGET_REMOVAL], 5, ROWS, text);
    assert_memory_equal(whole, text, ROWS * sizeof *whole);
    free(whole);
    free(text);
    free(rows);
}

static void a_query_that_touches_nobody_knows_what_is_the_first_shards(void **state)
{
    (void)state;
    struct removal *rows = removals();
    size_t *owners = calloc(ROWS, sizeof *owners);
    struct heddle_target query = {.kind = HEDDLE_TARGET_QUERY, .name = "query"};
    assert_non_null(owners);
    find_owners(rows, &query, 3, 100, owners);
    for (size_t row = 0; row < ROWS; row++) {
        assert_int_equal(owners[row], 0);
    }
    const struct heddle_target_touch touch = {
        .label = "HeddleTestAircraft", .field = "component_id", .column = FIXTURE_COMPONENT};
    query.touches = &touch;
    query.touch_count = 1;
    find_owners(rows, &query, 3, 100, owners);
    for (size_t row = 11; row < ROWS; row++) {
        assert_int_equal(owners[row], owners[row % 11]); /* its order is kept for what it touches */
    }
    free(owners);
    free(rows);
}

static void a_place_counts_by_the_name_of_its_file_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < 10000; i++) {
        const struct heddle_share share = {.index = i % 4, .count = 4, .seed = 9};
        assert_int_equal(heddle_share_has_place(&share, "/a/part-1.csv", i),
                         heddle_share_has_place(&share, "/mnt/elsewhere/part-1.csv", i));
    }
    size_t owners = 0;
    for (size_t shard = 0; shard < 4; shard++) {
        const struct heddle_share share = {.index = shard, .count = 4, .seed = 9};
        owners += heddle_share_has_place(&share, "part-1.csv", 77);
    }
    assert_int_equal(owners, 1);
}

static void in_each_round_no_two_shards_prefer_one_class_and_all_classes_meet(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 9; count++) {
        const size_t classes = 2 * count;
        uint8_t met[18][18] = {{0}};
        for (uint64_t round = 1000; round < 1000 + classes - 1; round++) {
            uint8_t taken[18] = {0};
            for (size_t shard = 0; shard < count; shard++) {
                size_t two[2];
                heddle_shards_classes(shard, count, round, two);
                assert_true(two[0] < classes && two[1] < classes && two[0] != two[1]);
                assert_int_equal(taken[two[0]]++, 0);
                assert_int_equal(taken[two[1]]++, 0);
                met[two[0]][two[1]] = met[two[1]][two[0]] = 1;
            }
        }
        for (size_t a = 0; a < classes; a++) {
            for (size_t b = 0; b < classes; b++) {
                assert_true(a == b || met[a][b] == 1);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_one_shards_whatever_the_batches),
        cmocka_unit_test(rows_of_one_identity_are_together_and_shards_are_even),
        cmocka_unit_test(a_key_is_one_shards_whatever_its_column_type),
        cmocka_unit_test(a_query_that_touches_nobody_knows_what_is_the_first_shards),
        cmocka_unit_test(a_place_counts_by_the_name_of_its_file_alone),
        cmocka_unit_test(in_each_round_no_two_shards_prefer_one_class_and_all_classes_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
