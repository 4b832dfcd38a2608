/* test_generate.c: the table of removals: shape, skew, repeats, faults, sameness; and files written from
 * it. */
#include "source_fixture.h"

#include <signal.h>
#include <sys/resource.h>

#include "base/hash.h"
#include "source/export/export.h"
#include "source/generate/generate.h"

enum { ROWS = 5000, IDS_MAX = 20000 };

static struct reject_log log_of_test;

/* Distinct texts of a column and how often each occurs, over all rows of a table. */
struct census {
    char texts[IDS_MAX][HEDDLE_REMOVALS_TEXT_MAX + 1];
    uint64_t hashes[IDS_MAX];
    size_t counts[IDS_MAX];
    size_t distinct;
    size_t nulls;
    size_t shortest;
    size_t longest;
};

static void census_add(struct census *census, const struct heddle_column *column, size_t row)
{
    size_t length = 0;
    if (heddle_column_is_null(column, row)) {
        census->nulls++;
        return;
    }
    const char *text = heddle_column_text(column, row, &length);
    const uint64_t hash = heddle_hash_bytes(text, length, 1);
    size_t at = 0;
    while (at < census->distinct && census->hashes[at] != hash) {
        at++;
    }
    assert_true(at < IDS_MAX && length <= HEDDLE_REMOVALS_TEXT_MAX);
    if (at == census->distinct) {
        census->hashes[census->distinct++] = hash;
    }
    memcpy(census->texts[at], text, length);
    census->texts[at][length] = '\0';
    census->counts[at]++;
    census->longest = length > census->longest ? length : census->longest;
    census->shortest = length < census->shortest ? length : census->shortest;
}

static struct census *census_of(const struct heddle_removals *removals, size_t column)
{
    struct census *census = calloc(1, sizeof *census);
    census->shortest = SIZE_MAX;
    for (uint64_t first = 0; first < removals->rows; first += 1000) {
        struct heddle_batch *batch = NULL;
        assert_int_equal(heddle_removals_batch(removals, first, 1000, &batch, NULL), HEDDLE_OK);
        for (size_t row = 0; row < batch->rows; row++) {
            census_add(census, &batch->columns[column], row);
        }
        heddle_batch_release(batch);
    }
    return census;
}

static size_t most(const struct census *census)
{
    size_t largest = 0;
    for (size_t i = 0; i < census->distinct; i++) {
        largest = census->counts[i] > largest ? census->counts[i] : largest;
    }
    return largest;
}

static void the_six_columns_stand_in_their_order(void **state)
{
    (void)state;
    static const char *const names[] = {":ID(RemovalEvent)", "RMV_REA_TX",  "RMV_TRK_NO",
                                        "component_id",      "aircraft_id", "removal_date"};
    const struct heddle_removals removals = {.rows = ROWS, .seed = 1};
    const struct heddle_schema *schema = heddle_removals_schema(&removals);
    assert_int_equal(schema->count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(schema->fields[i].name, names[i]);
    }
    assert_int_equal(schema->fields[0].type, HEDDLE_TYPE_INTEGER);
    assert_int_equal(schema->fields[5].type, HEDDLE_TYPE_DATE);
}

static void texts_are_long_enough_short_enough_seldom_null_and_sometimes_repeated(void **state)
{
    (void)state;
    const struct heddle_removals removals = {.rows = ROWS, .seed = 7};
    struct census *census = census_of(&removals, 1);
    assert_in_range(census->shortest, 40, 80);
    assert_in_range(census->longest, 180, 200);
    assert_in_range(census->nulls, 2, 30); /* expected 10 */
    const size_t repeated = ROWS - census->nulls - census->distinct;
    assert_in_range(repeated, ROWS * 10 / 100, ROWS * 16 / 100);
    for (size_t i = 0; i < census->distinct; i++) {
        for (const char *c = census->texts[i]; *c != '\0'; c++) {
            assert_true(*c >= ' ' && *c <= '~' && *c != '#' && *c != '%');
        }
    }
    free(census);
}

