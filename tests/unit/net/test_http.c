/* test_http.c: the HTTP client against a scripted server: what is sent, what is kept, who is told a secret, what ends a
 * request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "net/http.h"
#include "support/http_script.h"

#define SECRET "Bearer key-8d1f0c2a"

static struct http_script script;
static struct http_script other; /* another origin: another port */
static struct heddle_http_client *client;
static struct heddle_http_response response;
static struct heddle_error error;
static char url[HTTP_SCRIPT_URL_MAX];

static int setup(void **state)
{
    const struct heddle_http_options options = {.proxy = ""};
    (void)state;
    error = (struct heddle_error){0};
    return heddle_http_client_create(&options, &client, NULL);
}

static int teardown(void **state)
{
    (void)state;
    heddle_http_response_free(&response);
    heddle_http_client_destroy(client);
    return 0;
}

static int get(const char *path)
{
    const struct heddle_http_request request = {.url = http_script_url(&script, path, url),
                                                .authorization = SECRET};
    return heddle_http_perform(client, &request, &response, &error);
}

static void end(void)
{
    http_script_stop(&script);
    http_script_free(&script);
    assert_null(strstr(error.message, "key-8d1f0c2a"));
}

static void a_post_carries_its_body_headers_and_secret(void **state)
{
    (void)state;
    char value[128];
    static const struct http_script_answer answers[] = {
        {.status = 201, .head = "X-Thing:  seven\r\nx-thing: eight \r\n", .body = "{\"ok\":true}"}};
    static const struct heddle_http_header headers[] = {
        {.name = "Content-Type", .value = "application/json"},
        {.name = "api-key", .value = "hush-hush", .secret = true}};
    http_script_start(&script, answers, 1);
    const struct heddle_http_request request = {.url = http_script_url(&script, "/v1/things?x=1", url),
                                                .headers = headers,
                                                .header_count = 2,
                                                .authorization = SECRET,
                                                .body = "{\"a\":1}",
                                                .body_length = 7};
    assert_int_equal(heddle_http_perform(client, &request, &response, &error), HEDDLE_OK);
    assert_int_equal(response.status, 201);
    assert_string_equal(heddle_buffer_text(&response.body), "{\"ok\":true}");
    assert_true(heddle_http_response_header(&response, "x-thing", value, sizeof value));
    assert_string_equal(value, "eight");
    assert_true(heddle_http_response_header(&response, "x-thing", value, 3));
    assert_string_equal(value, "ei");
    assert_false(heddle_http_response_header(&response, "x-thin", value, sizeof value));
    assert_string_equal(value, "");
    const struct http_script_request *asked = http_script_request(&script, 0);
    assert_string_equal(asked->method, "POST");
    assert_string_equal(asked->target, "/v1/things?x=1");
    assert_string_equal(asked->body, "{\"a\":1}");
    assert_string_equal(http_script_header(asked, "authorization", value, sizeof value), SECRET);
    assert_string_equal(http_script_header(asked, "api-key", value, sizeof value), "hush-hush");
    assert_string_equal(http_script_header(asked, "content-type", value, sizeof value), "application/json");
    assert_null(http_script_header(asked, "expect", value, sizeof value));
    end();
}

static void a_connection_is_kept_for_the_next_request(void **state)
{
    (void)state;
    static const struct http_script_answer answers[] = {{.body = "one"}, {.status = 500}, {.body = "three"}};
    http_script_start(&script, answers, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get("/"), HEDDLE_OK);
    }
    assert_string_equal(heddle_buffer_text(&response.body), "three");
    assert_int_equal(script.connections, 1);
    assert_int_equal(http_script_count(&script), 3);
    end();
}

static void a_redirect_at_home_keeps_the_secret(void **state)
{
    (void)state;
    char value[128];
    static const struct http_script_answer answers[] = {
        {.status = 302, .head = "Location: /there\r\n", .body = "go there"}, {.body = "here"}};
    http_script_start(&script, answers, 2);
    assert_int_equal(get("/"), HEDDLE_OK);
    assert_string_equal(heddle_buffer_text(&response.body), "here");
    const struct http_script_request *asked = http_script_request(&script, 1);
    assert_string_equal(asked->target, "/there");
    assert_string_equal(http_script_header(asked, "authorization", value, sizeof value), SECRET);
    end();
}

