/* test_volume.c: a checkpoint on a volume that cannot do what a disk can.
 *
 * open(), flock(), link() and rename() of this program take the place of the C library's for all that is linked to it, and refuse
 * what volumes of object stores refuse. So the very calls of the code under test fail as they do there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/memory.h"
#include "run/checkpoint/checkpoint.h"
#include "run/checkpoint/claim.h"
#include "run/journal/journal.h"

enum { SENDS = 5, ROWS = 10 };

static struct {
    bool append, lock, link, rename;
    int refused; /* calls */
} refuses;

static int refuse(int reason)
{
    refuses.refused++;
    errno = reason;
    return -1;
}

int open(const char *file, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return refuses.append && (flags & O_APPEND) != 0 ? refuse(EOPNOTSUPP)
                                                     : (int)syscall(SYS_openat, AT_FDCWD, file, flags, mode);
}

int flock(int file, int operation)
{
    return refuses.lock ? refuse(ENOSYS) : (int)syscall(SYS_flock, file, operation);
}

int link(const char *from, const char *to)
{
    return refuses.link ? refuse(EPERM) : (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int rename(const char *from, const char *to)
{
    return refuses.rename ? refuse(EOPNOTSUPP) : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static char folder[64];
static char path[160];
static struct heddle_depot *depot;
static struct heddle_error error;

static const char *below(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int setup(void **state)
{
    (void)state;
    memset(&refuses, 0, sizeof refuses);
    error = (struct heddle_error){0};
    depot = NULL;
    snprintf(folder, sizeof folder, "/tmp/heddle-volume-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    memset(&refuses, 0, sizeof refuses);
    heddle_depot_close(depot);
    heddle_folder_remove(folder);
    return 0;
}

static void open_depot(void)
{
    if (heddle_depot_open(folder, NULL, &depot, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

/* All that volumes of object stores refuse. */
static void open_volume(void)
{
    refuses.append = refuses.lock = refuses.link = refuses.rename = true;
    open_depot();
    assert_int_equal(refuses.refused, 3); /* it was tried: append, lock, rename */
}

static void what_a_folder_can_do_is_found_out_by_doing_it(void **state)
{
    (void)state;
    open_depot();
    assert_true(heddle_depot_appends(depot) && heddle_depot_locks(depot));
    heddle_depot_close(depot);
    refuses.append = true;
    open_depot();
    assert_true(!heddle_depot_appends(depot) && heddle_depot_locks(depot));
    heddle_depot_close(depot);
    refuses.append = false;
    refuses.lock = true;
    open_depot();
    assert_true(heddle_depot_appends(depot) && !heddle_depot_locks(depot));
    assert_int_equal(rmdir(folder), 0); /* nothing is left of the trial */
    assert_int_equal(heddle_folder_make(folder, NULL), HEDDLE_OK);
}

static void files_are_made_once_and_written_anew_without_another_name(void **state)
{
    (void)state;
    struct heddle_buffer text = {0};
    open_volume();
    assert_int_equal(heddle_depot_create(depot, below("a"), "one", 3, &error), HEDDLE_OK);
    assert_int_equal(heddle_depot_create(depot, below("a"), "two", 3, &error), HEDDLE_CLOSED);
    assert_int_equal(heddle_depot_read(depot, below("a"), 10, &text, NULL, &error), HEDDLE_OK);
    assert_string_equal(heddle_buffer_text(&text), "one");
    assert_int_equal(heddle_depot_write(depot, below("a"), "3", 1, &error), HEDDLE_OK);
    heddle_buffer_reset(&text);
    assert_int_equal(heddle_depot_read(depot, below("a"), 10, &text, NULL, &error), HEDDLE_OK);
    assert_string_equal(heddle_buffer_text(&text), "3");
    assert_int_equal(heddle_depot_remove(depot, below("a"), &error), HEDDLE_OK);
    assert_int_equal(heddle_depot_remove(depot, below("a"), &error), HEDDLE_OK);
    heddle_buffer_free(&text);
}

static void a_second_run_is_refused_though_nothing_can_be_locked(void **state)
{
    (void)state;
    struct heddle_claim *first = NULL;
    struct heddle_claim *second = NULL;
    open_volume();
    assert_int_equal(heddle_claim_open(depot, folder, "a7", false, &first, &error), HEDDLE_OK);
    assert_int_equal(heddle_claim_open(depot, folder, "a7", false, &second, &error), HEDDLE_IO);
    assert_non_null(strstr(error.message, "in use by another run"));
    assert_int_equal(heddle_claim_announce(first, "fp32", &error), HEDDLE_OK);
    assert_int_equal(heddle_claim_check(first, &error), HEDDLE_OK);
    heddle_claim_close(first);
    assert_int_equal(heddle_claim_open(depot, folder, "a7", false, &second, &error), HEDDLE_OK);
    assert_string_equal(heddle_claim_precision(second), "fp32");
    heddle_claim_close(second);
}

static void offsets_and_commits_are_those_of_any_disk(void **state)
{
    (void)state;
    struct heddle_checkpoint *checkpoint = NULL;
    struct heddle_checkpoint_batch batch;
    open_volume();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(heddle_checkpoint_open(depot, folder, &checkpoint, &error), HEDDLE_OK);
        assert_int_equal(heddle_checkpoint_pending(checkpoint, &batch), i == 2);
        if (i < 2) {
            assert_int_equal(heddle_checkpoint_begin(checkpoint, i == 0 ? "{\"a\":1}" : "{\"a\":2}", &error),
                             HEDDLE_OK);
        }
        if (i == 0) {
            assert_int_equal(heddle_checkpoint_commit(checkpoint, &error), HEDDLE_OK);
        }
        if (i == 2) {
            assert_int_equal(batch.number, 1);
            assert_string_equal(batch.start, "{\"a\":1}");
            assert_string_equal(batch.end, "{\"a\":2}");
        }
        heddle_checkpoint_close(checkpoint);
    }
}

/* Sends a few transactions of a micro-batch, tells the outcome of every second one, and is killed. */
static void load_and_die(void)
{
    struct heddle_journal_store store = {0};
    struct heddle_journal *journal = NULL;
    const struct heddle_journal_options options = {.load = "a7"};
    uint64_t positions[ROWS];
    bool good = heddle_journal_store_open_in(depot, below("journal"), &store, NULL) == HEDDLE_OK &&
                heddle_journal_open(&store, &options, &journal, NULL) == HEDDLE_OK &&
                heddle_journal_begin(journal, 0, 1, NULL) == HEDDLE_OK;
    for (uint64_t token = 1; good && token <= SENDS; token++) {
        const struct heddle_ledger ledger = heddle_journal_ledger(journal);
        for (uint64_t i = 0; i < ROWS; i++) {
            positions[i] = (token - 1) * ROWS + i;
        }
        const struct heddle_ledger_rows rows = {.positions = positions, .count = ROWS};
        const struct heddle_ledger_sums sums = {.created = ROWS};
        good = ledger.before_send(ledger.context, token, &rows, NULL) == HEDDLE_OK;
        if (token % 2 == 1) {
            ledger.outcome(ledger.context, token, HEDDLE_VERDICT_SETTLED, &sums);
        }
    }
    _exit(good ? 0 : 1); /* what it had noted only in memory is lost, as it is with kill -9 */
}

static void a_journal_of_sealed_segments_tells_what_a_killed_run_had_sent(void **state)
{
    (void)state;
    struct heddle_journal_store store = {0};
    struct heddle_journal *journal = NULL;
    const struct heddle_journal_options options = {.load = "a7"};
    uint8_t fates[SENDS * ROWS];
    int outcome = 0;
    open_volume();
    const pid_t child = fork();
    if (child == 0) {
        load_and_die();
    }
    assert_int_equal(waitpid(child, &outcome, 0), child);
    assert_int_equal(outcome, 0);
    assert_int_equal(heddle_journal_store_open_in(depot, below("journal"), &store, &error), HEDDLE_OK);
    assert_false(store.appends);
    if (heddle_journal_open(&store, &options, &journal, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    const struct heddle_journal_report *report = heddle_journal_report(journal);
    assert_true(report->begun && !report->finished);
    assert_int_equal(report->segments, 1 + SENDS); /* one a flush */
    /* 1 and 3 were told with the flushes of 2 and 4; 2, 4 and 5 are not known. */
    assert_int_equal(report->unresolved, 3);
    assert_int_equal(heddle_journal_begin(journal, 0, 2, &error), HEDDLE_OK);
    const struct heddle_ledger ledger = heddle_journal_ledger(journal);
    assert_int_equal(ledger.recall(ledger.context, 0, 0, SENDS * ROWS, fates), 2 * ROWS);
    for (size_t i = 0; i < SENDS * ROWS; i++) {
        assert_int_equal(fates[i] == HEDDLE_FATE_DONE, i / ROWS == 0 || i / ROWS == 2);
    }
    for (uint64_t token = 2; token <= SENDS; token++) {
        const struct heddle_ledger_sums sums = {.created = ROWS};
        ledger.outcome(ledger.context, token, HEDDLE_VERDICT_SETTLED, &sums);
    }
    assert_int_equal(heddle_journal_finish(journal, &error), HEDDLE_OK);
    heddle_journal_close(journal);
    assert_int_equal(access(below("journal/0000000001.journal"), F_OK), -1);
}

static void a_segment_that_another_run_made_meanwhile_stops_this_one(void **state)
{
    (void)state;
    struct heddle_journal_store store = {0};
    struct heddle_journal *journal = NULL;
    const struct heddle_journal_options options = {.load = "a7"};
    open_volume();
    assert_int_equal(heddle_journal_store_open_in(depot, below("journal"), &store, &error), HEDDLE_OK);
    assert_int_equal(heddle_journal_open(&store, &options, &journal, &error), HEDDLE_OK);
    assert_int_equal(heddle_depot_create(depot, below("journal/0000000001.journal"), "x", 1, &error),
                     HEDDLE_OK);
    assert_int_equal(heddle_journal_begin(journal, 0, 1, &error), HEDDLE_IO);
    assert_non_null(strstr(error.message, "another run of this load is at work"));
    heddle_journal_close(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_folder_can_do_is_found_out_by_doing_it, setup, teardown),
        cmocka_unit_test_setup_teardown(files_are_made_once_and_written_anew_without_another_name, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_second_run_is_refused_though_nothing_can_be_locked, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(offsets_and_commits_are_those_of_any_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(a_journal_of_sealed_segments_tells_what_a_killed_run_had_sent, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_segment_that_another_run_made_meanwhile_stops_this_one, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("volume", tests, NULL, NULL);
}
