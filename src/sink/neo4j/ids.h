/* ids.h: which internal id the node of a key has, so that relationships can name their ends by id: a quarter to a third
 * less work for the server than by key.
 *
 * A table of 64 bits of hash and an id a node. It is a hint, never the truth: a statement by id compares labels and keys
 * too, so a hash that two keys share, or an id that a deleted node left to another, finds nothing, and the rows are sent
 * again by key (statements.h). The table is bounded: where it would grow beyond its limit it is given up, and all rows go
 * by key from then on.
 *
 * Threads: all functions but create and destroy from any.
 */
#ifndef HEDDLE_SINK_NEO4J_IDS_H
#define HEDDLE_SINK_NEO4J_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "bolt/connection.h"
#include "column/batch.h"

struct heddle_ids;

/* Memory of a load's table by default: 16 bytes a slot, at most 7/8 of them used: 7.3 million nodes. */
#define HEDDLE_IDS_BYTES_MAX ((size_t)128 * 1024 * 1024)

/* No id is known. */
enum { HEDDLE_IDS_NONE = -1 };

/* `limit` = bytes of the table, 0 = HEDDLE_IDS_BYTES_MAX. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_ids_create(size_t limit, struct heddle_ids **ids_out,
                                        struct heddle_error *error);
void heddle_ids_destroy(struct heddle_ids *ids); /* NULL is a no-op */

/* The hash of the key in row `row` of `count` columns; `space` tells nodes of one kind from those of another. `buffer` is
 * scratch. Pure. A key that is not usable has a hash that nothing was put under. */
uint64_t heddle_ids_hash(const struct heddle_column *keys, size_t count, size_t row, uint64_t space,
                         struct heddle_buffer *buffer);

/* Notes the ids of `count` keys; later ones replace earlier ones. Running out of memory gives the table up. */
void heddle_ids_put(struct heddle_ids *ids, const uint64_t *hashes, const int64_t *values, size_t count);

/* The ids of `count` keys, HEDDLE_IDS_NONE where none is known. */
void heddle_ids_get(struct heddle_ids *ids, const uint64_t *hashes, int64_t *values_out, size_t count);

size_t heddle_ids_count(struct heddle_ids *ids);

/* True once there was no room: nothing is known any more, and nothing is kept. */
bool heddle_ids_is_given_up(struct heddle_ids *ids);

/* Before "4:uuid:17" elementId() has something that all nodes of a database share; the table keeps the number. Reads such
 * an id, keeping what stands before the number. False = of another kind. */
bool heddle_ids_read_element(struct heddle_ids *ids, const char *text, size_t length, int64_t *value_out);

/* The id that a server told: a number, or an element id. False = neither. */
bool heddle_ids_of_value(struct heddle_ids *ids, const struct heddle_value *value, int64_t *id_out);

/* What stands before the number, "" before the first element id was read. Valid until destroy. */
const char *heddle_ids_element_prefix(struct heddle_ids *ids);

/* Whether reading back the ids of `nodes` nodes pays for a load that still has `rows` relationships with such an end:
 * a node costs the server 0.2 us in a grouped scan, an end found by id instead of by key saves 4 to 5 us
 * (bench/relationships). */
bool heddle_ids_reading_pays(uint64_t nodes, uint64_t rows);

#endif
