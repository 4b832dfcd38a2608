/* streams.c: the sources of a run as streams of micro-batches, one a pass, each with its checkpoint. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "run/shards.h"
#include "run/state.h"
#include "run/stores.h"

enum {
    BATCH_ROWS_PLAIN = 2048, /* what DuckDB hands over at once */
    /* Embedding takes milliseconds a row: short batches spread evenly over threads and reach the sink early. */
    BATCH_ROWS_EMBEDDED = 256,
    SETTINGS_OF_OPTIONS = 8, /* that options add to a source's own */
};

/* Options that are settings of sources, and the types that have them. */
static const struct {
    enum heddle_option_id option;
    const char *setting;
    bool delta, files, generate;
} SETTINGS[] = {
    {HEDDLE_OPTION_MAX_FILES_PER_TRIGGER, "maxFilesPerTrigger", true, true, false},
    {HEDDLE_OPTION_MAX_BYTES_PER_TRIGGER, "maxBytesPerTrigger", true, true, false},
    {HEDDLE_OPTION_MAX_ROWS_PER_BATCH, "maxRowsPerBatch", true, true, true},
    {HEDDLE_OPTION_STARTING_VERSION, "startingVersion", true, false, false},
    {HEDDLE_OPTION_STARTING_TIMESTAMP, "startingTimestamp", true, false, false},
};

