/* test_unity.c: names of Unity Catalog against a scripted workspace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cloud/unity.h"
#include "support/http_script.h"

#define TOKEN "dapi-0123456789"
#define TABLE                                                                                                \
    "{\"table_id\":\"an-id\",\"data_source_format\":\"DELTA\",\"storage_location\":\"s3://bucket/t\"}"

static struct http_script script;
static struct heddle_error error;
static struct heddle_arena *arena;
static struct heddle_unity_table table;

static int resolve(const struct http_script_answer *answers, size_t count)
{
    char host[HTTP_SCRIPT_URL_MAX];
    http_script_start(&script, answers, count);
    const struct heddle_unity_options options = {.host = http_script_url(&script, "/", host), .token = TOKEN};
    error = (struct heddle_error){0};
    const int status = heddle_unity_resolve(&options, "main.fleet.removals", arena, &table, &error);
    http_script_stop(&script);
    assert_null(strstr(error.message, TOKEN));
    return status;
}

static void a_name_becomes_a_location_and_credentials(void **state)
{
    static const struct {
        const char *answer;
        size_t count;
        const char *name;
        const char *value;
    } clouds[] = {
        {"{\"aws_temp_credentials\":{\"access_key_id\":\"i\",\"secret_access_key\":\"s\",\"session_token\":"
         "\"t\"}}",
         3, "AWS_SESSION_TOKEN", "t"},
        {"{\"azure_user_delegation_sas\":{\"sas_token\":\"sv=1\"}}", 1, "AZURE_STORAGE_SAS_TOKEN", "sv=1"},
        {"{\"gcp_oauth_token\":{\"oauth_token\":\"ya\"}}", 1, "GOOGLE_OAUTH_ACCESS_TOKEN", "ya"},
    };
    char value[64];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct http_script_answer answers[] = {{.body = TABLE}, {.body = clouds[i].answer}};
        assert_int_equal(resolve(answers, 2), HEDDLE_OK);
        assert_string_equal(table.location, "s3://bucket/t");
        assert_int_equal(table.variable_count, clouds[i].count);
        assert_string_equal(table.variables[table.variable_count - 1].name, clouds[i].name);
        assert_string_equal(table.variables[table.variable_count - 1].value, clouds[i].value);
        const struct http_script_request *first = http_script_request(&script, 0);
        const struct http_script_request *second = http_script_request(&script, 1);
        assert_string_equal(first->target, "/api/2.1/unity-catalog/tables/main.fleet.removals");
        assert_string_equal(http_script_header(first, "authorization", value, sizeof value), "Bearer " TOKEN);
        assert_string_equal(second->method, "POST");
        assert_string_equal(second->target, "/api/2.1/unity-catalog/temporary-table-credentials");
        assert_string_equal(second->body, "{\"table_id\":\"an-id\",\"operation\":\"READ\"}");
        http_script_free(&script);
    }
}

static void credentials_are_renewed_for_a_table_that_is_known(void **state)
{
    static const struct http_script_answer answers[] = {
        {.body = TABLE},
        {.body = "{\"azure_user_delegation_sas\":{\"sas_token\":\"one\"},\"expiration_time\":1735787045678}"},
    };
    static const struct http_script_answer later[] = {
        {.body = "{\"azure_user_delegation_sas\":{\"sas_token\":\"two\"}}"}};
    char host[HTTP_SCRIPT_URL_MAX];
    (void)state;
    assert_int_equal(resolve(answers, 2), HEDDLE_OK);
    http_script_free(&script);
    assert_int_equal(table.expires_ms, INT64_C(1735787045678));
    http_script_start(&script, later, 1);
    const struct heddle_unity_options options = {.host = http_script_url(&script, "", host), .token = TOKEN};
    assert_int_equal(heddle_unity_renew(&options, "main.fleet.removals", arena, &table, &error), HEDDLE_OK);
    http_script_stop(&script);
    assert_int_equal(http_script_count(&script), 1); /* where the table is, is known */
    assert_string_equal(http_script_request(&script, 0)->body,
                        "{\"table_id\":\"an-id\",\"operation\":\"READ\"}");
    assert_string_equal(table.variables[0].value, "two");
    assert_int_equal(table.variable_count, 1);
    assert_int_equal(table.expires_ms, 0);
    http_script_free(&script);
}

