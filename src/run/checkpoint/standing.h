/* standing.h: how far a load has come, read from its checkpoint alone: no table and no database is opened.
 *
 * Threads: one. Ownership: everything lies in the arena that is given.
 */
#ifndef HEDDLE_RUN_STANDING_H
#define HEDDLE_RUN_STANDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "fs/depot.h"
#include "run/checkpoint/totals.h"

/* One stream of the load: a pass over one of its tables. */
struct heddle_standing_stream {
    const char *name;      /* "" where the load has but one */
    int64_t batches;       /* committed */
    bool open;             /* one more is begun */
    bool foreign;          /* by Spark */
    uint64_t rows_done;    /* of the open one, in parts that are committed */
    const char *offset;    /* where it stands, in words; "" = nothing was read yet */
    const char *committed; /* where the last committed batch ends, in words */
};

struct heddle_standing_rejects {
    const char *target;
    uint64_t count;
};

struct heddle_standing {
    const char *folder;
    const char *load;      /* id, "" where no run of this version had it */
    const char *precision; /* of its vectors, "" = none, or not decided */
    bool running;          /* another process has the checkpoint */
    long process;          /* which, 0 = not known */
    const char *machine;   /* where, as it says itself; "" = this one */
    struct heddle_standing_stream *streams;
    size_t stream_count;
    struct heddle_standing_rejects *rejects;
    size_t reject_count;
    bool recorded;               /* a micro-batch is under way and stands in the journal */
    uint64_t unit;               /* its number */
    uint64_t runs;               /* that have taken it up */
    size_t unresolved;           /* transactions whose outcome the next run asks the database for */
    const char *last_run;        /* status of the last receipt: "ok", …; "" = none */
    uint64_t rows_read;          /* by that run */
    struct heddle_totals totals; /* of all runs */
};

/* `folder` may be in a store, which is asked by `settings` (NULL = none). Errors: HEDDLE_IO (no checkpoint there; damaged: file
 * named), HEDDLE_NETWORK, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_standing_read(const char *folder, const struct heddle_fs_settings *settings,
                                           struct heddle_arena *arena, struct heddle_standing *status,
                                           struct heddle_error *error);

/* For a person; and as one JSON object. Errors: HEDDLE_OUT_OF_MEMORY. */
void heddle_standing_print(const struct heddle_standing *status, struct heddle_buffer *text);
HEDDLE_MUST_CHECK int heddle_standing_json(const struct heddle_standing *status, struct heddle_buffer *text,
                                           struct heddle_error *error);

/* An offset as Spark's sources write it, in words: "version 12, up to its file number 3". Answers the offset itself where it is
 * of no kind that is known. Errors: NULL, out of memory. */
const char *heddle_standing_offset(const char *offset, struct heddle_arena *arena);

#endif
