/* delta_lines.h: the actions of a Delta log as lines of JSON (PROTOCOL.md, "Actions"). Private to src/source/export. */
#ifndef HEDDLE_SOURCE_EXPORT_DELTA_LINES_H
#define HEDDLE_SOURCE_EXPORT_DELTA_LINES_H

#include "source/export/delta_stats.h"

/* A UUID as text, with its NUL. */
enum { HEDDLE_DELTA_UUID_MAX = 37 };

/* One column: `col-UUID` in the files, as Spark names them. Its id is its place, counted from 1. */
struct heddle_delta_export_column {
    char physical[sizeof "col-" + HEDDLE_DELTA_UUID_MAX];
    struct heddle_delta_stats stats; /* of the file that is being written */
};

/* A data file that is complete. */
struct heddle_delta_export_file {
    char name[32 + HEDDLE_DELTA_UUID_MAX + 32];
    uint64_t rows;
    int64_t bytes;
    int64_t time_ms;
};

struct heddle_delta_export_commit {
    uint64_t version;
    int64_t time_ms;
    const char *id; /* of the transaction */
    uint64_t files;
    uint64_t rows;
    int64_t bytes;
};

/* The name of a column's type in the schema, NULL where it cannot be written. */
const char *heddle_delta_export_type(enum heddle_type type);

/* Each appends one line. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_line_commit_info(const struct heddle_delta_export_commit *commit,
                                                    struct heddle_buffer *lines, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_delta_line_protocol(struct heddle_buffer *lines, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_delta_line_metadata(const struct heddle_schema *schema,
                                                 const struct heddle_delta_export_column *columns,
                                                 const char *id, int64_t time_ms, struct heddle_buffer *lines,
                                                 struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_delta_line_add(const struct heddle_schema *schema,
                                            const struct heddle_delta_export_column *columns,
                                            const struct heddle_delta_export_file *file,
                                            struct heddle_buffer *lines, struct heddle_error *error);

#endif
