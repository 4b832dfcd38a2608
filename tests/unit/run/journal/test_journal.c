/* test_journal.c: what was noted before a run ended is known to the next one, and nothing is sent that is not noted. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "memory_store.h"
#include "run/journal/journal.h"
#include "run/journal/segment.h"

static const char LOAD[] = "0123456789abcdef";
static const uint64_t EPOCH_1 = UINT64_C(1) << HEDDLE_TOKEN_COUNTER_BITS;

static struct heddle_journal *open_in(struct memory_store *memory, bool appends, size_t segment_bytes)
{
    struct heddle_journal_store store = memory_store_as_store(memory, appends);
    struct heddle_journal *journal = NULL;
    struct heddle_error error = {0};
    if (heddle_journal_open(&store, &(struct heddle_journal_options){LOAD, segment_bytes}, &journal,
                            &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return journal;
}

static int send_rows(struct heddle_journal *journal, uint64_t token, size_t target, uint64_t first,
                     size_t count, struct heddle_error *error)
{
    uint64_t positions[64];
    assert_true(count <= 64);
    for (size_t i = 0; i < count; i++) {
        positions[i] = first + i;
    }
    const struct heddle_ledger ledger = heddle_journal_ledger(journal);
    const struct heddle_ledger_rows rows = {.target = target, .count = count, .positions = positions};
    return ledger.before_send(ledger.context, token, &rows, error);
}

static void settle(struct heddle_journal *journal, uint64_t token, uint64_t created)
{
    const struct heddle_ledger ledger = heddle_journal_ledger(journal);
    const struct heddle_ledger_sums sums = {
        .created = created, .matched = 1, .folded = 2, .rejected = 3, .vectors = 4};
    ledger.outcome(ledger.context, token, HEDDLE_VERDICT_SETTLED, &sums);
}

static uint8_t fate_of(struct heddle_journal *journal, size_t target, uint64_t position)
{
    uint8_t fate = 99;
    const struct heddle_ledger ledger = heddle_journal_ledger(journal);
    const size_t old = ledger.recall(ledger.context, target, position, 1, &fate);
    assert_int_equal(old, fate != HEDDLE_FATE_NEW);
    return fate;
}

static void the_next_run_knows_what_became_of_every_row(void **state)
{
    (void)state;
    struct memory_store memory = {.room = UINT64_MAX};
    struct heddle_journal *journal = open_in(&memory, true, 0);
    assert_false(heddle_journal_report(journal)->begun);
    assert_int_equal(heddle_journal_begin(journal, 7, 1, NULL), HEDDLE_OK);
    struct heddle_ledger ledger = heddle_journal_ledger(journal);
    assert_int_equal(send_rows(journal, EPOCH_1 + 1, 0, 0, 10, NULL), HEDDLE_OK);
    assert_int_equal(send_rows(journal, EPOCH_1 + 2, 0, 10, 10, NULL), HEDDLE_OK);
    assert_int_equal(send_rows(journal, EPOCH_1 + 3, 2, 0, 5, NULL), HEDDLE_OK);
    settle(journal, EPOCH_1 + 1, 10);
    ledger.outcome(ledger.context, EPOCH_1 + 2, HEDDLE_VERDICT_VOID, NULL);
    assert_int_equal(send_rows(journal, EPOCH_1 + 4, 0, 10, 5, NULL), HEDDLE_OK);
    settle(journal, EPOCH_1 + 4, 5);
    assert_int_equal(send_rows(journal, EPOCH_1 + 5, 0, 15, 5, NULL), HEDDLE_OK);
    heddle_journal_close(journal);

    journal = open_in(&memory, true, 0);
    const struct heddle_journal_report *report = heddle_journal_report(journal);
    assert_true(report->begun && !report->finished);
    assert_int_equal(report->batch, 7);
    assert_int_equal(report->epoch, 1);
    assert_int_equal(report->runs, 1);
    assert_int_equal(report->unresolved, 2);
    assert_int_equal(report->torn_bytes, 0);
    assert_int_equal(heddle_journal_begin(journal, 7, 2, NULL), HEDDLE_OK);
    ledger = heddle_journal_ledger(journal);
    uint64_t token;
    size_t target;
    assert_int_equal(ledger.unresolved(ledger.context, 0, &token, &target), HEDDLE_OK);
    assert_int_equal(token, EPOCH_1 + 3);
    assert_int_equal(target, 2);
    ledger.outcome(ledger.context, token, HEDDLE_VERDICT_WRITTEN, NULL);
    assert_int_equal(ledger.unresolved(ledger.context, 1, &token, &target), HEDDLE_OK); /* the numbers stay */
    assert_int_equal(token, EPOCH_1 + 5);
    ledger.outcome(ledger.context, token, HEDDLE_VERDICT_VOID, NULL);
    assert_int_equal(ledger.unresolved(ledger.context, 2, &token, &target), HEDDLE_END);
    for (uint64_t row = 0; row < 30; row++) {
        assert_int_equal(fate_of(journal, 0, row), row < 15 ? HEDDLE_FATE_DONE : HEDDLE_FATE_NEW);
        assert_int_equal(fate_of(journal, 1, row), HEDDLE_FATE_NEW);
        assert_int_equal(fate_of(journal, 2, row), row < 5 ? HEDDLE_FATE_WRITTEN : HEDDLE_FATE_NEW);
        assert_int_equal(fate_of(journal, 3, row), HEDDLE_FATE_NEW);
    }
    struct heddle_ledger_sums sums;
    ledger.remembered(ledger.context, 0, &sums);
    assert_int_equal(sums.created, 15);
    assert_int_equal(sums.matched + sums.folded + sums.rejected + sums.vectors, 2 * (1 + 2 + 3 + 4));
    ledger.remembered(ledger.context, 2, &sums);
    assert_int_equal(sums.created, 0);
    assert_int_equal(heddle_journal_flush(journal, NULL), HEDDLE_OK);
    heddle_journal_close(journal);

    journal = open_in(&memory, true, 0); /* the outcomes of the second run are known to the third */
    assert_int_equal(heddle_journal_report(journal)->unresolved, 0);
    assert_int_equal(heddle_journal_report(journal)->runs, 2);
    assert_int_equal(fate_of(journal, 2, 4), HEDDLE_FATE_WRITTEN);
    heddle_journal_close(journal);
    memory_store_free(&memory);
}

