/* test_claim.c: one run at a time has a checkpoint; what load.json says of a load; what --fresh deletes and what not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/folder.h"
#include "base/memory.h"
#include "run/checkpoint/claim.h"
#include "run/checkpoint/fresh.h"

static char folder[64];
static char path[160];

static const char *in_folder(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/heddle-claim-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(heddle_fresh(NULL, folder, NULL), HEDDLE_OK);
    (void)unlink(in_folder("lock"));
    (void)unlink(in_folder("precious"));
    return rmdir(folder);
}

static void put(const char *name, const char *text)
{
    assert_int_equal(heddle_file_write(in_folder(name), text, strlen(text), NULL), HEDDLE_OK);
}

static struct heddle_claim *must_open(const char *load, bool fresh)
{
    struct heddle_claim *claim = NULL;
    struct heddle_error error = {0};
    if (heddle_claim_open(NULL, folder, load, fresh, &claim, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return claim;
}

static void assert_refused(const char *load, int wanted, const char *sentence)
{
    struct heddle_claim *claim = NULL;
    struct heddle_error error = {0};
    assert_int_equal(heddle_claim_open(NULL, folder, load, false, &claim, &error), wanted);
    assert_null(claim);
    if (strstr(error.message, sentence) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, sentence);
    }
}

static void a_second_run_is_refused_while_the_first_one_lives(void **state)
{
    (void)state;
    char process[32];
    struct heddle_claim *claim = must_open("a7", false);
    snprintf(process, sizeof process, "process %ld", (long)getpid());
    assert_refused("a7", HEDDLE_IO, process);
    heddle_claim_close(claim);
    heddle_claim_close(must_open("a7", false));
}

static void the_lock_ends_with_a_process_that_is_killed(void **state)
{
    (void)state;
    int ready[2];
    char answer = 0;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct heddle_claim *claim = NULL;
        if (heddle_claim_open(NULL, folder, "a7", false, &claim, NULL) != HEDDLE_OK ||
            write(ready[1], "y", 1) != 1) {
            _exit(1);
        }
        pause();
    }
    assert_true(child > 0);
    assert_int_equal(read(ready[0], &answer, 1), 1);
    assert_refused("a7", HEDDLE_IO, "in use by another run");
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]);
    close(ready[1]);
    heddle_claim_close(must_open("a7", false));
}

static void owners_are_remembered_until_the_database_knows_a_later_one(void **state)
{
    (void)state;
    size_t count = 1;
    char owners[3][40];
    struct heddle_claim *claim = must_open("a7", false);
    (void)heddle_claim_known(claim, &count);
    assert_int_equal(count, 0);
    assert_null(heddle_claim_precision(claim));
    assert_int_equal(heddle_claim_announce(claim, "bf16", NULL), HEDDLE_OK);
    snprintf(owners[0], sizeof owners[0], "%s", heddle_claim_owner(claim));
    heddle_claim_close(claim); /* announced, and ended before it was confirmed */

    claim = must_open("a7", false);
    assert_string_equal(heddle_claim_precision(claim), "bf16");
    assert_string_equal(heddle_claim_known(claim, &count)[0], owners[0]);
    assert_int_equal(count, 1);
    assert_int_equal(heddle_claim_announce(claim, "bf16", NULL), HEDDLE_OK);
    snprintf(owners[1], sizeof owners[1], "%s", heddle_claim_owner(claim));
    assert_string_not_equal(owners[0], owners[1]);
    heddle_claim_close(claim);

    claim = must_open("a7", false);
    assert_string_equal(heddle_claim_known(claim, &count)[1], owners[1]);
    assert_int_equal(count, 2);
    assert_int_equal(heddle_claim_announce(claim, "bf16", NULL), HEDDLE_OK);
    assert_int_equal(heddle_claim_confirm(claim, NULL), HEDDLE_OK);
    snprintf(owners[2], sizeof owners[2], "%s", heddle_claim_owner(claim));
    heddle_claim_close(claim);

    claim = must_open("a7", false);
    assert_string_equal(heddle_claim_known(claim, &count)[0], owners[2]);
    assert_int_equal(count, 1);
    heddle_claim_close(claim);
}

