/* prompt_tokens.h: how many tokens of each text are its prompt's, for models that leave those out of the vector. */
#ifndef HEDDLE_MODEL_PROMPT_TOKENS_H
#define HEDDLE_MODEL_PROMPT_TOKENS_H

#include "model/head.h"
#include "model/tokenizer/tokenizer.h"

/* How many tokens a prompt puts in front of a text: those it has alone, less the special token at the end; 0 where the head
 * takes them all. Texts have at most `max_tokens`. Errors: HEDDLE_INVALID (the prompt is not UTF-8), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_prompt_tokens_count(const struct heddle_head *head,
                                                 const struct heddle_tokenizer *tokenizer, const char *prompt,
                                                 size_t max_tokens, size_t *tokens_out,
                                                 struct heddle_error *error);

#endif
