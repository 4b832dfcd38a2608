/* addresses.c: lists of addresses. */
#include "net/addresses.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void heddle_addresses_add(struct heddle_addresses *addresses, const char *address)
{
    char *copy = address != NULL ? heddle_strdup(address) : NULL;
    if (copy == NULL || heddle_grow((void **)&addresses->items, &addresses->capacity, addresses->count + 1,
                                    sizeof *addresses->items) != 0) {
        free(copy);
        addresses->failed = true;
        return;
    }
    addresses->items[addresses->count++] = copy;
}

int heddle_addresses_check(const struct heddle_addresses *addresses, struct heddle_error *error)
{
    return addresses->failed ? heddle_error_out_of_memory(error) : HEDDLE_OK;
}

static size_t place_of(const struct heddle_addresses *addresses, const char *address)
{
    size_t place = 0;
    while (place < addresses->count && strcmp(addresses->items[place], address) != 0) {
        place++;
    }
    return place;
}

bool heddle_addresses_hold(const struct heddle_addresses *addresses, const char *address)
{
    return place_of(addresses, address) < addresses->count;
}

void heddle_addresses_remove(struct heddle_addresses *addresses, const char *address)
{
    const size_t place = place_of(addresses, address);
    if (place == addresses->count) {
        return;
    }
    free(addresses->items[place]);
    addresses->count--;
    memmove(addresses->items + place, addresses->items + place + 1,
            (addresses->count - place) * sizeof *addresses->items);
}

void heddle_addresses_free(struct heddle_addresses *addresses)
{
    for (size_t i = 0; i < addresses->count; i++) {
        free(addresses->items[i]);
    }
    free(addresses->items);
    *addresses = (struct heddle_addresses){0};
}
