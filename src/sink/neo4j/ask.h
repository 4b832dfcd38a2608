/* ask.h: one-off statements of the sink (schema, abilities, verification, the load's record), retried where that is safe.
 * The loader's own transactions go through transaction.h.
 *
 * Threads: a connection belongs to one thread.
 */
#ifndef HEDDLE_SINK_NEO4J_ASK_H
#define HEDDLE_SINK_NEO4J_ASK_H

#include "bolt/connection.h"

enum heddle_ask_kind {
    HEDDLE_ASK_TEXT,
    HEDDLE_ASK_INTEGER,
    HEDDLE_ASK_TEXTS, /* list of `count` texts */
    HEDDLE_ASK_VECTOR,
    HEDDLE_ASK_WRITTEN, /* `write` puts the value */
};

/* One parameter. */
struct heddle_ask_parameter {
    const char *name;
    enum heddle_ask_kind kind;
    const char *text;
    int64_t integer;
    const char *const *texts;
    const float *vector;
    size_t count; /* of texts, of the vector's numbers */
    void (*write)(struct heddle_pack *pack, const void *context);
    const void *context;
};

struct heddle_ask {
    const char *text;
    const struct heddle_ask_parameter *parameters;
    size_t parameter_count;
    enum heddle_bolt_mode mode;
    const char *database; /* NULL or "" = the connection's */
    uint32_t timeout_ms;  /* 0 = the server's */
    bool once;            /* not retried: the next occasion comes by itself */
};

/* Runs a statement in its own transaction. Statements given here are harmless when run twice (they read, or say MERGE
 * or IF NOT EXISTS), so transient failures and lost connections are retried for HEDDLE_ASK_PATIENCE_MS.
 * The result lies in `arena`. Errors: those of bolt/connection.h. */
enum { HEDDLE_ASK_PATIENCE_MS = 30000 };
HEDDLE_MUST_CHECK int heddle_ask_run(struct heddle_bolt_connection *connection, const struct heddle_ask *ask,
                                     struct heddle_arena *arena, struct heddle_bolt_result *result_out,
                                     struct heddle_error *error);

/* The value in a record, or one of type NULL where it is not there. */
const struct heddle_value *heddle_ask_cell(const struct heddle_bolt_result *result, size_t record,
                                           size_t field);
const char *heddle_ask_cell_text(const struct heddle_bolt_result *result, size_t record, size_t field);
int64_t heddle_ask_cell_integer(const struct heddle_bolt_result *result, size_t record, size_t field);
double heddle_ask_cell_float(const struct heddle_bolt_result *result, size_t record, size_t field);

#endif
