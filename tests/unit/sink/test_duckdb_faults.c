/* test_duckdb_faults.c: files that cannot be loaded into, loads that are stopped, killed or run out of memory. */
#include <signal.h>
#include <sys/wait.h>

#include "duckdb_fixture.h"

static const float east[WIDTH] = {1, 0, 0, 0};

static struct heddle_target targets[TARGETS];
static struct fixture fixture;

static int setup(void **state)
{
    (void)state;
    targets_fill(targets);
    fixture_make(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_remove(&fixture);
    return 0;
}

/* The message of the open() or prepare() that must fail with `status`. */
static const char *refusal(int status)
{
    static struct heddle_error error;
    error = (struct heddle_error){0};
    const struct heddle_sink_options options = fixture_options(&fixture, targets, TARGETS);
    int got = heddle_sink_duckdb.open(&options, &fixture.sink, &error);
    if (got == HEDDLE_OK) {
        got = heddle_sink_duckdb.prepare(fixture.sink, &error);
    }
    fixture_close(&fixture);
    assert_int_equal(got, status);
    assert_int_equal(error.status, status);
    return error.message;
}

static void a_target_without_a_file_name_is_refused(void **state)
{
    (void)state;
    snprintf(fixture.to, sizeof fixture.to, "duckdb:");
    assert_string_equal(refusal(HEDDLE_INVALID),
                        "duckdb: names no file: write duckdb:FILE, for example duckdb:removals.duckdb");
}

static void a_missing_folder_is_named(void **state)
{
    (void)state;
    char expected[256];
    snprintf(fixture.to, sizeof fixture.to, "duckdb:%s/not/here.duckdb", fixture.folder);
    snprintf(expected, sizeof expected,
             "the folder %s/not of the DuckDB file %s/not/here.duckdb does not exist: make it, or give "
             "another path",
             fixture.folder, fixture.folder);
    assert_string_equal(refusal(HEDDLE_IO), expected);
}

static void a_folder_is_no_file(void **state)
{
    (void)state;
    char expected[256];
    snprintf(fixture.to, sizeof fixture.to, "duckdb:%s", fixture.folder);
    snprintf(expected, sizeof expected, "%s is a folder: a DuckDB target is one file", fixture.folder);
    assert_string_equal(refusal(HEDDLE_IO), expected);
}

static void another_kind_of_file_is_left_as_it_is(void **state)
{
    (void)state;
    char expected[256];
    char text[64] = {0};
    FILE *file = fopen(fixture.path, "w");
    assert_non_null(file);
    for (int i = 0; i < 2000; i++) {
        fputs("not a database\n", file);
    }
    fclose(file);
    snprintf(expected, sizeof expected,
             "%s exists and is not a DuckDB file: it is left as it is, give another path", fixture.path);
    assert_string_equal(refusal(HEDDLE_IO), expected);
    file = fopen(fixture.path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, "not a database\n");
}

static void opening_alone_makes_no_file(void **state)
{
    (void)state;
    const struct heddle_sink_options options = fixture_options(&fixture, targets, TARGETS);
    assert_int_equal(heddle_sink_duckdb.open(&options, &fixture.sink, NULL), HEDDLE_OK);
    assert_non_null(strstr(heddle_sink_duckdb.description(fixture.sink), "(new)"));
    fixture_close(&fixture);
    assert_int_equal(access(fixture.path, F_OK), -1);
}

/* The other process: holds the file open until its parent closes the pipe. */
static void hold_open(int ready, int done)
{
    struct heddle_duck *duck = NULL;
    const struct heddle_duck_options options = {.path = fixture.path};
    char byte = 0;
    const bool opened = heddle_duck_open(&options, &duck, NULL) == HEDDLE_OK;
    if (write(ready, opened ? "y" : "n", 1) == 1 && read(done, &byte, 1) == 0) {
        heddle_duck_close(duck);
    }
    _exit(0);
}

static void a_file_that_another_process_has_open_is_named_with_it(void **state)
{
    (void)state;
    int ready[2];
    int done[2];
    char answer = 0;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(done), 0);
    const pid_t child = fork();
    if (child == 0) {
        close(done[1]);
        hold_open(ready[1], done[0]);
    }
    assert_true(child > 0);
    assert_int_equal(read(ready[0], &answer, 1), 1);
    assert_int_equal(answer, 'y');
    const char *message = refusal(HEDDLE_IO);
    char pid[32];
    snprintf(pid, sizeof pid, "PID %d", (int)child);
    assert_non_null(strstr(message, "is open in another process"));
    assert_non_null(strstr(message, pid));
    close(done[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(done[0]);
    close(ready[0]);
    close(ready[1]);
}

static void a_table_from_before_is_used_where_it_fits_and_grows_by_new_properties(void **state)
{
    (void)state;
    const size_t only[1] = {REMOVAL};
    const struct removal rows[1] = {{1, "leak", "N1", NULL}};
    file_change(&fixture,
                "CREATE TABLE \"RemovalEvent\" (note VARCHAR, removal_id BIGINT PRIMARY KEY); INSERT INTO "
                "\"RemovalEvent\" VALUES ('kept', 1), ('old', 2)");
    fixture_open(&fixture, targets, TARGETS);
    rows_write(&fixture, rows, 1, only, 1);
    load_finish(&fixture);
    assert_string_equal(counts_text(&fixture, REMOVAL), "0 1 0 0 0");
    fixture_close(&fixture);
    assert_string_equal(file_ask(&fixture,
                                 "SELECT string_agg(concat(removal_id, note, removal_reason), ' ' ORDER BY "
                                 "removal_id) FROM \"RemovalEvent\""),
                        "1keptleak 2old");
}

static void a_table_from_before_that_does_not_fit_is_refused_and_nothing_is_changed(void **state)
{
    (void)state;
    file_change(&fixture, "CREATE TABLE \"RemovalEvent\" (removal_id VARCHAR PRIMARY KEY)");
    assert_non_null(
        strstr(refusal(HEDDLE_INVALID), "whose column removal_id is VARCHAR, and this load needs BIGINT"));
    assert_string_equal(file_ask(&fixture, "SELECT count(*)::VARCHAR FROM duckdb_tables()"), "1");
    file_change(&fixture, "DROP TABLE \"RemovalEvent\"; CREATE TABLE \"RemovalEvent\" (removal_id BIGINT)");
    assert_non_null(
        strstr(refusal(HEDDLE_INVALID), "whose primary key is (none), and this load needs (removal_id)"));
    file_change(&fixture,
                "DROP TABLE \"RemovalEvent\"; CREATE TABLE removalevent (removal_id BIGINT PRIMARY KEY)");
    assert_non_null(strstr(refusal(HEDDLE_INVALID), "differs from RemovalEvent only in case"));
}

static void a_file_of_another_format_is_refused_by_number(void **state)
{
    (void)state;
    file_change(
        &fixture,
        "CREATE TABLE heddle_meta (kind VARCHAR, name VARCHAR, value VARCHAR, PRIMARY KEY (kind, name)); "
        "INSERT INTO heddle_meta VALUES ('file', 'format', '99')");
    assert_non_null(strstr(refusal(HEDDLE_INVALID),
                           "was written in format 99 and this version of heddle knows format 1"));
}

static void stopping_ends_between_transactions(void **state)
{
    (void)state;
    const size_t only[1] = {REMOVAL};
    const struct removal rows[1] = {{1, "leak", "N1", NULL}};
    struct heddle_error error = {0};
    fixture_open(&fixture, targets, TARGETS);
    rows_write(&fixture, rows, 1, only, 1);
    heddle_sink_duckdb.stop(fixture.sink);
    struct heddle_batch *batch = batch_of(rows, 1);
    assert_int_equal(heddle_sink_duckdb.write(fixture.sink, batch, only, 1, &error), HEDDLE_INTERRUPTED);
    heddle_batch_release(batch);
    assert_int_equal(heddle_sink_duckdb.flush(fixture.sink, &error), HEDDLE_INTERRUPTED);
    fixture_close(&fixture);
    assert_string_equal(file_ask(&fixture, "SELECT count(*)::VARCHAR FROM \"RemovalEvent\""), "1");
}

static int send_refused(void *context, uint64_t token, const struct heddle_ledger_rows *rows,
                        struct heddle_error *error)
{
    (void)context;
    (void)token;
    (void)rows;
    return heddle_error_set(error, HEDDLE_IO, "the journal is full");
}

static void a_refusal_before_sending_stops_the_load_and_writes_nothing(void **state)
{
    (void)state;
    const size_t only[1] = {REMOVAL};
    const struct removal rows[1] = {{1, "leak", "N1", NULL}};
    struct heddle_error error = {0};
    struct heddle_sink_options options = fixture_options(&fixture, targets, TARGETS);
    options.ledger.before_send = send_refused;
    assert_int_equal(heddle_sink_duckdb.open(&options, &fixture.sink, NULL), HEDDLE_OK);
    assert_int_equal(heddle_sink_duckdb.prepare(fixture.sink, NULL), HEDDLE_OK);
    struct heddle_batch *batch = batch_of(rows, 1);
    assert_int_equal(heddle_sink_duckdb.write(fixture.sink, batch, only, 1, &error), HEDDLE_IO);
    heddle_batch_release(batch);
    assert_string_equal(error.message, "the journal is full");
    fixture_close(&fixture);
    assert_string_equal(file_ask(&fixture, "SELECT count(*)::VARCHAR FROM \"RemovalEvent\""), "0");
}

/* Loads one row a transaction until it is killed. */
static void load_for_ever(int ready)
{
    const size_t only[1] = {REMOVAL};
    fixture.event_count = 0;
    fixture_open(&fixture, targets, TARGETS);
    for (int64_t i = 0;; i++) {
        const struct removal rows[1] = {{i, "leak", "N1", east}};
        fixture.event_count = 0;
        rows_write(&fixture, rows, 1, only, 1);
        if (i == 20 && write(ready, "y", 1) != 1) {
            _exit(1);
        }
    }
}

static void a_killed_load_leaves_a_file_that_can_be_read_and_loaded_again(void **state)
{
    (void)state;
    int ready[2];
    char answer = 0;
    const size_t only[1] = {REMOVAL};
    const struct removal rows[2] = {{0, "again", "N1", NULL}, {-5, "new", "N1", NULL}};
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        load_for_ever(ready[1]);
    }
    assert_true(child > 0);
    assert_int_equal(read(ready[0], &answer, 1), 1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]);
    close(ready[1]);
    assert_string_equal(file_ask(&fixture, "SELECT (count(*) >= 21)::VARCHAR FROM \"RemovalEvent\""), "true");
    fixture_open(&fixture, targets, TARGETS);
    rows_write(&fixture, rows, 2, only, 1);
    load_finish(&fixture);
    assert_string_equal(counts_text(&fixture, REMOVAL), "1 1 0 0 0");
}

