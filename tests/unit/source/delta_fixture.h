/* delta_fixture.h: Delta tables written by hand: a log in plain JSON, data files by DuckDB. */
#ifndef HEDDLE_TESTS_DELTA_FIXTURE_H
#define HEDDLE_TESTS_DELTA_FIXTURE_H

#include "source_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>

#define PROTOCOL_1 "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
#define PROTOCOL_2 "{\"protocol\":{\"minReaderVersion\":2,\"minWriterVersion\":5}}\n"
#define PROTOCOL_3(features)                                                                                 \
    "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":[" features             \
    "],\"writerFeatures\":[" features "]}}\n"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":\"" type "\",\"nullable\":true,\"metadata\":{}}"
#define ADD(path)                                                                                            \
    "{\"add\":{\"path\":\"" path "\",\"partitionValues\":{},\"size\":1,\"modificationTime\":1,"              \
    "\"dataChange\":true}}\n"
#define REMOVE(path) "{\"remove\":{\"path\":\"" path "\",\"deletionTimestamp\":2,\"dataChange\":true}}\n"

static inline int entry_remove(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline int table_make(void **state)
{
    if (folder_make(state) != 0) {
        return -1;
    }
    return mkdir(path_of("_delta_log"), 0777);
}

static inline int table_remove(void **state)
{
    (void)state;
    return nftw(folder, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* Writes commit `version`: up to four pieces of it, NULL ends. */
static inline void commit_write(int version, const char *a, const char *b, const char *c, const char *d)
{
    char name[64];
    struct heddle_buffer text = {0};
    const char *const parts[] = {a, b, c, d};
    snprintf(name, sizeof name, "_delta_log/%020d.json", version);
    for (size_t i = 0; i < 4 && parts[i] != NULL; i++) {
        heddle_buffer_append_text(&text, parts[i]);
    }
    file_write(name, text.length > 0 ? (const char *)text.bytes : "", text.length);
    heddle_buffer_free(&text);
}

/* A metaData line with these fields (comma-separated JSON), partition columns ("\"a\"") and configuration. Valid until the
 * next. */
static inline const char *metadata_of(const char *fields, const char *partition, const char *configuration)
{
    static char line[16384];
    char schema[8192];
    snprintf(schema, sizeof schema, "{\"type\":\"struct\",\"fields\":[%s]}", fields);
    json_t *text = json_string(schema);
    char *quoted = json_dumps(text, JSON_ENCODE_ANY);
    assert_non_null(quoted);
    snprintf(line, sizeof line,
             "{\"metaData\":{\"id\":\"t\",\"format\":{\"provider\":\"parquet\",\"options\":{}},"
             "\"schemaString\":%s,"
             "\"partitionColumns\":[%s],\"configuration\":{%s}}}\n",
             quoted, partition, configuration);
    free(quoted);
    json_decref(text);
    return line;
}

/* A table of one INTEGER column n whose log ends with `actions`. */
static inline void numbers_table(const char *actions)
{
    commit_write(0, PROTOCOL_1, metadata_of(FIELD("n", "integer"), "", ""), actions, NULL);
}

static inline struct heddle_source_options delta_of(struct reject_log *log)
{
    return options_of("delta", folder, log);
}

/* Opens and reads all; asserts that one of both fails as HEDDLE_SOURCE with `part` in the message. */
static inline void expect_failure(const struct heddle_source_options *options, const char *part)
{
    struct heddle_source *source = NULL;
    struct heddle_buffer out = {0};
    struct heddle_error error = {0};
    int status = heddle_source_open(options, &source, &error);
    if (status == HEDDLE_OK) {
        status = source_print(source, &out, &error);
        heddle_source_close(source);
    }
    heddle_buffer_free(&out);
    if (status != HEDDLE_SOURCE || strstr(error.message, part) == NULL) {
        fail_msg("`%s` is not in `%s` (%d)", part, error.message, status);
    }
}

#endif
