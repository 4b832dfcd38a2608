/* rejects.h: the rows that could not be loaded, kept in files a person can grep: one JSON object a line
 * (run-contract section 3), one file a target: FOLDER/TARGET.jsonl ("source" where no target ever saw the row).
 *
 * Files appear with the first reject. A run that starts over writes them anew; one that goes on with a load appends, and
 * repeats none: a row is known by target, source, file and ordinal within the unit of work (micro-batch) at hand. A record is
 * with the system when add() returns, so a kill loses none.
 *
 * Threads: heddle_rejects_add and heddle_rejects_sync may be called from any thread; the others from one.
 */
#ifndef HEDDLE_RUN_REJECTS_H
#define HEDDLE_RUN_REJECTS_H

#include <stdatomic.h>

#include "column/reject.h"
#include "fs/depot.h"
#include "spec/options.h"

struct heddle_rejects;

/* Up to this many rejects never stop a load whose limit is a share: one bad row among the first hundred is no verdict. */
enum { HEDDLE_REJECT_LIMIT_FLOOR = 10 };

/* When there are too many. */
struct heddle_reject_limit {
    bool limited;
    uint64_t rows; /* at most this many, where ratio is negative */
    double
        ratio; /* at most this share of the rows expected (0.001 = 0.1 %), at least HEDDLE_REJECT_LIMIT_FLOOR */
};

/* The limit that the setting reject_limit says. */
struct heddle_reject_limit heddle_reject_limit_of(const struct heddle_option_value *setting);

enum heddle_rejects_start {
    HEDDLE_REJECTS_ANEW,  /* files of an earlier run are removed */
    HEDDLE_REJECTS_GO_ON, /* they stay, but for a last line that was cut short */
};

/* Where the checkpoint is none of this machine's folders: the files are copied into `folder` of the depot too, which another
 * machine then goes on from. Borrowed until close. */
struct heddle_rejects_away {
    struct heddle_depot *depot;
    const char *folder;
};

/* `folder` need not exist. `load` is the load's id. `away`: NULL = the files stay where they are.
 * Errors: HEDDLE_IO (folder named), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_rejects_open(const char *folder, const char *load,
                                          enum heddle_rejects_start start,
                                          const struct heddle_rejects_away *away,
                                          const struct heddle_reject_limit *limit,
                                          struct heddle_rejects **rejects_out, struct heddle_error *error);

/* Tells what the limit's share is of: the largest of all `rows` expected so far and of *rows_read at the time of a reject.
 * The counter is borrowed until close. */
void heddle_rejects_expect(struct heddle_rejects *rejects, uint64_t rows);
void heddle_rejects_follow(struct heddle_rejects *rejects, const _Atomic uint64_t *rows_read);

/* A unit of work begins, once more perhaps: rejects of it that an earlier run wrote are counted now, and not written again.
 * Errors: HEDDLE_IO, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_rejects_begin(struct heddle_rejects *rejects, uint64_t unit,
                                           struct heddle_error *error);

/* All records so far are on disk when it returns, and away where that is small. Errors: HEDDLE_IO, HEDDLE_NETWORK. */
HEDDLE_MUST_CHECK int heddle_rejects_sync(struct heddle_rejects *rejects, struct heddle_error *error);

/* The unit of work at hand is done: all its records are away when it returns. Errors: as above. */
HEDDLE_MUST_CHECK int heddle_rejects_end(struct heddle_rejects *rejects, struct heddle_error *error);

/* As heddle_reject_function: `context` is the struct heddle_rejects.
 * Errors: HEDDLE_REJECTED (limit passed: says where the rejects are), HEDDLE_IO (not writable), HEDDLE_OUT_OF_MEMORY. */
int heddle_rejects_add(void *context, const struct heddle_reject *reject, struct heddle_error *error);

/* Records of this run, and those that it met in heddle_rejects_begin(). */
uint64_t heddle_rejects_count(struct heddle_rejects *rejects);
const char *heddle_rejects_folder(const struct heddle_rejects *rejects);

/* Flushes and closes the files. NULL is a no-op. Errors: HEDDLE_IO. */
HEDDLE_MUST_CHECK int heddle_rejects_finish(struct heddle_rejects *rejects, struct heddle_error *error);
void heddle_rejects_close(struct heddle_rejects *rejects);

#endif
