/* rejects_known.h: the rejects that earlier runs wrote, so that a resume repeats none: which records belong to the unit of work at
 * hand, and their keys. Private to rejects.c.
 *
 * A reject is known by target, source, file and row; within one unit of work the source's version is fixed, so the file's name says
 * it. Only records of the unit at hand can come again: `unit.json` beside the files says how long each was before its first one.
 * Keys are kept as two hashes of 64 bits: with 10 million rejects the chance of one wrong match is 1 in 10^24.
 *
 * Threads: one at a time.
 */
#ifndef HEDDLE_RUN_REJECTS_KNOWN_H
#define HEDDLE_RUN_REJECTS_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct heddle_reject_key {
    uint64_t high, low;
};

struct heddle_reject_key heddle_reject_key_of(const char *target, const char *source, const char *file,
                                              uint64_t row);

/* {0} is empty. */
struct heddle_rejects_known {
    struct heddle_reject_key *slots; /* open addressing; {0, 0} is free */
    size_t slot_count;               /* a power of two */
    size_t count;
};

HEDDLE_MUST_CHECK int heddle_rejects_known_add(struct heddle_rejects_known *known,
                                               struct heddle_reject_key key, struct heddle_error *error);
bool heddle_rejects_known_has(const struct heddle_rejects_known *known, struct heddle_reject_key key);
void heddle_rejects_known_free(struct heddle_rejects_known *known); /* leaves {0} */

/* Cuts a last line without its end off every file in `folder`: a write that a kill or a full disk cut short. An absent folder
 * is no error. Errors: HEDDLE_IO. */
HEDDLE_MUST_CHECK int heddle_rejects_mend(const char *folder, struct heddle_error *error);

/* Begins unit `unit`: where an earlier run wrote rejects of it, their keys are put into `known`, and *noted_out is true.
 * Errors: HEDDLE_IO (names the file and the line that is no record), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_rejects_begin_unit(const char *folder, uint64_t unit,
                                                struct heddle_rejects_known *known, bool *noted_out,
                                                struct heddle_error *error);

/* Before the first record of a unit, once: writes unit.json. The folder is there. Errors: HEDDLE_IO, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_rejects_note_unit(const char *folder, uint64_t unit, struct heddle_error *error);

#endif
