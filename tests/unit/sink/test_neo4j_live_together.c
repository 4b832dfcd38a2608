/* test_neo4j_live_together.c: a node and its relationships in one statement write the graph that one target after the other
 * by one writer writes, and every target's sums and rejects are the same: random jobs with rows that repeat, ends that are
 * null or missing, nodes that the server refuses, relationships with and without keys; ends by key and by id.
 */
#include "live_fixture.h"

#include "ledger_fixture.h"
#include "proxy_fixture.h"

enum { ROWS = 600, BATCH = 90, ROWS_A_TRANSACTION = 40, WRITERS = 4, COMPONENTS = 30 };

/* What is odd about the rows and the targets of a job. */
struct oddities {
    const char *name;
    unsigned repeats;   /* of 100 rows, so many have an id that another row has */
    unsigned nulls;     /* have an end without key */
    unsigned missing;   /* have an end that is not there */
    bool refused;       /* the server refuses some nodes: a constraint on another property */
    bool creates;       /* relationships are created, not merged */
    bool keyed;         /* one of them has a key property */
    bool by_key;        /* ends never go by id */
    bool creates_nodes; /* and so are nodes */
};

static const struct oddities jobs[] = {
    {.name = "nothing odd"},
    {.name = "nothing odd, by key", .by_key = true},
    {.name = "repeats", .repeats = 20, .keyed = true},
    {.name = "null ends", .nulls = 15},
    {.name = "an end is missing now and then", .missing = 1, .by_key = true},
    {.name = "many ends are missing", .missing = 30, .keyed = true},
    {.name = "refused nodes", .refused = true, .missing = 2},
    {.name = "created relationships", .creates = true, .nulls = 5, .repeats = 10},
    {.name = "created nodes", .creates_nodes = true, .repeats = 2, .missing = 1},
    {.name = "everything", .repeats = 10, .nulls = 5, .missing = 3, .keyed = true},
};

struct texts {
    char reason[ROWS][24];
    char aircraft[ROWS][16];
    char component[ROWS][16];
};

static void make_rows(const struct oddities *odd, struct removal *rows, struct texts *texts, uint64_t *random)
{
    for (int i = 0; i < ROWS; i++) {
        const bool repeats = heddle_random_below(random, 100) < odd->repeats;
        const bool refused = odd->refused && (i == 1 || heddle_random_below(random, 100) < 3);
        const bool missing = !refused && heddle_random_below(random, 100) < odd->missing;
        const bool null = !refused && heddle_random_below(random, 100) < odd->nulls;
        rows[i] = (struct removal){.id = repeats ? (int64_t)heddle_random_below(random, ROWS) : i,
                                   .hours = (int64_t)heddle_random_below(random, 5),
                                   .vector = heddle_random_below(random, 2) == 0};
        snprintf(texts->reason[i], sizeof texts->reason[i], "reason %d", refused ? 1 : i);
        snprintf(texts->aircraft[i], sizeof texts->aircraft[i], "N%d", (int)heddle_random_below(random, 40));
        snprintf(texts->component[i], sizeof texts->component[i], "C%d",
                 (int)heddle_random_below(random, COMPONENTS) + (missing ? COMPONENTS : 0));
        rows[i].reason = texts->reason[i];
        rows[i].aircraft = null && i % 2 == 0 ? NULL : texts->aircraft[i];
        rows[i].component = null && i % 2 != 0 ? NULL : texts->component[i];
    }
}

/* ---- one load ---------------------------------------------------------------------------------------------------------- */

static void job_init(struct live *live, const struct oddities *odd, bool together)
{
    live_init(live, together ? WRITERS : 1);
    live->options.batch_rows = ROWS_A_TRANSACTION;
    live->options.ends_by_key = odd->by_key;
    for (size_t i = TARGET_REMOVED_FROM; i <= TARGET_OF_COMPONENT; i++) {
        live->job.targets[i].merge = !odd->creates;
    }
    live->job.targets[TARGET_REMOVAL].merge = !odd->creates_nodes;
    if (odd->keyed) {
        live->job.targets[TARGET_REMOVED_FROM].key = live->job.first;
        live->job.targets[TARGET_REMOVED_FROM].key_count = 1;
    }
    live->job.targets[TARGET_REMOVAL].road = together ? HEDDLE_ROAD_ONE_STATEMENT : HEDDLE_ROAD_SERIAL;
    live->job.targets[TARGET_REMOVED_FROM].road = together ? HEDDLE_ROAD_AUTO : HEDDLE_ROAD_SERIAL;
    live->job.targets[TARGET_OF_COMPONENT].road = together ? HEDDLE_ROAD_AUTO : HEDDLE_ROAD_SERIAL;
}

