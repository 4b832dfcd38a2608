/* Delta tables that we write: read back equal, equal to the byte for one seed, and never in the way of what is there. */
#include "delta_fixture.h"

#include <glob.h>
#include <inttypes.h>

#include "base/hash.h"
#include "source/delta/snapshot.h"
#include "source/export/delta_export.h"
#include "source/export/delta_stats.h"
#include "source/generate/generate.h"

enum { ROWS = 5000 };
static const int64_t TIME = 1714558530123; /* 2024-05-01T10:15:30.123Z */

static struct reject_log rejects;

struct cursor {
    struct heddle_removals removals;
    uint64_t row;
    uint64_t fails_at; /* the row from which on no batch is had; 0 = never */
};

static int cursor_next(void *context, size_t rows_max, struct heddle_batch **batch_out,
                       struct heddle_error *error)
{
    struct cursor *cursor = context;
    if (cursor->fails_at > 0 && cursor->row >= cursor->fails_at) {
        return heddle_error_set(error, HEDDLE_SOURCE, "no more rows today");
    }
    const int status = heddle_removals_batch(&cursor->removals, cursor->row, rows_max, batch_out, error);
    cursor->row += rows_max;
    return status;
}

static int removals_export(struct cursor *cursor, const struct heddle_delta_export_options *options,
                           struct heddle_error *error)
{
    const struct heddle_delta_rows rows = {.schema = heddle_removals_schema(&cursor->removals),
                                           .count = cursor->removals.rows,
                                           .next = cursor_next,
                                           .context = cursor};
    return heddle_delta_export(&rows, options, error);
}

