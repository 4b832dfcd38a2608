/* shards.c: the setting, the stages, and the rejects of rows that nobody could read. */
#include "run/shards.h"

#include <inttypes.h>
#include <string.h>

#include "base/hash.h"

/* The number at `*at`, which is moved behind it; 0 where there is none from 1 to HEDDLE_SHARDS_MAX. */
static size_t number_at(const char **at)
{
    size_t number = 0;
    const char *digits = *at;
    while (**at >= '0' && **at <= '9' && number <= HEDDLE_SHARDS_MAX) {
        number = number * 10 + (size_t)(**at - '0');
        (*at)++;
    }
    return *at == digits || number > HEDDLE_SHARDS_MAX ? 0 : number;
}

int heddle_shard_parse(const char *text, struct heddle_share *share_out, struct heddle_error *error)
{
    const char *at = text;
    const size_t index = number_at(&at);
    const bool parted = *at == '/';
    at += parted ? 1 : 0;
    const size_t count = parted ? number_at(&at) : 0;
    if (index == 0 || count == 0 || index > count || *at != '\0') {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "shard is `%.40s`: write I/N, for example 2/3 for the second of three "
                                "processes (N at most %d)",
                                text, HEDDLE_SHARDS_MAX);
    }
    *share_out = (struct heddle_share){.index = index - 1, .count = count};
    return HEDDLE_OK;
}

int heddle_run_shard_open(struct heddle_run *run, struct heddle_error *error)
{
    const char *text = heddle_run_text(run, HEDDLE_OPTION_SHARD);
    if (text == NULL) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_shard_parse(text, &run->share, error));
    run->share.seed = run->job->content_hash;
    return HEDDLE_OK;
}

static size_t stages_of(const struct heddle_run *run)
{
    return run->plan->pass_count == 0 ? 0 : run->plan->passes[run->plan->pass_count - 1].stage + 1;
}

int heddle_run_shard_check(const struct heddle_run *run, struct heddle_error *error)
{
    for (size_t i = 0; run->share.count > 1 && i < run->job->source_count; i++) {
        if (heddle_job_reads_changes(&run->job->sources[i])) {
            return heddle_error_set(
                error, HEDDLE_INVALID,
                "--shard: the source '%s' reads a change feed, whose versions one process "
                "applies in their order: load it without --shard",
                run->job->sources[i].name);
        }
    }
    if (run->share.count > 1 && run->trigger.kind == HEDDLE_TRIGGER_PROCESSING_TIME && stages_of(run) > 1) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "--shard: this job is loaded in %zu stages (nodes before relationships), and shards wait for "
            "one another between two; with a trigger of processingTime none ever ends: use availableNow, "
            "again and again",
            stages_of(run));
    }
    return HEDDLE_OK;
}

/* What the sources hold, as all shards must see it. */
static const char *fingerprint(struct heddle_run *run)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < run->plan->pass_count; i++) {
        hash = heddle_hash_mix(hash ^ heddle_micro_batches_fingerprint(run->streams[i].batches));
    }
    const int64_t limit = heddle_run_number(run, HEDDLE_OPTION_LIMIT);
    return heddle_arena_format(run->arena, "%016" PRIx64 " %" PRId64, hash, limit);
}

int heddle_run_meet(struct heddle_run *run, size_t stage, bool waits, struct heddle_error *error)
{
    const bool alone = run->share.count < 2;
    if (run->share.count == 0) {
        return HEDDLE_OK;
    }
    const struct heddle_meeting meeting = {
        .stage = stage,
        .through = fingerprint(run),
        .wait_ms = waits && !alone ? (uint32_t)heddle_run_number(run, HEDDLE_OPTION_SHARD_WAIT) : 0,
    };
    if (meeting.through == NULL) {
        return heddle_error_out_of_memory(error);
    }
    return heddle_sink_meet(run->sink, &meeting, error);
}

bool heddle_run_indexes_at_end(const struct heddle_run *run)
{
    const enum heddle_vector_index_when when =
        (enum heddle_vector_index_when)run->options->values[HEDDLE_OPTION_VECTOR_INDEX].number;
    for (size_t i = 0; i < run->plan->target_count; i++) {
        for (size_t j = 0; j < run->plan->targets[i].schema_count; j++) {
            if (run->plan->targets[i].schema[j].kind == HEDDLE_TARGET_VECTOR_INDEX) {
                return when == HEDDLE_VECTOR_INDEX_AUTO || when == HEDDLE_VECTOR_INDEX_AFTER;
            }
        }
    }
    return false;
}

int heddle_run_shard_reject(void *context, const struct heddle_reject *reject, struct heddle_error *error)
{
    const struct heddle_run *run = context;
    if (reject->batch == NULL && !heddle_share_has_place(&run->share, reject->file, reject->ordinal)) {
        return HEDDLE_OK;
    }
    return heddle_rejects_add(run->rejects, reject, error);
}
