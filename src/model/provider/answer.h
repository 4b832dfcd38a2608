/* answer.h: the answers of embedding services, read into vectors.
 *
 * Shapes (which service: request.h)
 *   data        {"data": [{"index": 1, "embedding": [..] or "base64"}, ..], "usage": {"prompt_tokens": 7}}
 *   embeddings  {"embeddings": [[..], ..], "prompt_eval_count": 7}
 *   predictions {"predictions": [[..], ..]}; a row may also be {"embedding": [..]}; some answer as `data` instead
 *   rows        [[..], ..]
 * Base64 holds little-endian 32-bit floats. A service may answer either form whatever it was asked for.
 *
 * The bytes come from outside: every length is checked, and nothing is written beyond a vector's capacity.
 *
 * Threads: pure functions on the caller's memory.
 */
#ifndef HEDDLE_MODEL_PROVIDER_ANSWER_H
#define HEDDLE_MODEL_PROVIDER_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum heddle_answer_shape {
    HEDDLE_ANSWER_DATA = 0,
    HEDDLE_ANSWER_EMBEDDINGS,
    HEDDLE_ANSWER_PREDICTIONS,
    HEDDLE_ANSWER_ROWS,
};

enum heddle_answer_fault {
    HEDDLE_ANSWER_MISSING = 0, /* before the row was read */
    HEDDLE_ANSWER_GOOD,
    HEDDLE_ANSWER_LENGTH,     /* not as many numbers as the others */
    HEDDLE_ANSWER_NOT_FINITE, /* NaN or infinite */
    HEDDLE_ANSWER_NULL,
    HEDDLE_ANSWER_NOT_A_VECTOR, /* something else than numbers, or damaged base64 */
};

struct heddle_answer_row {
    enum heddle_answer_fault fault;
    size_t length; /* numbers in it */
};

struct heddle_answer {
    size_t count; /* rows asked for */
    size_t
        dimensions; /* numbers a row must have; 0: as many as the first good one has, which is then written here */
    size_t capacity;                /* floats that each vector has room for */
    float *const *vectors;          /* (count) */
    struct heddle_answer_row *rows; /* (count) what became of each */
    uint64_t tokens;                /* that the service says it read; 0: it does not say */
};

/* Reads one answer. Faults of single rows are told in `rows`; errors are those of the whole: HEDDLE_PROTOCOL (not JSON, not
 * this shape, not as many rows as asked for, an index twice or out of range). */
HEDDLE_MUST_CHECK int heddle_answer_parse(enum heddle_answer_shape shape, const char *body, size_t length,
                                          struct heddle_answer *answer, struct heddle_error *error);

/* What a fault is, for a row's reason. Writes into `out` and answers it. */
const char *heddle_answer_fault_text(const struct heddle_answer_row *row, size_t dimensions, char *out,
                                     size_t size);

#endif
