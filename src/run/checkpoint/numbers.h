/* numbers.h: the numbers that files of a checkpoint's logs are named by.
 *
 * Threads: those of the depot.
 */
#ifndef HEDDLE_RUN_CHECKPOINT_NUMBERS_H
#define HEDDLE_RUN_CHECKPOINT_NUMBERS_H

#include <stdint.h>

#include "fs/depot.h"

struct heddle_numbers {
    int64_t lowest; /* both -1 = none */
    int64_t highest;
};

/* Of the files right below `folder`; names that are no numbers are passed over. Errors: those of heddle_depot_list(). */
HEDDLE_MUST_CHECK int heddle_numbers_list(struct heddle_depot *depot, const char *folder,
                                          struct heddle_numbers *numbers, struct heddle_error *error);

#endif
