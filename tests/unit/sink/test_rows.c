/* test_rows.c: what becomes of a row before any sink sees it: converted, rejected with its reason, folded. */
#include "rows_fixture.h"

#include "base/memory.h"
#include "sink/fold.h"
#include "sink/rows.h"

/* One batch made ready for one target. */
struct ready {
    struct fixture_job job;
    struct fixture_rejects rejects;
    struct heddle_rows *rows;
    struct heddle_target_rows *target;
};

static void make_ready(struct ready *ready, size_t target, const struct removal *rows, size_t count)
{
    struct heddle_batch *batch = fixture_batch(rows, count, 0, 100);
    const struct heddle_reject_sink sink = {fixture_reject, &ready->rejects};
    struct heddle_error error = {0};
    pthread_mutex_init(&ready->rejects.lock, NULL);
    assert_int_equal(heddle_rows_create(batch, &ready->rows, NULL), HEDDLE_OK);
    heddle_batch_release(batch); /* the rows hold it now */
    if (heddle_rows_convert(ready->rows, &ready->job.targets[target], target, &sink, &ready->target,
                            &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

static struct ready ready_of(size_t target, const struct removal *rows, size_t count)
{
    struct ready ready = {0};
    fixture_job_init(&ready.job);
    make_ready(&ready, target, rows, count);
    return ready;
}

static void a_null_key_is_a_reject_and_the_others_go_on(void **state)
{
    (void)state;
    const struct removal rows[] = {
        {1, "a", "N1", "C1", 5, true}, {-1, "b", "N1", "C1", 5, true}, {3, NULL, "N1", "C1", 5, false}};
    struct ready ready = ready_of(TARGET_REMOVAL, rows, 3);
    assert_int_equal(ready.target->row_count, 2);
    assert_int_equal(ready.target->rows[0], 0);
    assert_int_equal(ready.target->rows[1], 2);
    assert_int_equal(ready.target->rejected, 1);
    assert_string_equal(ready.rejects.kept[0].code, "KEY_NULL");
    assert_int_equal(ready.rejects.kept[0].row, 101);
    assert_int_equal(ready.rejects.kept[0].stage, HEDDLE_STAGE_CONVERT);
    assert_true(heddle_rows_has_vector(ready.target, 0));
    assert_false(heddle_rows_has_vector(ready.target, 2));
    heddle_rows_release(ready.rows);
}

static void
a_row_whose_text_could_not_be_embedded_is_a_reject_of_the_target_that_wants_the_vector(void **state)
{
    (void)state;
    const struct removal rows[] = {{1, "a", "N1", "C1", 5, true}, {2, "b", "N2", "C1", 5, false}};
    static const char *const reasons[] = {NULL, "the service refused this text"};
    const char *const *slots[] = {reasons};
    struct heddle_batch *batch = fixture_batch(rows, 2, 0, 0);
    batch->failures = slots;
    for (size_t target = TARGET_REMOVAL; target <= TARGET_AIRCRAFT; target++) {
        struct ready ready = {0};
        const struct heddle_reject_sink sink = {fixture_reject, &ready.rejects};
        fixture_job_init(&ready.job);
        pthread_mutex_init(&ready.rejects.lock, NULL);
        assert_int_equal(heddle_rows_create(batch, &ready.rows, NULL), HEDDLE_OK);
        assert_int_equal(
            heddle_rows_convert(ready.rows, &ready.job.targets[target], target, &sink, &ready.target, NULL),
            HEDDLE_OK);
        const bool wants = target == TARGET_REMOVAL;
        assert_int_equal(ready.target->row_count, wants ? 1 : 2);
        assert_int_equal(ready.target->rejected, wants ? 1 : 0);
        assert_int_equal(ready.rejects.count, wants ? 1 : 0);
        if (wants) {
            assert_string_equal(ready.rejects.kept[0].code, "EMBED_FAILED");
            assert_string_equal(ready.rejects.kept[0].reason, reasons[1]);
            assert_int_equal(ready.rejects.kept[0].stage, HEDDLE_STAGE_EMBED);
        }
        heddle_rows_release(ready.rows);
    }
    heddle_batch_release(batch);
}

static void a_relationship_says_which_end_has_no_key(void **state)
{
    (void)state;
    const struct removal rows[] = {
        {-1, "a", "N1", "C1", 5, true}, {2, "b", NULL, "C1", 5, true}, {3, "c", "N3", "C1", 5, true}};
    struct ready ready = ready_of(TARGET_REMOVED_FROM, rows, 3);
    assert_int_equal(ready.target->row_count, 1);
    assert_int_equal(ready.target->rows[0], 2);
    assert_string_equal(ready.rejects.kept[0].code, "END_KEY_NULL");
    assert_non_null(strstr(ready.rejects.kept[0].reason, "start node"));
    assert_string_equal(ready.rejects.kept[1].code, "END_KEY_NULL");
    assert_non_null(strstr(ready.rejects.kept[1].reason, "end node"));
    assert_non_null(strstr(ready.rejects.kept[1].reason, "aircraft_id"));
    heddle_rows_release(ready.rows);
}

static void a_value_that_cannot_be_converted_is_a_reject_or_null_as_asked(void **state)
{
    (void)state;
    const struct removal rows[] = {{1, "12", "N1", "C1", 5, true}, {2, "pump", "N1", "C1", 5, true}};
    for (int null_instead = 0; null_instead <= 1; null_instead++) {
        struct ready ready = {0};
        fixture_job_init(&ready.job);
        ready.job.removal_properties[1].typed = true;
        ready.job.removal_properties[1].type = HEDDLE_TYPE_INTEGER;
        ready.job.targets[TARGET_REMOVAL].bad_value_is_null = null_instead != 0;
        make_ready(&ready, TARGET_REMOVAL, rows, 2);
        assert_int_equal(heddle_column_integer(&ready.target->properties[1], 0), 12);
        if (null_instead != 0) {
            assert_int_equal(ready.target->row_count, 2);
            assert_true(heddle_column_is_null(&ready.target->properties[1], 1));
            assert_int_equal(ready.rejects.count, 0);
        } else {
            assert_int_equal(ready.target->row_count, 1);
            assert_string_equal(ready.rejects.kept[0].code, "VALUE_TYPE");
            assert_non_null(strstr(ready.rejects.kept[0].reason, "pump"));
            assert_string_equal(ready.rejects.kept[0].key, "2");
        }
        heddle_rows_release(ready.rows);
    }
}

static void a_key_that_cannot_be_converted_is_rejected_even_where_bad_values_become_null(void **state)
{
    (void)state;
    const struct removal rows[] = {{1, "a", "12", "C1", 5, true}, {2, "a", "N2", "C1", 5, true}};
    struct ready ready = {0};
    fixture_job_init(&ready.job);
    ready.job.aircraft_properties[0].typed = true;
    ready.job.aircraft_properties[0].type = HEDDLE_TYPE_INTEGER;
    ready.job.targets[TARGET_AIRCRAFT].bad_value_is_null = true;
    make_ready(&ready, TARGET_AIRCRAFT, rows, 2);
    assert_int_equal(ready.target->row_count, 1);
    assert_string_equal(ready.rejects.kept[0].code, "KEY_TYPE");
    assert_string_equal(ready.rejects.kept[0].key, "N2");
    heddle_rows_release(ready.rows);
    struct ready end = {0};
    fixture_job_init(&end.job);
    end.job.aircraft_properties[0].typed = true;
    end.job.aircraft_properties[0].type = HEDDLE_TYPE_INTEGER;
    make_ready(&end, TARGET_REMOVED_FROM, rows, 2);
    assert_string_equal(end.rejects.kept[0].code, "END_KEY_TYPE");
    assert_string_equal(end.rejects.kept[0].key, "2 -> N2");
    heddle_rows_release(end.rows);
}

static void too_many_rejects_stop_the_load(void **state)
{
    (void)state;
    const struct removal rows[] = {{-1, "a", "N", "C", 1, false}, {-1, "a", "N", "C", 1, false}};
    struct fixture_job job;
    struct fixture_rejects rejects = {.limit = 1};
    const struct heddle_reject_sink sink = {fixture_reject, &rejects};
    struct heddle_batch *batch = fixture_batch(rows, 2, 0, 0);
    struct heddle_rows *ready = NULL;
    struct heddle_target_rows *target = NULL;
    pthread_mutex_init(&rejects.lock, NULL);
    fixture_job_init(&job);
    assert_int_equal(heddle_rows_create(batch, &ready, NULL), HEDDLE_OK);
    assert_int_equal(heddle_rows_convert(ready, &job.targets[0], 0, &sink, &target, NULL), HEDDLE_REJECTED);
    heddle_rows_release(ready);
    heddle_batch_release(batch);
}

static void columns_and_vectors_that_are_not_there_are_named(void **state)
{
    (void)state;
    const struct removal rows[] = {{1, "a", "N", "C", 1, false}};
    struct fixture_job job;
    struct fixture_rejects rejects = {0};
    const struct heddle_reject_sink sink = {fixture_reject, &rejects};
    struct heddle_batch *batch = fixture_batch(rows, 1, 0, 0);
    struct heddle_rows *ready = NULL;
    struct heddle_target_rows *target = NULL;
    struct heddle_error error = {0};
    fixture_job_init(&job);
    assert_int_equal(heddle_rows_create(batch, &ready, NULL), HEDDLE_OK);
    job.targets[TARGET_REMOVAL].vector_slot = 3;
    assert_int_equal(heddle_rows_convert(ready, &job.targets[TARGET_REMOVAL], 0, &sink, &target, &error),
                     HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "vector slot 3"));
    job.targets[TARGET_REMOVAL].vector_slot = 0;
    job.targets[TARGET_REMOVAL].vector_dimensions = 999;
    assert_int_equal(heddle_rows_convert(ready, &job.targets[TARGET_REMOVAL], 0, &sink, &target, &error),
                     HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "999"));
    job.removal_properties[1].column = 55;
    assert_int_equal(heddle_rows_convert(ready, &job.targets[TARGET_REMOVAL], 0, &sink, &target, &error),
                     HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "reason"));
    heddle_rows_release(ready);
    heddle_batch_release(batch);
}

