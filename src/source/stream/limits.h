/* limits.h: how much one micro-batch takes: maxFilesPerTrigger and maxBytesPerTrigger, as each of Spark's sources counts them.
 *
 * Delta: files before bytes, 1000 files where neither is given; a file is admitted while both have room left, so that one may
 * overshoot and one is always taken. Files: either, not both; the first file always, then only what fits whole.
 */
#ifndef HEDDLE_SOURCE_STREAM_LIMITS_H
#define HEDDLE_SOURCE_STREAM_LIMITS_H

#include "source/source.h"

struct heddle_stream_limits {
    uint64_t files; /* UINT64_MAX = no limit */
    uint64_t bytes;
};

/* A size as Spark reads it: a number with b, k, kb, m, mb, g, gb, t, tb, p, pb (any case, powers of 1024), or none for bytes.
 * Also KiB, MiB, GiB. false where it is none. */
bool heddle_stream_size_parse(const char *text, uint64_t *bytes_out);

/* Reads both settings of a Delta source, or of a file source. Errors: HEDDLE_INVALID. */
HEDDLE_MUST_CHECK int heddle_stream_limits_delta(const struct heddle_source_options *options,
                                                 struct heddle_stream_limits *limits,
                                                 struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_stream_limits_files(const struct heddle_source_options *options,
                                                 struct heddle_stream_limits *limits,
                                                 struct heddle_error *error);

/* What is left of the limits within a micro-batch of a Delta source. */
struct heddle_stream_room {
    struct heddle_stream_limits left;
    bool any; /* something was admitted */
};

bool heddle_stream_room_left(const struct heddle_stream_room *room);

/* Takes a file's bytes where there is room; false where there was none. */
bool heddle_stream_room_take(struct heddle_stream_room *room, uint64_t bytes);

/* Takes `files` files together, or none of them; the first ones always. */
bool heddle_stream_room_take_all(struct heddle_stream_room *room, uint64_t files, uint64_t bytes);

#endif
