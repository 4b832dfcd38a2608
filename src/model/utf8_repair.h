/* utf8_repair.h: ill-formed UTF-8 made well-formed, as Python's bytes.decode("utf-8", errors="replace") does.
 *
 * Each maximal subpart of an ill-formed sequence (Unicode 15, section 3.9, "U+FFFD Substitution of Maximal Subparts")
 * becomes one U+FFFD: "E2 82 41" is U+FFFD and A, "ED A0 80" (a surrogate) is three U+FFFD.
 *
 * Threads: pure function.
 */
#ifndef HEDDLE_MODEL_UTF8_REPAIR_H
#define HEDDLE_MODEL_UTF8_REPAIR_H

#include <stddef.h>

#include "base/buffer.h"

/* Appends the repaired text to `out` and answers how many U+FFFD it had to put in; 0: the text was well-formed and is
 * appended as it is. What `out` could not hold, heddle_buffer_check() tells. */
size_t heddle_text_repair(const char *text, size_t length, struct heddle_buffer *out);

#endif
