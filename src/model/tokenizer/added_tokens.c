/* added_tokens.c: leftmost-longest search by trie, and the rules of single_word, lstrip and rstrip. */
#include "model/tokenizer/added_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/tokenizer/segmentation.h"
#include "model/tokenizer/unicode.h"

int heddle_added_set_add(struct heddle_added_set *set, const struct heddle_added_token *token,
                         struct heddle_error *error)
{
    if (token->length == 0) {
        return heddle_error_set(error, HEDDLE_MODEL, "an added token has no text left after normalizing");
    }
    char *copy = heddle_strndup(token->text, token->length);
    if (copy == NULL ||
        heddle_grow((void **)&set->list, &set->capacity, set->count + 1, sizeof *set->list) != 0) {
        free(copy);
        return heddle_error_out_of_memory(error);
    }
    set->list[set->count] = *token;
    set->list[set->count++].text = copy;
    set->starts[(unsigned char)copy[0]] = true;
    return HEDDLE_OK;
}

int heddle_added_set_finish(struct heddle_added_set *set, struct heddle_error *error)
{
    if (set->count == 0) {
        return HEDDLE_OK;
    }
    struct heddle_vocabulary_entry *entries = heddle_calloc(set->count, sizeof *entries);
    if (entries == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < set->count; i++) {
        entries[i] = (struct heddle_vocabulary_entry){set->list[i].text, set->list[i].length, (uint32_t)i};
    }
    int status = heddle_trie_create(entries, set->count, NULL, &set->trie, error);
    /* They are sorted now; which of two equal ones the library would answer is chance. */
    for (size_t i = 1; status == HEDDLE_OK && i < set->count; i++) {
        if (entries[i].length == entries[i - 1].length &&
            memcmp(entries[i].text, entries[i - 1].text, entries[i].length) == 0) {
            status = heddle_error_set(error, HEDDLE_MODEL, "two added tokens are \"%.40s\" after normalizing",
                                      entries[i].text);
        }
    }
    free(entries);
    return status;
}

void heddle_added_set_free(struct heddle_added_set *set)
{
    heddle_trie_destroy(set->trie);
    for (size_t i = 0; i < set->count; i++) {
        free(set->list[i].text);
    }
    free(set->list);
    *set = (struct heddle_added_set){0};
}

static size_t previous_character(const char *text, size_t at)
{
    do {
        at--;
    } while (((unsigned char)text[at] & 0xc0) == 0x80);
    return at;
}

static bool is_space_at(const char *text, size_t *at)
{
    return (heddle_unicode_flags(heddle_unicode_decode(text, at)) & HEDDLE_UNICODE_SPLIT) != 0;
}

static bool stands_alone(const struct heddle_added_walk *walk, size_t start, size_t end)
{
    if (start > 0) {
        size_t before = previous_character(walk->text, start);
        if (heddle_unicode_is_word(heddle_unicode_decode(walk->text, &before))) {
            return false;
        }
    }
    return end == walk->length || !heddle_unicode_is_word(heddle_unicode_decode(walk->text, &end));
}

/* The next match that its flags allow, with the white space that it takes along, becomes `pending`. */
static void search(struct heddle_added_walk *walk)
{
    const struct heddle_added_set *set = walk->set;
    while (walk->searched < walk->length) {
        const size_t start = walk->searched;
        uint32_t place = 0;
        size_t matched = 0;
        if (set->starts[(unsigned char)walk->text[start]]) {
            matched = heddle_trie_longest(set->trie, HEDDLE_TRIE_ROOT, walk->text + start,
                                          walk->length - start, &place);
        }
        walk->searched += matched == 0 ? 1 : matched;
        const struct heddle_added_token *token = matched == 0 ? NULL : &set->list[place];
        if (token == NULL || (token->single_word && !stands_alone(walk, start, start + matched))) {
            continue;
        }
        walk->pending = token;
        walk->pending_start = start;
        walk->pending_end = start + matched;
        while (token->lstrip && walk->pending_start > 0) {
            const size_t before = previous_character(walk->text, walk->pending_start);
            size_t at = before;
            if (!is_space_at(walk->text, &at)) {
                break;
            }
            walk->pending_start = before;
        }
        if (token->lstrip && walk->pending_start < walk->taken) {
            walk->pending_start = walk->taken; /* the match before has taken that space */
        }
        for (size_t at = walk->pending_end;
             token->rstrip && at < walk->length && is_space_at(walk->text, &at);) {
            walk->pending_end = at;
        }
        return;
    }
}

bool heddle_added_walk_next(struct heddle_added_walk *walk, struct heddle_added_part *part_out)
{
    if (walk->pending == NULL && walk->set->count > 0) {
        search(walk);
    }
    if (walk->pending != NULL && walk->taken >= walk->pending_start) {
        *part_out = (struct heddle_added_part){walk->pending_start, walk->pending_end, walk->pending};
        walk->taken = walk->pending_end;
        walk->pending = NULL;
        return true;
    }
    const size_t end = walk->pending == NULL ? walk->length : walk->pending_start;
    if (walk->taken == end) {
        return false;
    }
    *part_out = (struct heddle_added_part){walk->taken, end, NULL};
    walk->taken = end;
    return true;
}
