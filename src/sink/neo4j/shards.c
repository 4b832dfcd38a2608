/* shards.c: joining the others, meeting them, and keeping out of their way. */
#include "sink/neo4j/shards.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "sink/lease.h"
#include "sink/neo4j/ask.h"
#include "sink/neo4j/epoch.h"
#include "sink/neo4j/marks.h"
#include "sink/neo4j/transaction.h"

/* How long a pair of classes is preferred: some transactions long, so that few straddle its end. */
static const uint64_t PHASE_NS = UINT64_C(1000000000);

/* Between two looks at how far the others are. */
enum { LOOK_MS = 250 };

/* A shard that begins anew says so within this time; until then it may still show what it saw the time before. */
static const uint64_t DIFFER_NS = UINT64_C(20000000000);

static const char *const constraints[] = {
    "CREATE CONSTRAINT heddle_load_id IF NOT EXISTS FOR (l:HeddleLoad) REQUIRE l.id IS UNIQUE",
    "CREATE CONSTRAINT heddle_part_id IF NOT EXISTS FOR (p:HeddlePart) REQUIRE p.id IS UNIQUE",
};

static const char *const group_make =
    "MERGE (g:HeddleLoad {id: $group}) ON CREATE SET g.started_at = datetime(), g.shards = $shards, "
    "g.parts = $parts, g.seed = $seed, g.precision = $precision, g.format = $format, g.job = $job "
    "RETURN coalesce(g.shards, 0) AS shards, g.parts AS parts, g.seed AS seed, g.precision AS precision, "
    "g.format AS format";

/* A fresh start with another number of shards, or after a run without shards. */
static const char *const group_anew =
    "MATCH (g:HeddleLoad {id: $group}) SET g.shards = $shards, g.parts = $parts, g.seed = $seed, "
    "g.precision = $precision, g.format = $format REMOVE g.epoch, g.owner, g.host, g.heartbeat, g.done "
    "WITH g OPTIONAL MATCH (l:HeddleLoad) WHERE l.group = $group AND l.of <> $shards DETACH DELETE l "
    "RETURN count(*) AS done";

static const char *const group_alive =
    "MATCH (l:HeddleLoad) WHERE (l.id = $group OR l.group = $group) AND timestamp() - l.heartbeat < $lease "
    "RETURN count(l) AS alive";

/* Ascending, so that two shards that come at once wait in order. */
static const char *const parts_make =
    "UNWIND $spaces AS s UNWIND range(s * $parts, (s + 1) * $parts - 1) AS i "
    "MERGE (p:HeddlePart {id: $group + '/' + toString(i)}) ON CREATE SET p.held = true "
    "RETURN count(p) AS parts";

static const char *const arrive_set =
    "MATCH (l:HeddleLoad {id: $id}) WHERE l.epoch = $epoch SET l.group = $group, l.shard = $shard, "
    "l.of = $shards, l.stage = $stage, l.through = $through, l.heartbeat = timestamp() "
    "RETURN l.epoch AS epoch";

static const char *const others_look =
    "MATCH (l:HeddleLoad) WHERE l.id STARTS WITH $prefix AND l.group = $group AND l.of = $shards "
    "RETURN l.shard AS shard, l.stage AS stage, l.through AS through, "
    "timestamp() - coalesce(l.heartbeat, 0) AS age, coalesce(l.host, '') AS host";

static const char *const members_delete =
    "MATCH (l:HeddleLoad) WHERE l.group = $group DETACH DELETE l RETURN count(*) AS deleted";
static const char *const parts_delete =
    "MATCH (p:HeddlePart) WHERE p.id STARTS WITH $prefix DETACH DELETE p RETURN count(*) AS deleted";

/* What changes between the statements above. */
struct question {
    const char *text;
    const char *prefix;
    const struct heddle_meeting *meeting;
    size_t parts;
    const uint8_t *spaces; /* a byte for each of `space_count`: is it wanted */
    size_t space_count;
};

