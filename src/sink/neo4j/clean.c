/* clean.c: taking a load back from a database. A step is one statement whose inner transactions are small
 * (CALL … IN TRANSACTIONS), so that neither the server's memory nor its locks depend on how large the load was, and a label
 * is looked through once a step, not once a transaction. */
#include "sink/neo4j/clean.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/memory.h"
#include "sink/neo4j/ability.h"
#include "sink/neo4j/ask.h"
#include "sink/neo4j/epoch.h"
#include "sink/neo4j/marks.h"

/* Rows of an inner transaction: a node takes its entries in all indexes with it. */
enum { NODES_A_TRANSACTION = 2000, RELATIONSHIPS_A_TRANSACTION = 5000 };

enum { OWNER_TEXT = 24 };

struct neo4j_clean {
    const struct heddle_clean_options *options;
    struct heddle_bolt_connection *connection;
    struct heddle_ability ability;
    struct heddle_arena *arena; /* of one question */
    int64_t epoch;              /* seen; once taken, ours */
    char owner[OWNER_TEXT];
};

/* A load is one node, or one for all its shards and one for each (shards.h); what is asked of it is asked of all. Their epochs
 * are told by their sum. */
static const char *const load_read =
    "MATCH (g:HeddleLoad {id: $load}) OPTIONAL MATCH (m:HeddleLoad {group: $load}) "
    "WITH g, [g] + collect(m) AS loads UNWIND loads AS l "
    "WITH g, sum(coalesce(l.epoch, 0)) AS epoch, collect(l.host) AS hosts, "
    "min(timestamp() - l.heartbeat) AS age, collect(l.stamped_labels) AS labels, "
    "collect(l.stamped_types) AS types "
    "RETURN g.job AS job, epoch, hosts[0] AS host, age, labels[0] AS labels, types[0] AS types, "
    "g.group AS shard_of";
enum { FIELD_JOB, FIELD_EPOCH, FIELD_HOST, FIELD_AGE, FIELD_LABELS, FIELD_TYPES, FIELD_GROUP };

static const char *const loads_of_job = "MATCH (l:HeddleLoad {job: $job}) WHERE l.stamped_labels IS NOT NULL "
                                        "WITH coalesce(l.group, l.id) AS id, max(l.started_at) AS started "
                                        "ORDER BY started DESC LIMIT 10 RETURN collect(id) AS ids";

/* As in epoch.c: the first SET takes the locks, and a second try finds its own name. No heartbeat: a second clean does no
 * harm, and need not wait for one that was killed. */
static const char *const load_take =
    "MATCH (l:HeddleLoad) WHERE l.id = $load OR l.group = $load SET l.locked = timestamp() "
    "WITH collect(l) AS loads, sum(coalesce(l.epoch, 0)) AS seen, count(CASE l.owner WHEN $owner THEN 1 END) "
    "AS mine "
    "WHERE seen = $epoch OR mine = size(loads) UNWIND loads AS l "
    "SET l.epoch = CASE WHEN mine = 0 THEN coalesce(l.epoch, 0) + 1 ELSE l.epoch END, l.owner = $owner, "
    "l.heartbeat = 0, l.leaving = timestamp() REMOVE l.locked RETURN sum(l.epoch) AS epoch";

static const char *const load_is_ours =
    "MATCH (l:HeddleLoad) WHERE l.id = $load OR l.group = $load "
    "WITH sum(coalesce(l.epoch, 0)) AS epoch WHERE epoch = $epoch RETURN epoch";

static const char *const marks_delete =
    "MATCH (l:HeddleLoad) WHERE l.id = $load OR l.group = $load WITH collect(l.id + '/') AS loads "
    "MATCH (t:HeddleTx) WHERE any(one IN loads WHERE t.id STARTS WITH one) WITH t LIMIT $limit "
    "DETACH DELETE t RETURN count(*) AS n";
static const char *const parts_delete =
    "MATCH (p:HeddlePart) WHERE p.id STARTS WITH $load + '/' WITH p LIMIT $limit DETACH DELETE p "
    "RETURN count(*) AS n";

static const char *const load_delete =
    "MATCH (l:HeddleLoad) WHERE l.id = $load OR l.group = $load DETACH DELETE l";

