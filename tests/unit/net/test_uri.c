/* test_uri.c: addresses as people write them, and what is said about wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "net/uri.h"

static void good_addresses_are_taken_apart(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool routing;
        enum heddle_uri_tls tls;
        const char *host;
        uint16_t port;
        const char *query;
        const char *address;
    } cases[] = {
        {"bolt://localhost", false, HEDDLE_URI_TLS_NONE, "localhost", 7687, "", "localhost:7687"},
        {"neo4j://h:1234", true, HEDDLE_URI_TLS_NONE, "h", 1234, "", "h:1234"},
        {"neo4j+s://abc.databases.neo4j.io", true, HEDDLE_URI_TLS_VERIFIED, "abc.databases.neo4j.io", 7687,
         "", "abc.databases.neo4j.io:7687"},
        {"bolt+ssc://10.0.0.1:1/", false, HEDDLE_URI_TLS_UNVERIFIED, "10.0.0.1", 1, "", "10.0.0.1:1"},
        {"BOLT+S://h", false, HEDDLE_URI_TLS_VERIFIED, "h", 7687, "", "h:7687"},
        {"neo4j://[::1]", true, HEDDLE_URI_TLS_NONE, "::1", 7687, "", "[::1]:7687"},
        {"neo4j://[fe80::1%eth0]:65535", true, HEDDLE_URI_TLS_NONE, "fe80::1%eth0", 65535, "",
         "[fe80::1%eth0]:65535"},
        {"neo4j://h?policy=eu&x=1", true, HEDDLE_URI_TLS_NONE, "h", 7687, "policy=eu&x=1", "h:7687"},
        {"neo4j://h:7/?policy=eu", true, HEDDLE_URI_TLS_NONE, "h", 7, "policy=eu", "h:7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct heddle_uri uri;
        char address[HEDDLE_URI_ADDRESS_MAX];
        assert_int_equal(heddle_uri_parse(cases[i].text, &uri, NULL), HEDDLE_OK);
        assert_int_equal(uri.routing, cases[i].routing);
        assert_int_equal(uri.tls, cases[i].tls);
        assert_string_equal(uri.host, cases[i].host);
        assert_int_equal(uri.port, cases[i].port);
        assert_string_equal(uri.query, cases[i].query);
        assert_string_equal(heddle_uri_address(&uri, address), cases[i].address);
    }
}

static void wrong_addresses_are_refused_with_the_remedy(void **state)
{
    (void)state;
    const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", "needs a scheme"},
        {"localhost:7687", "needs a scheme"},
        {"neo4js://h", "did you mean neo4j://?"},
        {"bollt://h", "did you mean bolt://?"},
        {"bolt+tls://h", "bolt+s"},
        {"http://h:7474", "not Neo4j's Bolt protocol"},
        {"https://h", "not Neo4j's Bolt protocol"},
        {"ftp://h", "use neo4j:// or bolt://"},
        {"neo4j://", "no host name"},
        {"neo4j://:7687", "no host name"},
        {"neo4j://h:", "not a port"},
        {"neo4j://h:0", "not a port"},
        {"neo4j://h:65536", "not a port"},
        {"neo4j://h:99999999999999999999", "not a port"},
        {"neo4j://h:7x", "not a port"},
        {"neo4j://h:-1", "not a port"},
        {"neo4j://::1", "stands in brackets"},
        {"neo4j://[::1", "[::1]:7687"},
        {"neo4j://[::1]x", "[::1]:7687"},
        {"neo4j://a b", "space or control"},
        {"neo4j://h/people", "--database"},
        {"bolt://h?policy=eu", "needs neo4j://"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct heddle_uri uri;
        struct heddle_error error = {0};
        assert_int_equal(heddle_uri_parse(cases[i].text, &uri, &error), HEDDLE_INVALID);
        if (strstr(error.message, cases[i].says) == NULL) {
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].text, error.message, cases[i].says);
        }
    }
}

static void a_password_in_the_address_is_refused_and_not_repeated(void **state)
{
    (void)state;
    const char *const texts[] = {"neo4j://neo4j:hunter2@host", "bolt://hunter2@host:7687",
                                 "bolt://a:hunter2/x@host"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct heddle_uri uri;
        struct heddle_error error = {0};
        assert_int_equal(heddle_uri_parse(texts[i], &uri, &error), HEDDLE_INVALID);
        assert_non_null(strstr(error.message, "NEO4J_PASSWORD"));
        assert_non_null(strstr(error.message, "--password-file"));
        assert_null(strstr(error.message, "hunter2"));
    }
}

static void names_that_are_too_long_are_refused(void **state)
{
    (void)state;
    char text[1024] = "neo4j://";
    struct heddle_uri uri;
    memset(text + 8, 'a', 255);
    assert_int_equal(heddle_uri_parse(text, &uri, NULL), HEDDLE_OK);
    assert_int_equal(strlen(uri.host), 255);
    text[8 + 255] = 'a';
    assert_int_equal(heddle_uri_parse(text, &uri, NULL), HEDDLE_INVALID);
    memset(text, 0, sizeof text);
    memcpy(text, "neo4j://h?", 10);
    memset(text + 10, 'q', 300);
    assert_int_equal(heddle_uri_parse(text, &uri, NULL), HEDDLE_INVALID);
}

static void addresses_of_routing_tables_are_understood(void **state)
{
    (void)state;
    struct heddle_uri uri;
    assert_int_equal(heddle_uri_parse("neo4j+s://first:1", &uri, NULL), HEDDLE_OK);
    assert_int_equal(heddle_uri_parse_address("[::2]:99", &uri, NULL), HEDDLE_OK);
    assert_string_equal(uri.host, "::2");
    assert_int_equal(uri.port, 99);
    assert_int_equal(uri.tls, HEDDLE_URI_TLS_VERIFIED);
    assert_int_equal(heddle_uri_parse_address("second", &uri, NULL), HEDDLE_OK);
    assert_int_equal(uri.port, 7687);
    assert_int_equal(heddle_uri_parse_address("", &uri, NULL), HEDDLE_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_addresses_are_taken_apart),
        cmocka_unit_test(wrong_addresses_are_refused_with_the_remedy),
        cmocka_unit_test(a_password_in_the_address_is_refused_and_not_repeated),
        cmocka_unit_test(names_that_are_too_long_are_refused),
        cmocka_unit_test(addresses_of_routing_tables_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
