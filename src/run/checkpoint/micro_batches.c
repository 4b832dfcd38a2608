/* micro_batches.c: plan, begin, read, commit. */
#include "run/checkpoint/micro_batches.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct heddle_micro_batches {
    struct heddle_checkpoint *checkpoint;
    struct heddle_stream *stream;
    struct heddle_micro_batches_options options;
    struct heddle_source *source;   /* of the open batch, kept over its parts */
    uint64_t read_before;           /* rows of `source` that belong to earlier parts */
    uint64_t part_rows;             /* at most, of the unit at hand */
    bool begun;                     /* the open batch was begun, or taken up, by this run */
    struct heddle_source *ahead;    /* of the batch behind the open one, or NULL */
    struct heddle_buffer ahead_end; /* where that one ends */
};

/* What Spark wrote of a batch that it left cannot be told from what is missing. */
static int foreign_check(const struct heddle_micro_batches *batches,
                         const struct heddle_checkpoint_batch *next, struct heddle_error *error)
{
    if (!next->foreign || !batches->options.creates) {
        return HEDDLE_OK;
    }
    return heddle_error_set(
        error, HEDDLE_IO,
        "Spark began batch %" PRId64 " of the checkpoint %s and did not finish it. What it wrote "
        "cannot be told from what is missing, and this job creates rows: they would be doubled. "
        "Let Spark finish the batch, or merge rows (write_mode: merge), or begin anew with --fresh",
        next->number, batches->options.folder);
}

int heddle_micro_batches_open(const struct heddle_micro_batches_options *options,
                              struct heddle_micro_batches **batches_out, struct heddle_error *error)
{
    struct heddle_micro_batches *batches = heddle_calloc(1, sizeof *batches);
    struct heddle_checkpoint_batch next;
    if (batches == NULL) {
        return heddle_error_out_of_memory(error);
    }
    batches->options = *options;
    int status = heddle_checkpoint_open(options->depot, options->folder, &batches->checkpoint, error);
    if (status == HEDDLE_OK) {
        const struct heddle_stream_options stream = {
            .source = *options->source, .depot = options->depot, .folder = options->folder};
        heddle_checkpoint_pending(batches->checkpoint, &next);
        status = foreign_check(batches, &next, error);
        if (status == HEDDLE_OK) {
            status = heddle_stream_open(&stream, next.start, &batches->stream, error);
        }
    }
    if (status != HEDDLE_OK) {
        heddle_micro_batches_close(batches);
        return status;
    }
    *batches_out = batches;
    return HEDDLE_OK;
}

void heddle_micro_batches_close(struct heddle_micro_batches *batches)
{
    if (batches != NULL) {
        heddle_source_close(batches->source);
        heddle_source_close(batches->ahead);
        heddle_buffer_free(&batches->ahead_end);
        heddle_stream_close(batches->stream);
        heddle_checkpoint_close(batches->checkpoint);
        free(batches);
    }
}

const struct heddle_schema *heddle_micro_batches_schema(const struct heddle_micro_batches *batches)
{
    return heddle_stream_schema(batches->stream);
}

int heddle_micro_batches_refresh(struct heddle_micro_batches *batches, bool frozen,
                                 const struct heddle_micro_batches *leader, struct heddle_error *error)
{
    struct heddle_checkpoint_batch next;
    heddle_checkpoint_pending(batches->checkpoint, &next);
    return heddle_stream_refresh(batches->stream, next.start, frozen, leader != NULL ? leader->stream : NULL,
                                 error);
}

int64_t heddle_micro_batches_rows_expected(const struct heddle_micro_batches *batches)
{
    struct heddle_checkpoint_batch next;
    const int64_t rows = heddle_stream_rows_expected(batches->stream);
    heddle_checkpoint_pending(batches->checkpoint, &next);
    if (rows < 0) {
        return -1;
    }
    return (uint64_t)rows > next.rows_done ? rows - (int64_t)next.rows_done : 0;
}

uint64_t heddle_micro_batches_fingerprint(const struct heddle_micro_batches *batches)
{
    return heddle_stream_fingerprint(batches->stream);
}

uint64_t heddle_micro_batches_units(const struct heddle_micro_batches *batches)
{
    return heddle_checkpoint_units(batches->checkpoint);
}

/* ---- next ---- */

/* A file source notes what it takes while it plans: its folder is needed before the first batch. */
static int log_folder_make(const struct heddle_micro_batches *batches, struct heddle_error *error)
{
    const char *type = batches->options.source->type;
    struct heddle_buffer path = {0};
    if (strcmp(type, "delta") == 0 || strcmp(type, "generate") == 0) {
        return HEDDLE_OK;
    }
    heddle_buffer_append_format(&path, "%s/sources/0", batches->options.folder);
    const char *name = heddle_buffer_text(&path);
    const int status = name != NULL ? heddle_depot_make_folder(batches->options.depot, name, error)
                                    : heddle_error_out_of_memory(error);
    heddle_buffer_free(&path);
    return status;
}

