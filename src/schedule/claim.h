/* claim.h: the set of parts that a row touches.
 *
 * One relationship has two, a node write one, a statement that writes a node and what starts at it, or a query with
 * several `touches`, has more. While a part table changes, a key may claim both its old and its new part.
 *
 * Threads: pure functions.
 */
#ifndef HEDDLE_SCHEDULE_CLAIM_H
#define HEDDLE_SCHEDULE_CLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As many as a tile can note in one word of bits; a row that touches more is not a row for tiles. */
enum { HEDDLE_CLAIM_PARTS_MAX = 60 };

/* A part over all spaces: space x parts a space + part. {0} is the empty claim: the row meets nobody. */
struct heddle_claim {
    uint32_t count;
    uint32_t parts[HEDDLE_CLAIM_PARTS_MAX]; /* ascending, each once */
};

/* Adds a part; one that is in it already changes nothing. False where the claim is full (it is unchanged). */
static inline bool heddle_claim_add(struct heddle_claim *claim, uint32_t part)
{
    uint32_t at = 0;
    while (at < claim->count && claim->parts[at] < part) {
        at++;
    }
    if (at < claim->count && claim->parts[at] == part) {
        return true;
    }
    if (claim->count == HEDDLE_CLAIM_PARTS_MAX) {
        return false;
    }
    for (uint32_t i = claim->count; i > at; i--) {
        claim->parts[i] = claim->parts[i - 1];
    }
    claim->parts[at] = part;
    claim->count++;
    return true;
}

#endif
