/* neo4j.c: the Neo4j sink's entries in backend.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "sink/backend.h"
#include "sink/neo4j/clean.h"
#include "sink/neo4j/confirm.h"
#include "sink/neo4j/epoch.h"
#include "sink/neo4j/load.h"
#include "sink/neo4j/marks.h"
#include "sink/neo4j/resume.h"
#include "sink/neo4j/schema.h"
#include "sink/neo4j/search.h"
#include "sink/neo4j/shards.h"
#include "sink/neo4j/verify.h"
#include "sink/neo4j/writer.h"

static void set_login(struct heddle_bolt_options *bolt, const struct heddle_sink_options *options)
{
    bolt->uri = options->to;
    bolt->database = options->database;
    bolt->ca_file = options->ca_file;
    if (options->bearer_token != NULL && options->bearer_token[0] != '\0') {
        bolt->auth = HEDDLE_BOLT_AUTH_BEARER;
        bolt->secret = options->bearer_token;
    } else if (options->username != NULL) {
        bolt->auth = HEDDLE_BOLT_AUTH_BASIC;
        bolt->user = options->username;
        bolt->secret = options->password == NULL ? "" : options->password;
    }
}

static void describe(struct heddle_load *load)
{
    const struct heddle_bolt_version bolt = heddle_bolt_connection_version(load->control);
    bool falls_back = false;
    for (size_t i = 0; i < load->options->target_count; i++) {
        for (size_t j = 0; j < load->options->targets[i].schema_count; j++) {
            falls_back = falls_back || (load->options->targets[i].schema[j].kind == HEDDLE_TARGET_NODE_KEY &&
                                        !load->ability.dialect.key_constraints);
        }
    }
    snprintf(load->description, sizeof load->description, "Neo4j %s %s at %s, Bolt %u.%u%s",
             load->ability.version, load->ability.edition, heddle_bolt_connection_address(load->control),
             bolt.major, bolt.minor,
             falls_back ? " (no key constraints in this edition: uniqueness constraints instead)" : "");
}

static void neo4j_close(void *self)
{
    struct heddle_load *load = self;
    heddle_writers_join(load);
    heddle_heartbeat_stop(load->heartbeat);
    if (!load->failed) {
        heddle_epoch_release(load);
    }
    heddle_load_end(load);
    heddle_plans_destroy(load->plans, load->options->target_count);
    heddle_bolt_close(load->control);
    heddle_bolt_close(load->lookup);
    free(load->nodes_before);
    free(load);
}

/* The server's cores are shared by all shards. */
static size_t writers_of_one(const struct heddle_load *load)
{
    const size_t writers = heddle_ability_writers(&load->ability);
    const size_t shards = load->options->shard.share.count;
    return shards > 1 ? (writers + shards - 1) / shards : writers;
}

static int load_open(struct heddle_load *load, struct heddle_error *error)
{
    const struct heddle_sink_options *options = load->options;
    load->nodes_before = heddle_calloc(options->target_count + 1, sizeof *load->nodes_before);
    if (load->nodes_before == NULL) {
        return heddle_error_out_of_memory(error);
    }
    set_login(&load->bolt, options);
    HEDDLE_TRY(heddle_bolt_open(&load->bolt, &load->control, error));
    HEDDLE_TRY(heddle_ability_learn(load->control, options->database, &load->ability, error));
    HEDDLE_TRY(heddle_plans_create(options, &load->ability.dialect, &load->plans, &load->space_count, error));
    load->writer_max = options->writers > 0 ? options->writers : writers_of_one(load);
    if (load->writer_max > HEDDLE_LOAD_WRITERS_MAX) {
        return heddle_error_set(error, HEDDLE_INVALID, "%zu writers are asked for; 1 to %d are possible",
                                load->writer_max, HEDDLE_LOAD_WRITERS_MAX);
    }
    describe(load);
    return heddle_load_start(load, error);
}

static int neo4j_open(const struct heddle_sink_options *options, void **self_out, struct heddle_error *error)
{
    struct heddle_load *load = heddle_calloc(1, sizeof *load);
    if (load == NULL) {
        return heddle_error_out_of_memory(error);
    }
    load->options = options;
    const int status = load_open(load, error);
    if (status != HEDDLE_OK) {
        neo4j_close(load);
        return status;
    }
    *self_out = load;
    return HEDDLE_OK;
}

static const char *neo4j_description(const void *self)
{
    return ((const struct heddle_load *)self)->description;
}

static int neo4j_prepare(void *self, struct heddle_error *error)
{
    struct heddle_load *load = self;
    const size_t shards = load->options->shard.share.count;
    HEDDLE_TRY(heddle_shards_join(load, error));
    HEDDLE_TRY(heddle_epoch_take(load, error));
    HEDDLE_TRY(heddle_heartbeat_start(load, &load->heartbeat, error));
    HEDDLE_TRY(heddle_schema_prepare(load, error));
    HEDDLE_TRY(heddle_plans_take_roads(load->plans, load->options, &load->ability, load->nodes_before,
                                       load->writer_max * (shards > 1 ? shards : 1), load->epoch > 1, error));
    HEDDLE_TRY(heddle_load_add_streams(load, error));
    return heddle_shards_make_parts(load, error);
}

