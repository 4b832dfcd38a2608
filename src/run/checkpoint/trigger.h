/* trigger.h: when a run reads, and when it ends: Spark's triggers. */
#ifndef HEDDLE_RUN_TRIGGER_H
#define HEDDLE_RUN_TRIGGER_H

#include <stdint.h>

#include "base/error.h"

enum heddle_trigger_kind {
    HEDDLE_TRIGGER_AVAILABLE_NOW, /* all that is there when the run begins, in micro-batches; then it ends */
    HEDDLE_TRIGGER_ONCE,          /* the same in one micro-batch, whatever the limits */
    HEDDLE_TRIGGER_PROCESSING_TIME, /* whatever comes, looked for at an interval, until the run is stopped */
};

struct heddle_trigger {
    enum heddle_trigger_kind kind;
    uint64_t interval_ms; /* of PROCESSING_TIME; 0 = as fast as it goes */
};

/* Reads "availableNow", "once" or "processingTime=10 seconds" (also 10s, 500ms, 5 minutes; a bare number is milliseconds).
 * Errors: HEDDLE_INVALID. */
HEDDLE_MUST_CHECK int heddle_trigger_parse(const char *text, struct heddle_trigger *trigger,
                                           struct heddle_error *error);

#endif