static int open_failing_at(int64_t countdown, struct heddle_error *error)
{
    const struct heddle_sink_options options = fixture_options(&fixture, targets, TARGETS);
    heddle_memory_fail_at(countdown);
    int status = heddle_sink_duckdb.open(&options, &fixture.sink, error);
    status = status != HEDDLE_OK ? status : heddle_sink_duckdb.prepare(fixture.sink, error);
    heddle_memory_fail_at(-1);
    return status;
}

/* Each try opens a database, which takes its time: every third allocation stands for its neighbours. */
static void opening_reports_an_allocation_that_fails(void **state)
{
    (void)state;
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t countdown = 0;
    for (; status != HEDDLE_OK && countdown < 2000; countdown += 3) {
        struct heddle_error error = {0};
        status = open_failing_at(countdown, &error);
        fixture_close(&fixture);
        assert_true(status == HEDDLE_OK || (status == HEDDLE_OUT_OF_MEMORY && error.status == status));
    }
    assert_int_equal(status, HEDDLE_OK);
    assert_true(countdown > 30);
    assert_string_equal(file_ask(&fixture, "SELECT count(*)::VARCHAR FROM duckdb_tables()"), "4");
}

/* Rows of every kind: folded, rejected, without an end. */
static int write_failing_at(int64_t countdown, struct heddle_error *error)
{
    const struct removal rows[4] = {
        {1, "a", "N1", NULL}, {1, "b", "N1", east}, {NO_KEY, "c", "N2", NULL}, {1, "d", NULL, NULL}};
    const struct removal astray[2] = {{77, "a", "N1", NULL}, {1, "b", "N1", NULL}};
    const size_t only[1] = {REMOVED_FROM};
    struct heddle_batch *batch = batch_of(rows, 4);
    struct heddle_batch *lost = batch_of(astray, 2);
    fixture.reject_count = 0;
    fixture.event_count = 0;
    heddle_memory_fail_at(countdown);
    int status = heddle_sink_duckdb.write(fixture.sink, batch, all_targets, TARGETS, error);
    status = status != HEDDLE_OK ? status : heddle_sink_duckdb.write(fixture.sink, lost, only, 1, error);
    heddle_memory_fail_at(-1);
    heddle_batch_release(batch);
    heddle_batch_release(lost);
    return status;
}

