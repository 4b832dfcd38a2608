/* embed_file.c: the pipeline of a load with a file behind it.
 *
 * The writer of Parquet pulls batches, the pipeline pushes them: a thread runs the pipeline and a short queue joins the two.
 */
#include "run/embedding/embed_file.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/lane_queue.h"
#include "run/pipeline.h"
#include "run/embedding/text_column.h"
#include "source/export/export.h"

enum {
    BATCH_ROWS = 256, /* embedding takes milliseconds a row: short batches spread evenly over threads */
    READY_BATCHES = 4,
};

/* Rejects need a target's name; here it is the file's name that they are kept under. */
static const char target[] = "embed";

struct work {
    const struct heddle_embed_file_options *options;
    struct heddle_arena *arena;
    const char *in; /* as it may be shown */
    struct heddle_source *source;
    struct heddle_rejects *rejects;
    struct heddle_schema schema; /* of the output: the input's fields and the vector */
    size_t column;               /* of the text */
    struct heddle_text_cache *cache;
    struct heddle_pipeline pipeline;
    struct heddle_pipeline_counters counters;
    struct heddle_lane_queue *ready; /* batches for the writer */
    int status;                      /* of the pipeline, to be read once `ready` is closed */
    struct heddle_error error;
};

/* ---- what is asked for ---- */

static int make_schema(struct work *work, struct heddle_error *error)
{
    const struct heddle_schema *schema = heddle_source_schema(work->source);
    const char *as = work->options->as;
    if (heddle_schema_find(schema, as) >= 0) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "%s has a column '%s' already: name the vectors with --as NAME", work->in,
                                as);
    }
    struct heddle_field *fields = heddle_arena_calloc(work->arena, schema->count + 1, sizeof *fields);
    if (fields == NULL) {
        return heddle_error_out_of_memory(error);
    }
    memcpy(fields, schema->fields, schema->count * sizeof *fields);
    fields[schema->count] =
        (struct heddle_field){.name = as,
                              .type = HEDDLE_TYPE_VECTOR,
                              .width = (uint32_t)heddle_embedder_dimensions(work->options->embedder)};
    work->schema = (struct heddle_schema){fields, schema->count + 1};
    return HEDDLE_OK;
}

static int check_format(const struct heddle_embed_file_options *options, struct heddle_error *error)
{
    const char *format = options->format == NULL ? heddle_source_guess_type(options->out) : options->format;
    if (format != NULL && (strcmp(format, "parquet") == 0 || strcmp(format, "jsonl") == 0)) {
        return HEDDLE_OK;
    }
    return heddle_error_set(
        error, HEDDLE_INVALID,
        "vectors go into Parquet or JSON lines: end %s in .parquet or .jsonl, or use --format", options->out);
}

/* ---- from the pipeline to the writer ---- */

static int reject_failures(struct work *work, struct heddle_batch *batch, struct heddle_error *error)
{
    const char *const *reasons = batch->failures[0];
    for (size_t row = 0; reasons != NULL && row < batch->rows; row++) {
        if (reasons[row] != NULL) {
            const struct heddle_reject reject = {.target = target,
                                                 .batch = batch,
                                                 .row = row,
                                                 .stage = HEDDLE_STAGE_EMBED,
                                                 .code = "EMBED_FAILED",
                                                 .reason = reasons[row]};
            HEDDLE_TRY(heddle_rejects_add(work->rejects, &reject, error));
        }
    }
    return HEDDLE_OK;
}

static int take(void *context, struct heddle_batch *batch, struct heddle_error *error)
{
    struct work *work = context;
    const size_t count = work->schema.count;
    HEDDLE_TRY(reject_failures(work, batch, error));
    struct heddle_column *columns = heddle_arena_calloc(batch->arena, count, sizeof *columns);
    if (columns == NULL) {
        return heddle_error_out_of_memory(error);
    }
    memcpy(columns, batch->columns, (count - 1) * sizeof *columns);
    columns[count - 1] = batch->vectors[0];
    batch->columns = columns;
    batch->schema = &work->schema;
    heddle_batch_retain(batch);
    if (heddle_lane_queue_push(work->ready, batch) != HEDDLE_OK) {
        heddle_batch_release(batch);
        return heddle_error_set(error, HEDDLE_CLOSED, "the writer has stopped");
    }
    return HEDDLE_OK;
}

static void *run_pipeline(void *argument)
{
    struct work *work = argument;
    work->status = heddle_pipeline_run(&work->pipeline, &work->error);
    heddle_lane_queue_close(work->ready);
    return NULL;
}

