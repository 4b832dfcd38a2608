/* test_duckdb_clean.c: what a load stamps, and that taking it back leaves the file as if it had never been. */
#include "duckdb_fixture.h"

#include "sink/clean.h"
#include "sink/stamp.h"

static struct fixture fixture;
static struct heddle_target targets[TARGETS];
static const float east[WIDTH] = {1, 0, 0, 0};

/* A graph that was there before: removal 1 of N1. */
static const struct removal before[] = {{1, "leak", "N1", east}};
/* The load: meets removal 1 and N1, creates removals 2 to 4, N2 and N3, and three relationships. */
static const struct removal load[] = {
    {1, "leak", "N1", east}, {2, "crack", "N2", NULL}, {3, "wear", "N3", east}, {4, "noise", "N1", NULL}};
/* A later load that hangs removal 9 on N2, which the load created. */
static const struct removal later[] = {{9, "rust", "N2", NULL}};

static int setup(void **state)
{
    (void)state;
    fixture_make(&fixture);
    targets_fill(targets);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_remove(&fixture);
    return 0;
}

static int run_open(const char *id, bool stamps, struct heddle_error *error)
{
    static struct heddle_sink_options options;
    targets_fill(targets);
    if (stamps) {
        HEDDLE_TRY(heddle_stamp_targets(targets, TARGETS, id, error));
    }
    options = fixture_options(&fixture, targets, TARGETS);
    options.load.id = id;
    options.load.owner = id;
    options.load.owners_known = &options.load.owner;
    options.load.owner_known_count = 1;
    options.load.host = "here";
    options.load.checkpoint = "ckpt";
    options.load.stamps = stamps;
    HEDDLE_TRY(heddle_sink_duckdb.open(&options, &fixture.sink, error));
    return heddle_sink_duckdb.prepare(fixture.sink, error);
}

