/* wording.c: a transaction's rows dealt to statements, and the statements' answer. */
#include "sink/neo4j/wording.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "sink/neo4j/encode.h"
#include "sink/neo4j/load.h"

/* A second statement in a transaction costs the server a fraction of a millisecond: not for a handful of rows. */
enum { BY_ID_SHARE = 4 };

void heddle_wording_free(struct heddle_wording *wording)
{
    free(wording->order);
    free(wording->hashes);
    free(wording->found);
    heddle_buffer_free(&wording->key);
    *wording = (struct heddle_wording){0};
}

/* Room for `count` rows with `ends` ends each. */
static int make_room(struct heddle_wording *wording, size_t count, size_t ends, struct heddle_error *error)
{
    if (count <= wording->capacity && count * ends <= wording->cells) {
        return HEDDLE_OK;
    }
    free(wording->order);
    free(wording->hashes);
    free(wording->found);
    wording->capacity = 0;
    wording->cells = 0;
    wording->order = heddle_calloc(count, sizeof *wording->order);
    wording->hashes = heddle_calloc(count * ends, sizeof *wording->hashes);
    wording->found = heddle_calloc(count * ends, sizeof *wording->found);
    if (wording->order == NULL || wording->hashes == NULL || wording->found == NULL) {
        return heddle_error_out_of_memory(error);
    }
    wording->capacity = count;
    wording->cells = count * ends;
    return HEDDLE_OK;
}

static const struct heddle_target_rows *ready_of(const struct heddle_schedule_row *row)
{
    return ((const struct heddle_lot *)row->batch)->ready;
}

/* True where each row is known to be the first of its identity in this load. */
static bool all_first(const struct heddle_wording *wording)
{
    for (size_t i = 0; i < wording->count; i++) {
        const struct heddle_target_rows *ready = ready_of(&wording->rows[i]);
        if (!ready->firsts_known || heddle_rows_is_repeat(ready, wording->rows[i].row)) {
            return false;
        }
    }
    return true;
}

static enum heddle_cypher_rewrite rewrite_for(const struct heddle_wording *wording, bool first)
{
    const struct heddle_write_plan *plan = wording->plan;
    if (wording->careful || !heddle_plan_rewrites(plan)) {
        return HEDDLE_CYPHER_AS_WRITTEN;
    }
    const bool creates =
        plan->road.road == HEDDLE_ROAD_CREATE || plan->road.road == HEDDLE_ROAD_ONE_STATEMENT;
    if (creates && first) {
        return HEDDLE_CYPHER_CREATE;
    }
    return plan->write_forms[HEDDLE_CYPHER_GUARDED][0] == NULL ? HEDDLE_CYPHER_AS_WRITTEN
                                                               : HEDDLE_CYPHER_GUARDED;
}

/* ---- identities once each ------------------------------------------------------------------------------------------ */

struct identity {
    uint64_t low;
    uint64_t high;
    bool used;
};

/* True where the identity was not there yet; the table has room. */
static bool add_identity(struct identity *table, size_t capacity, struct identity wanted)
{
    size_t at = (size_t)wanted.low & (capacity - 1);
    while (table[at].used) {
        if (table[at].low == wanted.low && table[at].high == wanted.high) {
            return false;
        }
        at = (at + 1) & (capacity - 1);
    }
    table[at] = wanted;
    return true;
}

