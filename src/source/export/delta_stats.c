/* delta_stats.c: least, greatest and missing values, as the `stats` of an `add` has them. */
#include "source/export/delta_stats.h"

#include <string.h>

#include "column/scalar.h"

/* U+10FFFF, the greatest code point there is. */
static const char LAST_CHARACTER[] = "\xf4\x8f\xbf\xbf";
enum { LAST_CHARACTER_BYTES = sizeof LAST_CHARACTER - 1 };

/* Order of texts by their bytes, which is that of their code points (and Spark's). */
static int text_compare(const char *a, size_t a_length, const struct heddle_buffer *b)
{
    const size_t common = a_length < b->length ? a_length : b->length;
    const int order = common > 0 ? memcmp(a, b->bytes, common) : 0;
    return order != 0 ? order : (a_length > b->length) - (a_length < b->length);
}

static void text_set(struct heddle_buffer *buffer, const char *text, size_t length)
{
    heddle_buffer_reset(buffer);
    heddle_buffer_append(buffer, text, length);
}

static void text_add(struct heddle_delta_stats *stats, const char *text, size_t length)
{
    if (!stats->any || text_compare(text, length, &stats->least_text) < 0) {
        text_set(&stats->least_text, text, length);
    }
    if (!stats->any || text_compare(text, length, &stats->greatest_text) > 0) {
        text_set(&stats->greatest_text, text, length);
    }
}

static void integer_add(struct heddle_delta_stats *stats, int64_t value)
{
    if (!stats->any || value < stats->least) {
        stats->least = value;
    }
    if (!stats->any || value > stats->greatest) {
        stats->greatest = value;
    }
}

int heddle_delta_stats_add(struct heddle_delta_stats *stats, const struct heddle_column *column,
                           struct heddle_error *error)
{
    for (size_t row = 0; row < column->length; row++) {
        if (heddle_column_is_null(column, row)) {
            stats->nulls++;
            continue;
        }
        if (column->type == HEDDLE_TYPE_STRING) {
            size_t length = 0;
            const char *text = heddle_column_text(column, row, &length);
            text_add(stats, text, length);
        } else {
            integer_add(stats, heddle_column_integer(column, row));
        }
        stats->any = true;
    }
    HEDDLE_TRY(heddle_buffer_check(&stats->least_text, error));
    return heddle_buffer_check(&stats->greatest_text, error);
}

/* Bytes of the code point at `text`, which is well-formed UTF-8. */
static size_t point_length(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* Bytes of the first HEDDLE_DELTA_STATS_TEXT code points. */
static size_t text_cut(const struct heddle_buffer *text)
{
    size_t at = 0;
    for (int i = 0; i < HEDDLE_DELTA_STATS_TEXT && at < text->length; i++) {
        at += point_length(text->bytes[at]);
    }
    return at;
}

/* jansson takes no NULL for an empty text, which a buffer without memory has. */
static json_t *text_json(const struct heddle_buffer *text, size_t length)
{
    return length == 0 ? json_string("") : json_stringn((const char *)text->bytes, length);
}

static json_t *integer_json(int64_t value, enum heddle_type type)
{
    char text[HEDDLE_SCALAR_TEXT_MAX];
    if (type != HEDDLE_TYPE_DATE) {
        return json_integer(value);
    }
    const size_t length = heddle_scalar_print_date(value, text);
    return json_stringn(text, length);
}

json_t *heddle_delta_stats_least(const struct heddle_delta_stats *stats, enum heddle_type type)
{
    if (!stats->any) {
        return NULL;
    }
    return type == HEDDLE_TYPE_STRING ? text_json(&stats->least_text, text_cut(&stats->least_text))
                                      : integer_json(stats->least, type);
}

/* What is cut off may not be greater than what is put in its place, so code points that already are the last one stay. */
static json_t *greatest_text_json(const struct heddle_buffer *text)
{
    size_t end = text_cut(text);
    while (end + LAST_CHARACTER_BYTES <= text->length &&
           memcmp(text->bytes + end, LAST_CHARACTER, LAST_CHARACTER_BYTES) == 0) {
        end += LAST_CHARACTER_BYTES;
    }
    if (end == text->length) {
        return text_json(text, end);
    }
    struct heddle_buffer bound = {0};
    heddle_buffer_append(&bound, text->bytes, end);
    heddle_buffer_append(&bound, LAST_CHARACTER, LAST_CHARACTER_BYTES);
    json_t *json = bound.failed ? NULL : text_json(&bound, bound.length);
    heddle_buffer_free(&bound);
    return json;
}

json_t *heddle_delta_stats_greatest(const struct heddle_delta_stats *stats, enum heddle_type type)
{
    if (!stats->any) {
        return NULL;
    }
    return type == HEDDLE_TYPE_STRING ? greatest_text_json(&stats->greatest_text)
                                      : integer_json(stats->greatest, type);
}

void heddle_delta_stats_reset(struct heddle_delta_stats *stats)
{
    heddle_buffer_reset(&stats->least_text);
    heddle_buffer_reset(&stats->greatest_text);
    stats->nulls = 0;
    stats->any = false;
}

void heddle_delta_stats_free(struct heddle_delta_stats *stats)
{
    heddle_buffer_free(&stats->least_text);
    heddle_buffer_free(&stats->greatest_text);
    *stats = (struct heddle_delta_stats){0};
}
