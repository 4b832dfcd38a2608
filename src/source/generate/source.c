/* source.c: the generator as a source of type `generate`. */
#include "source/reader.h"

#include <string.h>

#include "source/generate/generate.h"
#include "source/stream/settings.h"

enum { ROWS_DEFAULT = 5000, SEED_DEFAULT = 1, COLUMNS_MAX = 16 };

struct generate_source {
    struct heddle_source base;
    struct heddle_removals removals;
    const size_t *columns; /* of the generator, one for each column of the schema */
    uint64_t next_row;
};

static void generate_close(struct heddle_source *source)
{
    heddle_source_end(source);
}

static int generate_next(struct heddle_source *source, size_t rows_max, struct heddle_batch **batch_out,
                         struct heddle_error *error)
{
    struct generate_source *generate = (struct generate_source *)source;
    const uint64_t left = generate->removals.rows - generate->next_row;
    struct heddle_batch *batch = NULL;
    if (left == 0) {
        return HEDDLE_END;
    }
    const size_t count = left < rows_max ? (size_t)left : rows_max;
    HEDDLE_TRY(heddle_removals_batch(&generate->removals, generate->next_row, count, &batch, error));
    struct heddle_column *columns = heddle_arena_calloc(batch->arena, source->schema.count, sizeof *columns);
    if (columns == NULL) {
        heddle_batch_release(batch);
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < source->schema.count; i++) {
        columns[i] = batch->columns[generate->columns[i]];
    }
    batch->columns = columns;
    generate->next_row += count;
    *batch_out = batch;
    return HEDDLE_OK;
}

static int generate_begin(struct generate_source *generate, const struct heddle_source_options *options,
                          struct heddle_error *error)
{
    static const char *const known[] = {"rows", "seed", "bad_rows", HEDDLE_STREAM_SETTINGS, NULL};
    const char *names[COLUMNS_MAX];
    size_t *indices = NULL;
    size_t count = 0;
    HEDDLE_TRY(heddle_source_settings_check(options, known, error));
    HEDDLE_TRY(heddle_source_setting_number(options, "rows", ROWS_DEFAULT, &generate->removals.rows, error));
    HEDDLE_TRY(heddle_source_setting_number(options, "seed", SEED_DEFAULT, &generate->removals.seed, error));
    HEDDLE_TRY(heddle_source_setting_number(options, "bad_rows", 0, &generate->removals.bad_rows, error));
    if (generate->removals.bad_rows > generate->removals.rows) {
        return heddle_error_set(error, HEDDLE_INVALID, "source `%s`: bad_rows is larger than rows",
                                options->name);
    }
    const struct heddle_schema *all = heddle_removals_schema(&generate->removals);
    for (size_t i = 0; i < all->count; i++) {
        names[i] = all->fields[i].name;
    }
    HEDDLE_TRY(heddle_source_project(&generate->base, options, "the table of removals", names, all->count,
                                     &indices, &count, error));
    struct heddle_field *fields = heddle_arena_calloc(generate->base.arena, count, sizeof *fields);
    if (fields == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        fields[i] = all->fields[indices[i]];
    }
    generate->columns = indices;
    generate->base.schema = (struct heddle_schema){.fields = fields, .count = count};
    generate->base.rows_expected = (int64_t)generate->removals.rows;
    return HEDDLE_OK;
}

int heddle_generate_open(const struct heddle_source_options *options, struct heddle_source **source_out,
                         struct heddle_error *error)
{
    static const struct heddle_reader reader = {.next = generate_next, .close = generate_close};
    struct heddle_source *source = NULL;
    HEDDLE_TRY(heddle_source_begin(sizeof(struct generate_source), &reader, options, &source, error));
    const int status = generate_begin((struct generate_source *)source, options, error);
    if (status != HEDDLE_OK) {
        generate_close(source);
        return status;
    }
    *source_out = source;
    return HEDDLE_OK;
}