static void a_finished_micro_batch_leaves_one_small_segment(void **state)
{
    (void)state;
    for (int appends = 0; appends < 2; appends++) {
        struct memory_store memory = {.room = UINT64_MAX};
        struct heddle_journal *journal = open_in(&memory, appends != 0, 256);
        for (uint64_t batch = 0; batch < 5; batch++) {
            assert_int_equal(heddle_journal_begin(journal, batch, 1, NULL), HEDDLE_OK);
            for (uint64_t i = 1; i <= 20; i++) {
                assert_int_equal(send_rows(journal, EPOCH_1 + batch * 100 + i, 0, i * 10, 10, NULL),
                                 HEDDLE_OK);
                settle(journal, EPOCH_1 + batch * 100 + i, 10);
            }
            assert_true(memory.count > 3);
            assert_int_equal(heddle_journal_finish(journal, NULL), HEDDLE_OK);
            assert_int_equal(memory.count, 1);
            assert_true(memory.objects[0].bytes.length < 128);
        }
        assert_int_equal(memory.appends == 0, appends == 0);
        heddle_journal_close(journal);
        journal = open_in(&memory, appends != 0, 256);
        assert_true(heddle_journal_report(journal)->finished);
        assert_int_equal(heddle_journal_report(journal)->batch, 4);
        struct heddle_error error = {0};
        assert_int_equal(heddle_journal_begin(journal, 4, 2, &error), HEDDLE_INVALID);
        assert_non_null(strstr(error.message, "finished 4"));
        assert_int_equal(heddle_journal_begin(journal, 3, 2, &error), HEDDLE_INVALID);
        assert_int_equal(heddle_journal_begin(journal, 5, 2, &error), HEDDLE_OK);
        assert_int_equal(fate_of(journal, 0, 10), HEDDLE_FATE_NEW);
        heddle_journal_close(journal);
        memory_store_free(&memory);
    }
}