static int neo4j_meet(void *self, const struct heddle_meeting *meeting, struct heddle_error *error)
{
    return heddle_shards_meet(self, meeting, error);
}

static uint32_t neo4j_epoch(const void *self)
{
    return ((const struct heddle_load *)self)->epoch;
}

static int neo4j_begin(void *self, uint64_t micro_batch, struct heddle_error *error)
{
    return heddle_resume_begin(self, micro_batch, error);
}

static int neo4j_forget(void *self, uint64_t micro_batch, struct heddle_error *error)
{
    return heddle_marks_prune(self, micro_batch, error);
}

static int neo4j_write(void *self, struct heddle_batch *batch, const size_t *targets, size_t target_count,
                       struct heddle_error *error)
{
    struct heddle_load *load = self;
    if (load->thread_count == 0) {
        HEDDLE_TRY(heddle_writers_start(load, error));
    }
    return heddle_load_add(load, batch, targets, target_count, error);
}

static int neo4j_confirm(void *self, const struct heddle_sink_look *look, struct heddle_error *error)
{
    return heddle_confirm_vectors(self, look, error);
}

static int neo4j_flush(void *self, struct heddle_error *error)
{
    return heddle_load_drain(self, error);
}

static int neo4j_finish(void *self, uint64_t *index_ns_out, struct heddle_error *error)
{
    struct heddle_load *load = self;
    const uint64_t start = heddle_clock_ns();
    HEDDLE_TRY(heddle_schema_finish(load, error));
    if (index_ns_out != NULL) {
        *index_ns_out = heddle_clock_ns() - start;
    }
    return heddle_record_store(load, error);
}

static int neo4j_verify(void *self, bool strict, struct heddle_verification *out, struct heddle_error *error)
{
    return heddle_verify_run(self, strict, out, error);
}

static void neo4j_counts(const void *self, size_t target, struct heddle_target_counts *out)
{
    /* The lock is part of what is read here; the caller's view of the load stays constant. */
    struct heddle_load *load = (struct heddle_load *)(uintptr_t)self;
    *out = (struct heddle_target_counts){0};
    if (target >= load->options->target_count) {
        return;
    }
    pthread_mutex_lock(&load->lock);
    *out = load->counts[target];
    pthread_mutex_unlock(&load->lock);
}

/* The first claim that does not hold; with the lock held. */
static void describe_claims(const struct heddle_load *load, struct heddle_sink_progress *out)
{
    for (size_t i = 0; load->window != NULL && i < load->options->target_count; i++) {
        struct heddle_window_claim claim;
        heddle_window_claim_of(load->window, i, &claim);
        if (claim.claimed && !claim.holds) {
            snprintf(out->claim, sizeof out->claim, "%.60s: %s", load->options->targets[i].name, claim.text);
            return;
        }
    }
}

static void neo4j_progress(void *self, struct heddle_sink_progress *out)
{
    struct heddle_load *load = self;
    pthread_mutex_lock(&load->lock);
    *out = load->progress;
    describe_claims(load, out);
    pthread_mutex_unlock(&load->lock);
}

static void neo4j_stop(void *self)
{
    struct heddle_load *load = self;
    pthread_mutex_lock(&load->lock);
    load->stopping = true;
    pthread_cond_broadcast(&load->work_changed);
    pthread_cond_broadcast(&load->room_changed);
    pthread_mutex_unlock(&load->lock);
}

const struct heddle_sink_backend heddle_sink_neo4j = {
    .open = neo4j_open,
    .description = neo4j_description,
    .prepare = neo4j_prepare,
    .epoch = neo4j_epoch,
    .begin = neo4j_begin,
    .forget = neo4j_forget,
    .meet = neo4j_meet,
    .write = neo4j_write,
    .confirm = neo4j_confirm,
    .flush = neo4j_flush,
    .finish = neo4j_finish,
    .verify = neo4j_verify,
    .counts = neo4j_counts,
    .progress = neo4j_progress,
    .stop = neo4j_stop,
    .close = neo4j_close,
    .search_open = heddle_neo4j_search_open,
    .search_describe = heddle_neo4j_search_describe,
    .search_query = heddle_neo4j_search_query,
    .search_close = heddle_neo4j_search_close,
    .clean_open = heddle_neo4j_clean_open,
    .clean_find = heddle_neo4j_clean_find,
    .clean_count = heddle_neo4j_clean_count,
    .clean_count_held = heddle_neo4j_clean_count_held,
    .clean_take = heddle_neo4j_clean_take,
    .clean_delete = heddle_neo4j_clean_delete,
    .clean_forget = heddle_neo4j_clean_forget,
    .clean_close = heddle_neo4j_clean_close,
};
