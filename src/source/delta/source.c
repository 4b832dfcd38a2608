/* source.c: the `delta` source: the live files of one version. */
#include "source/reader.h"

#include <string.h>

#include "column/scalar.h"
#include "source/delta/read.h"
#include "source/stream/settings.h"

int heddle_delta_as_of_read(const struct heddle_source_options *options, struct heddle_delta_as_of *as_of,
                            struct heddle_error *error)
{
    const char *version = heddle_source_setting(options, "versionAsOf", NULL);
    const char *time = heddle_source_setting(options, "timestampAsOf", NULL);
    *as_of = (struct heddle_delta_as_of){
        .version = -1, .library = heddle_source_setting(options, "library", NULL), .mirror = options->mirror};
    if (version != NULL && time != NULL) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "source `%s`: versionAsOf and timestampAsOf exclude each other",
                                options->name);
    }
    if (version != NULL) {
        uint64_t number = 0;
        HEDDLE_TRY(heddle_source_setting_number(options, "versionAsOf", 0, &number, error));
        as_of->version = (int64_t)number;
    }
    if (time != NULL && !heddle_delta_time_parse(time, &as_of->time)) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "source `%s`: timestampAsOf is `%s`, not a date or a date-time such as "
                                "2024-05-01T10:15:30Z",
                                options->name, time);
    }
    as_of->by_time = time != NULL;
    return HEDDLE_OK;
}

int heddle_delta_open(const struct heddle_source_options *options, struct heddle_source **source_out,
                      struct heddle_error *error)
{
    static const char *const settings[] = {
        "library", "versionAsOf", "timestampAsOf", "partitionTimeZone", HEDDLE_STREAM_SETTINGS_DELTA, NULL};
    struct heddle_delta_as_of as_of;
    struct heddle_delta_snapshot *snapshot = NULL;
    HEDDLE_TRY(heddle_source_settings_check(options, settings, error));
    HEDDLE_TRY(heddle_delta_as_of_read(options, &as_of, error));
    HEDDLE_TRY(heddle_delta_snapshot_open(options->path, &as_of, &snapshot, error));
    const struct heddle_delta_read read = {.snapshot = snapshot,
                                           .owned = snapshot,
                                           .files = snapshot->files,
                                           .file_count = snapshot->file_count};
    const int status = heddle_delta_read_open(options, &read, source_out, error);
    if (status != HEDDLE_OK) {
        heddle_delta_snapshot_close(snapshot);
    }
    return status;
}