/* The checkpoint's commit was written, the process died before the journal heard of it. */
static void a_commit_that_the_journal_missed_is_taken_from_the_next_number(void **state)
{
    (void)state;
    struct memory_store memory = {.room = UINT64_MAX};
    struct heddle_journal *journal = open_in(&memory, true, 0);
    assert_int_equal(heddle_journal_begin(journal, 3, 1, NULL), HEDDLE_OK);
    assert_int_equal(send_rows(journal, EPOCH_1 + 1, 0, 0, 10, NULL), HEDDLE_OK);
    settle(journal, EPOCH_1 + 1, 10);
    heddle_journal_close(journal);
    journal = open_in(&memory, true, 0);
    assert_int_equal(heddle_journal_begin(journal, 4, 2, NULL), HEDDLE_OK);
    assert_int_equal(memory.count, 1);
    assert_int_equal(fate_of(journal, 0, 0), HEDDLE_FATE_NEW);
    heddle_journal_close(journal);
    journal = open_in(&memory, true, 0);
    assert_int_equal(heddle_journal_report(journal)->batch, 4);
    assert_int_equal(heddle_journal_report(journal)->unresolved, 0);
    heddle_journal_close(journal);
    memory_store_free(&memory);
}

static void a_store_without_append_gets_whole_objects_only(void **state)
{
    (void)state;
    struct memory_store memory = {.room = UINT64_MAX};
    struct heddle_journal *journal = open_in(&memory, false, 0);
    assert_int_equal(heddle_journal_begin(journal, 0, 1, NULL), HEDDLE_OK);
    for (uint64_t i = 1; i <= 30; i++) {
        assert_int_equal(send_rows(journal, EPOCH_1 + i, 0, i * 64, 64, NULL), HEDDLE_OK);
        settle(journal, EPOCH_1 + i, 64);
    }
    assert_int_equal(memory.appends, 0);
    assert_int_equal(memory.count, 31);
    assert_int_equal(memory.puts, 31); /* each once: objects never change */
    heddle_journal_close(journal);
    journal = open_in(&memory, false, 0);
    assert_int_equal(memory.puts, 31);
    assert_int_equal(heddle_journal_report(journal)->unresolved, 1); /* the last outcome was never flushed */
    assert_int_equal(fate_of(journal, 0, 29 * 64 + 63), HEDDLE_FATE_DONE);
    assert_int_equal(fate_of(journal, 0, 30 * 64), HEDDLE_FATE_NEW);
    heddle_journal_close(journal);
    memory_store_free(&memory);
}

static void another_loads_journal_is_refused(void **state)
{
    (void)state;
    struct memory_store memory = {.room = UINT64_MAX};
    struct heddle_journal *journal = open_in(&memory, true, 0);
    assert_int_equal(heddle_journal_begin(journal, 0, 1, NULL), HEDDLE_OK);
    heddle_journal_close(journal);
    struct heddle_journal_store store = memory_store_as_store(&memory, true);
    struct heddle_error error = {0};
    assert_int_equal(heddle_journal_open(&store, &(struct heddle_journal_options){"fedcba9876543210", 0},
                                         &journal, &error),
                     HEDDLE_IO);
    assert_non_null(strstr(error.message, LOAD));
    assert_non_null(strstr(error.message, "fedcba9876543210"));
    memory_store_free(&memory);
}

/* ---- writers ---- */

enum { WRITERS = 8, SENDS = 40 };

struct writer {
    struct heddle_journal *journal;
    uint64_t number;
    _Atomic int *wrong;
};