static void put_spaces(struct heddle_pack *pack, const void *context)
{
    const struct question *question = context;
    uint32_t wanted = 0;
    for (size_t i = 0; i < question->space_count; i++) {
        wanted += question->spaces[i];
    }
    heddle_pack_list(pack, wanted);
    for (size_t i = 0; i < question->space_count; i++) {
        if (question->spaces[i] != 0) {
            heddle_pack_integer(pack, (int64_t)i);
        }
    }
}

static int ask(struct heddle_load *load, const struct question *question, struct heddle_arena *arena,
               struct heddle_bolt_result *result, struct heddle_error *error)
{
    const struct heddle_sink_options *options = load->options;
    const struct heddle_sink_shard *shard = &options->shard;
    const struct heddle_meeting *meeting = question->meeting;
    const struct heddle_ask_parameter parameters[] = {
        {.name = "group", .text = shard->group == NULL ? options->load.id : shard->group},
        {.name = "id", .text = options->load.id},
        {.name = "job", .text = options->load.job == NULL ? "" : options->load.job},
        {.name = "precision", .text = options->load.precision == NULL ? "" : options->load.precision},
        {.name = "prefix", .text = question->prefix == NULL ? "" : question->prefix},
        {.name = "through", .text = meeting == NULL ? "" : meeting->through},
        {.name = "stage",
         .kind = HEDDLE_ASK_INTEGER,
         .integer = meeting == NULL ? 0 : (int64_t)meeting->stage},
        {.name = "shard", .kind = HEDDLE_ASK_INTEGER, .integer = (int64_t)shard->share.index},
        {.name = "shards", .kind = HEDDLE_ASK_INTEGER, .integer = (int64_t)shard->share.count},
        {.name = "parts", .kind = HEDDLE_ASK_INTEGER, .integer = (int64_t)question->parts},
        {.name = "spaces", .kind = HEDDLE_ASK_WRITTEN, .write = put_spaces, .context = question},
        {.name = "seed", .kind = HEDDLE_ASK_INTEGER, .integer = (int64_t)options->seed},
        {.name = "format", .kind = HEDDLE_ASK_INTEGER, .integer = HEDDLE_LEASE_FORMAT},
        {.name = "epoch", .kind = HEDDLE_ASK_INTEGER, .integer = load->epoch},
        {.name = "lease", .kind = HEDDLE_ASK_INTEGER, .integer = HEDDLE_EPOCH_LEASE_MS},
    };
    const struct heddle_ask whole = {
        .text = question->text,
        .parameters = parameters,
        .parameter_count = sizeof parameters / sizeof parameters[0],
        .mode = HEDDLE_BOLT_WRITE,
        .database = load->ability.database,
    };
    return heddle_ask_run(load->control, &whole, arena, result, error);
}

/* ---- joining ---- */

/* Identities are one shard's; so are the nodes of node targets, unless something else is written beside them. */
bool heddle_shards_plan_locks(const struct heddle_load *load, const struct heddle_write_plan *plan)
{
    if (!heddle_load_is_shard(load) || load->options->shard.no_part_locks) {
        return false;
    }
    switch (plan->claim) {
    case HEDDLE_CLAIM_NOTHING:
    case HEDDLE_CLAIM_IDENTITY: return false;
    case HEDDLE_CLAIM_ENDS:
    case HEDDLE_CLAIM_ONE:
    case HEDDLE_CLAIM_TOUCHES: return true;
    case HEDDLE_CLAIM_KEY: break;
    }
    for (size_t i = 0; i < load->options->target_count; i++) {
        const struct heddle_target *other = &load->options->targets[i];
        if (other->kind != HEDDLE_TARGET_NODE && other->level == plan->target->level) {
            return true;
        }
    }
    return false;
}

