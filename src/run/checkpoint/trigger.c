/* trigger.c: the names of triggers. */
#include "run/checkpoint/trigger.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const char PROCESSING_TIME[] = "processingTime";

/* What follows `processingTime=`: the interval as Spark writes it. */
static bool interval_parse(const char *text, uint64_t *milliseconds_out)
{
    static const struct {
        const char *name;
        uint64_t factor;
    } units[] = {
        {"", 1},          {"ms", 1},         {"millisecond", 1}, {"s", 1000},
        {"second", 1000}, {"m", 60000},      {"min", 60000},     {"minute", 60000},
        {"h", 3600000},   {"hour", 3600000}, {"d", 86400000},    {"day", 86400000},
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
    const size_t length = strlen(at);
    const size_t singular =
        length > 2 && at[length - 1] == 's' && strcmp(at, "ms") != 0 ? length - 1 : length;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strlen(units[i].name) == singular && strncasecmp(units[i].name, at, singular) == 0) {
            return !__builtin_mul_overflow(number, units[i].factor, milliseconds_out);
        }
    }
    return false;
}

int heddle_trigger_parse(const char *text, struct heddle_trigger *trigger, struct heddle_error *error)
{
    const size_t prefix = sizeof PROCESSING_TIME - 1;
    *trigger = (struct heddle_trigger){.kind = HEDDLE_TRIGGER_AVAILABLE_NOW};
    if (strcasecmp(text, "availableNow") == 0) {
        return HEDDLE_OK;
    }
    if (strcasecmp(text, "once") == 0) {
        trigger->kind = HEDDLE_TRIGGER_ONCE;
        return HEDDLE_OK;
    }
    trigger->kind = HEDDLE_TRIGGER_PROCESSING_TIME;
    if (strncasecmp(text, PROCESSING_TIME, prefix) == 0 && (text[prefix] == '=' || text[prefix] == ':')) {
        const char *interval = text + prefix + 1;
        while (*interval == ' ') {
            interval++;
        }
        if (interval_parse(interval, &trigger->interval_ms)) {
            return HEDDLE_OK;
        }
    }
    return heddle_error_set(
        error, HEDDLE_INVALID,
        "the trigger is `%.60s`; there are availableNow, once and processingTime=INTERVAL, such "
        "as processingTime=10s",
        text);
}
