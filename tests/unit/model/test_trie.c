/* test_trie.c: every text of a vocabulary is found and no other, whatever the vocabulary looks like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "model/tokenizer/entry_sort.h"
#include "model/tokenizer/trie.h"

enum { TEXTS = 3000, TEXT_MAX = 12 };

struct texts {
    char bytes[TEXTS][TEXT_MAX];
    struct heddle_vocabulary_entry entries[TEXTS];
    struct heddle_vocabulary_entry sorted[TEXTS];
};

/* xorshift32 (Marsaglia 2003) */
static uint32_t draw(uint32_t *seed, uint32_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed % below;
}

/* Texts over an alphabet of `letters` bytes that lie `step` apart: short and often equal, or sparse up to 0xff. */
static struct texts *make_texts(uint32_t seed, uint32_t letters, uint32_t step)
{
    struct texts *texts = calloc(1, sizeof *texts);
    assert_non_null(texts);
    for (size_t i = 0; i < TEXTS; i++) {
        const size_t length = 1 + draw(&seed, TEXT_MAX - 1);
        for (size_t k = 0; k < length; k++) {
            texts->bytes[i][k] = (char)(255 - step * draw(&seed, letters));
        }
        texts->entries[i] = (struct heddle_vocabulary_entry){texts->bytes[i], length, (uint32_t)i};
        texts->sorted[i] = texts->entries[i];
    }
    return texts;
}

static int compare(const void *left, const void *right)
{
    const struct heddle_vocabulary_entry *a = left;
    const struct heddle_vocabulary_entry *b = right;
    const int order = memcmp(a->text, b->text, a->length < b->length ? a->length : b->length);
    if (order != 0 || a->length != b->length) {
        return order != 0 ? order : a->length < b->length ? -1 : 1;
    }
    return a->id < b->id ? -1 : 1;
}

static const struct {
    uint32_t letters;
    uint32_t step;
} alphabets[] = {{1, 1}, {2, 255}, {3, 7}, {26, 1}, {256, 1}, {15, 17}};

enum { ALPHABETS = sizeof alphabets / sizeof alphabets[0] };

static void sorting_agrees_with_qsort(void **state)
{
    (void)state;
    for (size_t a = 0; a < ALPHABETS; a++) {
        struct texts *texts = make_texts(7, alphabets[a].letters, alphabets[a].step);
        heddle_entries_sort(texts->sorted, TEXTS);
        qsort(texts->entries, TEXTS, sizeof texts->entries[0], compare);
        assert_memory_equal(texts->entries, texts->sorted, sizeof texts->entries);
        free(texts);
    }
}

static void sorting_takes_no_stack_for_equal_and_for_nested_texts(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    char *text = malloc(COUNT);
    struct heddle_vocabulary_entry *entries = calloc(COUNT, sizeof *entries);
    assert_non_null(text);
    assert_non_null(entries);
    memset(text, 'a', COUNT);
    for (uint32_t i = 0; i < COUNT; i++) { /* half are the empty text, half are each the start of the next */
        entries[i] = (struct heddle_vocabulary_entry){text, i % 2 == 0 ? 0 : COUNT - i, i};
    }
    heddle_entries_sort(entries, COUNT);
    for (uint32_t i = 0; i < COUNT / 2; i++) {
        assert_int_equal(entries[i].id, 2 * i);
        assert_int_equal(entries[COUNT / 2 + i].length, 2 * i + 1);
    }
    free(entries);
    free(text);
}

/* The highest number of a text, by looking at all. */
static bool look_up(const struct texts *texts, const char *text, size_t length, uint32_t *id_out)
{
    bool found = false;
    for (size_t i = 0; i < TEXTS; i++) {
        if (texts->entries[i].length == length && memcmp(texts->entries[i].text, text, length) == 0) {
            *id_out = (uint32_t)i;
            found = true;
        }
    }
    return found;
}

static void every_text_is_found_under_its_highest_number_and_no_other_is(void **state)
{
    (void)state;
    for (size_t a = 0; a < ALPHABETS; a++) {
        struct heddle_trie *trie = NULL;
        struct texts *texts = make_texts(11, alphabets[a].letters, alphabets[a].step);
        struct texts *others = make_texts(13, alphabets[a].letters, alphabets[a].step);
        assert_int_equal(heddle_trie_create(texts->sorted, TEXTS, NULL, &trie, NULL), HEDDLE_OK);
        for (size_t i = 0; i < 2 * TEXTS; i++) {
            const struct heddle_vocabulary_entry *entry =
                i < TEXTS ? &texts->entries[i] : &others->entries[i - TEXTS];
            uint32_t expected = 0;
            uint32_t found = 0;
            const bool is_there = look_up(texts, entry->text, entry->length, &expected);
            assert_true(is_there || i >= TEXTS);
            assert_int_equal(heddle_trie_find(trie, entry->text, entry->length, &found), is_there);
            assert_int_equal(is_there ? found : 0, expected);
        }
        heddle_trie_destroy(trie);
        free(others);
        free(texts);
    }
}

static void texts_behind_the_prefix_hang_below_the_second_root(void **state)
{
    (void)state;
    struct heddle_vocabulary_entry entries[] = {{"ab", 2, 1}, {"##b", 3, 2}, {"##", 2, 3}, {"#", 1, 4}};
    struct heddle_trie *trie = NULL;
    uint32_t id = 0;
    assert_int_equal(heddle_trie_create(entries, 4, "##", &trie, NULL), HEDDLE_OK);
    assert_int_equal(heddle_trie_longest(trie, HEDDLE_TRIE_ROOT, "abc", 3, &id), 2);
    assert_int_equal(id, 1);
    assert_int_equal(heddle_trie_longest(trie, HEDDLE_TRIE_SUFFIX, "bc", 2, &id), 1);
    assert_int_equal(id, 2);
    assert_int_equal(heddle_trie_longest(trie, HEDDLE_TRIE_SUFFIX, "ab", 2, &id), 0);
    assert_int_equal(heddle_trie_longest(trie, HEDDLE_TRIE_ROOT, "##b", 3, &id), 3);
    assert_int_equal(id, 2);
    heddle_trie_destroy(trie);
}

static void running_out_of_memory_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    struct texts *texts = make_texts(17, 256, 1);
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t failures = 0;
    for (; status != HEDDLE_OK; failures++) {
        struct heddle_trie *trie = NULL;
        heddle_memory_fail_at(failures);
        status = heddle_trie_create(texts->sorted, TEXTS, NULL, &trie, NULL);
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || (status == HEDDLE_OUT_OF_MEMORY && trie == NULL));
        heddle_trie_destroy(trie);
    }
    assert_true(failures > 4); /* trie, states, bits, queue: each failed once */
    free(texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorting_agrees_with_qsort),
        cmocka_unit_test(sorting_takes_no_stack_for_equal_and_for_nested_texts),
        cmocka_unit_test(every_text_is_found_under_its_highest_number_and_no_other_is),
        cmocka_unit_test(texts_behind_the_prefix_hang_below_the_second_root),
        cmocka_unit_test(running_out_of_memory_is_reported_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
