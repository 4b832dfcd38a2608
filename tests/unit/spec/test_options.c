/* test_options.c: the option table: parsing by kind, precedence, environment, files, and the docs that follow
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "spec/job.h"
#include "spec/options.h"

/* A literal and its length, NULs inside counted. */
#define TEXT(literal) literal, sizeof literal - 1

static struct heddle_arena *arena;
static struct heddle_options options;
static struct heddle_error last_error;

static int setup(void **state)
{
    (void)state;
    const int status = heddle_arena_create(0, &arena, NULL);
    heddle_options_init(&options, arena);
    return status;
}

static int teardown(void **state)
{
    (void)state;
    heddle_arena_destroy(arena);
    return 0;
}

static const struct heddle_option *row(enum heddle_option_id id)
{
    return &heddle_option_table()[id];
}

/* main's environ has no const; nothing is written to it. */
static int take(const char *const *environment)
{
    return heddle_options_set_environment(&options, (char *const *)environment, &last_error);
}

/* Writes a file for one test; the caller unlinks it. */
static const char *file_of(const char *text, size_t length)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/heddle-options-XXXXXX");
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, length), length);
    close(descriptor);
    return path;
}

static void every_row_is_complete_and_stands_at_its_id(void **state)
{
    (void)state;
    for (size_t i = 0; i < HEDDLE_OPTION_COUNT; i++) {
        const struct heddle_option *option = row((enum heddle_option_id)i);
        assert_int_equal(option->id, i);
        assert_non_null(option->aliases);
        assert_non_null(option->choices);
        assert_non_null(option->placeholder);
        assert_true(strlen(option->help) > 10 && option->help[strlen(option->help) - 1] == '.');
        assert_true(option->kind != HEDDLE_OPTION_CHOICE || option->choices[0] != NULL);
        if (option->default_text[0] != '\0') {
            struct heddle_option_value value;
            assert_int_equal(heddle_option_parse(option, "x", option->default_text, &value, NULL), HEDDLE_OK);
            assert_string_equal(options.values[i].text, option->default_text);
        } else {
            assert_null(options.values[i].text);
        }
        assert_int_equal(options.values[i].origin, HEDDLE_ORIGIN_DEFAULT);
    }
}

static void a_row_is_found_by_name_flag_or_alias(void **state)
{
    (void)state;
    assert_ptr_equal(heddle_option_find("batch_rows"), row(HEDDLE_OPTION_BATCH_ROWS));
    assert_ptr_equal(heddle_option_find("batch-rows"), row(HEDDLE_OPTION_BATCH_ROWS));
    assert_ptr_equal(heddle_option_find("BATCH_SIZE"), row(HEDDLE_OPTION_BATCH_ROWS));
    assert_ptr_equal(heddle_option_find("batch_size"), row(HEDDLE_OPTION_BATCH_ROWS));
    assert_ptr_equal(heddle_option_find("NEO4J_USER"), row(HEDDLE_OPTION_USERNAME));
    assert_null(heddle_option_find("batch rows"));
    assert_null(heddle_option_find("batch"));
    assert_null(heddle_option_find(""));
}

static void the_nearest_name_is_offered_as_a_flag(void **state)
{
    (void)state;
    assert_string_equal(heddle_option_nearest("batch-row"), "batch-rows");
    assert_string_equal(heddle_option_nearest("batch_row"), "batch-rows");
    assert_string_equal(heddle_option_nearest("writer"), "writers");
    assert_null(heddle_option_nearest("flux_capacitor"));
    for (size_t i = 0; i < HEDDLE_OPTION_COUNT; i++) { /* the kebab names follow the table */
        assert_ptr_equal(heddle_option_find(heddle_option_nearest(row((enum heddle_option_id)i)->name)),
                         row((enum heddle_option_id)i));
    }
}

