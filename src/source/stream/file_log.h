/* file_log.h: which files a stream has taken, in the log that Spark's file source keeps: FOLDER/sources/0/N.
 *
 * One file of the log an offset: the line `v1`, then one JSON object a line, {"path":URI,"timestamp":T,"batchId":N}. Each tenth
 * is `N.compact` and repeats all before it. Format: https://github.com/apache/spark, FileStreamSourceLog.
 */
#ifndef HEDDLE_SOURCE_STREAM_FILE_LOG_H
#define HEDDLE_SOURCE_STREAM_FILE_LOG_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "fs/depot.h"

struct heddle_stream_file {
    const char *path; /* absolute, as the file system has it */
    int64_t time;     /* modification, milliseconds since 1970 */
    int64_t batch;    /* offset that took it */
    uint64_t bytes;   /* not in the log */
};

struct heddle_stream_files {
    struct heddle_stream_file *items; /* freed by the owner */
    size_t count;
    size_t capacity;
};

/* Adds a file. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_stream_files_add(struct heddle_stream_files *files,
                                              const struct heddle_stream_file *file,
                                              struct heddle_error *error);

/* Reads the text of one file of the log; paths are the arena's. Errors: HEDDLE_SOURCE (another version, a line that is no
 * entry: numbered), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_file_log_parse(const char *text, size_t length, struct heddle_arena *arena,
                                            struct heddle_stream_files *files, struct heddle_error *error);

/* Reads the whole log in `folder`, oldest entries first, and the newest offset (-1 = there is no log). Errors: HEDDLE_SOURCE,
 * HEDDLE_IO, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_file_log_read(struct heddle_depot *depot, const char *folder,
                                           struct heddle_arena *arena, struct heddle_stream_files *files,
                                           int64_t *newest_out, struct heddle_error *error);

/* Writes offset `batch`, whose files are the last `added` of `files`, all others being older ones. Errors: HEDDLE_IO (also
 * where that offset is there already: another process writes the same log), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_file_log_write(struct heddle_depot *depot, const char *folder,
                                            const struct heddle_stream_files *files, size_t added,
                                            int64_t batch, struct heddle_error *error);

/* Appends a path as a URI of Java: "file:///" and the path, with what RFC 2396 does not allow in a path as %XX (bytes above
 * 0x7f stay). And back: false where `uri` is none of a local file. */
void heddle_file_uri_write(const char *path, struct heddle_buffer *out);
bool heddle_file_uri_read(const char *uri, struct heddle_buffer *out);

#endif