static void a_refusal_prints_the_grant_and_the_way_through_spark(void **state)
{
    static const struct {
        struct http_script_answer answers[2];
        const char *said;
    } cases[] = {
        {{{.body = TABLE},
          {.status = 403, .body = "{\"message\":\"User lacks EXTERNAL USE SCHEMA on Schema\"}"}},
         "GRANT EXTERNAL USE SCHEMA ON SCHEMA main.fleet TO"},
        {{{.body = TABLE}, {.status = 403, .body = "{\"message\":\"External data access is not enabled\"}"}},
         "metastore"},
        {{{.body = TABLE}, {.status = 403, .body = "{\"message\":\"no SELECT\"}"}},
         "GRANT SELECT ON TABLE main.fleet.removals TO"},
        {{{.status = 403, .body = "{\"message\":\"User does not have USE CATALOG on Catalog 'main'\"}"}},
         "GRANT USE CATALOG ON CATALOG main TO"},
        {{{.status = 403, .body = "{\"message\":\"User does not have USE SCHEMA\"}"}},
         "GRANT USE SCHEMA ON SCHEMA main.fleet TO"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(resolve(cases[i].answers, 2), HEDDLE_SOURCE);
        if (strstr(error.message, cases[i].said) == NULL || strstr(error.message, "Spark") == NULL) {
            fail_msg("case %zu: %s", i, error.message);
        }
        http_script_free(&script);
    }
}

static void what_is_no_table_of_delta_is_refused(void **state)
{
    static const struct {
        struct http_script_answer answer;
        int status;
        const char *said;
    } cases[] = {
        {{.status = 404, .body = "{}"}, HEDDLE_SOURCE, "knows no table main.fleet.removals"},
        {{.status = 401, .body = "{}"}, HEDDLE_SOURCE, "DATABRICKS_TOKEN"},
        {{.status = 503, .body = "busy"}, HEDDLE_NETWORK, "503"},
        {{.body = "<html>"}, HEDDLE_PROTOCOL, "DATABRICKS_HOST"},
        {{.body = "{\"table_id\":\"x\",\"data_source_format\":\"ICEBERG\",\"storage_location\":\"s3://b\"}"},
         HEDDLE_SOURCE,
         "ICEBERG"},
        {{.body = "{\"table_type\":\"VIEW\"}"}, HEDDLE_SOURCE, "view"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(resolve(&cases[i].answer, 1), cases[i].status);
        assert_non_null(strstr(error.message, cases[i].said));
        http_script_free(&script);
    }
}

static void only_three_plain_parts_are_a_name(void **state)
{
    static const char *const others[] = {"a.b",  "a.b.c.d", "a..c",       "a/b.c.d", ".a.b",
                                         "a.b.", "a.b.c d", "s3://a.b.c", ""};
    const struct heddle_unity_options none = {0};
    (void)state;
    assert_true(heddle_unity_is_name("main.fleet_1.re-movals"));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(heddle_unity_is_name(others[i]));
    }
    assert_int_equal(heddle_unity_resolve(&none, "a.b.c", arena, &table, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "DATABRICKS_HOST"));
}

static int setup(void **state)
{
    (void)state;
    setenv("no_proxy", "127.0.0.1", 1);
    return heddle_arena_create(0, &arena, NULL);
}

static int teardown(void **state)
{
    (void)state;
    heddle_arena_destroy(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_becomes_a_location_and_credentials),
        cmocka_unit_test(credentials_are_renewed_for_a_table_that_is_known),
        cmocka_unit_test(a_refusal_prints_the_grant_and_the_way_through_spark),
        cmocka_unit_test(what_is_no_table_of_delta_is_refused),
        cmocka_unit_test(only_three_plain_parts_are_a_name),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
