/* flight.h: which keys the work in flight touches, key by key: a check of the scheduler by other means than its parts.
 *
 * Parts are hashes of keys dealt out; this set knows nothing of them. Two pieces of work that share a key while both are
 * in flight are what must never be. For tests and debug builds: it costs a sort of the keys a piece of work.
 *
 * Threads: as the scheduler's.
 */
#ifndef HEDDLE_SCHEDULE_FLIGHT_H
#define HEDDLE_SCHEDULE_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct heddle_flight;

/* A key that two pieces of work touch. */
struct heddle_flight_clash {
    uint64_t key;
    uint64_t work;  /* that entered */
    uint64_t other; /* that was in flight */
};

HEDDLE_MUST_CHECK int heddle_flight_create(struct heddle_flight **flight_out, struct heddle_error *error);

/* Work begins. `keys` (64 well-mixed bits a key, its space included) is sorted in place and copied; one may stand in it
 * more than once. False where another piece of work in flight has one of them: *clash_out says which. Work that no memory
 * is left for is not noted, and true. */
bool heddle_flight_enter(struct heddle_flight *flight, uint64_t work, uint64_t *keys, size_t count,
                         struct heddle_flight_clash *clash_out);

/* Work ends; unknown work is no mistake. */
void heddle_flight_leave(struct heddle_flight *flight, uint64_t work);

/* Pieces of work in flight. */
size_t heddle_flight_count(const struct heddle_flight *flight);

/* NULL is a no-op. */
void heddle_flight_destroy(struct heddle_flight *flight);

#endif