/* Enough that a shard's classes hold room for all of its writers, and no more: the fewer, the more rows a tile has. */
static size_t parts_wanted(const struct heddle_load *load)
{
    size_t parts = HEDDLE_SHARDS_PARTS_MIN;
    const size_t writers = load->writer_max * load->options->shard.share.count;
    while (parts < 8 * writers && parts < HEDDLE_SHARDS_PARTS_MAX) {
        parts *= 2;
    }
    return parts;
}

static int refuse_number(const struct heddle_load *load, int64_t shards, struct heddle_error *error)
{
    const struct heddle_sink_shard *shard = &load->options->shard;
    if (shards == 0) {
        return heddle_error_set(error, HEDDLE_DATABASE,
                                "load %s was begun by one run, without --shard: go on with that, or start "
                                "over with --fresh, which loads every row again",
                                shard->group);
    }
    return heddle_error_set(error, HEDDLE_DATABASE,
                            "load %s was begun in %" PRId64 " shards and this is one of %zu: rows would be "
                            "loaded twice, or by nobody; go on with --shard i/%" PRId64
                            ", or start all shards over with --fresh",
                            shard->group, shards, shard->share.count, shards);
}

/* Starts the load's node over, unless somebody is at work on it. */
static int group_restart(struct heddle_load *load, size_t parts, struct heddle_arena *arena,
                         struct heddle_error *error)
{
    struct heddle_bolt_result result;
    struct question question = {.text = group_alive, .parts = parts};
    HEDDLE_TRY(ask(load, &question, arena, &result, error));
    if (heddle_ask_cell_integer(&result, 0, 0) > 0) {
        return heddle_error_set(error, HEDDLE_DATABASE,
                                "load %s is running with another number of shards: stop that first, or wait "
                                "%d s if it has died",
                                load->options->shard.group, HEDDLE_EPOCH_LEASE_MS / 1000);
    }
    question.text = group_anew;
    return ask(load, &question, arena, &result, error);
}

static int check_group(const struct heddle_load *load, const struct heddle_bolt_result *group,
                       struct heddle_error *error)
{
    const struct heddle_sink_options *options = load->options;
    const char *id = options->shard.group;
    const char *precision = options->load.precision == NULL ? "" : options->load.precision;
    const int64_t format = heddle_ask_cell_integer(group, 0, 4);
    if (format != HEDDLE_LEASE_FORMAT) {
        return heddle_error_set(error, HEDDLE_DATABASE,
                                "load %s is recorded in format %" PRId64 " and this version of heddle knows "
                                "format %d: use one version for all shards",
                                id, format, HEDDLE_LEASE_FORMAT);
    }
    if (heddle_ask_cell_integer(group, 0, 2) != (int64_t)options->seed) {
        return heddle_error_set(error, HEDDLE_DATABASE,
                                "the shards of load %s have different job files: use one for all", id);
    }
    if (strcmp(heddle_ask_cell_text(group, 0, 3), precision) != 0) {
        return heddle_error_set(error, HEDDLE_DATABASE,
                                "the shards of load %s make %s vectors and this one %s ones, which must not "
                                "be mixed: give all of them the same --precision",
                                id, heddle_ask_cell_text(group, 0, 3), precision);
    }
    return HEDDLE_OK;
}

static int join(struct heddle_load *load, struct heddle_arena *arena, struct heddle_error *error)
{
    struct heddle_bolt_result result;
    const struct heddle_share *share = &load->options->shard.share;
    struct question question = {.parts = parts_wanted(load)};
    for (size_t i = 0; i < sizeof constraints / sizeof constraints[0]; i++) {
        question.text = constraints[i];
        HEDDLE_TRY(ask(load, &question, arena, &result, error));
    }
    question.text = group_make;
    HEDDLE_TRY(ask(load, &question, arena, &result, error));
    const int64_t shards = heddle_ask_cell_integer(&result, 0, 0);
    if (shards != (int64_t)share->count) {
        if (!load->options->load.fresh) {
            return refuse_number(load, shards, error);
        }
        HEDDLE_TRY(group_restart(load, question.parts, arena, error));
        HEDDLE_TRY(ask(load, &question, arena, &result, error));
    }
    HEDDLE_TRY(check_group(load, &result, error));
    const int64_t parts = heddle_ask_cell_integer(&result, 0, 1);
    if (parts < 1 || parts > HEDDLE_SCHEDULE_PARTS_MAX) {
        return heddle_error_set(error, HEDDLE_DATABASE,
                                "the record of load %s says that it has %" PRId64 " parts: it was changed by "
                                "hand; start all shards over with --fresh",
                                load->options->shard.group, parts);
    }
    load->parts = (size_t)parts;
    return HEDDLE_OK;
}

