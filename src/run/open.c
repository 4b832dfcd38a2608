/* open.c: everything that can be checked before a database is touched: job, sources, models, settings. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "run/checkpoint/fresh.h"
#include "run/checkpoint/place.h"
#include "run/models/model_open.h"
#include "run/shards.h"
#include "run/state.h"
#include "sink/stamp.h"

int64_t heddle_run_number(const struct heddle_run *run, enum heddle_option_id id)
{
    const struct heddle_option_value *value = &run->options->values[id];
    return value->text == NULL || strcmp(value->text, "auto") == 0 ? 0 : value->number;
}

const char *heddle_run_text(const struct heddle_run *run, enum heddle_option_id id)
{
    const char *text = run->options->values[id].text;
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static int open_model(struct heddle_run *run, const char *name, const struct heddle_run_model **model_out,
                      struct heddle_error *error)
{
    for (size_t i = 0; i < run->model_count; i++) {
        if (strcmp(run->models[i].name, name) == 0) {
            *model_out = &run->models[i];
            return HEDDLE_OK;
        }
    }
    const char *place = heddle_run_text(run, HEDDLE_OPTION_MODEL);
    struct heddle_run_model *model = &run->models[run->model_count];
    HEDDLE_TRY(heddle_model_open(run->options, place == NULL ? name : place, HEDDLE_MODEL_FOR_DOCUMENTS,
                                 run->arena, &model->embedder, error));
    model->name = name;
    run->model_count++;
    *model_out = model;
    return heddle_text_cache_create(heddle_embedder_dimensions(model->embedder), &model->cache, error);
}

static int open_models(struct heddle_run *run, struct heddle_error *error)
{
    size_t slots = 0;
    for (size_t i = 0; i < run->job->source_count; i++) {
        slots += run->plan->sources[i].slot_count;
    }
    run->models = heddle_arena_calloc(run->arena, slots, sizeof *run->models);
    if (run->models == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < run->job->source_count; i++) {
        const struct heddle_plan_source *planned = &run->plan->sources[i];
        run->sources[i].slots =
            heddle_arena_calloc(run->arena, planned->slot_count, sizeof(struct heddle_embedding_slot));
        if (run->sources[i].slots == NULL) {
            return heddle_error_out_of_memory(error);
        }
        for (size_t j = 0; j < planned->slot_count; j++) {
            struct heddle_embedding_slot *slot = &run->sources[i].slots[j];
            slot->column = planned->slots[j].column;
            const struct heddle_run_model *model = NULL;
            HEDDLE_TRY(open_model(run, planned->slots[j].model, &model, error));
            slot->embedder = model->embedder;
            slot->cache = model->cache;
            HEDDLE_TRY(heddle_plan_set_dimensions(
                run->plan, i, j, (uint32_t)heddle_embedder_dimensions(slot->embedder), error));
        }
    }
    return HEDDLE_OK;
}

/* Where the checkpoint lies, and what of it lies on this machine: all of it, or what must be appended to. */
static int open_depot(struct heddle_run *run, const char *place, struct heddle_error *error)
{
    heddle_stores_fill(run->options, &run->stores);
    HEDDLE_TRY(heddle_depot_open(place, &run->stores.settings, &run->depot, error));
    run->folder = heddle_depot_place(run->depot);
    if (heddle_depot_appends(run->depot)) {
        run->local = run->folder;
        return HEDDLE_OK;
    }
    const uint64_t hash = heddle_hash_bytes(run->folder, strlen(run->folder), 0);
    run->local = heddle_arena_format(run->arena, ".heddle/%s.%08llx", run->job->name,
                                     (unsigned long long)(hash >> 32));
    return run->local != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

/* Which load this is, and that this run alone has its checkpoint. */
static int open_claim(struct heddle_run *run, struct heddle_error *error)
{
    const char *place = heddle_checkpoint_place(run->options, run->job->name, run->arena);
    uint64_t identity = run->job->content_hash;
    for (size_t i = 0; i < run->job->source_count; i++) {
        const char *path = run->job->sources[i].path;
        identity = heddle_hash_bytes(path, path == NULL ? 0 : strlen(path), identity);
    }
    const char *given = heddle_run_text(run, HEDDLE_OPTION_LOAD_ID);
    run->group = given != NULL && strcmp(given, "auto") != 0
                     ? given
                     : heddle_arena_format(run->arena, "%016llx", (unsigned long long)identity);
    run->receipt.load_id = run->group;
    if (place != NULL && run->group != NULL && run->share.count > 0) {
        const size_t number = run->share.index + 1;
        const size_t count = run->share.count;
        run->receipt.load_id = heddle_arena_format(run->arena, "%s.%zuof%zu", run->group, number, count);
        place = heddle_arena_format(run->arena, "%s/shard-%zu-of-%zu", place, number, count);
    }
    if (place == NULL || run->receipt.load_id == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (given != NULL) {
        HEDDLE_TRY(heddle_stamp_check_id(run->receipt.load_id, error));
        /* All shards stamp alike: what they made is one load's, to be taken back as one. */
        HEDDLE_TRY(heddle_stamp_targets(run->plan->targets, run->plan->target_count, run->group, error));
    }
    HEDDLE_TRY(open_depot(run, place, error));
    const bool fresh = run->options->values[HEDDLE_OPTION_FRESH].number != 0;
    HEDDLE_TRY(heddle_claim_open(run->depot, run->folder, run->receipt.load_id, fresh, &run->claim, error));
    return fresh && run->local != run->folder ? heddle_fresh(NULL, run->local, error) : HEDDLE_OK;
}

/* Vectors of one load are all of one precision: what "auto" meant to its first run, it means to all. */
static int settle_precision(struct heddle_run *run, struct heddle_error *error)
{
    const char *decided = heddle_claim_precision(run->claim);
    const char *asked = heddle_run_text(run, HEDDLE_OPTION_PRECISION);
    if (decided == NULL || decided[0] == '\0' || (asked != NULL && strcmp(asked, "auto") != 0)) {
        return HEDDLE_OK;
    }
    run->settled = *run->options;
    run->options = &run->settled;
    return heddle_options_set(&run->settled, HEDDLE_OPTION_PRECISION, decided, HEDDLE_ORIGIN_FLAG,
                              "the checkpoint", error);
}

static int open_rejects(struct heddle_run *run, struct heddle_error *error)
{
    size_t runs = 0;
    const char *folder = heddle_arena_format(run->arena, "%s/rejects", run->local);
    const struct heddle_rejects_away away = {
        .depot = run->depot, .folder = heddle_arena_format(run->arena, "%s/rejects", run->folder)};
    const struct heddle_reject_limit limit =
        heddle_reject_limit_of(&run->options->values[HEDDLE_OPTION_REJECT_LIMIT]);
    if (folder == NULL || away.folder == NULL) {
        return heddle_error_out_of_memory(error);
    }
    (void)heddle_claim_known(run->claim, &runs);
    const bool fresh = run->options->values[HEDDLE_OPTION_FRESH].number != 0;
    return heddle_rejects_open(folder, run->receipt.load_id,
                               runs > 0 && !fresh ? HEDDLE_REJECTS_GO_ON : HEDDLE_REJECTS_ANEW,
                               run->local != run->folder ? &away : NULL, &limit, &run->rejects, error);
}

/* Whose the kept vectors are: every model, with what decides about its vectors. */
static const char *vectors_identity(const struct heddle_run *run)
{
    const char *text = "";
    for (size_t i = 0; text != NULL && i < run->model_count; i++) {
        struct heddle_embedder_info info;
        heddle_embedder_describe(run->models[i].embedder, &info);
        text = heddle_arena_format(run->arena, "%s%s %s %s %s %zu '%s'; ", text, run->models[i].name,
                                   info.name, info.provider, info.precision, info.dimensions, info.prompt);
    }
    return text;
}

static int open_recorder(struct heddle_run *run, struct heddle_error *error)
{
    const char *keep = heddle_run_text(run, HEDDLE_OPTION_KEEP_VECTORS);
    const struct heddle_recorder_options options = {
        .depot = run->depot,
        .folder = run->folder,
        .local = run->local,
        .load = run->receipt.load_id,
        .rejects = run->rejects,
        .embeds = run->model_count > 0,
        .keep_vectors = keep == NULL || strcmp(keep, "off") != 0,
        .vectors = vectors_identity(run),
    };
    if (options.vectors == NULL) {
        return heddle_error_out_of_memory(error);
    }
    return heddle_recorder_open(&options, &run->recorder, error);
}

static int fill(struct heddle_run *run, struct heddle_error *error)
{
    if (heddle_options_uri(run->options) == NULL) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "no target given: use --to neo4j://HOST, --to duckdb:FILE, --env-file FILE, or set "
            "NEO4J_URI");
    }
    HEDDLE_TRY(heddle_run_shard_open(run, error));
    HEDDLE_TRY(run->share.count > 1 ? heddle_plan_create_for_shards(run->job, &run->plan, error)
                                    : heddle_plan_create(run->job, &run->plan, error));
    run->sources = heddle_arena_calloc(run->arena, run->job->source_count, sizeof *run->sources);
    if (run->sources == NULL) {
        return heddle_error_out_of_memory(error);
    }
    run->embed_threads = heddle_embed_threads(run->options);
    HEDDLE_TRY(open_claim(run, error));
    HEDDLE_TRY(settle_precision(run, error));
    HEDDLE_TRY(open_rejects(run, error));
    heddle_rejects_follow(run->rejects, &run->counters.rows_read);
    HEDDLE_TRY(heddle_run_open_streams(run, error));
    HEDDLE_TRY(heddle_run_shard_check(run, error));
    HEDDLE_TRY(heddle_tally_open(run, error));
    HEDDLE_TRY(open_models(run, error));
    return open_recorder(run, error);
}

