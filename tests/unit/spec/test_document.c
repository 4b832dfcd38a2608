/* test_document.c: JSON and YAML give one tree, typed by one table, with places, under limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "spec/document.h"

static struct heddle_arena *arena;
static struct heddle_document_fault fault;
static struct heddle_error last_error;

static int setup(void **state)
{
    (void)state;
    return heddle_arena_create(0, &arena, NULL);
}

static int teardown(void **state)
{
    (void)state;
    heddle_arena_destroy(arena);
    return 0;
}

/* The tree of `text`, NULL when it is refused (then `fault` says why). */
static const struct heddle_document_node *read_text(const char *text)
{
    const struct heddle_document_node *root = NULL;
    const size_t length = strlen(text);
    char *exact = malloc(length + (length == 0)); /* no NUL behind it: a read past the end is seen */
    assert_non_null(exact);
    memcpy(exact, text, length);
    const int status = heddle_document_read(exact, length, arena, &root, &fault, &last_error);
    free(exact);
    assert_true(status == HEDDLE_OK || status == HEDDLE_JOB);
    return status == HEDDLE_OK ? root : NULL;
}

static void assert_tree(const char *text, const char *json)
{
    struct heddle_buffer out = {0};
    const struct heddle_document_node *root = read_text(text);
    if (root == NULL) {
        fail_msg("refused: %s: %s", text, fault.message);
    }
    heddle_document_write(root, false, &out);
    assert_string_equal(heddle_buffer_text(&out), json);
    heddle_buffer_free(&out);
}

static void assert_refused(const char *text, uint32_t line, uint32_t column, const char *part)
{
    assert_null(read_text(text));
    if (strstr(fault.message, part) == NULL) {
        fail_msg("expected '%s' in: %s", part, fault.message);
    }
    assert_int_equal(fault.line, line);
    assert_int_equal(fault.column, column);
    assert_string_equal(last_error.message, fault.message);
}

static void plain_scalars_are_typed_by_the_yaml_1_1_table(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum heddle_document_kind kind;
    } rows[] = {
        {"", HEDDLE_DOCUMENT_NULL},           {"~", HEDDLE_DOCUMENT_NULL},
        {"null", HEDDLE_DOCUMENT_NULL},       {"NULL", HEDDLE_DOCUMENT_NULL},
        {"nil", HEDDLE_DOCUMENT_TEXT},        {"true", HEDDLE_DOCUMENT_BOOLEAN},
        {"False", HEDDLE_DOCUMENT_BOOLEAN},   {"yes", HEDDLE_DOCUMENT_BOOLEAN},
        {"NO", HEDDLE_DOCUMENT_BOOLEAN},      {"on", HEDDLE_DOCUMENT_BOOLEAN},
        {"Off", HEDDLE_DOCUMENT_BOOLEAN},     {"y", HEDDLE_DOCUMENT_BOOLEAN},
        {"N", HEDDLE_DOCUMENT_BOOLEAN},       {"nope", HEDDLE_DOCUMENT_TEXT},
        {"0", HEDDLE_DOCUMENT_INTEGER},       {"-12", HEDDLE_DOCUMENT_INTEGER},
        {"+7", HEDDLE_DOCUMENT_INTEGER},      {"1_000", HEDDLE_DOCUMENT_INTEGER},
        {"0x1F", HEDDLE_DOCUMENT_INTEGER},    {"0b101", HEDDLE_DOCUMENT_INTEGER},
        {"0755", HEDDLE_DOCUMENT_INTEGER},    {"089", HEDDLE_DOCUMENT_TEXT},
        {"0x", HEDDLE_DOCUMENT_TEXT},         {"-", HEDDLE_DOCUMENT_TEXT},
        {"1.5", HEDDLE_DOCUMENT_FLOAT},       {"-.5", HEDDLE_DOCUMENT_FLOAT},
        {"1.", HEDDLE_DOCUMENT_FLOAT},        {"1e9", HEDDLE_DOCUMENT_FLOAT},
        {"1.5E-3", HEDDLE_DOCUMENT_FLOAT},    {".inf", HEDDLE_DOCUMENT_FLOAT},
        {"-.INF", HEDDLE_DOCUMENT_FLOAT},     {".nan", HEDDLE_DOCUMENT_FLOAT},
        {".", HEDDLE_DOCUMENT_TEXT},          {"1e", HEDDLE_DOCUMENT_TEXT},
        {"e9", HEDDLE_DOCUMENT_TEXT},         {"1.2.3", HEDDLE_DOCUMENT_TEXT},
        {"_1", HEDDLE_DOCUMENT_TEXT},         {"12:30:45", HEDDLE_DOCUMENT_TEXT},
        {"2026-11-21", HEDDLE_DOCUMENT_TEXT}, {"64MB", HEDDLE_DOCUMENT_TEXT},
        {"0.1%", HEDDLE_DOCUMENT_TEXT},       {"1 2", HEDDLE_DOCUMENT_TEXT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const enum heddle_document_kind kind = heddle_document_type_plain(rows[i].text, strlen(rows[i].text));
        if (kind != rows[i].kind) {
            fail_msg("'%s' is %s", rows[i].text, heddle_document_kind_name(kind));
        }
    }
}

