/* plan_json.c: a forecast for programs. */
#include "report/plan_report.h"

#include <jansson.h>
#include <stdlib.h>

/* Nothing is checked in between: jansson refuses NULL, and one missing piece leaves the whole NULL. */
static json_t *hubs_json(const struct heddle_forecast_target *target)
{
    json_t *list = json_array();
    for (size_t i = 0; i < target->hub_count; i++) {
        const struct heddle_forecast_hub *hub = &target->hubs[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:f}", "label", hub->label, "key", hub->key,
                                              "rows", (json_int_t)hub->rows, "share", hub->share));
    }
    return list;
}

static json_t *speeds_json(const struct heddle_forecast_target *target)
{
    json_t *list = json_array();
    for (size_t i = 0; i < HEDDLE_FORECAST_SPEEDS; i++) {
        const struct heddle_forecast_speed *speed = &target->speeds[i];
        json_t *one = json_pack("{s:I, s:I, s:f, s:f}", "writers", (json_int_t)speed->writers, "parts",
                                (json_int_t)speed->parts, "bound", speed->bound, "tiles", speed->tiles);
        if (target->target->kind == HEDDLE_TARGET_RELATIONSHIP) {
            json_object_set_new(one, "barriers", json_real(speed->rounds));
        }
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *tiles_json(const struct heddle_forecast_target *target)
{
    json_t *list = json_array();
    const bool pairs = target->target->kind == HEDDLE_TARGET_RELATIONSHIP;
    const size_t count = pairs ? target->parts * target->parts : target->parts;
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_integer((json_int_t)target->tiles[i]));
    }
    return list;
}

static json_t *parts_json(const struct heddle_forecast_target *target)
{
    return json_pack("{s:s, s:I, s:I, s:f, s:I, s:o, s:o, s:o}", "scenario",
                     target->target->kind == HEDDLE_TARGET_RELATIONSHIP ? heddle_plan_report_scenario(target)
                                                                        : "node",
                     "writers", (json_int_t)target->writers, "parts", (json_int_t)target->parts, "imbalance",
                     target->imbalance, "busiest_rows", (json_int_t)target->busiest, "hubs",
                     hubs_json(target), "speeds", speeds_json(target), "tiles", tiles_json(target));
}

static json_t *reasons_json(const struct heddle_forecast_target *target)
{
    json_t *list = json_array();
    for (size_t i = 0; i < target->reason_count; i++) {
        json_array_append_new(list, json_pack("{s:s, s:I, s:s}", "code", target->reasons[i].code, "rows",
                                              (json_int_t)target->reasons[i].rows, "example",
                                              target->reasons[i].example));
    }
    return list;
}

static const char *kind_name(const struct heddle_target *target)
{
    switch (target->kind) {
    case HEDDLE_TARGET_NODE: return "node";
    case HEDDLE_TARGET_RELATIONSHIP: return "relationship";
    case HEDDLE_TARGET_QUERY: return "query";
    }
    return "";
}

static json_t *target_json(const struct heddle_forecast_target *target)
{
    json_t *object = json_pack(
        "{s:s, s:s, s:b, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "name",
        target->target->name, "kind", kind_name(target->target), "merge", (int)target->target->merge, "road",
        heddle_road_choice_name(&target->road), "reason", target->road.reason, "rows",
        (json_int_t)target->rows, "rejected", (json_int_t)target->rejected, "keys", (json_int_t)target->keys,
        "bytes", (json_int_t)target->bytes, "batch_rows", (json_int_t)target->batch_rows, "transactions",
        (json_int_t)target->transactions, "texts", (json_int_t)target->texts, "text_bytes",
        (json_int_t)target->characters, "rejects", reasons_json(target));
    if (target->parted) {
        json_object_set_new(object, "parted", parts_json(target));
    }
    return object;
}

static json_t *prediction_json(const struct heddle_plan_about *about)
{
    const struct heddle_probe *probe = about->probe;
    const struct heddle_prediction *whole = about->prediction;
    if (probe == NULL) {
        return json_null();
    }
    return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I}", "sample_rows",
                     (json_int_t)probe->rows, "sample_s", probe->fixed_s + probe->load_s + probe->index_s,
                     "read_s", whole->read_s, "embed_s", whole->embed_s, "write_s", whole->write_s, "load_s",
                     whole->load_s, "index_s", whole->index_s, "wall_s", whole->wall_s, "store_bytes",
                     (json_int_t)whole->store_bytes, "log_bytes", (json_int_t)whole->log_bytes, "spill_bytes",
                     (json_int_t)whole->spill_bytes);
}

int heddle_plan_report_json(const struct heddle_forecast *forecast, const struct heddle_plan_about *about,
                            struct heddle_buffer *out, struct heddle_error *error)
{
    json_t *sources = json_array();
    json_t *targets = json_array();
    for (size_t i = 0; i < forecast->source_count; i++) {
        const struct heddle_forecast_source *source = &forecast->sources[i];
        json_array_append_new(sources,
                              json_pack("{s:s, s:s, s:s, s:I, s:I}", "name", source->name, "type",
                                        source->type, "path", source->path, "rows", (json_int_t)source->rows,
                                        "unreadable", (json_int_t)source->unreadable));
    }
    for (size_t i = 0; i < forecast->target_count; i++) {
        json_array_append_new(targets, target_json(&forecast->targets[i]));
    }
    json_t *whole = json_pack("{s:s, s:s?, s:o, s:o, s:o}", "job", forecast->job, "server", about->server,
                              "probe", prediction_json(about), "sources", sources, "targets", targets);
    char *text = whole == NULL ? NULL : json_dumps(whole, JSON_COMPACT | JSON_REAL_PRECISION(6));
    const bool complete = text != NULL && json_array_size(targets) == forecast->target_count;
    if (complete) {
        heddle_buffer_append_text(out, text);
        heddle_buffer_append_byte(out, '\n');
    }
    free(text);
    json_decref(whole);
    return complete ? heddle_buffer_check(out, error) : heddle_error_out_of_memory(error);
}
