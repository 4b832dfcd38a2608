/* statements.h: the Cypher of a load as text (run-contract section 5). Pure: the same target gives the same text.
 *
 * Identifiers are quoted by doubling backticks. Values travel as parameters, never as text. A row is a list r:
 *   nodes             key …, other properties …, vector (where the target has one)
 *   relationships     start keys …, end keys …, key properties …, other properties …
 *   missing ends      start keys …, end keys …, ordinal
 * heddle_encode_rows() (encode.h) writes lists of the same order.
 *
 * All functions append to `out`; running out of memory is noted there. Threads: pure functions.
 */
#ifndef HEDDLE_SINK_NEO4J_STATEMENTS_H
#define HEDDLE_SINK_NEO4J_STATEMENTS_H

#include "base/buffer.h"
#include "sink/target.h"

/* What the server understands. */
struct heddle_cypher_dialect {
    bool scoped_call;     /* CALL (n, r) { … }: 5.23 and later; else CALL { WITH n, r … } */
    bool versions;        /* knows CYPHER 5 and CYPHER 25: 2025.06 and later */
    bool key_constraints; /* Enterprise and Aura */
};

/* Names that cannot be quoted safely: Cypher 5 reads the six characters \u0060 as a backtick, also between backticks.
 * Errors: HEDDLE_INVALID with target and name. */
HEDDLE_MUST_CHECK int heddle_cypher_check_names(const struct heddle_target *target,
                                                struct heddle_error *error);

void heddle_cypher_quote(struct heddle_buffer *out, const char *name);

/* "CYPHER 5 " where the server needs to be told: what follows is gone or deprecated in Cypher 25. */
void heddle_cypher_prefix(struct heddle_buffer *out, const struct heddle_cypher_dialect *dialect);

/* :`A`:`B` */
void heddle_cypher_labels(struct heddle_buffer *out, const char *const *labels, size_t count);

/* Creates or merges one node a row. Returns nothing. */
void heddle_cypher_write_nodes(struct heddle_buffer *out, const struct heddle_target *target,
                               const struct heddle_cypher_dialect *dialect);

/* Creates or merges one relationship a row; one record with `n`, the rows whose ends were there. */
void heddle_cypher_write_relationships(struct heddle_buffer *out, const struct heddle_target *targets,
                                       const struct heddle_target *target);

/* One record: [[ordinal, start exists, end exists], …] of rows that miss an end. */
void heddle_cypher_missing_ends(struct heddle_buffer *out, const struct heddle_target *targets,
                                const struct heddle_target *target);

/* The statement that makes one constraint or index of `target`, IF NOT EXISTS.
 * Errors: HEDDLE_INVALID (a type name or similarity that is none). */
HEDDLE_MUST_CHECK int heddle_cypher_schema(struct heddle_buffer *out, const struct heddle_target *target,
                                           const struct heddle_target_schema *schema,
                                           const struct heddle_cypher_dialect *dialect,
                                           struct heddle_error *error);

#endif
