/* reject.c: names of stages. */
#include "column/reject.h"

const char *heddle_stage_name(enum heddle_stage stage)
{
    switch (stage) {
    case HEDDLE_STAGE_READ: return "read";
    case HEDDLE_STAGE_CONVERT: return "convert";
    case HEDDLE_STAGE_EMBED: return "embed";
    case HEDDLE_STAGE_MATCH: return "match";
    case HEDDLE_STAGE_WRITE: return "write";
    }
    return "unknown";
}
