/* place.h: where the checkpoint of a load is. Pure. */
#ifndef HEDDLE_RUN_CHECKPOINT_PLACE_H
#define HEDDLE_RUN_CHECKPOINT_PLACE_H

#include "base/arena.h"
#include "spec/options.h"

/* The setting `checkpoint`, or else .heddle/JOB below the working directory. In the arena; NULL when out of memory. */
const char *heddle_checkpoint_place(const struct heddle_options *options, const char *job,
                                    struct heddle_arena *arena);

#endif
