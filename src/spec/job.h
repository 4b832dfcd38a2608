/* job.h: a job file, read and checked: what to load, from where, into which nodes and relationships.
 *
 * The format is a superset of neo4j/import-spec v1 (https://github.com/neo4j/import-spec): JSON or YAML, one
 * reader. Reading is offline: nothing is opened, no name outside the file is looked at. Every mistake is
 * reported with its JSONPath ($.targets.nodes[0].labels), a code of import-spec where it has one (DANG-001,
 * DUPL-001, SCHM-…), what was expected and, for a misspelt name, the nearest valid one.
 *
 * Ownership: everything lies in the job's arena and is valid until heddle_job_destroy(). Threads: read-only
 * once made.
 */
#ifndef HEDDLE_SPEC_JOB_H
#define HEDDLE_SPEC_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* Types a target property can ask for (import-spec's names). AUTO: not given; the column's own type is
 * written. */
enum heddle_property_type {
    HEDDLE_PROPERTY_AUTO = 0,
    HEDDLE_PROPERTY_BOOLEAN,
    HEDDLE_PROPERTY_BYTE_ARRAY,
    HEDDLE_PROPERTY_DATE,
    HEDDLE_PROPERTY_DURATION,
    HEDDLE_PROPERTY_FLOAT,
    HEDDLE_PROPERTY_INTEGER,
    HEDDLE_PROPERTY_LOCAL_DATETIME,
    HEDDLE_PROPERTY_LOCAL_TIME,
    HEDDLE_PROPERTY_POINT,
    HEDDLE_PROPERTY_STRING,
    HEDDLE_PROPERTY_ZONED_DATETIME,
    HEDDLE_PROPERTY_ZONED_TIME,
    HEDDLE_PROPERTY_VECTOR,
};

enum heddle_write_mode { HEDDLE_WRITE_CREATE, HEDDLE_WRITE_MERGE };
enum heddle_match_mode { HEDDLE_MATCH_MATCH, HEDDLE_MATCH_MERGE };

struct heddle_job_setting {
    const char *name;
    const char *value; /* scalars as text; lists and maps as JSON */
};

/* How a target is scheduled: `schedule` on the target, and what it leaves out from `config.schedule`. Words are in lower
 * case and known ones. */
struct heddle_job_schedule {
    const char *road;      /* auto, create, guarded, tiles, one_statement, serial; NULL = not given */
    const char *scenario;  /* auto, predefined, bipartite, monopartite; NULL = not given */
    const char *component; /* column, with predefined; else NULL */
    size_t groups;         /* parts a key space, 0 = not given */
};

/* A node that each row of a query touches: which label, and the column that holds its key. */
struct heddle_job_touch {
    const char *label;
    const char *source_field;
};

/* A row of a query touches at most so many nodes; while parts change each may hold two of HEDDLE_CLAIM_PARTS_MAX. */
enum { HEDDLE_JOB_TOUCHES_MAX = 16 };

struct heddle_job_source {
    const char *name;
    const char *type; /* parquet, csv, jsonl, generate; others are read and left to `run` to refuse */
    const char *path; /* resolved against the working directory as written; NULL where none */
    const struct heddle_job_setting *settings; /* all other keys */
    size_t setting_count;
};

struct heddle_job_property {
    const char *source_field;
    const char *target_property;
    enum heddle_property_type type;
    bool is_array;      /* the type's _array form */
    uint32_t dimension; /* VECTOR */
};

/* The model of an embedding that names none. */
#define HEDDLE_JOB_MODEL_DEFAULT "all-MiniLM-L6-v2"

/* `embedding` on a node target: the text of source_field becomes a vector property. */
struct heddle_job_embedding {
    const char *source_field;
    const char *target_property;
    const char *model; /* name or directory; HEDDLE_JOB_MODEL_DEFAULT where the job names none */
};

enum heddle_schema_kind {
    HEDDLE_SCHEMA_UNIQUE_CONSTRAINT,
    HEDDLE_SCHEMA_KEY_CONSTRAINT,
    HEDDLE_SCHEMA_EXISTENCE_CONSTRAINT,
    HEDDLE_SCHEMA_TYPE_CONSTRAINT,
    HEDDLE_SCHEMA_RANGE_INDEX,
    HEDDLE_SCHEMA_TEXT_INDEX,
    HEDDLE_SCHEMA_POINT_INDEX,
    HEDDLE_SCHEMA_FULLTEXT_INDEX,
    HEDDLE_SCHEMA_VECTOR_INDEX,
};

struct heddle_job_schema_item {
    enum heddle_schema_kind kind;
    size_t position; /* place in its list of the job file, from 0 */
    const char *name;
    const char *const *labels; /* node schema: one label (full-text: several); relationship schema: none */
    size_t label_count;
    const char *const *properties;
    size_t property_count;
    uint32_t vector_dimensions;    /* VECTOR_INDEX: indexConfig vector.dimensions, 0 = not given */
    const char *vector_similarity; /* "cosine", "euclidean", NULL = not given */
    const char *options_json;      /* the options object as given, or NULL */
};

/* What a row that a change feed deletes means for a target. */
enum heddle_on_delete {
    HEDDLE_ON_DELETE_STOP = 0, /* the job does not say: the run stops at the first one */
    HEDDLE_ON_DELETE_DELETE,   /* what the row stood for is deleted */
    HEDDLE_ON_DELETE_KEEP,
};

