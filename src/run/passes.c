/* passes.c: the passes of a load, micro-batch by micro-batch. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "run/shards.h"
#include "run/state.h"

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

static void add_time(struct heddle_receipt_time *time, uint64_t wall_ns, uint64_t cpu_ns)
{
    time->wall += seconds(wall_ns);
    time->cpu += seconds(cpu_ns);
}

/* ---- one micro-batch ---- */

static int write_to_sink(void *context, struct heddle_batch *batch, struct heddle_error *error)
{
    const struct heddle_run_unit *unit = context;
    const struct heddle_plan_pass *pass = &unit->run->plan->passes[unit->pass];
    if (batch->change == HEDDLE_CHANGE_REMOVE) {
        return heddle_sink_write(unit->run->sink, batch, pass->removals, pass->removal_count, error);
    }
    return heddle_sink_write(unit->run->sink, batch, pass->targets, pass->target_count, error);
}

static void read_ahead(struct heddle_run *run, size_t index);

/* The sink has all rows of the micro-batch: while it waits for the last commits, those of the next one are read and embedded. */
static int flush_sink(void *context, struct heddle_error *error)
{
    const struct heddle_run_unit *unit = context;
    read_ahead(unit->run, unit->pass);
    return heddle_sink_flush(unit->run->sink, error);
}

uint64_t heddle_run_unit(const struct heddle_run *run)
{
    uint64_t units = 0;
    for (size_t i = 0; i < run->plan->pass_count; i++) {
        units += heddle_micro_batches_units(run->streams[i].batches);
    }
    return units;
}

/* Rows that a run with a limit may still read of this pass. */
static uint64_t limit_left(const struct heddle_run *run, const struct heddle_run_stream *stream)
{
    const int64_t limit = heddle_run_number(run, HEDDLE_OPTION_LIMIT);
    if (limit <= 0) {
        return UINT64_MAX;
    }
    return (uint64_t)limit > stream->rows ? (uint64_t)limit - stream->rows : 0;
}

/* An earlier run may have written rows of this micro-batch that lie beyond this run's part of it: then its end would forget them. */
static int check_limit(const struct heddle_run *run, const struct heddle_plan_pass *pass, uint64_t limit,
                       struct heddle_error *error)
{
    enum { ROWS_LOOKED_AT = 1 << 20 };
    const struct heddle_ledger *ledger = heddle_recorder_ledger(run->recorder);
    uint8_t *fates = limit == UINT64_MAX ? NULL : heddle_calloc(ROWS_LOOKED_AT, sizeof *fates);
    size_t beyond = 0;
    if (limit == UINT64_MAX) {
        return HEDDLE_OK;
    }
    if (fates == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < pass->target_count; i++) {
        beyond += ledger->recall(ledger->context, pass->targets[i], limit, ROWS_LOOKED_AT, fates);
    }
    free(fates);
    if (beyond > 0) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "the last run was cut short after it had written rows beyond the first %" PRIu64
            ": go on without --limit and with no smaller maxRowsPerBatch, or with those of that run",
            limit);
    }
    return HEDDLE_OK;
}

/* The offsets of the micro-batch are on disk: its record is opened, and what an earlier run left of it is settled with the
 * database; from here on its rows may be written. */
static int micro_batch_begin(struct heddle_run *run, size_t index, uint64_t limit,
                             struct heddle_source **source_out, struct heddle_error *error)
{
    run->unit = heddle_run_unit(run);
    HEDDLE_TRY(heddle_claim_check(run->claim, error));
    HEDDLE_TRY(heddle_recorder_begin(run->recorder, run->unit, heddle_sink_epoch(run->sink), error));
    heddle_tally_begin(run);
    HEDDLE_TRY(heddle_sink_begin(run->sink, run->unit, error));
    struct heddle_micro_batches *batches = run->streams[index].batches;
    HEDDLE_TRY(check_limit(run, &run->plan->passes[index], heddle_micro_batches_part(batches, limit), error));
    return heddle_micro_batches_read(batches, limit, source_out, error);
}

/* All its rows are in the graph, or rejected: it is committed; then its record may go, and its marks. */
static int micro_batch_end(struct heddle_run *run, size_t index, uint64_t rows, uint64_t unreadable,
                           struct heddle_error *error)
{
    bool whole = false;
    const bool is_first = run->streams[index].is_first;
    HEDDLE_TRY(heddle_claim_check(run->claim, error));
    HEDDLE_TRY(heddle_rejects_end(run->rejects, error));
    HEDDLE_TRY(heddle_tally_write(run, is_first ? rows : 0, is_first ? unreadable : 0, error));
    HEDDLE_TRY(heddle_micro_batches_done(run->streams[index].batches, &whole, error));
    heddle_tally_done(run);
    HEDDLE_TRY(heddle_recorder_end(run->recorder, error));
    HEDDLE_TRY(heddle_sink_forget(run->sink, run->unit, error));
    run->receipt.micro_batches++;
    return HEDDLE_OK;
}

