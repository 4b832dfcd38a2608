/* test_verify.c: wrong claims are found, true ones proven while memory lasts, and what cannot be proven is not trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/memory.h"
#include "schedule/verify.h"

static uint64_t hash_of(uint64_t key)
{
    return heddle_hash_mix(key + 999);
}

static struct heddle_verify *new_verify(enum heddle_scenario claimed, size_t memory)
{
    struct heddle_verify *verify = NULL;
    assert_int_equal(heddle_verify_create(claimed, memory, &verify, NULL), HEDDLE_OK);
    return verify;
}

static struct heddle_verify_report report_of(const struct heddle_verify *verify)
{
    struct heddle_verify_report report;
    heddle_verify_report(verify, &report);
    return report;
}

static void expect_text(const struct heddle_verify_report *report, const char *part)
{
    char text[400];
    heddle_verify_explain(report, text, sizeof text);
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, part);
    }
}

/* Customers 0 .. 999 buy products 100000 .. 100999. */
static void show_purchases(struct heddle_verify *verify, uint64_t customers)
{
    for (uint64_t i = 0; i < 3 * customers; i++) {
        heddle_verify_ends(verify, hash_of(i % customers), hash_of(100000 + i * 7 % customers));
    }
}

static void two_columns_without_a_common_key_are_proven_bipartite(void **state)
{
    (void)state;
    struct heddle_verify *verify = new_verify(HEDDLE_SCENARIO_BIPARTITE, 1 << 20);
    show_purchases(verify, 1000);
    const struct heddle_verify_report report = report_of(verify);
    assert_true(report.complete && !report.refuted);
    assert_int_equal(report.settled, HEDDLE_SCENARIO_BIPARTITE);
    assert_int_equal(report.keys, 2000);
    expect_text(&report, "bipartite: proven, all 2000 keys");
    heddle_verify_destroy(verify);
}

static void one_node_on_both_ends_makes_the_load_monopartite(void **state)
{
    (void)state;
    struct heddle_verify *verify = new_verify(HEDDLE_SCENARIO_BIPARTITE, 1 << 20);
    show_purchases(verify, 1000);
    heddle_verify_ends(verify, hash_of(100123), hash_of(100500));
    const struct heddle_verify_report report = report_of(verify);
    assert_true(report.refuted);
    assert_int_equal(report.violations, 1);
    assert_int_equal(report.example, hash_of(100123));
    assert_int_equal(report.settled, HEDDLE_SCENARIO_MONOPARTITE);
    expect_text(&report, "bipartite: wrong, 1 keys");
    heddle_verify_destroy(verify);
}

static void a_claim_that_outgrows_its_memory_is_not_trusted(void **state)
{
    (void)state;
    struct heddle_verify *verify = new_verify(HEDDLE_SCENARIO_BIPARTITE, 16384);
    show_purchases(verify, 20000);
    struct heddle_verify_report report = report_of(verify);
    assert_false(report.complete || report.refuted);
    assert_true(report.level > 3);
    assert_int_equal(report.settled, HEDDLE_SCENARIO_MONOPARTITE);
    expect_text(&report, "not proven, one key in 2^");
    /* Where both columns hold the same keys, any sample shows it. */
    for (uint64_t i = 0; i < 20000; i++) {
        heddle_verify_ends(verify, hash_of(100000 + i), hash_of(i));
    }
    report = report_of(verify);
    assert_true(report.refuted);
    assert_true(report.violations > 20);
    heddle_verify_destroy(verify);
}

static void the_sample_holds_exactly_the_keys_of_its_level(void **state)
{
    (void)state;
    for (uint64_t keys = 10; keys < 5000; keys += 313) {
        struct heddle_verify *verify = new_verify(HEDDLE_SCENARIO_BIPARTITE, 4096);
        for (uint64_t round = 0; round < 2; round++) {
            for (uint64_t i = 0; i < keys; i++) {
                heddle_verify_ends(verify, hash_of(i * 2), hash_of(i * 2 + 1));
            }
        }
        const struct heddle_verify_report report = report_of(verify);
        uint64_t expected = 0;
        for (uint64_t i = 0; i < 2 * keys; i++) {
            expected += (hash_of(i) & ((UINT64_C(1) << report.level) - 1)) == 0 ? 1 : 0;
        }
        assert_int_equal(report.keys, expected);
        assert_int_equal(report.violations, 0);
        heddle_verify_destroy(verify);
    }
}

/* 100 components of 20 nodes each; node n is in component n / 20. */
static void show_threads(struct heddle_verify *verify)
{
    for (uint64_t i = 0; i < 4000; i++) {
        const uint64_t node = i * 31 % 2000;
        heddle_verify_member(verify, hash_of(node / 20), hash_of(5000 + node));
        heddle_verify_member(verify, hash_of(node / 20), hash_of(5000 + node / 20 * 20 + i % 20));
    }
}

