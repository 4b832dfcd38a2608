/* statements.h: the Cypher of a load as text (run-contract section 5). Pure: the same target gives the same text.
 *
 * Identifiers are quoted by doubling backticks. Values of rows travel as parameters, never as text. A row is a list r:
 *   nodes                  key …, other properties …, vector (where the target has one)
 *   relationships          start keys …, end keys …, key properties …, other properties …
 *   relationships by id    id of the start, id of the end, then the same
 *                          merged ones end with the row's ordinal (heddle_cypher_counts_rows)
 *   node with its          as the node; then, of each relationship: id of its end where that goes by id, end keys …, key
 *   relationships          properties …, other properties …
 *   missing ends           start keys …, end keys …, ordinal
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
    bool element_ids;     /* the database's own language is Cypher 25, where ids are those of elementId() */
};

/* What stands in place of a MERGE (sink/road.h). */
enum heddle_cypher_rewrite {
    HEDDLE_CYPHER_AS_WRITTEN,
    HEDDLE_CYPHER_CREATE,
    HEDDLE_CYPHER_GUARDED, /* relationships: CREATE where the identity is not there */
};

struct heddle_cypher_form {
    enum heddle_cypher_rewrite rewrite;
    /* Relationships: ends are found by internal id, and their labels and keys compared, so that an id that belongs to
     * another node by now finds nothing. Parameter $n = number of rows: with fewer found, the statement fails with
     * HEDDLE_CYPHER_SHORT and changes nothing, and the rows can be sent by key. */
    bool by_id;
    bool returns_ids; /* nodes: one record with the list of internal ids, in the order of the rows */
    bool
        all_vectors; /* nodes with a vector property: each row has its vector, so that no subquery has to look */
};

/* The server's code for a division by zero, which is how a statement by id says that an end was not found. */
#define HEDDLE_CYPHER_SHORT "ArithmeticError"

/* Names that cannot be quoted safely: Cypher 5 reads the six characters \u0060 as a backtick, also between backticks.
 * Errors: HEDDLE_INVALID with target and name. */
HEDDLE_MUST_CHECK int heddle_cypher_check_names(const struct heddle_target *target,
                                                struct heddle_error *error);

void heddle_cypher_quote(struct heddle_buffer *out, const char *name);

/* "CYPHER 5 " where the server needs to be told: what follows is gone or deprecated in Cypher 25. */
void heddle_cypher_prefix(struct heddle_buffer *out, const struct heddle_cypher_dialect *dialect);

/* :`A`:`B` */
void heddle_cypher_labels(struct heddle_buffer *out, const char *const *labels, size_t count);

/* Creates or merges one node a row. Returns nothing, or ids. */
void heddle_cypher_write_nodes(struct heddle_buffer *out, const struct heddle_target *target,
                               const struct heddle_cypher_dialect *dialect,
                               const struct heddle_cypher_form *form);

/* Creates one node a row and, from it, one relationship of each of the targets `riders`; one record, with the ids of the
 * nodes or their number. Every end must be found exactly once: parameter $n = number of rows, and with fewer or more
 * matches the statement fails with HEDDLE_CYPHER_SHORT and changes nothing. */
void heddle_cypher_write_together(struct heddle_buffer *out, const struct heddle_target *targets,
                                  const struct heddle_target *target, const size_t *riders,
                                  size_t rider_count, const struct heddle_cypher_dialect *dialect,
                                  const struct heddle_cypher_form *form);

/* True where the rows of a statement end with their ordinal: a MERGE meets all parallel relationships of an identity, so
 * that only the ordinals tell how many rows have found their ends. */
bool heddle_cypher_counts_rows(const struct heddle_target *target, enum heddle_cypher_rewrite rewrite);

/* Creates or merges one relationship a row; one record with `n`, the rows whose ends were there. */
void heddle_cypher_write_relationships(struct heddle_buffer *out, const struct heddle_target *targets,
                                       const struct heddle_target *target,
                                       const struct heddle_cypher_dialect *dialect,
                                       const struct heddle_cypher_form *form);

/* Deletes one node a row with its relationships, or the relationships of one identity a row; what is not there is no error.
 * Returns nothing. Rows as above, keys alone. */
void heddle_cypher_remove(struct heddle_buffer *out, const struct heddle_target *targets,
                          const struct heddle_target *target);

/* One record: [[ordinal, start exists, end exists], …] of rows that miss an end. */
void heddle_cypher_missing_ends(struct heddle_buffer *out, const struct heddle_target *targets,
                                const struct heddle_target *target);

/* Nodes of a target with their keys: records of one list of [id, key …] each. Parameters $from and $to: ids (the numbers
 * that element ids end with) from the first up to, and without, the second. */
void heddle_cypher_read_ids(struct heddle_buffer *out, const struct heddle_target *target,
                            const struct heddle_cypher_dialect *dialect);

/* One record: lowest and highest internal id of a target's nodes, null without any. */
void heddle_cypher_id_range(struct heddle_buffer *out, const struct heddle_target *target,
                            const struct heddle_cypher_dialect *dialect);

/* The statement that makes one constraint or index of `target`, IF NOT EXISTS.
 * Errors: HEDDLE_INVALID (a type name or similarity that is none). */
HEDDLE_MUST_CHECK int heddle_cypher_schema(struct heddle_buffer *out, const struct heddle_target *target,
                                           const struct heddle_target_schema *schema,
                                           const struct heddle_cypher_dialect *dialect,
                                           struct heddle_error *error);

#endif
