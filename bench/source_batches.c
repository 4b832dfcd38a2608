/* source_batches.c: how fast a table becomes batches, with all its columns.
 *
 *     source_batches TABLE            reads all rows
 *     source_batches --replay TABLE   reads the log of a Delta table alone, to its newest version
 *
 * Prints a line of JSON: rows or files, and seconds. bench/source compares with Spark on the same table.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "source/delta/snapshot.h"
#include "source/source.h"

static int pass_over(void *context, const struct heddle_reject *reject, struct heddle_error *error)
{
    (void)context;
    return heddle_error_set(error, HEDDLE_SOURCE, "%s: %s", reject->file, reject->reason);
}

static int read_rows(const char *path, struct heddle_error *error)
{
    const struct heddle_source_options options = {.name = "table",
                                                  .type = heddle_source_guess_type(path),
                                                  .path = path,
                                                  .limit = UINT64_MAX,
                                                  .rejects = {.add = pass_over}};
    struct heddle_source *source = NULL;
    const uint64_t start = heddle_clock_ns();
    uint64_t rows = 0;
    uint64_t nulls = 0;
    HEDDLE_TRY(heddle_source_open(&options, &source, error));
    int status = HEDDLE_OK;
    while (status == HEDDLE_OK) {
        struct heddle_batch *batch = NULL;
        status = heddle_source_next(source, &batch, error);
        if (status == HEDDLE_OK) {
            rows += batch->rows;
            /* Each column is touched, so that nobody can say it was not there. */
            for (size_t i = 0; i < batch->schema->count; i++) {
                nulls += heddle_column_is_null(&batch->columns[i], batch->rows - 1) ? 1 : 0;
            }
            heddle_batch_release(batch);
        }
    }
    heddle_source_close(source);
    if (status == HEDDLE_END) {
        printf("{\"rows\": %" PRIu64 ", \"nulls_seen\": %" PRIu64 ", \"seconds\": %.6f}\n", rows, nulls,
               (double)(heddle_clock_ns() - start) / 1e9);
        status = HEDDLE_OK;
    }
    return status;
}

static int replay(const char *path, struct heddle_error *error)
{
    const struct heddle_delta_as_of as_of = {.version = -1};
    struct heddle_delta_snapshot *snapshot = NULL;
    const uint64_t start = heddle_clock_ns();
    HEDDLE_TRY(heddle_delta_snapshot_open(path, &as_of, &snapshot, error));
    printf("{\"version\": %" PRId64 ", \"files\": %zu, \"seconds\": %.6f}\n", snapshot->version,
           snapshot->file_count, (double)(heddle_clock_ns() - start) / 1e9);
    heddle_delta_snapshot_close(snapshot);
    return HEDDLE_OK;
}

int main(int count, char **arguments)
{
    struct heddle_error error = {0};
    const bool log_only = count == 3 && strcmp(arguments[1], "--replay") == 0;
    if (count != 2 && !log_only) {
        fputs("usage: source_batches [--replay] TABLE\n", stderr);
        return 1;
    }
    const int status = log_only ? replay(arguments[2], &error) : read_rows(arguments[1], &error);
    if (status != HEDDLE_OK) {
        fprintf(stderr, "source_batches: %s\n", error.message);
        return 1;
    }
    return 0;
}