/* Where the very first batch begins is found out once. */
static int start_find(struct heddle_micro_batches *batches, const struct heddle_checkpoint_batch *next,
                      struct heddle_error *error)
{
    struct heddle_buffer start = {0};
    if (next->number > 0) {
        return HEDDLE_OK;
    }
    int status = heddle_stream_begin(batches->stream, &start, error);
    if (status == HEDDLE_OK) {
        const char *text = heddle_buffer_text(&start);
        status = text != NULL ? heddle_checkpoint_set_start(batches->checkpoint, text, error)
                              : heddle_error_out_of_memory(error);
    }
    heddle_buffer_free(&start);
    return status;
}

static int batch_plan(struct heddle_micro_batches *batches, struct heddle_checkpoint_batch *next,
                      struct heddle_error *error)
{
    struct heddle_buffer end = {0};
    if (batches->ahead != NULL) {
        return heddle_checkpoint_begin(batches->checkpoint, heddle_buffer_text(&batches->ahead_end), error);
    }
    HEDDLE_TRY(start_find(batches, next, error));
    HEDDLE_TRY(log_folder_make(batches, error));
    heddle_checkpoint_pending(batches->checkpoint, next);
    int status = heddle_stream_plan(batches->stream, next->start, batches->options.unlimited, &end, error);
    if (status == HEDDLE_OK) {
        const char *text = heddle_buffer_text(&end);
        status = text != NULL ? heddle_checkpoint_begin(batches->checkpoint, text, error)
                              : heddle_error_out_of_memory(error);
    }
    heddle_buffer_free(&end);
    return status;
}

int heddle_micro_batches_next(struct heddle_micro_batches *batches, struct heddle_micro_batch *batch,
                              struct heddle_error *error)
{
    struct heddle_checkpoint_batch next;
    bool redo = false;
    if (heddle_checkpoint_pending(batches->checkpoint, &next)) {
        redo = !batches->begun;
    } else {
        HEDDLE_TRY(batch_plan(batches, &next, error));
        heddle_checkpoint_pending(batches->checkpoint, &next);
    }
    batches->begun = true;
    *batch = (struct heddle_micro_batch){
        .number = next.number,
        .unit = heddle_checkpoint_units(batches->checkpoint),
        .rows_done = next.rows_done,
        .redo = redo,
        .start = next.start,
        .end = next.end,
    };
    return HEDDLE_OK;
}

/* ---- ahead ---- */

static int ahead_open(struct heddle_micro_batches *batches, struct heddle_error *error)
{
    struct heddle_checkpoint_batch open;
    heddle_checkpoint_pending(batches->checkpoint, &open);
    HEDDLE_TRY(heddle_stream_plan(batches->stream, open.end, batches->options.unlimited, &batches->ahead_end,
                                  error));
    const char *end = heddle_buffer_text(&batches->ahead_end);
    if (end == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const struct heddle_stream_range range = {.start = open.end, .end = end, .limit = UINT64_MAX};
    return heddle_stream_read(batches->stream, &range, &batches->ahead, error);
}

int heddle_micro_batches_ahead(struct heddle_micro_batches *batches, struct heddle_source **source_out,
                               struct heddle_error *error)
{
    if (batches->source == NULL || batches->ahead != NULL || batches->part_rows != UINT64_MAX) {
        return HEDDLE_END;
    }
    HEDDLE_TRY(ahead_open(batches, error));
    *source_out = batches->ahead;
    return HEDDLE_OK;
}

/* ---- reading and committing ---- */

static uint64_t rows_of(const struct heddle_source *source)
{
    return heddle_source_rows_read(source) + heddle_source_rows_rejected(source);
}

uint64_t heddle_micro_batches_part(const struct heddle_micro_batches *batches, uint64_t limit)
{
    const uint64_t per_batch = heddle_stream_rows_per_batch(batches->stream);
    return per_batch > 0 && per_batch < limit ? per_batch : limit;
}

int heddle_micro_batches_read(struct heddle_micro_batches *batches, uint64_t limit,
                              struct heddle_source **source_out, struct heddle_error *error)
{
    batches->part_rows = heddle_micro_batches_part(batches, limit);
    if (batches->ahead != NULL) {
        batches->source = batches->ahead;
        batches->ahead = NULL;
        batches->read_before = 0;
    } else if (batches->source == NULL) {
        struct heddle_checkpoint_batch next;
        heddle_checkpoint_pending(batches->checkpoint, &next);
        const struct heddle_stream_range range = {
            .start = next.start, .end = next.end, .skip = next.rows_done, .limit = batches->part_rows};
        HEDDLE_TRY(heddle_stream_read(batches->stream, &range, &batches->source, error));
        batches->read_before = 0;
    } else {
        batches->read_before = rows_of(batches->source);
        heddle_source_extend(batches->source, batches->part_rows);
    }
    *source_out = batches->source;
    return HEDDLE_OK;
}

int heddle_micro_batches_done(struct heddle_micro_batches *batches, bool *whole_out,
                              struct heddle_error *error)
{
    struct heddle_checkpoint_batch open;
    const uint64_t rows = rows_of(batches->source) - batches->read_before;
    heddle_checkpoint_pending(batches->checkpoint, &open);
    *whole_out = rows < batches->part_rows;
    if (!*whole_out) {
        return heddle_checkpoint_advance(batches->checkpoint, open.rows_done + rows, error);
    }
    heddle_source_close(batches->source);
    batches->source = NULL;
    batches->begun = false;
    return heddle_checkpoint_commit(batches->checkpoint, error);
}
