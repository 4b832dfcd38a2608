/* run.c: connect, prepare, load pass by pass, index, verify, account. */
#include "run/run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "run/state.h"

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

const char *heddle_run_phase_name(enum heddle_run_phase phase)
{
    switch (phase) {
    case HEDDLE_PHASE_CONNECTING: return "connecting";
    case HEDDLE_PHASE_PREPARING: return "preparing";
    case HEDDLE_PHASE_LOADING: return "loading";
    case HEDDLE_PHASE_INDEXING: return "indexing";
    case HEDDLE_PHASE_VERIFYING: return "verifying";
    case HEDDLE_PHASE_DONE: return "done";
    }
    return "unknown";
}

int heddle_run_exit_code(int status, uint64_t rejected)
{
    switch ((enum heddle_status)status) {
    case HEDDLE_OK: return rejected > 0 ? 8 : 0;
    case HEDDLE_INVALID: return 1;
    case HEDDLE_JOB: return 2;
    case HEDDLE_SOURCE: return 3;
    case HEDDLE_MODEL: return 4;
    case HEDDLE_NETWORK:
    case HEDDLE_PROTOCOL:
    case HEDDLE_DATABASE:
    case HEDDLE_IO: return 5;
    case HEDDLE_REJECTED: return 6;
    case HEDDLE_UNBALANCED: return 7;
    case HEDDLE_INTERRUPTED: return 130;
    case HEDDLE_OUT_OF_MEMORY:
    case HEDDLE_CLOSED:
    case HEDDLE_END:
    case HEDDLE_INTERNAL: return 70;
    }
    return 70;
}

static void set_phase(struct heddle_run *run, enum heddle_run_phase phase)
{
    atomic_store(&run->phase, (int)phase);
}

/* Of the load's vectors; "" where it has none. */
static const char *precision_of(const struct heddle_run *run)
{
    return run->model_count > 0 ? heddle_precision_name(heddle_embedder_precision(run->models[0].embedder))
                                : "";
}

/* Micro-batches that heddle itself committed or began here; those that Spark committed left nothing in the graph. */
static bool has_progress(const struct heddle_run *run)
{
    return heddle_recorder_report(run->recorder)->begun || run->receipt.load.micro_batches > 0;
}

static int connect_sink(struct heddle_run *run, struct heddle_error *error)
{
    const char *password = NULL;
    HEDDLE_TRY(heddle_options_password(run->options, &password, error));
    const bool embeds = run->model_count > 0;
    run->sink_options = (struct heddle_sink_options){
        .to = heddle_options_uri(run->options),
        .username = heddle_run_text(run, HEDDLE_OPTION_USERNAME),
        .password = password,
        .bearer_token = heddle_options_bearer_token(run->options),
        .database = heddle_run_text(run, HEDDLE_OPTION_DATABASE),
        .ca_file = heddle_run_text(run, HEDDLE_OPTION_CA_FILE),
        .targets = run->plan->targets,
        .target_count = run->plan->sink_target_count,
        .writers = (size_t)heddle_run_number(run, HEDDLE_OPTION_WRITERS),
        .pipeline_depth = (size_t)heddle_run_number(run, HEDDLE_OPTION_PIPELINE_DEPTH),
        .batch_rows = (size_t)heddle_run_number(run, HEDDLE_OPTION_BATCH_ROWS),
        .batch_bytes = (size_t)heddle_run_number(run, HEDDLE_OPTION_BATCH_BYTES),
        .tx_timeout_ms = (uint32_t)heddle_run_number(run, HEDDLE_OPTION_TX_TIMEOUT),
        .vector_index =
            (enum heddle_vector_index_when)run->options->values[HEDDLE_OPTION_VECTOR_INDEX].number,
        .seed = run->job->content_hash,
        .load = {.id = run->receipt.load_id,
                 .job = run->job->name,
                 .model = embeds ? heddle_embedder_name(run->models[0].embedder) : "",
                 .precision = precision_of(run),
                 .owner = heddle_claim_owner(run->claim),
                 .host = heddle_claim_host(run->claim),
                 .has_progress = has_progress(run),
                 .checkpoint = run->folder,
                 .fresh = run->options->values[HEDDLE_OPTION_FRESH].number != 0,
                 .stamps = heddle_run_text(run, HEDDLE_OPTION_LOAD_ID) != NULL},
        .shard = {.share = run->share,
                  .group = run->group,
                  .no_part_locks = run->options->values[HEDDLE_OPTION_PART_LOCKS].number != 0},
        .rejects = {.add = heddle_rejects_add, .context = run->rejects},
        .ledger = *heddle_recorder_ledger(run->recorder),
    };
    run->sink_options.load.owners_known =
        heddle_claim_known(run->claim, &run->sink_options.load.owner_known_count);
    struct heddle_sink *sink = NULL;
    HEDDLE_TRY(heddle_sink_open(&run->sink_options, &sink, error));
    pthread_mutex_lock(&run->lock);
    run->sink = sink;
    pthread_mutex_unlock(&run->lock);
    run->receipt.to = heddle_sink_description(sink);
    return HEDDLE_OK;
}

