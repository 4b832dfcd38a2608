/* test_turn.c: one run at a time where no file can be locked: numbers that are taken once, and beats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/folder.h"
#include "base/memory.h"
#include "run/checkpoint/turn.h"

enum { BEAT_MS = 20, DEAD_MS = 2000, LOOK_MS = 10, AN_HOUR_MS = 3600000, RUNS = 6 };

static char folder[64];
static char path[128];
static struct heddle_depot *depot;
static struct heddle_error error;

static int setup(void **state)
{
    (void)state;
    error = (struct heddle_error){0};
    snprintf(folder, sizeof folder, "/tmp/heddle-turn-XXXXXX");
    return mkdtemp(folder) != NULL && heddle_depot_open(folder, NULL, &depot, NULL) == HEDDLE_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    heddle_depot_close(depot);
    heddle_folder_remove(folder);
    return 0;
}

static const char *turn_path(int number)
{
    snprintf(path, sizeof path, "%s/turns/%d", folder, number);
    return path;
}

static void put(int number, const char *text)
{
    char turns[96];
    snprintf(turns, sizeof turns, "%s/turns", folder);
    assert_int_equal(heddle_folder_make(turns, NULL), HEDDLE_OK);
    assert_int_equal(heddle_file_write(turn_path(number), text, strlen(text), NULL), HEDDLE_OK);
}

static struct heddle_turn_options options_of(const char *owner, const char *machine, unsigned dead_ms)
{
    return (struct heddle_turn_options){
        .owner = owner, .machine = machine, .beat_ms = BEAT_MS, .dead_ms = dead_ms, .look_ms = LOOK_MS};
}

static struct heddle_turn *must_take(const char *owner, const char *machine, unsigned dead_ms)
{
    const struct heddle_turn_options options = options_of(owner, machine, dead_ms);
    struct heddle_turn *turn = NULL;
    if (heddle_turn_take(depot, &options, &turn, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return turn;
}

static void a_second_run_is_refused_while_the_first_one_gives_signs_of_life(void **state)
{
    (void)state;
    const struct heddle_turn_options second = options_of("b", "pear", DEAD_MS);
    struct heddle_turn *turn = must_take("a", "apple", DEAD_MS);
    struct heddle_turn *other = NULL;
    assert_int_equal(heddle_turn_take(depot, &second, &other, &error), HEDDLE_IO);
    assert_null(other);
    assert_non_null(strstr(error.message, "on apple"));
    assert_non_null(strstr(error.message, "in use by another run, process "));
    assert_int_equal(heddle_turn_check(turn, NULL), HEDDLE_OK);
    heddle_turn_end(turn);
    heddle_turn_end(must_take("b", "pear", AN_HOUR_MS)); /* an ended turn is not waited for */
    assert_int_not_equal(access(turn_path(0), F_OK), 0); /* the one before is tidied away */
    assert_int_equal(access(turn_path(1), F_OK), 0);
}

static void a_run_of_another_machine_that_gives_no_sign_is_overtaken(void **state)
{
    (void)state;
    put(7, "{\"format\":1,\"owner\":\"x\",\"machine\":\"far\",\"process\":1,\"started\":1,\"beat\":3,"
           "\"ended\":false}");
    struct heddle_turn *turn = must_take("a", NULL, 4 * LOOK_MS);
    assert_int_equal(access(turn_path(8), F_OK), 0);
    assert_int_equal(heddle_turn_check(turn, NULL), HEDDLE_OK);
    heddle_turn_end(turn);
}

static void a_file_that_says_nothing_is_watched_like_any_other(void **state)
{
    (void)state;
    put(0, "{\"owner\":[");
    heddle_turn_end(must_take("a", NULL, 4 * LOOK_MS));
    assert_int_equal(access(turn_path(1), F_OK), 0);
}

static void a_run_of_this_machine_that_was_killed_is_not_waited_for(void **state)
{
    (void)state;
    int ready[2];
    char answer = 0;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        const struct heddle_turn_options options = options_of("a", NULL, AN_HOUR_MS);
        struct heddle_turn *turn = NULL;
        if (heddle_turn_take(depot, &options, &turn, NULL) != HEDDLE_OK || write(ready[1], "y", 1) != 1) {
            _exit(1);
        }
        for (;;) {
            pause();
        }
    }
    assert_true(child > 0);
    assert_int_equal(read(ready[0], &answer, 1), 1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]);
    close(ready[1]);
    heddle_turn_end(must_take("b", NULL, AN_HOUR_MS));
}

