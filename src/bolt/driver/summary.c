/* summary.c: what the last SUCCESS of a query says, in the forms of the public API.
 *
 * Servers before Bolt 5.6 send notifications, later ones GQL statuses that hold them too. Each form is made from the other
 * by the rules of the official drivers: a notification becomes 01N42 (warning) or 03N42 (informational), the outcome 00000,
 * 00001 (no columns) or 02000 (no records), and all are ordered no data, warning, success, informational.
 */
#include <string.h>

#include "bolt/counters.h"
#include "bolt/driver/driver_parts.h"

static const char unknown[] = "UNKNOWN";

/* Making a summary. */
struct making {
    struct heddle_cursor *cursor;
    struct heddle_arena *arena;
    struct heddle_summary *summary;
};

static const char *known_severity(const char *raw)
{
    return raw != NULL && (strcmp(raw, "WARNING") == 0 || strcmp(raw, "INFORMATION") == 0) ? raw : unknown;
}

static const char *known_category(const char *raw)
{
    static const char *const known[] = {"HINT",        "UNRECOGNIZED", "UNSUPPORTED",
                                        "PERFORMANCE", "DEPRECATION",  "GENERIC",
                                        "SECURITY",    "TOPOLOGY",     "SCHEMA"};
    for (size_t i = 0; raw != NULL && i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i], raw) == 0) {
            return raw;
        }
    }
    return unknown;
}

static struct heddle_position read_position(const struct heddle_value *map)
{
    const struct heddle_value *offset = heddle_value_map_get(map, "offset");
    const struct heddle_value *line = heddle_value_map_get(map, "line");
    const struct heddle_value *column = heddle_value_map_get(map, "column");
    if (offset == NULL || line == NULL || column == NULL || offset->type != HEDDLE_VALUE_INTEGER ||
        line->type != HEDDLE_VALUE_INTEGER || column->type != HEDDLE_VALUE_INTEGER) {
        return (struct heddle_position){-1, -1, -1};
    }
    return (struct heddle_position){offset->integer, line->integer, column->integer};
}

static void read_counters(const struct heddle_value *stats, struct heddle_counters *counters)
{
    const size_t count = stats != NULL && stats->type == HEDDLE_VALUE_MAP ? stats->map.count : 0;
    for (size_t i = 0; i < count; i++) {
        const struct heddle_value_entry *entry = &stats->map.entries[i];
        int64_t *counter = heddle_counters_field(counters, entry->key.text, entry->key.length);
        if (counter != NULL && entry->value.type == HEDDLE_VALUE_INTEGER) {
            *counter = entry->value.integer;
        }
    }
    heddle_counters_conclude(counters);
    counters->contains_updates =
        heddle_value_map_boolean(stats, "contains-updates", counters->contains_updates);
    counters->contains_system_updates =
        heddle_value_map_boolean(stats, "contains-system-updates", counters->contains_system_updates);
}

/* Room for `count` notifications, and for one status more than that. */
static int lists_make(const struct making *making, size_t count,
                      struct heddle_notification **notifications_out, struct heddle_gql_status **statuses_out,
                      struct heddle_error *error)
{
    *notifications_out = heddle_arena_calloc(making->arena, count + 1, sizeof **notifications_out);
    *statuses_out = heddle_arena_calloc(making->arena, count + 1, sizeof **statuses_out);
    making->summary->notifications = *notifications_out;
    making->summary->statuses = *statuses_out;
    return *notifications_out != NULL && *statuses_out != NULL ? HEDDLE_OK
                                                               : heddle_error_out_of_memory(error);
}

/* ---- from notifications (before Bolt 5.6) ---------------------------------------------------------------------------- */

static struct heddle_notification from_map(const struct heddle_value *map)
{
    const char *severity = heddle_value_map_text(map, "severity", NULL);
    const char *category = heddle_value_map_text(map, "category", NULL);
    return (struct heddle_notification){.code = heddle_value_map_text(map, "code", ""),
                                        .title = heddle_value_map_text(map, "title", ""),
                                        .description = heddle_value_map_text(map, "description", ""),
                                        .severity = known_severity(severity),
                                        .raw_severity = severity != NULL ? severity : "",
                                        .category = known_category(category),
                                        .raw_category = category != NULL ? category : "",
                                        .position = read_position(heddle_value_map_get(map, "position"))};
}

static void default_record(struct heddle_value_entry entries[static 3])
{
    entries[0] = (struct heddle_value_entry){heddle_text("OPERATION"), heddle_string("")};
    entries[1] = (struct heddle_value_entry){heddle_text("OPERATION_CODE"), heddle_string("0")};
    entries[2] = (struct heddle_value_entry){heddle_text("CURRENT_SCHEMA"), heddle_string("/")};
}