/* What the writer asks for. */
static int next(void *context, struct heddle_batch **batch_out, struct heddle_error *error)
{
    struct work *work = context;
    void *batch = NULL;
    if (heddle_lane_queue_pop(work->ready, &batch) == HEDDLE_OK) {
        *batch_out = batch;
        return HEDDLE_OK;
    }
    if (work->status == HEDDLE_OK) {
        return HEDDLE_END;
    }
    if (error != NULL) {
        *error = work->error;
    }
    return work->status;
}

static int tell(void *context, uint64_t rows)
{
    const struct work *work = context;
    const struct heddle_embed_file_options *options = work->options;
    return options->progress == NULL
               ? HEDDLE_OK
               : options->progress(options->context, rows, heddle_source_rows_expected(work->source));
}

static int export(struct work *work, struct heddle_embed_file_result *result, struct heddle_error *error)
{
    const struct heddle_export_stream stream = {&work->schema, next, work};
    const struct heddle_export_options options = {
        .path = work->options->out, .format = work->options->format, .progress = tell, .context = work};
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_pipeline, work) != 0) {
        return heddle_error_set(error, HEDDLE_OUT_OF_MEMORY, "cannot start a thread to embed with");
    }
    const int status = heddle_export(&stream, &options, &result->rows, error);
    heddle_lane_queue_close(work->ready); /* where the writer failed, the pipeline must not wait for it */
    pthread_join(thread, NULL);
    void *left = NULL;
    while (heddle_lane_queue_pop(work->ready, &left) == HEDDLE_OK) {
        heddle_batch_release(left);
    }
    result->embedded = work->pipeline.embedded;
    result->embed_cpu_seconds = (double)atomic_load(&work->counters.embed_cpu_ns) / 1e9;
    return status;
}

/* ---- the whole ---- */

static int open_all(struct work *work, struct heddle_error *error)
{
    const struct heddle_embed_file_options *options = work->options;
    HEDDLE_TRY(check_format(options, error));
    HEDDLE_TRY(heddle_arena_create(0, &work->arena, error));
    work->in = heddle_stores_shown(options->in, work->arena);
    if (work->in == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_rejects_open(options->rejects_folder, "", HEDDLE_REJECTS_ANEW, NULL,
                                   &options->reject_limit, &work->rejects, error));
    struct heddle_source_options source = {
        .name = work->in,
        .type = options->type,
        .path = options->in,
        .limit = options->limit,
        .batch_rows = BATCH_ROWS,
        .rejects = {.add = heddle_rejects_add, .context = work->rejects},
    };
    HEDDLE_TRY(heddle_stores_find(options->stores, &source, work->arena, error));
    HEDDLE_TRY(heddle_source_open(&source, &work->source, error));
    HEDDLE_TRY(heddle_text_column_find(heddle_source_schema(work->source), work->in, options->column,
                                       &work->column, error));
    HEDDLE_TRY(make_schema(work, error));
    const int64_t expected = heddle_source_rows_expected(work->source);
    heddle_rejects_expect(work->rejects, expected > 0 ? (uint64_t)expected : 0);
    heddle_rejects_follow(work->rejects, &work->counters.rows_read);
    HEDDLE_TRY(heddle_text_cache_create(heddle_embedder_dimensions(options->embedder), &work->cache, error));
    return heddle_lane_queue_create(READY_BATCHES, &work->ready, error);
}

static int embed_all(struct work *work, struct heddle_embed_file_result *result, struct heddle_error *error)
{
    HEDDLE_TRY(open_all(work, error));
    const struct heddle_embedding_slot slot = {work->column, work->options->embedder, work->cache};
    work->pipeline = (struct heddle_pipeline){
        .source = work->source,
        .slots = &slot,
        .slot_count = 1,
        .threads = work->options->threads,
        .outlet = {.take = take, .context = work},
        .stop = work->options->stop,
        .counters = &work->counters,
    };
    HEDDLE_TRY(export(work, result, error));
    return heddle_rejects_finish(work->rejects, error);
}

int heddle_embed_file(const struct heddle_embed_file_options *options,
                      struct heddle_embed_file_result *result_out, struct heddle_error *error)
{
    const uint64_t start = heddle_clock_ns();
    struct work work = {.options = options};
    *result_out = (struct heddle_embed_file_result){0};
    const int status = embed_all(&work, result_out, error);
    if (work.rejects != NULL) {
        result_out->rejected = heddle_rejects_count(work.rejects);
    }
    heddle_lane_queue_destroy(work.ready);
    heddle_text_cache_destroy(work.cache);
    heddle_source_close(work.source);
    heddle_rejects_close(work.rejects);
    heddle_arena_destroy(work.arena);
    result_out->seconds = (double)(heddle_clock_ns() - start) / 1e9;
    return status;
}