static void a_list_with_a_null_inside_is_a_bad_value(void **state)
{
    (void)state;
    const struct removal rows[] = {{1, "a", "N", "C", 1, false}, {2, "a", "N", "C", 1, false}};
    static const int64_t items[] = {1, 2, 3};
    static const uint8_t items_valid[] = {0x5}; /* the second one is null */
    static const uint32_t offsets[] = {0, 2, 3};
    struct fixture_job job;
    struct fixture_rejects rejects = {0};
    const struct heddle_reject_sink sink = {fixture_reject, &rejects};
    struct heddle_batch *batch = fixture_batch(rows, 2, 0, 0);
    struct heddle_rows *ready = NULL;
    struct heddle_target_rows *target = NULL;
    const struct heddle_column item_column = {
        .type = HEDDLE_TYPE_INTEGER, .length = 3, .valid = items_valid, .values = items};
    fixture_job_init(&job);
    pthread_mutex_init(&rejects.lock, NULL);
    batch->columns[FIXTURE_REASON] = (struct heddle_column){
        .type = HEDDLE_TYPE_LIST, .length = 2, .offsets = offsets, .items = &item_column};
    assert_int_equal(heddle_rows_create(batch, &ready, NULL), HEDDLE_OK);
    assert_int_equal(heddle_rows_convert(ready, &job.targets[TARGET_REMOVAL], 0, &sink, &target, NULL),
                     HEDDLE_OK);
    assert_int_equal(target->row_count, 1);
    assert_int_equal(target->rows[0], 1);
    assert_string_equal(rejects.kept[0].code, "VALUE_TYPE");
    heddle_rows_release(ready);
    heddle_batch_release(batch);
}

