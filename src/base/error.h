/* error.h: filling and extending the error struct of the public API (heddle/error.h).
 *
 * Threads: an error belongs to one caller; nothing here is shared.
 */
#ifndef HEDDLE_BASE_ERROR_H
#define HEDDLE_BASE_ERROR_H

#include <heddle/error.h>

/* Leaves early with the status of a failed call. */
#define HEDDLE_TRY(call)                                                                                     \
    do {                                                                                                     \
        const int heddle_try_status = (call);                                                                \
        if (heddle_try_status != HEDDLE_OK) {                                                                \
            return heddle_try_status;                                                                        \
        }                                                                                                    \
    } while (0)

/* Sets status and message (printf), clears code, action = FATAL. `error` may be NULL. Returns `status`. */
int heddle_error_set(struct heddle_error *error, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "text: " before the message: the context that only this layer knows. Status and action stay.
 * Returns the status of `error` (HEDDLE_INTERNAL where `error` is NULL). */
int heddle_error_prefix(struct heddle_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

int heddle_error_out_of_memory(struct heddle_error *error);

/* The name of a status as users see it in JSON and logs ("INVALID", "DATABASE", …). Static memory. */
const char *heddle_status_name(int status);

#endif
