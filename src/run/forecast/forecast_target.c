/* forecast_target.c: one target's rows counted, dealt to parts and sorted into tiles. */
#include "run/forecast/forecast_target.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "schedule/layout.h"
#include "schedule/parts.h"
#include "sink/neo4j/limits.h"

static const size_t WRITERS[HEDDLE_FORECAST_SPEEDS] = {1, 2, 4, 8, 16, 32, 64};

/* A float on the wire. */
enum { VECTOR_FLOAT_BYTES = 4 };

static bool is_relationship(const struct heddle_forecast_count *count)
{
    return count->target.kind == HEDDLE_TARGET_RELATIONSHIP;
}

/* How wide the vectors will be: what a model said, else what the job's vector index says; 0 = nobody knows yet. */
static uint32_t vector_width_of(const struct heddle_target *target)
{
    uint32_t width = target->vector_property != NULL ? target->vector_dimensions : 0;
    for (size_t i = 0; i < target->schema_count && target->vector_property != NULL && width == 0; i++) {
        width = target->schema[i].kind == HEDDLE_TARGET_VECTOR_INDEX ? target->schema[i].dimensions : 0;
    }
    return width;
}

/* What says how the target's rows meet: its spaces, and the limits of a transaction. */
static void shape(struct heddle_forecast_count *count, const struct heddle_plan *plan)
{
    struct heddle_forecast_target *out = count->out;
    const struct heddle_target *target = &plan->targets[count->index];
    const bool mono =
        is_relationship(count) &&
        (target->start.node == target->end.node ||
         heddle_targets_share_label(&plan->targets[target->start.node], &plan->targets[target->end.node]));
    out->parted = is_relationship(count) || (target->merge && target->key_count > 0);
    out->scenario = mono ? HEDDLE_SCENARIO_MONOPARTITE : HEDDLE_SCENARIO_BIPARTITE;
    count->spaces = is_relationship(count) && !mono ? 2 : 1;
    out->batch_rows = heddle_limits_rows(target, count->options->batch_rows, false);
    out->writers = count->options->writers;
    out->vector_width = vector_width_of(target);
}

int heddle_forecast_count_create(const struct heddle_plan *plan, size_t index, int text_column,
                                 const struct heddle_forecast_options *options, struct heddle_arena *arena,
                                 struct heddle_forecast_target *out, struct heddle_forecast_count **count_out,
                                 struct heddle_error *error)
{
    struct heddle_forecast_count *count = heddle_calloc(1, sizeof *count);
    if (count == NULL) {
        return heddle_error_out_of_memory(error);
    }
    count->out = out;
    count->options = options;
    count->arena = arena;
    count->index = index;
    count->text_column = text_column;
    count->target = plan->targets[index];
    count->target.vector_property = NULL;
    out->target = &plan->targets[index];
    shape(count, plan);
    int status = HEDDLE_OK;
    for (size_t i = 0; i < count->spaces && status == HEDDLE_OK; i++) {
        status = heddle_counts_create(&count->counts[i], error);
    }
    if (status != HEDDLE_OK) {
        heddle_forecast_count_destroy(count);
        return status;
    }
    *count_out = count;
    return HEDDLE_OK;
}

void heddle_forecast_count_destroy(struct heddle_forecast_count *count)
{
    if (count == NULL) {
        return;
    }
    for (size_t i = 0; i < HEDDLE_FORECAST_SPACES; i++) {
        heddle_counts_destroy(count->counts[i]);
        for (size_t j = 0; j < HEDDLE_FORECAST_DEALS; j++) {
            heddle_parts_destroy(count->deals[j].tables[i]);
        }
        free(count->hubs[i]);
        free(count->hashes[i]);
    }
    for (size_t j = 0; j < HEDDLE_FORECAST_DEALS; j++) {
        free(count->deals[j].tiles);
    }
    heddle_buffer_free(&count->key);
    free(count);
}

/* ---- a batch ---- */

