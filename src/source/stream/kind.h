/* kind.h: what every kind of stream implements behind stream.h. Private to src/source/stream. */
#ifndef HEDDLE_SOURCE_STREAM_KIND_H
#define HEDDLE_SOURCE_STREAM_KIND_H

#include "source/stream/stream.h"

/* Each entry follows the contract of the function of the same name in stream.h; `start` is never "". */
struct heddle_stream_kind {
    int (*begin)(struct heddle_stream *stream, struct heddle_buffer *start, struct heddle_error *error);
    int (*refresh)(struct heddle_stream *stream, const char *start, bool frozen,
                   const struct heddle_stream *leader, struct heddle_error *error);
    int (*plan)(struct heddle_stream *stream, const char *start, bool unlimited, struct heddle_buffer *end,
                struct heddle_error *error);
    int (*read)(struct heddle_stream *stream, const struct heddle_stream_range *range,
                struct heddle_source **source_out, struct heddle_error *error);
    void (*close)(struct heddle_stream *stream); /* a stream half-built too */
};

/* The part that all kinds share; each kind's struct begins with it. */
struct heddle_stream {
    const struct heddle_stream_kind *kind;
    const struct heddle_stream_options *options; /* a copy in the arena */
    struct heddle_arena *arena;
    struct heddle_schema schema;
    int64_t rows_expected;
    uint64_t fingerprint; /* of what refresh() found */
    uint64_t rows_per_batch;
};

HEDDLE_MUST_CHECK int heddle_stream_open_delta(const struct heddle_stream_options *options,
                                               const char *resume, struct heddle_stream **stream_out,
                                               struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_stream_open_files(const struct heddle_stream_options *options,
                                               const char *resume, struct heddle_stream **stream_out,
                                               struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_stream_open_generate(const struct heddle_stream_options *options,
                                                  const char *resume, struct heddle_stream **stream_out,
                                                  struct heddle_error *error);

/* Makes a zeroed struct of `size` bytes that begins with a heddle_stream, and fills the shared part. */
HEDDLE_MUST_CHECK int heddle_stream_start(size_t size, const struct heddle_stream_kind *kind,
                                          const struct heddle_stream_options *options,
                                          struct heddle_stream **stream_out, struct heddle_error *error);

/* Frees the shared part and the struct. */
void heddle_stream_end(struct heddle_stream *stream);

/* Copies a schema into the stream's arena. */
HEDDLE_MUST_CHECK int heddle_stream_keep_schema(struct heddle_stream *stream,
                                                const struct heddle_schema *schema,
                                                struct heddle_error *error);

/* The value of a setting that is true or false. Errors: HEDDLE_INVALID. */
HEDDLE_MUST_CHECK int heddle_stream_flag(const struct heddle_source_options *options, const char *name,
                                         bool fallback, bool *value_out, struct heddle_error *error);

#endif
