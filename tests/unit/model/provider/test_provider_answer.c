/* test_provider_answer.c: answers of embedding services become vectors, or a reason why not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "model/provider/answer.h"
#include "base/json_scan.h"

enum { WIDTH = 3, ROWS_MAX = 4, GUARD = 77 };

static float vectors[ROWS_MAX][WIDTH + 1]; /* one more, to see what is written beyond */
static float *pointers[ROWS_MAX];
static struct heddle_answer_row rows[ROWS_MAX];
static struct heddle_answer answer;
static struct heddle_error error;

static int parse(enum heddle_answer_shape shape, size_t count, size_t dimensions, const char *body)
{
    /* A copy without a terminator, so that a read beyond the end is seen. */
    const size_t length = strlen(body);
    char *copy = malloc(length > 0 ? length : 1);
    memcpy(copy, body, length);
    for (size_t i = 0; i < ROWS_MAX; i++) {
        pointers[i] = vectors[i];
        vectors[i][WIDTH] = GUARD;
    }
    error = (struct heddle_error){0};
    answer = (struct heddle_answer){
        .count = count, .dimensions = dimensions, .capacity = WIDTH, .vectors = pointers, .rows = rows};
    const int status = heddle_answer_parse(shape, copy, length, &answer, &error);
    for (size_t i = 0; i < ROWS_MAX; i++) {
        assert_true(vectors[i][WIDTH] == GUARD);
    }
    free(copy);
    return status;
}

static void assert_row(size_t i, float a, float b, float c)
{
    assert_int_equal(rows[i].fault, HEDDLE_ANSWER_GOOD);
    assert_true(vectors[i][0] == a && vectors[i][1] == b && vectors[i][2] == c);
}

static void each_shape_is_read(void **state)
{
    (void)state;
    assert_int_equal(
        parse(
            HEDDLE_ANSWER_DATA, 2, 3,
            "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[1,2.5,-3]},"
            "{\"object\":\"embedding\",\"index\":1,\"embedding\":[ 4e1 , 5E-1 , 0.25 ]}],"
            "\"model\":\"m\",\"usage\":{\"prompt_tokens\":7,\"total_tokens\":9}}"),
        HEDDLE_OK);
    assert_row(0, 1, 2.5F, -3);
    assert_row(1, 40, 0.5F, 0.25F);
    assert_int_equal(answer.tokens, 7);
    assert_int_equal(
        parse(HEDDLE_ANSWER_EMBEDDINGS, 1, 3,
              " {\"model\":\"m\",\"embeddings\":[[1,2,3]],\"total_duration\":12,\"prompt_eval_count\":5}\n"),
        HEDDLE_OK);
    assert_row(0, 1, 2, 3);
    assert_int_equal(answer.tokens, 5);
    assert_int_equal(
        parse(HEDDLE_ANSWER_PREDICTIONS, 2, 3, "{\"predictions\": [[1,2,3],{\"embedding\":[4,5,6]}]}"),
        HEDDLE_OK);
    assert_row(1, 4, 5, 6);
    assert_int_equal(
        parse(HEDDLE_ANSWER_PREDICTIONS, 1, 3, "{\"data\":[{\"embedding\":[1,2,3],\"index\":0}]}"),
        HEDDLE_OK);
    assert_int_equal(parse(HEDDLE_ANSWER_ROWS, 2, 3, "[[1,2,3],[4,5,6]]"), HEDDLE_OK);
    assert_row(1, 4, 5, 6);
    assert_int_equal(answer.tokens, 0);
}

static void rows_go_where_their_index_says(void **state)
{
    (void)state;
    assert_int_equal(
        parse(HEDDLE_ANSWER_DATA, 3, 3,
              "{\"data\":[{\"embedding\":[7,8,9],\"index\":2},{\"index\":0,\"embedding\":[1,2,3]},"
              "{\"embedding\":[4,5,6],\"extra\":{\"deep\":[1,{}]},\"index\":1}]}"),
        HEDDLE_OK);
    assert_row(0, 1, 2, 3);
    assert_row(1, 4, 5, 6);
    assert_row(2, 7, 8, 9);
    assert_int_equal(
        parse(HEDDLE_ANSWER_DATA, 2, 3,
              "{\"data\":[{\"index\":1,\"embedding\":[1,2,3]},{\"index\":1,\"embedding\":[1,2,3]}]}"),
        HEDDLE_PROTOCOL);
    assert_non_null(strstr(error.message, "twice"));
    assert_int_equal(
        parse(HEDDLE_ANSWER_DATA, 2, 3,
              "{\"data\":[{\"index\":0,\"embedding\":[1,2,3]},{\"index\":2,\"embedding\":[1,2,3]}]}"),
        HEDDLE_PROTOCOL);
    assert_non_null(strstr(error.message, "too many"));
}

