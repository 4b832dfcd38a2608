/* test_parquet.c: files that DuckDB wrote, read back in order; folders, odd names, broken files; CSV beside
 * DuckDB's reader. */
#include "source_fixture.h"

static struct reject_log log_of_test;

static struct heddle_source_options parquet(const char *name)
{
    return options_of("parquet", path_of(name), &log_of_test);
}

static void every_type_arrives_with_nulls_everywhere(void **state)
{
    (void)state;
    sql_run("COPY (SELECT * FROM (VALUES "
            "(1::TINYINT, 2.5::FLOAT, true, 'x', '\\x01'::BLOB, DATE '2024-05-01', TIME '10:00:00', "
            "TIMESTAMPTZ '2024-05-01 10:00:00+02', TIMESTAMP '2024-05-01 10:00:00', 1.20::DECIMAL(10,2), "
            "['a', NULL], MAP {'k': 1}, {'p': 1, 'q': {'r': 'deep'}}, 18446744073709551615::UBIGINT), "
            "(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) "
            "t(a, b, c, d, e, f, g, h, i, j, k, l, m, n)) TO '%s/a.parquet' (FORMAT parquet)");
    const struct heddle_source_options options = parquet("a.parquet");
    expect_source(
        &options,
        "a.parquet:0|1|2.5|true|x|0x01|2024-05-01|10:00:00|2024-05-01T08:00:00Z|2024-05-01T10:00:00|1.20|"
        "[a, null]|{k: 1}|1|deep|18446744073709551615\n"
        "a.parquet:1|null|null|null|null|null|null|null|null|null|null|null|null|null|null|null\n",
        "");
}

static void columns_come_in_the_order_asked_for_and_structs_by_their_fields(void **state)
{
    (void)state;
    static const char *const columns[] = {"s.in \"q\"", ":ID(RemovalEvent)"};
    sql_run(
        "COPY (SELECT 7 AS \":ID(RemovalEvent)\", {'in \"q\"': 'v', 'other': 1} AS s, INTERVAL 1 DAY AS odd) "
        "TO '%s/a.parquet' (FORMAT parquet)");
    struct heddle_source_options options = parquet("a.parquet");
    options.columns = columns;
    options.column_count = 2;
    expect_source(&options, "a.parquet:0|v|7\n", "");
    struct heddle_source *source = NULL;
    assert_int_equal(heddle_source_open(&options, &source, NULL), HEDDLE_OK);
    assert_string_equal(heddle_source_schema(source)->fields[0].name, "s.in \"q\"");
    heddle_source_close(source);
    options.columns = NULL;
    expect_refused(&options, HEDDLE_SOURCE, "column `odd`");
    static const char *const unknown[] = {"s.othe"};
    options.columns = unknown;
    options.column_count = 1;
    expect_refused(&options, HEDDLE_SOURCE, "did you mean `s.other`");
}

static void a_job_names_values_of_a_map_by_their_keys(void **state)
{
    (void)state;
    static const char *const columns[] = {"m.flight hours", "m", "m.it's", "s.m.deep"};
    sql_run("COPY (SELECT MAP {'flight hours': 12.5, 'cycles': 3.0} AS m, {'m': MAP {'deep': 'x'}} AS s) "
            "TO '%s/a.parquet' (FORMAT parquet); "
            "COPY (SELECT MAP {'it''s': 1.5} AS m, {'m': NULL::MAP(VARCHAR, VARCHAR)} AS s) "
            "TO '%s/b.parquet' (FORMAT parquet)");
    struct heddle_source_options options = options_of("parquet", folder, &log_of_test);
    options.columns = columns;
    options.column_count = 4;
    expect_source(&options,
                  "a.parquet:0|12.5|{flight hours: 12.5, cycles: 3.0}|null|x\n"
                  "b.parquet:0|null|{it's: 1.5}|1.5|null\n",
                  "");
    static const char *const unknown[] = {"s.m."};
    options.columns = unknown;
    options.column_count = 1;
    expect_refused(&options, HEDDLE_SOURCE, "has no column `s.m.`");
}

static void rows_keep_their_order_and_ordinals_over_files_batches_and_runs(void **state)
{
    (void)state;
    sql_run(
        "COPY (SELECT i AS n FROM range(5000) t(i)) TO '%s/b.parquet' (FORMAT parquet, ROW_GROUP_SIZE 2048); "
        "COPY (SELECT i + 5000 AS n FROM range(3000) t(i)) TO '%s/c.parquet' (FORMAT parquet)");
    for (int run = 0; run < 2; run++) {
        struct heddle_source_options options = options_of("parquet", folder, &log_of_test);
        options.batch_rows = run == 0 ? 0 : 700;
        struct heddle_source *source = NULL;
        struct heddle_batch *batch = NULL;
        uint64_t seen = 0;
        uint64_t sequence = 0;
        assert_int_equal(heddle_source_open(&options, &source, NULL), HEDDLE_OK);
        assert_int_equal(heddle_source_rows_expected(source), 8000);
        while (heddle_source_next(source, &batch, NULL) == HEDDLE_OK) {
            assert_true(batch->sequence == sequence++);
            assert_true(batch->rows <= (run == 0 ? 2048U : 700U));
            assert_non_null(strstr(batch->file, seen < 5000 ? "/b.parquet" : "/c.parquet"));
            assert_true(batch->first_row == (seen < 5000 ? seen : seen - 5000));
            for (size_t row = 0; row < batch->rows; row++, seen++) {
                assert_true(heddle_column_integer(&batch->columns[0], row) == (int64_t)seen);
            }
            heddle_batch_release(batch);
        }
        assert_int_equal(seen, 8000);
        assert_int_equal(heddle_source_rows_read(source), 8000);
        heddle_source_close(source);
    }
}

