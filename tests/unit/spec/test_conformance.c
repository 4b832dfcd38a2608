/* test_conformance.c: the whole specs of neo4j/import-spec get the verdicts and codes that its own reader
 * gave them.
 *
 * The specs are another project's and are read where they lie: $HEDDLE_GOLDEN_DIR/import-spec or
 * ../shared/golden/import-spec, one line a spec in manifest.tsv. Without them the test is skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spec/job.h"

enum { COLUMN_NAME = 0, COLUMN_VERDICT = 1, COLUMN_SERVER = 8, COLUMN_PAIRS = 9, COLUMNS = 10 };

static char folder[4096];

struct counts {
    size_t specs, needs_server;
    size_t valid, valid_accepted;
    size_t invalid, invalid_refused;
    size_t coded,
        coded_equal; /* specs that name codes, and those where the same (code, path) pairs came back */
};

static bool find_folder(void)
{
    const char *golden = getenv("HEDDLE_GOLDEN_DIR");
    snprintf(folder, sizeof folder, "%s/import-spec", golden != NULL ? golden : "../shared/golden");
    char manifest[4200];
    snprintf(manifest, sizeof manifest, "%s/manifest.tsv", folder);
    return access(manifest, R_OK) == 0;
}

static bool has_problem(const struct heddle_job_problems *problems, const char *code, const char *path)
{
    for (size_t i = 0; i < problems->count; i++) {
        if (!problems->items[i].warning && strcmp(problems->items[i].code, code) == 0 &&
            strcmp(problems->items[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

/* Every pair was reported and nothing else was. */
static bool same_pairs(const struct heddle_job_problems *problems, json_t *pairs)
{
    size_t errors = 0;
    bool same = true;
    for (size_t i = 0; i < problems->count; i++) {
        errors += !problems->items[i].warning;
    }
    for (size_t i = 0; i < json_array_size(pairs); i++) {
        json_t *pair = json_array_get(pairs, i);
        same = same && has_problem(problems, json_string_value(json_array_get(pair, 0)),
                                   json_string_value(json_array_get(pair, 1)));
    }
    return same && errors == json_array_size(pairs);
}

static void print_difference(const char *name, int status, const struct heddle_job_problems *problems)
{
    print_message("differs: %s, status %d\n", name, status);
    for (size_t i = 0; i < problems->count; i++) {
        print_message("    %s %s %s: %s\n", problems->items[i].warning ? "warning" : "error",
                      problems->items[i].code, problems->items[i].path, problems->items[i].message);
    }
}

static void compare(char *const columns[COLUMNS], struct counts *counts)
{
    char path[8300];
    struct heddle_job *job = NULL;
    struct heddle_job_problems problems = {0};
    struct heddle_error error = {0};
    const bool valid = strcmp(columns[COLUMN_VERDICT], "valid") == 0;
    counts->specs++;
    if (strcmp(columns[COLUMN_SERVER], "-") != 0 && !valid) {
        counts->needs_server++; /* VERS-001: what a server's version allows is asked at load time */
        return;
    }
    snprintf(path, sizeof path, "%s/specs/%s", folder, columns[COLUMN_NAME]);
    const int status = heddle_job_read(path, &job, &problems, &error);
    json_t *pairs = json_loads(columns[COLUMN_PAIRS], 0, NULL);
    bool agrees = valid == (status == HEDDLE_OK);
    if (valid) {
        counts->valid++;
        counts->valid_accepted += agrees;
    } else {
        assert_int_not_equal(status, HEDDLE_OUT_OF_MEMORY);
        counts->invalid++;
        counts->invalid_refused += agrees;
        if (json_array_size(pairs) > 0) {
            counts->coded++;
            const bool equal = same_pairs(&problems, pairs);
            counts->coded_equal += equal;
            agrees = agrees && equal;
        }
    }
    if (!agrees) {
        print_difference(columns[COLUMN_NAME], status, &problems);
    }
    json_decref(pairs);
    heddle_job_problems_free(&problems);
    heddle_job_destroy(job);
}

static void every_spec_gets_the_verdict_and_the_codes_of_the_reference(void **state)
{
    (void)state;
    char manifest[4200];
    char *line = NULL;
    size_t room = 0;
    struct counts counts = {0};
    snprintf(manifest, sizeof manifest, "%s/manifest.tsv", folder);
    FILE *file = fopen(manifest, "r");
    assert_non_null(file);
    while (getline(&line, &room, file) > 0) {
        char *columns[COLUMNS];
        char *rest = line;
        size_t found = 0;
        line[strcspn(line, "\n")] = '\0';
        while (found < COLUMNS && rest != NULL) {
            columns[found++] = strsep(&rest, "\t");
        }
        assert_int_equal(found, COLUMNS);
        compare(columns, &counts);
    }
    free(line);
    fclose(file);
    print_message(
        "%zu specs: valid %zu of %zu accepted; invalid %zu of %zu refused; codes and paths %zu of %zu "
        "equal; %zu need a server's version\n",
        counts.specs, counts.valid_accepted, counts.valid, counts.invalid_refused, counts.invalid,
        counts.coded_equal, counts.coded, counts.needs_server);
    assert_true(counts.specs > 500);
    assert_int_equal(counts.valid_accepted, counts.valid);
    assert_int_equal(counts.invalid_refused, counts.invalid);
    assert_int_equal(counts.coded_equal, counts.coded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spec_gets_the_verdict_and_the_codes_of_the_reference),
    };
    if (!find_folder()) {
        printf("skipped: no %s/manifest.tsv; set HEDDLE_GOLDEN_DIR to the folder that holds import-spec/\n",
               folder);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
