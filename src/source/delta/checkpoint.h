/* checkpoint.h: the state of a table at one version, read from a checkpoint of any kind. */
#ifndef HEDDLE_SOURCE_DELTA_CHECKPOINT_H
#define HEDDLE_SOURCE_DELTA_CHECKPOINT_H

#include "source/delta/action.h"
#include "source/delta/log.h"

/* Adds protocol, metaData and the live files of a checkpoint (and of its sidecars) to `actions`. `library` is where libduckdb
 * is looked for (NULL = search). Errors: HEDDLE_SOURCE (a file that is missing, damaged or leads out of the table),
 * HEDDLE_INVALID (no libduckdb), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_checkpoint_read(const struct heddle_delta_log *log,
                                                   const struct heddle_delta_checkpoint *checkpoint,
                                                   const char *library, struct heddle_delta_actions *actions,
                                                   struct heddle_error *error);

#endif