/* Answers script with a redirect to `other`. */
static void start_two(struct http_script_answer *answer, char *head, size_t size, int status)
{
    static const struct http_script_answer stolen[] = {{.body = "stolen?"}};
    http_script_start(&other, stolen, 1);
    snprintf(head, size, "Location: http://127.0.0.1:%u/elsewhere\r\n", other.port);
    *answer = (struct http_script_answer){.status = status, .head = head};
    http_script_start(&script, answer, 1);
}

static void end_two(void)
{
    http_script_stop(&other);
    http_script_free(&other);
    end();
}

static void a_redirect_to_another_server_is_refused_by_name(void **state)
{
    (void)state;
    char head[128];
    char name[64];
    struct http_script_answer answer;
    start_two(&answer, head, sizeof head, 307);
    snprintf(name, sizeof name, "127.0.0.1:%u", other.port);
    const struct heddle_http_request post = {.url = http_script_url(&script, "/", url),
                                             .authorization = SECRET,
                                             .body = "private",
                                             .body_length = 7,
                                             .redirects = HEDDLE_HTTP_REDIRECTS_ANY};
    assert_int_equal(get("/"), HEDDLE_PROTOCOL);
    assert_non_null(strstr(error.message, name));
    assert_int_equal(heddle_http_perform(client, &post, &response, &error), HEDDLE_PROTOCOL);
    assert_int_equal(http_script_count(&other), 0);
    assert_int_equal(http_script_count(&script), 2);
    end_two();
}

static void a_redirect_to_another_server_does_not_carry_the_secrets(void **state)
{
    (void)state;
    char head[128];
    char value[128];
    struct http_script_answer answer;
    static const struct heddle_http_header headers[] = {
        {.name = "api-key", .value = "hush-hush", .secret = true}, {.name = "x-plain", .value = "seen"}};
    start_two(&answer, head, sizeof head, 302);
    const struct heddle_http_request request = {.url = http_script_url(&script, "/", url),
                                                .authorization = SECRET,
                                                .headers = headers,
                                                .header_count = 2,
                                                .redirects = HEDDLE_HTTP_REDIRECTS_ANY};
    assert_int_equal(heddle_http_perform(client, &request, &response, &error), HEDDLE_OK);
    assert_string_equal(heddle_buffer_text(&response.body), "stolen?");
    const struct http_script_request *asked = http_script_request(&other, 0);
    assert_string_equal(http_script_header(asked, "x-plain", value, sizeof value), "seen");
    assert_null(http_script_header(asked, "authorization", value, sizeof value));
    assert_null(http_script_header(asked, "api-key", value, sizeof value));
    assert_null(strstr(asked->head, "hush"));
    assert_null(strstr(asked->head, "key-8d1f0c2a"));
    end_two();
}

static void redirects_end_and_a_post_is_not_made_a_get(void **state)
{
    (void)state;
    static const struct http_script_answer answers[] = {{.status = 301, .head = "Location: /again\r\n"}};
    http_script_start(&script, answers, 1);
    assert_int_equal(get("/"), HEDDLE_PROTOCOL);
    assert_int_equal(http_script_count(&script), HEDDLE_HTTP_REDIRECTS_MAX + 1);
    const struct heddle_http_request post = {
        .url = http_script_url(&script, "/", url), .body = "private", .body_length = 7};
    assert_int_equal(heddle_http_perform(client, &post, &response, &error), HEDDLE_PROTOCOL);
    assert_int_equal(http_script_count(&script), HEDDLE_HTTP_REDIRECTS_MAX + 2);
    end();
}

static void an_answer_over_its_limit_is_refused(void **state)
{
    (void)state;
    char head[80 * 1000];
    static const char chunked[] =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n6\r\n123456\r\n"
        "0\r\n\r\n";
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nX-Long: %070000d\r\nContent-Length: 0\r\n\r\n", 1);
    const struct http_script_answer answers[] = {{.body = "0123456789"},
                                                 {.body = "0123456789"},
                                                 {.body = chunked, .end = HTTP_SCRIPT_RAW},
                                                 {.body = head, .end = HTTP_SCRIPT_RAW}};
    http_script_start(&script, answers, 4);
    struct heddle_http_request request = {.url = http_script_url(&script, "/", url),
                                          .response_bytes_max = 10};
    assert_int_equal(heddle_http_perform(client, &request, &response, &error), HEDDLE_OK);
    request.response_bytes_max = 9;
    assert_int_equal(heddle_http_perform(client, &request, &response, &error), HEDDLE_PROTOCOL);
    assert_non_null(strstr(error.message, "limit of 9 bytes"));
    assert_int_equal(heddle_http_perform(client, &request, &response, &error), HEDDLE_PROTOCOL);
    assert_non_null(strstr(error.message, "limit of 9 bytes"));
    assert_int_equal(heddle_http_perform(client, &request, &response, &error), HEDDLE_PROTOCOL);
    end();
}