static void five_thousand_rows_hold_forty_aircraft_with_skew(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 5; seed++) {
        const struct heddle_removals removals = {.rows = ROWS, .seed = seed};
        struct census *census = census_of(&removals, 4);
        assert_int_equal(census->distinct, 40);
        assert_int_equal(heddle_removals_aircraft(&removals), 40);
        assert_true(most(census) > 3 * ROWS / 40);
        assert_int_equal(census->longest, 6);
        free(census);
    }
}

static void larger_tables_hold_more_aircraft_and_every_one_occurs(void **state)
{
    (void)state;
    const struct heddle_removals large = {.rows = 40000, .seed = 3};
    struct census *census = census_of(&large, 4);
    assert_int_equal(census->distinct, 320);
    free(census);
    const struct heddle_removals huge = {.rows = 10000000, .seed = 3};
    assert_int_equal(heddle_removals_aircraft(&huge), 900);
    assert_int_equal(heddle_removals_components(&huge), 20000);
    const struct heddle_removals tiny = {.rows = 7, .seed = 3};
    assert_int_equal(heddle_removals_aircraft(&tiny), 7);
}

static void components_are_hundreds_with_skew(void **state)
{
    (void)state;
    const struct heddle_removals removals = {.rows = ROWS, .seed = 1};
    struct census *census = census_of(&removals, 3);
    assert_in_range(census->distinct, 200, 300);
    assert_true(most(census) > 5 * ROWS / 300);
    assert_int_equal(strncmp(census->texts[0], "CMP-", 4), 0);
    free(census);
}

/* One hash over every value of a table. */
static uint64_t table_hash(const struct heddle_removals *removals, size_t step)
{
    char text[256];
    uint64_t hash = 0;
    for (uint64_t first = 0; first < removals->rows; first += step) {
        struct heddle_batch *batch = NULL;
        const size_t count = removals->rows - first < step ? (size_t)(removals->rows - first) : step;
        assert_int_equal(heddle_removals_batch(removals, first, count, &batch, NULL), HEDDLE_OK);
        for (size_t row = 0; row < batch->rows; row++) {
            for (size_t i = 0; i < 6; i++) {
                heddle_column_print(&batch->columns[i], row, text, sizeof text);
                hash = heddle_hash_bytes(text, strlen(text), hash);
            }
        }
        heddle_batch_release(batch);
    }
    return hash;
}

static void the_same_seed_gives_the_same_rows_on_every_machine_whatever_the_batches(void **state)
{
    (void)state;
    const struct heddle_removals removals = {.rows = ROWS, .seed = 42};
    const struct heddle_removals other = {.rows = ROWS, .seed = 43};
    const uint64_t golden = UINT64_C(0xe831298a5561ec0c);
    assert_true(table_hash(&removals, ROWS) == golden);
    assert_true(table_hash(&removals, 777) == golden);
    assert_true(table_hash(&other, ROWS) != golden);
}

static void bad_rows_are_planted_in_exact_number_and_of_every_kind(void **state)
{
    (void)state;
    const struct heddle_removals removals = {.rows = ROWS, .seed = 5, .bad_rows = 13};
    size_t kinds[HEDDLE_REMOVALS_DATE_TEXT + 1] = {0};
    struct heddle_batch *batch = NULL;
    assert_int_equal(heddle_removals_batch(&removals, 0, ROWS, &batch, NULL), HEDDLE_OK);
    size_t null_keys = 0;
    size_t null_aircraft = 0;
    for (uint64_t row = 0; row < ROWS; row++) {
        kinds[heddle_removals_fault(&removals, row)]++;
        null_keys += heddle_column_is_null(&batch->columns[0], (size_t)row);
        null_aircraft += heddle_column_is_null(&batch->columns[4], (size_t)row);
    }
    heddle_batch_release(batch);
    assert_int_equal(kinds[HEDDLE_REMOVALS_SOUND], ROWS - 13);
    assert_int_equal(kinds[HEDDLE_REMOVALS_KEY_NULL], 4);
    assert_int_equal(kinds[HEDDLE_REMOVALS_KEY_TEXT], 3);
    assert_int_equal(kinds[HEDDLE_REMOVALS_AIRCRAFT_NULL], 3);
    assert_int_equal(kinds[HEDDLE_REMOVALS_DATE_TEXT], 3);
    assert_int_equal(null_keys, 4);
    assert_int_equal(null_aircraft, 3);
    const struct heddle_removals all = {.rows = 10, .seed = 5, .bad_rows = 10};
    for (uint64_t row = 0; row < 10; row++) {
        assert_int_not_equal(heddle_removals_fault(&all, row), HEDDLE_REMOVALS_SOUND);
    }
}

