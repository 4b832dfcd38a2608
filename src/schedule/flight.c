/* flight.c: a sorted list of keys for each piece of work; a new list is compared with every other. */
#include "schedule/flight.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct flying {
    uint64_t work;
    uint64_t *keys; /* ascending, each once */
    size_t count;
};

struct heddle_flight {
    struct flying *works;
    size_t count;
    size_t capacity;
};

int heddle_flight_create(struct heddle_flight **flight_out, struct heddle_error *error)
{
    *flight_out = heddle_calloc(1, sizeof **flight_out);
    return *flight_out == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
}

static int ascending(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static size_t sort_keys(uint64_t *keys, size_t count)
{
    size_t kept = 0;
    qsort(keys, count, sizeof *keys, ascending);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || keys[i] != keys[kept - 1]) {
            keys[kept++] = keys[i];
        }
    }
    return kept;
}

/* The first key that two sorted lists share. */
static bool find_shared(const uint64_t *keys, size_t count, const struct flying *other, uint64_t *key_out)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        while (at < other->count && other->keys[at] < keys[i]) {
            at++;
        }
        if (at < other->count && other->keys[at] == keys[i]) {
            *key_out = keys[i];
            return true;
        }
    }
    return false;
}

static void note(struct heddle_flight *flight, uint64_t work, const uint64_t *keys, size_t count)
{
    uint64_t *copy = heddle_malloc((count + 1) * sizeof *copy);
    if (copy == NULL || heddle_grow((void **)&flight->works, &flight->capacity, flight->count + 1,
                                    sizeof *flight->works) != 0) {
        free(copy);
        return;
    }
    memcpy(copy, keys, count * sizeof *keys);
    flight->works[flight->count++] = (struct flying){work, copy, count};
}

bool heddle_flight_enter(struct heddle_flight *flight, uint64_t work, uint64_t *keys, size_t count,
                         struct heddle_flight_clash *clash_out)
{
    if (count == 0) {
        return true;
    }
    const size_t kept = sort_keys(keys, count);
    for (size_t i = 0; i < flight->count; i++) {
        const struct flying *other = &flight->works[i];
        if (find_shared(keys, kept, other, &clash_out->key)) {
            clash_out->work = work;
            clash_out->other = other->work;
            return false;
        }
    }
    note(flight, work, keys, kept);
    return true;
}

void heddle_flight_leave(struct heddle_flight *flight, uint64_t work)
{
    for (size_t i = 0; i < flight->count; i++) {
        if (flight->works[i].work == work) {
            free(flight->works[i].keys);
            flight->works[i] = flight->works[--flight->count];
            return;
        }
    }
}

size_t heddle_flight_count(const struct heddle_flight *flight)
{
    return flight->count;
}

void heddle_flight_destroy(struct heddle_flight *flight)
{
    if (flight == NULL) {
        return;
    }
    for (size_t i = 0; i < flight->count; i++) {
        free(flight->works[i].keys);
    }
    free(flight->works);
    free(flight);
}
