/* forecast.c: the two readings of every source. */
#include "run/forecast/forecast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cores.h"
#include "base/memory.h"
#include "run/forecast/forecast_target.h"
#include "run/stores.h"
#include "sink/fold.h"
#include "source/source.h"

/* Rows between two calls of `progress`. */
enum { PROGRESS_ROWS = 50000 };

struct work {
    const struct heddle_plan *plan;
    struct heddle_forecast_options options;
    struct heddle_forecast *forecast;
    struct heddle_forecast_count **counts; /* a target */
    struct heddle_stores stores;           /* of the source that is open: it asks for as long as it is read */
};

static int note_unreadable(void *context, const struct heddle_reject *reject, struct heddle_error *error)
{
    struct heddle_forecast_source *source = context;
    (void)reject;
    (void)error;
    source->unreadable++;
    return HEDDLE_OK;
}

static int open_source(struct work *work, size_t index, struct heddle_forecast_source *about,
                       struct heddle_source **source_out, struct heddle_error *error)
{
    const struct heddle_plan_source *planned = &work->plan->sources[index];
    const struct heddle_job_source *job = planned->job;
    struct heddle_source_setting *settings =
        heddle_arena_calloc(work->forecast->arena, job->setting_count + 1, sizeof *settings);
    if (settings == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < job->setting_count; i++) {
        settings[i] = (struct heddle_source_setting){job->settings[i].name, job->settings[i].value};
    }
    about->unreadable = 0;
    struct heddle_source_options options = {
        .name = job->name,
        .type = job->type,
        .path = job->path,
        .columns = planned->columns,
        .column_count = planned->column_count,
        .settings = settings,
        .setting_count = job->setting_count,
        .limit = work->options.limit,
        .rejects = {.add = note_unreadable, .context = about},
    };
    int status = HEDDLE_OK;
    if (work->options.settings != NULL) {
        heddle_stores_fill(work->options.settings, &work->stores);
        options.stores = &work->stores.settings;
        status =
            heddle_stores_resolve(&work->stores, &options.path, &options.type, work->forecast->arena, error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_source_open(&options, source_out, error);
    }
    if (status != HEDDLE_OK) {
        return heddle_error_prefix(error, "source '%s'", job->name);
    }
    return heddle_plan_check_types(work->plan, index, heddle_source_schema(*source_out), error);
}

typedef int (*batch_function)(struct heddle_forecast_count *count, struct heddle_batch *batch,
                              struct heddle_error *error);

static int tell(const struct work *work, const struct heddle_source *source, const char *name,
                unsigned reading, uint64_t rows)
{
    return work->options.progress == NULL ? HEDDLE_OK
                                          : work->options.progress(work->options.context, name, reading, rows,
                                                                   heddle_source_rows_expected(source));
}

/* Every batch of a source to every target of it. */
static int read_all(struct work *work, size_t index, struct heddle_source *source, unsigned reading,
                    batch_function take, struct heddle_error *error)
{
    struct heddle_forecast_source *about = &work->forecast->sources[index];
    uint64_t told = 0;
    about->rows = 0;
    for (;;) {
        struct heddle_batch *batch = NULL;
        int status = heddle_source_next(source, &batch, error);
        if (status == HEDDLE_END) {
            return HEDDLE_OK;
        }
        HEDDLE_TRY(status);
        about->rows += batch->rows;
        for (size_t i = 0; i < work->plan->target_count && status == HEDDLE_OK; i++) {
            if (work->plan->targets[i].source == index) {
                status = take(work->counts[i], batch, error);
            }
        }
        heddle_batch_release(batch);
        if (status == HEDDLE_OK && about->rows - told >= PROGRESS_ROWS) {
            told = about->rows;
            status = tell(work, source, about->name, reading, told);
            if (status != HEDDLE_OK) {
                heddle_error_set(error, status, "stopped on request");
            }
        }
        HEDDLE_TRY(status);
    }
}

static int read_source(struct work *work, size_t index, unsigned reading, batch_function take,
                       struct heddle_error *error)
{
    struct heddle_source *source = NULL;
    int status = open_source(work, index, &work->forecast->sources[index], &source, error);
    if (status == HEDDLE_OK) {
        status = read_all(work, index, source, reading, take, error);
    }
    heddle_source_close(source);
    heddle_stores_close(&work->stores);
    return status;
}

static bool is_used(const struct heddle_plan *plan, size_t source)
{
    for (size_t i = 0; i < plan->target_count; i++) {
        if (plan->targets[i].source == source) {
            return true;
        }
    }
    return false;
}

/* The column of the text that a target embeds, or -1. */
static int text_column_of(const struct heddle_plan *plan, const struct heddle_target *target)
{
    return target->vector_property == NULL
               ? -1
               : (int)plan->sources[target->source].slots[target->vector_slot].column;
}

static int start(struct work *work, struct heddle_error *error)
{
    struct heddle_forecast *forecast = work->forecast;
    const struct heddle_plan *plan = work->plan;
    HEDDLE_TRY(heddle_arena_create(0, &forecast->arena, error));
    forecast->job = plan->job->name;
    forecast->source_count = plan->job->source_count;
    forecast->target_count = plan->target_count;
    forecast->sources =
        heddle_arena_calloc(forecast->arena, forecast->source_count + 1, sizeof *forecast->sources);
    forecast->targets =
        heddle_arena_calloc(forecast->arena, forecast->target_count + 1, sizeof *forecast->targets);
    work->counts = heddle_calloc(plan->target_count + 1, sizeof(struct heddle_forecast_count *));
    if (forecast->sources == NULL || forecast->targets == NULL || work->counts == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < forecast->source_count; i++) {
        const struct heddle_job_source *job = plan->sources[i].job;
        const char *path = job->path == NULL ? "" : heddle_stores_shown(job->path, forecast->arena);
        if (path == NULL) {
            return heddle_error_out_of_memory(error);
        }
        forecast->sources[i] =
            (struct heddle_forecast_source){.name = job->name, .type = job->type, .path = path};
    }
    for (size_t i = 0; i < plan->target_count; i++) {
        HEDDLE_TRY(heddle_forecast_count_create(plan, i, text_column_of(plan, &plan->targets[i]),
                                                &work->options, forecast->arena, &forecast->targets[i],
                                                &work->counts[i], error));
    }
    return HEDDLE_OK;
}

/* A query is the user's own words: what it touches is all that can be known of it. */
static void choose_for_query(struct heddle_forecast_target *target)
{
    const bool known = target->target->touch_count > 0;
    target->road.road = known ? HEDDLE_ROAD_TILES : HEDDLE_ROAD_SERIAL;
    snprintf(target->road.reason, sizeof target->road.reason, "%s",
             known ? "it says what it touches, so writers share no node"
                   : "nobody says what it touches (touches), so it has one writer");
}

static void choose_roads(struct work *work)
{
    for (size_t i = 0; i < work->plan->target_count; i++) {
        struct heddle_forecast_target *target = &work->forecast->targets[i];
        const uint64_t rows = target->rows - target->rejected;
        const struct heddle_road_facts facts = {
            .targets = work->plan->targets,
            .target_count = work->plan->target_count,
            .target = i,
            .rows_expected = target->rows,
            .remembered_rows = HEDDLE_FOLD_IDENTITIES_MAX,
            .chain_locks = true,
            .writers = work->options.writers,
            .batch_rows = target->batch_rows,
            .busiest_share = rows == 0 ? 0 : (double)target->busiest / (double)rows,
        };
        heddle_road_choose(&facts, &target->road);
        if (target->target->kind == HEDDLE_TARGET_QUERY) {
            choose_for_query(target);
        }
    }
    for (size_t i = 0; i < work->plan->target_count; i++) {
        const struct heddle_target *target = &work->plan->targets[i];
        if (target->kind == HEDDLE_TARGET_RELATIONSHIP) {
            heddle_road_join(work->plan->targets, work->plan->target_count, i,
                             &work->forecast->targets[target->start.node].road,
                             &work->forecast->targets[i].road);
        }
    }
}

static int make(struct work *work, struct heddle_error *error)
{
    HEDDLE_TRY(start(work, error));
    for (size_t i = 0; i < work->forecast->source_count; i++) {
        if (is_used(work->plan, i)) {
            HEDDLE_TRY(read_source(work, i, 1, heddle_forecast_count_batch, error));
        }
    }
    for (size_t i = 0; i < work->plan->target_count; i++) {
        HEDDLE_TRY(heddle_forecast_count_deal(work->counts[i], error));
    }
    for (size_t i = 0; i < work->forecast->source_count; i++) {
        if (is_used(work->plan, i)) {
            HEDDLE_TRY(read_source(work, i, 2, heddle_forecast_count_place, error));
        }
    }
    for (size_t i = 0; i < work->plan->target_count; i++) {
        HEDDLE_TRY(heddle_forecast_count_conclude(work->counts[i], error));
    }
    choose_roads(work);
    return HEDDLE_OK;
}

int heddle_forecast_make(const struct heddle_plan *plan, const struct heddle_forecast_options *options,
                         struct heddle_forecast **forecast_out, struct heddle_error *error)
{
    struct work work = {
        .plan = plan, .options = *options, .forecast = heddle_calloc(1, sizeof *work.forecast)};
    if (work.forecast == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (work.options.writers == 0) {
        work.options.writers = heddle_cores();
    }
    const int status = make(&work, error);
    for (size_t i = 0; work.counts != NULL && i < plan->target_count; i++) {
        heddle_forecast_count_destroy(work.counts[i]);
    }
    free(work.counts);
    if (status != HEDDLE_OK) {
        heddle_forecast_destroy(work.forecast);
        return status;
    }
    *forecast_out = work.forecast;
    return HEDDLE_OK;
}

void heddle_forecast_destroy(struct heddle_forecast *forecast)
{
    if (forecast == NULL) {
        return;
    }
    heddle_arena_destroy(forecast->arena);
    free(forecast);
}
