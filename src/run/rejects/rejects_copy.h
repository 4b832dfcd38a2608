/* rejects_copy.h: the files of rejects of a load whose checkpoint lies where nothing can be appended to. They are written in a
 * folder of this machine, and copied whole into the checkpoint: so another machine goes on with them, and all are found beside
 * the checkpoint. Private to rejects.c and its tests. Threads: one at a time. */
#ifndef HEDDLE_RUN_REJECTS_COPY_H
#define HEDDLE_RUN_REJECTS_COPY_H

#include "fs/depot.h"

/* Files beyond this are copied only at the end of a micro-batch: each copy is one of the whole. */
#define HEDDLE_REJECTS_COPY_OFTEN ((uint64_t)1 << 20)

struct heddle_rejects_copy;

/* `there`: the folder in the depot; `here`: the one on this machine. Both and the depot are borrowed. */
HEDDLE_MUST_CHECK int heddle_rejects_copy_create(struct heddle_depot *depot, const char *there,
                                                 const char *here, struct heddle_rejects_copy **copy_out,
                                                 struct heddle_error *error);

/* Makes `here` what the checkpoint holds: what is there is fetched, but for a file that goes on from it here; what is only here
 * goes: its rejects come again. Errors: HEDDLE_IO, HEDDLE_NETWORK, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_rejects_copy_fetch(struct heddle_rejects_copy *copy, struct heddle_error *error);

/* Copies what has grown since it was copied last and is not larger than `bytes_max`. Errors: as above. */
HEDDLE_MUST_CHECK int heddle_rejects_copy_send(struct heddle_rejects_copy *copy, uint64_t bytes_max,
                                               struct heddle_error *error);

void heddle_rejects_copy_destroy(struct heddle_rejects_copy *copy); /* NULL is a no-op */

#endif