static struct heddle_fold *fold_of(size_t limit)
{
    struct heddle_fold *fold = NULL;
    assert_int_equal(heddle_fold_create(5, limit, &fold, NULL), HEDDLE_OK);
    return fold;
}

static void repeated_nodes_with_nothing_but_a_key_are_taken_out(void **state)
{
    (void)state;
    const struct removal rows[] = {{1, "a", "N1", "C", 1, false},
                                   {2, "a", "N2", "C", 1, false},
                                   {3, "a", "N1", "C", 1, false},
                                   {4, "a", "N1", "C", 1, false}};
    struct heddle_fold *fold = fold_of(0);
    struct ready ready = ready_of(TARGET_AIRCRAFT, rows, 4);
    assert_int_equal(heddle_fold_rows(fold, ready.target, NULL), HEDDLE_OK);
    assert_int_equal(ready.target->row_count, 2);
    assert_int_equal(ready.target->folded, 2);
    assert_int_equal(ready.target->repeat_count, 0);
    assert_int_equal(heddle_fold_count(fold), 2);
    heddle_rows_release(ready.rows);
    /* The next batch of the load knows them too; another target does not. */
    struct ready next = ready_of(TARGET_AIRCRAFT, rows, 4);
    assert_int_equal(heddle_fold_rows(fold, next.target, NULL), HEDDLE_OK);
    assert_int_equal(next.target->row_count, 0);
    assert_int_equal(next.target->folded, 4);
    heddle_rows_release(next.rows);
    struct ready other = ready_of(TARGET_COMPONENT, rows, 4);
    assert_int_equal(heddle_fold_rows(fold, other.target, NULL), HEDDLE_OK);
    assert_int_equal(other.target->row_count, 1);
    heddle_rows_release(other.rows);
    heddle_fold_destroy(fold);
}