static int ask(struct neo4j_clean *clean, const char *text, uint64_t limit, struct heddle_bolt_result *result,
               struct heddle_error *error)
{
    const struct heddle_ask_parameter parameters[] = {
        {.name = "load", .text = clean->options->load},
        {.name = "job", .text = clean->options->job},
        {.name = "owner", .text = clean->owner},
        {.name = "epoch", .kind = HEDDLE_ASK_INTEGER, .integer = clean->epoch},
        {.name = "limit", .kind = HEDDLE_ASK_INTEGER, .integer = (int64_t)limit},
    };
    const struct heddle_ask whole = {
        .text = text,
        .parameters = parameters,
        .parameter_count = sizeof parameters / sizeof parameters[0],
        .mode = HEDDLE_BOLT_WRITE,
        .database = clean->ability.database,
    };
    heddle_arena_reset(clean->arena);
    return heddle_ask_run(clean->connection, &whole, clean->arena, result, error);
}

static int connect_clean(struct neo4j_clean *clean, struct heddle_error *error)
{
    const struct heddle_clean_options *options = clean->options;
    struct heddle_bolt_options bolt = {
        .uri = options->to, .database = options->database, .ca_file = options->ca_file};
    if (options->bearer_token != NULL && options->bearer_token[0] != '\0') {
        bolt.auth = HEDDLE_BOLT_AUTH_BEARER;
        bolt.secret = options->bearer_token;
    } else if (options->username != NULL && options->username[0] != '\0') {
        bolt.auth = HEDDLE_BOLT_AUTH_BASIC;
        bolt.user = options->username;
        bolt.secret = options->password == NULL ? "" : options->password;
    }
    uint64_t word = 0;
    if (getrandom(&word, sizeof word, 0) != (ssize_t)sizeof word) {
        return heddle_error_set(error, HEDDLE_INTERNAL, "the system gives no random numbers");
    }
    snprintf(clean->owner, sizeof clean->owner, "clean-%016" PRIx64, word);
    HEDDLE_TRY(heddle_arena_create(0, &clean->arena, error));
    HEDDLE_TRY(heddle_bolt_open(&bolt, &clean->connection, error));
    return heddle_ability_learn(clean->connection, options->database, &clean->ability, error);
}

int heddle_neo4j_clean_open(const struct heddle_clean_options *options, void **clean_out,
                            struct heddle_error *error)
{
    struct neo4j_clean *clean = heddle_calloc(1, sizeof *clean);
    if (clean == NULL) {
        return heddle_error_out_of_memory(error);
    }
    clean->options = options;
    const int status = connect_clean(clean, error);
    if (status != HEDDLE_OK) {
        heddle_neo4j_clean_close(clean);
        return status;
    }
    *clean_out = clean;
    return HEDDLE_OK;
}

void heddle_neo4j_clean_close(void *self)
{
    struct neo4j_clean *clean = self;
    if (clean != NULL) {
        heddle_bolt_close(clean->connection);
        heddle_arena_destroy(clean->arena);
        free(clean);
    }
}

static int refuse_unknown(struct neo4j_clean *clean, struct heddle_error *error)
{
    struct heddle_bolt_result result;
    struct heddle_buffer known = {0};
    HEDDLE_TRY(ask(clean, loads_of_job, 0, &result, error));
    const struct heddle_value *ids = heddle_ask_cell(&result, 0, 0);
    for (size_t i = 0; ids->type == HEDDLE_VALUE_LIST && i < ids->list.count; i++) {
        if (ids->list.items[i].type == HEDDLE_VALUE_STRING) {
            heddle_buffer_append_format(&known, "%s%s", known.length == 0 ? "" : ", ",
                                        ids->list.items[i].string.text);
        }
    }
    if (known.length == 0) {
        heddle_error_set(error, HEDDLE_DATABASE,
                         "there is no load %s in this database, and none of job %s that could be taken back",
                         clean->options->load, clean->options->job);
    } else {
        const char *list = heddle_buffer_text(&known);
        heddle_error_set(error, HEDDLE_DATABASE,
                         "there is no load %s in this database; of job %s these can be taken back: %s",
                         clean->options->load, clean->options->job, list == NULL ? "" : list);
    }
    heddle_buffer_free(&known);
    return HEDDLE_DATABASE;
}

