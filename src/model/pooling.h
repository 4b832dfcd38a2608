/* pooling.h: from the states of a text's tokens to one vector: the Pooling module of sentence-transformers.
 *
 * Its config.json has either `pooling_mode`, a name or a list of them, or the older booleans pooling_mode_cls_token,
 * …_max_tokens, …_mean_tokens, …_mean_sqrt_len_tokens, …_weightedmean_tokens, …_lasttoken. Several modes give several vectors,
 * one behind the other: in the order of the list, or of the booleans as they stand here. None at all is mean.
 *
 * Threads: pure functions on the caller's memory.
 */
#ifndef HEDDLE_MODEL_POOLING_H
#define HEDDLE_MODEL_POOLING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum heddle_pooling {
    HEDDLE_POOLING_CLS,           /* the first token */
    HEDDLE_POOLING_MAX,           /* the largest of each component */
    HEDDLE_POOLING_MEAN,          /* of all tokens, [CLS] and [SEP] included */
    HEDDLE_POOLING_MEAN_SQRT_LEN, /* the sum, divided by the square root of the number of tokens */
    HEDDLE_POOLING_WEIGHTED_MEAN, /* token i of 1 .. n weighs i */
    HEDDLE_POOLING_LAST_TOKEN,
    HEDDLE_POOLING_COUNT,
};

struct heddle_pooling_plan {
    enum heddle_pooling modes[HEDDLE_POOLING_COUNT];
    size_t count;        /* >= 1 */
    bool leaves_prompts; /* include_prompt false: the tokens of the prompt do not count */
};

/* Reads DIRECTORY/FOLDER/config.json for token states of `hidden` numbers. Errors: HEDDLE_MODEL (file and key named),
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_pooling_read(const char *directory, const char *folder, size_t hidden,
                                          struct heddle_pooling_plan *plan_out, struct heddle_error *error);

/* "cls", "max", "mean", "mean_sqrt_len", "weightedmean", "lasttoken". Static memory. */
const char *heddle_pooling_name(enum heddle_pooling mode);

/* rows (tokens, hidden), tokens >= 1 -> vector_out (count x hidden). The first `prompt_tokens` tokens are the prompt's, the
 * special token before it included; they are left out where the plan says so: cls then is the first token behind them, and
 * a weighted mean's tokens keep their weights. A text with nothing behind its prompt gives zeros, and its first token for
 * cls. Sums are taken from the first token to the last in float, as the original does. */
void heddle_pool(const struct heddle_pooling_plan *plan, size_t hidden, const float *rows, size_t tokens,
                 size_t prompt_tokens, float *vector_out);

/* Gives a vector unit length: x / max(|x|, 1e-12), as sentence-transformers does. */
void heddle_vector_normalize(float *vector, size_t width);

#endif
