/* test_json_vocabulary.c: what is read without a tree is what a tree would have held, and what a parser of the whole would refuse
 * is not let through. */
#include "model_fixture.h"

#include "model/model_file.h"
#include "model/tokenizer/json_vocabulary.h"

enum { MUTATIONS = 20000 };

static const char map[] =
    "{\"version\": \"1\", \"x\": [{\"vocab\": {\"no\": 0}}], \"model\": {\"unk\": \"[UNK]\", "
    "\"vocab\": {\"a\": 0, \"\\\"\": 7 , \"\\u00e9\\n\":12,\"\u00e9\": 3, \"\": 16777215}, "
    "\"vocab2\": {}}, \"last\": 1.5}";

static const char list[] =
    "{\"model\": {\"vocab\": [[\"<s>\", 0], [\"\\u2581a\" , -3.25],[\"\u2581\", -1e-05],\n"
    "[\"\\\\\\/\\b\", 12.5E+3], [\"\", -0.0]], \"type\": \"Unigram\"}, \"more\": null}";

/* The vocabulary as jansson sees it must be the entries, in the same order. */
static void assert_entries_are(const struct heddle_json_vocabulary *cut, const json_t *root)
{
    json_t *vocabulary = json_object_get(json_object_get(root, "model"), "vocab");
    size_t count = 0;
    if (json_is_array(vocabulary)) {
        for (; count < json_array_size(vocabulary); count++) {
            const json_t *text = json_array_get(json_array_get(vocabulary, count), 0);
            assert_true(count < cut->entries.count);
            assert_int_equal(cut->entries.list[count].id, count);
            assert_int_equal(cut->entries.list[count].length, json_string_length(text));
            assert_memory_equal(cut->entries.list[count].text, json_string_value(text),
                                json_string_length(text));
        }
    } else {
        const char *text = NULL;
        json_t *id = NULL;
        assert_true(json_is_object(vocabulary));
        json_object_foreach(vocabulary, text, id)
        {
            assert_true(count < cut->entries.count);
            assert_int_equal(cut->entries.list[count].id, json_integer_value(id));
            assert_int_equal(cut->entries.list[count].length, strlen(text));
            assert_memory_equal(cut->entries.list[count].text, text, strlen(text));
            count++;
        }
    }
    assert_int_equal(count, cut->entries.count);
}

/* True if the vocabulary was cut out and the rest is JSON. The whole is then JSON too, with the same vocabulary in it, but for
 * a text that stands twice. */
static bool is_cut(const char *json, size_t length)
{
    struct heddle_json_vocabulary cut;
    json_t *rest = NULL;
    assert_int_equal(heddle_json_vocabulary_cut(json, length, &cut, NULL), HEDDLE_OK);
    const bool good =
        cut.rest != NULL && heddle_model_json_parse(cut.rest, cut.rest_length, "T", &rest, NULL) == HEDDLE_OK;
    if (good) {
        json_error_t problem;
        json_t *whole = json_loadb(json, length, JSON_REJECT_DUPLICATES, &problem);
        if (whole == NULL) {
            assert_int_equal(json_error_code(&problem), json_error_duplicate_key);
        } else {
            json_t *emptied = json_object_get(json_object_get(rest, "model"), "vocab");
            assert_entries_are(&cut, whole);
            assert_true(json_array_size(emptied) + json_object_size(emptied) == 0);
            assert_int_equal(json_object_set(json_object_get(rest, "model"), "vocab",
                                             json_object_get(json_object_get(whole, "model"), "vocab")),
                             0);
            assert_true(json_equal(rest, whole));
        }
        json_decref(whole);
    }
    json_decref(rest);
    heddle_json_vocabulary_free(&cut);
    return good;
}

static void a_vocabulary_of_either_kind_is_read_as_a_tree_would_hold_it(void **state)
{
    (void)state;
    assert_true(is_cut(map, sizeof map - 1));
    assert_true(is_cut(list, sizeof list - 1));
    assert_true(is_cut("{\"model\":{\"vocab\":{}}}", 22));
    assert_true(is_cut("{\"model\":{\"vocab\":[]}}", 22));
}

