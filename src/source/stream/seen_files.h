/* seen_files.h: which files a stream has taken, for a quick answer: Spark's SeenFilesMap.
 *
 * A file is new while its path was not taken and its time is not before the newest file's less the age. {0} is empty.
 */
#ifndef HEDDLE_SOURCE_STREAM_SEEN_FILES_H
#define HEDDLE_SOURCE_STREAM_SEEN_FILES_H

#include "source/stream/file_log.h"

struct heddle_seen_files {
    int64_t age;    /* maxFileAge in milliseconds, INT64_MAX = any */
    bool name_only; /* fileNameOnly: a file is known by its name in whatever folder */
    int64_t newest; /* time */
    int64_t forget; /* files before this time are neither kept nor new */
    const struct heddle_stream_file **slots; /* open addressing */
    size_t slot_count;
    size_t count;
};

/* Notes a file, which must outlive the set; then heddle_seen_files_age() once the last of a micro-batch is noted. Errors:
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_seen_files_add(struct heddle_seen_files *seen,
                                            const struct heddle_stream_file *file,
                                            struct heddle_error *error);
void heddle_seen_files_age(struct heddle_seen_files *seen);

bool heddle_seen_files_is_new(const struct heddle_seen_files *seen, const struct heddle_stream_file *file);

void heddle_seen_files_free(struct heddle_seen_files *seen);

#endif