static int status_of_notification(const struct making *making, const struct heddle_value *map,
                                  struct heddle_gql_status *status, struct heddle_error *error)
{
    enum { ENTRIES_MAX = 6 };
    const char *severity = heddle_value_map_text(map, "severity", NULL);
    const char *category = heddle_value_map_text(map, "category", NULL);
    const char *description = heddle_value_map_text(map, "description", "");
    const struct heddle_value *position = heddle_value_map_get(map, "position");
    const bool warning = severity != NULL && strcmp(severity, "WARNING") == 0;
    struct heddle_value_entry *entries = heddle_arena_calloc(making->arena, ENTRIES_MAX, sizeof *entries);
    if (entries == NULL) {
        return heddle_error_out_of_memory(error);
    }
    size_t count = 3;
    default_record(entries);
    if (severity != NULL) {
        entries[count++] = (struct heddle_value_entry){heddle_text("_severity"), heddle_string(severity)};
    }
    if (category != NULL) {
        entries[count++] =
            (struct heddle_value_entry){heddle_text("_classification"), heddle_string(category)};
    }
    if (position != NULL && position->type == HEDDLE_VALUE_MAP) {
        entries[count++] = (struct heddle_value_entry){heddle_text("_position"), *position};
    }
    if (description[0] == '\0') {
        description = warning ? "warn: unknown warning" : "info: unknown notification";
    }
    *status = (struct heddle_gql_status){.gql_status = warning ? "01N42" : "03N42",
                                         .description = description,
                                         .position = read_position(position),
                                         .classification = known_category(category),
                                         .raw_classification = category,
                                         .severity = known_severity(severity),
                                         .raw_severity = severity,
                                         .diagnostic_record = {entries, count},
                                         .is_notification = true};
    return HEDDLE_OK;
}

static int status_of_outcome(const struct making *making, struct heddle_gql_status *status,
                             struct heddle_error *error)
{
    struct heddle_value_entry *entries = heddle_arena_calloc(making->arena, 3, sizeof *entries);
    if (entries == NULL) {
        return heddle_error_out_of_memory(error);
    }
    default_record(entries);
    *status = (struct heddle_gql_status){.gql_status = "00000",
                                         .description = "note: successful completion",
                                         .position = {-1, -1, -1},
                                         .classification = unknown,
                                         .severity = unknown,
                                         .diagnostic_record = {entries, 3}};
    if (making->cursor->key_count == 0) {
        status->gql_status = "00001";
        status->description = "note: successful completion - omitted result";
    } else if (!making->cursor->has_records) {
        status->gql_status = "02000";
        status->description = "note: no data";
    }
    return HEDDLE_OK;
}

/* No data, warning, success, informational. */
static int rank(const struct heddle_gql_status *status)
{
    switch (status->gql_status[1]) {
    case '2': return 0;
    case '1': return 1;
    case '0': return 2;
    default: return 3;
    }
}

static void put_in_order(struct heddle_gql_status *statuses, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct heddle_gql_status moved = statuses[i];
        size_t place = i;
        while (place > 0 && rank(&statuses[place - 1]) > rank(&moved)) {
            statuses[place] = statuses[place - 1];
            place--;
        }
        statuses[place] = moved;
    }
}

static int read_notifications(const struct making *making, const struct heddle_value *list,
                              struct heddle_error *error)
{
    struct heddle_summary *summary = making->summary;
    const size_t count = list != NULL && list->type == HEDDLE_VALUE_LIST ? list->list.count : 0;
    struct heddle_notification *notifications = NULL;
    struct heddle_gql_status *statuses = NULL;
    HEDDLE_TRY(lists_make(making, count, &notifications, &statuses, error));
    for (size_t i = 0; i < count; i++) {
        notifications[i] = from_map(&list->list.items[i]);
        HEDDLE_TRY(status_of_notification(making, &list->list.items[i], &statuses[i], error));
    }
    HEDDLE_TRY(status_of_outcome(making, &statuses[count], error));
    put_in_order(statuses, count + 1);
    summary->notification_count = count;
    summary->notifications_told = list != NULL && list->type == HEDDLE_VALUE_LIST;
    summary->status_count = count + 1;
    return HEDDLE_OK;
}

/* ---- from GQL statuses (since Bolt 5.6) ------------------------------------------------------------------------------ */

