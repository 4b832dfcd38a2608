/* prompts.h: what config_sentence_transformers.json says: the texts that a model wants in front of its inputs.
 *
 *     {"prompts": {"query": "query: ", "document": "passage: "}, "default_prompt_name": null, "similarity_fn_name": "cosine",
 *      "truncate_dim": null}
 *
 * A model without the file has no prompts.
 * Threads: immutable after reading.
 */
#ifndef HEDDLE_MODEL_PROMPTS_H
#define HEDDLE_MODEL_PROMPTS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/error.h"

/* Models with a prompt for each task have about twenty. */
enum { HEDDLE_PROMPTS_MAX = 256, HEDDLE_PROMPT_BYTES_MAX = 16 * 1024 };

/* {0} is none. All strings belong to it. */
struct heddle_model_prompts {
    size_t count;
    const char *names[HEDDLE_PROMPTS_MAX];
    const char *texts[HEDDLE_PROMPTS_MAX]; /* "" for none */
    const char *default_text;              /* of default_prompt_name; "" where there is none */
    const char *similarity;                /* "cosine", "dot", "euclidean", "manhattan" */
    size_t dimensions;                     /* truncate_dim: the first so many are kept; 0: all */
    json_t *json;                          /* owns the strings */
};

/* Reads `directory`. Errors: HEDDLE_MODEL (damaged, too many, too long, or the default is none of them: named),
 * HEDDLE_OUT_OF_MEMORY; *prompts_out then is as it was. */
HEDDLE_MUST_CHECK int heddle_model_prompts_read(const char *directory,
                                                struct heddle_model_prompts *prompts_out,
                                                struct heddle_error *error);

/* Frees it and leaves {0}. */
void heddle_model_prompts_free(struct heddle_model_prompts *prompts);

/* The text of the prompt called `name`, or NULL. */
const char *heddle_model_prompts_find(const struct heddle_model_prompts *prompts, const char *name);

/* The text for a search (`is_query`) or for what is searched, as sentence-transformers' encode_query() and
 * encode_document() choose it: the prompt "query"; the first of "document", "passage" and "corpus"; else the default. */
const char *heddle_model_prompts_choose(const struct heddle_model_prompts *prompts, bool is_query);

#endif
