/* probe.c: two short loads under other names, and what follows from them. */
#include "run/forecast/probe.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <heddle/bolt.h>

#include "base/clock.h"
#include "base/folder.h"
#include "run/forecast/probe_job.h"
#include "run/run.h"

enum {
    WARM_UP_ROWS = 256,
    SAMPLE_ROWS_MIN = 512,
    SAMPLE_ROWS_MAX = 200000,
    DELETE_ROWS = 10000, /* nodes a deleting transaction */
};

/* Records of Neo4j's standard formats. */
enum {
    NODE_BYTES = 15,
    RELATIONSHIP_BYTES = 34,
    PROPERTY_BYTES = 41,
    BLOCK_BYTES = 128,
    BLOCK_PAYLOAD = 120,
    INLINE_TEXT_BYTES = 23, /* longer texts, and all vectors, lie in blocks */
    INDEX_ENTRY_BYTES = 40, /* of a constraint's index, half-filled pages included */
    GRAPH_LINK_BYTES = 200, /* of a vector in its index, beside the vector */
};

struct probing {
    const struct heddle_job *job;
    const struct heddle_options *options;
    struct heddle_arena *arena;
    struct heddle_job *copy;
    const char *folder;
    char load_id[80]; /* of the last load */
};

/* ---- one load ---- */

static void set_text(struct heddle_options *options, enum heddle_option_id id, const char *text,
                     int64_t number)
{
    options->values[id].text = text;
    options->values[id].number = number;
}

static void note(struct probing *probing, const struct heddle_receipt *receipt, uint64_t rows,
                 struct heddle_probe *out)
{
    out->rows = rows;
    out->read_s = receipt->read.wall;
    out->embed_s = receipt->embed.wall;
    out->write_s = receipt->write.wall;
    out->index_s = receipt->index.wall;
    out->load_s = receipt->total.wall - receipt->index.wall;
    out->bytes_sent = receipt->sink.bytes_sent;
    out->transactions = receipt->sink.transactions;
    out->retries = receipt->sink.retries;
    out->writers = receipt->sink.writers;
    for (size_t i = 0; i < receipt->target_count; i++) {
        out->vectors += receipt->targets[i].counts.vectors;
    }
    snprintf(out->server, sizeof out->server, "%s", receipt->to);
    snprintf(probing->load_id, sizeof probing->load_id, "%s", receipt->load_id);
}

/* Loads the first `rows` rows of each source. */
static int load_sample(struct probing *probing, uint64_t rows, struct heddle_probe *out,
                       struct heddle_error *error)
{
    struct heddle_options options = *probing->options;
    char limit[24];
    snprintf(limit, sizeof limit, "%llu", (unsigned long long)rows);
    const char *folder = heddle_arena_format(probing->arena, "%s/%s", probing->folder, limit);
    if (folder == NULL) {
        return heddle_error_out_of_memory(error);
    }
    set_text(&options, HEDDLE_OPTION_LIMIT, limit, (int64_t)rows);
    set_text(&options, HEDDLE_OPTION_CHECKPOINT, folder, 0);
    set_text(&options, HEDDLE_OPTION_LOAD_ID, "", 0);
    set_text(&options, HEDDLE_OPTION_VERIFY, "off", 0);
    set_text(&options, HEDDLE_OPTION_REJECT_LIMIT, "none", -1);
    options.values[HEDDLE_OPTION_REJECT_LIMIT].ratio = -1;
    struct heddle_run *run = NULL;
    probing->copy->content_hash = probing->job->content_hash ^ rows;
    HEDDLE_TRY(heddle_run_open(probing->copy, &options, &run, error));
    const int status = heddle_run_execute(run, error);
    memset(out, 0, sizeof *out);
    const struct heddle_receipt *receipt = heddle_run_receipt(run);
    note(probing, receipt, receipt->rows_read, out);
    heddle_run_close(run);
    return status;
}

/* ---- deleting it ---- */

