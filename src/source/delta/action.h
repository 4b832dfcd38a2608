/* action.h: what the lines of a Delta log say (https://github.com/delta-io/delta/blob/master/PROTOCOL.md, "Actions").
 *
 * Unknown actions and unknown fields are passed over, as the protocol asks; a known field of the wrong kind is refused.
 */
#ifndef HEDDLE_SOURCE_DELTA_ACTION_H
#define HEDDLE_SOURCE_DELTA_ACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "source/delta/path.h"

/* A name and a text, which may be NULL (= null). */
struct heddle_delta_pair {
    const char *name;
    const char *value;
};

/* Where the deleted rows of a file are listed. storage 0 = no row is deleted. */
struct heddle_delta_vector {
    char storage;      /* 'u': file named by a UUID, 'p': file named by a path, 'i': in `place` itself */
    const char *place; /* pathOrInlineDv as logged */
    const char *id;    /* what tells two vectors of one file apart in replay; "" = none */
    int64_t offset;    /* of the size field in the file; 0 where absent */
    int64_t size;      /* bytes */
    int64_t rows;      /* cardinality */
};

/* A data file of the table, from `add` on. Texts are an arena's. */
struct heddle_delta_add {
    const char *path; /* decoded: path.h */
    const char *uri;  /* as logged: Spark sorts by it */
    const struct heddle_delta_pair *partition;
    size_t partition_count;
    int64_t size;
    int64_t modification_time; /* milliseconds since 1970 */
    int64_t rows;              /* numRecords: physical rows, deleted ones too; -1 = not known */
    bool data_change;
    struct heddle_delta_vector vector;
    bool is_change; /* a cdc file: each row says in _change_type what became of it */
    size_t place;   /* among the adds, removes and cdc files of its commit, in the order of their lines */
};

struct heddle_delta_remove {
    const char *path;
    const char *vector_id;
    bool data_change;
    bool has_partition;           /* partitionValues are given, so that the file's rows can still be read */
    struct heddle_delta_add file; /* the file that goes; for change feeds */
};

struct heddle_delta_metadata {
    const char *id;
    const char *provider;
    const char *schema; /* schemaString; NULL = absent */
    const char *const *partition_columns;
    size_t partition_column_count;
    const struct heddle_delta_pair *configuration;
    size_t configuration_count;
};

struct heddle_delta_protocol {
    int64_t reader_version;
    int64_t writer_version;
    const char *const *reader_features; /* NULL = absent */
    size_t reader_feature_count;
    const char *const *writer_features;
    size_t writer_feature_count;
};

/* The actions of one file of the log. Texts are the arena's; the lists are freed by _free(). */
struct heddle_delta_actions {
    struct heddle_arena *arena; /* borrowed */
    struct heddle_delta_add *adds;
    size_t add_count;
    size_t add_capacity;
    struct heddle_delta_remove *removes;
    size_t remove_count;
    size_t remove_capacity;
    struct heddle_delta_add *changes; /* cdc files: rows with their _change_type */
    size_t change_count;
    size_t change_capacity;
    size_t places;         /* given to adds, removes and cdc files so far */
    const char **sidecars; /* file names of a version 2 checkpoint */
    size_t sidecar_count;
    size_t sidecar_capacity;
    struct heddle_delta_metadata metadata; /* the last one */
    struct heddle_delta_protocol protocol;
    bool has_metadata;
    bool has_protocol;
    int64_t commit_time;   /* inCommitTimestamp in milliseconds, -1 = none */
    const char *operation; /* of commitInfo, NULL = not said */
    bool changes_no_row;   /* a MERGE whose metrics say that it inserted, updated and deleted nothing */
};

/* Adds what one line says. Errors: HEDDLE_SOURCE (no JSON object, nested too deep, a field of the wrong kind: named),
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_line_parse(const char *line, size_t length,
                                              struct heddle_delta_actions *actions,
                                              struct heddle_error *error);

/* Adds what a file of lines says (a commit, or a checkpoint in JSON); errors name file and line. Stops after the first line
 * where `first_line_only`: the protocol puts commitInfo there. Errors: as above, and HEDDLE_SOURCE (unreadable, a line longer
 * than 64 MiB). */
HEDDLE_MUST_CHECK int heddle_delta_actions_read(const char *file, bool first_line_only,
                                                struct heddle_delta_actions *actions,
                                                struct heddle_error *error);

/* The same for a file of a table that may be in a store: it is fetched first. Errors: as read(), those of
 * heddle_mirror_hold(). */
HEDDLE_MUST_CHECK int heddle_delta_actions_fetch(const struct heddle_delta_root *root, const char *file,
                                                 bool first_line_only, struct heddle_delta_actions *actions,
                                                 struct heddle_error *error);

/* numRecords of a `stats` text, -1 where it says none. */
int64_t heddle_delta_stats_rows(const char *stats, size_t length);

/* The id of a vector, in the arena: storage type, place and offset. NULL when out of memory. */
const char *heddle_delta_vector_id(struct heddle_arena *arena, char storage, const char *place,
                                   bool has_offset, int64_t offset);

/* The path as logged, for heddle_delta_add.uri: `path` itself where decoding changed nothing. NULL when out of memory. */
const char *heddle_delta_uri_keep(struct heddle_arena *arena, const char *uri, const char *path);

/* Empties the lists and keeps their memory; or frees it. */
void heddle_delta_actions_reset(struct heddle_delta_actions *actions);
void heddle_delta_actions_free(struct heddle_delta_actions *actions);

/* The value of a setting of the table, or `fallback`. */
const char *heddle_delta_property(const struct heddle_delta_metadata *metadata, const char *name,
                                  const char *fallback);

#endif