/* Components are there before; aircraft come with the rows. */
static void fill_before(const struct oddities *odd)
{
    ask("CREATE CONSTRAINT heddle_test_component IF NOT EXISTS FOR (n:HeddleTestComponent) "
        "REQUIRE n.component_id IS UNIQUE");
    ask("UNWIND range(0, 29) AS i CREATE (:HeddleTestComponent {component_id: 'C' + toString(i)})");
    if (odd->refused) {
        ask("CREATE CONSTRAINT heddle_test_reason IF NOT EXISTS FOR (n:HeddleTestRemoval) "
            "REQUIRE n.reason IS UNIQUE");
    }
}

static const size_t targets[] = {TARGET_REMOVAL, TARGET_AIRCRAFT, TARGET_REMOVED_FROM, TARGET_OF_COMPONENT};

static void write_rows(struct live *live, const struct removal *rows)
{
    struct heddle_error error = {0};
    for (size_t i = 0; i < ROWS; i += BATCH) {
        const size_t count = ROWS - i < BATCH ? ROWS - i : BATCH;
        struct heddle_batch *batch = fixture_batch(rows + i, count, i / BATCH, i);
        batch->position = i;
        const int status = heddle_sink_write(live->sink, batch, targets, 4, &error);
        heddle_batch_release(batch);
        if (status != HEDDLE_OK) {
            fail_msg("%s", error.message);
        }
    }
    must_flush(live);
}

/* ---- what came of it ------------------------------------------------------------------------------------------------- */

enum { LINES_MAX = 4 * ROWS, LINE_MAX = 96 };

struct outcome {
    char (*lines)[LINE_MAX]; /* of the graph */
    size_t line_count;
    char (*rejects)[LINE_MAX];
    size_t reject_count;
    struct heddle_target_counts counts[TARGETS];
    struct heddle_sink_progress progress;
};