static int connect(const struct probing *probing, struct heddle_neo4j **neo4j_out, struct heddle_error *error)
{
    const struct heddle_options *options = probing->options;
    const char *password = NULL;
    HEDDLE_TRY(heddle_options_password(options, &password, error));
    const char *bearer = heddle_options_bearer_token(options);
    return heddle_neo4j_open_trusting(
        heddle_options_uri(options), bearer != NULL ? NULL : options->values[HEDDLE_OPTION_USERNAME].text,
        bearer != NULL ? bearer : password, options->values[HEDDLE_OPTION_DATABASE].text,
        options->values[HEDDLE_OPTION_CA_FILE].text, neo4j_out, error);
}

/* Runs a statement that deletes at most DELETE_ROWS, until it finds nothing. */
static int delete_all(struct heddle_neo4j *neo4j, const char *query, struct heddle_error *error)
{
    int64_t deleted = 1;
    while (deleted > 0) {
        struct heddle_neo4j_result *result = NULL;
        HEDDLE_TRY(heddle_neo4j_write(neo4j, query, NULL, &result, error));
        deleted = heddle_neo4j_result_counter(result, "nodes-deleted");
        heddle_neo4j_result_destroy(result);
    }
    return HEDDLE_OK;
}

static int drop_schema(struct heddle_neo4j *neo4j, const struct heddle_job_target *target,
                       struct probing *probing, struct heddle_error *error)
{
    for (size_t i = 0; i < target->schema_count; i++) {
        const bool is_index = target->schema[i].kind >= HEDDLE_SCHEMA_RANGE_INDEX;
        const char *query = heddle_arena_format(probing->arena, "DROP %s `%s` IF EXISTS",
                                                is_index ? "INDEX" : "CONSTRAINT", target->schema[i].name);
        if (query == NULL) {
            return heddle_error_out_of_memory(error);
        }
        HEDDLE_TRY(heddle_neo4j_write(neo4j, query, NULL, NULL, error));
    }
    return HEDDLE_OK;
}

/* Nodes with their relationships, then what was made around them. */
static int delete_sample(struct probing *probing, struct heddle_neo4j *neo4j, struct heddle_error *error)
{
    const struct heddle_job *copy = probing->copy;
    for (size_t i = 0; i < copy->node_count; i++) {
        const char *query =
            heddle_arena_format(probing->arena, "MATCH (n:`%s`) WITH n LIMIT %d DETACH DELETE n",
                                copy->nodes[i].labels[0], DELETE_ROWS);
        if (query == NULL) {
            return heddle_error_out_of_memory(error);
        }
        HEDDLE_TRY(delete_all(neo4j, query, error));
    }
    for (size_t i = 0; i < copy->node_count; i++) {
        HEDDLE_TRY(drop_schema(neo4j, &copy->nodes[i].base, probing, error));
    }
    for (size_t i = 0; i < copy->relationship_count; i++) {
        HEDDLE_TRY(drop_schema(neo4j, &copy->relationships[i].base, probing, error));
    }
    const char *record = heddle_arena_format(
        probing->arena,
        "MATCH (n) WHERE (n:HeddleLoad AND n.job = '%s') OR (n:HeddleTx AND n.id STARTS WITH '%s/') DELETE n",
        copy->name, probing->load_id);
    return record == NULL ? heddle_error_out_of_memory(error) : delete_all(neo4j, record, error);
}

static int clean_up(struct probing *probing, struct heddle_error *error)
{
    struct heddle_neo4j *neo4j = NULL;
    int status = connect(probing, &neo4j, error);
    if (status == HEDDLE_OK) {
        status = delete_sample(probing, neo4j, error);
    }
    heddle_neo4j_close(neo4j);
    if (status != HEDDLE_OK) {
        heddle_error_prefix(
            error, "the sample could not be deleted; labels that begin with " HEDDLE_PROBE_PREFIX " are its");
    }
    return status;
}

/* ---- the whole ---- */