static void run(const char *id, bool stamps, const struct removal *rows, size_t count, bool finishes)
{
    struct heddle_error error = {0};
    if (run_open(id, stamps, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    rows_write(&fixture, rows, count, all_targets, TARGETS);
    if (finishes) {
        load_finish(&fixture);
    }
    fixture_close(&fixture);
}

/* Everything that can be told of the graph, in one text. */
static const char *graph(void)
{
    static char text[1536];
    char part[512];
    snprintf(part, sizeof part, "%s",
             file_ask(&fixture,
                      "SELECT string_agg(removal_id || removal_reason || coalesce(embedding[1], -1), ' ' "
                      "ORDER BY removal_id) FROM \"RemovalEvent\""));
    snprintf(text, sizeof text, "%s; ", part);
    snprintf(
        part, sizeof part, "%s",
        file_ask(&fixture, "SELECT string_agg(aircraft_id, ' ' ORDER BY aircraft_id) FROM \"Aircraft\""));
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s; ", part);
    snprintf(part, sizeof part, "%s",
             file_ask(&fixture, "SELECT string_agg(start_removal_id || end_aircraft_id, ' ' ORDER BY "
                                "start_removal_id) FROM \"REMOVED_FROM\""));
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s", part);
    return text;
}

static struct heddle_clean_options clean_options(const char *id, bool detach)
{
    return (struct heddle_clean_options){.to = fixture.to, .load = id, .job = "removals", .detach = detach};
}

/* Takes the load back and answers "found/deleted/kept" of each part, and what was detached. */
static const char *clean(const char *id, bool detach)
{
    static char text[256];
    const struct heddle_clean_options options = clean_options(id, detach);
    struct heddle_clean *clean = NULL;
    struct heddle_error error = {0};
    int status = heddle_clean_open(&options, &clean, &error);
    while (status == HEDDLE_OK) {
        status = heddle_clean_step(clean, &error);
    }
    if (status != HEDDLE_END || heddle_clean_finish(clean, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    size_t count = 0;
    const struct heddle_clean_part *parts = heddle_clean_parts(clean, &count);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s %d/%d/%d ", parts[i].name,
                 (int)parts[i].found, (int)parts[i].deleted, (int)parts[i].kept);
    }
    snprintf(text + strlen(text), sizeof text - strlen(text), "%d", (int)heddle_clean_detached(clean));
    heddle_clean_close(clean);
    return text;
}

static void assert_refused(const char *id, const char *job, const char *why)
{
    struct heddle_clean_options options = clean_options(id, false);
    struct heddle_clean *clean = NULL;
    struct heddle_error error = {0};
    options.job = job;
    assert_int_equal(heddle_clean_open(&options, &clean, &error), HEDDLE_DATABASE);
    if (strstr(error.message, why) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, why);
    }
}

static void what_is_created_bears_the_load_and_what_is_met_does_not(void **state)
{
    (void)state;
    run("base", false, before, 1, true);
    run("x1", true, load, 4, true);
    assert_string_equal(file_ask(&fixture,
                                 "SELECT string_agg(removal_id || coalesce(load_id, '-'), ' ' ORDER BY "
                                 "removal_id) FROM \"RemovalEvent\""),
                        "1- 2x1 3x1 4x1");
    assert_string_equal(file_ask(&fixture,
                                 "SELECT string_agg(aircraft_id || coalesce(load_id, '-'), ' ' ORDER BY "
                                 "aircraft_id) FROM \"Aircraft\""),
                        "N1- N2x1 N3x1");
    assert_string_equal(file_ask(&fixture,
                                 "SELECT string_agg(start_removal_id || coalesce(load_id, '-'), ' ' ORDER "
                                 "BY start_removal_id) FROM \"REMOVED_FROM\""),
                        "1- 2x1 3x1 4x1");
}

static void nodes_that_relationships_make_bear_it_too(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    static const size_t only[1] = {REMOVED_FROM};
    if (run_open("x1", true, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    fixture_close(&fixture);
    file_change(&fixture, "DELETE FROM heddle_meta WHERE name = 'x1'");
    targets_fill(targets);
    targets[REMOVED_FROM].merge_ends = true;
    assert_int_equal(heddle_stamp_targets(targets, TARGETS, "x1", NULL), HEDDLE_OK);
    fixture_open(&fixture, targets, TARGETS);
    rows_write(&fixture, load, 4, only, 1);
    load_finish(&fixture);
    fixture_close(&fixture);
    assert_string_equal(file_ask(&fixture, "SELECT count(*) FILTER (load_id = 'x1') || ' ' || count(*) FROM "
                                           "\"RemovalEvent\""),
                        "4 4");
}

static void taking_it_back_leaves_the_file_as_if_it_had_never_been(void **state)
{
    char was[1536];
    (void)state;
    run("base", false, before, 1, true);
    snprintf(was, sizeof was, "%s", graph());
    run("x1", true, load, 4, true);
    assert_string_not_equal(graph(), was);
    assert_string_equal(clean("x1", false), "Aircraft 2/2/0 RemovalEvent 3/3/0 REMOVED_FROM 3/3/0 0");
    assert_string_equal(graph(), was);
    assert_string_equal(file_ask(&fixture, "SELECT count(*)::VARCHAR FROM heddle_meta WHERE name = 'x1' OR "
                                           "starts_with(name, 'x1/')"),
                        "0");
    /* The load that was there before has kept its record and its marks. */
    assert_string_equal(file_ask(&fixture,
                                 "SELECT value FROM heddle_meta WHERE kind = 'load.epoch' AND name = "
                                 "'base'"),
                        "1");
}

static void a_load_that_was_cut_short_is_taken_back_too(void **state)
{
    char was[1536];
    (void)state;
    run("base", false, before, 1, true);
    snprintf(was, sizeof was, "%s", graph());
    run("x1", true, load, 2, false);
    assert_string_not_equal(graph(), was);
    (void)clean("x1", false);
    assert_string_equal(graph(), was);
}

static void nodes_that_others_use_stay_unless_they_are_to_go_with_them(void **state)
{
    (void)state;
    run("x1", true, load, 4, true);
    run("y2", true, later, 1, true);
    const struct heddle_clean_options options = clean_options("x1", false);
    struct heddle_clean *seen = NULL;
    size_t count = 0;
    assert_int_equal(heddle_clean_open(&options, &seen, NULL), HEDDLE_OK);
    const struct heddle_clean_part *parts = heddle_clean_parts(seen, &count);
    assert_true(count == 3 && strcmp(parts[0].name, "Aircraft") == 0 && parts[0].held == 1);
    heddle_clean_close(seen);

    assert_string_equal(clean("x1", false), "Aircraft 3/2/1 RemovalEvent 4/4/0 REMOVED_FROM 4/4/0 0");
    assert_string_equal(graph(), "9rust-1.0; N2; 9N2");
    assert_string_equal(clean("x1", true), "Aircraft 1/1/0 RemovalEvent 0/0/0 REMOVED_FROM 0/0/0 1");
    assert_string_equal(graph(), "9rust-1.0; (null); (null)");
    assert_refused("x1", "removals", "there is no load x1");
}

static void a_clean_that_ends_anywhere_is_gone_on_with(void **state)
{
    (void)state;
    char was[1536];
    run("base", false, before, 1, true);
    snprintf(was, sizeof was, "%s", graph());
    for (int steps = 0; steps < 8; steps++) {
        char id[8];
        snprintf(id, sizeof id, "x%d", steps);
        run(id, true, load, 4, true);
        const struct heddle_clean_options options = clean_options(id, false);
        struct heddle_clean *cut = NULL;
        assert_int_equal(heddle_clean_open(&options, &cut, NULL), HEDDLE_OK);
        int status = HEDDLE_OK;
        for (int i = 0; i < steps && status == HEDDLE_OK; i++) {
            status = heddle_clean_step(cut, NULL);
        }
        heddle_clean_close(cut);
        (void)clean(id, false);
        assert_string_equal(graph(), was);
    }
}

static void a_load_that_cannot_be_told_is_refused_with_the_reason(void **state)
{
    (void)state;
    run("base", false, before, 1, true);
    run("x1", true, load, 4, true);
    assert_refused("base", "removals", "did not stamp what it created");
    assert_refused("x2", "removals", "these can be taken back: x1");
    assert_refused("x1", "other", "is one of job removals, not of job other");
}

static void a_file_without_loads_is_left_alone(void **state)
{
    (void)state;
    const struct heddle_clean_options options = clean_options("x1", false);
    struct heddle_clean *clean = NULL;
    struct heddle_error error = {0};
    assert_int_equal(heddle_clean_open(&options, &clean, &error), HEDDLE_IO);
    assert_int_not_equal(access(fixture.path, F_OK), 0);
    file_change(&fixture, "CREATE TABLE mine (a INTEGER)");
    assert_refused("x1", "removals", "no load ever wrote to");
}

static void no_run_goes_on_with_a_load_that_is_being_taken_back(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    struct heddle_clean *cut = NULL;
    run("x1", true, load, 4, true);
    const struct heddle_clean_options options = clean_options("x1", false);
    assert_int_equal(heddle_clean_open(&options, &cut, NULL), HEDDLE_OK);
    assert_int_equal(heddle_clean_step(cut, NULL), HEDDLE_OK);
    heddle_clean_close(cut);
    assert_int_equal(run_open("x1", true, &error), HEDDLE_DATABASE);
    assert_non_null(strstr(error.message, "is being taken back"));
    fixture_close(&fixture);
}

static void one_load_stamps_always_or_never(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    run("x1", true, load, 2, true);
    assert_int_equal(run_open("x1", false, &error), HEDDLE_DATABASE);
    assert_non_null(strstr(error.message, "was begun with --load-id"));
    fixture_close(&fixture);
    run("plain", false, load, 2, true);
    assert_int_equal(run_open("plain", true, &error), HEDDLE_DATABASE);
    assert_non_null(strstr(error.message, "was begun without --load-id"));
    fixture_close(&fixture);
}

static void a_property_of_that_name_is_refused(void **state)
{
    (void)state;
    static const struct heddle_target_property taken[1] = {{.name = "load_id", .field = "id"}};
    static const struct heddle_target_property nearly[1] = {{.name = "LOAD_ID", .field = "id"}};
    struct heddle_error error = {0};
    targets[AIRCRAFT].properties = taken;
    assert_int_equal(heddle_stamp_targets(targets, TARGETS, "x1", &error), HEDDLE_JOB);
    assert_non_null(strstr(error.message, "aircraft"));
    targets[AIRCRAFT].properties = nearly; /* in a file names differ by more than their case */
    assert_int_equal(heddle_stamp_targets(targets, TARGETS, "x1", &error), HEDDLE_OK);
    const struct heddle_sink_options options = fixture_options(&fixture, targets, TARGETS);
    assert_int_equal(heddle_sink_duckdb.open(&options, &fixture.sink, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "load_id"));
}

static void an_id_is_short_and_plain(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a/b", "a b", "a'b", "a\"b", "a`b", "\xc3\xa9", "a\\u0060"};
    char sixty_five[66] = "";
    memset(sixty_five, 'a', 65);
    assert_int_equal(heddle_stamp_check_id("2026-11-21T08:00+01.x_y", NULL), HEDDLE_OK);
    assert_int_equal(heddle_stamp_check_id(sixty_five + 1, NULL), HEDDLE_OK);
    assert_int_equal(heddle_stamp_check_id(sixty_five, NULL), HEDDLE_INVALID);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(heddle_stamp_check_id(bad[i], NULL), HEDDLE_INVALID);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    run("x1", true, load, 4, true);
    bool failed = true;
    for (int64_t at = 0; failed; at++) {
        const struct heddle_clean_options options = clean_options("x1", false);
        struct heddle_clean *clean = NULL;
        heddle_memory_fail_at(at);
        int status = heddle_clean_open(&options, &clean, NULL);
        while (status == HEDDLE_OK) {
            status = heddle_clean_step(clean, NULL);
        }
        if (status == HEDDLE_END) {
            status = heddle_clean_finish(clean, NULL);
        }
        heddle_memory_fail_at(-1);
        heddle_clean_close(clean);
        failed = status != HEDDLE_OK;
        assert_true(!failed || status == HEDDLE_OUT_OF_MEMORY);
    }
    assert_string_equal(graph(), "(null); (null); (null)");
}

int main(void)
{
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CLAIM(what_is_created_bears_the_load_and_what_is_met_does_not),
        CLAIM(nodes_that_relationships_make_bear_it_too),
        CLAIM(taking_it_back_leaves_the_file_as_if_it_had_never_been),
        CLAIM(a_load_that_was_cut_short_is_taken_back_too),
        CLAIM(nodes_that_others_use_stay_unless_they_are_to_go_with_them),
        CLAIM(a_clean_that_ends_anywhere_is_gone_on_with),
        CLAIM(a_load_that_cannot_be_told_is_refused_with_the_reason),
        CLAIM(a_file_without_loads_is_left_alone),
        CLAIM(no_run_goes_on_with_a_load_that_is_being_taken_back),
        CLAIM(one_load_stamps_always_or_never),
        CLAIM(a_property_of_that_name_is_refused),
        CLAIM(an_id_is_short_and_plain),
        CLAIM(every_allocation_may_fail),
    };
    const int missing = duckdb_missing();
    return missing != 0 ? missing : cmocka_run_group_tests(tests, NULL, NULL);
}