static void a_run_that_was_overtaken_finds_out_and_leaves_the_other_alone(void **state)
{
    (void)state;
    struct heddle_buffer text = {0};
    struct heddle_turn *turn = must_take("a", "apple", DEAD_MS);
    static const char later[] =
        "{\"format\":1,\"owner\":\"b\",\"machine\":\"pear\",\"beat\":0,\"ended\":false}";
    put(1, later);
    int status = HEDDLE_OK;
    while (status == HEDDLE_OK) { /* until a beat has seen it */
        heddle_clock_sleep_ms(LOOK_MS);
        status = heddle_turn_check(turn, &error);
    }
    assert_int_equal(status, HEDDLE_IO);
    assert_non_null(strstr(error.message, "another run took the checkpoint"));
    heddle_turn_end(turn);
    assert_int_equal(heddle_file_read(turn_path(1), 1000, &text, NULL, NULL), HEDDLE_OK);
    assert_string_equal(heddle_buffer_text(&text), later);
    heddle_buffer_free(&text);
}

static void *take_one(void *context)
{
    const struct heddle_turn_options options = options_of(context, context, DEAD_MS);
    struct heddle_turn *turn = NULL;
    return heddle_turn_take(depot, &options, &turn, NULL) == HEDDLE_OK ? turn : NULL;
}

static void of_many_that_come_at_once_one_has_the_turn(void **state)
{
    (void)state;
    static const char *const names[RUNS] = {"a", "b", "c", "d", "e", "f"};
    pthread_t threads[RUNS];
    struct heddle_turn *turn = NULL;
    int taken = 0;
    put(0, "{\"format\":1,\"owner\":\"x\",\"ended\":true}");
    for (int i = 0; i < RUNS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_one, (void *)(uintptr_t)names[i]), 0);
    }
    for (int i = 0; i < RUNS; i++) {
        void *answer = NULL;
        assert_int_equal(pthread_join(threads[i], &answer), 0);
        taken += answer != NULL;
        turn = answer != NULL ? answer : turn;
    }
    assert_int_equal(taken, 1);
    assert_int_equal(heddle_turn_check(turn, NULL), HEDDLE_OK);
    heddle_turn_end(turn);
}

static void who_only_looks_sees_whose_turn_it_is(void **state)
{
    (void)state;
    struct heddle_turn_holder holder;
    assert_int_equal(heddle_turn_look(depot, &holder, NULL), HEDDLE_OK);
    assert_false(holder.known);
    struct heddle_turn *turn = must_take("a", "apple", DEAD_MS);
    assert_int_equal(heddle_turn_look(depot, &holder, NULL), HEDDLE_OK);
    assert_true(holder.known);
    assert_string_equal(holder.machine, "apple");
    assert_int_equal(holder.process, getpid());
    heddle_turn_end(turn);
    assert_int_equal(heddle_turn_look(depot, &holder, NULL), HEDDLE_OK);
    assert_false(holder.known);
}

static void want_of_memory_is_told_and_leaves_no_run_behind(void **state)
{
    (void)state;
    const struct heddle_turn_options options = options_of("a", "apple", 4 * LOOK_MS);
    int status = HEDDLE_OUT_OF_MEMORY;
    for (int64_t n = 0; n < 1000 && status != HEDDLE_OK; n++) {
        struct heddle_turn *turn = NULL;
        heddle_memory_fail_at(n);
        status = heddle_turn_take(depot, &options, &turn, NULL);
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
        assert_true((turn != NULL) == (status == HEDDLE_OK));
        heddle_turn_end(turn);
    }
    assert_int_equal(status, HEDDLE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_second_run_is_refused_while_the_first_one_gives_signs_of_life,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_run_of_another_machine_that_gives_no_sign_is_overtaken, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_file_that_says_nothing_is_watched_like_any_other, setup, teardown),
        cmocka_unit_test_setup_teardown(a_run_of_this_machine_that_was_killed_is_not_waited_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_run_that_was_overtaken_finds_out_and_leaves_the_other_alone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(of_many_that_come_at_once_one_has_the_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(who_only_looks_sees_whose_turn_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(want_of_memory_is_told_and_leaves_no_run_behind, setup, teardown),
    };
    return cmocka_run_group_tests_name("turn", tests, NULL, NULL);
}