static bool has_setting(const struct heddle_source_options *options, const char *name)
{
    for (size_t i = 0; i < options->setting_count; i++) {
        if (strcmp(options->settings[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* The product of the seed's two settings, rows a batch and bytes a row; NULL where one is not given. */
static int bytes_of_rows(const struct heddle_run *run, const char **text_out, struct heddle_error *error)
{
    const int64_t bytes = heddle_run_number(run, HEDDLE_OPTION_BYTES_PER_ROW);
    const int64_t rows = heddle_run_number(run, HEDDLE_OPTION_BATCH_ROWS);
    *text_out = NULL;
    if (bytes == 0 || heddle_run_text(run, HEDDLE_OPTION_MAX_BYTES_PER_TRIGGER) != NULL) {
        return HEDDLE_OK;
    }
    if (rows == 0) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "bytes_per_row (BYTES_PER_ROW) is given without batch_rows (BATCH_SIZE): together they "
            "say how many bytes a micro-batch takes");
    }
    *text_out = heddle_arena_format(run->arena, "%" PRId64, rows * bytes);
    return *text_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

/* A source's own settings, and those of the options that it has not set itself. */
static int settings_fill(const struct heddle_run *run, const struct heddle_job_source *source,
                         struct heddle_source_options *options, struct heddle_error *error)
{
    struct heddle_source_setting *settings =
        heddle_arena_calloc(run->arena, source->setting_count + SETTINGS_OF_OPTIONS, sizeof *settings);
    const bool delta = strcmp(source->type, "delta") == 0;
    const bool generate = strcmp(source->type, "generate") == 0;
    const char *product = NULL;
    if (settings == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(bytes_of_rows(run, &product, error));
    options->settings = settings;
    for (size_t i = 0; i < source->setting_count; i++) {
        settings[options->setting_count++] =
            (struct heddle_source_setting){source->settings[i].name, source->settings[i].value};
    }
    const bool has_limit =
        has_setting(options, "maxFilesPerTrigger") || has_setting(options, "maxBytesPerTrigger");
    for (size_t i = 0; i < sizeof SETTINGS / sizeof SETTINGS[0]; i++) {
        const bool applies = delta ? SETTINGS[i].delta : generate ? SETTINGS[i].generate : SETTINGS[i].files;
        const char *text = heddle_run_text(run, SETTINGS[i].option);
        if (applies && text != NULL && !has_setting(options, SETTINGS[i].setting)) {
            settings[options->setting_count++] = (struct heddle_source_setting){SETTINGS[i].setting, text};
        }
    }
    if (product != NULL && !generate && !has_limit && !has_setting(options, "maxFilesPerTrigger")) {
        settings[options->setting_count++] = (struct heddle_source_setting){"maxBytesPerTrigger", product};
    }
    return HEDDLE_OK;
}

static int source_options(struct heddle_run *run, size_t index, struct heddle_gate *gate,
                          struct heddle_source_options *options, struct heddle_error *error)
{
    const struct heddle_plan_source *planned = &run->plan->sources[index];
    const struct heddle_job_source *source = planned->job;
    *options = (struct heddle_source_options){
        .name = source->name,
        .type = source->type,
        .path = source->path,
        .columns = planned->whole_rows ? NULL : planned->columns,
        .column_count = planned->whole_rows ? 0 : planned->column_count,
        .limit = UINT64_MAX,
        .batch_rows = planned->slot_count > 0 ? BATCH_ROWS_EMBEDDED : BATCH_ROWS_PLAIN,
        .rejects = {.add = heddle_gate_add, .context = gate},
    };
    return settings_fill(run, source, options, error);
}

/* A name as one part of a path. */
static const char *name_of_folder(struct heddle_arena *arena, const char *name)
{
    struct heddle_buffer text = {0};
    for (const char *at = name; *at != '\0'; at++) {
        const unsigned char byte = (unsigned char)*at;
        const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                           (byte >= 'a' && byte <= 'z') || byte == '_' || byte == '-';
        heddle_buffer_append_format(&text, plain ? "%c" : "%%%02X", byte);
    }
    const char *plain = heddle_buffer_text(&text);
    const char *copy = plain != NULL ? heddle_arena_copy_text(arena, plain, strlen(plain)) : NULL;
    heddle_buffer_free(&text);
    return copy;
}

/* One pass: the checkpoint folder itself, which then is one of Spark's. Several: a folder each below streams/. */
static const char *pass_folder(struct heddle_run *run, size_t pass)
{
    const size_t source = run->plan->passes[pass].source;
    size_t before = 0;
    if (run->plan->pass_count == 1) {
        return run->folder;
    }
    for (size_t i = 0; i < pass; i++) {
        before += run->plan->passes[i].source == source;
    }
    const char *name = name_of_folder(run->arena, run->job->sources[source].name);
    if (name == NULL) {
        return NULL;
    }
    return before == 0 ? heddle_arena_format(run->arena, "%s/streams/%s", run->folder, name)
                       : heddle_arena_format(run->arena, "%s/streams/%s.%zu", run->folder, name, before + 1);
}

static bool pass_creates(const struct heddle_run *run, const struct heddle_plan_pass *pass)
{
    for (size_t i = 0; i < pass->target_count; i++) {
        if (!run->plan->targets[pass->targets[i]].merge) {
            return true;
        }
    }
    return false;
}

/* The first pass over the same source: what it sees, the others see. */
static const struct heddle_micro_batches *leader_of(const struct heddle_run *run, size_t pass)
{
    for (size_t i = 0; i < pass; i++) {
        if (run->plan->passes[i].source == run->plan->passes[pass].source) {
            return run->streams[i].batches;
        }
    }
    return NULL;
}

int heddle_run_refresh_stream(struct heddle_run *run, size_t pass, struct heddle_error *error)
{
    const bool frozen = run->trigger.kind != HEDDLE_TRIGGER_PROCESSING_TIME;
    if (heddle_micro_batches_refresh(run->streams[pass].batches, frozen, leader_of(run, pass), error) !=
        HEDDLE_OK) {
        return heddle_error_prefix(error, "source '%s'",
                                   run->plan->sources[run->plan->passes[pass].source].job->name);
    }
    return HEDDLE_OK;
}

static int stream_open(struct heddle_run *run, size_t index, struct heddle_error *error)
{
    const struct heddle_plan_pass *pass = &run->plan->passes[index];
    struct heddle_run_stream *stream = &run->streams[index];
    stream->folder = pass_folder(run, index);
    if (stream->folder == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const struct heddle_reject_sink rejects = {.add = heddle_run_shard_reject, .context = run};
    heddle_gate_init(&stream->gate, &rejects);
    HEDDLE_TRY(source_options(run, pass->source, &stream->gate, &stream->source, error));
    if (pass_creates(run, pass) && has_setting(&stream->source, "readChangeFeed")) {
        return heddle_error_set(
            error, HEDDLE_JOB,
            "source '%s' reads the changes of its table, and a target of it creates rows: an update "
            "would make a second one; set write_mode: merge and a key on its targets",
            stream->source.name);
    }
    heddle_stores_fill(run->options, &stream->stores);
    stream->source.stores = &stream->stores.settings;
    if (heddle_stores_resolve(&stream->stores, &stream->source.path, &stream->source.type, run->arena,
                              error) != HEDDLE_OK ||
        heddle_source_mirror(&stream->source, run->arena, &stream->mirror, error) != HEDDLE_OK) {
        return heddle_error_prefix(error, "source '%s'", stream->source.name);
    }
    const struct heddle_micro_batches_options options = {
        .source = &stream->source,
        .depot = run->depot,
        .folder = stream->folder,
        .creates = pass_creates(run, pass),
        .unlimited = run->trigger.kind == HEDDLE_TRIGGER_ONCE,
    };
    stream->is_first = leader_of(run, index) == NULL;
    if (heddle_micro_batches_open(&options, &stream->batches, error) != HEDDLE_OK) {
        return heddle_error_prefix(error, "source '%s'", stream->source.name);
    }
    HEDDLE_TRY(
        heddle_plan_bind(run->plan, pass->source, heddle_micro_batches_schema(stream->batches), error));
    HEDDLE_TRY(heddle_plan_check_types(run->plan, pass->source, heddle_micro_batches_schema(stream->batches),
                                       error));
    return heddle_run_refresh_stream(run, index, error);
}

int heddle_run_open_streams(struct heddle_run *run, struct heddle_error *error)
{
    const char *trigger = heddle_run_text(run, HEDDLE_OPTION_TRIGGER);
    HEDDLE_TRY(heddle_trigger_parse(trigger != NULL ? trigger : "availableNow", &run->trigger, error));
    run->streams = heddle_arena_calloc(run->arena, run->plan->pass_count, sizeof *run->streams);
    if (run->streams == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < run->plan->pass_count; i++) {
        HEDDLE_TRY(stream_open(run, i, error));
    }
    return HEDDLE_OK;
}

void heddle_run_close_streams(struct heddle_run *run)
{
    /* Those that follow see what their leader has listed: they go first. */
    for (size_t i = run->streams != NULL ? run->plan->pass_count : 0; i > 0; i--) {
        heddle_micro_batches_close(run->streams[i - 1].batches);
        heddle_mirror_close(run->streams[i - 1].mirror);
        heddle_stores_close(&run->streams[i - 1].stores);
        heddle_gate_destroy(&run->streams[i - 1].gate);
    }
}