static uint64_t rows_of(const struct heddle_source *source)
{
    return heddle_source_rows_read(source) + heddle_source_rows_rejected(source);
}

static int confirm_vectors(void *context, const struct heddle_sink_look *look, struct heddle_error *error)
{
    return heddle_sink_confirm_vectors(context, look, error);
}

static int changes_open(struct heddle_run *run, const struct heddle_pipeline *pipeline, size_t index,
                        struct heddle_changes **changes_out, struct heddle_error *error)
{
    const struct heddle_plan_pass *pass = &run->plan->passes[index];
    const struct heddle_changes_options options = {
        .plan = run->plan,
        .pass = pass,
        .slots = pipeline->slots,
        .slot_count = pipeline->slot_count,
        .seed = run->job->content_hash,
        .confirm = confirm_vectors,
        .context = run->sink,
    };
    *changes_out = NULL;
    return heddle_job_reads_changes(run->plan->sources[pass->source].job)
               ? heddle_changes_create(&options, changes_out, error)
               : HEDDLE_OK;
}

/* Rows that went, of each target, and texts that stayed. */
static void changes_account(struct heddle_run *run, size_t index, const struct heddle_changes *changes)
{
    const struct heddle_plan_pass *pass = &run->plan->passes[index];
    for (size_t i = 0; changes != NULL && i < pass->target_count; i++) {
        run->receipt.targets[pass->targets[i]].rows_offered +=
            heddle_changes_removals(changes, pass->targets[i]);
    }
    run->receipt.texts_unchanged += changes != NULL ? heddle_changes_kept(changes) : 0;
}

/* What reads and embeds the rows of a micro-batch of a pass. */
static int unit_fill(struct heddle_run *run, size_t index, struct heddle_source *source,
                     const struct heddle_embedding_memory *memory, struct heddle_run_unit *unit,
                     struct heddle_error *error)
{
    const struct heddle_plan_pass *pass = &run->plan->passes[index];
    *unit = (struct heddle_run_unit){.run = run, .pass = index, .source = source, .memory = *memory};
    unit->pipeline = (struct heddle_pipeline){
        .source = source,
        .slots = run->sources[pass->source].slots,
        .slot_count = pass->embeds ? run->plan->sources[pass->source].slot_count : 0,
        .threads = run->embed_threads,
        .memory = &unit->memory,
        .outlet = {.take = write_to_sink, .flush = flush_sink, .context = unit},
        .stop = &run->stop,
        .counters = &run->counters,
    };
    HEDDLE_TRY(changes_open(run, &unit->pipeline, index, &unit->changes, error));
    unit->pipeline.changes = unit->changes;
    return HEDDLE_OK;
}

static void changes_close(struct heddle_run_unit *unit)
{
    heddle_changes_destroy(unit->changes);
    unit->changes = NULL;
}

/* What need not be embedded of a micro-batch: of the one at hand, or of the one behind it, which nobody has begun. */
static int unit_memory(struct heddle_run *run, size_t index, bool ahead,
                       struct heddle_embedding_memory *memory, struct heddle_error *error)
{
    const struct heddle_plan_pass *pass = &run->plan->passes[index];
    *memory = heddle_recorder_memory(run->recorder, run->plan->targets, pass->targets, pass->target_count);
    memory->share = &run->share;
    if (ahead) {
        memory->ledger = NULL;
        return heddle_recorder_ahead(run->recorder, run->unit + 1, &memory->kept, error);
    }
    return HEDDLE_OK;
}

/* Begins to read and embed the micro-batch behind the one at hand. Nothing of it is sent, or noted as begun: that waits for the
 * commit of this one. What fails here is told when its turn has come. A run with a limit reads no more than it must. */
static void read_ahead(struct heddle_run *run, size_t index)
{
    struct heddle_run_stream *stream = &run->streams[index];
    struct heddle_run_unit *unit = &run->units[(run->unit + 1) % 2];
    struct heddle_embedding_memory memory;
    struct heddle_source *source = NULL;
    if (heddle_run_number(run, HEDDLE_OPTION_LIMIT) > 0 ||
        heddle_micro_batches_ahead(stream->batches, &source, NULL) != HEDDLE_OK ||
        unit_memory(run, index, true, &memory, NULL) != HEDDLE_OK ||
        unit_fill(run, index, source, &memory, unit, NULL) != HEDDLE_OK) {
        return;
    }
    heddle_gate_set(&stream->gate, HEDDLE_GATE_SHUT);
    if (heddle_pipeline_start(&unit->pipeline, &unit->running, NULL) != HEDDLE_OK) {
        unit->running = NULL;
        changes_close(unit);
        heddle_gate_set(&stream->gate, HEDDLE_GATE_OPEN);
    }
}