int heddle_run_open(const struct heddle_job *job, const struct heddle_options *options,
                    struct heddle_run **run_out, struct heddle_error *error)
{
    struct heddle_run *run = heddle_calloc(1, sizeof *run);
    if (run == NULL) {
        return heddle_error_out_of_memory(error);
    }
    pthread_mutex_init(&run->lock, NULL);
    pthread_cond_init(&run->stopped, NULL);
    run->job = job;
    run->options = options;
    int status = heddle_arena_create(0, &run->arena, error);
    if (status == HEDDLE_OK) {
        status = fill(run, error);
    }
    if (status != HEDDLE_OK) {
        heddle_run_close(run);
        return status;
    }
    *run_out = run;
    return HEDDLE_OK;
}

void heddle_run_close(struct heddle_run *run)
{
    if (run == NULL) {
        return;
    }
    heddle_sink_close(run->sink); /* first: it holds batches, whose schema belongs to the sources */
    heddle_recorder_close(run->recorder);
    if (run->plan != NULL) {
        heddle_run_close_streams(run);
    }
    for (size_t i = 0; i < run->model_count; i++) {
        heddle_text_cache_destroy(run->models[i].cache);
        heddle_embedder_close(run->models[i].embedder);
    }
    heddle_rejects_close(run->rejects);
    heddle_claim_close(run->claim);
    heddle_depot_close(run->depot);
    heddle_plan_destroy(run->plan);
    heddle_arena_destroy(run->arena);
    pthread_cond_destroy(&run->stopped);
    pthread_mutex_destroy(&run->lock);
    free(run);
}