static void values_are_read_by_kind_with_their_units(void **state)
{
    (void)state;
    static const struct {
        enum heddle_option_id id;
        const char *text;
        int64_t number;
    } rows[] = {
        {HEDDLE_OPTION_FRESH, "true", 1},
        {HEDDLE_OPTION_FRESH, "No", 0},
        {HEDDLE_OPTION_YES, "1", 1},
        {HEDDLE_OPTION_BATCH_ROWS, "auto", 0},
        {HEDDLE_OPTION_BATCH_ROWS, "100000", 100000},
        {HEDDLE_OPTION_LIMIT, "9223372036854775807", INT64_MAX},
        {HEDDLE_OPTION_BATCH_BYTES, "65536", 65536},
        {HEDDLE_OPTION_BATCH_BYTES, "4MB", 4000000},
        {HEDDLE_OPTION_BATCH_BYTES, "4MiB", 4194304},
        {HEDDLE_OPTION_BATCH_BYTES, "4 mib", 4194304},
        {HEDDLE_OPTION_BATCH_BYTES, "64KiB", 65536},
        {HEDDLE_OPTION_BATCH_BYTES, "8m", 8388608},
        {HEDDLE_OPTION_TX_TIMEOUT, "1500ms", 1500},
        {HEDDLE_OPTION_TX_TIMEOUT, "5", 5000},
        {HEDDLE_OPTION_TX_TIMEOUT, "5s", 5000},
        {HEDDLE_OPTION_TX_TIMEOUT, "5 min", 300000},
        {HEDDLE_OPTION_TX_TIMEOUT, "2h", 7200000},
        {HEDDLE_OPTION_VECTOR_INDEX, "after", 2},
        {HEDDLE_OPTION_PRECISION, "BF16", 2},
        {HEDDLE_OPTION_VERIFY, "false", 0}, /* how YAML hands over `off` */
        {HEDDLE_OPTION_REJECT_LIMIT, "none", INT64_MAX},
        {HEDDLE_OPTION_REJECT_LIMIT, "0", 0},
        {HEDDLE_OPTION_REJECT_LIMIT, "250", 250},
        {HEDDLE_OPTION_REJECT_LIMIT, "0.5%", 10},
        {HEDDLE_OPTION_REJECT_LIMIT, "0%", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct heddle_option_value value = {0};
        if (heddle_option_parse(row(rows[i].id), "x", rows[i].text, &value, &last_error) != HEDDLE_OK) {
            fail_msg("%s: %s", rows[i].text, last_error.message);
        }
        assert_int_equal(value.number, rows[i].number);
    }
    struct heddle_option_value value = {0};
    assert_int_equal(heddle_option_parse(row(HEDDLE_OPTION_REJECT_LIMIT), "x", "0.1%", &value, NULL),
                     HEDDLE_OK);
    assert_true(value.ratio > 0.000999 && value.ratio < 0.001001);
    assert_int_equal(heddle_option_parse(row(HEDDLE_OPTION_REJECT_LIMIT), "x", "7", &value, NULL), HEDDLE_OK);
    assert_true(value.ratio < 0);
}

static void a_wrong_value_is_told_with_name_text_and_what_is_allowed(void **state)
{
    (void)state;
    static const struct {
        enum heddle_option_id id;
        const char *text;
        const char *message;
    } rows[] = {
        {HEDDLE_OPTION_WRITERS, "0", "--x: expected a whole number from 1 to 256 or auto, found '0'"},
        {HEDDLE_OPTION_WRITERS, "4x", "--x: expected a whole number from 1 to 256 or auto, found '4x'"},
        {HEDDLE_OPTION_WRITERS, "99999999999999999999", "found '99999999999999999999'"},
        {HEDDLE_OPTION_LIMIT, "auto", "--x: expected a whole number from 1 on, found 'auto'"},
        {HEDDLE_OPTION_BATCH_BYTES, "1KiB",
         "--x: expected a size from 64KiB to 64MiB, such as 4MiB, found '1KiB'"},
        {HEDDLE_OPTION_BATCH_BYTES, "4XB", "found '4XB'"},
        {HEDDLE_OPTION_BATCH_BYTES, "9999999999gib", "found '9999999999gib'"},
        {HEDDLE_OPTION_TX_TIMEOUT, "1ms", "--x: expected a time from 1s to 24h"},
        {HEDDLE_OPTION_TX_TIMEOUT, "5 parsecs", "found '5 parsecs'"},
        {HEDDLE_OPTION_FRESH, "maybe", "--x: expected true or false, found 'maybe'"},
        {HEDDLE_OPTION_VERIFY, "all", "--x: expected one of off, sample, strict, found 'all'"},
        {HEDDLE_OPTION_REJECT_LIMIT, "101%", "a share such as 0.1%"},
        {HEDDLE_OPTION_REJECT_LIMIT, "1e1%", "a share such as 0.1%"},
        {HEDDLE_OPTION_REJECT_LIMIT, "-1", "a share such as 0.1%"},
        {HEDDLE_OPTION_DATABASE, "", "--x: expected a value, found ''"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(
            heddle_options_set(&options, rows[i].id, rows[i].text, HEDDLE_ORIGIN_FLAG, "--x", &last_error),
            HEDDLE_INVALID);
        if (strstr(last_error.message, rows[i].message) == NULL) {
            fail_msg("expected '%s' in '%s'", rows[i].message, last_error.message);
        }
        assert_int_equal(options.values[rows[i].id].origin, HEDDLE_ORIGIN_DEFAULT);
    }
}

static void flag_beats_environment_beats_env_file_beats_job_beats_default(void **state)
{
    (void)state;
    static const char text[] = "version: '1'\nconfig: {writers: 2, batch_rows: 2, limit: 2, verify: strict}\n"
                               "sources: [{name: s, type: generate}]\n"
                               "targets: {queries: [{name: q, source: s, query: RETURN 1}]}\n";
    const char *environment[] = {"HEDDLE_WRITERS=4", "HEDDLE_BATCH_ROWS=4", NULL};
    struct heddle_job *job = NULL;
    assert_int_equal(heddle_job_parse("j.yaml", text, strlen(text), &job, NULL, &last_error), HEDDLE_OK);
    const char *path = file_of(TEXT("HEDDLE_WRITERS=3\nHEDDLE_BATCH_ROWS=3\nHEDDLE_LIMIT=3\n"));
    /* In an order that would be wrong if the last one simply won. */
    assert_int_equal(
        heddle_options_set(&options, HEDDLE_OPTION_WRITERS, "5", HEDDLE_ORIGIN_FLAG, "--writers", NULL),
        HEDDLE_OK);
    assert_int_equal(take(environment), HEDDLE_OK);
    assert_int_equal(heddle_options_set_env_file(&options, path, &last_error), HEDDLE_OK);
    assert_int_equal(heddle_options_set_job(&options, job, NULL), HEDDLE_OK);
    assert_int_equal(options.values[HEDDLE_OPTION_WRITERS].number, 5);
    assert_string_equal(options.values[HEDDLE_OPTION_WRITERS].origin_name, "--writers");
    assert_int_equal(options.values[HEDDLE_OPTION_BATCH_ROWS].number, 4);
    assert_string_equal(options.values[HEDDLE_OPTION_BATCH_ROWS].origin_name, "HEDDLE_BATCH_ROWS");
    assert_int_equal(options.values[HEDDLE_OPTION_LIMIT].number, 3);
    assert_non_null(strstr(options.values[HEDDLE_OPTION_LIMIT].origin_name, "HEDDLE_LIMIT in /tmp/heddle"));
    assert_int_equal(options.values[HEDDLE_OPTION_VERIFY].number, 2);
    assert_string_equal(options.values[HEDDLE_OPTION_VERIFY].origin_name, "config.verify");
    assert_int_equal(options.values[HEDDLE_OPTION_TX_TIMEOUT].origin, HEDDLE_ORIGIN_DEFAULT);
    unlink(path);
    heddle_job_destroy(job);
}

static void the_own_name_beats_the_alias_and_empty_counts_as_not_set(void **state)
{
    (void)state;
    const char *environment[] = {
        "HEDDLE_TO=bolt://own", "NEO4J_URI=bolt://alias", "NEO4J_USERNAME=first", "NEO4J_USER=second",
        "HEDDLE_DATABASE=",     "NEO4J_DATABASE=db",      "HEDDLE_NO_SUCH=1",     NULL};
    assert_int_equal(take(environment), HEDDLE_OK);
    assert_string_equal(heddle_options_uri(&options), "bolt://own");
    assert_string_equal(options.values[HEDDLE_OPTION_USERNAME].text, "first");
    assert_string_equal(options.values[HEDDLE_OPTION_DATABASE].text, "db");
}

static void the_uri_is_to_or_protocol_and_host_whichever_is_nearer(void **state)
{
    (void)state;
    assert_null(heddle_options_uri(&options));
    const char *host[] = {"NEO4J_HOST=h.example:7687", NULL};
    assert_int_equal(take(host), HEDDLE_OK);
    assert_string_equal(heddle_options_uri(&options), "neo4j://h.example:7687");
    const char *both[] = {"NEO4J_HOST=h.example", "NEO4J_PROTOCOL=neo4j+s", NULL};
    assert_int_equal(take(both), HEDDLE_OK);
    assert_string_equal(heddle_options_uri(&options), "neo4j+s://h.example");
    /* The env file's NEO4J_URI is farther away than the environment's pair. */
    const char *path = file_of(TEXT("NEO4J_URI=bolt://file\n"));
    assert_int_equal(heddle_options_set_env_file(&options, path, NULL), HEDDLE_OK);
    unlink(path);
    assert_string_equal(heddle_options_uri(&options), "neo4j+s://h.example");
    assert_int_equal(
        heddle_options_set(&options, HEDDLE_OPTION_TO, "bolt://flag", HEDDLE_ORIGIN_FLAG, "--to", NULL),
        HEDDLE_OK);
    assert_string_equal(heddle_options_uri(&options), "bolt://flag");
}

static void an_env_file_is_read_as_a_shell_would(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf# Wait 60 seconds before connecting\r\n"
                               "NEO4J_URI=neo4j+s://x.databases.neo4j.io\r\n"
                               "\r\n"
                               "export NEO4J_USERNAME = 'neo 4j' # a comment\n"
                               "NEO4J_PASSWORD=\"p\\\"a#s=s\"\n"
                               "  NEO4J_DATABASE=neo4j   # home\n"
                               "AURA_INSTANCEID=abc\n"
                               "HEDDLE_MODEL=a#b";
    const char *path = file_of(text, strlen(text));
    const char *password = NULL;
    assert_int_equal(heddle_options_set_env_file(&options, path, &last_error), HEDDLE_OK);
    unlink(path);
    assert_string_equal(heddle_options_uri(&options), "neo4j+s://x.databases.neo4j.io");
    assert_string_equal(options.values[HEDDLE_OPTION_USERNAME].text, "neo 4j");
    assert_string_equal(options.values[HEDDLE_OPTION_DATABASE].text, "neo4j");
    assert_string_equal(options.values[HEDDLE_OPTION_MODEL].text, "a#b");
    assert_int_equal(heddle_options_password(&options, &password, NULL), HEDDLE_OK);
    assert_string_equal(password, "p\"a#s=s");
}

static void a_bad_env_file_is_told_by_line_and_never_by_content(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *part;
    } rows[] = {
        {"A=1\nhunter2\n", "line 2: no '='"},
        {"=hunter2\n", "line 1: no plain name"},
        {"NEO4J_PASSWORD=\"hunter2\n", "line 1: a quote that is not closed"},
        {"NEO4J_PASSWORD='hunter2' x\n", "line 1: a quote that is not closed, or text behind it"},
        {"a b=hunter2\n", "line 1: no plain name"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *path = file_of(rows[i].text, strlen(rows[i].text));
        assert_int_equal(heddle_options_set_env_file(&options, path, &last_error), HEDDLE_INVALID);
        unlink(path);
        assert_non_null(strstr(last_error.message, path));
        if (strstr(last_error.message, rows[i].part) == NULL) {
            fail_msg("expected '%s' in '%s'", rows[i].part, last_error.message);
        }
        assert_null(strstr(last_error.message, "hunter2"));
    }
    assert_int_equal(heddle_options_set_env_file(&options, "no/such/file", &last_error), HEDDLE_INVALID);
    assert_non_null(strstr(last_error.message, "cannot read the env file no/such/file: No such file"));
    assert_int_equal(heddle_options_set_env_file(&options, "/", &last_error), HEDDLE_INVALID);
    const char *path = file_of(TEXT("A=\0b\n"));
    assert_int_equal(heddle_options_set_env_file(&options, path, &last_error), HEDDLE_INVALID);
    unlink(path);
    assert_non_null(strstr(last_error.message, "is no text"));
}

static void the_password_comes_from_its_file_then_environment_then_env_file(void **state)
{
    (void)state;
    const char *password = "x";
    assert_int_equal(heddle_options_password(&options, &password, NULL), HEDDLE_OK);
    assert_null(password);
    const char *environment[] = {"NEO4J_PASSWORD=from-environment", NULL};
    assert_int_equal(take(environment), HEDDLE_OK);
    const char *path = file_of(TEXT("NEO4J_PASSWORD=from-file\n"));
    assert_int_equal(heddle_options_set_env_file(&options, path, NULL), HEDDLE_OK);
    unlink(path);
    assert_int_equal(heddle_options_password(&options, &password, NULL), HEDDLE_OK);
    assert_string_equal(password, "from-environment");
    path = file_of(TEXT("first line\r\nsecond\n"));
    assert_int_equal(heddle_options_set(&options, HEDDLE_OPTION_PASSWORD_FILE, path, HEDDLE_ORIGIN_FLAG,
                                        "--password-file", NULL),
                     HEDDLE_OK);
    assert_int_equal(heddle_options_password(&options, &password, NULL), HEDDLE_OK);
    assert_string_equal(password, "first line");
    unlink(path);
    assert_int_equal(heddle_options_password(&options, &password, &last_error), HEDDLE_INVALID);
    assert_non_null(strstr(last_error.message, "cannot read the password file /tmp/heddle"));
}

static void a_password_file_without_a_password_is_refused(void **state)
{
    (void)state;
    static char longest[5000];
    memset(longest, 'x', sizeof longest);
    const struct {
        const char *text;
        size_t length;
        const char *part;
    } rows[] = {{TEXT(""), "empty line"},
                {TEXT("\nsecret\n"), "empty line"},
                {TEXT("a\0b\n"), "is no text"},
                {longest, sizeof longest, "more than 4096 bytes"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *password = NULL;
        const char *path = file_of(rows[i].text, rows[i].length);
        assert_int_equal(heddle_options_set(&options, HEDDLE_OPTION_PASSWORD_FILE, path, HEDDLE_ORIGIN_FLAG,
                                            "--password-file", NULL),
                         HEDDLE_OK);
        assert_int_equal(heddle_options_password(&options, &password, &last_error), HEDDLE_INVALID);
        assert_non_null(strstr(last_error.message, rows[i].part));
        assert_null(strstr(last_error.message, "secret"));
        assert_null(password);
        unlink(path);
    }
}

static void help_for_a_terminal_fits_80_columns_and_names_every_option(void **state)
{
    (void)state;
    struct heddle_buffer out = {0};
    heddle_options_help(&out, false);
    char *text = strdup(heddle_buffer_text(&out));
    for (size_t i = 0; i < HEDDLE_OPTION_COUNT; i++) {
        char flag[64];
        snprintf(flag, sizeof flag, "\n  --%s", heddle_option_nearest(row((enum heddle_option_id)i)->name));
        assert_non_null(strstr(text, flag));
    }
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        size_t width = 0;
        for (size_t i = 0; line[i] != '\0'; i++) {
            width += ((unsigned char)line[i] & 0xc0) != 0x80;
        }
        assert_true(width <= 80);
    }
    free(text);
    heddle_buffer_free(&out);
}

/* To renew docs/job-file.md after a change of the table: HEDDLE_WRITE_DOCS=1 on this program. */
static void the_docs_hold_the_table_as_it_is(void **state)
{
    (void)state;
    static const char begin[] = "<!-- settings: begin -->\n";
    static const char end[] = "<!-- settings: end -->\n";
    static char docs[200000];
    struct heddle_buffer out = {0};
    FILE *file = fopen("docs/job-file.md", "r");
    assert_non_null(file);
    const size_t length = fread(docs, 1, sizeof docs - 1, file);
    fclose(file);
    docs[length] = '\0';
    char *from = strstr(docs, begin);
    char *to = strstr(docs, end);
    assert_non_null(from);
    assert_non_null(to);
    from += strlen(begin);
    heddle_options_help(&out, true);
    if (getenv("HEDDLE_WRITE_DOCS") != NULL) {
        file = fopen("docs/job-file.md", "w");
        assert_non_null(file);
        fprintf(file, "%.*s%s%s", (int)(from - docs), docs, heddle_buffer_text(&out), to);
        fclose(file);
    } else {
        *to = '\0';
        assert_string_equal(from, heddle_buffer_text(&out));
    }
    heddle_buffer_free(&out);
}

static void explaining_shows_origins_and_no_secret(void **state)
{
    (void)state;
    struct heddle_buffer out = {0};
    const char *environment[] = {"NEO4J_PASSWORD=hunter2", "HEDDLE_TO=neo4j://user:hunter3@h:1",
                                 "HEDDLE_WRITERS=3", NULL};
    assert_int_equal(take(environment), HEDDLE_OK);
    heddle_options_explain(&options, &out);
    const char *text = heddle_buffer_text(&out);
    assert_non_null(strstr(text, "writers        3  (HEDDLE_WRITERS)\n"));
    assert_non_null(strstr(text, "batch_rows     auto  (default)\n"));
    assert_non_null(strstr(text, "database       (not set)\n"));
    assert_non_null(strstr(text, "to             neo4j://…@h:1  (HEDDLE_TO)\n"));
    assert_non_null(strstr(text, "password       (set)  (NEO4J_PASSWORD)\n"));
    assert_null(strstr(text, "hunter"));
    heddle_buffer_free(&out);
}

static void every_failed_allocation_is_reported_and_nothing_leaks(void **state)
{
    (void)state;
    const char *environment[] = {"NEO4J_PASSWORD=p", "NEO4J_HOST=h", "HEDDLE_WRITERS=3", NULL};
    const char *path = file_of(TEXT("HEDDLE_LIMIT=3\nNEO4J_URI='bolt://x'\n"));
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t at = 0;
    for (; status == HEDDLE_OUT_OF_MEMORY; at++) {
        struct heddle_arena *own = NULL;
        assert_int_equal(heddle_arena_create(16, &own, NULL), HEDDLE_OK);
        heddle_options_init(&options, own);
        heddle_memory_fail_at(at);
        status = take(environment);
        if (status == HEDDLE_OK) {
            status = heddle_options_set_env_file(&options, path, &last_error);
        }
        heddle_memory_fail_at(-1);
        heddle_arena_destroy(own);
    }
    unlink(path);
    assert_int_equal(status, HEDDLE_OK);
    assert_true(at > 5);
}

static void a_bearer_token_comes_from_the_environment_and_is_never_shown(void **state)
{
    (void)state;
    assert_null(heddle_options_bearer_token(&options));
    char variable[] = "NEO4J_BEARER_TOKEN=abc.def", common[] = "BATCH_SIZE=77";
    char *environment[] = {variable, common, NULL};
    assert_int_equal(heddle_options_set_environment(&options, environment, NULL), HEDDLE_OK);
    assert_string_equal(heddle_options_bearer_token(&options), "abc.def");
    /* A name as common as BATCH_SIZE is not taken from a shell. */
    assert_int_equal(options.values[HEDDLE_OPTION_BATCH_ROWS].origin, HEDDLE_ORIGIN_DEFAULT);
    struct heddle_buffer text = {0};
    heddle_options_explain(&options, &text);
    assert_non_null(strstr(heddle_buffer_text(&text), "bearer token"));
    assert_null(strstr(heddle_buffer_text(&text), "abc.def"));
    heddle_buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_row_is_complete_and_stands_at_its_id, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_is_found_by_name_flag_or_alias, setup, teardown),
        cmocka_unit_test_setup_teardown(the_nearest_name_is_offered_as_a_flag, setup, teardown),
        cmocka_unit_test_setup_teardown(values_are_read_by_kind_with_their_units, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_value_is_told_with_name_text_and_what_is_allowed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(flag_beats_environment_beats_env_file_beats_job_beats_default, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_own_name_beats_the_alias_and_empty_counts_as_not_set, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_uri_is_to_or_protocol_and_host_whichever_is_nearer, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_env_file_is_read_as_a_shell_would, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_env_file_is_told_by_line_and_never_by_content, setup, teardown),
        cmocka_unit_test_setup_teardown(the_password_comes_from_its_file_then_environment_then_env_file,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_password_file_without_a_password_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(help_for_a_terminal_fits_80_columns_and_names_every_option, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_docs_hold_the_table_as_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(explaining_shows_origins_and_no_secret, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bearer_token_comes_from_the_environment_and_is_never_shown, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_failed_allocation_is_reported_and_nothing_leaks, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
