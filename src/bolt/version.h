/* version.h: a Bolt version, and what follows from it for whoever encodes a request. */
#ifndef HEDDLE_BOLT_VERSION_H
#define HEDDLE_BOLT_VERSION_H

#include <stdbool.h>
#include <stdint.h>

struct heddle_bolt_version {
    uint8_t major;
    uint8_t minor;
};

static inline bool heddle_bolt_version_at_least(struct heddle_bolt_version version, uint8_t major,
                                                uint8_t minor)
{
    return version.major > major || (version.major == major && version.minor >= minor);
}

#endif
