/* error.c: filling a caller's error struct without allocating. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int heddle_error_set(struct heddle_error *error, int status, const char *format, ...)
{
    if (error == NULL) {
        return status;
    }
    va_list arguments;
    va_start(arguments, format);
    /* The new text may quote the old one, so it is built beside it. */
    char message[sizeof error->message];
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    error->status = status;
    error->action = HEDDLE_ACTION_FATAL;
    error->code[0] = '\0';
    memcpy(error->message, message, sizeof message);
    return status;
}

int heddle_error_prefix(struct heddle_error *error, const char *format, ...)
{
    if (error == NULL) {
        return HEDDLE_INTERNAL;
    }
    char old[sizeof error->message];
    memcpy(old, error->message, sizeof old);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length < sizeof error->message) {
        snprintf(error->message + length, sizeof error->message - (size_t)length, ": %s", old);
    }
    return error->status;
}

int heddle_error_out_of_memory(struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_OUT_OF_MEMORY, "out of memory");
}

const char *heddle_status_name(int status)
{
    switch ((enum heddle_status)status) {
    case HEDDLE_OK: return "OK";
    case HEDDLE_INVALID: return "INVALID";
    case HEDDLE_OUT_OF_MEMORY: return "OUT_OF_MEMORY";
    case HEDDLE_CLOSED: return "CLOSED";
    case HEDDLE_END: return "END";
    case HEDDLE_JOB: return "JOB";
    case HEDDLE_SOURCE: return "SOURCE";
    case HEDDLE_MODEL: return "MODEL";
    case HEDDLE_NETWORK: return "NETWORK";
    case HEDDLE_PROTOCOL: return "PROTOCOL";
    case HEDDLE_DATABASE: return "DATABASE";
    case HEDDLE_REJECTED: return "REJECTED";
    case HEDDLE_UNBALANCED: return "UNBALANCED";
    case HEDDLE_INTERRUPTED: return "INTERRUPTED";
    case HEDDLE_IO: return "IO";
    case HEDDLE_INTERNAL: return "INTERNAL";
    }
    return "UNKNOWN";
}
