/* stamp.c: which ids can be stamped, and on which targets. */
#include "sink/stamp.h"

#include <string.h>

#include "sink/ledger.h"

int heddle_stamp_check_id(const char *id, struct heddle_error *error)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:+-";
    const size_t length = strlen(id);
    if (length == 0 || length > HEDDLE_LOAD_ID_MAX || strspn(id, allowed) != length) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "the load id \"%.80s\" is none: 1 to %d letters, digits and . _ : + - make one", id,
            HEDDLE_LOAD_ID_MAX);
    }
    return HEDDLE_OK;
}

static bool has_property(const struct heddle_target *target)
{
    for (size_t i = 0; i < target->property_count; i++) {
        if (strcmp(target->properties[i].name, HEDDLE_STAMP_PROPERTY) == 0) {
            return true;
        }
    }
    return target->vector_property != NULL && strcmp(target->vector_property, HEDDLE_STAMP_PROPERTY) == 0;
}

int heddle_stamp_targets(struct heddle_target *targets, size_t count, const char *id,
                         struct heddle_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (targets[i].kind == HEDDLE_TARGET_QUERY) {
            continue;
        }
        if (has_property(&targets[i])) {
            return heddle_error_set(
                error, HEDDLE_JOB,
                "target '%s' has a property " HEDDLE_STAMP_PROPERTY
                ", which is where this load's id would stand: rename the property, or load "
                "without --load-id",
                targets[i].name);
        }
        targets[i].stamp = id;
    }
    return HEDDLE_OK;
}