/* Rows that take about so long, from what the warm-up took. */
static uint64_t sample_rows(const struct heddle_probe *warm, double seconds)
{
    const double rows = seconds * (double)warm->rows / fmax(warm->load_s, 1e-3);
    return rows < SAMPLE_ROWS_MIN   ? SAMPLE_ROWS_MIN
           : rows > SAMPLE_ROWS_MAX ? SAMPLE_ROWS_MAX
                                    : (uint64_t)rows;
}

/* Takes from *all_s what does not grow with the rows, as two loads of different size show it, and answers that. The first load
 * meets a server that is cold, so no more than a part is believed. */
static double part(double warm_s, uint64_t warm_rows, double *all_s, uint64_t rows)
{
    static const double FIXED_MOST = 0.75;
    const double a_row = (*all_s - warm_s) / (double)(rows - warm_rows);
    const double fixed = fmin(warm_s - a_row * (double)warm_rows, FIXED_MOST * *all_s);
    if (!(a_row > 0 && fixed > 0)) {
        return 0;
    }
    *all_s -= fixed;
    return fixed;
}

static void part_fixed(const struct heddle_probe *warm, struct heddle_probe *probe)
{
    if (probe->rows <= warm->rows) {
        return;
    }
    probe->fixed_s = part(warm->load_s, warm->rows, &probe->load_s, probe->rows);
    probe->fixed_read_s = part(warm->read_s, warm->rows, &probe->read_s, probe->rows);
    probe->fixed_embed_s = part(warm->embed_s, warm->rows, &probe->embed_s, probe->rows);
    probe->fixed_write_s = part(warm->write_s, warm->rows, &probe->write_s, probe->rows);
}

static int probe_all(struct probing *probing, double seconds, struct heddle_probe *probe_out,
                     struct heddle_error *error)
{
    char prefix[48];
    snprintf(prefix, sizeof prefix, HEDDLE_PROBE_PREFIX "%lx_%x_", (unsigned long)getpid(),
             (unsigned)(heddle_clock_ns() & 0xffff));
    HEDDLE_TRY(heddle_probe_job_make(probing->job, prefix, probing->arena, &probing->copy, error));
    probing->folder = heddle_arena_format(probing->arena, ".heddle/%s", prefix);
    if (probing->folder == NULL) {
        return heddle_error_out_of_memory(error);
    }
    struct heddle_probe warm;
    struct heddle_error unclean = {0};
    int status = load_sample(probing, WARM_UP_ROWS, &warm, error);
    int cleaned = clean_up(probing, &unclean);
    if (status == HEDDLE_OK && cleaned == HEDDLE_OK) {
        status = load_sample(probing, sample_rows(&warm, seconds), probe_out, error);
        cleaned = clean_up(probing, &unclean);
        part_fixed(&warm, probe_out);
    }
    heddle_folder_remove(probing->folder);
    if (status == HEDDLE_OK && cleaned != HEDDLE_OK) {
        *error = unclean;
    }
    return status == HEDDLE_OK ? cleaned : status;
}

int heddle_probe_run(const struct heddle_job *job, const struct heddle_options *options, double seconds,
                     struct heddle_probe *probe_out, struct heddle_error *error)
{
    struct probing probing = {.job = job, .options = options};
    const char *uri = heddle_options_uri(options);
    if (uri == NULL || strncmp(uri, "duckdb:", 7) == 0) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "--probe times a Neo4j server: say which with --to URI");
    }
    HEDDLE_TRY(heddle_arena_create(0, &probing.arena, error));
    struct heddle_error reason = {0};
    const int status = probe_all(&probing, seconds, probe_out, &reason);
    heddle_arena_destroy(probing.arena);
    if (status != HEDDLE_OK && error != NULL) {
        *error = reason;
    }
    return status;
}

/* ---- what all rows take ---- */

static uint64_t blocks(uint64_t bytes)
{
    return (bytes + BLOCK_PAYLOAD - 1) / BLOCK_PAYLOAD * BLOCK_BYTES;
}

