/* target.h: what a sink is asked to write, resolved: columns by index, types decided, references followed.
 *
 * run/ makes these from the job file and the schemas of the opened sources; a sink never sees a job file. A target
 * belongs to one source: its column indices are those of that source's batches.
 *
 * Ownership: targets are borrowed by the sink from open to close. Threads: read-only.
 */
#ifndef HEDDLE_SINK_TARGET_H
#define HEDDLE_SINK_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "column/batch.h"

enum heddle_target_kind {
    HEDDLE_TARGET_NODE,
    HEDDLE_TARGET_RELATIONSHIP,
    HEDDLE_TARGET_QUERY, /* a statement of the user's over whole rows: no keys, no properties, no schema */
};

/* How the rows of a target are written beside each other (sink/road.h chooses; `schedule: {road: NAME}` asks for one). */
enum heddle_road {
    HEDDLE_ROAD_AUTO,
    HEDDLE_ROAD_CREATE,  /* CREATE, many writers, no part held on account of a node */
    HEDDLE_ROAD_GUARDED, /* CREATE where the identity is not there yet, identities routed by their hash */
    HEDDLE_ROAD_TILES,   /* MERGE (SET, DELETE), no two transactions in flight with a node in common */
    HEDDLE_ROAD_ONE_STATEMENT, /* a new node and the relationships of its row together (road.h) */
    HEDDLE_ROAD_SERIAL,        /* one transaction at a time */
};

/* A column and the property it becomes. */
struct heddle_target_property {
    const char *name;  /* in the graph */
    const char *field; /* in the source, for messages */
    int column;        /* index into batch->columns */
    bool typed;        /* convert to `type` first; false = the column's own type is written */
    enum heddle_type type;
    enum heddle_type item_type; /* LIST */
};

/* One end of a relationship: the node that the row names by key. */
struct heddle_target_end {
    size_t node; /* index into the targets: the node target it refers to */
    const struct heddle_target_property
        *keys; /* key properties, in the node's key order, with this source's columns */
    size_t key_count;
};

enum heddle_target_schema_kind {
    HEDDLE_TARGET_UNIQUE, /* uniqueness constraint */
    HEDDLE_TARGET_NODE_KEY, /* key constraint: Enterprise; made as a uniqueness constraint elsewhere, and said */
    HEDDLE_TARGET_EXISTENCE,
    HEDDLE_TARGET_TYPE,
    HEDDLE_TARGET_RANGE_INDEX,
    HEDDLE_TARGET_TEXT_INDEX,
    HEDDLE_TARGET_POINT_INDEX,
    HEDDLE_TARGET_FULLTEXT_INDEX,
    HEDDLE_TARGET_VECTOR_INDEX,
};

struct heddle_target_schema {
    enum heddle_target_schema_kind kind;
    const char *name;
    const char *const *labels; /* nodes; the relationship's type is used for relationships */
    size_t label_count;
    const char *const *properties;
    size_t property_count;
    const char *property_type; /* TYPE: Cypher's type name, or NULL */
    uint32_t dimensions;       /* VECTOR_INDEX */
    const char *similarity;    /* "cosine" or "euclidean" */
};

/* What the job says of the nodes that a target's rows touch. It is checked, never trusted (schedule/verify.h). */
enum heddle_target_scenario {
    HEDDLE_TARGET_SCENARIO_AUTO,       /* two spaces where no label is on both ends, else one */
    HEDDLE_TARGET_SCENARIO_PREDEFINED, /* no node is in two components */
    HEDDLE_TARGET_SCENARIO_BIPARTITE,  /* no node is a start and an end */
    HEDDLE_TARGET_SCENARIO_MONOPARTITE,
};

struct heddle_target_claim {
    enum heddle_target_scenario scenario;
    const struct heddle_target_property *component; /* PREDEFINED: the column; else NULL */
    size_t groups;                                  /* parts a key space, 0 = automatic */
};

/* A node that each row of a query touches. */
struct heddle_target_touch {
    const char *label;
    const char *field;
    int column; /* holds the node's key */
};

/* The property that says which load made a node or a relationship (struct heddle_target, `stamp`). */
#define HEDDLE_STAMP_PROPERTY "load_id"

struct heddle_target {
    enum heddle_target_kind kind;
    const char *name;
    const char *stamp; /* a load id (sink/stamp.h) put on what is created, never on what is met; or NULL */
    size_t source;     /* number of the source, equal for targets fed by one pass */
    bool merge;        /* MERGE, else CREATE */
    bool
        removes; /* its rows name what is to go (a node with its relationships, or a relationship): nothing is written.
                   * It has keys and no other properties; what it removes no row of the same flush writes */
    bool removed;                                    /* another target removes what this one writes */
    bool bad_value_is_null;                          /* on_bad_value: null */
    const struct heddle_target_property *properties; /* keys included */
    size_t property_count;
    const size_t *key; /* indices into properties; node: the node's key; relationship: may be empty */
    size_t key_count;
    size_t batch_rows;      /* rows a transaction, 0 = automatic */
    size_t batch_bytes;     /* bytes a transaction, 0 = automatic */
    enum heddle_road road;  /* asked for */
    uint64_t rows_expected; /* 0 = unknown */
    size_t level;           /* targets of one level may be written beside each other (run/plan.h) */
    struct heddle_target_claim claim;
    const struct heddle_target_schema *schema;
    size_t schema_count;

    /* nodes */
    const char *const *labels;
    size_t label_count;
    const char *vector_property; /* or NULL: no embedding */
    size_t vector_slot;          /* index into batch->vectors; a null row there = written without vector */
    uint32_t vector_dimensions;
    const char *vector_text; /* the property that holds the embedded text, or NULL */

    /* relationships */
    const char *type;
    struct heddle_target_end start;
    struct heddle_target_end end;
    bool merge_ends; /* node_match_mode: merge */
    /* True where each of a row's two nodes is written by a node target of the same batch (the end's key columns are the
     * key columns of that node target) or by an earlier pass: then a row may follow its nodes batch by batch. False: an
     * end can be in any batch, and run/ feeds this target in a later pass. */
    bool follows_its_nodes;

    /* queries */
    const char *query;                         /* Cypher (sink/neo4j/query_target.h) */
    const struct heddle_target_touch *touches; /* none: nobody knows what it touches, so it runs alone */
    size_t touch_count;
};

#endif