/* Writes the table NAME of 5,000 removals; answers its path. */
static const char *table_write(const char *name, uint64_t commits, uint64_t files)
{
    struct cursor cursor = {.removals = {.rows = ROWS, .seed = 42}};
    struct heddle_error error = {0};
    const char *path = path_of(name);
    const struct heddle_delta_export_options options = {
        .path = path, .commits = commits, .files_per_commit = files, .seed = 9, .time_ms = TIME};
    if (removals_export(&cursor, &options, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return path;
}

/* The hash of all values in their order. */
static uint64_t rows_hash(struct heddle_source *source, uint64_t *count)
{
    struct heddle_batch *batch = NULL;
    char text[512];
    uint64_t hash = 0;
    *count = 0;
    while (heddle_source_next(source, &batch, NULL) == HEDDLE_OK) {
        for (size_t row = 0; row < batch->rows; row++) {
            for (size_t i = 0; i < batch->schema->count; i++) {
                heddle_column_print(&batch->columns[i], row, text, sizeof text);
                hash = heddle_hash_bytes(text, strlen(text), hash);
            }
        }
        *count += batch->rows;
        heddle_batch_release(batch);
    }
    heddle_source_close(source);
    return hash;
}

static uint64_t generated_hash(uint64_t *count)
{
    static const struct heddle_source_setting settings[] = {{"rows", "5000"}, {"seed", "42"}};
    struct heddle_source_options options = options_of("generate", NULL, &rejects);
    struct heddle_source *source = NULL;
    options.settings = settings;
    options.setting_count = 2;
    assert_int_equal(heddle_source_open(&options, &source, NULL), HEDDLE_OK);
    return rows_hash(source, count);
}

static void a_table_reads_back_as_the_rows_that_went_in_in_their_order(void **state)
{
    (void)state;
    uint64_t wanted_rows = 0;
    const uint64_t wanted = generated_hash(&wanted_rows);
    assert_int_equal(wanted_rows, ROWS);
    static const uint64_t shapes[][2] = {{1, 1}, {1, 4}, {7, 3}, {50, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        char name[32];
        uint64_t rows = 0;
        snprintf(name, sizeof name, "t%zu", i);
        const struct heddle_source_options options =
            options_of("delta", table_write(name, shapes[i][0], shapes[i][1]), &rejects);
        struct heddle_source *source = NULL;
        struct heddle_error error = {0};
        if (heddle_source_open(&options, &source, &error) != HEDDLE_OK) {
            fail_msg("%s", error.message);
        }
        assert_int_equal(heddle_source_rows_expected(source), ROWS);
        const struct heddle_schema *schema = heddle_source_schema(source);
        assert_int_equal(schema->count, 6);
        assert_string_equal(schema->fields[0].name, ":ID(RemovalEvent)");
        assert_int_equal(schema->fields[5].type, HEDDLE_TYPE_DATE);
        assert_true(rows_hash(source, &rows) == wanted);
        assert_int_equal(rows, ROWS);
    }
}

static struct heddle_delta_snapshot *snapshot_of(const char *path, int64_t version)
{
    const struct heddle_delta_as_of as_of = {.version = version};
    struct heddle_delta_snapshot *snapshot = NULL;
    struct heddle_error error = {0};
    if (heddle_delta_snapshot_open(path, &as_of, &snapshot, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return snapshot;
}

static void each_commit_adds_its_share_of_files_at_a_later_time(void **state)
{
    (void)state;
    const char *path = table_write("t", 3, 2);
    for (int64_t version = 0; version < 3; version++) {
        struct heddle_delta_snapshot *snapshot = snapshot_of(path, version);
        int64_t rows = 0;
        assert_int_equal(snapshot->file_count, (version + 1) * 2);
        for (size_t i = 0; i < snapshot->file_count; i++) {
            assert_true(i == 0 ||
                        snapshot->files[i].modification_time > snapshot->files[i - 1].modification_time);
            assert_true(snapshot->files[i].rows >= ROWS / 6);
            assert_true(snapshot->files[i].rows <= ROWS / 6 + 1);
            rows += snapshot->files[i].rows;
        }
        assert_int_equal(rows, ROWS * (version + 1) / 3);
        heddle_delta_snapshot_close(snapshot);
    }
    /* A commit comes a millisecond after its last file: two files, a commit, two files, a commit. */
    const struct heddle_delta_as_of second = {.version = -1, .by_time = true, .time = (TIME + 5) * 1000};
    const struct heddle_delta_as_of before = {.version = -1, .by_time = true, .time = (TIME + 4) * 1000};
    struct heddle_delta_snapshot *snapshot = NULL;
    assert_int_equal(heddle_delta_snapshot_open(path, &second, &snapshot, NULL), HEDDLE_OK);
    assert_int_equal(snapshot->version, 1);
    heddle_delta_snapshot_close(snapshot);
    assert_int_equal(heddle_delta_snapshot_open(path, &before, &snapshot, NULL), HEDDLE_OK);
    assert_int_equal(snapshot->version, 0);
    heddle_delta_snapshot_close(snapshot);
}

static void columns_are_mapped_by_name_and_files_hold_physical_names_and_ids(void **state)
{
    (void)state;
    const char *path = table_write("t", 1, 2);
    struct heddle_delta_snapshot *snapshot = snapshot_of(path, -1);
    struct heddle_duck *duck = NULL;
    struct heddle_duck_connection *connection = NULL;
    const struct heddle_duck_options options = {0};
    assert_int_equal(snapshot->protocol.reader_version, 2);
    assert_int_equal(snapshot->protocol.writer_version, 5);
    assert_int_equal(snapshot->mapping, HEDDLE_DELTA_MAPPING_NAME);
    assert_string_equal(heddle_delta_property(&snapshot->metadata, "delta.columnMapping.maxColumnId", ""),
                        "6");
    assert_int_equal(heddle_duck_open(&options, &duck, NULL), HEDDLE_OK);
    assert_int_equal(heddle_duck_connect(duck, &connection, NULL), HEDDLE_OK);
    for (size_t i = 0; i < 6; i++) {
        const struct heddle_delta_field *field = &snapshot->schema.fields[i];
        char sql[1024];
        int64_t files = 0;
        assert_int_equal(field->id, i + 1);
        assert_int_equal(strncmp(field->physical, "col-", 4), 0);
        assert_int_equal(strlen(field->physical), 40);
        /* DuckDB's own reading of the footers: both files have this name under this id. */
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM parquet_schema('%s/*.parquet') WHERE name = '%s' AND field_id = %zu",
                 path, field->physical, i + 1);
        assert_int_equal(heddle_duck_fetch_integer(connection, sql, &files, NULL), HEDDLE_OK);
        assert_int_equal(files, 2);
    }
    heddle_duck_disconnect(connection);
    heddle_duck_close(duck);
    heddle_delta_snapshot_close(snapshot);
}

/* The value behind NAME of the schema in part PART ("minValues") of the statistics. */
static const json_t *stat_of(const json_t *stats, const char *part,
                             const struct heddle_delta_snapshot *snapshot, size_t column)
{
    return json_object_get(json_object_get(stats, part), snapshot->schema.fields[column].physical);
}

static void each_file_tells_rows_bounds_and_nulls_of_every_column(void **state)
{
    (void)state;
    const char *path = table_write("t", 1, 2);
    struct heddle_delta_snapshot *snapshot = snapshot_of(path, -1);
    FILE *log = fopen(path_of("t/_delta_log/00000000000000000000.json"), "r");
    char *line = NULL;
    size_t capacity = 0;
    int64_t next_id = 1;
    assert_non_null(log);
    while (getline(&line, &capacity, log) > 0) {
        json_t *action = json_loads(line, 0, NULL);
        const json_t *text = json_object_get(json_object_get(action, "add"), "stats");
        if (text != NULL) {
            json_t *stats = json_loads(json_string_value(text), 0, NULL);
            const int64_t rows = json_integer_value(json_object_get(stats, "numRecords"));
            assert_int_equal(rows, ROWS / 2);
            assert_int_equal(json_integer_value(stat_of(stats, "minValues", snapshot, 0)), next_id);
            assert_int_equal(json_integer_value(stat_of(stats, "maxValues", snapshot, 0)),
                             next_id + rows - 1);
            assert_int_equal(json_integer_value(stat_of(stats, "nullCount", snapshot, 0)), 0);
            assert_in_range(json_integer_value(stat_of(stats, "nullCount", snapshot, 1)), 1, 20);
            assert_true(json_string_length(stat_of(stats, "minValues", snapshot, 1)) <=
                        HEDDLE_DELTA_STATS_TEXT);
            const char *date = json_string_value(stat_of(stats, "minValues", snapshot, 5));
            assert_non_null(date);
            assert_int_equal(strlen(date), 10);
            assert_true(strcmp(date, json_string_value(stat_of(stats, "maxValues", snapshot, 5))) < 0);
            next_id += rows;
            json_decref(stats);
        }
        json_decref(action);
    }
    assert_int_equal(next_id, ROWS + 1);
    free(line);
    fclose(log);
    heddle_delta_snapshot_close(snapshot);
}

/* The hash of names and bytes of all files of a table. */
static uint64_t table_hash(const char *path)
{
    static const char *const below[] = {"", "/_delta_log"};
    uint64_t hash = 0;
    size_t files = 0;
    for (size_t i = 0; i < 2; i++) {
        char pattern[512];
        glob_t found;
        snprintf(pattern, sizeof pattern, "%s%s/*.*", path, below[i]);
        assert_int_equal(glob(pattern, 0, NULL, &found), 0);
        for (size_t k = 0; k < found.gl_pathc; k++, files++) {
            const char *name = found.gl_pathv[k] + strlen(path);
            char bytes[65536];
            FILE *file = fopen(found.gl_pathv[k], "rb");
            assert_non_null(file);
            hash = heddle_hash_bytes(name, strlen(name), hash);
            for (size_t got = fread(bytes, 1, sizeof bytes, file); got > 0;
                 got = fread(bytes, 1, sizeof bytes, file)) {
                hash = heddle_hash_bytes(bytes, got, hash);
            }
            fclose(file);
        }
        globfree(&found);
    }
    assert_int_equal(files, 6 + 2);
    return hash;
}

static void one_seed_and_time_give_the_same_bytes(void **state)
{
    (void)state;
    const uint64_t first = table_hash(table_write("a", 2, 3));
    const uint64_t second = table_hash(table_write("b", 2, 3));
    assert_true(first == second);
}

static void what_is_there_is_kept(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    const char *path = table_write("t", 2, 3);
    const uint64_t before = table_hash(path);
    struct cursor cursor = {.removals = {.rows = 10, .seed = 1}};
    const struct heddle_delta_export_options again = {
        .path = path, .commits = 1, .files_per_commit = 1, .time_ms = -1};
    assert_int_equal(removals_export(&cursor, &again, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "is already there, and is kept"));
    assert_true(table_hash(path) == before);
    text_write("file", "mine");
    const struct heddle_delta_export_options over_file = {
        .path = path_of("file"), .commits = 1, .files_per_commit = 1, .time_ms = -1};
    assert_int_equal(removals_export(&cursor, &over_file, &error), HEDDLE_INVALID);
    /* An empty folder is as good as none. */
    assert_int_equal(mkdir(path_of("empty"), 0777), 0);
    const struct heddle_delta_export_options into = {
        .path = path_of("empty/"), .commits = 1, .files_per_commit = 1, .time_ms = -1};
    assert_int_equal(removals_export(&cursor, &into, &error), HEDDLE_OK);
    heddle_delta_snapshot_close(snapshot_of(path_of("empty"), 0));
}

static size_t entries(void)
{
    size_t count = 0;
    DIR *listing = opendir(folder);
    for (const struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    closedir(listing);
    return count;
}

static int stop_at_once(void *context, uint64_t rows)
{
    (void)context;
    return rows >= 2048 ? HEDDLE_INTERRUPTED : HEDDLE_OK;
}

static void a_failed_export_says_why_and_leaves_nothing(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    struct cursor failing = {.removals = {.rows = ROWS, .seed = 42}, .fails_at = 3000};
    struct cursor sound = {.removals = {.rows = ROWS, .seed = 42}};
    struct heddle_delta_export_options options = {
        .path = path_of("t"), .commits = 2, .files_per_commit = 2, .time_ms = -1};
    assert_int_equal(removals_export(&failing, &options, &error), HEDDLE_SOURCE);
    assert_string_equal(error.message, "no more rows today");
    assert_int_equal(entries(), 0);
    options.progress = stop_at_once;
    assert_int_equal(removals_export(&sound, &options, &error), HEDDLE_INTERRUPTED);
    assert_int_equal(entries(), 0);
    options.progress = NULL;
    options.path = path_of("none/t");
    assert_int_equal(removals_export(&sound, &options, &error), HEDDLE_IO);
    assert_non_null(strstr(error.message, "none/t"));
    assert_int_equal(entries(), 0);
}

static void counts_that_do_not_fit_and_other_types_are_refused(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    static const uint64_t bad[][2] = {{0, 1}, {1, 0}, {6, 2}, {UINT64_MAX, 2}, {2000000, 1}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct cursor cursor = {.removals = {.rows = 11, .seed = 1}};
        const struct heddle_delta_export_options options = {
            .path = path_of("t"), .commits = bad[i][0], .files_per_commit = bad[i][1], .time_ms = -1};
        assert_int_equal(removals_export(&cursor, &options, &error), HEDDLE_INVALID);
        assert_non_null(strstr(error.message, "do not fit 11 rows"));
    }
    static const struct heddle_field times[] = {{.name = "at", .type = HEDDLE_TYPE_TIME}};
    const struct heddle_schema schema = {.fields = times, .count = 1};
    const struct heddle_delta_rows rows = {.schema = &schema, .count = 1, .next = cursor_next};
    const struct heddle_delta_export_options options = {
        .path = path_of("t"), .commits = 1, .files_per_commit = 1, .time_ms = -1};
    assert_int_equal(heddle_delta_export(&rows, &options, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "column `at` is"));
    assert_int_equal(entries(), 0);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t failures = 0;
    for (; status != HEDDLE_OK; failures++) {
        struct cursor cursor = {.removals = {.rows = 20, .seed = 3}};
        const struct heddle_delta_export_options options = {
            .path = path_of("t"), .commits = 1, .files_per_commit = 2, .time_ms = TIME};
        assert_true(failures < 500);
        heddle_memory_fail_at(failures);
        status = removals_export(&cursor, &options, NULL);
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
        assert_int_equal(entries(), status == HEDDLE_OK ? 1 : 0);
    }
    assert_true(failures > 10);
}

/* ---- bounds of texts ---- */

/* Statistics of texts; NULL is a null. */
static void texts_add(struct heddle_delta_stats *stats, const char *const *texts, size_t count)
{
    uint32_t offsets[8] = {0};
    uint8_t valid = 0;
    struct heddle_buffer bytes = {0};
    for (size_t i = 0; i < count; i++) {
        heddle_buffer_append_text(&bytes, texts[i] != NULL ? texts[i] : "");
        offsets[i + 1] = (uint32_t)bytes.length;
        valid |= (uint8_t)((texts[i] != NULL ? 1U : 0U) << i);
    }
    const struct heddle_column column = {.type = HEDDLE_TYPE_STRING,
                                         .length = count,
                                         .valid = &valid,
                                         .offsets = offsets,
                                         .bytes = bytes.bytes};
    assert_int_equal(heddle_delta_stats_add(stats, &column, NULL), HEDDLE_OK);
    heddle_buffer_free(&bytes);
}

static void expect_bounds(const struct heddle_delta_stats *stats, const char *least, const char *greatest)
{
    json_t *low = heddle_delta_stats_least(stats, HEDDLE_TYPE_STRING);
    json_t *high = heddle_delta_stats_greatest(stats, HEDDLE_TYPE_STRING);
    assert_string_equal(json_string_value(low), least);
    assert_string_equal(json_string_value(high), greatest);
    json_decref(low);
    json_decref(high);
}

#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define E32 "éééééééééééééééééééééééééééééééé"
#define LAST "\xf4\x8f\xbf\xbf"

static void bounds_of_texts_hold_after_they_are_cut(void **state)
{
    (void)state;
    struct heddle_delta_stats stats = {0};
    static const char *const nothing[] = {NULL, NULL};
    texts_add(&stats, nothing, 2);
    assert_int_equal(stats.nulls, 2);
    assert_null(heddle_delta_stats_least(&stats, HEDDLE_TYPE_STRING));
    static const char *const some[] = {"pump", "", NULL, "valve"};
    texts_add(&stats, some, 4);
    assert_int_equal(stats.nulls, 3);
    expect_bounds(&stats, "", "valve");
    heddle_delta_stats_reset(&stats);
    static const char *const fitting[] = {A32};
    texts_add(&stats, fitting, 1);
    expect_bounds(&stats, A32, A32);
    static const char *const longer[] = {A32 "b", A32 "c", E32 "x"};
    texts_add(&stats, longer, 3);
    expect_bounds(&stats, A32, E32 LAST);
    static const char *const greatest[] = {E32 LAST "z"};
    texts_add(&stats, greatest, 1);
    expect_bounds(&stats, A32, E32 LAST LAST);
    heddle_delta_stats_free(&stats);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, table_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_of_texts_hold_after_they_are_cut),
        TEST(a_table_reads_back_as_the_rows_that_went_in_in_their_order),
        TEST(each_commit_adds_its_share_of_files_at_a_later_time),
        TEST(columns_are_mapped_by_name_and_files_hold_physical_names_and_ids),
        TEST(each_file_tells_rows_bounds_and_nulls_of_every_column),
        TEST(one_seed_and_time_give_the_same_bytes),
        TEST(what_is_there_is_kept),
        TEST(a_failed_export_says_why_and_leaves_nothing),
        TEST(counts_that_do_not_fit_and_other_types_are_refused),
        TEST(every_allocation_may_fail),
    };
    if (!duck_is_there()) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