static void base64_is_the_same_as_numbers(void **state)
{
    (void)state;
    const float numbers[WIDTH] = {0.1F, -2.7182817F, 1e-20F};
    char text[32] = "";
    char body[128];
    heddle_text_base64(numbers, sizeof numbers, text);
    snprintf(body, sizeof body, "{\"data\":[{\"index\":0,\"embedding\":\"%s\"}]}", text);
    assert_int_equal(parse(HEDDLE_ANSWER_DATA, 1, 3, body), HEDDLE_OK);
    assert_row(0, numbers[0], numbers[1], numbers[2]);
    /* the bytes ff ff ff 3f, and ff ff ff 7f, which is a NaN; writers may escape the slash */
    assert_int_equal(parse(HEDDLE_ANSWER_DATA, 1, 0, "{\"data\":[{\"embedding\":\"\\/\\/\\/\\/Pw==\"}]}"),
                     HEDDLE_OK);
    assert_int_equal(rows[0].fault, HEDDLE_ANSWER_GOOD);
    assert_true(vectors[0][0] == 1.99999988F);
    assert_int_equal(parse(HEDDLE_ANSWER_DATA, 1, 0, "{\"data\":[{\"embedding\":\"////fw==\"}]}"), HEDDLE_OK);
    assert_int_equal(rows[0].fault, HEDDLE_ANSWER_NOT_FINITE);
    static const char *const damaged[] = {"AAAA", "AAAAA===", "AAAA*A==", "AAAAAAA", "A", "\\u0041AAAAA=="};
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        snprintf(body, sizeof body, "{\"data\":[{\"embedding\":\"%s\"}]}", damaged[i]);
        assert_int_equal(parse(HEDDLE_ANSWER_DATA, 1, 1, body), HEDDLE_OK);
        assert_int_equal(rows[0].fault, HEDDLE_ANSWER_NOT_A_VECTOR);
    }
}

static void a_bad_row_is_its_own_failure(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        enum heddle_answer_fault fault;
        const char *text;
    } cases[] = {
        {"[1,2]", HEDDLE_ANSWER_LENGTH, "2 numbers, expected 3"},
        {"[1,2,3,4]", HEDDLE_ANSWER_LENGTH, "4 numbers, expected 3"},
        {"[]", HEDDLE_ANSWER_LENGTH, "0 numbers, expected 3"},
        {"[1,NaN,3]", HEDDLE_ANSWER_NOT_FINITE, "not finite"},
        {"[1,-Infinity,3]", HEDDLE_ANSWER_NOT_FINITE, "not finite"},
        {"[1,1e39,3]", HEDDLE_ANSWER_NOT_FINITE, "not finite"},
        {"null", HEDDLE_ANSWER_NULL, "null"},
        {"{\"embedding\":null}", HEDDLE_ANSWER_NULL, "null"},
        {"{\"vector\":[1,2,3]}", HEDDLE_ANSWER_NOT_A_VECTOR, "no vector"},
        {"[1,\"2\",3]", HEDDLE_ANSWER_NOT_A_VECTOR, "no vector"},
        {"[[1,2,3]]", HEDDLE_ANSWER_NOT_A_VECTOR, "no vector"},
        {"[1,null,3]", HEDDLE_ANSWER_NOT_A_VECTOR, "no vector"},
        {"true", HEDDLE_ANSWER_NOT_A_VECTOR, "no vector"},
    };
    char body[128];
    char text[104];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(body, sizeof body, "[[1,2,3],%s,[4,5,6]]", cases[i].row);
        assert_int_equal(parse(HEDDLE_ANSWER_ROWS, 3, 3, body), HEDDLE_OK);
        assert_row(0, 1, 2, 3);
        assert_row(2, 4, 5, 6);
        assert_int_equal(rows[1].fault, cases[i].fault);
        assert_non_null(strstr(heddle_answer_fault_text(&rows[1], 3, text, sizeof text), cases[i].text));
    }
}

static void an_unknown_width_is_that_of_the_first_good_row(void **state)
{
    (void)state;
    assert_int_equal(parse(HEDDLE_ANSWER_ROWS, 3, 0, "[null,[1,2],[1,2,3]]"), HEDDLE_OK);
    assert_int_equal(answer.dimensions, 2);
    assert_int_equal(rows[1].fault, HEDDLE_ANSWER_GOOD);
    assert_int_equal(rows[2].fault, HEDDLE_ANSWER_LENGTH);
    /* more than there is room for is no width */
    assert_int_equal(parse(HEDDLE_ANSWER_ROWS, 1, 0, "[[1,2,3,4]]"), HEDDLE_OK);
    assert_int_equal(answer.dimensions, 0);
    assert_int_equal(rows[0].fault, HEDDLE_ANSWER_LENGTH);
}

