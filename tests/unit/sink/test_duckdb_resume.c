/* test_duckdb_resume.c: a load into a file that is cut short anywhere, whatever of its record got lost, is gone on with and
 * ends as if nothing had happened: CREATE, MERGE, relationships. And who may go on with it. */
#include "duckdb_fixture.h"

#include "ledger_fixture.h"

enum { ROWS = 14, ROWS_A_BATCH = 5, ROWS_A_TRANSACTION = 2 };

static struct fixture fixture;
static struct ledger_fixture ledger;
static struct heddle_target targets[TARGETS];
static const float east[WIDTH] = {1, 0, 0, 0};
static struct removal rows[ROWS];

static int setup(void **state)
{
    static const char *const aircraft[] = {"N1", "N2", "N3"};
    (void)state;
    fixture_make(&fixture);
    ledger_make(&ledger);
    targets_fill(targets);
    targets[REMOVAL].merge = false;
    targets[REMOVED_FROM].merge = false;
    for (int64_t i = 0; i < ROWS; i++) {
        /* Row 6 has no aircraft: it is rejected as an aircraft and as a relationship, in each run again. */
        rows[i] = (struct removal){i, "leak", i == 6 ? NULL : aircraft[i % 3], i % 2 == 0 ? east : NULL};
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_remove(&fixture);
    ledger_free(&ledger);
    return 0;
}

/* A run of the load: `owner` takes it, knowing `known` (or nobody). */
static int run_open(const char *owner, const char *known, bool fresh, struct heddle_error *error)
{
    static struct heddle_sink_options options;
    static const char *owners[1];
    owners[0] = known;
    options = fixture_options(&fixture, targets, TARGETS);
    options.batch_rows = ROWS_A_TRANSACTION;
    options.ledger = ledger_of(&ledger);
    options.load.owner = owner;
    options.load.owners_known = owners;
    options.load.owner_known_count = known == NULL ? 0 : 1;
    options.load.has_progress = known != NULL;
    options.load.host = "here";
    options.load.checkpoint = "ckpt";
    options.load.fresh = fresh;
    HEDDLE_TRY(heddle_sink_duckdb.open(&options, &fixture.sink, error));
    return heddle_sink_duckdb.prepare(fixture.sink, error);
}

/* Writes every row, in batches, until an error. */
static int rows_replay(struct heddle_error *error)
{
    int status = HEDDLE_OK;
    for (size_t at = 0; at < ROWS && status == HEDDLE_OK; at += ROWS_A_BATCH) {
        const size_t count = ROWS - at < ROWS_A_BATCH ? ROWS - at : ROWS_A_BATCH;
        struct heddle_batch *batch = batch_of(rows + at, count);
        batch->position = at;
        batch->first_row = at;
        status = heddle_sink_duckdb.write(fixture.sink, batch, all_targets, TARGETS, error);
        heddle_batch_release(batch);
    }
    return status;
}

static void assert_load_is_whole(void)
{
    struct heddle_verification verification;
    assert_string_equal(counts_text(&fixture, REMOVAL), "14 0 0 0 7");
    assert_string_equal(counts_text(&fixture, AIRCRAFT), "3 0 10 1 0");
    assert_string_equal(counts_text(&fixture, REMOVED_FROM), "13 0 0 1 0");
    load_finish(&fixture);
    assert_int_equal(heddle_sink_duckdb.verify(fixture.sink, true, &verification, NULL), HEDDLE_OK);
    assert_string_equal(verification.ok ? "" : verification.summary, "");
    fixture_close(&fixture);
    assert_string_equal(file_ask(&fixture, "SELECT count(*) || ' ' || count(DISTINCT removal_id) || ' ' || "
                                           "count(embedding) FROM \"RemovalEvent\""),
                        "14 14 7");
    assert_string_equal(file_ask(&fixture, "SELECT count(*)::VARCHAR FROM \"Aircraft\""), "3");
    assert_string_equal(file_ask(&fixture, "SELECT count(*) || ' ' || count(DISTINCT \"start_removal_id\") "
                                           "FROM \"REMOVED_FROM\""),
                        "13 13");
}

/* Cuts the load before its `cut`-th transaction, loses `lost` verdicts, goes on. False when the load was whole before. */
static bool cut_and_go_on(size_t cut, size_t lost)
{
    struct heddle_error error = {0};
    assert_int_equal(run_open("owner1", NULL, false, &error), HEDDLE_OK);
    assert_int_equal(heddle_sink_duckdb.begin(fixture.sink, 0, &error), HEDDLE_OK);
    ledger.refuse_from = cut;
    const bool was_cut = rows_replay(&error) == HEDDLE_IO;
    const size_t sent_before = ledger.sent;
    fixture_close(&fixture);
    fixture.reject_count = 0;
    ledger_restart(&ledger, lost);
    if (run_open("owner2", "owner1", false, &error) != HEDDLE_OK ||
        heddle_sink_duckdb.begin(fixture.sink, 0, &error) != HEDDLE_OK || rows_replay(&error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    /* What was written is not sent again. */
    const size_t whole = 17;
    assert_int_equal(sent_before + ledger.sent, was_cut ? whole : sent_before);
    assert_load_is_whole();
    return was_cut;
}

static void a_load_cut_anywhere_ends_as_if_it_had_not_been(void **state)
{
    (void)state;
    /* Before which of the 17 transactions, and how many verdicts get lost. */
    static const size_t cuts[][2] = {{1, 0}, {4, 1}, {9, 0}, {13, 1000}, {17, 2}};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        assert_true(cut_and_go_on(cuts[i][0], cuts[i][1]));
        teardown(NULL);
        setup(NULL);
    }
    assert_false(cut_and_go_on(18, 0));
}

static void verdicts_that_were_lost_are_found_in_the_file(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    assert_int_equal(run_open("owner1", NULL, false, &error), HEDDLE_OK);
    assert_int_equal(heddle_sink_duckdb.begin(fixture.sink, 0, &error), HEDDLE_OK);
    assert_int_equal(rows_replay(&error), HEDDLE_OK);
    const size_t sent = ledger.sent;
    fixture_close(&fixture);
    ledger_restart(&ledger, sent);
    assert_int_equal(ledger.open_count, sent);
    assert_int_equal(run_open("owner2", "owner1", false, &error), HEDDLE_OK);
    assert_int_equal(heddle_sink_duckdb.begin(fixture.sink, 0, &error), HEDDLE_OK);
    assert_int_equal(ledger.verdicts[HEDDLE_VERDICT_SETTLED], sent);
    assert_int_equal(rows_replay(&error), HEDDLE_OK);
    assert_int_equal(ledger.sent, 0);
    assert_load_is_whole();
}

static void marks_of_a_micro_batch_that_is_over_are_deleted_and_no_others(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    const size_t only[1] = {REMOVAL};
    assert_int_equal(run_open("owner1", NULL, false, &error), HEDDLE_OK);
    for (uint64_t micro_batch = 9; micro_batch < 12; micro_batch++) {
        assert_int_equal(heddle_sink_duckdb.begin(fixture.sink, micro_batch, &error), HEDDLE_OK);
        rows_write(&fixture, rows + micro_batch - 9, 1, only, 1);
        ledger_free(&ledger); /* each micro-batch has a record of its own */
        ledger_make(&ledger);
    }
    assert_int_equal(heddle_sink_duckdb.forget(fixture.sink, 10, &error), HEDDLE_OK);
    fixture_close(&fixture);
    assert_string_equal(
        file_ask(&fixture, "SELECT string_agg(name, ', ') FROM heddle_meta WHERE kind = 'mark'"),
        "ab12/11/1.3");
}

static void a_load_without_its_checkpoint_is_refused(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    assert_int_equal(run_open("owner1", NULL, false, &error), HEDDLE_OK);
    fixture_close(&fixture);
    assert_int_equal(run_open("owner2", NULL, false, &error), HEDDLE_DATABASE);
    assert_non_null(strstr(error.message, "its checkpoint is missing (ckpt holds none)"));
    assert_non_null(strstr(error.message, "--fresh"));
}

static void a_checkpoint_without_its_load_is_refused(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    assert_int_equal(run_open("owner2", "owner1", false, &error), HEDDLE_DATABASE);
    assert_non_null(strstr(error.message, "has no record of that load"));
}

static void an_old_copy_of_a_checkpoint_is_refused(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    assert_int_equal(run_open("owner1", NULL, false, &error), HEDDLE_OK);
    fixture_close(&fixture);
    assert_int_equal(run_open("owner2", "owner1", false, &error), HEDDLE_OK);
    fixture_close(&fixture);
    assert_int_equal(run_open("owner3", "owner1", false, &error), HEDDLE_DATABASE);
    assert_non_null(strstr(error.message, "is an old copy"));
    fixture_close(&fixture);
    assert_int_equal(run_open("owner3", "owner2", false, &error), HEDDLE_OK);
    assert_int_equal(heddle_sink_duckdb.epoch(fixture.sink), 3); /* a refusal takes nothing */
}

static void a_fresh_start_takes_a_load_of_which_nothing_is_known(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    const size_t only[1] = {REMOVAL};
    assert_int_equal(run_open("owner1", NULL, false, &error), HEDDLE_OK);
    assert_int_equal(heddle_sink_duckdb.begin(fixture.sink, 0, &error), HEDDLE_OK);
    rows_write(&fixture, rows, 1, only, 1);
    fixture_close(&fixture);
    assert_int_equal(run_open("owner2", NULL, true, &error), HEDDLE_OK);
    assert_int_equal(heddle_sink_duckdb.epoch(fixture.sink), 2); /* no token of the old load can come again */
    fixture_close(&fixture);
    assert_string_equal(file_ask(&fixture, "SELECT count(*)::VARCHAR FROM heddle_meta WHERE kind = 'mark'"),
                        "0");
}

int main(void)
{
    if (duckdb_missing() != 0) {
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_load_cut_anywhere_ends_as_if_it_had_not_been, setup, teardown),
        cmocka_unit_test_setup_teardown(verdicts_that_were_lost_are_found_in_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(marks_of_a_micro_batch_that_is_over_are_deleted_and_no_others, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_load_without_its_checkpoint_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_checkpoint_without_its_load_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(an_old_copy_of_a_checkpoint_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fresh_start_takes_a_load_of_which_nothing_is_known, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
