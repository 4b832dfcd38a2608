/* answers.h: what SUCCESS and FAILURE say, read without building a tree. For this room only.
 *
 * Unknown keys are ignored everywhere: servers add some with every version.
 */
#ifndef HEDDLE_BOLT_ANSWERS_H
#define HEDDLE_BOLT_ANSWERS_H

#include "bolt/connection.h"
#include "bolt/packstream/decode.h"

enum { HEDDLE_BOLT_GQL_STATUS_SIZE = 8 };

/* The metadata of a RUN, PULL, DISCARD or COMMIT that succeeded. Texts lie in the arena, NULL = not said. */
struct heddle_bolt_success {
    struct heddle_value_text *fields;
    size_t field_count;
    struct heddle_counters counters;
    const char *type;
    const char *bookmark;
    const char *database;
};

/* Reads the one map of a SUCCESS into `success_out`. */
HEDDLE_MUST_CHECK int heddle_bolt_success_read(struct heddle_unpack *unpack, struct heddle_arena *arena,
                                               struct heddle_bolt_success *success_out,
                                               struct heddle_error *error);

/* Fills `error` for a server's failure: code, action by the failure table, and a message of the first line of the server's
 * `text`, advice and code. Answers HEDDLE_DATABASE. */
int heddle_bolt_failure_describe(const char *code, const char *gql_status, const char *text, size_t length,
                                 struct heddle_error *error);

#endif
