/* test_stores.c: credentials of a catalog that end in the midst of a load, against a workspace and a store that play both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "run/stores.h"
#include "support/http_script.h"

enum { REQUESTS = 4 };

/* Both sides. The workspace hands out session tokens 1, 2, …; the store takes those from `valid` on. */
static struct {
    _Atomic int handed;
    _Atomic int valid;
    _Atomic int broken;      /* questions for credentials that the workspace answers with 503 */
    _Atomic int64_t life_ms; /* of the next credentials; 0 = it does not say */
} world;

static struct http_script script;
static struct heddle_error error;
static struct heddle_arena *arena;
static struct heddle_options options;
static struct heddle_stores stores;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void answer_credentials(struct http_script_answer *answer, struct heddle_buffer *scratch)
{
    if (atomic_load(&world.broken) > 0) {
        atomic_fetch_sub(&world.broken, 1);
        answer->status = 503;
        return;
    }
    const int64_t life = atomic_load(&world.life_ms);
    heddle_buffer_append_format(
        scratch,
        "{\"aws_temp_credentials\":{\"access_key_id\":\"i\",\"secret_access_key\":\"s\","
        "\"session_token\":\"token-%d\"},\"expiration_time\":%lld}",
        atomic_fetch_add(&world.handed, 1) + 1, life == 0 ? 0 : (long long)(now_ms() + life));
    answer->body = heddle_buffer_text(scratch);
}

static void play(void *context, const struct http_script_request *request, struct http_script_answer *answer,
                 struct heddle_buffer *scratch)
{
    char token[64] = "";
    (void)context;
    if (strstr(request->target, "/tables/") != NULL) {
        answer->body =
            "{\"table_id\":\"an-id\",\"data_source_format\":\"DELTA\",\"storage_location\":\"s3://b/t\"}";
    } else if (strstr(request->target, "temporary-table-credentials") != NULL) {
        answer_credentials(answer, scratch);
    } else {
        (void)http_script_header(request, "x-amz-security-token", token, sizeof token);
        const bool good =
            strncmp(token, "token-", 6) == 0 && strtol(token + 6, NULL, 10) >= atomic_load(&world.valid);
        answer->status = good ? 200 : 403;
        answer->body = good ? "text" : "<Error><Code>ExpiredToken</Code></Error>";
    }
}

static int setup(void **state)
{
    static char address[HTTP_SCRIPT_URL_MAX];
    (void)state;
    error = (struct heddle_error){0};
    memset(&world, 0, sizeof world);
    http_script_start_handler(&script, play, NULL);
    http_script_url(&script, "", address);
    static char host[HTTP_SCRIPT_URL_MAX + 32];
    static char endpoint[HTTP_SCRIPT_URL_MAX + 32];
    snprintf(host, sizeof host, "DATABRICKS_HOST=%s", address);
    snprintf(endpoint, sizeof endpoint, "AWS_ENDPOINT_URL=%s", address);
    static char token[] = "DATABRICKS_TOKEN=dapi-0123";
    static char region[] = "AWS_REGION=eu-west-3";
    char *const environment[] = {host, endpoint, token, region, NULL};
    if (heddle_arena_create(0, &arena, NULL) != HEDDLE_OK) {
        return -1;
    }
    heddle_options_init(&options, arena);
    return heddle_options_set_environment(&options, environment, NULL) == HEDDLE_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    http_script_stop(&script);
    http_script_free(&script);
    heddle_stores_close(&stores);
    heddle_arena_destroy(arena);
    return 0;
}