static void a_cut_answer_can_be_tried_again(void **state)
{
    (void)state;
    static const struct http_script_answer answers[] = {
        {.body = "0123456789", .end = HTTP_SCRIPT_CUT},
        {.end = HTTP_SCRIPT_HANG_UP},
    };
    http_script_start(&script, answers, 2);
    for (int i = 0; i < 2; i++) {
        error = (struct heddle_error){0};
        assert_int_equal(get("/?token=private"), HEDDLE_NETWORK);
        assert_int_equal(error.action, HEDDLE_ACTION_RETRY);
        assert_non_null(strstr(error.message, "127.0.0.1:"));
        assert_null(strstr(error.message, "private"));
    }
    end();
}

static void what_is_no_http_is_said_to_be_none(void **state)
{
    (void)state;
    static const struct http_script_answer answers[] = {{.body = "SSH-2.0-x\r\n", .end = HTTP_SCRIPT_RAW}};
    http_script_start(&script, answers, 1);
    assert_int_equal(get("/"), HEDDLE_PROTOCOL);
    assert_non_null(strstr(error.message, "does not answer as an HTTP server"));
    end();
}

static void silence_ends_at_the_time_limit(void **state)
{
    (void)state;
    static const struct http_script_answer answers[] = {{.end = HTTP_SCRIPT_SILENT}};
    http_script_start(&script, answers, 1);
    const struct heddle_http_request request = {.url = http_script_url(&script, "/", url), .timeout_ms = 50};
    assert_int_equal(heddle_http_perform(client, &request, &response, &error), HEDDLE_NETWORK);
    assert_int_equal(error.action, HEDDLE_ACTION_RETRY);
    end();
}

static void *cancel_soon(void *context)
{
    heddle_clock_sleep_ms(30);
    atomic_store((atomic_bool *)context, true);
    return NULL;
}

static void a_cancelled_request_ends(void **state)
{
    (void)state;
    static const struct http_script_answer answers[] = {{.end = HTTP_SCRIPT_SILENT}};
    pthread_t thread;
    atomic_bool cancel = false;
    http_script_start(&script, answers, 1);
    const struct heddle_http_request request = {.url = http_script_url(&script, "/", url), .cancel = &cancel};
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &cancel), 0);
    assert_int_equal(heddle_http_perform(client, &request, &response, &error), HEDDLE_INTERRUPTED);
    pthread_join(thread, NULL);
    end();
}

static void nobody_at_home_can_be_tried_again(void **state)
{
    (void)state;
    static const struct http_script_answer answers[] = {{0}};
    http_script_start(&script, answers, 1);
    http_script_stop(&script);
    assert_int_equal(get("/"), HEDDLE_NETWORK);
    assert_int_equal(error.action, HEDDLE_ACTION_RETRY);
    http_script_free(&script);
}

static void bad_addresses_and_headers_are_refused_before_anything_is_sent(void **state)
{
    (void)state;
    static const char *const addresses[] = {
        "",
        "no url at all",
        "ftp://host/x",
        "file:///etc/passwd",
        "https://user:swordfish@host/",
        "http://swordfish@host/",
        "http://:swordfish@host/",
        "http://ho st/",
    };
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        const struct heddle_http_request request = {.url = addresses[i]};
        assert_int_equal(heddle_http_perform(client, &request, &response, &error), HEDDLE_INVALID);
        assert_null(strstr(error.message, "swordfish"));
    }
    static const struct http_script_answer answers[] = {{0}};
    static const struct heddle_http_header header = {.name = "x", .value = "a\r\nb: c"};
    http_script_start(&script, answers, 1);
    const struct heddle_http_request request = {
        .url = http_script_url(&script, "/", url), .headers = &header, .header_count = 1};
    assert_int_equal(heddle_http_perform(client, &request, &response, &error), HEDDLE_INVALID);
    assert_int_equal(http_script_count(&script), 0);
    end();
}

