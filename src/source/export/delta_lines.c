/* delta_lines.c: actions as jansson writes them. */
#include "source/export/delta_lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <heddle/version.h>

const char *heddle_delta_export_type(enum heddle_type type)
{
    switch (type) {
    case HEDDLE_TYPE_INTEGER: return "long";
    case HEDDLE_TYPE_STRING: return "string";
    case HEDDLE_TYPE_DATE: return "date";
    default: return NULL;
    }
}

/* Appends `action` as a line and gives it back; NULL is memory that ran out on the way. */
static int line_append(json_t *action, struct heddle_buffer *lines, struct heddle_error *error)
{
    char *text = action != NULL ? json_dumps(action, JSON_COMPACT) : NULL;
    json_decref(action);
    if (text == NULL) {
        return heddle_error_out_of_memory(error);
    }
    heddle_buffer_append_text(lines, text);
    heddle_buffer_append_byte(lines, '\n');
    free(text);
    return heddle_buffer_check(lines, error);
}

int heddle_delta_line_commit_info(const struct heddle_delta_export_commit *commit,
                                  struct heddle_buffer *lines, struct heddle_error *error)
{
    char engine[64];
    char numbers[3][24]; /* Spark's metrics are texts */
    snprintf(engine, sizeof engine, "heddle/%s", heddle_version());
    snprintf(numbers[0], sizeof numbers[0], "%" PRIu64, commit->files);
    snprintf(numbers[1], sizeof numbers[1], "%" PRIu64, commit->rows);
    snprintf(numbers[2], sizeof numbers[2], "%" PRId64, commit->bytes);
    json_t *info = json_pack("{s:I, s:s, s:{s:s, s:s}, s:s, s:b, s:{s:s, s:s, s:s}, s:s, s:s}", "timestamp",
                             (json_int_t)commit->time_ms, "operation", "WRITE", "operationParameters", "mode",
                             commit->version == 0 ? "ErrorIfExists" : "Append", "partitionBy", "[]",
                             "isolationLevel", "Serializable", "isBlindAppend", 1, "operationMetrics",
                             "numFiles", numbers[0], "numOutputRows", numbers[1], "numOutputBytes",
                             numbers[2], "engineInfo", engine, "txnId", commit->id);
    if (info != NULL && commit->version > 0 &&
        json_object_set_new(info, "readVersion", json_integer((json_int_t)commit->version - 1)) != 0) {
        json_decref(info);
        info = NULL;
    }
    return line_append(json_pack("{s:o}", "commitInfo", info), lines, error);
}

int heddle_delta_line_protocol(struct heddle_buffer *lines, struct heddle_error *error)
{
    /* The oldest versions that know column mapping: older readers understand them than understand table features. */
    return line_append(json_pack("{s:{s:i, s:i}}", "protocol", "minReaderVersion", 2, "minWriterVersion", 5),
                       lines, error);
}

/* The schema as the text that stands in metaData; the caller frees it. NULL when out of memory. */
static char *schema_text(const struct heddle_schema *schema, const struct heddle_delta_export_column *columns)
{
    json_t *fields = json_array();
    int failed = 0;
    for (size_t i = 0; i < schema->count; i++) {
        const struct heddle_field *field = &schema->fields[i];
        json_t *json = json_pack("{s:s, s:s, s:b, s:{s:i, s:s}}", "name", field->name, "type",
                                 heddle_delta_export_type(field->type), "nullable", 1, "metadata",
                                 "delta.columnMapping.id", (int)i + 1, "delta.columnMapping.physicalName",
                                 columns[i].physical);
        failed |= json_array_append_new(fields, json);
    }
    json_t *whole = json_pack("{s:s, s:o}", "type", "struct", "fields", fields);
    char *text = failed == 0 && whole != NULL ? json_dumps(whole, JSON_COMPACT) : NULL;
    json_decref(whole);
    return text;
}

int heddle_delta_line_metadata(const struct heddle_schema *schema,
                               const struct heddle_delta_export_column *columns, const char *id,
                               int64_t time_ms, struct heddle_buffer *lines, struct heddle_error *error)
{
    char id_max[24];
    char *text = schema_text(schema, columns);
    if (text == NULL) {
        return heddle_error_out_of_memory(error);
    }
    snprintf(id_max, sizeof id_max, "%zu", schema->count);
    json_t *metadata =
        json_pack("{s:{s:s, s:{s:s, s:{}}, s:s, s:[], s:{s:s, s:s}, s:I}}", "metaData", "id", id, "format",
                  "provider", "parquet", "options", "schemaString", text, "partitionColumns", "configuration",
                  "delta.columnMapping.mode", "name", "delta.columnMapping.maxColumnId", id_max,
                  "createdTime", (json_int_t)time_ms);
    free(text);
    return line_append(metadata, lines, error);
}

/* The statistics of a file as the text that stands in its add; the caller frees it. NULL when out of memory. */
static char *stats_text(const struct heddle_schema *schema, const struct heddle_delta_export_column *columns,
                        uint64_t rows)
{
    json_t *least = json_object();
    json_t *greatest = json_object();
    json_t *nulls = json_object();
    int failed = 0;
    for (size_t i = 0; i < schema->count; i++) {
        const struct heddle_delta_stats *stats = &columns[i].stats;
        const enum heddle_type type = schema->fields[i].type;
        failed |= json_object_set_new(nulls, columns[i].physical, json_integer((json_int_t)stats->nulls));
        if (stats->any) {
            failed |= json_object_set_new(least, columns[i].physical, heddle_delta_stats_least(stats, type));
            failed |=
                json_object_set_new(greatest, columns[i].physical, heddle_delta_stats_greatest(stats, type));
        }
    }
    json_t *all = json_pack("{s:I, s:o, s:o, s:o}", "numRecords", (json_int_t)rows, "minValues", least,
                            "maxValues", greatest, "nullCount", nulls);
    char *text = failed == 0 && all != NULL ? json_dumps(all, JSON_COMPACT) : NULL;
    json_decref(all);
    return text;
}

int heddle_delta_line_add(const struct heddle_schema *schema,
                          const struct heddle_delta_export_column *columns,
                          const struct heddle_delta_export_file *file, struct heddle_buffer *lines,
                          struct heddle_error *error)
{
    char *stats = stats_text(schema, columns, file->rows);
    if (stats == NULL) {
        return heddle_error_out_of_memory(error);
    }
    json_t *add = json_pack("{s:{s:s, s:{}, s:I, s:I, s:b, s:s}}", "add", "path", file->name,
                            "partitionValues", "size", (json_int_t)file->bytes, "modificationTime",
                            (json_int_t)file->time_ms, "dataChange", 1, "stats", stats);
    free(stats);
    return line_append(add, lines, error);
}