static struct heddle_source *generate_open(const struct heddle_source_setting *settings, size_t count)
{
    struct heddle_source_options options = options_of("generate", NULL, &log_of_test);
    struct heddle_source *source = NULL;
    options.settings = settings;
    options.setting_count = count;
    assert_int_equal(heddle_source_open(&options, &source, NULL), HEDDLE_OK);
    return source;
}

static void the_generator_is_a_source_like_others(void **state)
{
    (void)state;
    static const struct heddle_source_setting settings[] = {{"rows", "3"}, {"seed", "9"}};
    static const char *const columns[] = {"aircraft_id", ":ID(RemovalEvent)"};
    struct heddle_source_options options = options_of("generate", NULL, &log_of_test);
    options.settings = settings;
    options.setting_count = 2;
    options.columns = columns;
    options.column_count = 2;
    options.batch_rows = 2;
    struct heddle_source *source = NULL;
    struct heddle_batch *batch = NULL;
    assert_int_equal(heddle_source_open(&options, &source, NULL), HEDDLE_OK);
    assert_int_equal(heddle_source_rows_expected(source), 3);
    assert_int_equal(heddle_source_next(source, &batch, NULL), HEDDLE_OK);
    assert_int_equal(batch->rows, 2);
    assert_int_equal(heddle_column_integer(&batch->columns[1], 1), 2);
    assert_string_equal(batch->file, "");
    heddle_batch_release(batch);
    assert_int_equal(heddle_source_next(source, &batch, NULL), HEDDLE_OK);
    assert_int_equal(batch->first_row, 2);
    heddle_batch_release(batch);
    assert_int_equal(heddle_source_next(source, &batch, NULL), HEDDLE_END);
    heddle_source_close(source);
    static const struct heddle_source_setting bad[] = {{"rows", "many"}};
    options.settings = bad;
    options.setting_count = 1;
    expect_refused(&options, HEDDLE_INVALID, "rows is `many`");
}

/* Writes `rows` removals to a file. */
static int export_rows(const char *rows, const struct heddle_export_options *options,
                       struct heddle_error *error)
{
    const struct heddle_source_setting settings[] = {{"rows", rows}, {"seed", "42"}};
    struct heddle_source *source = generate_open(settings, 2);
    uint64_t written = 0;
    const int status = heddle_source_export(source, options, &written, error);
    if (status == HEDDLE_OK) {
        assert_int_equal(written, heddle_source_rows_read(source));
    }
    heddle_source_close(source);
    return status;
}

/* The hash of a written table, read back as text. */
static uint64_t file_hash(const char *type, const char *name)
{
    const struct heddle_source_options options = options_of(type, path_of(name), &log_of_test);
    struct heddle_source *source = NULL;
    struct heddle_batch *batch = NULL;
    char text[256];
    uint64_t hash = 0;
    assert_int_equal(heddle_source_open(&options, &source, NULL), HEDDLE_OK);
    while (heddle_source_next(source, &batch, NULL) == HEDDLE_OK) {
        for (size_t row = 0; row < batch->rows; row++) {
            for (size_t i = 0; i < 6; i++) {
                heddle_column_print(&batch->columns[i], row, text, sizeof text);
                hash = heddle_hash_bytes(text, strlen(text), hash);
            }
        }
        heddle_batch_release(batch);
    }
    assert_int_equal(log_of_test.count, 0);
    heddle_source_close(source);
    return hash;
}