static void *ask_often(void *context)
{
    struct heddle_http_response mine = {0};
    char address[HTTP_SCRIPT_URL_MAX];
    size_t *good = context;
    for (int i = 0; i < 25; i++) {
        const struct heddle_http_request request = {.url = http_script_url(&script, "/", address)};
        if (heddle_http_perform(client, &request, &mine, NULL) == HEDDLE_OK && mine.body.length == 4) {
            ++*good;
        }
    }
    heddle_http_response_free(&mine);
    return NULL;
}

static void threads_share_a_client(void **state)
{
    (void)state;
    static const struct http_script_answer answers[] = {{.body = "four"}};
    pthread_t threads[4];
    size_t good[4] = {0};
    http_script_start(&script, answers, 1);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &good[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(good[i], 25);
    }
    assert_in_range(script.connections, 1, 4);
    end();
}

static void what_a_server_repeats_of_a_secret_is_blotted_out(void **state)
{
    (void)state;
    static const struct heddle_http_header header = {.name = "api-key", .value = "hush-hush", .secret = true};
    const struct heddle_http_request request = {
        .authorization = SECRET, .headers = &header, .header_count = 1};
    char text[] = "key-8d1f0c2a is wrong, key-8d1f0c2a! Bearer of hush-hush";
    heddle_http_redact(&request, text);
    assert_string_equal(text, "*** is wrong, ***! Bearer of ***");
}

static void dates_are_read_in_the_three_forms_of_http(void **state)
{
    (void)state;
    static const char *const dates[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                        "Sun Nov  6 08:49:37 1994"};
    int64_t seconds = 0;
    for (size_t i = 0; i < 3; i++) {
        assert_true(heddle_http_date_parse(dates[i], &seconds));
        assert_int_equal(seconds, 784111777);
    }
    assert_false(heddle_http_date_parse("tomorrow", &seconds));
    assert_false(heddle_http_date_parse("", &seconds));
}

/* ---- downloads ---------------------------------------------------------------------------------------------------------- */

static char folder[64];
static char file[96];

static void file_begin(void)
{
    snprintf(folder, sizeof folder, "/tmp/heddle-http-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/model.bin", folder);
}

/* Nothing is left but, perhaps, the file. */
static void file_end(bool there)
{
    assert_int_equal(access(file, F_OK) == 0, there);
    (void)unlink(file);
    assert_int_equal(rmdir(folder), 0);
}

static void remember(void *context, uint64_t received, uint64_t total)
{
    uint64_t *seen = context;
    assert_true(total == 0 || received <= total);
    seen[0] = received;
    seen[1] = total;
}

static int fetch(uint64_t limit, uint64_t *seen)
{
    const struct heddle_http_request request = {.url = http_script_url(&script, "/model.bin", url),
                                                .authorization = SECRET,
                                                .response_bytes_max = limit,
                                                .redirects = HEDDLE_HTTP_REDIRECTS_ANY};
    return heddle_http_download(client, &request, file, seen == NULL ? NULL : remember, seen, &error);
}

static void a_file_is_downloaded_from_where_a_redirect_leads(void **state)
{
    (void)state;
    enum { SIZE = 3000000 };
    char head[128];
    char value[64];
    uint64_t seen[2] = {0};
    char *bytes = malloc(SIZE);
    char *read = malloc(SIZE + 1);
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (char)(i * 7 + i / 251);
    }
    const struct http_script_answer whole = {.body = bytes, .body_length = SIZE};
    http_script_start(&other, &whole, 1);
    snprintf(head, sizeof head, "Location: http://127.0.0.1:%u/cdn\r\n", other.port);
    const struct http_script_answer moved = {.status = 302, .head = head, .body = "moved"};
    http_script_start(&script, &moved, 1);
    file_begin();
    assert_int_equal(fetch(SIZE, seen), HEDDLE_OK);
    assert_int_equal(seen[0], SIZE);
    assert_int_equal(seen[1], SIZE);
    FILE *stream = fopen(file, "rb");
    assert_non_null(stream);
    assert_int_equal(fread(read, 1, SIZE + 1, stream), SIZE);
    fclose(stream);
    assert_memory_equal(read, bytes, SIZE);
    assert_null(http_script_header(http_script_request(&other, 0), "authorization", value, sizeof value));
    file_end(true);
    free(bytes);
    free(read);
    end_two();
}

