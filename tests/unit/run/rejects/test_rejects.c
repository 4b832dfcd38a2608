/* test_rejects.c: a reject can be read back with everything a person needs, and the limit stops a load in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "run/receipt.h"
#include "run/rejects/rejects.h"
#include "run/rejects/row_json.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/heddle-rejects-XXXXXX", P_tmpdir);
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char path[128];
    const char *files[] = {"removal", "source", "_", "a_b"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s.jsonl", folder, files[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/unit.json", folder);
    unlink(path);
    return rmdir(folder);
}

static const struct heddle_reject_limit NO_LIMIT = {.limited = false, .ratio = -1};

static struct heddle_rejects *open_with(const struct heddle_reject_limit *limit)
{
    struct heddle_rejects *rejects = NULL;
    assert_int_equal(heddle_rejects_open(folder, "00ff", HEDDLE_REJECTS_ANEW, NULL, limit, &rejects, NULL),
                     HEDDLE_OK);
    return rejects;
}

static json_t *read_line(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s.jsonl", folder, name);
    json_error_t where;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    json_t *line = json_loadf(file, JSON_DISABLE_EOF_CHECK, &where);
    fclose(file);
    assert_non_null(line);
    return line;
}

/* Three rows: an integer key with a null in row 1, and a text. */
static struct heddle_batch *small_batch(void)
{
    static const struct heddle_field fields[] = {{.name = "id", .type = HEDDLE_TYPE_INTEGER},
                                                 {.name = "text", .type = HEDDLE_TYPE_STRING},
                                                 {.name = "blob", .type = HEDDLE_TYPE_BYTES},
                                                 {.name = "share", .type = HEDDLE_TYPE_FLOAT}};
    static const struct heddle_schema schema = {fields, 4};
    static const int64_t ids[] = {7, 0, 9};
    static const uint8_t ids_valid[] = {0x05};
    static const uint32_t offsets[] = {0, 1, 3, 6};
    static const double shares[] = {0.5, 1e300 * 1e10, 2};
    struct heddle_batch *batch = NULL;
    assert_int_equal(heddle_batch_create(&schema, &batch, NULL), HEDDLE_OK);
    batch->rows = 3;
    batch->source = "removals";
    batch->file = "part-1.parquet";
    batch->first_row = 1000;
    batch->columns[0] =
        (struct heddle_column){.type = HEDDLE_TYPE_INTEGER, .length = 3, .valid = ids_valid, .values = ids};
    batch->columns[1] = (struct heddle_column){
        .type = HEDDLE_TYPE_STRING, .length = 3, .offsets = offsets, .bytes = (const uint8_t *)"abbccc"};
    batch->columns[2] = batch->columns[1];
    batch->columns[2].type = HEDDLE_TYPE_BYTES;
    batch->columns[3] = (struct heddle_column){.type = HEDDLE_TYPE_FLOAT, .length = 3, .values = shares};
    return batch;
}

static int add(struct heddle_rejects *rejects, const char *target, const struct heddle_batch *batch,
               size_t row, struct heddle_error *error)
{
    const struct heddle_reject reject = {.target = target,
                                         .batch = batch,
                                         .row = row,
                                         .source = "removals",
                                         .file = "a.csv",
                                         .ordinal = 12,
                                         .raw = "1,\"broken",
                                         .stage = batch == NULL ? HEDDLE_STAGE_READ : HEDDLE_STAGE_CONVERT,
                                         .code = "KEY_NULL",
                                         .reason = "the key is null",
                                         .key = NULL};
    return heddle_rejects_add(rejects, &reject, error);
}