static void what_is_no_answer_is_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        enum heddle_answer_shape shape;
        const char *body;
    } cases[] = {
        {HEDDLE_ANSWER_DATA, ""},
        {HEDDLE_ANSWER_DATA, "<html>"},
        {HEDDLE_ANSWER_DATA, "[[1,2,3]]"},
        {HEDDLE_ANSWER_DATA, "{}"},
        {HEDDLE_ANSWER_DATA, "{\"data\":{}}"},
        {HEDDLE_ANSWER_DATA, "{\"embeddings\":[[1,2,3]]}"},
        {HEDDLE_ANSWER_DATA, "{\"data\":[[1,2,3]]"},
        {HEDDLE_ANSWER_DATA, "{\"data\":[[1,2,3]}"},
        {HEDDLE_ANSWER_DATA, "{\"data\":[[1,2,3]],}"},
        {HEDDLE_ANSWER_DATA, "{\"data\":[[1,2,3]]}{}"},
        {HEDDLE_ANSWER_DATA, "{\"data\" [[1,2,3]]}"},
        {HEDDLE_ANSWER_DATA, "{\"data\":[{\"embedding\":[1,2,3]]}"},
        {HEDDLE_ANSWER_EMBEDDINGS, "{\"data\":[[1,2,3]]}"},
        {HEDDLE_ANSWER_ROWS, "{\"data\":[[1,2,3]]}"},
        {HEDDLE_ANSWER_ROWS, "[[1,2,3]"},
        {HEDDLE_ANSWER_ROWS, "[[1,2"},
        {HEDDLE_ANSWER_ROWS, "[[1 2,3]]"},
        {HEDDLE_ANSWER_ROWS, "[\"AAAA"},
        {HEDDLE_ANSWER_ROWS, "[]"},
        {HEDDLE_ANSWER_ROWS, "[[1,2,3],[1,2,3]]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(cases[i].shape, 1, 3, cases[i].body), HEDDLE_PROTOCOL);
        assert_true(error.message[0] != '\0');
    }
    assert_int_equal(parse(HEDDLE_ANSWER_ROWS, 3, 3, "[[1,2,3],[1,2,3]]"), HEDDLE_PROTOCOL);
    assert_non_null(strstr(error.message, "2 vectors for 3 texts"));
}

static void depth_is_limited(void **state)
{
    (void)state;
    enum { DEEP = 100000 };
    char *body = malloc(DEEP + 32);
    const int head = snprintf(body, 32, "{\"x\":");
    memset(body + head, '[', DEEP);
    body[head + DEEP] = '\0';
    assert_int_equal(parse(HEDDLE_ANSWER_DATA, 1, 3, body), HEDDLE_PROTOCOL);
    free(body);
}

static float read_float(const char *text)
{
    struct heddle_json_scan scan = {text, text + strlen(text)};
    float value = GUARD;
    assert_true(heddle_json_scan_float(&scan, &value));
    assert_true(scan.at == scan.end);
    return value;
}

static void floats_come_back_bit_for_bit(void **state)
{
    (void)state;
    uint64_t random = 4;
    for (int i = 0; i < 200000; i++) {
        char text[64];
        const uint32_t bits = (uint32_t)heddle_random_next(&random);
        float value = 0;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) {
            continue;
        }
        /* as float32 prints (9 digits), as Python prints the double that it is (17), and fixed */
        static const char *const formats[] = {"%.9g", "%.17g", "%.8e", "%.60f"};
        for (size_t f = 0; f < (fabsf(value) < 1e6F ? 4 : 3); f++) {
            snprintf(text, sizeof text, formats[f], (double)value);
            const float got = read_float(text);
            const float want = strtof(text, NULL);
            if (memcmp(&got, &want, sizeof got) != 0) {
                fail_msg("%s became %.9g", text, (double)got);
            }
        }
    }
    assert_true(read_float("340282346638528859811704183484516925440") == 3.40282347e38F);
    assert_true(isinf(read_float("3.5e38")) && isinf(read_float("1e999999999999999999999")));
    assert_true(read_float("1e-999999999999") == 0 && signbit(read_float("-0.0")));
    assert_true(read_float("0.00000000000000000000000000000000000000000000000000000000001e58") == 0.1F);
}

static void a_comma_in_the_locale_changes_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "nl_NL.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && setlocale(LC_NUMERIC, names[i]) == NULL; i++) {
    }
    assert_true(read_float("2.5") == 2.5F);
    setlocale(LC_NUMERIC, "C");
}

static void counts_are_whole(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "-1", "1.0", "1e3", "x", "99999999999999999999999", "\"1\""};
    uint64_t value = 0;
    struct heddle_json_scan scan = {" 12,", NULL};
    scan.end = scan.at + 4;
    assert_true(heddle_json_scan_count(&scan, &value));
    assert_int_equal(value, 12);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        scan = (struct heddle_json_scan){wrong[i], wrong[i] + strlen(wrong[i])};
        assert_false(heddle_json_scan_count(&scan, &value));
        assert_true(scan.at == wrong[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_shape_is_read),
        cmocka_unit_test(rows_go_where_their_index_says),
        cmocka_unit_test(base64_is_the_same_as_numbers),
        cmocka_unit_test(a_bad_row_is_its_own_failure),
        cmocka_unit_test(an_unknown_width_is_that_of_the_first_good_row),
        cmocka_unit_test(what_is_no_answer_is_refused_with_a_reason),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(floats_come_back_bit_for_bit),
        cmocka_unit_test(a_comma_in_the_locale_changes_nothing),
        cmocka_unit_test(counts_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