/* Notes a row that cannot be loaded, with one example a code. */
static int note_reject(void *context, const struct heddle_reject *reject, struct heddle_error *error)
{
    struct heddle_forecast_count *count = context;
    struct heddle_forecast_target *out = count->out;
    size_t at = 0;
    while (at < out->reason_count && strcmp(out->reasons[at].code, reject->code) != 0) {
        at++;
    }
    if (at == HEDDLE_FORECAST_REASONS) {
        return HEDDLE_OK; /* counted with all the others, by the batch */
    }
    struct heddle_forecast_reason *reason = &out->reasons[at];
    if (at == out->reason_count) {
        reason->code = heddle_arena_copy_text(count->arena, reject->code, strlen(reject->code));
        reason->example = heddle_arena_copy_text(count->arena, reject->reason, strlen(reject->reason));
        if (reason->code == NULL || reason->example == NULL) {
            return heddle_error_out_of_memory(error);
        }
        out->reason_count++;
    }
    reason->rows++;
    return HEDDLE_OK;
}

static int note_nothing(void *context, const struct heddle_reject *reject, struct heddle_error *error)
{
    (void)context;
    (void)reject;
    (void)error;
    return HEDDLE_OK;
}

static int hash_keys(struct heddle_forecast_count *count, const struct heddle_target_rows *ready,
                     const struct heddle_column *columns, size_t column_count, uint64_t *hashes,
                     struct heddle_error *error)
{
    for (size_t i = 0; i < ready->row_count; i++) {
        heddle_buffer_reset(&count->key);
        (void)heddle_key_append(&count->key, columns, column_count, ready->rows[i]);
        HEDDLE_TRY(heddle_buffer_check(&count->key, error));
        hashes[i] = heddle_hash_bytes(count->key.bytes, count->key.length, count->options->seed);
    }
    return HEDDLE_OK;
}

static int make_room(struct heddle_forecast_count *count, size_t rows, struct heddle_error *error)
{
    if (rows <= count->hash_room) {
        return HEDDLE_OK;
    }
    for (size_t i = 0; i < HEDDLE_FORECAST_SPACES; i++) {
        free(count->hashes[i]);
        count->hashes[i] = heddle_calloc(rows, sizeof(uint64_t));
        if (count->hashes[i] == NULL) {
            count->hash_room = 0;
            return heddle_error_out_of_memory(error);
        }
    }
    count->hash_room = rows;
    return HEDDLE_OK;
}

/* The hashes of a batch's keys: those of nodes and starts first, those of ends second. */
static int hash_batch(struct heddle_forecast_count *count, const struct heddle_target_rows *ready,
                      struct heddle_error *error)
{
    HEDDLE_TRY(make_room(count, ready->row_count, error));
    if (!is_relationship(count)) {
        return hash_keys(count, ready, ready->keys, count->target.key_count, count->hashes[0], error);
    }
    HEDDLE_TRY(
        hash_keys(count, ready, ready->start_keys, count->target.start.key_count, count->hashes[0], error));
    return hash_keys(count, ready, ready->end_keys, count->target.end.key_count, count->hashes[1], error);
}

static int count_identities(struct heddle_forecast_count *count, const struct heddle_target_rows *ready,
                            struct heddle_error *error)
{
    for (size_t i = 0; i < ready->row_count; i++) {
        heddle_buffer_reset(&count->key);
        (void)heddle_rows_identity(ready, ready->rows[i], &count->key);
        HEDDLE_TRY(heddle_buffer_check(&count->key, error));
        heddle_distinct_add(&count->identities,
                            heddle_hash_bytes(count->key.bytes, count->key.length, count->options->seed));
        count->out->bytes += heddle_encode_row_bytes(ready, ready->rows[i]);
    }
    return HEDDLE_OK;
}

static void count_texts(struct heddle_forecast_count *count, const struct heddle_batch *batch)
{
    const struct heddle_column *texts = count->text_column < 0 ? NULL : &batch->columns[count->text_column];
    if (texts == NULL || texts->type != HEDDLE_TYPE_STRING) {
        return;
    }
    for (size_t row = 0; row < batch->rows; row++) {
        size_t length = 0;
        if (!heddle_column_is_null(texts, row)) {
            (void)heddle_column_text(texts, row, &length);
        }
        count->out->texts += length > 0;
        count->out->characters += length;
    }
}

