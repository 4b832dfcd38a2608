/* backend.c: the DuckDB sink's life: opened, asked how far it is, stopped, closed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"
#include "sink/duckdb/clean.h"
#include "sink/duckdb/internal.h"

static void sink_close(void *self)
{
    struct heddle_duckdb_sink *sink = self;
    if (sink == NULL) {
        return;
    }
    for (size_t i = 0; sink->states != NULL && i < sink->options.target_count; i++) {
        for (size_t j = 0; j < HEDDLE_DUCKDB_DO_COUNT; j++) {
            heddle_duck_statement_destroy(sink->states[i].statements[j]);
        }
    }
    heddle_duck_statement_destroy(sink->mark);
    free(sink->states);
    heddle_fold_destroy(sink->fold);
    heddle_duck_disconnect(sink->lookup);
    heddle_duck_disconnect(sink->connection);
    heddle_duck_close(sink->duck);
    heddle_arena_destroy(sink->arena);
    free(sink->path);
    free(sink);
}

/* A file that is there is opened at once, so that a wrong one is known before anything starts. One that is not there is
 * made by prepare(): opening writes nothing. */
static int file_learn(struct heddle_duckdb_sink *sink, struct heddle_error *error)
{
    struct stat status;
    if (stat(sink->path, &status) == 0) {
        HEDDLE_TRY(heddle_duckdb_connect(sink->path, false, &sink->duck, &sink->connection, error));
        snprintf(sink->description, sizeof sink->description, "DuckDB %s file %s",
                 heddle_duck_version(sink->duck), sink->path);
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_duckdb_path_check(sink->path, false, error));
    struct heddle_duck *trial = NULL;
    HEDDLE_TRY(heddle_duck_open(&(struct heddle_duck_options){0}, &trial, error));
    snprintf(sink->description, sizeof sink->description, "DuckDB %s file %s (new)",
             heddle_duck_version(trial), sink->path);
    heddle_duck_close(trial);
    return HEDDLE_OK;
}

static int sink_fill(struct heddle_duckdb_sink *sink, const char *path, struct heddle_error *error)
{
    const struct heddle_sink_options *options = &sink->options;
    sink->random = options->seed;
    sink->path = heddle_strdup(path);
    sink->states = heddle_calloc(options->target_count > 0 ? options->target_count : 1, sizeof *sink->states);
    if (sink->path == NULL || sink->states == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_arena_create(0, &sink->arena, error));
    HEDDLE_TRY(heddle_duckdb_layout_build(sink->arena, options->targets, options->target_count, &sink->layout,
                                          error));
    HEDDLE_TRY(heddle_fold_create(options->seed, 0, &sink->fold, error));
    return file_learn(sink, error);
}

/* A file has one process that writes to it. */
static int sink_meet(void *self, const struct heddle_meeting *meeting, struct heddle_error *error)
{
    (void)self;
    (void)meeting;
    (void)error;
    return HEDDLE_OK;
}

static int sink_open(const struct heddle_sink_options *options, void **self_out, struct heddle_error *error)
{
    const char *path = heddle_duckdb_path(options->to);
    if (options->shard.share.count > 0) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "--shard: a DuckDB file is written by one process; load it without --shard, "
                                "or into a Neo4j server");
    }
    if (path == NULL) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "%s names no file: write duckdb:FILE, for example "
                                "duckdb:removals.duckdb",
                                options->to == NULL ? "the target" : options->to);
    }
    struct heddle_duckdb_sink *sink = heddle_calloc(1, sizeof *sink);
    if (sink == NULL) {
        return heddle_error_out_of_memory(error);
    }
    sink->options = *options;
    const int status = sink_fill(sink, path, error);
    if (status != HEDDLE_OK) {
        sink_close(sink);
        return status;
    }
    *self_out = sink;
    return HEDDLE_OK;
}

static const char *sink_description(const void *self)
{
    return ((const struct heddle_duckdb_sink *)self)->description;
}

/* write() answers when its rows are in the file, so nothing is left to wait for. */
static int sink_flush(void *self, struct heddle_error *error)
{
    struct heddle_duckdb_sink *sink = self;
    if (atomic_load(&sink->stopping)) {
        return heddle_error_set(error, HEDDLE_INTERRUPTED, "stopped on request");
    }
    return HEDDLE_OK;
}

static void sink_counts(const void *self, size_t target, struct heddle_target_counts *out)
{
    *out = ((const struct heddle_duckdb_sink *)self)->states[target].counts;
}

static void sink_progress(void *self, struct heddle_sink_progress *out)
{
    struct heddle_duckdb_sink *sink = self;
    *out = (struct heddle_sink_progress){
        .rows_done = atomic_load(&sink->rows_done),
        .transactions = atomic_load(&sink->transactions),
        .bytes_sent = atomic_load(&sink->bytes),
        .wait_ns = atomic_load(&sink->wait_ns),
        .encode_ns = atomic_load(&sink->encode_ns),
        .writers = 1,
        .batch_rows = atomic_load(&sink->batch_rows),
    };
}

static void sink_stop(void *self)
{
    atomic_store(&((struct heddle_duckdb_sink *)self)->stopping, true);
}

const struct heddle_sink_backend heddle_sink_duckdb = {
    .open = sink_open,
    .description = sink_description,
    .prepare = heddle_duckdb_prepare,
    .epoch = heddle_duckdb_epoch,
    .begin = heddle_duckdb_begin,
    .forget = heddle_duckdb_forget,
    .meet = sink_meet,
    .write = heddle_duckdb_write,
    .confirm = heddle_duckdb_confirm,
    .flush = sink_flush,
    .finish = heddle_duckdb_finish,
    .verify = heddle_duckdb_verify,
    .counts = sink_counts,
    .progress = sink_progress,
    .stop = sink_stop,
    .close = sink_close,
    .search_open = heddle_duckdb_search_open,
    .search_describe = heddle_duckdb_search_describe,
    .search_query = heddle_duckdb_search_query,
    .search_close = heddle_duckdb_search_close,
    .clean_open = heddle_duckdb_clean_open,
    .clean_find = heddle_duckdb_clean_find,
    .clean_count = heddle_duckdb_clean_count,
    .clean_count_held = heddle_duckdb_clean_count_held,
    .clean_take = heddle_duckdb_clean_take,
    .clean_delete = heddle_duckdb_clean_delete,
    .clean_forget = heddle_duckdb_clean_forget,
    .clean_close = heddle_duckdb_clean_close,
};