static void a_reject_names_its_row_its_reason_and_holds_the_row(void **state)
{
    (void)state;
    struct heddle_rejects *rejects = open_with(&NO_LIMIT);
    struct heddle_batch *batch = small_batch();
    assert_int_equal(add(rejects, "removal", batch, 1, NULL), HEDDLE_OK);
    assert_int_equal(heddle_rejects_finish(rejects, NULL), HEDDLE_OK);
    json_t *line = read_line("removal");
    assert_string_equal(json_string_value(json_object_get(line, "load")), "00ff");
    assert_string_equal(json_string_value(json_object_get(line, "source")), "removals");
    assert_string_equal(json_string_value(json_object_get(line, "file")), "part-1.parquet");
    assert_int_equal(json_integer_value(json_object_get(line, "row")), 1001);
    assert_string_equal(json_string_value(json_object_get(line, "stage")), "convert");
    assert_string_equal(json_string_value(json_object_get(line, "code")), "KEY_NULL");
    json_t *data = json_object_get(line, "data");
    assert_true(json_is_null(json_object_get(data, "id")));
    assert_string_equal(json_string_value(json_object_get(data, "text")), "bb");
    assert_string_equal(json_string_value(json_object_get(data, "blob")), "YmI=");
    assert_string_equal(json_string_value(json_object_get(data, "share")), "Infinity");
    json_decref(line);
    heddle_batch_release(batch);
    heddle_rejects_close(rejects);
}

static void a_row_that_could_not_be_read_keeps_its_raw_text(void **state)
{
    (void)state;
    struct heddle_rejects *rejects = open_with(&NO_LIMIT);
    assert_int_equal(add(rejects, "", NULL, 0, NULL), HEDDLE_OK);
    assert_int_equal(heddle_rejects_finish(rejects, NULL), HEDDLE_OK);
    json_t *line = read_line("source");
    assert_int_equal(json_integer_value(json_object_get(line, "row")), 12);
    assert_string_equal(json_string_value(json_object_get(line, "data")), "1,\"broken");
    json_decref(line);
    heddle_rejects_close(rejects);
}

static void a_target_called_like_a_path_stays_in_the_folder(void **state)
{
    (void)state;
    struct heddle_rejects *rejects = open_with(&NO_LIMIT);
    assert_int_equal(add(rejects, "a/b", NULL, 0, NULL), HEDDLE_OK);
    assert_int_equal(heddle_rejects_finish(rejects, NULL), HEDDLE_OK);
    json_decref(read_line("a_b"));
    heddle_rejects_close(rejects);
}

static void a_new_run_does_not_mix_its_rejects_with_those_of_the_last(void **state)
{
    (void)state;
    struct heddle_rejects *rejects = open_with(&NO_LIMIT);
    assert_int_equal(add(rejects, "removal", NULL, 0, NULL), HEDDLE_OK);
    heddle_rejects_close(rejects);
    rejects = open_with(&NO_LIMIT);
    char path[128];
    snprintf(path, sizeof path, "%s/removal.jsonl", folder);
    assert_int_not_equal(access(path, F_OK), 0);
    heddle_rejects_close(rejects);
}

/* ---- over a resume ---- */

static size_t count_lines(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s.jsonl", folder, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    size_t lines = 0;
    for (int byte = fgetc(file); byte != EOF; byte = fgetc(file)) {
        lines += byte == '\n';
    }
    fclose(file);
    return lines;
}

static struct heddle_rejects *go_on(uint64_t unit)
{
    struct heddle_rejects *rejects = NULL;
    assert_int_equal(
        heddle_rejects_open(folder, "00ff", HEDDLE_REJECTS_GO_ON, NULL, &NO_LIMIT, &rejects, NULL),
        HEDDLE_OK);
    assert_int_equal(heddle_rejects_begin(rejects, unit, NULL), HEDDLE_OK);
    return rejects;
}

static void reject_rows(struct heddle_rejects *rejects, const char *target, size_t first, size_t last)
{
    struct heddle_batch *batch = small_batch();
    for (size_t row = first; row <= last; row++) {
        const struct heddle_reject reject = {
            .target = target, .batch = batch, .row = row, .code = "KEY_NULL", .reason = "no"};
        assert_int_equal(heddle_rejects_add(rejects, &reject, NULL), HEDDLE_OK);
    }
    heddle_batch_release(batch);
}

