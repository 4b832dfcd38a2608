/* layout.h: from targets to tables: which table a target writes to, with which columns and which key. Pure.
 *
 * A node target writes to the table of its first label, a relationship target to the table of its type; targets that
 * share one share the table, whose columns are the union of theirs. Where relationship targets of one type join
 * different tables, each pair of ends has a table of its own, named TYPE_START_END.
 *
 * Ownership: everything lies in the arena given to the builder; names are borrowed from the targets.
 * Threads:   built by one, then changed only by the sink's caller (types become known with the first batch).
 */
#ifndef HEDDLE_SINK_DUCKDB_LAYOUT_H
#define HEDDLE_SINK_DUCKDB_LAYOUT_H

#include "base/arena.h"
#include "sink/target.h"

/* A record of the load lies in this table, so no label or type may be called so. */
#define HEDDLE_DUCKDB_META "heddle_meta"
/* The other labels of a node; and the prefixes that tell an end's key from a property. */
#define HEDDLE_DUCKDB_LABELS "labels"
#define HEDDLE_DUCKDB_START "start_"
#define HEDDLE_DUCKDB_END "end_"

/* Column of a table. An untyped property has the type of its source's column, known with the first batch. */
struct heddle_duckdb_column {
    const char *name;
    struct heddle_field field;
    bool known; /* `field` is decided */
    bool key;   /* part of the primary key, or of the ends' keys */
};

struct heddle_duckdb_table {
    const char *name;
    bool relationship;
    bool unique;         /* the key columns are a PRIMARY KEY */
    bool has_labels;     /* there is a column `labels` */
    bool has_stamp;      /* there is a column HEDDLE_STAMP_PROPERTY */
    bool made;           /* checked or created in the file */
    int64_t rows_before; /* rows when the load first met it */
    struct heddle_duckdb_column *columns;
    size_t column_count;
    const size_t *key; /* columns of the identity, in key order */
    size_t key_count;
    size_t writers; /* targets that write to it */
};

/* How one target's rows reach its table. The staging table has the columns `ordinal`, c0, c1, …: the start's keys,
 * the end's keys, the properties, and the vector where there is one. */
struct heddle_duckdb_road {
    size_t table;
    const char *stage; /* name of the staging table */
    size_t start_count;
    size_t end_count;
    size_t property_count;
    bool vector;         /* one more column behind the properties */
    size_t *columns;     /* of each staged column: the table's column */
    size_t column_count; /* start + end + properties + vector */
    size_t start_table;  /* relationships: tables of the ends' nodes */
    size_t end_table;
    const char *labels;  /* nodes: the other labels as an SQL list, or NULL */
    const char *stamp;   /* the load's id, put on rows that are new; or NULL */
    size_t *key_columns; /* table columns of the target's identity, in key order */
    size_t key_count;
};

struct heddle_duckdb_layout {
    struct heddle_duckdb_table *tables;
    size_t table_count;
    struct heddle_duckdb_road *roads; /* one a target */
    size_t road_count;
};

/* Plans tables and roads. Errors: HEDDLE_INVALID (targets that cannot share a table, names that differ only in case or
 * are taken, an end whose node target has no key: both sides and the remedy are named), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_duckdb_layout_build(struct heddle_arena *arena,
                                                 const struct heddle_target *targets, size_t target_count,
                                                 struct heddle_duckdb_layout *layout,
                                                 struct heddle_error *error);

/* Decides the types that only a batch can tell: those of untyped properties of `target` (number `index`), from
 * `schema`. Errors: HEDDLE_INVALID where another target gave a shared column another type. */
HEDDLE_MUST_CHECK int heddle_duckdb_layout_learn(struct heddle_duckdb_layout *layout, size_t index,
                                                 const struct heddle_target *target,
                                                 const struct heddle_schema *schema,
                                                 struct heddle_error *error);

/* Gives every column that no batch decided the type VARCHAR: for tables that no row reached. */
void heddle_duckdb_layout_settle(struct heddle_duckdb_table *table);

/* Gives keys of the ends' tables that no batch decided the types that relationship `index` names them by. */
void heddle_duckdb_layout_settle_ends(struct heddle_duckdb_layout *layout, size_t index);

#endif