static void yaml_and_json_of_one_document_give_one_tree(void **state)
{
    (void)state;
    const char *json = "{\"a\":[1,-2.5,true,false,null,\"t\"],\"b\":{\"c\":\"\"}}";
    assert_tree(json, json);
    assert_tree("a:\n  - 1\n  - -2.5\n  - yes\n  - No\n  -\n  - t\nb: {c: ''}\n", json);
    assert_tree("\xef\xbb\xbf{\"a\": 1}", "{\"a\":1}");
    assert_tree("\xef\xbb\xbf"
                "a: 1",
                "{\"a\":1}");
}

static void quotes_make_a_text_and_tags_say_the_kind(void **state)
{
    (void)state;
    assert_tree("['1', \"yes\", !!str 2, ! 3, !!float 4, !!null '']", "[\"1\",\"yes\",\"2\",\"3\",4,null]");
    assert_refused("a: !!int x", 1, 4, "tagged as integer");
    assert_refused("a: !!binary aGk=", 1, 4, "tag:yaml.org,2002:binary");
    assert_refused("a: !mine {}", 1, 4, "the tag !mine");
}

static void whole_numbers_of_any_base_become_decimals(void **state)
{
    (void)state;
    assert_tree("[0x1F, 0b101, 0755, 1_000, +7, -0x10, -0b11]", "[31,5,493,1000,7,-16,-3]");
    assert_tree("[123456789012345678901234567890]", "[123456789012345678901234567890]");
    assert_tree("[.inf, 1., .5]", "[\".inf\",\"1.\",\".5\"]");
}

static void keys_keep_their_spelling(void **state)
{
    (void)state;
    assert_tree("{no: 1, 2: b, ~: c}", "{\"no\":1,\"2\":\"b\",\"~\":\"c\"}");
}

static void json_escapes_become_utf8(void **state)
{
    (void)state;
    const struct heddle_document_node *root =
        read_text("[\"\\u00e9\\u20ac\\ud83d\\ude00\\/\\\\\\\"\\n\\t\\b\\f\\r\\u0041\"]");
    assert_non_null(root);
    assert_string_equal(root->items[0]->text, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80/\\\"\n\t\b\f\rA");
}

static void bad_json_is_told_by_place_and_what_was_found(void **state)
{
    (void)state;
    assert_refused("{\"a\": tru}x", 1, 7, "expected a value");
    assert_refused("{\"a\" 1}\n}", 1, 6, "expected a colon behind the key, found '1}'");
    assert_refused("{\n  \"a\": [1, 2", 2, 13, "expected a comma or ], found the end of the file");
    assert_refused("{\"a\": \"x\ny\"", 1, 9, "the control character 0x0a");
    assert_refused("[\"\\ud83d\"", 1, 9, "second half of a surrogate pair");
    assert_refused("[\"\\udc00\"", 1, 9, "a first half before");
    assert_refused("[\"\\u0000\"", 1, 9, "without \\u0000");
    assert_refused("[\"\\u12g4\"", 1, 7, "four hexadecimal digits");
    assert_refused("[\"\\x\"", 1, 4, "behind a backslash");
    assert_refused("[-", 1, 3, "a number");
    assert_refused("[1.", 1, 4, "a digit behind the decimal point");
    assert_refused("[1e+", 1, 5, "a digit in the exponent");
    assert_refused("{\"\xc3\xa9\": 1} {", 1, 10, "nothing behind the closing bracket");
}

static void a_key_that_stands_twice_is_refused_with_both_places(void **state)
{
    (void)state;
    assert_refused("{\"a\": 1, \"b\": 2,\n \"a\": 3}", 2, 2,
                   "'a' stands here a second time (first in line 1)");
    assert_refused("a: 1\nb: 2\na: 3\n", 3, 1, "'a' stands here a second time (first in line 1)");
}

