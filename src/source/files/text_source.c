/* text_source.c: batches out of rows of text. */
#include "source/files/text_source.h"

#include <string.h>

/* A batch is handed out early when its texts reach this: long texts must not make a batch of gigabytes. */
enum { BATCH_BYTES_MAX = 16 * 1024 * 1024 };

void heddle_text_source_row_done(struct heddle_text_source *text, size_t length)
{
    if (text->rows == 0) {
        text->first_row = text->ordinal;
    }
    text->rows++;
    text->ordinal++;
    text->bytes += length;
}

int heddle_text_source_reject(struct heddle_text_source *text, size_t length, const char *code,
                              const char *reason, struct heddle_error *error)
{
    const uint64_t ordinal = text->ordinal++;
    return heddle_source_reject(&text->base, text->files.paths[text->file], ordinal,
                                text->input.bytes + text->input.start, length, code, reason, error);
}

/* Makes a batch of what was collected. */
static int batch_finish(struct heddle_text_source *text, struct heddle_batch **batch_out,
                        struct heddle_error *error)
{
    struct heddle_batch *batch = NULL;
    const char *path = text->files.paths[text->file];
    HEDDLE_TRY(heddle_batch_create(&text->base.schema, &batch, error));
    int status = HEDDLE_OK;
    for (size_t i = 0; i < text->base.schema.count && status == HEDDLE_OK; i++) {
        status = heddle_builder_finish(&text->builders[i], batch->arena, &batch->columns[i], error);
    }
    const char *shown = heddle_source_shown(&text->base, path, batch->arena);
    batch->file = shown != NULL ? heddle_arena_copy_text(batch->arena, shown, strlen(shown)) : NULL;
    if (status == HEDDLE_OK && batch->file == NULL) {
        status = heddle_error_out_of_memory(error);
    }
    if (status != HEDDLE_OK) {
        heddle_batch_release(batch);
        return status;
    }
    batch->rows = text->rows;
    batch->first_row = text->first_row;
    text->rows = 0;
    text->bytes = 0;
    *batch_out = batch;
    return HEDDLE_OK;
}

/* Collects rows of the open file until the batch is full, a row is rejected behind others (a batch has no
 * gaps), or the file ends (HEDDLE_END). `budget` = rows that may still be taken, good or bad. */
static int rows_collect(struct heddle_text_source *text, size_t rows_max, uint64_t *budget,
                        struct heddle_error *error)
{
    while (text->rows<rows_max && * budget> 0 && text->bytes < BATCH_BYTES_MAX) {
        bool rejected = false;
        const uint64_t before = text->ordinal;
        const int status = text->kind->row_take(text, &rejected, error);
        *budget -= text->ordinal > before ? 1 : 0;
        HEDDLE_TRY(status);
        if (rejected && text->rows > 0) {
            break;
        }
    }
    return HEDDLE_OK;
}

int heddle_text_source_input_open(struct heddle_text_source *text, const char *path,
                                  struct heddle_error *error)
{
    HEDDLE_TRY(heddle_source_hold(&text->base, path, &text->hold, error));
    return heddle_text_input_open(&text->input, path, error);
}

static int file_open(struct heddle_text_source *text, struct heddle_error *error)
{
    const char *path = text->files.paths[text->file];
    HEDDLE_TRY(heddle_text_source_input_open(text, path, error));
    text->open = true;
    text->ordinal = 0;
    return text->kind->file_begin(text, path, error);
}

int heddle_text_source_next(struct heddle_source *source, size_t rows_max, struct heddle_batch **batch_out,
                            struct heddle_error *error)
{
    struct heddle_text_source *text = (struct heddle_text_source *)source;
    uint64_t budget = heddle_source_rows_left(source);
    while (text->file < text->files.count && budget > 0) {
        if (!text->open) {
            HEDDLE_TRY(file_open(text, error));
        }
        const int status = rows_collect(text, rows_max, &budget, error);
        if (status != HEDDLE_OK && status != HEDDLE_END) {
            return status;
        }
        const bool has_rows = text->rows > 0;
        if (has_rows) {
            HEDDLE_TRY(batch_finish(text, batch_out, error));
        }
        if (status == HEDDLE_END) {
            heddle_text_input_close(&text->input);
            text->open = false;
            text->file++;
        }
        if (has_rows) {
            return HEDDLE_OK;
        }
    }
    return HEDDLE_END;
}

void heddle_text_source_end(struct heddle_text_source *text)
{
    heddle_text_input_close(&text->input);
    heddle_mirror_release(&text->hold);
    for (size_t i = 0; text->builders != NULL && i < text->base.schema.count; i++) {
        heddle_builder_free(&text->builders[i]);
    }
    heddle_source_end(&text->base);
}