static void repeated_nodes_that_carry_more_are_kept_in_order_and_marked(void **state)
{
    (void)state;
    const struct removal rows[] = {
        {1, "a", "N", "C", 1, false}, {2, "b", "N", "C", 1, false}, {1, "c", "N", "C", 1, false}};
    struct heddle_fold *fold = fold_of(0);
    struct ready ready = ready_of(TARGET_REMOVAL, rows, 3);
    assert_int_equal(heddle_fold_rows(fold, ready.target, NULL), HEDDLE_OK);
    assert_int_equal(ready.target->row_count, 3);
    assert_int_equal(ready.target->folded, 0);
    assert_int_equal(ready.target->repeat_count, 1);
    assert_false(heddle_rows_is_repeat(ready.target, 0));
    assert_false(heddle_rows_is_repeat(ready.target, 1));
    assert_true(heddle_rows_is_repeat(ready.target, 2));
    heddle_rows_release(ready.rows);
    heddle_fold_destroy(fold);
}

static void relationships_are_identified_by_both_ends(void **state)
{
    (void)state;
    const struct removal rows[] = {
        {1, "a", "N1", "C1", 1, false}, {1, "a", "N1", "C2", 1, false}, {1, "a", "N1", "C1", 9, false}};
    struct heddle_fold *fold = fold_of(0);
    struct ready bare = ready_of(TARGET_OF_COMPONENT, rows, 3);
    assert_int_equal(heddle_fold_rows(fold, bare.target, NULL), HEDDLE_OK);
    assert_int_equal(bare.target->row_count, 2);
    assert_int_equal(bare.target->folded, 1);
    heddle_rows_release(bare.rows);
    struct ready with_property = ready_of(TARGET_REMOVED_FROM, rows, 3);
    assert_int_equal(heddle_fold_rows(fold, with_property.target, NULL), HEDDLE_OK);
    assert_int_equal(with_property.target->row_count, 3);
    assert_int_equal(with_property.target->repeat_count, 2);
    heddle_rows_release(with_property.rows);
    heddle_fold_destroy(fold);
}

static void creating_targets_keep_every_row(void **state)
{
    (void)state;
    const struct removal rows[] = {{1, "a", "N1", "C1", 1, false}, {2, "a", "N1", "C1", 1, false}};
    struct heddle_fold *fold = fold_of(0);
    struct ready ready = {0};
    fixture_job_init(&ready.job);
    ready.job.targets[TARGET_AIRCRAFT].merge = false;
    make_ready(&ready, TARGET_AIRCRAFT, rows, 2);
    assert_int_equal(heddle_fold_rows(fold, ready.target, NULL), HEDDLE_OK);
    assert_int_equal(ready.target->row_count, 2);
    assert_int_equal(ready.target->repeat_count, 0);
    heddle_rows_release(ready.rows);
    heddle_fold_destroy(fold);
}

static void a_full_table_lets_repeats_of_what_it_does_not_know_through(void **state)
{
    (void)state;
    const struct removal rows[] = {{1, "a", "N1", "C", 1, false},
                                   {2, "a", "N2", "C", 1, false},
                                   {3, "a", "N2", "C", 1, false},
                                   {4, "a", "N1", "C", 1, false}};
    struct heddle_fold *fold = fold_of(1);
    struct ready ready = ready_of(TARGET_AIRCRAFT, rows, 4);
    assert_int_equal(heddle_fold_rows(fold, ready.target, NULL), HEDDLE_OK);
    assert_int_equal(ready.target->row_count, 3);
    assert_int_equal(ready.target->folded, 1);
    heddle_rows_release(ready.rows);
    heddle_fold_destroy(fold);
}

