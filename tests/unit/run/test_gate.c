/* test_gate.c: a reject of a row that was read ahead waits until its micro-batch begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/folder.h"
#include "run/gate.h"
#include "run/rejects/rejects.h"

static char folder[64];
static struct heddle_rejects *rejects;
static struct heddle_gate gate;
static _Atomic int status;

static int setup(void **state)
{
    static const struct heddle_reject_limit none;
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/heddle-gate-XXXXXX");
    if (mkdtemp(folder) == NULL ||
        heddle_rejects_open(folder, "a7", HEDDLE_REJECTS_ANEW, NULL, &none, &rejects, NULL) != HEDDLE_OK) {
        return -1;
    }
    heddle_gate_init(&gate, &(struct heddle_reject_sink){.add = heddle_rejects_add, .context = rejects});
    atomic_store(&status, -1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    heddle_gate_destroy(&gate);
    heddle_gate_destroy(&gate); /* destroys once */
    heddle_rejects_close(rejects);
    heddle_folder_remove(folder);
    return 0;
}

static void *reject_one(void *context)
{
    const struct heddle_reject reject = {
        .target = "", .source = "s", .file = "f", .code = "c", .reason = "r"};
    (void)context;
    atomic_store(&status, heddle_gate_add(&gate, &reject, NULL));
    return NULL;
}

static void a_reject_goes_through_an_open_gate(void **state)
{
    (void)state;
    (void)reject_one(NULL);
    assert_int_equal(atomic_load(&status), HEDDLE_OK);
    assert_int_equal(heddle_rejects_count(rejects), 1);
}

static void a_reject_waits_before_a_shut_gate(void **state)
{
    (void)state;
    pthread_t thread;
    heddle_gate_set(&gate, HEDDLE_GATE_SHUT);
    assert_int_equal(pthread_create(&thread, NULL, reject_one, NULL), 0);
    heddle_clock_sleep_ms(20);
    assert_int_equal(atomic_load(&status), -1);
    assert_int_equal(heddle_rejects_count(rejects), 0);
    heddle_gate_set(&gate, HEDDLE_GATE_OPEN);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(atomic_load(&status), HEDDLE_OK);
    assert_int_equal(heddle_rejects_count(rejects), 1);
}

static void a_reject_of_a_micro_batch_that_never_begins_is_not_told(void **state)
{
    (void)state;
    pthread_t thread;
    heddle_gate_set(&gate, HEDDLE_GATE_SHUT);
    assert_int_equal(pthread_create(&thread, NULL, reject_one, NULL), 0);
    heddle_gate_set(&gate, HEDDLE_GATE_GONE);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(atomic_load(&status), HEDDLE_CLOSED);
    assert_int_equal(heddle_rejects_count(rejects), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reject_goes_through_an_open_gate, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reject_waits_before_a_shut_gate, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reject_of_a_micro_batch_that_never_begins_is_not_told, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