static int verify(struct heddle_run *run, struct heddle_error *error)
{
    const char *level = heddle_run_text(run, HEDDLE_OPTION_VERIFY);
    struct heddle_receipt *receipt = &run->receipt;
    if ((level != NULL && strcmp(level, "off") == 0) || receipt->micro_batches == 0) {
        return HEDDLE_OK;
    }
    set_phase(run, HEDDLE_PHASE_VERIFYING);
    const uint64_t start = heddle_clock_ns();
    HEDDLE_TRY(heddle_sink_verify(run->sink, level != NULL && strcmp(level, "strict") == 0,
                                  &receipt->verification, error));
    receipt->verify.wall = seconds(heddle_clock_ns() - start);
    receipt->verified = true;
    if (!receipt->verification.ok) {
        return heddle_error_set(error, HEDDLE_UNBALANCED, "the graph does not hold what was loaded: %s",
                                receipt->verification.summary);
    }
    return HEDDLE_OK;
}

static int load(struct heddle_run *run, struct heddle_error *error)
{
    set_phase(run, HEDDLE_PHASE_CONNECTING);
    heddle_run_expect_rows(run);
    HEDDLE_TRY(connect_sink(run, error));
    set_phase(run, HEDDLE_PHASE_PREPARING);
    HEDDLE_TRY(heddle_claim_announce(run->claim, precision_of(run), error));
    HEDDLE_TRY(heddle_sink_prepare(run->sink, error));
    HEDDLE_TRY(heddle_claim_confirm(run->claim, error));
    set_phase(run, HEDDLE_PHASE_LOADING);
    HEDDLE_TRY(heddle_run_passes(run, error));
    HEDDLE_TRY(heddle_rejects_finish(run->rejects, error));
    set_phase(run, HEDDLE_PHASE_INDEXING);
    uint64_t index_ns = 0;
    HEDDLE_TRY(heddle_sink_finish(run->sink, &index_ns, error));
    run->receipt.index.wall = seconds(index_ns);
    return HEDDLE_OK;
}

static void describe_receipt(struct heddle_run *run)
{
    struct heddle_receipt *receipt = &run->receipt;
    receipt->job = run->job->name;
    receipt->to = heddle_options_uri(run->options);
    receipt->checkpoint = run->folder;
    receipt->rejects_folder = heddle_rejects_folder(run->rejects);
    receipt->target_count = run->plan->target_count;
    receipt->embed_threads = run->embed_threads;
    receipt->model = receipt->kernel = receipt->precision = "";
    receipt->index.cpu = receipt->verify.cpu = -1;
    if (run->model_count > 0) {
        const struct heddle_embedder *embedder = run->models[0].embedder;
        receipt->model = heddle_embedder_name(embedder);
        receipt->kernel = heddle_embedder_kernel(embedder);
        receipt->precision = heddle_precision_name(heddle_embedder_precision(embedder));
    }
    for (size_t i = 0; i < receipt->target_count; i++) {
        receipt->targets[i].name = run->plan->targets[i].name;
    }
}

