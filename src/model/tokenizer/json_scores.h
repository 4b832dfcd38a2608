/* json_scores.h: the scores of a Unigram vocabulary, read as the library reads them.
 *
 * The library's JSON reader rounds twice (digits to f64, then division by a power of ten), so one number in seven is the
 * neighbour of the nearest f64. Scores are summed, and equal sums are told apart by the last bit: for equal tokens the
 * numbers must be wrong in the same way. A parsed tree no longer has the digits, hence this second look at the text.
 *
 * Threads: pure function.
 */
#ifndef HEDDLE_MODEL_TOKENIZER_JSON_SCORES_H
#define HEDDLE_MODEL_TOKENIZER_JSON_SCORES_H

#include <stddef.h>

#include "base/error.h"

/* Reads the numbers of {"model": {"vocab": [["text", NUMBER], …]}}; `json` has been parsed without error before, and the
 * vocabulary has `count` entries. Errors: HEDDLE_MODEL (it does not look like that). */
HEDDLE_MUST_CHECK int heddle_json_scores_read(const char *json, size_t length, double *scores_out,
                                              size_t count, struct heddle_error *error);

#endif
