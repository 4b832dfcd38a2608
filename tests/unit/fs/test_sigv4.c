/* test_sigv4.c: signatures are those that AWS publishes, and those of botocore where it is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "fs/sigv4.h"

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void assert_signature(const struct heddle_sigv4_request *request, const char *expected)
{
    struct heddle_buffer text = {0};
    assert_int_equal(heddle_sigv4_sign(request, &text, NULL), HEDDLE_OK);
    const char *found = strstr(heddle_buffer_text(&text), "Signature=");
    assert_non_null(found);
    assert_string_equal(found + strlen("Signature="), expected);
    heddle_buffer_free(&text);
}

/* AWS's Signature Version 4 test suite, "get-vanilla" and "get-vanilla-query-order-key-case". */
static void the_published_suite_is_signed_as_published(void **state)
{
    const struct heddle_sigv4_header headers[] = {{"x-amz-date", "20150830T123600Z"},
                                                  {"host", "example.amazonaws.com"}};
    struct heddle_sigv4_request request = {
        .method = "GET",
        .path = "/",
        .query = "",
        .headers = headers,
        .header_count = 2,
        .payload_hash = EMPTY_HASH,
        .date = "20150830T123600Z",
        .region = "us-east-1",
        .service = "service",
        .key_id = "AKIDEXAMPLE",
        .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    };
    (void)state;
    assert_signature(&request, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    request.query = "Param1=value1&Param2=value2";
    assert_signature(&request, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}

/* The examples in "Authenticating Requests: Using the Authorization Header" of the S3 reference. */
static void the_examples_of_s3_are_signed_as_published(void **state)
{
    const struct heddle_sigv4_header get[] = {{"host", "examplebucket.s3.amazonaws.com"},
                                              {"range", "bytes=0-9"},
                                              {"x-amz-content-sha256", EMPTY_HASH},
                                              {"x-amz-date", "20130524T000000Z"}};
    const struct heddle_sigv4_header list[] = {get[0], get[2], get[3]};
    struct heddle_sigv4_request request = {
        .method = "GET",
        .path = "/test.txt",
        .query = "",
        .headers = get,
        .header_count = 4,
        .payload_hash = EMPTY_HASH,
        .date = "20130524T000000Z",
        .region = "us-east-1",
        .service = "s3",
        .key_id = "AKIAIOSFODNN7EXAMPLE",
        .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    };
    (void)state;
    assert_signature(&request, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    request.path = "/";
    request.query = "max-keys=2&prefix=J";
    request.headers = list;
    request.header_count = 3;
    assert_signature(&request, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void a_date_is_written_as_the_header_wants_it(void **state)
{
    char date[HEDDLE_SIGV4_DATE_SIZE];
    (void)state;
    heddle_sigv4_date(1440938160, date);
    assert_string_equal(date, "20150830T123600Z");
}

/* More headers than are ever sent are refused, and want of memory is told. */
static void what_cannot_be_signed_is_refused(void **state)
{
    struct heddle_sigv4_header headers[HEDDLE_SIGV4_HEADERS_MAX + 1];
    struct heddle_buffer text = {0};
    struct heddle_sigv4_request request = {.method = "GET",
                                           .path = "/",
                                           .query = "",
                                           .headers = headers,
                                           .header_count = HEDDLE_SIGV4_HEADERS_MAX + 1,
                                           .payload_hash = EMPTY_HASH,
                                           .date = "20150830T123600Z",
                                           .region = "r",
                                           .service = "s",
                                           .key_id = "k",
                                           .secret = "s"};
    (void)state;
    for (size_t i = 0; i <= HEDDLE_SIGV4_HEADERS_MAX; i++) {
        headers[i] = (struct heddle_sigv4_header){"host", "h"};
    }
    assert_int_equal(heddle_sigv4_sign(&request, &text, NULL), HEDDLE_INTERNAL);
    request.header_count = 1;
    int status = HEDDLE_OUT_OF_MEMORY;
    for (int64_t at = 1; at < 20 && status != HEDDLE_OK; at++) {
        heddle_memory_fail_at(at);
        status = heddle_sigv4_sign(&request, &text, NULL);
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
        heddle_buffer_free(&text);
    }
    assert_int_equal(status, HEDDLE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_suite_is_signed_as_published),
        cmocka_unit_test(the_examples_of_s3_are_signed_as_published),
        cmocka_unit_test(a_date_is_written_as_the_header_wants_it),
        cmocka_unit_test(what_cannot_be_signed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