/* Entries that servers may leave out are filled in; a record that is no map at all is left as it is: none. */
static int record_complete(const struct making *making, const struct heddle_value *sent,
                           struct heddle_value_map *record_out, struct heddle_error *error)
{
    struct heddle_value_entry defaults[3];
    const size_t count = sent != NULL && sent->type == HEDDLE_VALUE_MAP ? sent->map.count : 0;
    struct heddle_value_entry *entries = heddle_arena_calloc(making->arena, count + 3, sizeof *entries);
    if (entries == NULL) {
        return heddle_error_out_of_memory(error);
    }
    default_record(defaults);
    if (count > 0) {
        memcpy(entries, sent->map.entries, count * sizeof *entries);
    }
    size_t filled = count;
    for (size_t i = 0; i < 3; i++) {
        if (heddle_value_map_get(sent, defaults[i].key.text) == NULL) {
            entries[filled++] = defaults[i];
        }
    }
    *record_out = (struct heddle_value_map){entries, filled};
    return HEDDLE_OK;
}

static int status_read(const struct making *making, const struct heddle_value *map,
                       struct heddle_gql_status *status, struct heddle_error *error)
{
    const struct heddle_value *record = heddle_value_map_get(map, "diagnostic_record");
    const char *classification = heddle_value_map_text(record, "_classification", NULL);
    const char *severity = heddle_value_map_text(record, "_severity", NULL);
    *status = (struct heddle_gql_status){.gql_status = heddle_value_map_text(map, "gql_status", ""),
                                         .description = heddle_value_map_text(map, "status_description", ""),
                                         .position = read_position(heddle_value_map_get(record, "_position")),
                                         .classification = known_category(classification),
                                         .raw_classification = classification,
                                         .severity = known_severity(severity),
                                         .raw_severity = severity,
                                         .is_notification =
                                             heddle_value_map_text(map, "neo4j_code", "")[0] != '\0'};
    return record_complete(making, record, &status->diagnostic_record, error);
}

static struct heddle_notification from_status(const struct heddle_value *map,
                                              const struct heddle_gql_status *status)
{
    return (struct heddle_notification){
        .code = heddle_value_map_text(map, "neo4j_code", ""),
        .title = heddle_value_map_text(map, "title", ""),
        .description = heddle_value_map_text(map, "description", ""),
        .severity = status->severity,
        .raw_severity = status->raw_severity != NULL ? status->raw_severity : "",
        .category = status->classification,
        .raw_category = status->raw_classification != NULL ? status->raw_classification : "",
        .position = status->position};
}

static int read_statuses(const struct making *making, const struct heddle_value *list,
                         struct heddle_error *error)
{
    struct heddle_summary *summary = making->summary;
    const size_t count = list->list.count;
    struct heddle_notification *notifications = NULL;
    struct heddle_gql_status *statuses = NULL;
    HEDDLE_TRY(lists_make(making, count, &notifications, &statuses, error));
    for (size_t i = 0; i < count; i++) {
        HEDDLE_TRY(status_read(making, &list->list.items[i], &statuses[i], error));
        if (statuses[i].is_notification) {
            notifications[summary->notification_count++] = from_status(&list->list.items[i], &statuses[i]);
        }
    }
    summary->notifications_told = true;
    summary->status_count = count;
    return HEDDLE_OK;
}

/* A map of the metadata, NULL where it is none. */
static const struct heddle_value *map_of(const struct heddle_value *metadata, const char *key)
{
    const struct heddle_value *found = heddle_value_map_get(metadata, key);
    return found != NULL && found->type == HEDDLE_VALUE_MAP ? found : NULL;
}

int heddle_cursor_summarise(struct heddle_cursor *cursor, struct heddle_error *error)
{
    const struct heddle_value *metadata = &cursor->metadata;
    const struct heddle_value *statuses = heddle_value_map_get(metadata, "statuses");
    struct heddle_summary *summary = &cursor->summary;
    const struct making making = {cursor, cursor->arena, summary};
    *summary = (struct heddle_summary){.server = {cursor->server_address, cursor->server_agent,
                                                  cursor->version.major, cursor->version.minor},
                                       .database = heddle_value_map_text(metadata, "db", cursor->database),
                                       .type = heddle_value_map_text(metadata, "type", NULL),
                                       .available_after_ms = cursor->available_after_ms,
                                       .consumed_after_ms = heddle_value_map_integer(metadata, "t_last", -1),
                                       .plan = map_of(metadata, "plan"),
                                       .profile = map_of(metadata, "profile")};
    read_counters(heddle_value_map_get(metadata, "stats"), &summary->counters);
    if (statuses != NULL && statuses->type == HEDDLE_VALUE_LIST) {
        return read_statuses(&making, statuses, error);
    }
    return read_notifications(&making, heddle_value_map_get(metadata, "notifications"), error);
}