/* What every target has. */
struct heddle_job_target {
    const char *name;
    size_t source; /* index into sources */
    const char *source_name;
    bool active;
    const char *const *depends_on;
    size_t depends_on_count;
    const struct heddle_job_property *properties; /* keys included */
    size_t property_count;
    enum heddle_write_mode
        write_mode; /* where the file gives none: merge if the target has a key, else create */
    bool write_mode_given;
    const struct heddle_job_schema_item *schema;
    size_t schema_count;
    const struct heddle_job_setting *extensions; /* keys of ours on the target: batch_rows, on_bad_value, … */
    size_t extension_count;
    struct heddle_job_schedule schedule;
    enum heddle_on_delete on_delete;
};

struct heddle_job_node {
    struct heddle_job_target base;
    const char *const *labels;
    size_t label_count;
    const struct heddle_job_embedding *embedding; /* or NULL */
    /* Indices into base.properties that form the key: the properties of the first key or unique constraint
     * whose properties are all mapped (key constraints come first); empty where there is none. A MERGE target
     * without a key is valid import-spec, so reading only warns of it (HDL-001); `run` refuses it. */
    const size_t *key;
    size_t key_count;
};

struct heddle_job_key_mapping {
    const char *source_field;
    const char *node_property;
    size_t key_index; /* index into base.properties of the referenced node target */
};

struct heddle_job_reference {
    size_t node; /* index into nodes */
    /* One a property of the constraint that the reference matches, in that constraint's order: the node's own
     * key, or another unique or key constraint of it where the file says so (matches_key is false then).
     * Where the file gives only a name, these are the node's key properties with the node's own source
     * fields. */
    const struct heddle_job_key_mapping *mappings;
    size_t mapping_count;
    bool matches_key;
};

struct heddle_job_relationship {
    struct heddle_job_target base;
    const char *type;
    enum heddle_match_mode match_mode;
    struct heddle_job_reference start;
    struct heddle_job_reference end;
    const size_t *key; /* properties of a relationship key or unique constraint; may be empty */
    size_t key_count;
};

struct heddle_job_query {
    struct heddle_job_target base;
    const char *query;
    const struct heddle_job_touch *touches; /* none: nobody knows what it touches */
    size_t touch_count;
};

enum heddle_action_stage {
    HEDDLE_STAGE_START,
    HEDDLE_STAGE_POST_SOURCES,
    HEDDLE_STAGE_PRE_NODES,
    HEDDLE_STAGE_POST_NODES,
    HEDDLE_STAGE_PRE_RELATIONSHIPS,
    HEDDLE_STAGE_POST_RELATIONSHIPS,
    HEDDLE_STAGE_PRE_QUERIES,
    HEDDLE_STAGE_POST_QUERIES,
    HEDDLE_STAGE_END,
};

struct heddle_job_action {
    const char *name;
    const char *type;
    enum heddle_action_stage stage;
    bool active;
    const char *query; /* type cypher */
    bool autocommit;   /* execution_mode autocommit */
};

struct heddle_job {
    struct heddle_arena *arena;
    const char *path;      /* as given */
    const char *name;      /* file name without ending: names the checkpoint folder */
    uint64_t content_hash; /* of the job without settings (run-contract section 9) */
    const struct heddle_job_source *sources;
    size_t source_count;
    const struct heddle_job_node *nodes;
    size_t node_count;
    const struct heddle_job_relationship *relationships;
    size_t relationship_count;
    const struct heddle_job_query *queries;
    size_t query_count;
    const struct heddle_job_action *actions;
    size_t action_count;
    const struct heddle_job_setting *config; /* the keys under `config`, checked against the option table */
    size_t config_count;
};

/* One mistake in a job file. Texts lie in the list's arena. */
struct heddle_job_problem {
    const char *path;    /* JSONPath */
    const char *code;    /* import-spec's code, or "SCHM-…" / "HDL-…" of ours */
    const char *message; /* what is wrong, what was expected, nearest valid name */
    size_t line;         /* 1-based line in the file, 0 = not known */
    size_t column;
    bool warning;
};

struct heddle_job_problems {
    struct heddle_arena *arena; /* made by heddle_job_read, owned by this list */
    struct heddle_job_problem *items;
    size_t count;
    size_t capacity;
};

/* Reads and checks the file `path`. All mistakes are collected in *problems (which may be NULL; {0} before
 * the call, freed by heddle_job_problems_free); `error` says the first one and how many there are. Errors:
 * HEDDLE_JOB (problems, or the file is missing, unreadable, no UTF-8, over 16 MiB, not YAML or JSON: line and
 * column named), HEDDLE_OUT_OF_MEMORY. Warnings alone are no error. */
HEDDLE_MUST_CHECK int heddle_job_read(const char *path, struct heddle_job **job_out,
                                      struct heddle_job_problems *problems, struct heddle_error *error);

/* The same from text in memory; `path` names it in messages. The format is told from the text: `{` or `[` first is
 * JSON, and what then is no strict JSON (comments, trailing commas) is tried as YAML. */
HEDDLE_MUST_CHECK int heddle_job_parse(const char *path, const char *text, size_t length,
                                       struct heddle_job **job_out, struct heddle_job_problems *problems,
                                       struct heddle_error *error);

void heddle_job_problems_free(struct heddle_job_problems *problems);

/* Whether a source gives the rows that its table deletes and updates (readChangeFeed). */
bool heddle_job_reads_changes(const struct heddle_job_source *source);

void heddle_job_destroy(struct heddle_job *job); /* NULL is a no-op */

#endif
