/* test_change_feed.c: a Delta table's change feed into a graph file, run after run: what rows become, and what goes with them.
 *
 * The table and the graph are compared after each run: the nodes are the table's rows, the relationships join each to its
 * aircraft, and nothing else joins anything. The oracle is an array of rows; files and log are written by hand. */
#include "unit/source/delta_fixture.h"

#include "base/hash.h"
#include "run/run.h"

enum { IDS = 12, TAILS = 4 };

/* The table as it is now. */
struct row {
    bool live;
    int tail;
    int text;
};

static struct row rows[IDS];
static int version;
static char files[64][32]; /* live data files */
static size_t file_count;

static char feed[4096]; /* VALUES of the change file at hand */
static char log_text[8192];

/* Writes data files, and looks into graphs. */
static struct heddle_duck *duck;
static struct heddle_duck_connection *connection;

static int open_duck(void **state)
{
    (void)state;
    return heddle_duck_open(&(struct heddle_duck_options){0}, &duck, NULL) == HEDDLE_OK &&
                   heddle_duck_connect(duck, &connection, NULL) == HEDDLE_OK
               ? 0
               : -1;
}

static int close_duck(void **state)
{
    (void)state;
    heddle_duck_disconnect(connection);
    heddle_duck_close(duck);
    return 0;
}

static void execute(const char *sql)
{
    struct heddle_error error = {0};
    if (heddle_duck_execute(connection, sql, &error) != HEDDLE_OK) {
        fail_msg("%s: %s", sql, error.message);
    }
}

static int begin(void **state)
{
    memset(rows, 0, sizeof rows);
    version = 0;
    file_count = 0;
    return table_make(state);
}

/* ---- commits ---- */

static void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void log_line(const char *format, ...)
{
    va_list arguments;
    const size_t length = strlen(log_text);
    va_start(arguments, format);
    vsnprintf(log_text + length, sizeof log_text - length, format, arguments);
    va_end(arguments);
}

static void commit(void)
{
    commit_write(version, version == 0 ? PROTOCOL_1 : "", log_text, NULL, NULL);
    version++;
    log_text[0] = '\0';
    feed[0] = '\0';
}

static void say(const char *change, int id, const struct row *row)
{
    const size_t length = strlen(feed);
    snprintf(feed + length, sizeof feed - length, "%s(%d, 'N%d', 'text %d'%s%s%s)", length > 0 ? ", " : "",
             id, row->tail, row->text, change != NULL ? ", '" : "", change != NULL ? change : "",
             change != NULL ? "'" : "");
}

static void parquet(const char *name, bool changes)
{
    char sql[6000];
    snprintf(
        sql, sizeof sql,
        "COPY (SELECT id::BIGINT AS id, tail, text%s FROM (VALUES %s) t(id, tail, text%s)) TO '%s' (FORMAT "
        "parquet)",
        changes ? ", _change_type" : "", feed, changes ? ", _change_type" : "", path_of(name));
    execute(sql);
}

/* Adds a file of all live rows from `first` on. */
static void add_file(int first)
{
    char name[32];
    snprintf(name, sizeof name, "%d.parquet", version);
    feed[0] = '\0';
    for (int id = first; id < IDS; id++) {
        if (rows[id].live) {
            say(NULL, id, &rows[id]);
        }
    }
    if (feed[0] != '\0') {
        parquet(name, false);
        snprintf(files[file_count++], sizeof files[0], "%s", name);
        log_line("{\"add\":{\"path\":\"%s\",\"partitionValues\":{},\"size\":1,\"modificationTime\":1,"
                 "\"dataChange\":true}}\n",
                 name);
    }
}

static void remove_files(void)
{
    for (size_t i = 0; i < file_count; i++) {
        log_line("{\"remove\":{\"path\":\"%s\",\"deletionTimestamp\":2,\"dataChange\":true,"
                 "\"extendedFileMetadata\":true,\"partitionValues\":{},\"size\":1}}\n",
                 files[i]);
    }
    file_count = 0;
}

