/* road.h: how the rows of a target are written beside each other, and why. Pure: no socket, no clock.
 *
 *   create          CREATE by many writers. Since Neo4j 4.3 that hardly ever deadlocks. In place of MERGE only where the
 *                   graph has nothing of the type or label, nobody else in the job writes it, and every row is known to
 *                   be the first of its identity (sink/fold.h); a batch with any other row says MERGE as the job does.
 *   guarded         CREATE … WHERE NOT EXISTS {the whole identity}. The guard sees the graph before the batch, so an
 *                   identity may be in one transaction in flight only (its hash decides a part), and once in a batch.
 *                   Chosen for rows that say nothing but their identity: measured at 1.2 times tiles.
 *   tiles           MERGE as written, under the parts of both ends.
 *   one_statement   a node that is new and the relationships of its row that start at it, in one statement: their start is
 *                   at hand, so nobody looks it up, and what starts at a node that is new cannot be there yet. Rows that
 *                   lack a relationship, or whose node may not be the first of its key, go apart, nodes first.
 *   serial          as written, one transaction at a time: a load that one writer finishes at once.
 *
 * All keep what MERGE means: identity = type, both ends, key properties; a relationship that was there is met, parallel
 * ones included; of repeated rows the last one's values stand. No rewrite of MERGE is safe from somebody else who writes
 * the same relationships at the same time: tiles is the road for a database that is shared.
 *
 * Threads: pure functions.
 */
#ifndef HEDDLE_SINK_ROAD_H
#define HEDDLE_SINK_ROAD_H

#include "base/error.h"
#include "sink/target.h"

/* A load of at most so many transactions is over before a second writer has connected. */
enum { HEDDLE_ROAD_SERIAL_TRANSACTIONS = 2 };

/* What is known before the first row. */
struct heddle_road_facts {
    const struct heddle_target *targets; /* of the job */
    size_t target_count;
    size_t target;            /* the one that is asked about */
    int64_t there_before;     /* nodes of its label, relationships of its type; -1 = unknown */
    uint64_t rows_expected;   /* 0 = unknown */
    uint64_t remembered_rows; /* identities that the load can remember */
    bool resumes;             /* a part of this load may be in the graph, or on its way there */
    bool chain_locks;         /* a new relationship takes no lock on a busy node: Neo4j 4.3 and later */
    size_t writers;
    size_t batch_rows;    /* rows a transaction */
    double busiest_share; /* share of the rows that touch the busiest node; 0 = unknown */
};

enum { HEDDLE_ROAD_REASON_MAX = 240 };

struct heddle_road_choice {
    enum heddle_road road; /* never AUTO */
    bool as_asked;         /* false: another road was asked for, and `reason` says why it cannot be */
    bool rides; /* relationships: rows travel with their start node; `road` is for those that cannot */
    char reason[HEDDLE_ROAD_REASON_MAX]; /* one sentence, without its full stop */
};

/* Chooses. Every answer writes the same graph; a road that was asked for is taken unless it could write another one. */
void heddle_road_choose(const struct heddle_road_facts *facts, struct heddle_road_choice *choice_out);

/* Relationship targets whose rows can travel with their start node in one statement, at most so many a node. */
enum { HEDDLE_ROAD_RIDERS_MAX = 8 };

/* The relationship targets whose rows can travel with those of node target `node`, by what the job says alone; answers how
 * many. Their ends are written before (sink/target.h: follows_its_nodes), and by nobody who travels with relationships
 * of the same source himself. */
size_t heddle_road_riders(const struct heddle_target *targets, size_t target_count, size_t node,
                          size_t riders[static HEDDLE_ROAD_RIDERS_MAX]);

/* Completes the choice for a relationship target, once that for its start node is made. */
void heddle_road_join(const struct heddle_target *targets, size_t target_count, size_t relationship,
                      const struct heddle_road_choice *node_choice, struct heddle_road_choice *choice);

/* The name in a job file ("one_statement"); "" for no road. */
const char *heddle_road_name(enum heddle_road road);

/* The name of what was chosen: of the road that most rows take. */
const char *heddle_road_choice_name(const struct heddle_road_choice *choice);

/* The road of a name. Errors: HEDDLE_INVALID (names what there is). */
HEDDLE_MUST_CHECK int heddle_road_parse(const char *name, enum heddle_road *road_out,
                                        struct heddle_error *error);

/* True where one node may carry labels of both: the targets then write to one key space. */
bool heddle_targets_share_label(const struct heddle_target *one, const struct heddle_target *other);

/* True where the rows of relationship target `target` name that end by the very columns that key the node's own rows: the
 * node of a row's end is written by the same row. */
bool heddle_target_end_is_own(const struct heddle_target *targets, const struct heddle_target *target,
                              const struct heddle_target_end *end);

/* True where nothing but `target` writes nodes of its labels, or relationships of its type, in this job. */
bool heddle_road_is_alone(const struct heddle_target *targets, size_t target_count, size_t target);

#endif
