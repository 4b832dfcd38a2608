/* test_authorities.c: which file of certificate authorities is tried, in places of this test's own: nothing here depends on what the
 * distribution has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/authorities.h"

/* A file that is there, between two places where none is. */
static char present[] = "/tmp/heddle-test-bundle-XXXXXX";
static const char *const bundles[] = {"/nowhere/first.pem", present, "/nowhere/last.pem", NULL};
static const char *const nothing[] = {"/nowhere/first.pem", "/nowhere/last.pem", NULL};

static void assert_only(struct heddle_authorities search, const char *file, const char *named_by)
{
    assert_true(heddle_authorities_next(&search));
    assert_string_equal(search.file, file);
    if (named_by != NULL) {
        assert_string_equal(search.named_by, named_by);
    } else {
        assert_null(search.named_by);
    }
    assert_false(heddle_authorities_next(&search));
    assert_false(heddle_authorities_next(&search));
}

static void a_file_that_is_named_is_the_only_one_whether_it_is_there_or_not(void **state)
{
    (void)state;
    setenv("SSL_CERT_FILE", "/nowhere/of-the-environment.pem", 1);
    assert_only(heddle_authorities_start("/nowhere/given.pem", bundles), "/nowhere/given.pem",
                "the CA file given");
    assert_only(heddle_authorities_start(present, bundles), present, "the CA file given");
}

static void the_environment_comes_next(void **state)
{
    (void)state;
    setenv("SSL_CERT_FILE", "/nowhere/of-the-environment.pem", 1);
    assert_only(heddle_authorities_start(NULL, bundles), "/nowhere/of-the-environment.pem", "SSL_CERT_FILE");
    assert_only(heddle_authorities_start("", bundles), "/nowhere/of-the-environment.pem", "SSL_CERT_FILE");
}

static void then_the_bundles_that_can_be_read(void **state)
{
    (void)state;
    unsetenv("SSL_CERT_FILE");
    assert_only(heddle_authorities_start(NULL, bundles), present, NULL);
    setenv("SSL_CERT_FILE", "", 1);
    assert_only(heddle_authorities_start("", bundles), present, NULL);
}

static void each_bundle_gets_its_turn(void **state)
{
    (void)state;
    static const char *const twice[] = {present, "/nowhere/first.pem", present, NULL};
    unsetenv("SSL_CERT_FILE");
    struct heddle_authorities search = heddle_authorities_start(NULL, twice);
    assert_true(heddle_authorities_next(&search));
    assert_true(heddle_authorities_next(&search));
    assert_false(heddle_authorities_next(&search));
}

static void where_there_is_none_the_places_and_the_remedies_are_named(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    unsetenv("SSL_CERT_FILE");
    struct heddle_authorities search = heddle_authorities_start(NULL, nothing);
    assert_false(heddle_authorities_next(&search));
    assert_int_equal(heddle_authorities_missing(nothing, &error), HEDDLE_INVALID);
    assert_string_equal(error.message,
                        "no certificate authorities found in /nowhere/first.pem or /nowhere/last.pem: "
                        "install ca-certificates, set SSL_CERT_FILE, or name a CA file");
    assert_int_equal(heddle_authorities_missing(heddle_authorities_bundles, &error), HEDDLE_INVALID);
    for (size_t i = 0; heddle_authorities_bundles[i] != NULL; i++) {
        assert_non_null(strstr(error.message, heddle_authorities_bundles[i]));
    }
}

static int set_up(void **state)
{
    (void)state;
    const int file = mkstemp(present);
    return file < 0 ? -1 : close(file);
}

static int tear_down(void **state)
{
    (void)state;
    unsetenv("SSL_CERT_FILE");
    return unlink(present);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_is_named_is_the_only_one_whether_it_is_there_or_not),
        cmocka_unit_test(the_environment_comes_next),
        cmocka_unit_test(then_the_bundles_that_can_be_read),
        cmocka_unit_test(each_bundle_gets_its_turn),
        cmocka_unit_test(where_there_is_none_the_places_and_the_remedies_are_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