static void a_column_that_separates_is_proven(void **state)
{
    (void)state;
    struct heddle_verify *verify = new_verify(HEDDLE_SCENARIO_COMPONENTS, 1 << 20);
    show_threads(verify);
    const struct heddle_verify_report report = report_of(verify);
    assert_true(report.complete && !report.refuted);
    assert_int_equal(report.settled, HEDDLE_SCENARIO_COMPONENTS);
    assert_int_equal(report.components, 100);
    assert_int_equal(report.components_joined, 100);
    assert_int_equal(heddle_verify_component(verify, hash_of(42)), hash_of(42));
    heddle_verify_destroy(verify);
}

static void components_that_share_a_node_are_joined(void **state)
{
    (void)state;
    struct heddle_verify *verify = new_verify(HEDDLE_SCENARIO_COMPONENTS, 1 << 20);
    show_threads(verify);
    heddle_verify_member(verify, hash_of(3), hash_of(5000 + 7 * 20)); /* 3 - 7 - 50, by two nodes */
    heddle_verify_member(verify, hash_of(50), hash_of(5000 + 7 * 20 + 1));
    heddle_verify_member(verify, hash_of(7), hash_of(5000 + 3 * 20)); /* and again */
    const struct heddle_verify_report report = report_of(verify);
    assert_true(report.refuted);
    assert_int_equal(report.violations, 3);
    assert_int_equal(report.components_joined, 98);
    assert_int_equal(report.settled, HEDDLE_SCENARIO_COMPONENTS);
    const uint64_t joined = heddle_verify_component(verify, hash_of(3));
    assert_int_equal(heddle_verify_component(verify, hash_of(7)), joined);
    assert_int_equal(heddle_verify_component(verify, hash_of(50)), joined);
    assert_int_equal(heddle_verify_component(verify, hash_of(4)), hash_of(4));
    expect_text(&report, "98 of 100 are left");
    heddle_verify_destroy(verify);
}

static void a_column_that_separates_nothing_makes_the_load_monopartite(void **state)
{
    (void)state;
    struct heddle_verify *all_one = new_verify(HEDDLE_SCENARIO_COMPONENTS, 1 << 20);
    struct heddle_verify *many = new_verify(HEDDLE_SCENARIO_COMPONENTS, 8192);
    for (uint64_t i = 0; i < 20000; i++) {
        heddle_verify_member(all_one, hash_of(i % 100), hash_of(5000 + i % 17));
        heddle_verify_member(many, hash_of(i), hash_of(50000 + i)); /* true, but more than can be kept */
    }
    struct heddle_verify_report report = report_of(all_one);
    assert_int_equal(report.components_joined, 1);
    assert_int_equal(report.settled, HEDDLE_SCENARIO_MONOPARTITE);
    expect_text(&report, "loaded as monopartite");
    report = report_of(many);
    assert_false(report.complete || report.refuted);
    assert_int_equal(report.settled, HEDDLE_SCENARIO_MONOPARTITE);
    heddle_verify_destroy(all_one);
    heddle_verify_destroy(many);
}

static void bad_claims_and_failing_allocations_are_answered(void **state)
{
    (void)state;
    struct heddle_verify *verify = NULL;
    assert_int_equal(heddle_verify_create(HEDDLE_SCENARIO_MONOPARTITE, 0, &verify, NULL), HEDDLE_INVALID);
    int64_t countdown = 0;
    int status = HEDDLE_OUT_OF_MEMORY;
    for (; status != HEDDLE_OK; countdown++) {
        heddle_memory_fail_at(countdown);
        status = heddle_verify_create(HEDDLE_SCENARIO_COMPONENTS, 0, &verify, NULL);
        heddle_memory_fail_at(-1);
    }
    assert_int_equal(countdown, 4);
    heddle_verify_destroy(verify);
    heddle_verify_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_columns_without_a_common_key_are_proven_bipartite),
        cmocka_unit_test(one_node_on_both_ends_makes_the_load_monopartite),
        cmocka_unit_test(a_claim_that_outgrows_its_memory_is_not_trusted),
        cmocka_unit_test(the_sample_holds_exactly_the_keys_of_its_level),
        cmocka_unit_test(a_column_that_separates_is_proven),
        cmocka_unit_test(components_that_share_a_node_are_joined),
        cmocka_unit_test(a_column_that_separates_nothing_makes_the_load_monopartite),
        cmocka_unit_test(bad_claims_and_failing_allocations_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