static void table_begin(void)
{
    log_line("%s", metadata_of(FIELD("id", "long") "," FIELD("tail", "string") "," FIELD("text", "string"),
                               "", "\"delta.enableChangeDataFeed\":\"true\""));
    add_file(0);
    commit();
}

/* A commit with a change file: what stands in `feed`; the data files are written anew. */
static void change_commit(void)
{
    char name[32];
    char said[sizeof feed];
    snprintf(name, sizeof name, "cdc-%d.parquet", version);
    parquet(name, true);
    log_line("{\"cdc\":{\"path\":\"%s\",\"partitionValues\":{},\"size\":1,\"dataChange\":false}}\n", name);
    snprintf(said, sizeof said, "%s", feed);
    remove_files();
    add_file(0);
    commit();
}

static void insert(int id, int tail, int text)
{
    rows[id] = (struct row){.live = true, .tail = tail, .text = text};
    say("insert", id, &rows[id]);
}

static void delete (int id)
{
    say("delete", id, &rows[id]);
    rows[id].live = false;
}

static void update(int id, int tail, int text)
{
    say("update_preimage", id, &rows[id]);
    rows[id] = (struct row){.live = true, .tail = tail, .text = text};
    say("update_postimage", id, &rows[id]);
}

/* ---- runs ---- */

struct says {
    const char *source;
    const char *removal;
    const char *aircraft;
    const char *relationship;
};

#define FEED ", readChangeFeed: true"
static const struct says deletes = {FEED, "delete", "keep", "delete"};
static const struct says silent = {FEED, NULL, NULL, NULL};

static const char *job_text(const struct says *says)
{
    static char text[4096];
    const char *words[3] = {says->removal, says->aircraft, says->relationship};
    char on_delete[3][40] = {"", "", ""};
    for (size_t i = 0; i < 3; i++) {
        if (words[i] != NULL) {
            snprintf(on_delete[i], sizeof on_delete[i], "      on_delete: %s\n", words[i]);
        }
    }
    snprintf(
        text, sizeof text,
        "version: '1'\n"
        "sources: [{name: rows, type: delta, path: %s%s}]\n"
        "targets:\n"
        "  nodes:\n"
        "    - name: removal\n      source: rows\n      labels: [Removal]\n"
        "      properties: [{source_field: id, target_property: id}, {source_field: text, target_property: "
        "text}]\n"
        "      schema: {unique_constraints: [{name: r, label: Removal, properties: [id]}]}\n%s"
        "    - name: aircraft\n      source: rows\n      labels: [Aircraft]\n"
        "      properties: [{source_field: tail, target_property: tail}]\n"
        "      schema: {unique_constraints: [{name: a, label: Aircraft, properties: [tail]}]}\n%s"
        "  relationships:\n"
        "    - name: removed_from\n      source: rows\n      type: REMOVED_FROM\n      write_mode: merge\n"
        "      start_node_reference: removal\n      end_node_reference: aircraft\n%s",
        folder, says->source, on_delete[0], on_delete[1], on_delete[2]);
    return text;
}

/* What a run answered. */
struct ran {
    int status;
    struct heddle_error error;
    uint64_t counts[3][6]; /* a target: read, created, matched, folded, rejected, removed */
};

static void counts_copy(struct ran *ran, const struct heddle_receipt *receipt)
{
    for (size_t i = 0; i < receipt->target_count && receipt->targets != NULL; i++) {
        const struct heddle_target_counts *counts = &receipt->targets[i].counts;
        const uint64_t all[6] = {counts->read,   counts->created,  counts->matched,
                                 counts->folded, counts->rejected, counts->removed};
        memcpy(ran->counts[i], all, sizeof all);
    }
}

