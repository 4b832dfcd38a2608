/* vector.h: the deleted rows of one data file, from where the log says they are listed. */
#ifndef HEDDLE_SOURCE_DELTA_VECTOR_H
#define HEDDLE_SOURCE_DELTA_VECTOR_H

#include "source/delta/action.h"
#include "source/delta/deletions.h"
#include "source/delta/path.h"

/* Reads a vector that is there (storage is not 0); all memory is the arena's. Checks magic, size, CRC-32 and cardinality.
 * Errors: HEDDLE_SOURCE (missing, damaged, too large, outside the table: in a sentence), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_vector_load(const struct heddle_delta_root *root,
                                               const struct heddle_delta_vector *vector,
                                               struct heddle_arena *arena,
                                               struct heddle_delta_deletions **deletions_out,
                                               struct heddle_error *error);

#endif
