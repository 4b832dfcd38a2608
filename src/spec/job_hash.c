/* job_hash.c: one number for what a job loads, whatever its format, key order, layout and settings.
 *
 * The document is written as canonical JSON (keys in byte order, no blanks) without `config`, without
 * settings on targets and without those of a source as a stream, and hashed. YAML and JSON of the same job give the
 * same text.
 */
#include "spec/job_internal.h"

#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "spec/options.h"

/* Any fixed number; it is part of every load id. */
static const uint64_t hash_seed = 0x686564646c65;

/* How a stream is cut, begun, and what it does at changes that it cannot follow: Spark lets a restarted stream change these,
 * and the message of a stream that stopped asks for it ("set ignoreDeletes"). */
static bool is_stream_setting(const char *name)
{
    static const char *const names[] = {
        "maxFilesPerTrigger", "maxBytesPerTrigger", "maxRowsPerBatch", "startingVersion",
        "startingTimestamp",  "ignoreDeletes",      "ignoreChanges",   "skipChangeCommits",
        "ignoreFileDeletion", "excludeRegex",       "failOnDataLoss",  "latestFirst",
        "maxFileAge",         "fileNameOnly",       "maxCachedFiles",  "discardCachedInputRatio",
        "cleanSource"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        found = found || strcasecmp(names[i], name) == 0;
    }
    return found;
}

static bool is_target_setting(const char *name)
{
    const struct heddle_option *option = heddle_option_find(name);
    /* How rows are written beside each other changes nothing about what is loaded. */
    const bool schedules = strcmp(name, "schedule") == 0 || strcmp(name, "touches") == 0;
    /* A run that stopped at a deleted row asks for it. */
    const bool follows = strcmp(name, "on_delete") == 0;
    return schedules || follows || (option != NULL && option->on_target);
}

static bool is_config(const char *name)
{
    return strcmp(name, "config") == 0;
}

/* A copy of a map without the keys that `drop` names; other nodes as they are. */
static const struct heddle_document_node *
without(struct heddle_job_reader *reader, const struct heddle_document_node *map, bool (*drop)(const char *))
{
    struct heddle_document_node *copy = heddle_job_alloc(reader, 1, sizeof *copy);
    const struct heddle_document_node **items = heddle_job_alloc(reader, 2 * map->count, sizeof *items);
    if (copy == NULL || items == NULL || map->kind != HEDDLE_DOCUMENT_MAP) {
        return map;
    }
    *copy = *map;
    copy->items = items;
    copy->count = 0;
    for (size_t i = 0; i < map->count; i++) {
        if (!drop(heddle_document_key(map, i)->text)) {
            items[2 * copy->count] = heddle_document_key(map, i);
            items[2 * copy->count + 1] = heddle_document_value(map, i);
            copy->count++;
        }
    }
    return copy;
}

/* A list as JSON, its maps without the dropped keys. */
static void write_list(struct heddle_job_reader *reader, const struct heddle_document_node *list,
                       bool (*drop)(const char *), struct heddle_buffer *out)
{
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        heddle_document_write(without(reader, list->items[i], drop), true, out);
        heddle_buffer_append_byte(out, '\n');
    }
}

static bool is_written_apart(const char *name)
{
    return is_config(name) || strcmp(name, "sources") == 0 || strcmp(name, "targets") == 0;
}

void heddle_job_hash(struct heddle_job_reader *reader)
{
    static const char *const lists[] = {"nodes", "relationships", "queries"};
    const struct heddle_document_node *targets = heddle_document_get(reader->root, "targets");
    struct heddle_buffer text = {0};
    heddle_document_write(without(reader, reader->root, is_written_apart), true, &text);
    heddle_buffer_append_text(&text, "\nsources\n");
    write_list(reader, heddle_document_get(reader->root, "sources"), is_stream_setting, &text);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        heddle_buffer_append_format(&text, "%s\n", lists[i]);
        write_list(reader, heddle_document_get(targets, lists[i]), is_target_setting, &text);
    }
    reader->out_of_memory = reader->out_of_memory || text.failed;
    if (!reader->out_of_memory) {
        reader->job->content_hash = heddle_hash_bytes(text.bytes, text.length, hash_seed);
    }
    heddle_buffer_free(&text);
}