/* Runs the job; with `fail_at` above 0 the allocation of that number fails. */
static struct ran run_job(const struct says *says, int64_t fail_at)
{
    struct ran ran = {0};
    struct heddle_arena *arena = NULL;
    struct heddle_options options;
    struct heddle_job *job = NULL;
    struct heddle_job_problems problems = {0};
    struct heddle_run *run = NULL;
    char to[128];
    const char *text = job_text(says);
    snprintf(to, sizeof to, "duckdb:%s", path_of("graph.duckdb"));
    assert_int_equal(heddle_arena_create(0, &arena, NULL), HEDDLE_OK);
    heddle_options_init(&options, arena);
    assert_int_equal(heddle_options_set(&options, HEDDLE_OPTION_TO, to, HEDDLE_ORIGIN_FLAG, "--to", NULL),
                     HEDDLE_OK);
    assert_int_equal(heddle_options_set(&options, HEDDLE_OPTION_CHECKPOINT, path_of("checkpoint"),
                                        HEDDLE_ORIGIN_FLAG, "--checkpoint", NULL),
                     HEDDLE_OK);
    if (heddle_job_parse("job.yaml", text, strlen(text), &job, &problems, &ran.error) != HEDDLE_OK) {
        fail_msg("%s", ran.error.message);
    }
    if (fail_at > 0) {
        heddle_memory_fail_at(fail_at);
    }
    ran.status = heddle_run_open(job, &options, &run, &ran.error);
    if (ran.status == HEDDLE_OK) {
        ran.status = heddle_run_execute(run, &ran.error);
        counts_copy(&ran, heddle_run_receipt(run));
    }
    heddle_memory_fail_at(-1);
    heddle_run_close(run);
    heddle_job_destroy(job);
    heddle_job_problems_free(&problems);
    heddle_arena_destroy(arena);
    return ran;
}

static struct ran run_well(const struct says *says)
{
    struct ran ran = run_job(says, 0);
    if (ran.status != HEDDLE_OK) {
        fail_msg("%s", ran.error.message);
    }
    return ran;
}

static void assert_counts(const struct ran *ran, size_t target, uint64_t read, uint64_t created,
                          uint64_t matched, uint64_t folded, uint64_t removed)
{
    const uint64_t wanted[6] = {read, created, matched, folded, 0, removed};
    for (size_t i = 0; i < 6; i++) {
        if (ran->counts[target][i] != wanted[i]) {
            fail_msg("target %zu, count %zu: %llu, not %llu", target, i,
                     (unsigned long long)ran->counts[target][i], (unsigned long long)wanted[i]);
        }
    }
}

/* ---- the graph ---- */