static void a_table_written_and_read_back_is_the_same_in_every_format(void **state)
{
    (void)state;
    const struct heddle_removals removals = {.rows = ROWS, .seed = 42};
    const uint64_t wanted = table_hash(&removals, ROWS);
    struct heddle_error error = {0};
    static const char *const types[] = {"csv", "jsonl", "parquet"};
    for (size_t i = 0; i < (duck_is_there() ? 3U : 2U); i++) {
        char name[32];
        snprintf(name, sizeof name, "r.%s", types[i]);
        const struct heddle_export_options options = {.path = path_of(name)};
        assert_int_equal(export_rows("5000", &options, &error), HEDDLE_OK);
        assert_true(file_hash(types[i], name) == wanted);
    }
}

static int stop_early(void *context, uint64_t rows)
{
    uint64_t *last = context;
    assert_true(rows > *last);
    *last = rows;
    return rows >= 4096 ? HEDDLE_INTERRUPTED : HEDDLE_OK;
}

static size_t files_in_folder(void)
{
    size_t count = 0;
    DIR *listing = opendir(folder);
    for (const struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    closedir(listing);
    return count;
}

static void a_stopped_export_leaves_no_file(void **state)
{
    (void)state;
    static const char *const names[] = {"r.csv", "r.parquet"};
    for (size_t i = 0; i < (duck_is_there() ? 2U : 1U); i++) {
        uint64_t last = 0;
        struct heddle_error error = {0};
        const struct heddle_export_options options = {
            .path = path_of(names[i]), .progress = stop_early, .context = &last};
        assert_int_equal(export_rows("20000", &options, &error), HEDDLE_INTERRUPTED);
        assert_int_equal(last, 4096);
        assert_int_equal(files_in_folder(), 0);
    }
}

static void a_place_that_cannot_be_written_is_named(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    static const char *const names[] = {"none/r.csv", "none/r.parquet"};
    for (size_t i = 0; i < (duck_is_there() ? 2U : 1U); i++) {
        const struct heddle_export_options options = {.path = path_of(names[i])};
        assert_int_equal(export_rows("10", &options, &error), HEDDLE_IO);
        assert_non_null(strstr(error.message, names[i]));
    }
    const struct heddle_export_options odd = {.path = path_of("r.xlsx")};
    assert_int_equal(export_rows("10", &odd, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "parquet, csv and jsonl"));
}

static void a_full_disk_is_an_error_and_leaves_no_file(void **state)
{
    (void)state;
    struct rlimit before;
    struct heddle_error error = {0};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit small = {.rlim_cur = 100000, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN); /* the limit then answers EFBIG, as a full disk answers ENOSPC */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const struct heddle_export_options options = {.path = path_of("r.csv")};
    const int status = export_rows("20000", &options, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, HEDDLE_IO);
    assert_non_null(strstr(error.message, "r.csv cannot be written"));
    assert_int_equal(files_in_folder(), 0);
}

static void generating_survives_the_failure_of_every_allocation(void **state)
{
    (void)state;
    const struct heddle_removals removals = {.rows = 100, .seed = 1, .bad_rows = 4};
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t failures = 0;
    for (; status != HEDDLE_OK; failures++) {
        assert_true(failures < 500);
        struct heddle_batch *batch = NULL;
        heddle_memory_fail_at(failures);
        status = heddle_removals_batch(&removals, 0, 100, &batch, NULL);
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
        heddle_batch_release(batch);
    }
    assert_true(failures > 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_six_columns_stand_in_their_order),
        cmocka_unit_test(texts_are_long_enough_short_enough_seldom_null_and_sometimes_repeated),
        cmocka_unit_test(five_thousand_rows_hold_forty_aircraft_with_skew),
        cmocka_unit_test(larger_tables_hold_more_aircraft_and_every_one_occurs),
        cmocka_unit_test(components_are_hundreds_with_skew),
        cmocka_unit_test(the_same_seed_gives_the_same_rows_on_every_machine_whatever_the_batches),
        cmocka_unit_test(bad_rows_are_planted_in_exact_number_and_of_every_kind),
        cmocka_unit_test(the_generator_is_a_source_like_others),
        TEST(a_table_written_and_read_back_is_the_same_in_every_format),
        TEST(a_stopped_export_leaves_no_file),
        TEST(a_place_that_cannot_be_written_is_named),
        TEST(a_full_disk_is_an_error_and_leaves_no_file),
        cmocka_unit_test(generating_survives_the_failure_of_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
