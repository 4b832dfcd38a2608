/* head.h: what stands behind the encoder in a sentence-transformers directory: from the states of a text's tokens to its
 * vector. The same for every engine that answers token states.
 *
 * modules.json lists the modules: Transformer (in the directory itself), Pooling, then any of Dense and Normalize, in their
 * order. Without modules.json the vector is the mean of all tokens, as sentence-transformers does it.
 *
 * Threads: immutable after loading.
 */
#ifndef HEDDLE_MODEL_HEAD_H
#define HEDDLE_MODEL_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct heddle_head;

/* Reads modules.json and the folders it names, for token states of `hidden` numbers. Errors: HEDDLE_MODEL (a module that is
 * not supported, a file missing, damaged or of another model: named), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_head_load(const char *directory, size_t hidden, struct heddle_head **head_out,
                                       struct heddle_error *error);

/* NULL is a no-op. */
void heddle_head_destroy(struct heddle_head *head);

/* Floats of a vector. */
size_t heddle_head_dimensions(const struct heddle_head *head);

/* How tokens become one vector, for people: "mean", "cls+mean", "mean (no modules.json)". Lives as long as the head. */
const char *heddle_head_pooling(const struct heddle_head *head);

/* True if vectors have unit length: the last module is Normalize. */
bool heddle_head_normalizes(const struct heddle_head *head);

/* True if the tokens of a prompt do not count: heddle_head_apply() then has to be told how many there are. */
bool heddle_head_leaves_prompts(const struct heddle_head *head);

/* Weights of its Dense modules. */
uint64_t heddle_head_count(const struct heddle_head *head);

/* Floats of scratch that heddle_head_apply() needs; may be 0. */
size_t heddle_head_scratch(const struct heddle_head *head);

/* rows (tokens, hidden), tokens >= 1 -> vector_out (dimensions). `prompt_tokens`: how many of the first tokens are the
 * prompt's, the special token before it included; 0 without a prompt. Equal rows give equal bits. Cannot fail. */
void heddle_head_apply(const struct heddle_head *head, const float *rows, size_t tokens, size_t prompt_tokens,
                       float *scratch, float *vector_out);

#endif