static int count_ready(struct heddle_forecast_count *count, const struct heddle_target_rows *ready,
                       struct heddle_error *error)
{
    count->out->rejected += ready->rejected;
    if (!is_relationship(count) && count->target.key_count == 0) {
        for (size_t i = 0; i < ready->row_count; i++) {
            count->out->bytes += heddle_encode_row_bytes(ready, ready->rows[i]);
        }
        return HEDDLE_OK;
    }
    HEDDLE_TRY(count_identities(count, ready, error));
    HEDDLE_TRY(hash_batch(count, ready, error));
    heddle_counts_add(count->counts[0], count->hashes[0], ready->row_count);
    if (is_relationship(count)) {
        heddle_counts_add(count->counts[count->spaces - 1], count->hashes[1], ready->row_count);
    }
    return HEDDLE_OK;
}

/* Converts a batch and hands its rows to `use`. */
static int with_rows(struct heddle_forecast_count *count, struct heddle_batch *batch,
                     heddle_reject_function note,
                     int (*use)(struct heddle_forecast_count *count, const struct heddle_target_rows *ready,
                                struct heddle_error *error),
                     struct heddle_error *error)
{
    const struct heddle_reject_sink rejects = {.add = note, .context = count};
    struct heddle_rows *rows = NULL;
    struct heddle_target_rows *ready = NULL;
    HEDDLE_TRY(heddle_rows_create(batch, &rows, error));
    int status = heddle_rows_convert(rows, &count->target, count->index, &rejects, &ready, error);
    if (status == HEDDLE_OK) {
        status = use(count, ready, error);
    }
    heddle_rows_release(rows);
    return status;
}

int heddle_forecast_count_batch(struct heddle_forecast_count *count, struct heddle_batch *batch,
                                struct heddle_error *error)
{
    count->out->rows += batch->rows;
    count_texts(count, batch);
    return with_rows(count, batch, note_reject, count_ready, error);
}

/* ---- between the readings ---- */

enum heddle_layout_touch heddle_forecast_touch(const struct heddle_forecast_count *count)
{
    return !is_relationship(count)                               ? HEDDLE_LAYOUT_ALONE
           : count->out->scenario == HEDDLE_SCENARIO_MONOPARTITE ? HEDDLE_LAYOUT_WITHIN
                                                                 : HEDDLE_LAYOUT_BETWEEN;
}

static int deal_one(struct heddle_forecast_count *count, struct heddle_forecast_deal *deal, size_t parts,
                    struct heddle_error *error)
{
    deal->parts = parts;
    for (size_t i = 0; i < count->spaces; i++) {
        HEDDLE_TRY(heddle_parts_create(count->counts[i], parts, &deal->tables[i], error));
    }
    deal->tiles = heddle_calloc(is_relationship(count) ? parts * parts : parts, sizeof *deal->tiles);
    return deal->tiles == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
}

/* The largest keys of each space: at least a thousandth of the rows, and what may be twice the mean of a bucket. */
static int find_hubs(struct heddle_forecast_count *count, struct heddle_error *error)
{
    const uint64_t rows = count->out->rows - count->out->rejected;
    const uint64_t least = rows / 1000 > 2 ? rows / 1000 : 2;
    for (size_t i = 0; i < count->spaces; i++) {
        count->hubs[i] = heddle_calloc(2 * (size_t)HEDDLE_HUBS_COUNTERS, sizeof *count->hubs[i]);
        count->hub_keys[i] = heddle_arena_calloc(count->arena, HEDDLE_FORECAST_HUBS, sizeof(const char *));
        if (count->hubs[i] == NULL || count->hub_keys[i] == NULL) {
            return heddle_error_out_of_memory(error);
        }
        const size_t found = heddle_counts_hubs(count->counts[i], least, count->hubs[i]);
        count->hub_count[i] = found < HEDDLE_FORECAST_HUBS ? found : HEDDLE_FORECAST_HUBS;
        const uint64_t busiest =
            found > 0 ? count->hubs[i][0].rows_max : heddle_counts_error(count->counts[i]) + 1;
        count->out->busiest = busiest > count->out->busiest ? busiest : count->out->busiest;
    }
    return HEDDLE_OK;
}