static void json_with_comments_and_trailing_commas_is_read_as_yaml(void **state)
{
    (void)state;
    assert_tree("{\"a\": [1, 2,], # why\n \"b\": 2,}", "{\"a\":[1,2],\"b\":2}");
    assert_tree("{version: '1'}", "{\"version\":\"1\"}");
}

static void bad_yaml_is_told_by_place_with_a_hint(void **state)
{
    (void)state;
    assert_refused("a: 1\n\tb: 2\n", 2, 1, "spaces, not by tabs");
    assert_refused("a: b: c\n", 1, 5, "put a text that contains ': ' in quotes");
    assert_refused("a: [1, 2\nb: 3\n", 2, 2, "found");
    assert_refused("a: @x\n", 1, 4, "in quotes");
    assert_refused("a: 1\nb: \"c\nd: 2", 3, 5,
                   "a quoted scalar that begins in line 2: found the end of the file");
    assert_refused("a: *x\n", 1, 4, "no finished value is marked &x above it");
    assert_refused("a: &x [*x]\n", 1, 8, "no finished value");
    assert_refused("base: &b {k: 1}\na:\n  <<: *b\n", 3, 3, "the merge key '<<', which is not supported");
    assert_refused("? [a, b]\n: 1\n", 1, 3, "expected a key, found a list");
    assert_refused("a: 1\n---\nb: 2\n", 2, 1, "a second document");
    assert_refused("a: \"\\0\"", 1, 4, "a NUL character");
    assert_refused("", 0, 0, "the file is empty");
    assert_refused("# nothing\n", 0, 0, "the file is empty");
    assert_refused("a: \x01\n", 1, 0, "U+0001");
}

static void bytes_that_are_no_utf8_are_told_by_place(void **state)
{
    (void)state;
    assert_refused("a: b\nc: \xff\n", 2, 4, "no UTF-8 text");
    assert_refused("{\"\xc3\xa9\": \"\xc0\x80\"}", 1, 8, "no UTF-8 text");
    const struct heddle_document_node *root = NULL;
    assert_int_equal(heddle_document_read("a: \0b", 5, arena, &root, &fault, NULL), HEDDLE_JOB);
    assert_int_equal(fault.column, 4);
}

static void an_alias_is_the_value_that_its_anchor_marks(void **state)
{
    (void)state;
    assert_tree("a: &x {k: [1]}\nb: *x\nc: &x 2\nd: *x\n",
                "{\"a\":{\"k\":[1]},\"b\":{\"k\":[1]},\"c\":2,\"d\":2}");
}

static void a_billion_laughs_are_refused(void **state)
{
    (void)state;
    char text[4096] = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n";
    for (int i = 1; i < 30; i++) {
        char line[128];
        snprintf(line, sizeof line, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1,
                 i - 1, i - 1, i - 1);
        strncat(text, line, sizeof text - strlen(text) - 1);
    }
    assert_null(read_text(text));
    assert_non_null(strstr(fault.message, "more than 1000000 values"));
}

static void nesting_is_bounded_in_both_formats_and_through_aliases(void **state)
{
    (void)state;
    char text[4096] = "";
    memset(text, '[', 200);
    text[200] = '\0';
    assert_refused(text, 1, 64, "nested more than 64 deep");
    snprintf(text, sizeof text, "a: ");
    memset(text + 3, '[', 200);
    text[203] = '\0';
    assert_refused(text, 1, 66, "nested more than 64 deep");
    snprintf(text, sizeof text, "a0: &a0 [1]\n");
    for (int i = 1; i < 80; i++) {
        char line[64];
        snprintf(line, sizeof line, "a%d: &a%d [*a%d]\n", i, i, i - 1);
        strncat(text, line, sizeof text - strlen(text) - 1);
    }
    assert_null(read_text(text));
    assert_non_null(strstr(fault.message, "nested more than 64 deep"));
}

static void a_file_over_the_limit_is_refused_unread(void **state)
{
    (void)state;
    const size_t length = HEDDLE_DOCUMENT_BYTES_MAX + 1;
    char *text = malloc(length);
    const struct heddle_document_node *root = NULL;
    assert_non_null(text);
    memset(text, ' ', length);
    assert_int_equal(heddle_document_read(text, length, arena, &root, &fault, NULL), HEDDLE_JOB);
    assert_string_equal(fault.message, "the file has more than 16 MiB");
    free(text);
}

