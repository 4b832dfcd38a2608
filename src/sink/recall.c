/* recall.c: rows of a resumed micro-batch, parted by what became of them. */
#include "sink/recall.h"

int heddle_recall_ask(const struct heddle_ledger *ledger, struct heddle_target_rows *ready,
                      struct heddle_error *error)
{
    const struct heddle_batch *batch = ready->owner->batch;
    if (ledger->recall == NULL || batch->rows == 0) {
        return HEDDLE_OK;
    }
    uint8_t *fates = heddle_arena_calloc(ready->owner->arena, batch->rows, sizeof *fates);
    if (fates == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const size_t known =
        ledger->recall(ledger->context, ready->target_index, batch->position, batch->rows, fates);
    ready->fates = known > 0 ? fates : NULL;
    return HEDDLE_OK;
}

int heddle_recall_split(struct heddle_target_rows *ready, struct heddle_recalled *out,
                        struct heddle_error *error)
{
    *out = (struct heddle_recalled){0};
    if (ready->fates == NULL) {
        return HEDDLE_OK;
    }
    out->written = heddle_arena_calloc(ready->owner->arena, ready->row_count + 1, sizeof *out->written);
    if (out->written == NULL) {
        return heddle_error_out_of_memory(error);
    }
    size_t kept = 0;
    for (size_t i = 0; i < ready->row_count; i++) {
        const uint32_t row = ready->rows[i];
        switch ((enum heddle_fate)ready->fates[row]) {
        case HEDDLE_FATE_NEW: ready->rows[kept++] = row; break;
        case HEDDLE_FATE_DONE: out->done_count++; break;
        case HEDDLE_FATE_WRITTEN: out->written[out->written_count++] = row; break;
        }
    }
    ready->row_count = kept;
    return HEDDLE_OK;
}