int heddle_forecast_count_deal(struct heddle_forecast_count *count, struct heddle_error *error)
{
    struct heddle_forecast_target *out = count->out;
    const uint64_t rows = out->rows - out->rejected;
    out->keys = heddle_distinct_count(&count->identities);
    out->transactions = (rows + out->batch_rows - 1) / out->batch_rows;
    out->bytes += out->texts * out->vector_width * VECTOR_FLOAT_BYTES;
    if (!out->parted || rows == 0) {
        out->parted = false;
        return HEDDLE_OK;
    }
    const bool mono = out->scenario == HEDDLE_SCENARIO_MONOPARTITE && is_relationship(count);
    const enum heddle_layout_touch touch = heddle_forecast_touch(count);
    for (size_t i = 0; i < HEDDLE_FORECAST_SPEEDS; i++) {
        const size_t parts = heddle_layout_of(touch, WRITERS[i], rows, out->batch_rows).parts;
        out->speeds[i] = (struct heddle_forecast_speed){.writers = WRITERS[i], .parts = parts};
        HEDDLE_TRY(deal_one(count, &count->deals[2 * i], parts, error));
        if (is_relationship(count)) {
            HEDDLE_TRY(deal_one(count, &count->deals[2 * i + 1], mono ? 2 * WRITERS[i] : WRITERS[i], error));
        }
    }
    out->parts = heddle_layout_of(touch, out->writers, rows, out->batch_rows).parts;
    HEDDLE_TRY(deal_one(count, &count->deals[HEDDLE_FORECAST_PICTURES], out->parts, error));
    for (size_t i = 0; i < count->spaces; i++) {
        const double imbalance = heddle_parts_imbalance(count->deals[HEDDLE_FORECAST_PICTURES].tables[i]);
        out->imbalance = imbalance > out->imbalance ? imbalance : out->imbalance;
    }
    return find_hubs(count, error);
}

/* ---- the second reading ---- */

/* Notes the text of a key that is among the largest of its space. */
static int name_hub(struct heddle_forecast_count *count, const struct heddle_target_rows *ready, size_t at,
                    bool at_end, struct heddle_error *error)
{
    const size_t space = at_end ? count->spaces - 1 : 0;
    const uint64_t hash = count->hashes[at_end ? 1 : 0][at];
    for (size_t i = 0; i < count->hub_count[space]; i++) {
        if (count->hubs[space][i].hash != hash || count->hub_keys[space][i] != NULL) {
            continue;
        }
        char text[HEDDLE_ROWS_KEY_TEXT_MAX];
        if (is_relationship(count)) {
            heddle_rows_end_text(ready, ready->rows[at], at_end, text);
        } else {
            heddle_rows_key_text(ready, ready->rows[at], text);
        }
        count->hub_keys[space][i] = heddle_arena_copy_text(count->arena, text, strlen(text));
        return count->hub_keys[space][i] == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    }
    return HEDDLE_OK;
}

static int name_hubs(struct heddle_forecast_count *count, const struct heddle_target_rows *ready,
                     struct heddle_error *error)
{
    for (size_t i = 0; i < ready->row_count; i++) {
        HEDDLE_TRY(name_hub(count, ready, i, false, error));
        if (is_relationship(count)) {
            HEDDLE_TRY(name_hub(count, ready, i, true, error));
        }
    }
    return HEDDLE_OK;
}

static int place_ready(struct heddle_forecast_count *count, const struct heddle_target_rows *ready,
                       struct heddle_error *error)
{
    HEDDLE_TRY(hash_batch(count, ready, error));
    for (size_t d = 0; d < HEDDLE_FORECAST_DEALS; d++) {
        const struct heddle_forecast_deal *deal = &count->deals[d];
        if (deal->tiles == NULL) {
            continue;
        }
        for (size_t i = 0; i < ready->row_count; i++) {
            const size_t a = heddle_parts_of(deal->tables[0], count->hashes[0][i]);
            if (!is_relationship(count)) {
                deal->tiles[a]++;
                continue;
            }
            const size_t b = heddle_parts_of(deal->tables[count->spaces - 1], count->hashes[1][i]);
            deal->tiles[a * deal->parts + b]++;
        }
    }
    return name_hubs(count, ready, error);
}

int heddle_forecast_count_place(struct heddle_forecast_count *count, struct heddle_batch *batch,
                                struct heddle_error *error)
{
    return count->out->parted ? with_rows(count, batch, note_nothing, place_ready, error) : HEDDLE_OK;
}

/* ---- figures ---- */

