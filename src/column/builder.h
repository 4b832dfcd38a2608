/* builder.h: a column that grows value by value, for readers that make columns from text.
 *
 * A builder collects in memory of its own and is emptied into the arena of a batch by finish(), so one
 * builder serves batch after batch without asking the system for memory again. Appends never fail half-way:
 * finish() tells.
 *
 * Threads: one builder, one thread at a time.
 */
#ifndef HEDDLE_COLUMN_BUILDER_H
#define HEDDLE_COLUMN_BUILDER_H

#include "base/buffer.h"
#include "column/batch.h"

/* {.type = …} is an empty builder; LIST builders have `items` set to an empty builder of their item's
 * type. */
struct heddle_builder {
    enum heddle_type type;
    size_t length;
    size_t nulls;
    struct heddle_buffer valid;   /* a byte a value; packed by finish() */
    struct heddle_buffer values;  /* fixed-width types */
    struct heddle_buffer offsets; /* end of each value; the leading 0 is added by finish() */
    struct heddle_buffer bytes;
    struct heddle_builder *items;
};

void heddle_builder_null(struct heddle_builder *builder);
void heddle_builder_integer(struct heddle_builder *builder,
                            int64_t value); /* every type of 64-bit integers */
void heddle_builder_float(struct heddle_builder *builder, double value);
void heddle_builder_boolean(struct heddle_builder *builder, bool value);
void heddle_builder_text(struct heddle_builder *builder, const char *text,
                         size_t length); /* STRING, DECIMAL, BYTES */

/* Ends a value made in pieces: what was appended to `bytes` since the last value is a text, what was
 * appended to `items` is a list. */
void heddle_builder_end_text(struct heddle_builder *builder);
void heddle_builder_end_list(struct heddle_builder *builder);

/* Copies what was collected into the arena as a column and empties the builder. Errors:
 * HEDDLE_OUT_OF_MEMORY, also for an append that failed before; HEDDLE_SOURCE when more than 4 GiB of text
 * were collected. */
HEDDLE_MUST_CHECK int heddle_builder_finish(struct heddle_builder *builder, struct heddle_arena *arena,
                                            struct heddle_column *column, struct heddle_error *error);

/* Forgets what was collected. */
void heddle_builder_reset(struct heddle_builder *builder);

/* Frees the memory, not the struct nor `items` itself. */
void heddle_builder_free(struct heddle_builder *builder);

#endif
