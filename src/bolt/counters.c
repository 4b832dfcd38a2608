/* counters.c: one table of names. */
#include "bolt/counters.h"

#include <string.h>

#define FIELD(name, member)                                                                                  \
    {                                                                                                        \
        name, sizeof name - 1, offsetof(struct heddle_counters, member)                                      \
    }

static const struct {
    const char *name;
    size_t length;
    size_t offset;
} fields[] = {
    FIELD("nodes-created", nodes_created),
    FIELD("nodes-deleted", nodes_deleted),
    FIELD("relationships-created", relationships_created),
    FIELD("relationships-deleted", relationships_deleted),
    FIELD("properties-set", properties_set),
    FIELD("labels-added", labels_added),
    FIELD("labels-removed", labels_removed),
    FIELD("indexes-added", indexes_added),
    FIELD("indexes-removed", indexes_removed),
    FIELD("constraints-added", constraints_added),
    FIELD("constraints-removed", constraints_removed),
    FIELD("system-updates", system_updates),
};
enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

static int64_t *at(struct heddle_counters *counters, size_t index)
{
    return (int64_t *)(void *)((char *)counters + fields[index].offset);
}

int64_t *heddle_counters_field(struct heddle_counters *counters, const char *name, size_t length)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (fields[i].length == length && memcmp(fields[i].name, name, length) == 0) {
            return at(counters, i);
        }
    }
    return NULL;
}

void heddle_counters_add(struct heddle_counters *sum, const struct heddle_counters *more)
{
    struct heddle_counters copy = *more;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        *at(sum, i) += *at(&copy, i);
    }
}

void heddle_counters_conclude(struct heddle_counters *counters)
{
    counters->contains_system_updates = counters->system_updates > 0;
    counters->contains_updates = false;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        counters->contains_updates = counters->contains_updates ||
                                     (at(counters, i) != &counters->system_updates && *at(counters, i) > 0);
    }
}