static void *send_many(void *argument)
{
    struct writer *writer = argument;
    for (uint64_t i = 0; i < SENDS; i++) {
        const uint64_t token = EPOCH_1 + 1 + writer->number * SENDS + i;
        uint64_t position = token - EPOCH_1;
        const struct heddle_ledger ledger = heddle_journal_ledger(writer->journal);
        const struct heddle_ledger_rows rows = {.target = 1, .count = 1, .positions = &position};
        if (ledger.before_send(ledger.context, token, &rows, NULL) != HEDDLE_OK) {
            atomic_fetch_add(writer->wrong, 1);
        }
        ledger.outcome(ledger.context, token, HEDDLE_VERDICT_SETTLED,
                       &(struct heddle_ledger_sums){.created = 1});
    }
    return NULL;
}

static void writers_that_wait_share_one_flush(void **state)
{
    (void)state;
    struct memory_store memory = {.room = UINT64_MAX, .slow_ms = 1};
    struct heddle_journal *journal = open_in(&memory, true, 4096);
    assert_int_equal(heddle_journal_begin(journal, 0, 1, NULL), HEDDLE_OK);
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    _Atomic int wrong = 0;
    for (size_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){journal, i, &wrong};
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, &writers[i]), 0);
    }
    for (size_t i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(wrong, 0);
    struct heddle_journal_costs costs;
    heddle_journal_costs(journal, &costs);
    assert_int_equal(costs.sends, WRITERS * SENDS);
    /* While one flush takes its time all others gather: at best one flush for WRITERS sends. */
    assert_true(costs.flushes < WRITERS * SENDS / 2);
    assert_int_equal(heddle_journal_flush(journal, NULL), HEDDLE_OK);
    heddle_journal_close(journal);
    journal = open_in(&memory, true, 0);
    assert_int_equal(heddle_journal_report(journal)->unresolved, 0);
    for (uint64_t i = 1; i <= WRITERS * SENDS; i++) {
        assert_int_equal(fate_of(journal, 1, i), HEDDLE_FATE_DONE);
    }
    heddle_journal_close(journal);
    memory_store_free(&memory);
}

static void a_send_is_in_the_store_when_it_returns(void **state)
{
    (void)state;
    struct memory_store memory = {.room = UINT64_MAX};
    struct heddle_journal *journal = open_in(&memory, true, 300);
    assert_int_equal(heddle_journal_begin(journal, 0, 1, NULL), HEDDLE_OK);
    for (uint64_t i = 1; i <= 25; i++) {
        assert_int_equal(send_rows(journal, EPOCH_1 + i, 0, i, 1, NULL), HEDDLE_OK);
        struct memory_store disk; /* as another process would find it after a kill at this moment */
        memory_store_copy(&memory, &disk);
        struct heddle_journal *other = open_in(&disk, true, 0);
        assert_int_equal(heddle_journal_report(other)->unresolved, i);
        heddle_journal_close(other);
        memory_store_free(&disk);
    }
    heddle_journal_close(journal);
    memory_store_free(&memory);
}

/* ---- when the disk is full ---- */

static void a_full_store_refuses_the_send_and_all_after_it(void **state)
{
    (void)state;
    for (uint64_t room = 0; room < 400; room++) {
        struct memory_store memory = {.room = UINT64_MAX};
        struct heddle_journal *journal = open_in(&memory, true, 200);
        assert_int_equal(heddle_journal_begin(journal, 0, 1, NULL), HEDDLE_OK);
        memory.room = room;
        uint64_t sent = 0;
        struct heddle_error error = {0};
        while (send_rows(journal, EPOCH_1 + sent + 1, 0, sent, 1, &error) == HEDDLE_OK) {
            sent++;
        }
        assert_int_equal(error.status, HEDDLE_IO);
        assert_non_null(strstr(error.message, "No space left"));
        memory.room = UINT64_MAX; /* room again, but what is on disk is not known: nothing more is sent */
        assert_int_equal(send_rows(journal, EPOCH_1 + 99, 0, 99, 1, &error), HEDDLE_IO);
        assert_int_equal(heddle_journal_finish(journal, NULL), HEDDLE_IO);
        heddle_journal_close(journal);
        journal = open_in(&memory, true, 200); /* the next run goes on from there */
        /* All that were acknowledged; the one that was refused may be there too: it was not sent, and will be found void. */
        const size_t unresolved = heddle_journal_report(journal)->unresolved;
        assert_true(unresolved == sent || unresolved == sent + 1);
        assert_int_equal(heddle_journal_begin(journal, 0, 2, NULL), HEDDLE_OK);
        assert_int_equal(send_rows(journal, EPOCH_1 * 2 + 1, 0, 50, 1, NULL), HEDDLE_OK);
        heddle_journal_close(journal);
        memory_store_free(&memory);
    }
}

