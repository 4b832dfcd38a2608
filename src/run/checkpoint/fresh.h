/* fresh.h: what --fresh deletes of a checkpoint, and nothing else: a folder that somebody named by mistake keeps what is
 * not heddle's or Spark's. Threads: one. */
#ifndef HEDDLE_RUN_FRESH_H
#define HEDDLE_RUN_FRESH_H

#include "fs/depot.h"

/* Deletes what runs keep in the checkpoint `folder`, which lies in the depot (NULL = on this machine); the lock and the turns
 * stay. No error where it is not there. Links are deleted, not followed. Errors: HEDDLE_IO (names the file), HEDDLE_NETWORK. */
HEDDLE_MUST_CHECK int heddle_fresh(struct heddle_depot *depot, const char *folder,
                                   struct heddle_error *error);

#endif