int heddle_shards_join(struct heddle_load *load, struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    if (!heddle_load_is_shard(load)) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    const int status = join(load, arena, error);
    heddle_arena_destroy(arena);
    return status;
}

static int make_parts(struct heddle_load *load, struct heddle_arena *arena, struct heddle_error *error)
{
    struct heddle_bolt_result result;
    const size_t space_count = heddle_window_spaces(load->window);
    uint8_t *wanted = heddle_arena_calloc(arena, space_count, 1);
    size_t wanted_count = 0;
    if (wanted == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < load->options->target_count; i++) {
        size_t spaces[HEDDLE_TOUCHES_MAX];
        const size_t count = heddle_shards_plan_locks(load, &load->plans[i])
                                 ? heddle_window_plan_spaces(load->window, i, spaces)
                                 : 0;
        wanted_count += count;
        for (size_t j = 0; j < count; j++) {
            wanted[spaces[j]] = 1;
        }
    }
    const struct question question = {
        .text = parts_make, .parts = load->parts, .spaces = wanted, .space_count = space_count};
    return wanted_count == 0 ? HEDDLE_OK : ask(load, &question, arena, &result, error);
}

int heddle_shards_make_parts(struct heddle_load *load, struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    if (!heddle_load_is_shard(load)) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    const int status = make_parts(load, arena, error);
    heddle_arena_destroy(arena);
    return status;
}

int heddle_shards_dissolve(struct heddle_load *load, struct heddle_error *error)
{
    char prefix[HEDDLE_MARK_TEXT_MAX];
    struct heddle_arena *arena = NULL;
    struct heddle_bolt_result result;
    snprintf(prefix, sizeof prefix, "%.*s/", HEDDLE_LOAD_ID_MAX, load->options->load.id);
    struct question question = {.text = members_delete, .prefix = prefix};
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    int status = ask(load, &question, arena, &result, error);
    if (status == HEDDLE_OK) {
        question.text = parts_delete;
        status = ask(load, &question, arena, &result, error);
    }
    heddle_arena_destroy(arena);
    return status;
}

/* ---- meeting ---- */

/* What a look at the others has found. */
struct look {
    size_t missing; /* the shard (from 0) that is waited for; SIZE_MAX = none */
    bool alive;     /* it gives signs of life */
    bool differs;   /* it sees other tables */
    char host[64];
};

/* A shard that has come to the meeting is waited for no longer. */
static void judge(const struct heddle_meeting *meeting, const struct heddle_bolt_result *result, size_t shard,
                  struct look *look)
{
    for (size_t i = 0; i < result->record_count; i++) {
        if (heddle_ask_cell_integer(result, i, 0) != (int64_t)shard) {
            continue;
        }
        const bool same = strcmp(heddle_ask_cell_text(result, i, 2), meeting->through) == 0;
        if (same && heddle_ask_cell_integer(result, i, 1) >= (int64_t)meeting->stage) {
            return;
        }
        look->alive = heddle_ask_cell_integer(result, i, 3) < HEDDLE_EPOCH_LEASE_MS;
        look->differs = !same;
        snprintf(look->host, sizeof look->host, "%s", heddle_ask_cell_text(result, i, 4));
    }
    look->missing = shard;
}