/* Keeps the first row of each identity; 128 bits of hash tell them apart, as in sink/fold.h. */
static int keep_firsts(struct heddle_wording *wording, struct heddle_error *error)
{
    size_t capacity = 64;
    while (capacity < 2 * wording->count) {
        capacity *= 2;
    }
    struct identity *table = heddle_calloc(capacity, sizeof *table);
    if (table == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const uint64_t seed = heddle_hash_mix(wording->plan->seed);
    wording->sent = 0;
    for (size_t i = 0; i < wording->count; i++) {
        heddle_buffer_reset(&wording->key);
        (void)heddle_rows_identity(ready_of(&wording->rows[i]), wording->rows[i].row, &wording->key);
        const struct identity identity = {
            .low = heddle_hash_bytes(wording->key.bytes, wording->key.length, seed),
            .high = heddle_hash_bytes(wording->key.bytes, wording->key.length, ~seed),
            .used = true,
        };
        if (add_identity(table, capacity, identity)) {
            wording->order[wording->sent++].at = (uint32_t)i;
        }
    }
    free(table);
    return heddle_buffer_check(&wording->key, error);
}

/* ---- ends by id ------------------------------------------------------------------------------------------------------ */

static void find_ids(struct heddle_wording *wording)
{
    const struct heddle_write_plan *plan = wording->plan;
    const struct heddle_target *target = plan->target;
    for (size_t i = 0; i < wording->sent; i++) {
        const struct heddle_schedule_row *row = &wording->rows[wording->order[i].at];
        const struct heddle_target_rows *ready = ready_of(row);
        wording->hashes[2 * i] = heddle_ids_hash(ready->start_keys, target->start.key_count, row->row,
                                                 plan->id_space_a, &wording->key);
        wording->hashes[2 * i + 1] = heddle_ids_hash(ready->end_keys, target->end.key_count, row->row,
                                                     plan->id_space_b, &wording->key);
    }
    heddle_ids_get(wording->ids, wording->hashes, wording->found, 2 * wording->sent);
}

/* Brings the rows with two known ids to the front, each side in its order. The hashes are done with: their memory holds
 * the others meanwhile. */
static void sort_by_id(struct heddle_wording *wording)
{
    size_t others = 0;
    wording->by_id = 0;
    for (size_t i = 0; i < wording->sent; i++) {
        const struct heddle_wording_row row = {wording->order[i].at,
                                               {wording->found[2 * i], wording->found[2 * i + 1]}};
        if (row.ids[0] != HEDDLE_IDS_NONE && row.ids[1] != HEDDLE_IDS_NONE) {
            wording->order[wording->by_id++] = row;
        } else {
            wording->hashes[others++] = row.at;
        }
    }
    for (size_t i = 0; i < others; i++) {
        wording->order[wording->by_id + i].at = (uint32_t)wording->hashes[i];
    }
}

/* Keeps the order of the rows where few of them have ids. */
static void deal_by_id(struct heddle_wording *wording)
{
    size_t known = 0;
    find_ids(wording);
    for (size_t i = 0; i < wording->sent; i++) {
        known += wording->found[2 * i] != HEDDLE_IDS_NONE && wording->found[2 * i + 1] != HEDDLE_IDS_NONE;
    }
    if (known * BY_ID_SHARE >= wording->sent) {
        sort_by_id(wording);
    }
}

void heddle_wording_start(struct heddle_wording *wording, const struct heddle_write_plan *plan,
                          const struct heddle_schedule_row *rows, size_t count, bool careful)
{
    wording->plan = plan;
    wording->rows = rows;
    wording->count = count;
    wording->careful = careful;
    wording->keep_key = false;
}

/* ---- nodes that take their relationships along ----------------------------------------------------------------------- */

static void find_ends(struct heddle_wording *wording)
{
    const struct heddle_write_plan *plan = wording->plan;
    const size_t ends = plan->rider_count;
    for (size_t i = 0; i < wording->count; i++) {
        const struct heddle_schedule_row *row = &wording->rows[i];
        const struct heddle_lot *lot = row->batch;
        for (size_t j = 0; j < ends; j++) {
            const struct heddle_write_plan *rider = plan->riders[j];
            wording->hashes[i * ends + j] =
                heddle_ids_hash(lot->riders[j]->ready->end_keys, rider->target->end.key_count, row->row,
                                rider->id_space_b, &wording->key);
        }
    }
    heddle_ids_get(wording->ids, wording->hashes, wording->found, wording->count * ends);
}

static bool ends_known(const struct heddle_wording *wording, size_t at)
{
    const size_t ends = wording->plan->rider_count;
    for (size_t i = 0; i < ends; i++) {
        if (wording->found[at * ends + i] == HEDDLE_IDS_NONE) {
            return false;
        }
    }
    return true;
}

/* All rows are firsts, so their order says nothing: those whose ends are all known by id come first. */
static int choose_together(struct heddle_wording *wording, struct heddle_error *error)
{
    const struct heddle_write_plan *plan = wording->plan;
    wording->rewrite = HEDDLE_CYPHER_CREATE;
    HEDDLE_TRY(make_room(wording, wording->count, plan->rider_count, error));
    const bool asks = wording->ids != NULL && plan->uses_ids && !heddle_ids_is_given_up(wording->ids);
    if (asks) {
        find_ends(wording);
        HEDDLE_TRY(heddle_buffer_check(&wording->key, error));
    }
    size_t known = 0;
    for (size_t i = 0; asks && i < wording->count; i++) {
        if (ends_known(wording, i)) {
            wording->order[known++].at = (uint32_t)i;
        }
    }
    wording->by_id = known * BY_ID_SHARE >= wording->count ? known : 0;
    size_t at = wording->by_id;
    for (size_t i = 0; i < wording->count; i++) {
        if (wording->by_id == 0 || !ends_known(wording, i)) {
            wording->order[at++].at = (uint32_t)i;
        }
    }
    return HEDDLE_OK;
}

static int64_t id_of(struct heddle_ids *ids, const struct heddle_value *value)
{
    int64_t id = HEDDLE_IDS_NONE;
    return heddle_ids_of_value(ids, value, &id) ? id : HEDDLE_IDS_NONE;
}

/* Keeps the ids of written nodes: `done` rows of the order are spoken for. */
static void learn_together(struct heddle_wording *wording, const struct heddle_value_list *ids, size_t done)
{
    const struct heddle_write_plan *plan = wording->plan;
    for (size_t i = 0; wording->ids != NULL && i < ids->count && done + i < wording->count; i++) {
        const struct heddle_schedule_row *row = &wording->rows[wording->order[done + i].at];
        const uint64_t hash = heddle_ids_hash(ready_of(row)->keys, plan->target->key_count, row->row,
                                              plan->id_space_a, &wording->key);
        const int64_t id = id_of(wording->ids, &ids->items[i]);
        heddle_ids_put(wording->ids, &hash, &id, 1);
    }
}

static struct heddle_written read_together(struct heddle_wording *wording,
                                           const struct heddle_bolt_answer *answer)
{
    size_t done = 0;
    for (size_t i = 0; i < answer->record_count; i++) {
        const struct heddle_value *first = answer->records[i].count > 0 ? answer->records[i].items : NULL;
        if (first != NULL && first->type == HEDDLE_VALUE_LIST) {
            learn_together(wording, &first->list, done);
            done += first->list.count;
        }
    }
    /* The statement fails unless it finds each end of each row once. */
    return (struct heddle_written){.matched = wording->count, .created = wording->count};
}

/* Rows of one identity must not change places, and a batch sent as written may hold several; they have the same ends, so
 * both are known or neither is, and each side keeps its order. */
int heddle_wording_choose(struct heddle_wording *wording, struct heddle_ids *ids, struct heddle_error *error)
{
    const struct heddle_write_plan *plan = wording->plan;
    const size_t count = wording->count;
    wording->ids = ids;
    wording->sent = count;
    wording->by_id = 0;
    if (plan->rider_count > 0) {
        return choose_together(wording, error);
    }
    const bool rewrites = heddle_plan_rewrites(plan) && !wording->careful;
    const bool first = rewrites && all_first(wording);
    wording->rewrite = rewrite_for(wording, first);
    if (plan->target->kind != HEDDLE_TARGET_RELATIONSHIP) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(make_room(wording, count, 2, error));
    for (size_t i = 0; i < count; i++) {
        wording->order[i].at = (uint32_t)i;
    }
    if (wording->rewrite == HEDDLE_CYPHER_GUARDED && !first) {
        HEDDLE_TRY(keep_firsts(wording, error));
    }
    if (ids != NULL && plan->uses_ids && !wording->keep_key && !heddle_ids_is_given_up(ids)) {
        deal_by_id(wording);
        return heddle_buffer_check(&wording->key, error);
    }
    return HEDDLE_OK;
}

/* ---- out and back ---------------------------------------------------------------------------------------------------- */

/* Where each row has its vector, the statement need not look for those that have none. */
static const char *statement_of(const struct heddle_wording *wording, bool by_id)
{
    const char *for_vectors = wording->plan->vector_forms[wording->rewrite];
    for (size_t i = 0; i < wording->count && for_vectors != NULL; i++) {
        if (!heddle_rows_has_vector(ready_of(&wording->rows[i]), wording->rows[i].row)) {
            for_vectors = NULL;
        }
    }
    return for_vectors != NULL ? for_vectors : wording->plan->write_forms[wording->rewrite][by_id ? 1 : 0];
}

/* One statement with order[first .. end). */
static void write_run(const struct heddle_wording *wording, struct heddle_bolt_request *request, size_t first,
                      size_t end, bool by_id)
{
    const struct heddle_write_plan *plan = wording->plan;
    const size_t ends = plan->rider_count;
    const bool in_order = plan->target->kind != HEDDLE_TARGET_RELATIONSHIP && ends == 0;
    const bool numbered = by_id || ends > 0;
    const bool counts = heddle_cypher_counts_rows(plan->target, wording->rewrite);
    struct heddle_encode_form form = {.ordinal = -1};
    struct heddle_pack *pack =
        heddle_bolt_request_run_open(request, statement_of(wording, by_id), numbered ? 2 : 1);
    if (by_id) {
        form.id_prefix = plan->element_ids ? heddle_ids_element_prefix(wording->ids) : NULL;
    }
    if (numbered) {
        heddle_pack_text(pack, "n");
        heddle_pack_integer(pack, (int64_t)(end - first));
    }
    heddle_pack_text(pack, plan->parameter);
    heddle_pack_list(pack, (uint32_t)(end - first));
    for (size_t i = first; i < end; i++) {
        const struct heddle_wording_row *at = in_order ? NULL : &wording->order[i];
        form.ids = !by_id ? NULL : ends > 0 ? wording->found + at->at * ends : at->ids;
        form.ordinal = counts ? (int64_t)(i - first) : -1;
        heddle_encode_row(pack, plan, &wording->rows[in_order ? i : at->at], &form);
    }
    /* What a query returns nobody reads. */
    heddle_bolt_request_run_close(request, plan->target->kind == HEDDLE_TARGET_QUERY ? HEDDLE_BOLT_DISCARD
                                                                                     : HEDDLE_BOLT_PULL);
}

void heddle_wording_write(const struct heddle_wording *wording, struct heddle_bolt_request *request)
{
    if (wording->by_id > 0) {
        write_run(wording, request, 0, wording->by_id, true);
    }
    if (wording->by_id < wording->sent) {
        write_run(wording, request, wording->by_id, wording->sent, false);
    }
}

/* Keeps the ids of written nodes. A key that is not unique has several nodes, so that rows and ids do not pair up: then
 * nothing is kept. Ids are hints: running out of memory loses some. */
static void learn_ids(struct heddle_wording *wording, const struct heddle_value_list *ids)
{
    const struct heddle_target *target = wording->plan->target;
    struct heddle_error ignored;
    if (wording->ids == NULL || ids->count != wording->count ||
        make_room(wording, wording->count, 2, &ignored) != HEDDLE_OK) {
        return;
    }
    for (size_t i = 0; i < wording->count; i++) {
        const struct heddle_schedule_row *row = &wording->rows[i];
        wording->hashes[i] = heddle_ids_hash(ready_of(row)->keys, target->key_count, row->row,
                                             wording->plan->id_space_a, &wording->key);
        wording->found[i] = id_of(wording->ids, &ids->items[i]);
    }
    heddle_ids_put(wording->ids, wording->hashes, wording->found, wording->count);
}

struct heddle_written heddle_wording_read(struct heddle_wording *wording,
                                          const struct heddle_bolt_answer *answer)
{
    const struct heddle_counters *counters = &answer->counters;
    const bool is_node = wording->plan->target->kind == HEDDLE_TARGET_NODE;
    struct heddle_written written = {.matched = wording->sent};
    if (wording->plan->rider_count > 0) {
        return read_together(wording, answer);
    }
    if (wording->plan->target->removes) {
        return written; /* a row whose node or relationship is gone is done, whoever removed it */
    }
    if (wording->plan->target->kind == HEDDLE_TARGET_QUERY) {
        return written; /* what its statement makes of a row is its own affair: one that went through is matched */
    }
    written.created = (size_t)(is_node ? counters->nodes_created : counters->relationships_created);
    written.ends_created = is_node ? 0 : (size_t)counters->nodes_created;
    int64_t matched = 0;
    for (size_t i = 0; i < answer->record_count; i++) {
        const struct heddle_value *first = answer->records[i].count > 0 ? answer->records[i].items : NULL;
        if (is_node && first != NULL && first->type == HEDDLE_VALUE_LIST) {
            learn_ids(wording, &first->list);
        } else if (!is_node && first != NULL && first->type == HEDDLE_VALUE_INTEGER) {
            matched += first->integer > 0 ? first->integer : 0;
        }
    }
    written.matched = is_node ? wording->sent : (size_t)matched;
    return written;
}

bool heddle_wording_reword(struct heddle_wording *wording, const struct heddle_bolt_answer *answer,
                           const struct heddle_error *reason)
{
    if (wording->plan->rider_count > 0) {
        return false;
    }
    if (reason->action == HEDDLE_ACTION_ASK && wording->rewrite != HEDDLE_CYPHER_AS_WRITTEN) {
        wording->careful = true;
        return true;
    }
    /* Whatever a statement by id cannot do, the rows by key will show whose fault it is. */
    if (wording->by_id > 0 && !wording->keep_key && answer->failed_run >= 0 &&
        strstr(reason->code, HEDDLE_CYPHER_SHORT) != NULL) {
        wording->keep_key = true;
        return true;
    }
    return false;
}

size_t heddle_wording_count_marked(const struct heddle_wording *wording, const bool *is_marked)
{
    size_t marked = 0;
    for (size_t i = 0; i < wording->sent; i++) {
        const bool in_order = wording->plan->target->kind != HEDDLE_TARGET_RELATIONSHIP;
        marked += is_marked[in_order ? i : wording->order[i].at] ? 1 : 0;
    }
    return marked;
}
