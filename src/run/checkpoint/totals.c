/* totals.c: totals.json, written and read. */
#include "run/checkpoint/totals.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* The version of totals.json; another one says nothing to this version. */
enum { TOTALS_FORMAT = 1 };

/* More targets than any job has: a file of this size is not ours. */
enum { TOTALS_BYTES_MAX = 16 * 1024 * 1024 };

/* The counters of a target by their names in the file. */
static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    {"read", offsetof(struct heddle_target_counts, read)},
    {"created", offsetof(struct heddle_target_counts, created)},
    {"matched", offsetof(struct heddle_target_counts, matched)},
    {"folded", offsetof(struct heddle_target_counts, folded)},
    {"rejected", offsetof(struct heddle_target_counts, rejected)},
    {"vectors", offsetof(struct heddle_target_counts, vectors)},
    {"removed", offsetof(struct heddle_target_counts, removed)},
};
enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

static uint64_t field_get(const struct heddle_target_counts *counts, size_t field)
{
    uint64_t value = 0;
    memcpy(&value, (const char *)counts + fields[field].offset, sizeof value);
    return value;
}

static void field_set(struct heddle_target_counts *counts, size_t field, uint64_t value)
{
    memcpy((char *)counts + fields[field].offset, &value, sizeof value);
}

/* ---- writing ---- */

json_t *heddle_totals_target_json(const char *name, const struct heddle_target_counts *counts)
{
    json_t *object = json_pack("{s:s}", "target", name);
    for (size_t i = 0; object != NULL && i < FIELD_COUNT; i++) {
        json_object_set_new(object, fields[i].name, json_integer((json_int_t)field_get(counts, i)));
    }
    return object;
}

json_t *heddle_totals_json(const struct heddle_totals *totals)
{
    json_t *targets = json_array();
    for (size_t i = 0; i < totals->target_count; i++) {
        json_array_append_new(targets,
                              heddle_totals_target_json(totals->targets[i].name, &totals->targets[i].counts));
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "first", (json_int_t)totals->first, "micro_batches",
                     (json_int_t)totals->micro_batches, "rows_read", (json_int_t)totals->rows_read,
                     "rows_unreadable", (json_int_t)totals->rows_unreadable, "targets", targets);
}

int heddle_totals_write(struct heddle_depot *depot, const char *folder, const char *load, uint64_t unit,
                        const struct heddle_totals *without, const struct heddle_totals *with,
                        struct heddle_error *error)
{
    struct heddle_buffer path = {0};
    json_t *root =
        json_pack("{s:i, s:s, s:I, s:o, s:o}", "format", TOTALS_FORMAT, "load", load, "unit",
                  (json_int_t)unit, "without", heddle_totals_json(without), "with", heddle_totals_json(with));
    char *text = root == NULL ? NULL : json_dumps(root, JSON_COMPACT);
    json_decref(root);
    heddle_buffer_append_format(&path, "%s/totals.json", folder);
    const char *name = heddle_buffer_text(&path);
    const int status = text == NULL || name == NULL
                           ? heddle_error_out_of_memory(error)
                           : heddle_depot_write(depot, name, text, strlen(text), error);
    heddle_buffer_free(&path);
    free(text);
    return status;
}

/* ---- reading ---- */

/* A count; false where the file holds none. */
static bool read_number(const json_t *object, const char *name, uint64_t *out)
{
    const json_t *value = json_object_get(object, name);
    *out = (uint64_t)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool read_target(const json_t *object, struct heddle_target_counts *counts)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        uint64_t value = 0;
        const bool may_lack = fields[i].offset == offsetof(struct heddle_target_counts, removed);
        if (!read_number(object, fields[i].name, &value) &&
            !(may_lack && json_object_get(object, fields[i].name) == NULL)) {
            return false;
        }
        field_set(counts, i, value);
    }
    return json_is_string(json_object_get(object, "target"));
}

static int read_sums(const json_t *object, struct heddle_arena *arena, bool *says, struct heddle_totals *out,
                     struct heddle_error *error)
{
    const json_t *targets = json_object_get(object, "targets");
    struct heddle_totals totals = {.target_count = json_array_size(targets)};
    *says = read_number(object, "first", &totals.first) &&
            read_number(object, "micro_batches", &totals.micro_batches) &&
            read_number(object, "rows_read", &totals.rows_read) &&
            read_number(object, "rows_unreadable", &totals.rows_unreadable) && json_is_array(targets);
    if (!*says) {
        return HEDDLE_OK;
    }
    totals.targets = heddle_arena_calloc(arena, totals.target_count + 1, sizeof *totals.targets);
    if (totals.targets == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < totals.target_count; i++) {
        const json_t *target = json_array_get(targets, i);
        if (!read_target(target, &totals.targets[i].counts)) {
            *says = false;
            return HEDDLE_OK;
        }
        totals.targets[i].name =
            heddle_arena_format(arena, "%s", json_string_value(json_object_get(target, "target")));
        if (totals.targets[i].name == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    *out = totals;
    return HEDDLE_OK;
}

int heddle_totals_parse(const char *text, size_t length, const char *load, uint64_t units,
                        struct heddle_arena *arena, bool *says_out, struct heddle_totals *out,
                        struct heddle_error *error)
{
    json_t *root = json_loadb(text, length, 0, NULL);
    const char *whose = json_string_value(json_object_get(root, "load"));
    uint64_t unit = 0;
    int status = HEDDLE_OK;
    *says_out = false;
    if (json_integer_value(json_object_get(root, "format")) == TOTALS_FORMAT && whose != NULL &&
        strcmp(whose, load) == 0 && read_number(root, "unit", &unit) &&
        (units == unit || units == unit + 1)) {
        status =
            read_sums(json_object_get(root, units == unit ? "without" : "with"), arena, says_out, out, error);
    }
    json_decref(root);
    return status;
}

int heddle_totals_read(struct heddle_depot *depot, const char *folder, const char *load, uint64_t units,
                       struct heddle_arena *arena, struct heddle_totals *out, struct heddle_error *error)
{
    struct heddle_buffer text = {0};
    const char *path = heddle_arena_format(arena, "%s/totals.json", folder);
    bool found = false;
    bool says = false;
    *out = (struct heddle_totals){.first = units};
    if (path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    int status = heddle_depot_read(depot, path, TOTALS_BYTES_MAX, &text, &found, error);
    if (status == HEDDLE_OK && found) {
        status =
            heddle_totals_parse((const char *)text.bytes, text.length, load, units, arena, &says, out, error);
    }
    heddle_buffer_free(&text);
    return status;
}

/* ---- showing ---- */

void heddle_totals_print_target(const struct heddle_totals_target *target, int width,
                                struct heddle_buffer *out)
{
    const struct heddle_target_counts *counts = &target->counts;
    char read[32], created[32], matched[32], folded[32], rejected[32];
    heddle_buffer_append_format(
        out, "  %-*s  %s = %s created + %s matched + %s folded + %s rejected", width, target->name,
        heddle_text_grouped(counts->read, read), heddle_text_grouped(counts->created, created),
        heddle_text_grouped(counts->matched, matched), heddle_text_grouped(counts->folded, folded),
        heddle_text_grouped(counts->rejected, rejected));
    if (counts->removed > 0) { /* only change feeds have such rows */
        heddle_buffer_append_format(out, " + %s removed", heddle_text_grouped(counts->removed, read));
    }
    heddle_buffer_append_byte(out, '\n');
}
