/* write.c: a batch into the file: converted once, cut into transactions by rows and bytes, nodes before relationships. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "sink/duckdb/internal.h"
#include "sink/recall.h"

enum {
    BATCH_ROWS_AUTO = 20000,
    BATCH_BYTES_AUTO = 4 * 1024 * 1024, /* run-contract section 1 */
};

static size_t column_bytes(const struct heddle_column *column, size_t row)
{
    switch (column->type) {
    case HEDDLE_TYPE_STRING:
    case HEDDLE_TYPE_DECIMAL:
    case HEDDLE_TYPE_BYTES: return column->offsets[row + 1] - column->offsets[row];
    case HEDDLE_TYPE_LIST:
    case HEDDLE_TYPE_MAP: return (column->offsets[row + 1] - column->offsets[row]) * sizeof(int64_t);
    case HEDDLE_TYPE_VECTOR: return column->width * sizeof(float);
    case HEDDLE_TYPE_NULL: return 0;
    case HEDDLE_TYPE_BOOLEAN:
    case HEDDLE_TYPE_INTEGER:
    case HEDDLE_TYPE_FLOAT:
    case HEDDLE_TYPE_DATE:
    case HEDDLE_TYPE_TIME:
    case HEDDLE_TYPE_TIMESTAMP:
    case HEDDLE_TYPE_DATETIME: break;
    }
    return sizeof(int64_t);
}

static size_t row_bytes(const struct heddle_target_rows *ready, size_t row)
{
    size_t bytes = 0;
    for (size_t i = 0; i < ready->target->property_count; i++) {
        bytes += column_bytes(&ready->properties[i], row);
    }
    for (size_t i = 0; i < ready->target->start.key_count; i++) {
        bytes += column_bytes(&ready->start_keys[i], row);
    }
    for (size_t i = 0; i < ready->target->end.key_count; i++) {
        bytes += column_bytes(&ready->end_keys[i], row);
    }
    return bytes + (heddle_rows_has_vector(ready, row) ? column_bytes(ready->vector, row) : 0);
}

static size_t first_set(size_t target, size_t load, size_t automatic)
{
    return target > 0 ? target : load > 0 ? load : automatic;
}

/* How many rows from `first` on make one transaction: at least one. */
static size_t rows_cut(struct heddle_duckdb_sink *sink, const struct heddle_target_rows *ready, size_t first)
{
    const struct heddle_target *target = ready->target;
    const size_t most = first_set(target->batch_rows, sink->options.batch_rows, BATCH_ROWS_AUTO);
    const size_t limit = first_set(target->batch_bytes, sink->options.batch_bytes, BATCH_BYTES_AUTO);
    size_t bytes = 0;
    size_t count = 0;
    while (first + count < ready->row_count && count < most) {
        bytes += row_bytes(ready, ready->rows[first + count]);
        if (count > 0 && bytes > limit) {
            break;
        }
        count++;
    }
    atomic_fetch_add(&sink->bytes, bytes);
    if (count > atomic_load(&sink->batch_rows)) {
        atomic_store(&sink->batch_rows, count);
    }
    return count;
}

static int part_write(struct heddle_duckdb_sink *sink, struct heddle_duckdb_staged *staged,
                      struct heddle_error *error)
{
    const uint64_t start = heddle_clock_ns();
    HEDDLE_TRY(heddle_duckdb_stage(sink, staged, error));
    const uint64_t middle = heddle_clock_ns();
    HEDDLE_TRY(heddle_duckdb_transact(sink, staged, error));
    if (!staged->ready->target->removes) {
        HEDDLE_TRY(heddle_duckdb_sample(sink, staged, error));
    }
    atomic_fetch_add(&sink->encode_ns, middle - start);
    atomic_fetch_add(&sink->wait_ns, heddle_clock_ns() - middle);
    atomic_fetch_add(&sink->rows_done, staged->count);
    return HEDDLE_OK;
}

static int parts_write(struct heddle_duckdb_sink *sink, const struct heddle_target_rows *ready,
                       struct heddle_error *error)
{
    struct heddle_duckdb_staged staged = {.ready = ready};
    HEDDLE_TRY(heddle_arena_create(0, &staged.arena, error));
    int status = HEDDLE_OK;
    while (status == HEDDLE_OK && staged.first < ready->row_count) {
        if (atomic_load(&sink->stopping)) {
            status = heddle_error_set(error, HEDDLE_INTERRUPTED, "stopped on request");
            break;
        }
        staged.count = rows_cut(sink, ready, staged.first);
        status = part_write(sink, &staged, error);
        staged.first += staged.count;
        heddle_arena_reset(staged.arena);
    }
    heddle_arena_destroy(staged.arena);
    return status;
}

static int target_write(struct heddle_duckdb_sink *sink, struct heddle_rows *rows, size_t index,
                        struct heddle_error *error)
{
    const struct heddle_target *target = &sink->options.targets[index];
    struct heddle_duckdb_state *state = &sink->states[index];
    struct heddle_target_rows *ready = NULL;
    struct heddle_recalled recalled;
    HEDDLE_TRY(heddle_duckdb_layout_learn(&sink->layout, index, target, rows->batch->schema, error));
    HEDDLE_TRY(heddle_duckdb_tables_ready(sink, index, error));
    HEDDLE_TRY(heddle_rows_convert(rows, target, index, &sink->options.rejects, &ready, error));
    state->counts.read += rows->batch->rows - ready->left_out;
    HEDDLE_TRY(heddle_recall_ask(&sink->options.ledger, ready, error));
    HEDDLE_TRY(heddle_fold_rows(sink->fold, ready, error));
    HEDDLE_TRY(
        heddle_recall_split(ready, &recalled, error)); /* no row is ever WRITTEN: a mark bears its sums */
    state->counts.rejected += ready->rejected;
    state->counts.folded += ready->folded;
    atomic_fetch_add(&sink->rows_done, ready->rejected + ready->folded + recalled.done_count);
    return parts_write(sink, ready, error);
}

int heddle_duckdb_write(void *self, struct heddle_batch *batch, const size_t *targets, size_t target_count,
                        struct heddle_error *error)
{
    struct heddle_duckdb_sink *sink = self;
    struct heddle_rows *rows = NULL;
    const bool removes = target_count > 0 && sink->options.targets[targets[0]].removes;
    /* Nodes before the relationships that need them; what goes, the other way round. */
    const enum heddle_target_kind order[2] = {removes ? HEDDLE_TARGET_RELATIONSHIP : HEDDLE_TARGET_NODE,
                                              removes ? HEDDLE_TARGET_NODE : HEDDLE_TARGET_RELATIONSHIP};
    if (removes) {
        HEDDLE_TRY(heddle_duckdb_removal_begin(sink, sink->options.targets[targets[0]].source, batch->schema,
                                               error));
    }
    HEDDLE_TRY(heddle_rows_create(batch, &rows, error));
    int status = HEDDLE_OK;
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; status == HEDDLE_OK && i < target_count; i++) {
            if (sink->options.targets[targets[i]].kind == order[k]) {
                status = target_write(sink, rows, targets[i], error);
            }
        }
    }
    heddle_rows_release(rows);
    return status;
}
