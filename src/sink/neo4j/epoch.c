/* epoch.c: taking a load: the node is read, the right to it judged here, and the epoch raised if it has not moved. */
#include "sink/neo4j/epoch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sink/lease.h"
#include "sink/neo4j/ask.h"
#include "sink/neo4j/marks.h"
#include "sink/neo4j/shards.h"

static const char *const constraints[] = {
    "CREATE CONSTRAINT heddle_load_id IF NOT EXISTS FOR (l:HeddleLoad) REQUIRE l.id IS UNIQUE",
    "CREATE CONSTRAINT heddle_tx_id IF NOT EXISTS FOR (t:HeddleTx) REQUIRE t.id IS UNIQUE",
};

static const char *const node_read =
    "MATCH (l:HeddleLoad {id: $id}) RETURN l.epoch AS epoch, l.owner AS owner, l.host AS host, "
    "timestamp() - l.heartbeat AS age, l.format AS format, l.seed AS seed, l.precision AS precision, "
    "toString(l.started_at) AS started, l.stamped_labels IS NOT NULL AS stamps, "
    "l.leaving IS NOT NULL AS leaving, l.shards AS shards";

/* A record of a version that had no epochs is a new load. The first SET takes the lock: only then does the epoch hold
 * still. Run twice (the answer was lost), it finds its own name. */
static const char *const node_take =
    "MERGE (l:HeddleLoad {id: $id}) ON CREATE SET l.started_at = datetime() SET l.locked = timestamp() "
    "WITH l WHERE coalesce(l.epoch, 0) = $seen OR l.owner = $owner "
    "SET l.epoch = $seen + 1, l.owner = $owner, l.host = $host, l.heartbeat = timestamp(), "
    "l.done = CASE WHEN $fresh = 1 THEN -1 ELSE coalesce(l.done, -1) END, "
    "l.format = $format, l.seed = $seed, l.parts = $parts, l.precision = $precision, l.job = $job, "
    "l.stamped_labels = CASE $stamps WHEN 1 THEN $labels ELSE null END, "
    "l.stamped_types = CASE $stamps WHEN 1 THEN $types ELSE null END "
    "REMOVE l.locked, l.leaving, l.shards RETURN l.epoch AS epoch";

static const char *const node_release =
    "MATCH (l:HeddleLoad {id: $id}) WHERE l.epoch = $seen SET l.heartbeat = 0";

/* Fields of node_read. */
enum {
    FIELD_EPOCH,
    FIELD_OWNER,
    FIELD_HOST,
    FIELD_AGE,
    FIELD_FORMAT,
    FIELD_SEED,
    FIELD_PRECISION,
    FIELD_STARTED,
    FIELD_STAMPS,
    FIELD_LEAVING,
    FIELD_SHARDS
};

/* What the database says of the load. */
struct node {
    bool there;
    int64_t age_ms; /* of the last heartbeat; INT64_MAX = nobody has it */
    struct heddle_lease lease;
};

/* The first labels of the node targets, or the types of the relationship targets: what a clean looks through. */
struct names {
    const struct heddle_sink_options *options;
    enum heddle_target_kind kind;
};

static const char *name_of(const struct heddle_target *target)
{
    return target->kind == HEDDLE_TARGET_NODE ? target->labels[0] : target->type;
}

/* The target's name is that of no target of its kind before it. */
static bool is_first_of_name(const struct names *names, size_t index)
{
    const struct heddle_target *targets = names->options->targets;
    if (targets[index].kind != names->kind) {
        return false; /* queries have no name */
    }
    for (size_t i = 0; i < index; i++) {
        if (targets[i].kind == names->kind && strcmp(name_of(&targets[i]), name_of(&targets[index])) == 0) {
            return false;
        }
    }
    return true;
}

static void put_names(struct heddle_pack *pack, const void *context)
{
    const struct names *names = context;
    uint32_t count = 0;
    for (size_t i = 0; i < names->options->target_count; i++) {
        count += is_first_of_name(names, i) ? 1 : 0;
    }
    heddle_pack_list(pack, count);
    for (size_t i = 0; i < names->options->target_count; i++) {
        if (is_first_of_name(names, i)) {
            heddle_pack_text(pack, name_of(&names->options->targets[i]));
        }
    }
}

static int ask(struct heddle_load *load, const char *text, const struct node *node,
               struct heddle_arena *arena, struct heddle_bolt_result *result, struct heddle_error *error)
{
    const struct heddle_load_record *record = &load->options->load;
    const struct names labels = {load->options, HEDDLE_TARGET_NODE};
    const struct names types = {load->options, HEDDLE_TARGET_RELATIONSHIP};
    const struct heddle_ask_parameter parameters[] = {
        {.name = "id", .text = record->id},
        {.name = "owner", .text = record->owner},
        {.name = "host", .text = record->host == NULL ? "" : record->host},
        {.name = "job", .text = record->job == NULL ? "" : record->job},
        {.name = "precision", .text = record->precision == NULL ? "" : record->precision},
        {.name = "seen", .kind = HEDDLE_ASK_INTEGER, .integer = node->lease.epoch},
        {.name = "seed", .kind = HEDDLE_ASK_INTEGER, .integer = (int64_t)load->options->seed},
        {.name = "parts", .kind = HEDDLE_ASK_INTEGER, .integer = (int64_t)load->parts},
        {.name = "format", .kind = HEDDLE_ASK_INTEGER, .integer = HEDDLE_LEASE_FORMAT},
        {.name = "fresh", .kind = HEDDLE_ASK_INTEGER, .integer = record->fresh ? 1 : 0},
        {.name = "stamps", .kind = HEDDLE_ASK_INTEGER, .integer = record->stamps ? 1 : 0},
        {.name = "labels", .kind = HEDDLE_ASK_WRITTEN, .write = put_names, .context = &labels},
        {.name = "types", .kind = HEDDLE_ASK_WRITTEN, .write = put_names, .context = &types},
    };
    const struct heddle_ask whole = {
        .text = text,
        .parameters = parameters,
        .parameter_count = sizeof parameters / sizeof parameters[0],
        .mode = HEDDLE_BOLT_WRITE,
        .database = load->ability.database,
        .once = text == node_release,
    };
    return heddle_ask_run(load->control, &whole, arena, result, error);
}