/* ---- folders ---- */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/heddle-journal-XXXXXX", P_tmpdir);
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) == 0 ? 0 : -1;
}

static const char *below(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static struct heddle_journal *open_folder(size_t segment_bytes)
{
    struct heddle_journal_store store = {0};
    struct heddle_journal *journal = NULL;
    struct heddle_error error = {0};
    if (heddle_journal_store_open(below("deep/journal"), &store, &error) != HEDDLE_OK ||
        heddle_journal_open(&store, &(struct heddle_journal_options){LOAD, segment_bytes}, &journal,
                            &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return journal;
}

static void a_folder_keeps_a_journal(void **state)
{
    (void)state;
    struct heddle_journal *journal = open_folder(100);
    assert_int_equal(heddle_journal_begin(journal, 0, 1, NULL), HEDDLE_OK);
    for (uint64_t i = 1; i <= 9; i++) {
        assert_int_equal(send_rows(journal, EPOCH_1 + i, 0, i, 1, NULL), HEDDLE_OK);
        settle(journal, EPOCH_1 + i, 1);
    }
    heddle_journal_close(journal);
    FILE *stray = fopen(below("deep/journal/0000000099.journal.tmp"), "w"); /* a write that never ended */
    assert_non_null(stray);
    fclose(stray);
    journal = open_folder(100);
    assert_int_not_equal(access(below("deep/journal/0000000099.journal.tmp"), F_OK), 0);
    assert_int_equal(heddle_journal_report(journal)->unresolved, 1);
    assert_true(heddle_journal_report(journal)->segments > 3);
    assert_int_equal(heddle_journal_begin(journal, 0, 2, NULL), HEDDLE_OK);
    assert_int_equal(heddle_journal_finish(journal, NULL), HEDDLE_OK);
    heddle_journal_close(journal);
    journal = open_folder(100);
    assert_true(heddle_journal_report(journal)->finished);
    assert_int_equal(heddle_journal_report(journal)->segments, 1);
    heddle_journal_close(journal);
}

static void a_second_run_on_one_folder_is_refused(void **state)
{
    (void)state;
    struct heddle_journal *journal = open_folder(0);
    struct heddle_journal_store store = {0};
    struct heddle_error error = {0};
    assert_int_equal(heddle_journal_store_open(below("deep/journal"), &store, &error), HEDDLE_IO);
    assert_non_null(strstr(error.message, "another run of this load is at work"));
    heddle_journal_close(journal);
    journal = open_folder(0); /* its end frees the folder */
    heddle_journal_close(journal);
}

/* A limit on the size of files stands for a full disk: the write comes back short, then with an error. */
static void a_full_disk_stops_before_the_send_and_can_be_resumed(void **state)
{
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct heddle_journal *journal = open_folder(0);
    assert_int_equal(heddle_journal_begin(journal, 0, 1, NULL), HEDDLE_OK);
    const struct rlimit small = {1000, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    uint64_t sent = 0;
    struct heddle_error error = {0};
    while (send_rows(journal, EPOCH_1 + sent + 1, 0, sent, 1, &error) == HEDDLE_OK) {
        sent++;
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(sent > 10);
    assert_int_equal(error.status, HEDDLE_IO);
    assert_non_null(strstr(error.message, "Nothing is sent that is not noted there first"));
    heddle_journal_close(journal);
    struct stat file;
    assert_int_equal(stat(below("deep/journal/0000000001.journal"), &file), 0);
    assert_int_equal(file.st_size, 1000); /* the write that was cut short is there */
    journal = open_folder(0);
    assert_true(heddle_journal_report(journal)->torn_bytes > 0);
    assert_string_equal(heddle_journal_report(journal)->torn, "0000000001.journal");
    assert_int_equal(heddle_journal_report(journal)->unresolved, sent);
    heddle_journal_close(journal);
    journal = open_folder(0);
    assert_int_equal(heddle_journal_report(journal)->torn_bytes, 0);
    assert_int_equal(heddle_journal_report(journal)->unresolved, sent);
    heddle_journal_close(journal);
}

static void a_folder_that_cannot_be_made_is_named(void **state)
{
    (void)state;
    FILE *file = fopen(below("flat"), "w");
    assert_non_null(file);
    fclose(file);
    struct heddle_journal_store store = {0};
    struct heddle_error error = {0};
    assert_int_equal(heddle_journal_store_open(below("flat/journal"), &store, &error), HEDDLE_IO);
    assert_non_null(strstr(error.message, "flat"));
}

/* ---- out of memory ---- */

static int use_once(struct heddle_error *error)
{
    struct heddle_journal_store store = {0};
    struct heddle_journal *journal = NULL;
    HEDDLE_TRY(heddle_journal_store_open(below("deep/journal"), &store, error));
    HEDDLE_TRY(heddle_journal_open(&store, &(struct heddle_journal_options){LOAD, 100}, &journal, error));
    const uint32_t epoch = (uint32_t)heddle_journal_report(journal)->runs + 1;
    int status = heddle_journal_begin(journal, 0, epoch, error);
    for (uint64_t i = 1; i <= 4 && status == HEDDLE_OK; i++) {
        const uint64_t token = heddle_token_make(epoch, i);
        status = send_rows(journal, token, i % 3, epoch * 1000 + i, 1, error);
        if (i < 4) {
            settle(journal, token, 1);
        }
    }
    if (status == HEDDLE_OK) {
        status = heddle_journal_flush(journal, error);
    }
    heddle_journal_close(journal);
    return status;
}

static void out_of_memory_loses_nothing(void **state)
{
    (void)state;
    size_t failures = 0;
    for (int64_t n = 0;; n++) {
        assert_int_equal(remove_folder(NULL), 0);
        assert_int_equal(use_once(NULL), HEDDLE_OK);
        struct heddle_error error = {0};
        heddle_memory_fail_at(n);
        const int status = use_once(&error);
        heddle_memory_fail_at(-1);
        if (status == HEDDLE_OK) {
            break;
        }
        assert_int_equal(status, HEDDLE_OUT_OF_MEMORY);
        failures++;
        struct heddle_journal *journal =
            open_folder(0); /* still a good journal, and the first run is known */
        assert_int_equal(fate_of(journal, 1, 1001), HEDDLE_FATE_DONE);
        heddle_journal_close(journal);
    }
    assert_true(failures > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_run_knows_what_became_of_every_row),
        cmocka_unit_test(a_finished_micro_batch_leaves_one_small_segment),
        cmocka_unit_test(a_commit_that_the_journal_missed_is_taken_from_the_next_number),
        cmocka_unit_test(a_store_without_append_gets_whole_objects_only),
        cmocka_unit_test(another_loads_journal_is_refused),
        cmocka_unit_test(writers_that_wait_share_one_flush),
        cmocka_unit_test(a_send_is_in_the_store_when_it_returns),
        cmocka_unit_test(a_full_store_refuses_the_send_and_all_after_it),
        cmocka_unit_test_setup_teardown(a_folder_keeps_a_journal, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_second_run_on_one_folder_is_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_full_disk_stops_before_the_send_and_can_be_resumed, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_made_is_named, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(out_of_memory_loses_nothing, make_folder, remove_folder),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