static void the_checkpoint_of_another_load_is_refused(void **state)
{
    (void)state;
    struct heddle_claim *claim = must_open("a7", false);
    assert_int_equal(heddle_claim_announce(claim, "", NULL), HEDDLE_OK);
    heddle_claim_close(claim);
    assert_refused("b8", HEDDLE_INVALID, "is the checkpoint of load a7 and this is load b8");
}

static void a_damaged_file_is_refused_with_what_to_do(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "{\"format\": 1}",
                                        "{\"format\": 1, \"load\": \"a7\"}",
                                        "{\"format\": 1, \"load\": \"a7\", \"owners\": [1]}",
                                        "{\"format\": 1, \"load\": \"a7\", \"owners\": [\"short\"]}",
                                        "{\"format\": \"1\", \"load\": \"a7\", \"owners\": []}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put("load.json", texts[i]);
        assert_refused("a7", HEDDLE_IO, "is damaged");
        assert_refused("a7", HEDDLE_IO, "--fresh");
    }
    put("load.json", "{\"format\": 2, \"load\": \"a7\", \"owners\": []}");
    assert_refused("a7", HEDDLE_INVALID, "has format 2");
}

static void fresh_forgets_the_load_but_not_who_had_it(void **state)
{
    (void)state;
    size_t count = 0;
    struct heddle_claim *claim = must_open("a7", false);
    assert_int_equal(heddle_claim_announce(claim, "bf16", NULL), HEDDLE_OK);
    heddle_claim_close(claim);
    claim = must_open("a7", true);
    assert_null(heddle_claim_precision(claim));
    (void)heddle_claim_known(claim, &count);
    assert_int_equal(count, 1); /* so the database need not wait for a heartbeat that will not come */
    assert_int_not_equal(access(in_folder("load.json"), F_OK), 0);
    heddle_claim_close(claim);
    heddle_claim_close(must_open("b8", false)); /* nothing is left of a7 */
}

static void fresh_deletes_what_runs_keep_and_nothing_else(void **state)
{
    (void)state;
    static const char *const gone[] = {
        "journal/1/a", "rejects/removal.jsonl", "offsets/0",         "commits/0",
        "metadata",    "receipt.json",          "state/0/0/1.delta", "totals.json"};
    char name[160];
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        snprintf(name, sizeof name, "%s", in_folder(gone[i]));
        *strrchr(name, '/') = '\0';
        assert_int_equal(heddle_folder_make(name, NULL), HEDDLE_OK);
        put(gone[i], "x");
    }
    put("precious", "x");
    snprintf(name, sizeof name, "%s", in_folder("precious"));
    assert_int_equal(symlink(name, in_folder("sources")), 0);
    assert_int_equal(heddle_fresh(NULL, folder, NULL), HEDDLE_OK);
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        assert_int_not_equal(access(in_folder(gone[i]), F_OK), 0);
    }
    struct stat status;
    assert_int_not_equal(lstat(in_folder("sources"), &status), 0);
    assert_int_equal(access(in_folder("precious"), F_OK), 0); /* behind a link, and of another name */
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t countdown = 0;
    struct heddle_claim *claim = must_open("a7", false);
    assert_int_equal(heddle_claim_announce(claim, "fp32", NULL), HEDDLE_OK);
    heddle_claim_close(claim);
    for (; status != HEDDLE_OK && countdown < 200; countdown++) {
        claim = NULL;
        heddle_memory_fail_at(countdown);
        status = heddle_claim_open(NULL, folder, "a7", false, &claim, NULL);
        if (status == HEDDLE_OK) {
            status = heddle_claim_announce(claim, "fp32", NULL);
        }
        heddle_memory_fail_at(-1);
        heddle_claim_close(claim);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
    }
    assert_int_equal(status, HEDDLE_OK);
    assert_true(countdown > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_second_run_is_refused_while_the_first_one_lives, setup, teardown),
        cmocka_unit_test_setup_teardown(the_lock_ends_with_a_process_that_is_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(owners_are_remembered_until_the_database_knows_a_later_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_checkpoint_of_another_load_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_refused_with_what_to_do, setup, teardown),
        cmocka_unit_test_setup_teardown(fresh_forgets_the_load_but_not_who_had_it, setup, teardown),
        cmocka_unit_test_setup_teardown(fresh_deletes_what_runs_keep_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