static void complete_receipt(struct heddle_run *run)
{
    struct heddle_receipt *receipt = &run->receipt;
    receipt->rejected = heddle_rejects_count(run->rejects);
    heddle_recorder_kept(run->recorder, &receipt->kept);
    if (run->sink != NULL) {
        heddle_sink_progress(run->sink, &receipt->sink);
        for (size_t i = 0; i < receipt->target_count; i++) {
            heddle_run_counts(run, i, &receipt->targets[i].counts);
            if (run->share.count > 1) {
                /* The other rows of the source are the other shards'. */
                receipt->targets[i].rows_offered = receipt->targets[i].counts.read;
            }
        }
    }
    const size_t writers = receipt->sink.writers == 0 ? 1 : receipt->sink.writers;
    receipt->write.wall = seconds(receipt->sink.wait_ns + receipt->sink.encode_ns) / (double)writers;
    receipt->write.cpu = seconds(receipt->sink.encode_ns);
    receipt->total.wall = seconds(heddle_clock_ns() - atomic_load(&run->start_ns));
    receipt->total.cpu = seconds(heddle_clock_process_cpu_ns());
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        receipt->rss_bytes_max = (uint64_t)usage.ru_maxrss * 1024;
    }
}

static int save_receipt(struct heddle_run *run, int outcome, struct heddle_error *error)
{
    struct heddle_buffer json = {0};
    const char *path = heddle_arena_format(run->arena, "%s/receipt.json", run->folder);
    int status = path == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    if (status == HEDDLE_OK) {
        status = heddle_receipt_json(&run->receipt, heddle_status_name(outcome), true, &json, error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_depot_make_folder(run->depot, run->folder, error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_depot_write(run->depot, path, json.bytes, json.length, error);
    }
    heddle_buffer_free(&json);
    return status;
}

int heddle_run_execute(struct heddle_run *run, struct heddle_error *error)
{
    atomic_store(&run->start_ns, heddle_clock_ns());
    run->receipt.targets =
        heddle_arena_calloc(run->arena, run->plan->target_count, sizeof *run->receipt.targets);
    if (run->receipt.targets == NULL) {
        return heddle_error_out_of_memory(error);
    }
    describe_receipt(run);
    int status = load(run, error);
    if (status == HEDDLE_OK) {
        complete_receipt(run);
        status = heddle_receipt_check(&run->receipt, error);
    }
    if (status == HEDDLE_OK) {
        status = verify(run, error);
    }
    complete_receipt(run);
    set_phase(run, HEDDLE_PHASE_DONE);
    /* A load that failed keeps its own reason; its receipt is written where that is possible. */
    struct heddle_error unsaved = {0};
    const int saved = save_receipt(run, status, &unsaved);
    if (status == HEDDLE_OK && saved != HEDDLE_OK) {
        if (error != NULL) {
            *error = unsaved;
        }
        return saved;
    }
    return status;
}

void heddle_run_progress(struct heddle_run *run, struct heddle_run_progress *out)
{
    memset(out, 0, sizeof *out);
    const uint64_t now = heddle_clock_ns();
    const uint64_t start = atomic_load(&run->start_ns);
    const uint64_t pass_start = atomic_load(&run->pass_start_ns);
    out->phase = (enum heddle_run_phase)atomic_load(&run->phase);
    out->pass = atomic_load(&run->pass);
    out->pass_count = run->plan->pass_count;
    out->rows_read = atomic_load(&run->counters.rows_read);
    out->rows_embedded = atomic_load(&run->counters.rows_embedded);
    out->rows_removed = atomic_load(&run->counters.rows_removed);
    out->rows_expected = atomic_load(&run->rows_expected);
    out->embeds = atomic_load(&run->pass_embeds);
    out->rejected = heddle_rejects_count(run->rejects);
    out->elapsed_s = start == 0 ? 0 : seconds(now - start);
    out->pass_elapsed_s = pass_start == 0 ? 0 : seconds(now - pass_start);
    pthread_mutex_lock(&run->lock);
    if (run->sink != NULL) {
        heddle_sink_progress(run->sink, &out->sink);
    }
    pthread_mutex_unlock(&run->lock);
}

void heddle_run_stop(struct heddle_run *run)
{
    pthread_mutex_lock(&run->lock);
    atomic_store(&run->stop, true);
    pthread_cond_broadcast(&run->stopped);
    if (!run->waits) {
        for (size_t i = 0; i < run->model_count; i++) {
            heddle_embedder_stop(run->models[i].embedder);
        }
        if (run->sink != NULL) {
            heddle_sink_stop(run->sink);
        }
    }
    pthread_mutex_unlock(&run->lock);
}

const struct heddle_receipt *heddle_run_receipt(const struct heddle_run *run)
{
    return &run->receipt;
}
