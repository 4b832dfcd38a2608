/* statements.h: the SQL that the DuckDB sink runs, as text. Pure: a road and its tables in, SQL out.
 *
 * All names are quoted; nothing from a row is ever part of a text. Each function appends one statement to `sql`;
 * the caller checks the buffer once at the end (heddle_buffer_check). `layout` and `index` name the road.
 */
#ifndef HEDDLE_SINK_DUCKDB_STATEMENTS_H
#define HEDDLE_SINK_DUCKDB_STATEMENTS_H

#include "base/buffer.h"
#include "sink/duckdb/layout.h"

enum heddle_duckdb_insert {
    HEDDLE_DUCKDB_INSERT_PLAIN,  /* no conflict clause: a key that is there fails the statement */
    HEDDLE_DUCKDB_INSERT_NEW,    /* rows whose key is there are left out: rows changed = rows that are new */
    HEDDLE_DUCKDB_INSERT_UPDATE, /* rows whose key is there set every property, the vector too */
    HEDDLE_DUCKDB_INSERT_UPDATE_BUT_VECTOR, /* the same without touching the vector: for rows that have none */
};

enum heddle_duckdb_end { HEDDLE_DUCKDB_START_END, HEDDLE_DUCKDB_END_END };

/* CREATE TABLE "RemovalEvent" (…, PRIMARY KEY (…)) of the columns whose types are known. */
void heddle_duckdb_sql_create_table(struct heddle_buffer *sql, const struct heddle_duckdb_table *table);

/* CREATE OR REPLACE TEMP TABLE "heddle_stage_0" (ordinal BIGINT, c0 …). */
void heddle_duckdb_sql_create_stage(struct heddle_buffer *sql, const struct heddle_duckdb_layout *layout,
                                    size_t index);

/* INSERT INTO "T" (…) SELECT … FROM the stage, [ON CONFLICT …]. UPDATE and UPDATE_BUT_VECTOR take, where the road has
 * a vector, only the staged rows that have one, or none. `bounded`: only ordinals $1 <= ordinal < $2. */
void heddle_duckdb_sql_insert(struct heddle_buffer *sql, const struct heddle_duckdb_layout *layout,
                              size_t index, enum heddle_duckdb_insert kind, bool bounded);

/* SELECT ordinal of staged rows whose key is in the table, or was staged before: what a CREATE must not write. */
void heddle_duckdb_sql_conflicts(struct heddle_buffer *sql, const struct heddle_duckdb_layout *layout,
                                 size_t index);

/* INSERT INTO the end's table the keys that are staged, [those that are there left out]: rows changed = nodes missing.
 * The table's index is asked, so this costs what the staged rows cost, whatever the table's size. */
void heddle_duckdb_sql_end_insert(struct heddle_buffer *sql, const struct heddle_duckdb_layout *layout,
                                  size_t index, enum heddle_duckdb_end end);

/* SELECT ordinal, no_start, no_end of staged rows with a missing end. */
void heddle_duckdb_sql_missing(struct heddle_buffer *sql, const struct heddle_duckdb_layout *layout,
                               size_t index);

/* True where merging has something to set on a row that is there already. */
bool heddle_duckdb_road_updates(const struct heddle_duckdb_layout *layout, size_t index);

/* True where a row without vector has something to set beside the vector. */
bool heddle_duckdb_road_updates_but_vector(const struct heddle_duckdb_layout *layout, size_t index);

#endif
