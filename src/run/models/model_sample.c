/* model_sample.c: reads the texts of one column. */
#include "run/models/model_sample.h"

#include <string.h>

#include "column/convert.h"
#include "run/embedding/text_column.h"
#include "source/source.h"

/* The column of the generated table that is worth embedding. */
static const char generated_column[] = "RMV_REA_TX";

static int ignore_reject(void *context, const struct heddle_reject *reject, struct heddle_error *error)
{
    (void)context;
    (void)reject;
    (void)error;
    return HEDDLE_OK; /* a sample can do without an unreadable row */
}

/* Copies the texts of a batch behind those that are there. */
static int take_batch(struct heddle_arena *arena, const struct heddle_batch *batch, size_t column,
                      struct heddle_embed_text *texts, size_t limit, size_t *count,
                      struct heddle_error *error)
{
    struct heddle_column text;
    const uint8_t *bad = NULL;
    HEDDLE_TRY(heddle_column_convert(batch->arena, &batch->columns[column], HEDDLE_TYPE_STRING,
                                     HEDDLE_TYPE_NULL, &text, &bad, error));
    for (size_t row = 0; row < batch->rows && *count < limit; row++) {
        if (heddle_column_is_null(&text, row)) {
            continue;
        }
        size_t length = 0;
        const char *bytes = heddle_column_text(&text, row, &length);
        char *copy = heddle_arena_copy_text(arena, bytes, length);
        if (copy == NULL) {
            return heddle_error_out_of_memory(error);
        }
        texts[(*count)++] = (struct heddle_embed_text){copy, length};
    }
    return HEDDLE_OK;
}

static int read_texts(struct heddle_source *source, size_t column, struct heddle_arena *arena,
                      struct heddle_embed_text *texts, size_t limit, size_t *count,
                      struct heddle_error *error)
{
    int status = HEDDLE_OK;
    while (status == HEDDLE_OK && *count < limit) {
        struct heddle_batch *batch = NULL;
        status = heddle_source_next(source, &batch, error);
        if (status == HEDDLE_OK) {
            status = take_batch(arena, batch, column, texts, limit, count, error);
            heddle_batch_release(batch);
        }
    }
    return status == HEDDLE_END ? HEDDLE_OK : status;
}

int heddle_model_sample(const struct heddle_model_sample_options *options, struct heddle_arena *arena,
                        struct heddle_embed_text **texts_out, size_t *count_out, struct heddle_error *error)
{
    const bool made_up = options->path == NULL;
    const char *path = made_up ? "generated removals" : heddle_stores_shown(options->path, arena);
    const char *column_name = made_up && options->column == NULL ? generated_column : options->column;
    struct heddle_source_options open = {.name = path,
                                         .type = made_up ? "generate" : NULL,
                                         .path = options->path,
                                         .limit = UINT64_MAX,
                                         .rejects = {.add = ignore_reject}};
    struct heddle_source *source = NULL;
    size_t column = 0;
    *count_out = 0;
    *texts_out = heddle_arena_calloc(arena, options->rows, sizeof **texts_out);
    if (*texts_out == NULL || path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (!made_up) {
        HEDDLE_TRY(heddle_stores_find(options->stores, &open, arena, error));
    }
    HEDDLE_TRY(heddle_source_open(&open, &source, error));
    int status = heddle_text_column_find(heddle_source_schema(source), path, column_name, &column, error);
    if (status == HEDDLE_OK) {
        status = read_texts(source, column, arena, *texts_out, options->rows, count_out, error);
    }
    heddle_source_close(source);
    if (status == HEDDLE_OK && *count_out == 0) {
        status = heddle_error_set(error, HEDDLE_SOURCE, "%s has no text in that column", path);
    }
    return status;
}
