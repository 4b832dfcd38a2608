/* json_vocabulary.h: the vocabulary of a tokenizer.json, read without a tree of JSON.
 *
 * A tree of 250,000 [text, score] pairs takes a second of allocating and 100 MB; all else of the file is a few kilobytes. So
 * model.vocab is read in place and the tree is made of what is left of the file.
 *
 * Threads: pure functions on the caller's memory.
 */
#ifndef HEDDLE_MODEL_TOKENIZER_JSON_VOCABULARY_H
#define HEDDLE_MODEL_TOKENIZER_JSON_VOCABULARY_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "model/tokenizer/load_parts.h"

/* {0} is nothing. */
struct heddle_json_vocabulary {
    struct heddle_entries entries; /* their texts lie in the JSON, or in `texts` */
    struct heddle_arena *texts;    /* of the tokens that are written with escapes */
    char *rest; /* the JSON with {} or [] for the vocabulary; NULL where nothing was cut out */
    size_t rest_length;
};

/* Cuts model.vocab out of `json`, {text: id} (ids below HEDDLE_TOKENS_MAX) or [[text, score]] (the id is the place; scores are
 * checked but not read). Where `rest` is valid JSON, so was the whole but for a text that stands twice in {text: id}: that
 * is for the caller to see. Nothing is cut out, and it is no error, where model.vocab is missing, damaged, too long, or
 * written in a way that no serializer writes: a parser of the whole has to judge then. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_json_vocabulary_cut(const char *json, size_t length,
                                                 struct heddle_json_vocabulary *cut_out,
                                                 struct heddle_error *error);

/* Frees what is held and leaves {0}. */
void heddle_json_vocabulary_free(struct heddle_json_vocabulary *cut);

#endif
