/* summary.c: a summary as TestKit wants it. */
#include "backend.h"

static json_t *position_to_json(struct heddle_position position)
{
    return position.offset < 0 ? json_null()
                               : json_pack("{s:I, s:I, s:I}", "offset", (json_int_t)position.offset, "line",
                                           (json_int_t)position.line, "column", (json_int_t)position.column);
}

static json_t *notification_to_json(const struct heddle_notification *notification)
{
    json_t *json = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "code", text_to_json(notification->code), "title",
        text_to_json(notification->title), "description", text_to_json(notification->description), "severity",
        text_to_json(notification->raw_severity), "severityLevel", text_to_json(notification->severity),
        "rawSeverityLevel", text_to_json(notification->raw_severity), "category",
        text_to_json(notification->category), "rawCategory", text_to_json(notification->raw_category));
    if (notification->position.offset >= 0) {
        json_object_set_new(json, "position", position_to_json(notification->position));
    }
    return json;
}

static json_t *notifications_to_json(const struct heddle_summary *summary)
{
    if (!summary->notifications_told) {
        return json_null();
    }
    json_t *list = json_array();
    for (size_t i = 0; i < summary->notification_count; i++) {
        json_array_append_new(list, notification_to_json(&summary->notifications[i]));
    }
    return list;
}

static json_t *statuses_to_json(const struct heddle_summary *summary)
{
    json_t *list = json_array();
    for (size_t i = 0; i < summary->status_count; i++) {
        const struct heddle_gql_status *status = &summary->statuses[i];
        json_array_append_new(
            list,
            json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "gqlStatus",
                      text_to_json(status->gql_status), "statusDescription",
                      text_to_json(status->description), "position", position_to_json(status->position),
                      "classification", text_to_json(status->classification), "rawClassification",
                      text_to_json(status->raw_classification), "severity", text_to_json(status->severity),
                      "rawSeverity", text_to_json(status->raw_severity), "diagnosticRecord",
                      map_to_json(status->diagnostic_record), "isNotification", status->is_notification));
    }
    return list;
}

static json_t *counters_to_json(const struct heddle_counters *counters)
{
    json_t *json = json_object();
    const struct {
        const char *name;
        int64_t value;
    } names[] = {{"constraintsAdded", counters->constraints_added},
                 {"constraintsRemoved", counters->constraints_removed},
                 {"indexesAdded", counters->indexes_added},
                 {"indexesRemoved", counters->indexes_removed},
                 {"labelsAdded", counters->labels_added},
                 {"labelsRemoved", counters->labels_removed},
                 {"nodesCreated", counters->nodes_created},
                 {"nodesDeleted", counters->nodes_deleted},
                 {"propertiesSet", counters->properties_set},
                 {"relationshipsCreated", counters->relationships_created},
                 {"relationshipsDeleted", counters->relationships_deleted},
                 {"systemUpdates", counters->system_updates}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_object_set_new(json, names[i].name, json_integer(names[i].value));
    }
    json_object_set_new(json, "containsUpdates", json_boolean(counters->contains_updates));
    json_object_set_new(json, "containsSystemUpdates", json_boolean(counters->contains_system_updates));
    return json;
}

/* Plans are plain JSON but for their arguments. */
static json_t *plan_to_json(const struct heddle_value *value)
{
    json_t *json = NULL;
    if (value == NULL) {
        return json_null();
    }
    switch (value->type) {
    case HEDDLE_VALUE_BOOLEAN: return json_boolean(value->boolean);
    case HEDDLE_VALUE_INTEGER: return json_integer(value->integer);
    case HEDDLE_VALUE_FLOAT: return json_real(value->real);
    case HEDDLE_VALUE_STRING: return text_to_json(value->string.text);
    case HEDDLE_VALUE_LIST:
        json = json_array();
        for (size_t i = 0; i < value->list.count; i++) {
            json_array_append_new(json, plan_to_json(&value->list.items[i]));
        }
        return json;
    case HEDDLE_VALUE_MAP:
        json = json_object();
        for (size_t i = 0; i < value->map.count; i++) {
            json_object_set_new(json, value->map.entries[i].key.text,
                                plan_to_json(&value->map.entries[i].value));
        }
        return json;
    default: return json_null();
    }
}

static json_t *milliseconds_to_json(int64_t milliseconds)
{
    return milliseconds >= 0 ? json_integer(milliseconds) : json_null();
}

json_t *summary_to_json(const struct heddle_summary *summary, json_t *query)
{
    char version[16];
    snprintf(version, sizeof version, "%u.%u", summary->server.bolt_major, summary->server.bolt_minor);
    json_t *server = json_pack("{s:o, s:o, s:s}", "address", text_to_json(summary->server.address), "agent",
                               text_to_json(summary->server.agent), "protocolVersion", version);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:O, s:o, s:o, s:o, s:o}", "counters",
                     counters_to_json(&summary->counters), "database", text_to_json(summary->database),
                     "notifications", notifications_to_json(summary), "gqlStatusObjects",
                     statuses_to_json(summary), "plan", plan_to_json(summary->plan), "profile",
                     plan_to_json(summary->profile), "query", query, "queryType", text_to_json(summary->type),
                     "resultAvailableAfter", milliseconds_to_json(summary->available_after_ms),
                     "resultConsumedAfter", milliseconds_to_json(summary->consumed_after_ms), "serverInfo",
                     server);
}