static void note_lines(struct outcome *outcome, const char *text)
{
    heddle_arena_reset(answers);
    const struct heddle_bolt_result result = ask(text);
    const struct heddle_value *list = heddle_ask_cell(&result, 0, 0);
    for (size_t i = 0; i < list->list.count && outcome->line_count < LINES_MAX; i++) {
        snprintf(outcome->lines[outcome->line_count++], LINE_MAX, "%s", list->list.items[i].string.text);
    }
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void outcome_take(struct outcome *outcome, struct live *live)
{
    *outcome = (struct outcome){.lines = calloc(LINES_MAX, LINE_MAX), .rejects = calloc(256, LINE_MAX)};
    assert_true(outcome->lines != NULL && outcome->rejects != NULL);
    note_lines(outcome, "MATCH (n:HeddleTestRemoval) WITH toString(n.removal_id) + '/' + n.reason + '/' + "
                        "toString(n.hours) + '/' + toString(coalesce(n.embedding[3], 0.0)) AS s "
                        "ORDER BY s RETURN collect(s)");
    note_lines(outcome, "MATCH (n:HeddleTestRemoval)-[x]->(b) WITH toString(n.removal_id) + type(x) + "
                        "coalesce(b.aircraft_id, '') + coalesce(b.component_id, '') + '/' + "
                        "coalesce(toString(x.hours), '') AS s ORDER BY s RETURN collect(s)");
    assert_true(live->rejects.count <= 256);
    for (size_t i = 0; i < live->rejects.count; i++) {
        snprintf(outcome->rejects[i], LINE_MAX, "%s %s %s %zu", live->rejects.kept[i].target,
                 live->rejects.kept[i].code, live->rejects.kept[i].key, live->rejects.kept[i].row);
    }
    outcome->reject_count = live->rejects.count;
    qsort(outcome->rejects, outcome->reject_count, LINE_MAX, compare_lines);
    for (size_t i = 0; i < TARGETS; i++) {
        outcome->counts[i] = counts_of(live, i);
    }
    heddle_sink_progress(live->sink, &outcome->progress);
}

static void outcome_free(struct outcome *outcome)
{
    free(outcome->lines);
    free(outcome->rejects);
}

static void assert_same_lines(const char *job, const char *what, char (*ours)[LINE_MAX], size_t count,
                              char (*theirs)[LINE_MAX], size_t their_count)
{
    for (size_t i = 0; i < count && i < their_count; i++) {
        if (strcmp(ours[i], theirs[i]) != 0) {
            fail_msg("%s: %s %s instead of %s", job, what, ours[i], theirs[i]);
        }
    }
    if (count != their_count) {
        fail_msg("%s: %zu %s, not %zu", job, count, what, their_count);
    }
}

static void assert_same(const struct oddities *odd, const struct outcome *ours, const struct outcome *theirs)
{
    assert_int_equal(ours->line_count, theirs->line_count);
    assert_int_equal(ours->reject_count, theirs->reject_count);
    if (!odd->refused) { /* else it is chance which of the rows with one reason comes first, and whether it has a vector */
        assert_same_lines(odd->name, "line", ours->lines, ours->line_count, theirs->lines,
                          theirs->line_count);
        assert_same_lines(odd->name, "reject", ours->rejects, ours->reject_count, theirs->rejects,
                          theirs->reject_count);
    }
    for (size_t i = 0; i < TARGETS; i++) {
        const struct heddle_target_counts *one = &ours->counts[i];
        const struct heddle_target_counts *other = &theirs->counts[i];
        if (one->read != other->read || one->created != other->created || one->matched != other->matched ||
            one->folded != other->folded || one->rejected != other->rejected ||
            (one->vectors != other->vectors && !odd->refused)) {
            fail_msg(
                "%s, target %zu: read %d created %d matched %d folded %d rejected %d, not %d %d %d %d %d",
                odd->name, i, (int)one->read, (int)one->created, (int)one->matched, (int)one->folded,
                (int)one->rejected, (int)other->read, (int)other->created, (int)other->matched,
                (int)other->folded, (int)other->rejected);
        }
        assert_int_equal(one->read, one->created + one->matched + one->folded + one->rejected);
    }
}

static void load_once(const struct oddities *odd, const struct removal *rows, bool together,
                      struct outcome *outcome)
{
    struct live live;
    job_init(&live, odd, together);
    fill_before(odd);
    live_open(&live);
    write_rows(&live, rows);
    outcome_take(outcome, &live);
    live_close(&live);
}

static void together_writes_what_one_target_after_the_other_writes(void **state)
{
    (void)state;
    static struct removal rows[ROWS];
    static struct texts texts;
    uint64_t random = 2027;
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        struct outcome serial;
        struct outcome together;
        make_rows(&jobs[i], rows, &texts, &random);
        load_once(&jobs[i], rows, false, &serial);
        load_once(&jobs[i], rows, true, &together);
        assert_same(&jobs[i], &together, &serial);
        print_message("%s: %d transactions, one after the other %d\n", jobs[i].name,
                      (int)together.progress.transactions, (int)serial.progress.transactions);
        if (i < 2) {
            /* It did travel together: apart, four writers would have made more transactions than one. */
            assert_true(together.progress.transactions < serial.progress.transactions);
        }
        outcome_free(&serial);
        outcome_free(&together);
    }
}

/* ---- exactly once ---------------------------------------------------------------------------------------------------- */

static struct ledger_fixture ledger;

static void resumed_init(struct live *live, const char *owner, const char *known)
{
    static const char *owners[1];
    owners[0] = known;
    *live = (struct live){0};
    pthread_mutex_init(&live->rejects.lock, NULL);
    fixture_job_init(&live->job);
    live->options = (struct heddle_sink_options){
        .to = test_uri(),
        .username = test_user(),
        .password = test_password(),
        .targets = live->job.targets,
        .target_count = TARGETS,
        .writers = WRITERS,
        .batch_rows = ROWS_A_TRANSACTION,
        .tx_timeout_ms = 60000,
        .seed = 7,
        .load = {.id = "heddletest3",
                 .job = "live",
                 .model = "a-model",
                 .precision = "fp32",
                 .owner = owner,
                 .owners_known = owners,
                 .owner_known_count = known == NULL ? 0 : 1,
                 .host = "here",
                 .checkpoint = "ckpt"},
        .rejects = {fixture_reject, &live->rejects},
        .ledger = ledger_of(&ledger),
    };
}