static int judge(const struct neo4j_clean *clean, const struct heddle_bolt_result *result,
                 struct heddle_error *error)
{
    const char *load = clean->options->load;
    const char *job = heddle_ask_cell_text(result, 0, FIELD_JOB);
    const struct heddle_value *age = heddle_ask_cell(result, 0, FIELD_AGE);
    const char *group = heddle_ask_cell_text(result, 0, FIELD_GROUP);
    if (group[0] != '\0') {
        return heddle_error_set(error, HEDDLE_DATABASE,
                                "load %s is one shard of load %s: take that back, --load %s", load, group,
                                group);
    }
    if (strcmp(job, clean->options->job) != 0) {
        return heddle_error_set(error, HEDDLE_DATABASE, "load %s is one of job %s, not of job %s", load, job,
                                clean->options->job);
    }
    if (heddle_ask_cell(result, 0, FIELD_LABELS)->type != HEDDLE_VALUE_LIST) {
        return heddle_error_set(
            error, HEDDLE_DATABASE,
            "load %s did not stamp what it created (it ran without --load-id), so nobody can "
            "tell that from what was there before: nothing is deleted",
            load);
    }
    if (age->type == HEDDLE_VALUE_INTEGER && age->integer < HEDDLE_EPOCH_LEASE_MS) {
        return heddle_error_set(error, HEDDLE_DATABASE,
                                "load %s is running on %s (it was heard of %" PRId64
                                " s ago): stop it first; if it has died, try again in %d s",
                                load, heddle_ask_cell_text(result, 0, FIELD_HOST), age->integer / 1000,
                                (int)((HEDDLE_EPOCH_LEASE_MS - age->integer) / 1000) + 1);
    }
    return HEDDLE_OK;
}

/* Takes the texts of a list over into parts. What stands there was written by a load, or by anybody. */
static int put_parts(const struct heddle_value *names, bool is_relationship, struct heddle_arena *arena,
                     struct heddle_clean_part *parts, size_t *count, struct heddle_error *error)
{
    for (size_t i = 0; names->type == HEDDLE_VALUE_LIST && i < names->list.count; i++) {
        const struct heddle_value *name = &names->list.items[i];
        if (name->type != HEDDLE_VALUE_STRING || strstr(name->string.text, "\\u") != NULL) {
            return heddle_error_set(
                error, HEDDLE_DATABASE,
                "the record of the load (:HeddleLoad) is damaged: it names a label or type "
                "that no load writes");
        }
        char *copy = heddle_arena_format(arena, "%s", name->string.text);
        if (copy == NULL) {
            return heddle_error_out_of_memory(error);
        }
        parts[(*count)++] = (struct heddle_clean_part){.name = copy, .is_relationship = is_relationship};
    }
    return HEDDLE_OK;
}

