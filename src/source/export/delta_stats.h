/* delta_stats.h: what a Delta log says about the values of one data file. Private to src/source/export. */
#ifndef HEDDLE_SOURCE_EXPORT_DELTA_STATS_H
#define HEDDLE_SOURCE_EXPORT_DELTA_STATS_H

#include <jansson.h>

#include "base/buffer.h"
#include "column/batch.h"

/* Texts are cut to this many code points, as Spark cuts them. */
enum { HEDDLE_DELTA_STATS_TEXT = 32 };

/* The values of one column so far. {0} is a column without rows. */
struct heddle_delta_stats {
    uint64_t nulls;
    bool any; /* a value was seen */
    int64_t least;
    int64_t greatest;
    struct heddle_buffer least_text;
    struct heddle_buffer greatest_text;
};

/* Takes note of all rows of a column (INTEGER, DATE or STRING). Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_stats_add(struct heddle_delta_stats *stats,
                                             const struct heddle_column *column, struct heddle_error *error);

/* The least and the greatest value as JSON, NULL where the column has none or memory is out. A text that is too long is cut; the
 * greatest one then gets a character behind it that none exceeds, so that it stays a bound. */
json_t *heddle_delta_stats_least(const struct heddle_delta_stats *stats, enum heddle_type type);
json_t *heddle_delta_stats_greatest(const struct heddle_delta_stats *stats, enum heddle_type type);

/* Back to {0}; texts keep their memory until _free(). */
void heddle_delta_stats_reset(struct heddle_delta_stats *stats);
void heddle_delta_stats_free(struct heddle_delta_stats *stats);

#endif