static void a_resume_repeats_no_reject_and_loses_none(void **state)
{
    (void)state;
    struct heddle_rejects *rejects = go_on(0);
    reject_rows(rejects, "removal", 0, 1);
    reject_rows(rejects, "a_b", 0, 0);
    assert_int_equal(heddle_rejects_sync(rejects, NULL), HEDDLE_OK);
    heddle_rejects_close(rejects); /* killed here: nothing more was done */
    for (size_t run = 0; run < 3; run++) {
        rejects = go_on(0);
        assert_int_equal(heddle_rejects_count(rejects), run == 0 ? 3 : 4);
        reject_rows(rejects, "removal", 0, 2); /* the same rows come by again, and one more */
        reject_rows(rejects, "a_b", 0, 0);
        assert_int_equal(heddle_rejects_count(rejects), 4);
        heddle_rejects_close(rejects);
        assert_int_equal(count_lines("removal"), 3);
        assert_int_equal(count_lines("a_b"), 1);
    }
}

static void the_same_row_of_another_micro_batch_is_another_reject(void **state)
{
    (void)state;
    struct heddle_rejects *rejects = go_on(0);
    reject_rows(rejects, "removal", 0, 1);
    assert_int_equal(heddle_rejects_begin(rejects, 1, NULL), HEDDLE_OK);
    assert_int_equal(heddle_rejects_begin(rejects, 2, NULL), HEDDLE_OK);
    reject_rows(rejects, "removal", 1, 1);
    assert_int_equal(heddle_rejects_count(rejects), 3);
    heddle_rejects_close(rejects);
    rejects = go_on(2);
    assert_int_equal(heddle_rejects_count(rejects), 1); /* those of micro-batch 2 */
    reject_rows(rejects, "removal", 1, 2);
    assert_int_equal(heddle_rejects_count(rejects), 2);
    heddle_rejects_close(rejects);
    assert_int_equal(count_lines("removal"), 4);
    rejects = go_on(3); /* killed behind its commit: the next one begins with nothing */
    assert_int_equal(heddle_rejects_count(rejects), 0);
    heddle_rejects_close(rejects);
}

static void a_line_that_was_cut_short_at_any_byte_is_written_again(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/removal.jsonl", folder);
    struct heddle_rejects *rejects = go_on(0);
    reject_rows(rejects, "removal", 0, 1);
    heddle_rejects_close(rejects);
    struct stat whole;
    assert_int_equal(stat(path, &whole), 0);
    for (off_t cut = 0; cut < whole.st_size; cut++) {
        assert_int_equal(truncate(path, cut), 0);
        rejects = go_on(0);
        reject_rows(rejects, "removal", 0, 1);
        assert_int_equal(heddle_rejects_count(rejects), 2);
        heddle_rejects_close(rejects);
        struct stat again;
        assert_int_equal(stat(path, &again), 0);
        assert_int_equal(again.st_size, whole.st_size);
    }
}

