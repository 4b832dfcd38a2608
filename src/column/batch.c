/* batch.c: the life of a batch, and names of types. */
#include "column/batch.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* A batch of 2,000 removal events is about 400 KiB: few blocks, little waste. */
enum { BATCH_ARENA_BLOCK = 256 * 1024 };

const char *heddle_type_name(enum heddle_type type)
{
    switch (type) {
    case HEDDLE_TYPE_NULL: return "null";
    case HEDDLE_TYPE_BOOLEAN: return "boolean";
    case HEDDLE_TYPE_INTEGER: return "integer";
    case HEDDLE_TYPE_FLOAT: return "float";
    case HEDDLE_TYPE_STRING: return "string";
    case HEDDLE_TYPE_DECIMAL: return "decimal";
    case HEDDLE_TYPE_BYTES: return "byte_array";
    case HEDDLE_TYPE_DATE: return "date";
    case HEDDLE_TYPE_TIME: return "local_time";
    case HEDDLE_TYPE_TIMESTAMP: return "zoned_datetime";
    case HEDDLE_TYPE_DATETIME: return "local_datetime";
    case HEDDLE_TYPE_LIST: return "list";
    case HEDDLE_TYPE_MAP: return "map";
    case HEDDLE_TYPE_VECTOR: return "vector";
    }
    return "unknown";
}

int heddle_schema_find(const struct heddle_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++) {
        if (strcmp(schema->fields[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int heddle_batch_create(const struct heddle_schema *schema, struct heddle_batch **batch_out,
                        struct heddle_error *error)
{
    struct heddle_batch *batch = heddle_calloc(1, sizeof *batch);
    if (batch == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = heddle_arena_create(BATCH_ARENA_BLOCK, &batch->arena, error);
    if (status != HEDDLE_OK) {
        free(batch);
        return status;
    }
    batch->columns = heddle_arena_calloc(batch->arena, schema->count, sizeof *batch->columns);
    if (batch->columns == NULL) {
        heddle_arena_destroy(batch->arena);
        free(batch);
        return heddle_error_out_of_memory(error);
    }
    batch->schema = schema;
    batch->file = "";
    batch->source = "";
    atomic_init(&batch->references, 1);
    *batch_out = batch;
    return HEDDLE_OK;
}

struct heddle_batch *heddle_batch_retain(struct heddle_batch *batch)
{
    atomic_fetch_add_explicit(&batch->references, 1, memory_order_relaxed);
    return batch;
}

void heddle_batch_release(struct heddle_batch *batch)
{
    if (batch == NULL || atomic_fetch_sub_explicit(&batch->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    heddle_arena_destroy(batch->arena);
    free(batch);
}
