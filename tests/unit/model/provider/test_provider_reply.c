/* test_provider_reply.c: which answers are tried again, halved or final, and for how long a service wants to be left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "model/provider/reply.h"

static const struct heddle_reply_hints silent = {-1, -1, -1, -1, -1};

static struct heddle_reply_hints hints_of(const char *headers, int64_t unix_ms)
{
    struct heddle_http_response response = {.status = 429};
    struct heddle_reply_hints hints;
    heddle_buffer_append_text(&response.headers, headers);
    heddle_reply_hints_read(&response, unix_ms, &hints);
    heddle_http_response_free(&response);
    return hints;
}

static void statuses_are_judged(void **state)
{
    (void)state;
    static const long again[] = {408, 424, 429, 500, 502, 503, 504, 529};
    static const long halves[] = {400, 413, 422};
    static const long never[] = {201, 204, 301, 401, 402, 403, 404, 405, 415, 418};
    assert_int_equal(heddle_reply_judge(200, ""), HEDDLE_REPLY_DONE);
    for (size_t i = 0; i < sizeof again / sizeof again[0]; i++) {
        assert_int_equal(heddle_reply_judge(again[i], "x"), HEDDLE_REPLY_RETRY);
    }
    for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++) {
        assert_int_equal(heddle_reply_judge(halves[i], ""), HEDDLE_REPLY_SPLIT);
    }
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        assert_int_equal(heddle_reply_judge(never[i], ""), HEDDLE_REPLY_FATAL);
    }
    assert_int_equal(heddle_reply_judge(429, "insufficient_quota"), HEDDLE_REPLY_FATAL);
}

static void durations_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: none */
    } cases[] = {
        {"6m0s", 360000},
        {"7.66s", 7660},
        {"250ms", 250},
        {"100000ms", 100000},
        {"1h2m3.5s", 3723500},
        {"12", 12000},
        {"0.5", 500},
        {"0", 0},
        {"20ms", 20},
        {"1.2345s", 1234},
        {"999999999999h", 86400000},
        {" 3", 3000},
        {"", -1},
        {"s", -1},
        {"abc", -1},
        {"1x", -1},
        {"-5", -1},
        {"1m30", -1},
        {".5s", -1},
        {"Sun, 06 Nov 1994 08:49:37 GMT", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ms = -1;
        const bool is_duration = heddle_reply_duration_parse(cases[i].text, &ms);
        if (is_duration != (cases[i].ms >= 0) || (is_duration && ms != cases[i].ms)) {
            fail_msg("\"%s\" became %lld", cases[i].text, (long long)ms);
        }
    }
}

static void a_wish_to_wait_is_read_in_every_form(void **state)
{
    (void)state;
    const int64_t now_ms = INT64_C(784111777) * 1000;
    assert_int_equal(hints_of("retry-after: 3\n", now_ms).retry_after_ms, 3000);
    assert_int_equal(hints_of("retry-after: Sun, 06 Nov 1994 08:49:47 GMT\n", now_ms).retry_after_ms, 10000);
    assert_int_equal(hints_of("retry-after: Sun, 06 Nov 1994 08:00:00 GMT\n", now_ms).retry_after_ms, 0);
    assert_int_equal(hints_of("retry-after: Sun, 06 Nov 2094 08:00:00 GMT\n", now_ms).retry_after_ms,
                     86400000);
    assert_int_equal(hints_of("retry-after: soon\n", now_ms).retry_after_ms, -1);
    assert_int_equal(hints_of("retry-after: 3\nretry-after-ms: 1250\n", now_ms).retry_after_ms, 1250);
    assert_int_equal(hints_of("", now_ms).retry_after_ms, -1);
    const struct heddle_reply_hints hints =
        hints_of("x-ratelimit-remaining-requests: 0\nx-ratelimit-remaining-tokens: 149984\n"
                 "x-ratelimit-reset-requests: 1s\nx-ratelimit-reset-tokens: 6m0s\n",
                 now_ms);
    assert_int_equal(hints.requests_left, 0);
    assert_int_equal(hints.tokens_left, 149984);
    assert_int_equal(heddle_reply_delay_ms(&hints, 0, 0.5), 1000); /* the tokens were not the limit */
    assert_int_equal(heddle_reply_pause_ms(&hints, 1000), 1000);
    assert_int_equal(heddle_reply_pause_ms(&hints, 200000), 360000);
}

static void a_service_with_room_is_not_left_alone(void **state)
{
    (void)state;
    const struct heddle_reply_hints roomy = {-1, 59, 149984, 1000, 16};
    assert_int_equal(heddle_reply_pause_ms(&roomy, 1000), 0);
    assert_int_equal(heddle_reply_pause_ms(&silent, 1000), 0);
}

static void without_a_wish_delays_double_under_full_jitter(void **state)
{
    (void)state;
    assert_int_equal(heddle_reply_delay_ms(&silent, 0, 0.0), 0);
    assert_int_equal(heddle_reply_delay_ms(&silent, 0, 0.5), 250);
    assert_int_equal(heddle_reply_delay_ms(&silent, 1, 0.5), 500);
    assert_int_equal(heddle_reply_delay_ms(&silent, 3, 0.999), 3996);
    assert_int_equal(heddle_reply_delay_ms(&silent, 7, 0.5), 30000);
    assert_int_equal(heddle_reply_delay_ms(&silent, 4000000000U, 0.5), 30000);
}

static struct heddle_reply_complaint complaint_of(const char *body)
{
    static const struct heddle_http_request request = {.authorization = "Bearer sk-secret-1"};
    struct heddle_http_response response = {.status = 400};
    struct heddle_reply_complaint complaint;
    heddle_buffer_append_text(&response.body, body);
    heddle_reply_complaint_read(&request, &response, &complaint);
    heddle_http_response_free(&response);
    return complaint;
}

static void complaints_are_read_in_each_services_form(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *code;
        const char *message;
    } cases[] = {
        {"{\"error\":{\"message\":\"too long\",\"type\":\"invalid_request_error\",\"code\":null}}",
         "invalid_request_error", "too long"},
        {"{\"error\":{\"message\":\"quota\",\"type\":\"x\",\"code\":\"insufficient_quota\"}}",
         "insufficient_quota", "quota"},
        {"{\"error\":\"Model is overloaded\",\"error_type\":\"overloaded\"}", "overloaded",
         "Model is overloaded"},
        {"{\"error\":\"model \\\"x\\\" not found\"}", "", "model \"x\" not found"},
        {"{\"error_code\":\"BAD_REQUEST\",\"message\":\"line\\none\\u00e9\"}", "BAD_REQUEST", "line one??"},
        {"{\"detail\":\"no\"}", "", "no"},
        {"{\"detail\":[1]}", "", ""},
        {"upstream connect error", "", "upstream connect error"},
        {"<html><body>502</body></html>", "", ""},
        {"", "", ""},
        {"{broken", "", "{broken"},
        {"{\"error\":{\"message\":\"Incorrect API key provided: sk-secret-1.\"}}", "",
         "Incorrect API key provided: ***."},
        {"{\"error\":{\"message\":\"key sk\\u002dsecret-1\"}}", "", "key ***"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct heddle_reply_complaint complaint = complaint_of(cases[i].body);
        assert_string_equal(complaint.code, cases[i].code);
        assert_string_equal(complaint.message, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_are_judged),
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(a_wish_to_wait_is_read_in_every_form),
        cmocka_unit_test(a_service_with_room_is_not_left_alone),
        cmocka_unit_test(without_a_wish_delays_double_under_full_jitter),
        cmocka_unit_test(complaints_are_read_in_each_services_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