static void a_limit_ends_inside_a_batch(void **state)
{
    (void)state;
    sql_run("COPY (SELECT i AS n FROM range(5000) t(i)) TO '%s/a.parquet' (FORMAT parquet)");
    struct heddle_source_options options = parquet("a.parquet");
    options.limit = 2100;
    struct heddle_source *source = NULL;
    struct heddle_batch *batch = NULL;
    assert_int_equal(heddle_source_open(&options, &source, NULL), HEDDLE_OK);
    assert_int_equal(heddle_source_rows_expected(source), 2100);
    while (heddle_source_next(source, &batch, NULL) == HEDDLE_OK) {
        heddle_batch_release(batch);
    }
    assert_int_equal(heddle_source_rows_read(source), 2100);
    heddle_source_close(source);
}

static void a_name_full_of_signs_is_one_file_and_never_sql(void **state)
{
    (void)state;
    sql_run("COPY (SELECT 1 AS n) TO '%s/a.parquet' (FORMAT parquet); "
            "COPY (SELECT 2 AS n) TO '%s/x[a].parquet' (FORMAT parquet); "
            "COPY (SELECT 3 AS n) TO '%s/xa.parquet' (FORMAT parquet)");
    struct heddle_source_options options = parquet("x[a].parquet");
    expect_source(&options, "x[a].parquet:0|2\n", "");
    assert_int_equal(rename(path_of("a.parquet"), path_of("it's; DROP --.parquet")), 0);
    options = parquet("it's; DROP --.parquet");
    expect_source(&options, "it's; DROP --.parquet:0|1\n", "");
}

static void folders_of_hive_do_not_add_columns(void **state)
{
    (void)state;
    char path[256];
    sql_run("COPY (SELECT 1 AS n) TO '%s/a.parquet' (FORMAT parquet)");
    snprintf(path, sizeof path, "%s/k=v", folder);
    char inside[300];
    snprintf(inside, sizeof inside, "%s/a.parquet", path);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(rename(path_of("a.parquet"), inside), 0);
    const struct heddle_source_options options = options_of("parquet", inside, &log_of_test);
    expect_source(&options, "a.parquet:0|1\n", "");
    unlink(inside);
    rmdir(path);
}

static void schemas_that_differ_are_refused_with_file_and_column(void **state)
{
    (void)state;
    sql_run("COPY (SELECT 1 AS n, 'x' AS s) TO '%s/a.parquet' (FORMAT parquet); "
            "COPY (SELECT 'text' AS n, 'x' AS s) TO '%s/b.parquet' (FORMAT parquet)");
    struct heddle_source_options options = options_of("parquet", folder, &log_of_test);
    expect_refused(&options, HEDDLE_SOURCE, "column `n` is string in");
    static const char *const same[] = {"s"};
    options.columns = same;
    options.column_count = 1;
    expect_source(&options, "a.parquet:0|x\nb.parquet:0|x\n", "");
    options.columns = NULL;
    sql_run("COPY (SELECT 1 AS n) TO '%s/b.parquet' (FORMAT parquet)");
    expect_refused(&options, HEDDLE_SOURCE, "b.parquet has no column `s`");
    sql_run("COPY (SELECT 1 AS n, 'x' AS s, 2 AS extra) TO '%s/b.parquet' (FORMAT parquet)");
    expect_refused(&options, HEDDLE_SOURCE, "b.parquet has a column `extra`");
}

