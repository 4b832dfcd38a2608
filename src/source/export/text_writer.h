/* text_writer.h: batches as lines of CSV or JSON. Private to src/source/generate. */
#ifndef HEDDLE_SOURCE_GENERATE_TEXT_WRITER_H
#define HEDDLE_SOURCE_GENERATE_TEXT_WRITER_H

#include "base/buffer.h"
#include "column/batch.h"

/* Append the header line, and one row as a line, to `out`; out-of-memory is in the buffer's own flag. */
void heddle_csv_header_write(struct heddle_buffer *out, const struct heddle_schema *schema);
void heddle_csv_row_write(struct heddle_buffer *out, const struct heddle_batch *batch, size_t row);
void heddle_json_row_write(struct heddle_buffer *out, const struct heddle_batch *batch, size_t row);

#endif