static const char *graph_text(const char *sql)
{
    static char texts[2][4096];
    static unsigned turn;
    char *text = texts[turn++ % 2];
    char attach[200];
    struct heddle_duck_result *result = NULL;
    struct heddle_batch *batch = NULL;
    struct heddle_error error = {0};
    snprintf(attach, sizeof attach, "ATTACH '%s' AS g (READ_ONLY)", path_of("graph.duckdb"));
    execute(attach);
    if (heddle_duck_query(connection, sql, &result, &error) != HEDDLE_OK ||
        heddle_duck_result_next(result, 0, &batch, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    heddle_column_print(&batch->columns[0], 0, text, sizeof texts[0]);
    heddle_batch_release(batch);
    heddle_duck_result_destroy(result);
    execute("DETACH g");
    return text;
}

static void assert_graph_is_table(void)
{
    char wanted[4096] = "";
    for (int id = 0; id < IDS; id++) {
        const size_t length = strlen(wanted);
        if (rows[id].live) {
            snprintf(wanted + length, sizeof wanted - length, "%d=text %d,N%d;", id, rows[id].text,
                     rows[id].tail);
        }
    }
    /* Outer, so that a node without its relationship shows, and a relationship without its node. */
    assert_string_equal(
        graph_text(
            "SELECT coalesce(string_agg(coalesce(id || '=' || text, '?') || ',' || coalesce(end_tail, '?') "
            "|| ';', '' ORDER BY id, end_tail), '') FROM g.\"Removal\" FULL JOIN g.\"REMOVED_FROM\" ON id "
            "= start_id"),
        wanted);
}

static void three_rows(void)
{
    rows[1] = (struct row){true, 1, 1};
    rows[2] = (struct row){true, 1, 2};
    rows[3] = (struct row){true, 2, 3};
    table_begin();
}

/* ---- claims ---- */

static void deleted_rows_take_their_nodes_and_relationships_along(void **state)
{
    (void)state;
    three_rows();
    run_well(&deletes);
    assert_graph_is_table();
    delete (2);
    update(1, 2, 1);
    insert(4, 3, 4);
    change_commit();
    const struct ran ran = run_well(&deletes);
    assert_graph_is_table();
    assert_counts(&ran, 0, 3, 1, 1, 0, 1);
    assert_counts(&ran, 1, 2, 1, 1, 0, 0);
    /* Of the relationships one is deleted, one moved to another aircraft. */
    assert_counts(&ran, 2, 4, 2, 0, 0, 2);
    assert_string_equal(graph_text("SELECT string_agg(tail, ',' ORDER BY tail) FROM g.\"Aircraft\""),
                        "N1,N2,N3");
}

static void a_deleted_row_stops_a_job_that_does_not_say_what_it_means_and_can_be_told(void **state)
{
    (void)state;
    three_rows();
    run_well(&silent);
    insert(5, 1, 5);
    delete (3);
    change_commit();
    update(5, 1, 6);
    change_commit();
    const struct ran stopped = run_job(&silent, 0);
    assert_int_equal(stopped.status, HEDDLE_SOURCE);
    assert_non_null(
        strstr(stopped.error.message, "version 1 of the table deletes 3, which target 'removal' wrote"));
    assert_non_null(strstr(stopped.error.message, "on_delete: delete"));
    const struct ran ran = run_well(&deletes);
    assert_graph_is_table();
    /* What the stopped run wrote is not written, nor counted, twice. */
    assert_counts(&ran, 0, 3, 1, 1, 0, 1);
}

static void what_is_kept_stays(void **state)
{
    (void)state;
    static const struct says keeps = {FEED, "keep", "keep", "keep"};
    three_rows();
    run_well(&keeps);
    delete (2);
    update(1, 3, 9);
    change_commit();
    const struct ran ran = run_well(&keeps);
    assert_counts(&ran, 0, 1, 0, 1, 0, 0);
    assert_string_equal(
        graph_text("SELECT string_agg(id || '=' || text, ',' ORDER BY id) FROM g.\"Removal\""),
        "1=text 9,2=text 2,3=text 3");
    static const struct says ignores = {FEED ", ignoreDeletes: true", NULL, NULL, NULL};
    delete (3);
    change_commit();
    run_well(&ignores);
    assert_string_equal(graph_text("SELECT count(*)::VARCHAR FROM g.\"Removal\""), "3");
}

/* All of it in one micro-batch: the last change of a key is what counts. */
static void changes_of_one_micro_batch_are_applied_in_the_order_of_their_commits(void **state)
{
    (void)state;
    three_rows();
    run_well(&deletes);
    insert(6, 1, 6);
    change_commit();
    delete (6); /* deleted after an insert: gone */
    delete (1);
    change_commit();
    insert(1, 2, 11); /* inserted after a delete: there, with its relationship */
    insert(7, 1, 7);
    change_commit();
    delete (7);
    change_commit();
    insert(7, 3, 8);
    change_commit();
    run_well(&deletes);
    assert_graph_is_table();
}

static void a_row_that_goes_and_comes_in_one_commit_keeps_what_others_tied_to_its_node(void **state)
{
    (void)state;
    three_rows();
    run_well(&deletes);
    /* An overwrite, and a MERGE that deletes and inserts one key. */
    rows[1].text = 10;
    rows[2].live = false;
    remove_files();
    add_file(0);
    commit();
    delete (3);
    insert(3, 1, 33);
    change_commit();
    const struct ran ran = run_well(&deletes);
    assert_graph_is_table();
    assert_counts(&ran, 0, 4, 0, 3, 0, 1);
}

static void a_row_with_another_key_leaves_no_node_behind(void **state)
{
    (void)state;
    three_rows();
    run_well(&deletes);
    say("update_preimage", 2, &rows[2]);
    rows[8] = rows[2];
    rows[2].live = false;
    say("update_postimage", 8, &rows[8]);
    change_commit();
    run_well(&deletes);
    assert_graph_is_table();
}

static void whole_files_may_go(void **state)
{
    (void)state;
    three_rows();
    run_well(&deletes);
    remove_files();
    memset(rows, 0, sizeof rows);
    commit();
    const struct ran ran = run_well(&deletes);
    assert_graph_is_table();
    assert_counts(&ran, 0, 3, 0, 0, 0, 3);
    rows[2] = (struct row){true, 1, 1};
    add_file(0);
    commit();
    run_well(&deletes);
    assert_graph_is_table();
}

/* ---- any commits ---- */

static void any_change(uint64_t *random)
{
    const int count = 1 + (int)heddle_random_below(random, 4);
    bool used[IDS] = {false};
    for (int i = 0; i < count; i++) {
        const int id = (int)heddle_random_below(random, IDS);
        const int tail = (int)heddle_random_below(random, TAILS);
        const int text = (int)heddle_random_below(random, 100);
        if (used[id]) {
            continue;
        }
        used[id] = true;
        if (!rows[id].live) {
            insert(id, tail, text);
        } else if (heddle_random_below(random, 2) == 0) {
            delete (id);
        } else {
            update(id, tail, text);
        }
    }
    change_commit();
}

static void any_commit(uint64_t *random)
{
    if (heddle_random_below(random, 5) > 0) {
        any_change(random);
        return;
    }
    for (int id = 0; id < IDS; id++) {
        rows[id] = (struct row){.live = heddle_random_below(random, 2) == 0,
                                .tail = (int)heddle_random_below(random, TAILS),
                                .text = (int)heddle_random_below(random, 100)};
    }
    remove_files();
    add_file(0);
    commit();
}

static void after_any_commits_the_graph_is_the_table(void **state)
{
    (void)state;
    uint64_t random = 20240501;
    three_rows();
    run_well(&deletes);
    for (int round = 0; round < 3; round++) {
        const int commits = 1 + (int)heddle_random_below(&random, 4);
        for (int i = 0; i < commits; i++) {
            any_commit(&random);
        }
        run_well(&deletes);
        assert_graph_is_table();
    }
}

/* A run that ends anywhere is gone on with: rows are neither lost nor deleted too much, whichever step it ended in. */
static void a_run_that_ends_anywhere_is_gone_on_with(void **state)
{
    (void)state;
    uint64_t random = 7;
    size_t broken = 0;
    three_rows();
    run_well(&deletes);
    for (int64_t at = 500; at < 1500; at += 240) {
        for (int i = 0; i < 3; i++) {
            any_commit(&random);
        }
        const struct ran ran = run_job(&deletes, at);
        broken += ran.status != HEDDLE_OK ? 1 : 0;
        if (ran.status != HEDDLE_OK) {
            assert_int_equal(ran.status, HEDDLE_OUT_OF_MEMORY);
            run_well(&deletes);
        }
        assert_graph_is_table();
    }
    assert_true(broken > 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, table_remove)
    const struct CMUnitTest tests[] = {
        TEST(deleted_rows_take_their_nodes_and_relationships_along),
        TEST(a_deleted_row_stops_a_job_that_does_not_say_what_it_means_and_can_be_told),
        TEST(what_is_kept_stays),
        TEST(changes_of_one_micro_batch_are_applied_in_the_order_of_their_commits),
        TEST(a_row_that_goes_and_comes_in_one_commit_keeps_what_others_tied_to_its_node),
        TEST(a_row_with_another_key_leaves_no_node_behind),
        TEST(whole_files_may_go),
        TEST(after_any_commits_the_graph_is_the_table),
        TEST(a_run_that_ends_anywhere_is_gone_on_with),
    };
    return cmocka_run_group_tests(tests, open_duck, close_duck);
}
