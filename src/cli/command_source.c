/* command_source.c: `heddle source info SOURCE`: what a table is, without reading its rows. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "run/stores.h"
#include "source/delta/snapshot.h"
#include "source/source.h"

/* A list of texts; NULL is an empty one. */
static json_t *texts_json(const char *const *texts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_string(texts[i]));
    }
    return list;
}

static json_t *columns_json(const struct heddle_schema *schema)
{
    json_t *list = json_array();
    for (size_t i = 0; i < schema->count; i++) {
        const struct heddle_field *field = &schema->fields[i];
        const bool items = field->type == HEDDLE_TYPE_LIST || field->type == HEDDLE_TYPE_MAP;
        json_t *column = json_pack("{s:s, s:s}", "name", field->name, "type", heddle_type_name(field->type));
        if (items) {
            json_object_set_new(column, "items", json_string(heddle_type_name(field->item_type)));
        }
        json_array_append_new(list, column);
    }
    return list;
}

/* What a Delta table's log says. */
static void snapshot_json(const struct heddle_delta_snapshot *snapshot, json_t *info)
{
    const struct heddle_delta_protocol *protocol = &snapshot->protocol;
    static const char *const mappings[] = {"none", "name", "id"};
    int64_t bytes = 0;
    int64_t vectors = 0;
    int64_t deleted = 0;
    for (size_t i = 0; i < snapshot->file_count; i++) {
        bytes += snapshot->files[i].size;
        vectors += snapshot->files[i].vector.storage != 0 ? 1 : 0;
        deleted += snapshot->files[i].vector.rows;
    }
    json_object_set_new(info, "version", json_integer(snapshot->version));
    json_object_set_new(info, "id", json_string(snapshot->metadata.id));
    json_object_set_new(info, "reader_version", json_integer(protocol->reader_version));
    json_object_set_new(info, "reader_features",
                        texts_json(protocol->reader_features, protocol->reader_feature_count));
    json_object_set_new(info, "column_mapping", json_string(mappings[snapshot->mapping]));
    json_object_set_new(
        info, "partition_columns",
        texts_json(snapshot->metadata.partition_columns, snapshot->metadata.partition_column_count));
    json_object_set_new(info, "files", json_integer((json_int_t)snapshot->file_count));
    json_object_set_new(info, "bytes", json_integer(bytes));
    json_object_set_new(info, "deletion_vectors", json_integer(vectors));
    json_object_set_new(info, "rows_deleted", json_integer(deleted));
}

/* One line of text for each thing that is known. */
static void info_print(json_t *info, struct heddle_buffer *out)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(info, key, value)
    {
        if (strcmp(key, "columns") == 0) {
            continue;
        }
        heddle_buffer_append_format(out, "%-18s", key);
        if (json_is_integer(value)) {
            heddle_buffer_append_format(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        } else if (json_is_string(value)) {
            heddle_buffer_append_text(out, json_string_value(value));
        }
        for (size_t i = 0; i < json_array_size(value); i++) {
            heddle_buffer_append_format(out, "%s%s", i > 0 ? ", " : "",
                                        json_string_value(json_array_get(value, i)));
        }
        heddle_buffer_append_text(out, json_is_array(value) && json_array_size(value) == 0 ? "none\n" : "\n");
    }
    const json_t *columns = json_object_get(info, "columns");
    heddle_buffer_append_text(out, "columns\n");
    for (size_t i = 0; i < json_array_size(columns); i++) {
        const json_t *column = json_array_get(columns, i);
        const char *items = json_string_value(json_object_get(column, "items"));
        heddle_buffer_append_format(out, "  %-28s %s%s%s\n",
                                    json_string_value(json_object_get(column, "name")),
                                    json_string_value(json_object_get(column, "type")),
                                    items != NULL ? " of " : "", items != NULL ? items : "");
    }
}

static int delta_add(const struct heddle_cli *cli, const char *path, json_t *info, struct heddle_error *error)
{
    struct heddle_delta_snapshot *snapshot = NULL;
    struct heddle_delta_as_of as_of = {.version = -1};
    struct heddle_stores stores;
    struct heddle_source_options source = {.type = "delta", .path = path, .stores = &stores.settings};
    uint64_t version = UINT64_MAX;
    if (heddle_cli_number(cli, "version", 0, INT64_MAX, &version) == HEDDLE_EXIT_OK &&
        version != UINT64_MAX) {
        as_of.version = (int64_t)version;
    }
    heddle_stores_fill(&cli->options, &stores);
    HEDDLE_TRY(heddle_stores_resolve(&stores, &source.path, &source.type, cli->arena, error));
    HEDDLE_TRY(heddle_source_mirror(&source, cli->arena, &as_of.mirror, error));
    const int status = heddle_delta_snapshot_open(source.path, &as_of, &snapshot, error);
    if (status == HEDDLE_OK) {
        snapshot_json(snapshot, info);
        heddle_delta_snapshot_close(snapshot);
    }
    heddle_mirror_close(as_of.mirror);
    return status;
}

static int info_fill(struct heddle_cli *cli, const char *path, json_t *info, struct heddle_error *error)
{
    const char *type = heddle_cli_flag_value(cli, "type");
    struct heddle_source *source = NULL;
    struct heddle_stores stores;
    heddle_stores_fill(&cli->options, &stores);
    const char *at = path;
    HEDDLE_TRY(heddle_stores_resolve(&stores, &at, &type, cli->arena, error));
    if (type == NULL) {
        HEDDLE_TRY(heddle_source_tell_type(path, &stores.settings, &type, error));
    }
    HEDDLE_TRY(heddle_cli_source_open(cli, path, &source, error));
    const int64_t rows = heddle_source_rows_expected(source);
    /* What stands behind ? in a web address may be a secret. */
    const size_t shown = strncmp(path, "http", 4) == 0 ? strcspn(path, "?") : strlen(path);
    json_object_set_new(info, "source", json_stringn(path, shown));
    json_object_set_new(info, "type", json_string(type));
    if (rows >= 0) {
        json_object_set_new(info, "rows", json_integer(rows));
    }
    json_object_set_new(info, "columns", columns_json(heddle_source_schema(source)));
    heddle_source_close(source);
    return strcmp(type, "delta") == 0 ? delta_add(cli, path, info, error) : HEDDLE_OK;
}

int heddle_command_source(struct heddle_cli *cli)
{
    struct heddle_buffer text = {0};
    struct heddle_error error = {0};
    if (strcmp(cli->positional[0], "info") != 0) {
        return heddle_cli_usage(cli, "'%s' cannot be done with a source; there is: info", cli->positional[0]);
    }
    json_t *info = json_object();
    const int status = info_fill(cli, cli->positional[1], info, &error);
    if (status != HEDDLE_OK) {
        json_decref(info);
        return heddle_cli_fail_local(cli, &error);
    }
    if (cli->json) {
        char *dumped = json_dumps(info, JSON_COMPACT);
        heddle_buffer_append_text(&text, dumped != NULL ? dumped : "{}");
        heddle_buffer_append_byte(&text, '\n');
        free(dumped);
    } else {
        info_print(info, &text);
    }
    json_decref(info);
    return heddle_cli_print(cli, &text);
}
