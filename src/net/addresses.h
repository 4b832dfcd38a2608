/* addresses.h: a list of addresses that a user's resolver fills (heddle_addresses_add() of heddle/bolt.h).
 *
 * Ownership: the list owns copies of its texts. Threads: one list, one thread at a time.
 */
#ifndef HEDDLE_NET_ADDRESSES_H
#define HEDDLE_NET_ADDRESSES_H

#include <heddle/bolt.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* {0} is an empty list. */
struct heddle_addresses {
    char **items;
    size_t count;
    size_t capacity;
    bool failed; /* memory ran out: the list is not complete */
};

/* HEDDLE_OUT_OF_MEMORY where an address could not be kept. */
HEDDLE_MUST_CHECK int heddle_addresses_check(const struct heddle_addresses *addresses,
                                             struct heddle_error *error);

/* True where the list holds `address`, letter for letter. */
bool heddle_addresses_hold(const struct heddle_addresses *addresses, const char *address);

/* Takes one out; nothing happens where it is not there. */
void heddle_addresses_remove(struct heddle_addresses *addresses, const char *address);

/* Frees the texts and leaves {0}. */
void heddle_addresses_free(struct heddle_addresses *addresses);

#endif