/* What a target leaves in the store. Keys stand for what is new; merged repeats leave nothing. */
static uint64_t store_bytes_of(const struct heddle_forecast_target *target)
{
    const struct heddle_target *what = target->target;
    const uint64_t rows = target->rows - target->rejected;
    const uint64_t things = what->merge && target->keys > 0 && target->keys < rows ? target->keys : rows;
    const uint64_t properties = (uint64_t)what->property_count * PROPERTY_BYTES;
    if (what->kind == HEDDLE_TARGET_RELATIONSHIP) {
        return things * (RELATIONSHIP_BYTES + properties);
    }
    uint64_t bytes = things * (NODE_BYTES + properties + (what->key_count > 0 ? INDEX_ENTRY_BYTES : 0));
    const uint64_t text = rows > 0 ? target->characters / rows : 0;
    bytes += text > INLINE_TEXT_BYTES ? things * blocks(text) : 0;
    const uint64_t vector = (uint64_t)target->vector_width * sizeof(float);
    return bytes + (vector > 0 ? target->texts * (blocks(vector) + vector + GRAPH_LINK_BYTES) : 0);
}

/* What the disk of `place` has free: of the nearest folder above it that is there. UINT64_MAX = unknown. */
static uint64_t free_bytes(const char *place)
{
    char path[PATH_MAX];
    struct statvfs disk;
    const size_t length = strlen(place);
    if (length >= sizeof path) {
        return UINT64_MAX;
    }
    memcpy(path, place, length + 1);
    while (path[0] != '\0' && statvfs(path, &disk) != 0) {
        char *slash = strrchr(path, '/');
        *(slash == NULL ? path : slash == path && path[1] != '\0' ? path + 1 : slash) = '\0';
    }
    if (path[0] == '\0' && statvfs(".", &disk) != 0) {
        return UINT64_MAX;
    }
    return (uint64_t)disk.f_bavail * (uint64_t)disk.f_frsize;
}

void heddle_probe_predict(const struct heddle_probe *probe, const struct heddle_forecast *forecast,
                          const char *place, struct heddle_prediction *prediction_out)
{
    uint64_t rows = 0;
    uint64_t texts = 0;
    uint64_t bytes = 0;
    memset(prediction_out, 0, sizeof *prediction_out);
    for (size_t i = 0; i < forecast->source_count; i++) {
        rows += forecast->sources[i].rows;
    }
    for (size_t i = 0; i < forecast->target_count; i++) {
        texts += forecast->targets[i].texts;
        bytes += forecast->targets[i].bytes;
        prediction_out->store_bytes += store_bytes_of(&forecast->targets[i]);
    }
    const double times = probe->rows > 0 ? (double)rows / (double)probe->rows : 0;
    prediction_out->read_s = probe->fixed_read_s + probe->read_s * times;
    prediction_out->embed_s = probe->fixed_embed_s + probe->embed_s * times;
    prediction_out->write_s = probe->fixed_write_s + probe->write_s * times;
    prediction_out->load_s = probe->load_s * times;
    if (probe->vectors > 1 && texts > 1) {
        const double vectors = (double)texts;
        const double sampled = (double)probe->vectors;
        prediction_out->index_s = probe->index_s * vectors * log(vectors) / (sampled * log(sampled));
    }
    prediction_out->wall_s = probe->fixed_s + prediction_out->load_s + prediction_out->index_s;
    prediction_out->log_bytes = prediction_out->store_bytes; /* measured: two thirds to four fifths of it */
    prediction_out->spill_bytes = bytes;
    prediction_out->spill_free = free_bytes(place);
}

int heddle_probe_check_disk(const struct heddle_prediction *prediction, struct heddle_error *error)
{
    static const double MEGABYTE = 1e6;
    if (prediction->spill_free >= prediction->spill_bytes) {
        return HEDDLE_OK;
    }
    return heddle_error_set(
        error, HEDDLE_IO,
        "the disk of the checkpoint has %.1f MB free, and this load may spill up to %.1f MB: "
        "free some, or choose another place with --checkpoint",
        (double)prediction->spill_free / MEGABYTE, (double)prediction->spill_bytes / MEGABYTE);
}