static bool is_true(const struct heddle_value *value)
{
    return value->type == HEDDLE_VALUE_BOOLEAN && value->boolean;
}

static int read_node(struct heddle_load *load, struct node *node, struct heddle_arena *arena,
                     struct heddle_error *error)
{
    struct heddle_bolt_result result;
    *node = (struct node){.age_ms = INT64_MAX,
                          .lease = {.owner = "", .host = "", .precision = "", .started = ""}};
    HEDDLE_TRY(ask(load, node_read, node, arena, &result, error));
    if (result.record_count == 0) {
        return HEDDLE_OK;
    }
    node->there = true;
    node->lease.epoch = heddle_ask_cell_integer(&result, 0, FIELD_EPOCH);
    node->lease.owner = heddle_ask_cell_text(&result, 0, FIELD_OWNER);
    node->lease.host = heddle_ask_cell_text(&result, 0, FIELD_HOST);
    node->lease.format = heddle_ask_cell_integer(&result, 0, FIELD_FORMAT);
    node->lease.seed = heddle_ask_cell_integer(&result, 0, FIELD_SEED);
    node->lease.precision = heddle_ask_cell_text(&result, 0, FIELD_PRECISION);
    node->lease.started = heddle_ask_cell_text(&result, 0, FIELD_STARTED);
    node->lease.stamps = is_true(heddle_ask_cell(&result, 0, FIELD_STAMPS));
    node->lease.leaving = is_true(heddle_ask_cell(&result, 0, FIELD_LEAVING));
    node->lease.shards = heddle_ask_cell_integer(&result, 0, FIELD_SHARDS);
    if (heddle_ask_cell(&result, 0, FIELD_AGE)->type == HEDDLE_VALUE_INTEGER) {
        node->age_ms = heddle_ask_cell_integer(&result, 0, FIELD_AGE);
    }
    return HEDDLE_OK;
}

/* Somebody else lives: on another machine, where no lock of ours reaches. */
static int check_alive(const struct heddle_load_record *record, const struct node *node,
                       struct heddle_error *error)
{
    const bool here = record->host != NULL && strcmp(record->host, node->lease.host) == 0;
    if ((here && heddle_lease_knows(record, node->lease.owner)) || node->age_ms >= HEDDLE_EPOCH_LEASE_MS) {
        return HEDDLE_OK;
    }
    return heddle_error_set(
        error, HEDDLE_DATABASE,
        "load %s is running on %s (it was heard of %" PRId64
        " s ago): two runs of one load cannot be; if that one has died, try again in %d s",
        record->id, node->lease.host, node->age_ms / 1000,
        (int)((HEDDLE_EPOCH_LEASE_MS - node->age_ms) / 1000) + 1);
}

static int take(struct heddle_load *load, struct heddle_arena *arena, struct heddle_error *error)
{
    const struct heddle_load_record *record = &load->options->load;
    struct heddle_bolt_result result;
    struct node node;
    uint32_t next = 0;
    for (size_t i = 0; i < sizeof constraints / sizeof constraints[0]; i++) {
        const struct node none = {0};
        HEDDLE_TRY(ask(load, constraints[i], &none, arena, &result, error));
    }
    HEDDLE_TRY(read_node(load, &node, arena, error));
    if (strcmp(node.lease.owner, record->owner) != 0) {
        HEDDLE_TRY(node.there ? check_alive(record, &node, error) : HEDDLE_OK);
        HEDDLE_TRY(heddle_lease_check(load->options, &node.lease, "this database", error));
    }
    HEDDLE_TRY(heddle_lease_next(record, node.lease.epoch, &next, error));
    HEDDLE_TRY(ask(load, node_take, &node, arena, &result, error));
    const int64_t epoch = heddle_ask_cell_integer(&result, 0, 0);
    if (epoch != next) {
        return heddle_error_set(
            error, HEDDLE_DATABASE,
            "another run has taken load %s at this very moment: two runs of one load cannot be", record->id);
    }
    load->epoch = next;
    if (node.lease.shards > 0) {
        HEDDLE_TRY(heddle_shards_dissolve(load, error));
    }
    if (!record->fresh && node.lease.epoch != 0) {
        return HEDDLE_OK;
    }
    /* Somebody may have deleted the load's node and left its marks: the first epoch would use their names again. */
    return heddle_marks_delete_all(load->control, load->ability.database, record->id, arena, error);
}

int heddle_epoch_take(struct heddle_load *load, struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    if (load->options->load.owner == NULL) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    const int status = take(load, arena, error);
    heddle_arena_destroy(arena);
    return status;
}

void heddle_epoch_release(struct heddle_load *load)
{
    struct heddle_arena *arena = NULL;
    struct heddle_bolt_result result;
    const struct node node = {.lease = {.epoch = load->epoch}};
    if (load->epoch == 0 || !heddle_bolt_is_open(load->control) ||
        heddle_arena_create(0, &arena, NULL) != HEDDLE_OK) {
        return;
    }
    (void)!ask(load, node_release, &node, arena, &result, NULL);
    heddle_arena_destroy(arena);
}