/* A vocabulary of one member or element. */
static bool takes(const char *open, const char *inside, const char *close)
{
    struct heddle_buffer json = {0};
    heddle_buffer_append_format(&json, "{\"model\": {\"vocab\": %s%s%s}}", open, inside, close);
    const bool taken = is_cut((const char *)json.bytes, json.length);
    heddle_buffer_free(&json);
    return taken;
}

static void what_a_parser_of_the_whole_must_judge_is_left_to_it(void **state)
{
    (void)state;
    static const char *const members[] = {
        "\"a\": 01",
        "\"a\": -1",
        "\"a\": 1.0",
        "\"a\": 1e1",
        "\"a\": 16777216",
        "\"a\": \"1\"",
        "\"a\": ",
        "\"a\" 1",
        "a: 1",
        "\"a\": 1,",
        "\"a\": 1 \"b\": 2",
        "\"a\\u0000\": 1",
        "\"\n\": 1",
        "\"\xff\": 1",
        "\"\xc0\x80\": 1",
        "\"\\ud83d\": 1",
        "\"\\x\": 1",
        "\"\\u00g0\": 1",
        "\"\\u00\": 1",
        "\"\xed\xa0\x80\": 1",
        "\"a\": 18446744073709551617",
        "\"a\": null",
        "\"a\": [1]",
    };
    static const char *const elements[] = {
        "[\"a\", 01]",
        "[\"a\", .5]",
        "[\"a\", 1.]",
        "[\"a\", 1e]",
        "[\"a\", 1e999]",
        "[\"a\", +1]",
        "[\"a\", -]",
        "[\"a\", NaN]",
        "[\"a\"]",
        "[\"a\", 1, 2]",
        "[1, 1]",
        "\"a\", 1",
        "[\"a\", 1],",
        "[\"a\" 1]",
        "[\"a\", \"1\"]",
        "[\"a\n\", 1]",
        "[]",
        "[\"a\", 1",
        "[\"a\", 12345678901234567890]",
    };
    assert_true(takes("{", "\"a\": 1", "}"));
    assert_true(takes("[", "[\"a\", -1.5e-5]", "]"));
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (takes("{", members[i], "}")) {
            fail_msg("%s was taken", members[i]);
        }
    }
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++) {
        if (takes("[", elements[i], "]")) {
            fail_msg("%s was taken", elements[i]);
        }
    }
}

/* One to three bytes of the JSON become others, most of them bytes that mean something in JSON. */
static void mutate(const char *json, size_t length)
{
    static const char bytes[] = "\"\\{}[],:0123456789-+.eEua \n\t\x01\xc3\xa9\x80/tfn";
    char *copy = malloc(length);
    assert_non_null(copy);
    size_t taken = 0;
    uint64_t seed = 5;
    for (size_t i = 0; i < MUTATIONS; i++) {
        memcpy(copy, json, length);
        for (size_t k = 0; k <= i % 3; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
            copy[(seed >> 33) % length] = bytes[(seed >> 20) % (sizeof bytes - 1)];
        }
        taken += is_cut(copy, length);
    }
    free(copy);
    assert_true(taken > MUTATIONS / 20 && taken < MUTATIONS / 2); /* both ways were gone often */
}

static void damaged_json_is_never_taken_for_good(void **state)
{
    (void)state;
    mutate(map, sizeof map - 1);
    mutate(list, sizeof list - 1);
}

static void running_out_of_memory_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t failures = 0;
    for (; status != HEDDLE_OK; failures++) {
        struct heddle_json_vocabulary cut;
        heddle_memory_fail_at(failures);
        status = heddle_json_vocabulary_cut(map, sizeof map - 1, &cut, NULL);
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || (status == HEDDLE_OUT_OF_MEMORY && cut.rest == NULL));
        heddle_json_vocabulary_free(&cut);
    }
    assert_true(failures > 4); /* entries, arena, its block, the rest: each failed once */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vocabulary_of_either_kind_is_read_as_a_tree_would_hold_it),
        cmocka_unit_test(what_a_parser_of_the_whole_must_judge_is_left_to_it),
        cmocka_unit_test(damaged_json_is_never_taken_for_good),
        cmocka_unit_test(running_out_of_memory_is_reported_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
