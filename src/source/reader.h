/* reader.h: what every kind of source implements behind source.h. Private to src/source. */
#ifndef HEDDLE_SOURCE_READER_H
#define HEDDLE_SOURCE_READER_H

#include "fs/mirror.h"
#include "source/source.h"

/* One kind of source. */
struct heddle_reader {
    /* The next batch of at most rows_max rows with file and first_row set, or HEDDLE_END. */
    int (*next)(struct heddle_source *source, size_t rows_max, struct heddle_batch **batch_out,
                struct heddle_error *error);
    /* Frees the source, half-built or whole. */
    void (*close)(struct heddle_source *source);
};

/* The part that all kinds share; each kind's struct begins with it. */
struct heddle_source {
    const struct heddle_reader *reader;
    struct heddle_arena *arena; /* names, settings, schema */
    const char *name;
    struct heddle_schema schema;
    uint64_t limit;
    uint64_t skip; /* rows that are still passed over */
    uint64_t skip_all;
    size_t batch_rows;
    int64_t rows_expected;
    uint64_t rows_read;
    uint64_t rows_rejected;
    uint64_t sequence;
    struct heddle_reject_sink rejects;
    struct heddle_mirror *mirror; /* of files in a store, or NULL */
    struct heddle_mirror *owned_mirror;
};

/* The openers of the kinds. Each checks its settings, leaves a source that next() can be called on, and
 * frees all on failure. */
HEDDLE_MUST_CHECK int heddle_parquet_open(const struct heddle_source_options *options,
                                          struct heddle_source **source_out, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_csv_open(const struct heddle_source_options *options,
                                      struct heddle_source **source_out, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_jsonl_open(const struct heddle_source_options *options,
                                        struct heddle_source **source_out, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_delta_open(const struct heddle_source_options *options,
                                        struct heddle_source **source_out, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_generate_open(const struct heddle_source_options *options,
                                           struct heddle_source **source_out, struct heddle_error *error);

/* Makes sure that a file of the source is on this machine until the next one is held or the hold released, and says in *hold
 * so; nothing for local files. Errors: those of heddle_mirror_hold(). */
HEDDLE_MUST_CHECK int heddle_source_hold(const struct heddle_source *source, const char *path,
                                         struct heddle_mirror_hold *hold, struct heddle_error *error);

/* A file's path or URI, in `arena`. NULL when out of memory. */
const char *heddle_source_shown(const struct heddle_source *source, const char *path,
                                struct heddle_arena *arena);

/* Makes a zeroed struct of `size` bytes that begins with a heddle_source, and fills the shared part. */
HEDDLE_MUST_CHECK int heddle_source_begin(size_t size, const struct heddle_reader *reader,
                                          const struct heddle_source_options *options,
                                          struct heddle_source **source_out, struct heddle_error *error);

/* Frees the shared part and the struct. */
void heddle_source_end(struct heddle_source *source);

/* Rows, good and bad, that the reader may take now at most. */
uint64_t heddle_source_rows_left(const struct heddle_source *source);

/* The value of a setting, or `fallback`. */
const char *heddle_source_setting(const struct heddle_source_options *options, const char *name,
                                  const char *fallback);

/* The value of a setting as a number. Errors: HEDDLE_INVALID. */
HEDDLE_MUST_CHECK int heddle_source_setting_number(const struct heddle_source_options *options,
                                                   const char *name, uint64_t fallback, uint64_t *value_out,
                                                   struct heddle_error *error);

/* Refuses settings that are not in `known` (NULL-terminated). Errors: HEDDLE_INVALID, nearest name given. */
HEDDLE_MUST_CHECK int heddle_source_settings_check(const struct heddle_source_options *options,
                                                   const char *const *known, struct heddle_error *error);

/* Index of each projected column in names[0 .. name_count-1], into *indices_out (the arena's), all of them
 * where the options name none. Errors: HEDDLE_SOURCE (unknown column, nearest and all names given; a name
 * that stands twice). */
HEDDLE_MUST_CHECK int heddle_source_project(struct heddle_source *source,
                                            const struct heddle_source_options *options, const char *file,
                                            const char *const *names, size_t name_count, size_t **indices_out,
                                            size_t *index_count_out, struct heddle_error *error);

/* Whether `wanted` names a value of the MAP column `field` ("m.key"); the key is then *key_out, a part of `wanted`. */
bool heddle_source_is_key(const struct heddle_field *field, const char *wanted, const char **key_out);

/* The field of such a value: the map's items, under the name `wanted`. */
struct heddle_field heddle_source_key_field(const struct heddle_field *field, const char *wanted);

/* Reports a row that could not be read; `raw` need not be UTF-8 and is cut at a length fit for a log.
 * Errors: those of the reject sink. */
HEDDLE_MUST_CHECK int heddle_source_reject(struct heddle_source *source, const char *file, uint64_t ordinal,
                                           const char *raw, size_t raw_length, const char *code,
                                           const char *reason, struct heddle_error *error);

#endif