static void files_that_are_no_parquet_or_cut_short_say_so(void **state)
{
    (void)state;
    char bytes[8192];
    sql_run("COPY (SELECT i AS n FROM range(100) t(i)) TO '%s/a.parquet' (FORMAT parquet)");
    FILE *file = fopen(path_of("a.parquet"), "rb");
    const size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    file_write("cut.parquet", bytes, length / 2);
    struct heddle_source_options options = parquet("cut.parquet");
    expect_refused(&options, HEDDLE_SOURCE, "is cut short");
    text_write("text.parquet", "a,b\n1,2\n3,4\n5,6\n");
    options = parquet("text.parquet");
    expect_refused(&options, HEDDLE_SOURCE, "is not a Parquet file");
    text_write("empty.parquet", "");
    options = parquet("empty.parquet");
    expect_refused(&options, HEDDLE_SOURCE, "is empty");
    text_write("tiny.parquet", "PAR1");
    options = parquet("tiny.parquet");
    expect_refused(&options, HEDDLE_SOURCE, "is cut short");
    memset(bytes + length - 40, 0x5a, 32); /* the footer is rubbish, the ends are right */
    file_write("rubbish.parquet", bytes, length);
    options = parquet("rubbish.parquet");
    expect_refused(&options, HEDDLE_SOURCE, "rubbish.parquet");
    options = parquet("absent.parquet");
    expect_refused(&options, HEDDLE_SOURCE, "there is no file or folder");
    options.path = "/dev/null";
    expect_refused(&options, HEDDLE_SOURCE, "neither a file nor a folder");
}

static void a_missing_library_is_said_with_the_remedy(void **state)
{
    (void)state;
    static const struct heddle_source_setting settings[] = {{"library", "/nonexistent/libduckdb.so"}};
    sql_run("COPY (SELECT 1 AS n) TO '%s/a.parquet' (FORMAT parquet)");
    struct heddle_source_options options = parquet("a.parquet");
    options.settings = settings;
    options.setting_count = 1;
    expect_refused(&options, HEDDLE_INVALID, "scripts/bootstrap");
}

static void a_csv_file_reads_as_duckdb_reads_it(void **state)
{
    (void)state;
    sql_run(
        "COPY (SELECT i, CASE WHEN i % 7 = 0 THEN NULL WHEN i % 5 = 0 THEN 'two\nlines, \"' || i ELSE 'v' || "
        "i END AS t, "
        "i / 3.0 AS f FROM range(20000) r(i)) TO '%s/a.csv' (FORMAT csv, HEADER); "
        "COPY (SELECT * FROM read_csv('%s/a.csv', all_varchar = true)) TO '%s/a.parquet' (FORMAT parquet)");
    struct heddle_source *sources[2] = {NULL, NULL};
    struct heddle_buffer texts[2] = {{0}, {0}};
    const struct heddle_source_options csv = options_of("csv", path_of("a.csv"), &log_of_test);
    const struct heddle_source_options parquet_options = parquet("a.parquet");
    assert_int_equal(heddle_source_open(&csv, &sources[0], NULL), HEDDLE_OK);
    assert_int_equal(heddle_source_open(&parquet_options, &sources[1], NULL), HEDDLE_OK);
    for (int i = 0; i < 2; i++) {
        struct heddle_batch *batch = NULL;
        while (heddle_source_next(sources[i], &batch, NULL) == HEDDLE_OK) {
            batch->file = "";
            batch_print(batch, &texts[i]);
            heddle_batch_release(batch);
        }
        assert_int_equal(heddle_source_rows_read(sources[i]), 20000);
        heddle_source_close(sources[i]);
    }
    assert_int_equal(texts[0].length, texts[1].length);
    assert_memory_equal(texts[0].bytes, texts[1].bytes, texts[0].length);
    heddle_buffer_free(&texts[0]);
    heddle_buffer_free(&texts[1]);
}

static void reading_survives_the_failure_of_every_allocation_of_ours(void **state)
{
    (void)state;
    sql_run("COPY (SELECT 1 AS n, ['a'] AS l, {'b': 'x'} AS s) TO '%s/a.parquet' (FORMAT parquet)");
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t failures = 0;
    for (; status != HEDDLE_END; failures++) {
        assert_true(failures < 500);
        struct heddle_source *source = NULL;
        struct heddle_batch *batch = NULL;
        const struct heddle_source_options options = parquet("a.parquet");
        heddle_memory_fail_at(failures);
        status = heddle_source_open(&options, &source, NULL);
        while (status == HEDDLE_OK) {
            status = heddle_source_next(source, &batch, NULL);
            if (status == HEDDLE_OK) {
                heddle_batch_release(batch);
            }
        }
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_END || status == HEDDLE_OUT_OF_MEMORY);
        heddle_source_close(source);
    }
    assert_true(failures > 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_type_arrives_with_nulls_everywhere),
        TEST(columns_come_in_the_order_asked_for_and_structs_by_their_fields),
        TEST(rows_keep_their_order_and_ordinals_over_files_batches_and_runs),
        TEST(a_job_names_values_of_a_map_by_their_keys),
        TEST(a_limit_ends_inside_a_batch),
        TEST(a_name_full_of_signs_is_one_file_and_never_sql),
        TEST(folders_of_hive_do_not_add_columns),
        TEST(schemas_that_differ_are_refused_with_file_and_column),
        TEST(files_that_are_no_parquet_or_cut_short_say_so),
        TEST(a_missing_library_is_said_with_the_remedy),
        TEST(a_csv_file_reads_as_duckdb_reads_it),
        TEST(reading_survives_the_failure_of_every_allocation_of_ours),
    };
    if (!duck_is_there()) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
