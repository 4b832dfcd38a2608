/* limits.c: limits of a micro-batch, read and counted down. */
#include "source/stream/limits.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "source/reader.h"

/* What Delta takes where no limit is given. */
enum { DELTA_FILES_DEFAULT = 1000 };

bool heddle_stream_size_parse(const char *text, uint64_t *bytes_out)
{
    static const struct {
        const char *name;
        unsigned shift;
    } units[] = {
        {"", 0},   {"b", 0},   {"k", 10},   {"kb", 10}, {"kib", 10}, {"m", 20},   {"mb", 20}, {"mib", 20},
        {"g", 30}, {"gb", 30}, {"gib", 30}, {"t", 40},  {"tb", 40},  {"tib", 40}, {"p", 50},  {"pb", 50},
    };
    uint64_t number = 0;
    const char *at = text;
    while (*at >= '0' && *at <= '9') {
        if (__builtin_mul_overflow(number, UINT64_C(10), &number) ||
            __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number)) {
            return false;
        }
        at++;
    }
    if (at == text) {
        return false;
    }
    while (*at == ' ') {
        at++;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcasecmp(units[i].name, at) == 0) {
            return !__builtin_mul_overflow(number, UINT64_C(1) << units[i].shift, bytes_out);
        }
    }
    return false;
}

static int limit_read(const struct heddle_source_options *options, const char *name, bool with_unit,
                      uint64_t *value, bool *given, struct heddle_error *error)
{
    const char *text = heddle_source_setting(options, name, NULL);
    *given = text != NULL;
    if (text == NULL) {
        return HEDDLE_OK;
    }
    if (with_unit) {
        if (!heddle_stream_size_parse(text, value) || *value == 0) {
            return heddle_error_set(
                error, HEDDLE_INVALID,
                "source `%s`: %s is `%s`, not a size such as 64m, 10g or a number of bytes", options->name,
                name, text);
        }
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_source_setting_number(options, name, 0, value, error));
    if (*value == 0) {
        return heddle_error_set(error, HEDDLE_INVALID, "source `%s`: %s is 0: a micro-batch takes at least 1",
                                options->name, name);
    }
    return HEDDLE_OK;
}

int heddle_stream_limits_delta(const struct heddle_source_options *options,
                               struct heddle_stream_limits *limits, struct heddle_error *error)
{
    bool files = false;
    bool bytes = false;
    *limits = (struct heddle_stream_limits){UINT64_MAX, UINT64_MAX};
    HEDDLE_TRY(limit_read(options, "maxFilesPerTrigger", false, &limits->files, &files, error));
    HEDDLE_TRY(limit_read(options, "maxBytesPerTrigger", true, &limits->bytes, &bytes, error));
    if (!files && !bytes) {
        limits->files = DELTA_FILES_DEFAULT;
    }
    return HEDDLE_OK;
}

int heddle_stream_limits_files(const struct heddle_source_options *options,
                               struct heddle_stream_limits *limits, struct heddle_error *error)
{
    bool files = false;
    bool bytes = false;
    *limits = (struct heddle_stream_limits){UINT64_MAX, UINT64_MAX};
    HEDDLE_TRY(limit_read(options, "maxFilesPerTrigger", false, &limits->files, &files, error));
    HEDDLE_TRY(limit_read(options, "maxBytesPerTrigger", true, &limits->bytes, &bytes, error));
    if (files && bytes) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "source `%s`: maxFilesPerTrigger and maxBytesPerTrigger exclude each other "
                                "where files are read without a log; give one",
                                options->name);
    }
    return HEDDLE_OK;
}

bool heddle_stream_room_left(const struct heddle_stream_room *room)
{
    return room->left.files > 0 && room->left.bytes > 0;
}

static void take(uint64_t *left, uint64_t amount)
{
    if (*left != UINT64_MAX) {
        *left = *left > amount ? *left - amount : 0;
    }
}

bool heddle_stream_room_take(struct heddle_stream_room *room, uint64_t bytes)
{
    const bool had_room = heddle_stream_room_left(room);
    room->any = true;
    take(&room->left.files, 1);
    take(&room->left.bytes, bytes);
    return had_room;
}

bool heddle_stream_room_take_all(struct heddle_stream_room *room, uint64_t files, uint64_t bytes)
{
    if (files == 0) {
        return true;
    }
    const bool fits = !room->any || (room->left.files >= files && room->left.bytes >= bytes);
    room->any = true;
    take(&room->left.files, files);
    take(&room->left.bytes, bytes);
    return fits;
}