/* The first shard that is not there yet; one without a sign of life before all others. */
static int look_around(struct heddle_load *load, const struct heddle_meeting *meeting,
                       struct heddle_arena *arena, struct look *look_out, struct heddle_error *error)
{
    char prefix[HEDDLE_MARK_TEXT_MAX];
    struct heddle_bolt_result result;
    const struct heddle_share *share = &load->options->shard.share;
    snprintf(prefix, sizeof prefix, "%.*s.", HEDDLE_LOAD_ID_MAX, load->options->shard.group);
    const struct question question = {.text = others_look, .prefix = prefix, .meeting = meeting};
    *look_out = (struct look){.missing = SIZE_MAX, .alive = true};
    HEDDLE_TRY(ask(load, &question, arena, &result, error));
    for (size_t shard = 0; shard < share->count; shard++) {
        struct look look = {.missing = SIZE_MAX};
        judge(meeting, &result, shard, &look);
        if (look.missing != SIZE_MAX && (look_out->missing == SIZE_MAX || !look.alive)) {
            *look_out = look;
        }
    }
    return HEDDLE_OK;
}

static void tell(struct heddle_load *load, const struct look *look)
{
    const struct heddle_share *share = &load->options->shard.share;
    pthread_mutex_lock(&load->lock);
    char *text = load->progress.waits_for;
    if (look->missing == SIZE_MAX) {
        text[0] = '\0';
    } else {
        snprintf(text, sizeof load->progress.waits_for, "shard %zu of %zu%s", look->missing + 1, share->count,
                 look->alive ? "" : ", which gives no sign of life");
    }
    pthread_mutex_unlock(&load->lock);
}

static int give_up(const struct heddle_load *load, const struct look *look,
                   const struct heddle_meeting *meeting, struct heddle_error *error)
{
    const size_t count = load->options->shard.share.count;
    if (look->alive) {
        return heddle_error_set(error, HEDDLE_DATABASE,
                                "shard %zu of %zu, on %s, sees other rows in the sources than this one: they "
                                "changed while the shards were started; start all shards again, each goes on "
                                "where it stopped",
                                look->missing + 1, count, look->host);
    }
    return heddle_error_set(error, HEDDLE_DATABASE,
                            "shard %zu of %zu was not heard of for %" PRIu32
                            " s, and this one cannot go on without it: start it with --shard %zu/%zu, then "
                            "this one again, which goes on where it stopped",
                            look->missing + 1, count, meeting->wait_ms / 1000, look->missing + 1, count);
}

/* Rests, and says whether the load ends meanwhile. */
static int rest(struct heddle_load *load, struct heddle_error *error)
{
    heddle_clock_sleep_ms(LOOK_MS);
    pthread_mutex_lock(&load->lock);
    const bool stopping = load->stopping;
    const bool failed = load->failed;
    if (failed && error != NULL) {
        *error = load->failure;
    }
    const int status = failed ? load->failure.status : HEDDLE_OK;
    pthread_mutex_unlock(&load->lock);
    if (!failed && stopping) {
        return heddle_error_set(error, HEDDLE_INTERRUPTED,
                                "stopped on request while waiting for other shards");
    }
    return status;
}

/* Time since something holds, 0 where it does not. */
static uint64_t since(bool holds, uint64_t *start)
{
    const uint64_t now = heddle_clock_ns();
    if (!holds) {
        *start = 0;
        return 0;
    }
    *start = *start == 0 ? now : *start;
    return now - *start;
}

static int wait_for_all(struct heddle_load *load, const struct heddle_meeting *meeting,
                        struct heddle_arena *arena, struct heddle_error *error)
{
    uint64_t silent_from = 0;
    uint64_t differs_from = 0;
    for (;;) {
        struct look look;
        heddle_arena_reset(arena);
        HEDDLE_TRY(look_around(load, meeting, arena, &look, error));
        tell(load, &look);
        if (look.missing == SIZE_MAX) {
            return HEDDLE_OK;
        }
        const uint64_t silent = since(!look.alive, &silent_from);
        const uint64_t differs = since(look.alive && look.differs, &differs_from);
        if (silent > meeting->wait_ms * UINT64_C(1000000) || differs > DIFFER_NS) {
            return give_up(load, &look, meeting, error);
        }
        HEDDLE_TRY(rest(load, error));
    }
}