static void files_that_are_not_ours_are_named(void **state)
{
    (void)state;
    struct heddle_rejects *rejects = go_on(0);
    reject_rows(rejects, "removal", 0, 0);
    heddle_rejects_close(rejects);
    char path[128];
    snprintf(path, sizeof path, "%s/removal.jsonl", folder);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    fputs("{\"hello\": 1}\n", file);
    fclose(file);
    struct heddle_error error = {0};
    assert_int_equal(
        heddle_rejects_open(folder, "00ff", HEDDLE_REJECTS_GO_ON, NULL, &NO_LIMIT, &rejects, NULL),
        HEDDLE_OK);
    assert_int_equal(heddle_rejects_begin(rejects, 0, &error), HEDDLE_IO);
    assert_non_null(strstr(error.message, "removal.jsonl"));
    heddle_rejects_close(rejects);
    snprintf(path, sizeof path, "%s/unit.json", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("{\"format\": 9, \"unit\": 0}", file);
    fclose(file);
    assert_int_equal(
        heddle_rejects_open(folder, "00ff", HEDDLE_REJECTS_GO_ON, NULL, &NO_LIMIT, &rejects, NULL),
        HEDDLE_OK);
    assert_int_equal(heddle_rejects_begin(rejects, 0, &error), HEDDLE_IO);
    assert_non_null(strstr(error.message, "another version"));
    heddle_rejects_close(rejects);
}

static void the_number_that_passes_a_limit_in_rows_stops_the_load(void **state)
{
    (void)state;
    const struct heddle_reject_limit limit = {.limited = true, .rows = 2, .ratio = -1};
    struct heddle_rejects *rejects = open_with(&limit);
    struct heddle_error error = {0};
    assert_int_equal(add(rejects, "removal", NULL, 0, &error), HEDDLE_OK);
    assert_int_equal(add(rejects, "removal", NULL, 0, &error), HEDDLE_OK);
    assert_int_equal(add(rejects, "removal", NULL, 0, &error), HEDDLE_REJECTED);
    assert_non_null(strstr(error.message, "--reject-limit"));
    assert_int_equal(heddle_rejects_count(rejects), 3);
    heddle_rejects_close(rejects);
}

static void a_limit_as_a_share_counts_of_what_was_read_and_leaves_the_first_ten_alone(void **state)
{
    (void)state;
    const struct heddle_reject_limit limit = {.limited = true, .ratio = 0.001};
    struct heddle_rejects *rejects = open_with(&limit);
    for (int i = 0; i < HEDDLE_REJECT_LIMIT_FLOOR; i++) {
        assert_int_equal(add(rejects, "removal", NULL, 0, NULL), HEDDLE_OK);
    }
    heddle_rejects_expect(rejects, 11000);
    assert_int_equal(add(rejects, "removal", NULL, 0, NULL), HEDDLE_OK);
    assert_int_equal(add(rejects, "removal", NULL, 0, NULL), HEDDLE_REJECTED);
    const _Atomic uint64_t rows_read = 12000;
    heddle_rejects_follow(rejects, &rows_read);
    assert_int_equal(add(rejects, "removal", NULL, 0, NULL), HEDDLE_REJECTED); /* 13 of 12,000 */
    heddle_rejects_close(rejects);
}

static void a_receipt_whose_target_lost_a_row_does_not_balance(void **state)
{
    (void)state;
    struct heddle_receipt_target targets[] = {
        {.name = "a",
         .rows_offered = 10,
         .counts = {.read = 10, .created = 4, .matched = 3, .folded = 2, .rejected = 1}},
        {.name = "b", .rows_offered = 10, .counts = {.read = 10, .created = 9}},
    };
    struct heddle_receipt receipt = {.targets = targets, .target_count = 2};
    struct heddle_error error = {0};
    assert_int_equal(heddle_receipt_check(&receipt, &error), HEDDLE_UNBALANCED);
    assert_non_null(strstr(error.message, "'b'"));
    targets[1].counts.matched = 1;
    assert_int_equal(heddle_receipt_check(&receipt, &error), HEDDLE_OK);
    targets[1].rows_offered = 11; /* a batch that never reached the target */
    assert_int_equal(heddle_receipt_check(&receipt, &error), HEDDLE_UNBALANCED);
}

int main(void)
{
#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        ON_DISK(a_reject_names_its_row_its_reason_and_holds_the_row),
        ON_DISK(a_row_that_could_not_be_read_keeps_its_raw_text),
        ON_DISK(a_target_called_like_a_path_stays_in_the_folder),
        ON_DISK(a_new_run_does_not_mix_its_rejects_with_those_of_the_last),
        ON_DISK(the_number_that_passes_a_limit_in_rows_stops_the_load),
        ON_DISK(a_limit_as_a_share_counts_of_what_was_read_and_leaves_the_first_ten_alone),
        ON_DISK(a_resume_repeats_no_reject_and_loses_none),
        ON_DISK(the_same_row_of_another_micro_batch_is_another_reject),
        ON_DISK(a_line_that_was_cut_short_at_any_byte_is_written_again),
        ON_DISK(files_that_are_not_ours_are_named),
        cmocka_unit_test(a_receipt_whose_target_lost_a_row_does_not_balance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