static const char *hub_label(const struct heddle_forecast_count *count, const struct heddle_target *targets,
                             size_t space)
{
    const struct heddle_target *target = &count->target;
    if (!is_relationship(count)) {
        return target->labels[0];
    }
    return targets[space == 0 ? target->start.node : target->end.node].labels[0];
}

static int more_rows_first(const void *left, const void *right)
{
    const struct heddle_forecast_hub *a = left;
    const struct heddle_forecast_hub *b = right;
    return (a->rows < b->rows) - (a->rows > b->rows);
}

static void list_hubs(struct heddle_forecast_count *count)
{
    struct heddle_forecast_target *out = count->out;
    const struct heddle_target *targets = out->target - count->index;
    struct heddle_forecast_hub all[HEDDLE_FORECAST_SPACES * HEDDLE_FORECAST_HUBS];
    size_t found = 0;
    const double rows = (double)(out->rows - out->rejected);
    for (size_t space = 0; space < count->spaces; space++) {
        for (size_t i = 0; i < count->hub_count[space]; i++) {
            const uint64_t least = count->hubs[space][i].rows_min;
            if (count->hub_keys[space][i] != NULL && least > 1) {
                all[found++] = (struct heddle_forecast_hub){.key = count->hub_keys[space][i],
                                                            .label = hub_label(count, targets, space),
                                                            .rows = least,
                                                            .share = (double)least / rows};
            }
        }
    }
    qsort(all, found, sizeof all[0], more_rows_first);
    out->hub_count = found < HEDDLE_FORECAST_HUBS ? found : HEDDLE_FORECAST_HUBS;
    memcpy(out->hubs, all, out->hub_count * sizeof all[0]);
}

static int find_speeds(struct heddle_forecast_count *count, struct heddle_error *error)
{
    for (size_t i = 0; i < HEDDLE_FORECAST_SPEEDS; i++) {
        struct heddle_forecast_speed *speed = &count->out->speeds[i];
        struct heddle_simulation simulation;
        HEDDLE_TRY(
            heddle_forecast_simulate(count, &count->deals[2 * i], speed->writers, NULL, &simulation, error));
        speed->tiles = simulation.speed_up;
        speed->bound = simulation.speed_up / simulation.efficiency;
        speed->transactions = simulation.transactions;
        if (is_relationship(count)) {
            HEDDLE_TRY(
                heddle_forecast_rounds(count, &count->deals[2 * i + 1], speed->writers, &simulation, error));
            speed->rounds = simulation.speed_up;
        }
    }
    return HEDDLE_OK;
}

/* Which parts are written to at the same time, as shares of the whole time. */
static int find_together(struct heddle_forecast_count *count, struct heddle_error *error)
{
    struct heddle_forecast_target *out = count->out;
    const size_t parts = count->spaces * out->parts;
    out->together = heddle_arena_calloc(count->arena, parts * parts, sizeof *out->together);
    if (out->together == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const struct heddle_simulate_watch watch = {.together = out->together, .parts = parts};
    struct heddle_simulation simulation;
    HEDDLE_TRY(heddle_forecast_simulate(count, &count->deals[HEDDLE_FORECAST_PICTURES], out->writers, &watch,
                                        &simulation, error));
    for (size_t i = 0; i < parts * parts && simulation.makespan_us > 0; i++) {
        out->together[i] /= simulation.makespan_us;
    }
    out->together_parts = parts;
    return HEDDLE_OK;
}

int heddle_forecast_count_conclude(struct heddle_forecast_count *count, struct heddle_error *error)
{
    struct heddle_forecast_target *out = count->out;
    if (!out->parted) {
        return HEDDLE_OK;
    }
    const struct heddle_forecast_deal *pictures = &count->deals[HEDDLE_FORECAST_PICTURES];
    const size_t tiles = is_relationship(count) ? pictures->parts * pictures->parts : pictures->parts;
    out->tiles = heddle_arena_calloc(count->arena, tiles, sizeof *out->tiles);
    if (out->tiles == NULL) {
        return heddle_error_out_of_memory(error);
    }
    memcpy(out->tiles, pictures->tiles, tiles * sizeof *out->tiles);
    list_hubs(count);
    HEDDLE_TRY(find_speeds(count, error));
    return find_together(count, error);
}
