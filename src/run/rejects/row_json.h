/* row_json.h: one row of a batch as a JSON object, types kept as far as JSON has them.
 *
 * Integers and floats are numbers, decimals, dates and times are text as they are written in ISO 8601, bytes are
 * base64, lists and vectors arrays, maps objects. NaN and infinities, which JSON lacks, become the texts "NaN",
 * "Infinity", "-Infinity". Threads: any.
 */
#ifndef HEDDLE_RUN_ROW_JSON_H
#define HEDDLE_RUN_ROW_JSON_H

#include <jansson.h>

#include "column/batch.h"

/* A new reference, NULL when out of memory. */
json_t *heddle_row_json(const struct heddle_batch *batch, size_t row);

#endif