/* What was read ahead of a micro-batch that will not begin is dropped. */
static void drop_ahead(struct heddle_run *run, size_t index)
{
    heddle_gate_set(&run->streams[index].gate, HEDDLE_GATE_GONE);
    for (size_t i = 0; i < sizeof run->units / sizeof run->units[0]; i++) {
        heddle_pipeline_abandon(run->units[i].running);
        run->units[i].running = NULL;
        changes_close(&run->units[i]);
    }
    heddle_gate_set(&run->streams[index].gate, HEDDLE_GATE_OPEN);
}

/* Its rows go to the sink, those that were read ahead first. *unreadable_out: its rows that could not be read. */
static int unit_run(struct heddle_run *run, size_t index, struct heddle_source *source,
                    uint64_t *unreadable_out, struct heddle_error *error)
{
    struct heddle_run_stream *stream = &run->streams[index];
    struct heddle_run_unit *unit = &run->units[run->unit % 2];
    const bool ahead = unit->running != NULL;
    const uint64_t rows = ahead ? 0 : rows_of(source);
    const uint64_t unreadable = ahead ? 0 : heddle_source_rows_rejected(source);
    heddle_gate_set(&stream->gate, HEDDLE_GATE_OPEN);
    if (!ahead) {
        struct heddle_embedding_memory memory;
        HEDDLE_TRY(unit_memory(run, index, false, &memory, error));
        HEDDLE_TRY(unit_fill(run, index, source, &memory, unit, error));
        HEDDLE_TRY(heddle_pipeline_start(&unit->pipeline, &unit->running, error));
    }
    const int status = heddle_pipeline_finish(unit->running, error);
    unit->running = NULL;
    changes_account(run, index, unit->changes);
    changes_close(unit);
    *unreadable_out = heddle_source_rows_rejected(source) - unreadable;
    stream->rows += rows_of(source) - rows;
    stream->unreadable += *unreadable_out;
    heddle_embed_statistics_add(&run->receipt.embedded, &unit->pipeline.embedded);
    return status;
}

static int micro_batch_run(struct heddle_run *run, size_t index, struct heddle_error *error)
{
    struct heddle_source *source = NULL;
    uint64_t unreadable = 0;
    HEDDLE_TRY(micro_batch_begin(run, index, limit_left(run, &run->streams[index]), &source, error));
    HEDDLE_TRY(unit_run(run, index, source, &unreadable, error));
    return micro_batch_end(run, index, run->units[run->unit % 2].pipeline.rows, unreadable, error);
}

/* ---- one pass ---- */

/* Rows that a pass will read, -1 = not known. */
static int64_t pass_rows(const struct heddle_run *run, size_t index)
{
    const struct heddle_run_stream *stream = &run->streams[index];
    const uint64_t limit = limit_left(run, stream);
    const int64_t expected = heddle_micro_batches_rows_expected(stream->batches);
    return expected >= 0 && (uint64_t)expected > limit ? (int64_t)limit : expected;
}

void heddle_run_expect_rows(struct heddle_run *run)
{
    for (size_t i = 0; i < run->plan->pass_count; i++) {
        const struct heddle_plan_pass *pass = &run->plan->passes[i];
        const int64_t rows = pass_rows(run, i);
        for (size_t j = 0; j < pass->target_count; j++) {
            /* A run that waits for more has no end. */
            const bool known = rows > 0 && run->trigger.kind != HEDDLE_TRIGGER_PROCESSING_TIME;
            run->plan->targets[pass->targets[j]].rows_expected = known ? (uint64_t)rows : 0;
        }
    }
}

static void pass_start(struct heddle_run *run, size_t index)
{
    struct heddle_run_stream *stream = &run->streams[index];
    const int64_t expected = pass_rows(run, index);
    heddle_pipeline_counters_reset(&run->counters);
    stream->unreadable = 0;
    atomic_store(&run->pass, index + 1);
    atomic_store(&run->rows_expected, expected);
    atomic_store(&run->pass_embeds, run->plan->passes[index].embeds);
    atomic_store(&run->pass_start_ns, heddle_clock_ns());
    if (expected > 0) {
        heddle_rejects_expect(run->rejects, (uint64_t)expected);
    }
}