static void a_download_that_fails_leaves_no_file(void **state)
{
    (void)state;
    static const struct http_script_answer answers[] = {
        {.body = "0123456", .end = HTTP_SCRIPT_CUT},
        {.status = 404, .body = "not found"},
        {.status = 503, .body = "busy"},
        {.status = 401, .body = "who?"},
        {.body = "0123456789"},
    };
    static const int expected[] = {HEDDLE_NETWORK, HEDDLE_PROTOCOL, HEDDLE_NETWORK, HEDDLE_PROTOCOL,
                                   HEDDLE_PROTOCOL};
    static const char *const codes[] = {"", "404", "503", "401", ""};
    http_script_start(&script, answers, 5);
    for (size_t i = 0; i < 5; i++) {
        file_begin();
        error = (struct heddle_error){0};
        assert_int_equal(fetch(9, NULL), expected[i]);
        assert_string_equal(error.code, codes[i]);
        file_end(false);
    }
    end();
}

static void a_download_into_no_folder_is_an_error_of_the_file(void **state)
{
    (void)state;
    static const struct http_script_answer answers[] = {{.body = "0123456789"}};
    http_script_start(&script, answers, 1);
    snprintf(file, sizeof file, "/nonexistent-folder/model.bin");
    assert_int_equal(fetch(0, NULL), HEDDLE_IO);
    assert_non_null(strstr(error.message, "/nonexistent-folder/model.bin"));
    end();
}

/* ---- memory ------------------------------------------------------------------------------------------------------------- */

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const struct http_script_answer moved[] = {
        {.status = 302, .head = "Location: /two\r\n", .body = "1"}, {.body = "0123456789"}};
    int status = HEDDLE_OUT_OF_MEMORY;
    for (int64_t n = 0; status != HEDDLE_OK; n++) {
        const struct heddle_http_options options = {.proxy = "", .ca_file = "/some/file"};
        struct heddle_http_client *fresh = NULL;
        struct heddle_http_response answer = {0};
        assert_in_range(n, 0, 200);
        http_script_start(&script, moved, 2);
        const struct heddle_http_request request = {.url = http_script_url(&script, "/", url),
                                                    .authorization = SECRET};
        heddle_memory_fail_at(n);
        status = heddle_http_client_create(&options, &fresh, &error);
        if (status == HEDDLE_OK) {
            status = heddle_http_perform(fresh, &request, &answer, &error);
        }
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
        assert_true(status != HEDDLE_OK || answer.body.length == 10);
        heddle_http_response_free(&answer);
        heddle_http_client_destroy(fresh);
        http_script_stop(&script);
        http_script_free(&script);
    }
    heddle_http_client_destroy(NULL);
    heddle_http_response_free(NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_post_carries_its_body_headers_and_secret),
        CASE(a_connection_is_kept_for_the_next_request),
        CASE(a_redirect_at_home_keeps_the_secret),
        CASE(a_redirect_to_another_server_is_refused_by_name),
        CASE(a_redirect_to_another_server_does_not_carry_the_secrets),
        CASE(redirects_end_and_a_post_is_not_made_a_get),
        CASE(an_answer_over_its_limit_is_refused),
        CASE(a_cut_answer_can_be_tried_again),
        CASE(what_is_no_http_is_said_to_be_none),
        CASE(silence_ends_at_the_time_limit),
        CASE(a_cancelled_request_ends),
        CASE(nobody_at_home_can_be_tried_again),
        CASE(bad_addresses_and_headers_are_refused_before_anything_is_sent),
        CASE(threads_share_a_client),
        CASE(what_a_server_repeats_of_a_secret_is_blotted_out),
        CASE(dates_are_read_in_the_three_forms_of_http),
        CASE(a_file_is_downloaded_from_where_a_redirect_leads),
        CASE(a_download_that_fails_leaves_no_file),
        CASE(a_download_into_no_folder_is_an_error_of_the_file),
        CASE(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