static struct heddle_fs *open_table(void)
{
    const char *path = "main.fleet.removals";
    const char *type = NULL;
    struct heddle_fs *fs = NULL;
    heddle_stores_fill(&options, &stores);
    stores.settings.pause_ms = 1;
    if (heddle_stores_resolve(&stores, &path, &type, arena, &error) != HEDDLE_OK ||
        heddle_fs_open(path, &stores.settings, &fs, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    assert_string_equal(path, "s3://b/t");
    return fs;
}

static int get(struct heddle_fs *fs)
{
    struct heddle_buffer text = {0};
    const int status = heddle_fs_get(fs, "x", 0, UINT64_MAX, &text, &error);
    assert_true(status != HEDDLE_OK || text.length == 4);
    heddle_buffer_free(&text);
    return status;
}

static void credentials_that_the_store_refuses_are_renewed_and_the_load_goes_on(void **state)
{
    (void)state;
    struct heddle_fs *fs = open_table();
    struct heddle_fs *other = NULL;
    assert_int_equal(heddle_fs_open("s3://b/t", &stores.settings, &other, &error), HEDDLE_OK);
    assert_int_equal(get(fs), HEDDLE_OK);
    assert_int_equal(atomic_load(&world.handed), 1);
    atomic_store(&world.valid, 2); /* an hour later */
    assert_int_equal(get(fs), HEDDLE_OK);
    assert_int_equal(get(other), HEDDLE_OK); /* what one found out, the other knows */
    assert_int_equal(get(fs), HEDDLE_OK);
    assert_int_equal(atomic_load(&world.handed), 2);
    heddle_fs_close(other);
    heddle_fs_close(fs);
}

static void credentials_are_renewed_before_they_end(void **state)
{
    (void)state;
    atomic_store(&world.life_ms, 1);
    struct heddle_fs *fs = open_table();
    atomic_store(&world.life_ms, 3600000);
    while (now_ms() < stores.renew_ms) {
    }
    atomic_store(&world.valid, 2); /* the store never sees the first ones: none of them is refused */
    for (int i = 0; i < REQUESTS; i++) {
        assert_int_equal(get(fs), HEDDLE_OK);
    }
    assert_int_equal(atomic_load(&world.handed), 2);
    assert_int_equal(http_script_count(&script), 3 + REQUESTS); /* table, twice credentials, and the files */
    heddle_fs_close(fs);
}

static void a_workspace_that_is_away_is_waited_for_while_the_old_ones_hold(void **state)
{
    (void)state;
    atomic_store(&world.life_ms, 1);
    struct heddle_fs *fs = open_table();
    while (now_ms() < stores.renew_ms) {
    }
    atomic_store(&world.broken, 1);
    assert_int_equal(get(fs), HEDDLE_OK); /* no new ones, but the store still takes the old */
    assert_int_equal(get(fs), HEDDLE_OK); /* and the workspace is left in peace for a while */
    assert_int_equal(atomic_load(&world.handed), 1);
    atomic_store(&world.valid, 2);
    atomic_store(&world.broken, 2);
    assert_int_equal(get(fs), HEDDLE_OK); /* now they are needed: asked for until they come */
    assert_int_equal(atomic_load(&world.handed), 2);
    heddle_fs_close(fs);
}

static void credentials_that_cannot_be_had_again_end_the_load_with_the_reason(void **state)
{
    (void)state;
    struct heddle_fs *fs = open_table();
    atomic_store(&world.valid, 99);
    assert_int_equal(get(fs), HEDDLE_SOURCE); /* new ones came, and are refused too: no third try */
    assert_int_equal(atomic_load(&world.handed), 2);
    atomic_store(&world.broken, 99);
    assert_int_equal(get(fs), HEDDLE_NETWORK);
    assert_non_null(strstr(error.message, "main.fleet.removals"));
    assert_null(strstr(error.message, "token-"));
    assert_null(strstr(error.message, "dapi"));
    heddle_fs_close(fs);
}

static void what_may_be_a_secret_of_a_web_address_is_not_shown(void **state)
{
    (void)state;
    assert_string_equal(heddle_stores_shown("https://host/a.csv?sig=secret", arena), "https://host/a.csv");
    assert_string_equal(heddle_stores_shown("http://host/a.csv", arena), "http://host/a.csv");
    assert_string_equal(heddle_stores_shown("what?.csv", arena), "what?.csv"); /* a pattern of this machine */
}

static void a_table_whose_kind_cannot_be_told_is_named_without_its_secret(void **state)
{
    (void)state;
    struct heddle_source_options source = {.path = "https://127.0.0.1:9/table?sig=secret"};
    assert_int_equal(heddle_stores_find(NULL, &source, arena, &error), HEDDLE_SOURCE);
    assert_non_null(strstr(error.message, "https://127.0.0.1:9/table is"));
    assert_null(strstr(error.message, "secret"));
    source = (struct heddle_source_options){.path = "https://127.0.0.1:9/table.csv.gz?sig=secret"};
    assert_int_equal(heddle_stores_find(NULL, &source, arena, &error), HEDDLE_OK);
    assert_string_equal(source.type, "csv");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_may_be_a_secret_of_a_web_address_is_not_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(a_table_whose_kind_cannot_be_told_is_named_without_its_secret, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(credentials_that_the_store_refuses_are_renewed_and_the_load_goes_on,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(credentials_are_renewed_before_they_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_workspace_that_is_away_is_waited_for_while_the_old_ones_hold, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(credentials_that_cannot_be_had_again_end_the_load_with_the_reason,
                                        setup, teardown),
    };
    return cmocka_run_group_tests_name("stores", tests, NULL, NULL);
}