/* Adds what a pass did to the receipt. */
static void pass_account(struct heddle_run *run, size_t index)
{
    const struct heddle_plan_pass *pass = &run->plan->passes[index];
    const struct heddle_run_stream *stream = &run->streams[index];
    struct heddle_receipt *receipt = &run->receipt;
    const struct heddle_pipeline_counters *counters = &run->counters;
    const uint64_t rows = atomic_load(&counters->rows_read);
    if (stream->is_first) {
        receipt->rows_read += rows;
        receipt->rows_unreadable += stream->unreadable;
    }
    for (size_t i = 0; i < pass->target_count; i++) {
        receipt->targets[pass->targets[i]].rows_offered += rows;
    }
    add_time(&receipt->read, atomic_load(&counters->read_ns), atomic_load(&counters->read_cpu_ns));
    if (pass->embeds && run->plan->sources[pass->source].slot_count > 0) {
        struct heddle_embedder_info info;
        add_time(&receipt->embed, atomic_load(&counters->embed_ns) / run->embed_threads,
                 atomic_load(&counters->embed_cpu_ns));
        heddle_embedder_describe(run->sources[pass->source].slots[0].embedder, &info);
        receipt->cache_problem = info.cache_problem;
    }
}

static int pass_run(struct heddle_run *run, size_t index, struct heddle_error *error)
{
    struct heddle_run_stream *stream = &run->streams[index];
    struct heddle_micro_batch batch;
    int status = HEDDLE_OK;
    pass_start(run, index);
    while (status == HEDDLE_OK && limit_left(run, stream) > 0) {
        status = heddle_micro_batches_next(stream->batches, &batch, error);
        if (status != HEDDLE_OK && status != HEDDLE_END) {
            heddle_error_prefix(error, "source '%s'", stream->source.name);
        }
        if (status == HEDDLE_OK) {
            status = micro_batch_run(run, index, error);
        }
    }
    drop_ahead(run, index);
    pass_account(run, index);
    return status == HEDDLE_END ? HEDDLE_OK : status;
}

/* ---- all passes ---- */

/* Waits for the next round, or for a stop, which then ends the run in good order: nothing is in flight. */
static bool wait_or_stop(struct heddle_run *run, uint64_t until_ns)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    const uint64_t now = heddle_clock_ns();
    const uint64_t wait = until_ns > now ? until_ns - now : 0;
    const uint64_t ns = (uint64_t)until.tv_nsec + wait % 1000000000;
    until.tv_sec += (time_t)(wait / 1000000000 + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_mutex_lock(&run->lock);
    run->waits = true;
    int answer = 0;
    while (!atomic_load(&run->stop) && answer != ETIMEDOUT) {
        answer = pthread_cond_timedwait(&run->stopped, &run->lock, &until);
    }
    const bool stop = atomic_load(&run->stop);
    run->waits = stop;
    pthread_mutex_unlock(&run->lock);
    return stop;
}

static int round_run(struct heddle_run *run, struct heddle_error *error)
{
    size_t stage = 0;
    HEDDLE_TRY(heddle_run_meet(run, 0, false, error));
    for (size_t i = 0; i < run->plan->pass_count; i++) {
        if (run->plan->passes[i].stage != stage) {
            stage = run->plan->passes[i].stage;
            HEDDLE_TRY(heddle_run_meet(run, stage, true, error));
        }
        HEDDLE_TRY(pass_run(run, i, error));
    }
    return heddle_run_meet(run, stage + 1, heddle_run_indexes_at_end(run), error);
}

/* Round after round, none sooner than the interval behind the one before, until the run is stopped or has its rows. */
static int rounds_run(struct heddle_run *run, struct heddle_error *error)
{
    /* Without an interval rounds follow at once, but a table is not listed more often than anyone can write to it. */
    const uint64_t shortest_ns = UINT64_C(100) * 1000000;
    const uint64_t wanted_ns = run->trigger.interval_ms * UINT64_C(1000000);
    const uint64_t interval_ns = wanted_ns > shortest_ns ? wanted_ns : shortest_ns;
    for (;;) {
        const uint64_t start = heddle_clock_ns();
        HEDDLE_TRY(round_run(run, error));
        bool has_rows_left = false;
        for (size_t i = 0; i < run->plan->pass_count; i++) {
            has_rows_left = has_rows_left || limit_left(run, &run->streams[i]) > 0;
        }
        if (!has_rows_left || wait_or_stop(run, start + interval_ns)) {
            return HEDDLE_OK;
        }
        for (size_t i = 0; i < run->plan->pass_count; i++) {
            HEDDLE_TRY(heddle_run_refresh_stream(run, i, error));
        }
    }
}

/* A run that was killed behind the commit of its last micro-batch left marks and a journal that nobody needs any more. */
static int forget_last(struct heddle_run *run, struct heddle_error *error)
{
    const uint64_t unit = heddle_run_unit(run);
    if (unit == 0) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_recorder_catch_up(run->recorder, unit, error));
    return heddle_sink_forget(run->sink, unit - 1, error);
}

int heddle_run_passes(struct heddle_run *run, struct heddle_error *error)
{
    HEDDLE_TRY(forget_last(run, error));
    return run->trigger.kind == HEDDLE_TRIGGER_PROCESSING_TIME ? rounds_run(run, error)
                                                               : round_run(run, error);
}
