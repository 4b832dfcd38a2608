/* record.c: the load's own node, by which a search finds the model that made the vectors. */
#include <string.h>

#include "sink/neo4j/ask.h"
#include "sink/neo4j/verify.h"

static const char *const record_constraint =
    "CREATE CONSTRAINT heddle_load_id IF NOT EXISTS FOR (l:HeddleLoad) REQUIRE l.id IS UNIQUE";

static const char *const record_merge =
    "MERGE (l:HeddleLoad {id: $id}) ON CREATE SET l.started_at = datetime() "
    "SET l.job = $job, l.model = $model, l.precision = $precision, l.seed = $seed, "
    "l.vector_labels = $labels, l.vector_properties = $properties, l.targets = $targets, l.created = "
    "$created, "
    "l.finished_at = datetime()";

static void put_created(struct heddle_pack *pack, const void *context)
{
    const struct heddle_load *load = context;
    heddle_pack_list(pack, (uint32_t)load->options->target_count);
    for (size_t i = 0; i < load->options->target_count; i++) {
        heddle_pack_integer(pack, (int64_t)load->counts[i].created);
    }
}

static int record_put(struct heddle_load *load, struct heddle_arena *arena, struct heddle_error *error)
{
    const struct heddle_sink_options *options = load->options;
    const char **labels = heddle_arena_calloc(arena, options->target_count + 1, sizeof *labels);
    const char **properties = heddle_arena_calloc(arena, options->target_count + 1, sizeof *properties);
    const char **names = heddle_arena_calloc(arena, options->target_count + 1, sizeof *names);
    if (labels == NULL || properties == NULL || names == NULL) {
        return heddle_error_out_of_memory(error);
    }
    size_t vectors = 0;
    for (size_t i = 0; i < options->target_count; i++) {
        const struct heddle_target *target = &options->targets[i];
        names[i] = target->name;
        if (target->kind == HEDDLE_TARGET_NODE && target->vector_property != NULL) {
            labels[vectors] = target->labels[0];
            properties[vectors++] = target->vector_property;
        }
    }
    const struct heddle_load_record *record = &options->load;
    const struct heddle_ask_parameter parameters[] = {
        {.name = "id", .text = record->id},
        {.name = "job", .text = record->job == NULL ? "" : record->job},
        {.name = "model", .text = record->model == NULL ? "" : record->model},
        {.name = "precision", .text = record->precision == NULL ? "" : record->precision},
        {.name = "seed", .kind = HEDDLE_ASK_INTEGER, .integer = (int64_t)options->seed},
        {.name = "labels", .kind = HEDDLE_ASK_TEXTS, .texts = labels, .count = vectors},
        {.name = "properties", .kind = HEDDLE_ASK_TEXTS, .texts = properties, .count = vectors},
        {.name = "targets", .kind = HEDDLE_ASK_TEXTS, .texts = names, .count = options->target_count},
        {.name = "created", .kind = HEDDLE_ASK_WRITTEN, .write = put_created, .context = load},
    };
    const struct heddle_ask ask = {
        .text = record_merge,
        .parameters = parameters,
        .parameter_count = sizeof parameters / sizeof parameters[0],
        .database = load->ability.database,
    };
    struct heddle_bolt_result result;
    return heddle_ask_run(load->control, &ask, arena, &result, error);
}

int heddle_record_store(struct heddle_load *load, struct heddle_error *error)
{
    if (load->options->load.id == NULL || load->options->load.id[0] == '\0') {
        return HEDDLE_OK;
    }
    struct heddle_arena *arena = NULL;
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    const struct heddle_ask constraint = {.text = record_constraint, .database = load->ability.database};
    struct heddle_bolt_result result;
    int status = heddle_ask_run(load->control, &constraint, arena, &result, error);
    if (status == HEDDLE_OK) {
        status = record_put(load, arena, error);
    }
    if (status == HEDDLE_DATABASE) {
        heddle_error_prefix(error, "the load's record (:HeddleLoad) cannot be stored");
    }
    heddle_arena_destroy(arena);
    return status;
}