int heddle_neo4j_clean_find(void *self, struct heddle_arena *arena, struct heddle_clean_part **parts_out,
                            size_t *count_out, struct heddle_error *error)
{
    struct neo4j_clean *clean = self;
    struct heddle_bolt_result result;
    HEDDLE_TRY(ask(clean, load_read, 0, &result, error));
    if (result.record_count == 0) {
        return refuse_unknown(clean, error);
    }
    HEDDLE_TRY(judge(clean, &result, error));
    clean->epoch = heddle_ask_cell_integer(&result, 0, FIELD_EPOCH);
    const struct heddle_value *labels = heddle_ask_cell(&result, 0, FIELD_LABELS);
    const struct heddle_value *types = heddle_ask_cell(&result, 0, FIELD_TYPES);
    const size_t most = labels->list.count + (types->type == HEDDLE_VALUE_LIST ? types->list.count : 0);
    *count_out = 0;
    *parts_out = heddle_arena_calloc(arena, most + 1, sizeof **parts_out);
    if (*parts_out == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(put_parts(labels, false, arena, *parts_out, count_out, error));
    return put_parts(types, true, arena, *parts_out, count_out, error);
}

/* MATCH (n:`L`) or MATCH ()-[n:`T`]->(), with the load's stamp. */
static void put_match(struct heddle_buffer *out, const struct neo4j_clean *clean,
                      const struct heddle_clean_part *part)
{
    heddle_cypher_prefix(out, &clean->ability.dialect);
    heddle_buffer_append_text(out, part->is_relationship ? "MATCH ()-[n:" : "MATCH (n:");
    heddle_cypher_quote(out, part->name);
    heddle_buffer_append_text(out, part->is_relationship ? "]->()" : ")");
    heddle_buffer_append_text(out, " WHERE n.`" HEDDLE_STAMP_PROPERTY "` = $load");
}

/* Asks with the text in `text`, frees it, and answers the one number of the result. */
static int ask_number(struct neo4j_clean *clean, struct heddle_buffer *text, uint64_t limit,
                      uint64_t *number_out, struct heddle_error *error)
{
    struct heddle_bolt_result result;
    int status = heddle_buffer_check(text, error);
    if (status == HEDDLE_OK) {
        status = ask(clean, heddle_buffer_text(text), limit, &result, error);
    }
    heddle_buffer_free(text);
    HEDDLE_TRY(status);
    const int64_t number = heddle_ask_cell_integer(&result, 0, 0);
    *number_out = number > 0 ? (uint64_t)number : 0;
    return HEDDLE_OK;
}

int heddle_neo4j_clean_count(void *self, const struct heddle_clean_part *part, uint64_t *count_out,
                             struct heddle_error *error)
{
    struct heddle_buffer text = {0};
    put_match(&text, self, part);
    heddle_buffer_append_text(&text, " RETURN count(n) AS n");
    return ask_number(self, &text, 0, count_out, error);
}

int heddle_neo4j_clean_count_held(void *self, const struct heddle_clean_part *part, uint64_t *count_out,
                                  struct heddle_error *error)
{
    struct heddle_buffer text = {0};
    put_match(&text, self, part);
    heddle_buffer_append_text(&text,
                              " AND EXISTS { MATCH (n)-[r]-() WHERE r.`" HEDDLE_STAMP_PROPERTY
                              "` IS NULL OR r.`" HEDDLE_STAMP_PROPERTY "` <> $load } RETURN count(n) AS n");
    return ask_number(self, &text, 0, count_out, error);
}

int heddle_neo4j_clean_take(void *self, struct heddle_error *error)
{
    struct neo4j_clean *clean = self;
    struct heddle_bolt_result result;
    HEDDLE_TRY(ask(clean, load_take, 0, &result, error));
    const int64_t epoch = heddle_ask_cell_integer(&result, 0, 0);
    if (epoch == 0) {
        return heddle_error_set(
            error, HEDDLE_DATABASE,
            "a run has taken load %s at this very moment: nothing was deleted; stop it first",
            clean->options->load);
    }
    clean->epoch = epoch;
    return HEDDLE_OK;
}

/* CALL (x) { DELETE x } IN TRANSACTIONS OF … ROWS RETURN count(*) */
static void put_delete(struct heddle_buffer *out, const struct neo4j_clean *clean, const char *variable,
                       int rows)
{
    heddle_buffer_append_format(out, " WITH %s LIMIT $limit", variable);
    if (clean->ability.dialect.scoped_call) {
        heddle_buffer_append_format(out, " CALL (%s) { DELETE %s }", variable, variable);
    } else {
        heddle_buffer_append_format(out, " CALL { WITH %s DELETE %s }", variable, variable);
    }
    heddle_buffer_append_format(out, " IN TRANSACTIONS OF %d ROWS RETURN count(*) AS n", rows);
}

int heddle_neo4j_clean_delete(void *self, enum heddle_clean_what what, const struct heddle_clean_part *part,
                              uint64_t limit, uint64_t *deleted_out, struct heddle_error *error)
{
    struct neo4j_clean *clean = self;
    struct heddle_bolt_result result;
    struct heddle_buffer text = {0};
    HEDDLE_TRY(ask(clean, load_is_ours, 0, &result, error));
    if (result.record_count == 0) {
        return heddle_error_set(
            error, HEDDLE_DATABASE,
            "load %s was begun anew, or taken back by another clean, while this one was at "
            "work: it stopped",
            clean->options->load);
    }
    put_match(&text, clean, part);
    if (what == HEDDLE_CLEAN_RELATIONSHIPS) {
        put_delete(&text, clean, "n", RELATIONSHIPS_A_TRANSACTION);
    } else if (what == HEDDLE_CLEAN_NODES) {
        heddle_buffer_append_text(&text, " AND NOT (n)--()");
        put_delete(&text, clean, "n", NODES_A_TRANSACTION);
    } else {
        heddle_buffer_append_text(&text, " MATCH (n)-[r]-() WITH DISTINCT r");
        put_delete(&text, clean, "r", RELATIONSHIPS_A_TRANSACTION);
    }
    return ask_number(clean, &text, limit, deleted_out, error);
}

/* Runs a statement that deletes at most `limit` and tells how many, until it finds none. */
static int delete_all(struct neo4j_clean *clean, const char *text, struct heddle_error *error)
{
    struct heddle_bolt_result result;
    do {
        HEDDLE_TRY(ask(clean, text, HEDDLE_MARKS_A_DELETE, &result, error));
    } while (heddle_ask_cell_integer(&result, 0, 0) > 0);
    return HEDDLE_OK;
}

int heddle_neo4j_clean_forget(void *self, bool all, struct heddle_error *error)
{
    struct neo4j_clean *clean = self;
    struct heddle_bolt_result result;
    HEDDLE_TRY(delete_all(clean, marks_delete, error));
    if (!all) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(delete_all(clean, parts_delete, error));
    return ask(clean, load_delete, 0, &result, error);
}
