/* added_tokens.h: tokens that are found in the text itself, before the model sees it.
 *
 * A tokenizer has two sets: tokens that are looked for in the raw text, and tokens ("normalized") that are looked for
 * in what the normalizer made of it. Matching is leftmost-longest; then the token's flags decide: single_word refuses
 * a match beside a word character, lstrip and rstrip take the white space around it along.
 *
 * Threads: a finished set is immutable; a walk belongs to one thread.
 */
#ifndef HEDDLE_MODEL_TOKENIZER_ADDED_TOKENS_H
#define HEDDLE_MODEL_TOKENIZER_ADDED_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/tokenizer/trie.h"

struct heddle_added_token {
    char *text; /* owned */
    size_t length;
    uint32_t id;
    bool single_word;
    bool lstrip;
    bool rstrip;
};

/* {0} is an empty set, in which nothing is found. */
struct heddle_added_set {
    struct heddle_added_token *list;
    size_t count;
    size_t capacity;
    struct heddle_trie *trie; /* text to place in the list; NULL while empty or unfinished */
    bool starts[256];         /* bytes that a token starts with */
};

/* Adds a copy of `token` (its text is borrowed). Errors: HEDDLE_MODEL (an empty text, or one that is there already:
 * named), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_added_set_add(struct heddle_added_set *set,
                                           const struct heddle_added_token *token,
                                           struct heddle_error *error);

/* Makes the set ready for searching; nothing is added afterwards.
 * Errors: HEDDLE_MODEL (two tokens have the same text), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_added_set_finish(struct heddle_added_set *set, struct heddle_error *error);

/* Frees what the set holds and leaves {0}. */
void heddle_added_set_free(struct heddle_added_set *set);

/* A walk over the parts of a text: {.set, .text, .length}, the rest zero. */
struct heddle_added_walk {
    const struct heddle_added_set *set;
    const char *text;
    size_t length;
    size_t searched;                          /* the next match starts here or later */
    size_t taken;                             /* answered so far */
    const struct heddle_added_token *pending; /* found, and to be answered after the text before it */
    size_t pending_start;
    size_t pending_end;
};

/* A part of the text: an added token, or (token NULL) what stands between two. Never empty where token is NULL. */
struct heddle_added_part {
    size_t start;
    size_t end;
    const struct heddle_added_token *token;
};

/* The next part; false at the end. */
bool heddle_added_walk_next(struct heddle_added_walk *walk, struct heddle_added_part *part_out);

#endif
