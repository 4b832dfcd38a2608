/* suggest.c: what the columns of a table look like; suggest_write.c makes a job of it. */
#include "run/suggest/suggest.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/memory.h"
#include "column/convert.h"
#include "run/suggest/suggest_column.h"
#include "source/source.h"

enum {
    SAMPLE_ROWS = 10000,
    SEEN_SLOTS = 1 << 15, /* hash slots a column: three times the sample, so probes stay short */
    KEY_LENGTH_MAX = 64,
    TEXT_LENGTH_MIN = 30, /* shorter on average is a name or a code, not a sentence */
};

/* What a text column may be instead, most special first. */
static const enum heddle_type READS_AS[] = {HEDDLE_TYPE_INTEGER, HEDDLE_TYPE_FLOAT,     HEDDLE_TYPE_BOOLEAN,
                                            HEDDLE_TYPE_DATE,    HEDDLE_TYPE_TIMESTAMP, HEDDLE_TYPE_DATETIME};

static bool has_bytes(enum heddle_type type)
{
    return type == HEDDLE_TYPE_STRING || type == HEDDLE_TYPE_DECIMAL || type == HEDDLE_TYPE_BYTES;
}

static uint64_t hash_cell(const struct heddle_column *column, size_t row)
{
    if (has_bytes(column->type)) {
        size_t length = 0;
        const char *text = heddle_column_text(column, row, &length);
        return heddle_hash_bytes(text, length, 1) | 1; /* 0 marks a free slot */
    }
    char printed[KEY_LENGTH_MAX];
    heddle_column_print(column, row, printed, sizeof printed);
    return heddle_hash_bytes(printed, strlen(printed), 1) | 1;
}

/* Adds a value to the column's set of hashes; true where it is new. */
static bool see(uint64_t *seen, uint64_t hash)
{
    size_t slot = hash % SEEN_SLOTS;
    while (seen[slot] != 0 && seen[slot] != hash) {
        slot = (slot + 1) % SEEN_SLOTS;
    }
    const bool is_new = seen[slot] == 0;
    seen[slot] = hash;
    return is_new;
}

static void narrow_types(struct heddle_suggest_column *about, struct heddle_batch *batch,
                         const struct heddle_column *column)
{
    for (size_t i = 0; i < sizeof READS_AS / sizeof READS_AS[0]; i++) {
        const uint8_t *bad = NULL;
        struct heddle_column converted;
        if ((about->reads_as & 1u << i) != 0 &&
            (heddle_column_convert(batch->arena, column, READS_AS[i], HEDDLE_TYPE_NULL, &converted, &bad,
                                   NULL) != HEDDLE_OK ||
             bad != NULL)) {
            about->reads_as &= ~(1u << i);
        }
    }
}

static void look_at(struct heddle_suggest_column *about, struct heddle_batch *batch, size_t index)
{
    const struct heddle_column *column = &batch->columns[index];
    for (size_t row = 0; row < batch->rows; row++) {
        if (heddle_column_is_null(column, row)) {
            about->nulls++;
            continue;
        }
        about->values++;
        about->distinct += see(about->seen, hash_cell(column, row));
        if (column->type == HEDDLE_TYPE_STRING) {
            size_t length = 0;
            const char *text = heddle_column_text(column, row, &length);
            about->length += length;
            about->with_spaces += memchr(text, ' ', length) != NULL;
        }
    }
    if (column->type == HEDDLE_TYPE_STRING) {
        narrow_types(about, batch, column);
    }
}

/* What the sample says of each column's type and part. */
static void conclude(struct heddle_suggest_column *about)
{
    const double mean = about->values == 0 ? 0 : (double)about->length / (double)about->values;
    if (about->type == HEDDLE_TYPE_STRING && about->values > 0) {
        for (size_t i = 0; i < sizeof READS_AS / sizeof READS_AS[0]; i++) {
            if ((about->reads_as & 1u << i) != 0) {
                about->type = READS_AS[i];
                break;
            }
        }
    }
    const bool short_text = about->type == HEDDLE_TYPE_STRING && mean <= KEY_LENGTH_MAX;
    about->is_key_like = about->type == HEDDLE_TYPE_INTEGER || short_text;
    about->is_unique = about->values > 0 && about->nulls == 0 && about->distinct == about->values;
    about->is_prose = about->type == HEDDLE_TYPE_STRING && mean >= TEXT_LENGTH_MIN &&
                      about->with_spaces * 2 > about->values;
    about->mean_length = mean;
}

static int sample(struct heddle_source *source, struct heddle_suggest_column *columns, size_t count,
                  struct heddle_error *error)
{
    int status = HEDDLE_OK;
    while (status == HEDDLE_OK) {
        struct heddle_batch *batch = NULL;
        status = heddle_source_next(source, &batch, error);
        for (size_t i = 0; status == HEDDLE_OK && i < count; i++) {
            look_at(&columns[i], batch, i);
        }
        heddle_batch_release(batch);
    }
    for (size_t i = 0; i < count; i++) {
        conclude(&columns[i]);
    }
    return status == HEDDLE_END ? HEDDLE_OK : status;
}

/* A row that cannot be read says nothing about the columns. */
static int pass_over(void *context, const struct heddle_reject *reject, struct heddle_error *error)
{
    (void)context;
    (void)reject;
    (void)error;
    return HEDDLE_OK;
}

static int suggest(struct heddle_source *source, const struct heddle_suggest_file *file,
                   struct heddle_arena *arena, struct heddle_buffer *out, struct heddle_error *error)
{
    const struct heddle_schema *schema = heddle_source_schema(source);
    struct heddle_suggest_column *columns = heddle_arena_calloc(arena, schema->count, sizeof *columns);
    if (columns == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < schema->count; i++) {
        columns[i].name = schema->fields[i].name;
        columns[i].type = schema->fields[i].type;
        columns[i].reads_as = ~0u;
        columns[i].seen = heddle_arena_calloc(arena, SEEN_SLOTS, sizeof *columns[i].seen);
        if (columns[i].seen == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    HEDDLE_TRY(sample(source, columns, schema->count, error));
    return heddle_suggest_write(file, columns, schema->count, arena, out, error);
}

static int suggest_table(const char *path, struct heddle_stores *stores, const char *model,
                         struct heddle_arena *arena, struct heddle_buffer *out, struct heddle_error *error)
{
    struct heddle_source_options options = {
        .name = "table", .path = path, .limit = SAMPLE_ROWS, .rejects = {.add = pass_over}};
    struct heddle_source *source = NULL;
    HEDDLE_TRY(heddle_stores_find(stores, &options, arena, error));
    /* A name in a catalog ends in the table's own, whatever its files are called. */
    const char *dot = options.path != path ? strrchr(path, '.') : NULL;
    const struct heddle_suggest_file file = {.path = path,
                                             .shown =
                                                 heddle_stores_shown(dot != NULL ? dot + 1 : path, arena),
                                             .type = options.type,
                                             .model = model};
    if (file.shown == NULL) {
        return heddle_error_out_of_memory(error);
    }
    int status = heddle_source_open(&options, &source, error);
    if (status == HEDDLE_OK) {
        status = suggest(source, &file, arena, out, error);
    }
    heddle_source_close(source);
    return status;
}

int heddle_suggest_job(const char *path, struct heddle_stores *stores, const char *model,
                       struct heddle_buffer *out, struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    const int status = suggest_table(path, stores, model, arena, out, error);
    heddle_arena_destroy(arena);
    return status;
}