static void a_hundred_thousand_identities_are_all_told_apart(void **state)
{
    (void)state;
    enum { BATCH = 5000, BATCHES = 20 };
    struct removal *rows = calloc(BATCH, sizeof *rows);
    struct heddle_fold *fold = fold_of(0);
    assert_non_null(rows);
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < BATCHES; i++) {
            for (int64_t j = 0; j < BATCH; j++) {
                rows[j] =
                    (struct removal){.id = i * BATCH + j, .reason = "", .aircraft = "", .component = ""};
            }
            struct ready ready = ready_of(TARGET_REMOVAL, rows, BATCH);
            assert_int_equal(heddle_fold_rows(fold, ready.target, NULL), HEDDLE_OK);
            assert_int_equal(ready.target->repeat_count, pass == 0 ? 0 : BATCH);
            heddle_rows_release(ready.rows);
        }
    }
    assert_int_equal(heddle_fold_count(fold), BATCH * BATCHES);
    heddle_fold_destroy(fold);
    free(rows);
}

static int convert_and_fold(struct heddle_batch *batch, struct fixture_job *job,
                            struct fixture_rejects *rejects)
{
    const struct heddle_reject_sink sink = {fixture_reject, rejects};
    struct heddle_rows *ready = NULL;
    struct heddle_fold *fold = NULL;
    int status = heddle_rows_create(batch, &ready, NULL);
    if (status == HEDDLE_OK) {
        status = heddle_fold_create(1, 0, &fold, NULL);
    }
    for (size_t i = 0; i < TARGETS && status == HEDDLE_OK; i++) {
        struct heddle_target_rows *target = NULL;
        status = heddle_rows_convert(ready, &job->targets[i], i, &sink, &target, NULL);
        if (status == HEDDLE_OK) {
            status = heddle_fold_rows(fold, target, NULL);
        }
    }
    heddle_fold_destroy(fold);
    heddle_rows_release(ready);
    return status;
}

static void every_failing_allocation_is_survived(void **state)
{
    (void)state;
    const struct removal rows[] = {
        {1, "1", "N1", "C1", 1, true}, {1, "x", "N1", "C1", 1, true}, {-1, "1", NULL, "C", 1, false}};
    struct fixture_job job;
    struct fixture_rejects rejects = {0};
    struct heddle_batch *batch = fixture_batch(rows, 3, 0, 0);
    fixture_job_init(&job);
    job.removal_properties[1].typed = true;
    job.removal_properties[1].type = HEDDLE_TYPE_INTEGER;
    pthread_mutex_init(&rejects.lock, NULL);
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t countdown = 0;
    for (; status != HEDDLE_OK; countdown++) {
        heddle_memory_fail_at(countdown);
        status = convert_and_fold(batch, &job, &rejects);
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
    }
    assert_true(countdown > 3);
    heddle_batch_release(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_null_key_is_a_reject_and_the_others_go_on),
        cmocka_unit_test(
            a_row_whose_text_could_not_be_embedded_is_a_reject_of_the_target_that_wants_the_vector),
        cmocka_unit_test(a_relationship_says_which_end_has_no_key),
        cmocka_unit_test(a_value_that_cannot_be_converted_is_a_reject_or_null_as_asked),
        cmocka_unit_test(a_key_that_cannot_be_converted_is_rejected_even_where_bad_values_become_null),
        cmocka_unit_test(too_many_rejects_stop_the_load),
        cmocka_unit_test(columns_and_vectors_that_are_not_there_are_named),
        cmocka_unit_test(a_list_with_a_null_inside_is_a_bad_value),
        cmocka_unit_test(repeated_nodes_with_nothing_but_a_key_are_taken_out),
        cmocka_unit_test(repeated_nodes_that_carry_more_are_kept_in_order_and_marked),
        cmocka_unit_test(relationships_are_identified_by_both_ends),
        cmocka_unit_test(creating_targets_keep_every_row),
        cmocka_unit_test(a_full_table_lets_repeats_of_what_it_does_not_know_through),
        cmocka_unit_test(a_hundred_thousand_identities_are_all_told_apart),
        cmocka_unit_test(every_failing_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