static void clean(void)
{
    wipe();
    heddle_arena_reset(answers);
    ask("MATCH (t:HeddleTx) WHERE t.id STARTS WITH 'heddletest3/' DETACH DELETE t");
}

static int replay(struct live *live, const struct generated *made, struct heddle_error *error)
{
    int status = HEDDLE_OK;
    live->sequence = live->row = 0;
    for (size_t i = 0; i < made->count && status == HEDDLE_OK; i += BATCH) {
        status = live_write(live, made->rows + i, made->count - i < BATCH ? made->count - i : BATCH, error);
    }
    return status == HEDDLE_OK ? heddle_sink_flush(live->sink, error) : status;
}

static void begin(struct live *live)
{
    struct heddle_error error = {0};
    if (heddle_sink_begin(live->sink, 0, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

/* Every row is in the graph once, and the sums of each target have all of them. */
static void assert_whole(const struct live *live)
{
    for (size_t i = 0; i < TARGETS; i++) {
        const struct heddle_target_counts counts = counts_of(live, i);
        assert_int_equal(counts.read, ROWS);
        assert_int_equal(counts.read, counts.created + counts.matched + counts.folded);
    }
    assert_int_equal(number("MATCH (n:HeddleTestRemoval) RETURN count(n)"), ROWS);
    assert_int_equal(number("MATCH (:HeddleTestRemoval)-[x:HEDDLE_TEST_REMOVED_FROM]->() RETURN count(x)"),
                     ROWS);
    assert_int_equal(number("MATCH (:HeddleTestRemoval)-[x:HEDDLE_TEST_OF_COMPONENT]->() RETURN count(x)"),
                     ROWS);
    assert_int_equal(number("MATCH (n:HeddleTestRemoval)-[x:HEDDLE_TEST_REMOVED_FROM]->() "
                            "WHERE x.hours = n.hours RETURN count(x)"),
                     ROWS);
}

static void a_load_cut_short_is_gone_on_with_apart(void **state)
{
    (void)state;
    /* Before which note in the ledger it is cut, and how many verdicts get lost: notes of nodes and of relationships
     * alike. */
    static const size_t cuts[][2] = {{10, 0}, {20, 3}, {21, 1000}, {37, 5}, {41, 7}};
    struct generated made = generate(ROWS, 40);
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct live live;
        struct heddle_error error = {0};
        clean();
        ledger_make(&ledger);
        resumed_init(&live, "owner1", NULL);
        live_open(&live);
        begin(&live);
        ledger.refuse_from = cuts[i][0];
        assert_int_equal(replay(&live, &made, &error), HEDDLE_IO);
        live_close(&live);
        ledger_restart(&ledger, cuts[i][1]);
        resumed_init(&live, "owner2", "owner1");
        live_open(&live);
        begin(&live);
        assert_int_equal(replay(&live, &made, &error), HEDDLE_OK);
        assert_whole(&live);
        live_close(&live);
        ledger_free(&ledger);
    }
    clean();
    generated_free(&made);
}

static void connections_that_break_lose_nothing_and_double_nothing(void **state)
{
    (void)state;
    struct generated made = generate(ROWS, 40);
    for (int with_marks = 0; with_marks < 2; with_marks++) {
        struct live live;
        struct proxy proxy;
        struct heddle_error error = {0};
        clean();
        ledger_make(&ledger);
        resumed_init(&live, "owner1", NULL);
        if (with_marks == 0) {
            live.options.load.owner = NULL;
            live.options.ledger = (struct heddle_ledger){0};
        }
        assert_true(proxy_start(&proxy, test_uri(), 60000));
        live.options.to = proxy.uri;
        live_open(&live);
        if (with_marks != 0) {
            begin(&live);
        }
        if (replay(&live, &made, &error) != HEDDLE_OK) {
            fail_msg("%s", error.message);
        }
        assert_true(atomic_load(&proxy.drops) > 1);
        proxy.drop_after = 0;
        assert_whole(&live);
        live_close(&live);
        proxy_stop(&proxy);
        ledger_free(&ledger);
    }
    clean();
    generated_free(&made);
}

static int all_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(together_writes_what_one_target_after_the_other_writes),
        cmocka_unit_test(a_load_cut_short_is_gone_on_with_apart),
        cmocka_unit_test(connections_that_break_lose_nothing_and_double_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return live_main(all_tests);
}