static void every_value_knows_its_line_and_column(void **state)
{
    (void)state;
    const struct heddle_document_node *json =
        read_text("{\n  \"\xc3\xa9\": [\n    true, {\"k\": 7}\n  ]\n}\n");
    const struct heddle_document_node *yaml = read_text("a: 1\n\xc3\xa9:\n  - true\n  - {k: 7}\n");
    assert_non_null(json);
    assert_non_null(yaml);
    const struct heddle_document_node *seven = heddle_document_at(json, "$.\xc3\xa9[1].k");
    assert_int_equal(seven->line, 3);
    assert_int_equal(seven->column, 17);
    seven = heddle_document_at(yaml, "$.\xc3\xa9[1].k");
    assert_int_equal(seven->line, 4);
    assert_int_equal(seven->column, 9);
}

static void a_path_leads_to_the_deepest_node_that_is_there(void **state)
{
    (void)state;
    const struct heddle_document_node *root = read_text("a:\n  - b: 1\n");
    assert_non_null(root);
    assert_ptr_equal(heddle_document_at(root, "$"), root);
    assert_ptr_equal(heddle_document_at(root, "$.x.y"), root);
    assert_string_equal(heddle_document_at(root, "$.a[0].b")->text, "1");
    assert_int_equal(heddle_document_at(root, "$.a[0].c.d[3]")->kind, HEDDLE_DOCUMENT_MAP);
    assert_int_equal(heddle_document_at(root, "$.a[9]")->kind, HEDDLE_DOCUMENT_LIST);
}

static void canonical_json_does_not_depend_on_the_order_of_keys(void **state)
{
    (void)state;
    struct heddle_buffer one = {0};
    struct heddle_buffer two = {0};
    heddle_document_write(read_text("{b: {d: 1, c: \"\\x01\\\"\"}, a: [2]}"), true, &one);
    heddle_document_write(read_text("{\"a\": [2], \"b\": {\"c\": \"\\u0001\\\"\", \"d\": 1}}"), true, &two);
    assert_string_equal(heddle_buffer_text(&one), "{\"a\":[2],\"b\":{\"c\":\"\\u0001\\\"\",\"d\":1}}");
    assert_string_equal(heddle_buffer_text(&one), heddle_buffer_text(&two));
    heddle_buffer_free(&one);
    heddle_buffer_free(&two);
}

static void every_failed_allocation_is_reported_and_nothing_leaks(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"a\": [1, {\"b\": \"c\", \"d\": [true, null]}], \"e\": 2}",
                                        "a: &x [1, {b: c, d: 0x10}]\ne: *x\n"};
    for (size_t t = 0; t < 2; t++) {
        int status = HEDDLE_OUT_OF_MEMORY;
        int64_t failed = 0;
        for (; status != HEDDLE_OK; failed++) {
            struct heddle_arena *own = NULL;
            const struct heddle_document_node *root = NULL;
            assert_int_equal(heddle_arena_create(64, &own, NULL), HEDDLE_OK);
            heddle_memory_fail_at(failed);
            status = heddle_document_read(texts[t], strlen(texts[t]), own, &root, &fault, &last_error);
            heddle_memory_fail_at(-1);
            assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
            assert_true((root != NULL) == (status == HEDDLE_OK));
            heddle_arena_destroy(own);
        }
        assert_true(failed > 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_scalars_are_typed_by_the_yaml_1_1_table),
        cmocka_unit_test(yaml_and_json_of_one_document_give_one_tree),
        cmocka_unit_test(quotes_make_a_text_and_tags_say_the_kind),
        cmocka_unit_test(whole_numbers_of_any_base_become_decimals),
        cmocka_unit_test(keys_keep_their_spelling),
        cmocka_unit_test(json_escapes_become_utf8),
        cmocka_unit_test(bad_json_is_told_by_place_and_what_was_found),
        cmocka_unit_test(a_key_that_stands_twice_is_refused_with_both_places),
        cmocka_unit_test(json_with_comments_and_trailing_commas_is_read_as_yaml),
        cmocka_unit_test(bad_yaml_is_told_by_place_with_a_hint),
        cmocka_unit_test(bytes_that_are_no_utf8_are_told_by_place),
        cmocka_unit_test(an_alias_is_the_value_that_its_anchor_marks),
        cmocka_unit_test(a_billion_laughs_are_refused),
        cmocka_unit_test(nesting_is_bounded_in_both_formats_and_through_aliases),
        cmocka_unit_test(a_file_over_the_limit_is_refused_unread),
        cmocka_unit_test(every_value_knows_its_line_and_column),
        cmocka_unit_test(a_path_leads_to_the_deepest_node_that_is_there),
        cmocka_unit_test(canonical_json_does_not_depend_on_the_order_of_keys),
        cmocka_unit_test(every_failed_allocation_is_reported_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