int heddle_shards_meet(struct heddle_load *load, const struct heddle_meeting *meeting,
                       struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    struct heddle_bolt_result result;
    if (!heddle_load_is_shard(load) || load->epoch == 0) {
        return HEDDLE_OK;
    }
    const struct question question = {.text = arrive_set, .meeting = meeting};
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    int status = ask(load, &question, arena, &result, error);
    if (status == HEDDLE_OK && result.record_count == 0) {
        status = heddle_mark_lost(load, error);
    }
    if (status == HEDDLE_OK && meeting->wait_ms > 0) {
        status = wait_for_all(load, meeting, arena, error);
    }
    heddle_arena_destroy(arena);
    return status;
}

/* ---- keeping out of the way ---- */

void heddle_shards_classes(size_t index, size_t count, uint64_t round, size_t classes_out[2])
{
    /* The circle method: the last class stays, the others go round it; each round pairs all of them. */
    const size_t others = 2 * count - 1;
    const size_t turn = (size_t)(round % others);
    if (index == 0) {
        classes_out[0] = others;
        classes_out[1] = turn;
        return;
    }
    classes_out[0] = (turn + index) % others;
    classes_out[1] = (turn + others - index) % others;
}

void heddle_shards_phase(struct heddle_load *load)
{
    const struct heddle_share *share = &load->options->shard.share;
    struct timespec now;
    size_t preferred[2];
    if (load->avoided == NULL || share->count < 2) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t round = ((uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec) / PHASE_NS;
    if (round == load->phase) {
        return;
    }
    load->phase = round;
    heddle_shards_classes(share->index, share->count, round, preferred);
    const size_t parts = heddle_window_spaces(load->window) * heddle_window_parts(load->window);
    for (size_t i = 0; i < parts; i++) {
        const size_t class = i % heddle_window_parts(load->window) % (2 * share->count);
        load->avoided[i] = class != preferred[0] && class != preferred[1];
    }
    heddle_scheduler_avoid(load->scheduler, load->avoided);
}

static int ascending(const void *left, const void *right)
{
    const uint32_t a = *(const uint32_t *)left;
    const uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

size_t heddle_shards_locks(const struct heddle_load *load, const struct heddle_transaction *transaction,
                           struct heddle_buffer *parts)
{
    if (!heddle_shards_plan_locks(load, transaction->plan)) {
        return 0;
    }
    for (size_t i = 0; i < transaction->count; i++) {
        uint32_t row_parts[HEDDLE_TOUCHES_MAX];
        const struct heddle_lot *lot = transaction->rows[i].batch;
        if (!lot->claims) {
            continue;
        }
        const size_t some = heddle_window_row_parts(load->window, lot, transaction->rows[i].row, row_parts);
        heddle_buffer_append(parts, row_parts, some * sizeof row_parts[0]);
    }
    if (parts->failed || parts->length == 0) {
        return 0;
    }
    uint32_t *list = (uint32_t *)(void *)parts->bytes;
    const size_t all = parts->length / sizeof *list;
    size_t count = 0;
    qsort(list, all, sizeof *list, ascending);
    for (size_t i = 0; i < all; i++) {
        if (count == 0 || list[count - 1] != list[i]) {
            list[count++] = list[i];
        }
    }
    return count;
}

const char *heddle_shards_part_text(const struct heddle_load *load, uint32_t part, char *text)
{
    snprintf(text, HEDDLE_SHARDS_PART_TEXT, "%.*s/%" PRIu32, HEDDLE_LOAD_ID_MAX, load->options->shard.group,
             part);
    return text;
}
