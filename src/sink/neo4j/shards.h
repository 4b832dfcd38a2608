/* shards.h: several processes that load one job into one database; nobody but the database arbitrates (DESIGN 8.9).
 *
 * The load has one node, (:HeddleLoad {id, shards, parts, seed, precision, format}), which the shard that comes first makes and
 * the others must agree with. Each shard is a load of its own beside that: (:HeddleLoad {id: "LOAD.2of3", group, …}) with an
 * owner, an epoch, marks and a heartbeat, so what one shard had under way when it died is settled by its next run alone.
 *
 * Parts. Which rows are whose is decided by identity (sink/share.h), so no two shards write the same node target's nodes, or
 * relationships of one identity. What they may share are the ends of relationships, and what queries touch. Every transaction
 * that would claim parts for that within a process locks the nodes (:HeddlePart {id: "LOAD/17"}) of these parts first, in
 * ascending order, and holds them until it ends. Parts are hash(key, seed) mod `parts`: equal in every process, whatever rows
 * it has seen; nothing is dealt by counts.
 *
 * Phases. Parts fall into twice as many classes as there are shards, and the clock says which two classes are whose for a
 * while (the rounds of a tournament in which every class meets every other). A writer prefers work within its shard's two
 * classes, so transactions of different shards hardly ever wait for one another. Clocks that differ cost waits, nothing else.
 *
 * Threads: join() and meet() on the caller's thread; phase() with the load's lock held; locks() by any writer.
 */
#ifndef HEDDLE_SINK_NEO4J_SHARDS_H
#define HEDDLE_SINK_NEO4J_SHARDS_H

#include "sink/neo4j/load.h"

struct heddle_transaction;

/* Parts of a space: at least and at most. */
enum { HEDDLE_SHARDS_PARTS_MIN = 16, HEDDLE_SHARDS_PARTS_MAX = 256 };

static inline bool heddle_load_is_shard(const struct heddle_load *load)
{
    return load->options->shard.share.count > 0;
}

/* Makes or reads the load's node and sets load->parts by it. Before the shard's own load is taken. Nothing where there are
 * no shards. Errors: HEDDLE_DATABASE (begun with another number of shards, by one run, with another job or precision),
 * those of the connection. */
HEDDLE_MUST_CHECK int heddle_shards_join(struct heddle_load *load, struct heddle_error *error);

/* Makes the part nodes, once the number of spaces is known. Errors: of the connection. */
HEDDLE_MUST_CHECK int heddle_shards_make_parts(struct heddle_load *load, struct heddle_error *error);

/* As heddle_sink_meet(). */
HEDDLE_MUST_CHECK int heddle_shards_meet(struct heddle_load *load, const struct heddle_meeting *meeting,
                                         struct heddle_error *error);

/* What is left of a load's shards when one run starts it over: nodes, marks and parts are deleted, so that a shard that is
 * still at work cannot write any more. Errors: of the connection. */
HEDDLE_MUST_CHECK int heddle_shards_dissolve(struct heddle_load *load, struct heddle_error *error);

/* Tells the scheduler which parts are better left alone now. */
void heddle_shards_phase(struct heddle_load *load);

/* The class pairs: which of the 2 * count classes shard `index` prefers in round `round` (any number). Pure. */
void heddle_shards_classes(size_t index, size_t count, uint64_t round, size_t classes_out[2]);

/* Whether rows of this plan may touch what another shard's rows touch, so that its transactions lock parts. */
bool heddle_shards_plan_locks(const struct heddle_load *load, const struct heddle_write_plan *plan);

/* The parts that a transaction locks, ascending, each once, appended to `parts` as uint32_t; none where it needs none.
 * Answers how many. A buffer that ran out of memory says so (heddle_buffer_check). */
size_t heddle_shards_locks(const struct heddle_load *load, const struct heddle_transaction *transaction,
                           struct heddle_buffer *parts);

/* The name of a part node. `text` has HEDDLE_SHARDS_PART_TEXT bytes and is answered. */
enum { HEDDLE_SHARDS_PART_TEXT = HEDDLE_LOAD_ID_MAX + 12 };
const char *heddle_shards_part_text(const struct heddle_load *load, uint32_t part, char *text);

#endif