static int finish_failing_at(int64_t countdown, struct heddle_error *error)
{
    struct heddle_verification found;
    uint64_t index_ns = 0;
    heddle_memory_fail_at(countdown);
    int status = heddle_sink_duckdb.finish(fixture.sink, &index_ns, error);
    status = status != HEDDLE_OK ? status : heddle_sink_duckdb.verify(fixture.sink, true, &found, error);
    heddle_memory_fail_at(-1);
    return status;
}

/* The same sink goes on after each failure: no transaction, statement or staging table is left half done. */
static void every_allocation_that_fails_is_reported_and_the_sink_goes_on(void **state)
{
    (void)state;
    int (*const steps[2])(int64_t countdown, struct heddle_error * error) = {write_failing_at,
                                                                             finish_failing_at};
    fixture_open(&fixture, targets, TARGETS);
    for (size_t i = 0; i < 2; i++) {
        int status = HEDDLE_OUT_OF_MEMORY;
        int64_t countdown = 0;
        for (; status != HEDDLE_OK && countdown < 2000; countdown++) {
            struct heddle_error error = {0};
            status = steps[i](countdown, &error);
            assert_true(status == HEDDLE_OK || (status == HEDDLE_OUT_OF_MEMORY && error.status == status));
        }
        assert_int_equal(status, HEDDLE_OK);
        assert_true(countdown > 10);
    }
    fixture_close(&fixture);
    assert_string_equal(
        file_ask(&fixture, "SELECT concat(removal_id, removal_reason, embedding[1]) FROM \"RemovalEvent\""),
        "1d1.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_target_without_a_file_name_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_folder_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_is_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(another_kind_of_file_is_left_as_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(opening_alone_makes_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_another_process_has_open_is_named_with_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_table_from_before_is_used_where_it_fits_and_grows_by_new_properties,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_table_from_before_that_does_not_fit_is_refused_and_nothing_is_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_of_another_format_is_refused_by_number, setup, teardown),
        cmocka_unit_test_setup_teardown(stopping_ends_between_transactions, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_before_sending_stops_the_load_and_writes_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_killed_load_leaves_a_file_that_can_be_read_and_loaded_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(opening_reports_an_allocation_that_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(every_allocation_that_fails_is_reported_and_the_sink_goes_on, setup,
                                        teardown),
    };
    const int missing = duckdb_missing();
    return missing != 0 ? missing : cmocka_run_group_tests(tests, NULL, NULL);
}
