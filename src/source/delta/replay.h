/* replay.h: the set of live files while actions are applied to it. */
#ifndef HEDDLE_SOURCE_DELTA_REPLAY_H
#define HEDDLE_SOURCE_DELTA_REPLAY_H

#include "source/delta/action.h"

/* {0} is an empty set. Files are kept by value; their texts are borrowed. */
struct heddle_delta_replay {
    struct heddle_delta_add *files; /* removed ones are marked until _finish() */
    size_t file_count;
    size_t file_capacity;
    uint32_t *slots; /* open addressing: index + 1 into files, 0 = free */
    size_t slot_count;
    struct heddle_delta_metadata metadata;
    struct heddle_delta_protocol protocol;
    bool has_metadata;
    bool has_protocol;
};

/* Applies one commit or checkpoint: removes, then adds; the last metaData and protocol win. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_replay_apply(struct heddle_delta_replay *replay,
                                                const struct heddle_delta_actions *actions,
                                                struct heddle_error *error);

/* Drops the removed files and sorts the others by modification time and path. */
void heddle_delta_replay_finish(struct heddle_delta_replay *replay);

void heddle_delta_replay_free(struct heddle_delta_replay *replay);

#endif
