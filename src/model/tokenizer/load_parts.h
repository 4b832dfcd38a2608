/* load_parts.h: what the loaders of the two kinds of tokenizer share; not for others.
 *
 * Every loader refuses by name what it cannot do exactly: a near miss would give plausible but wrong vectors. Errors are
 * HEDDLE_MODEL unless stated, or HEDDLE_OUT_OF_MEMORY.
 */
#ifndef HEDDLE_MODEL_TOKENIZER_LOAD_PARTS_H
#define HEDDLE_MODEL_TOKENIZER_LOAD_PARTS_H

#include <stddef.h>

#include <jansson.h>

#include "base/error.h"
#include "model/tokenizer/tokenizer_parts.h"

/* Ids are kept as int32 in the trie. */
enum { HEDDLE_TOKENS_MAX = 1 << 24 };

/* Tokens that become a trie; {0} is empty, the list is freed by its owner. */
struct heddle_entries {
    struct heddle_vocabulary_entry *list;
    size_t count;
    size_t capacity;
};

/* A tokenizer.json: its text, parsed, and its name for errors. `vocabulary` holds the tokens that are in no tree, since they
 * were cut out before (json_vocabulary.h): model.vocab is empty then. Its owner frees it. */
struct heddle_tokenizer_source {
    const char *json;
    size_t length;
    const json_t *root;
    const char *label;
    struct heddle_entries *vocabulary;
};

/* Adds a token; its text is borrowed. */
HEDDLE_MUST_CHECK int heddle_entries_add(struct heddle_entries *entries, const char *text, size_t length,
                                         size_t id, struct heddle_error *error);

/* Makes the vocabulary of the tokenizer; the entries are used up (sorted). `prefix` as heddle_trie_create(). */
HEDDLE_MUST_CHECK int heddle_load_entries(struct heddle_tokenizer *tokenizer, struct heddle_entries *entries,
                                          const char *prefix, struct heddle_error *error);

/* The id of a token of the vocabulary; one that is missing is an error that names it and `label`. */
HEDDLE_MUST_CHECK int heddle_load_id(const struct heddle_tokenizer *tokenizer, const char *text,
                                     const char *label, uint32_t *id_out, struct heddle_error *error);

/* Widens id_max. */
void heddle_load_note_id(struct heddle_tokenizer *tokenizer, uint32_t id);

/* Normalizer, pre-tokenizer and model of each kind. */
HEDDLE_MUST_CHECK int heddle_load_wordpiece(const struct heddle_tokenizer_source *source,
                                            struct heddle_tokenizer *tokenizer, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_load_unigram(const struct heddle_tokenizer_source *source,
                                          struct heddle_tokenizer *tokenizer, struct heddle_error *error);

/* The steps of "normalizer" (null: none) of a Unigram model. */
HEDDLE_MUST_CHECK int heddle_load_normalizer(const json_t *normalizer, const char *label,
                                             struct heddle_normalizer *normalizer_out,
                                             struct heddle_error *error);

/* "added_tokens"; the vocabulary and the normalizer must be there. */
HEDDLE_MUST_CHECK int heddle_load_added_tokens(const struct heddle_tokenizer_source *source,
                                               struct heddle_tokenizer *tokenizer,
                                               struct heddle_error *error);

/* Everything from DIRECTORY/vocab.txt and DIRECTORY/tokenizer_config.json. */
HEDDLE_MUST_CHECK int heddle_load_vocabulary(const char *directory, struct heddle_tokenizer *tokenizer,
                                             struct heddle_error *error);

#endif
