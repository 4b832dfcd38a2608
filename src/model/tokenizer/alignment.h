/* alignment.h: how much of a normalized text stems from the first character of the original one.
 *
 * Metaspace with prepend_scheme "first" marks only the word that starts at the very beginning of the original text. The
 * library knows by offsets that it carries through every normalizer; as they never go down, one number says the same:
 * how many leading bytes have original offset 0. A normalizer tells its output as the library's does, character by
 * character: 0 replaces the next old character, 1 is inserted (and has the offset of the byte before), -n replaces one
 * and removes n more. Removing before anything was told is told to nobody, there as here, and shifts what follows.
 *
 * Threads: one at a time.
 */
#ifndef HEDDLE_MODEL_TOKENIZER_ALIGNMENT_H
#define HEDDLE_MODEL_TOKENIZER_ALIGNMENT_H

#include <stdbool.h>
#include <stddef.h>

struct heddle_alignment {
    bool active; /* false: nothing is asked any more, and nothing is to be told */
    const char *old;
    size_t old_length;
    size_t old_at;
    size_t old_origin; /* leading bytes of `old` with offset 0 */
    size_t new_origin; /* the answer, once finished */
    bool waiting;      /* the last character told: its change may still be corrected */
    size_t length;
    ptrdiff_t change;
};

/* Starts an output that replaces `text`; with `origin` 0 nothing need be told. */
void heddle_alignment_begin(struct heddle_alignment *alignment, const char *text, size_t length,
                            size_t origin);

/* A character of `length` bytes in the output. Call only while `active`. */
void heddle_alignment_add(struct heddle_alignment *alignment, size_t length, ptrdiff_t change);

/* `old_text` became `new_text`, character for character, then insertions or removals. Call only while `active`. */
void heddle_alignment_replace(struct heddle_alignment *alignment, const char *old_text, size_t old_length,
                              const char *new_text, size_t new_length);

/* Answers the leading bytes of the output with offset 0. */
size_t heddle_alignment_end(struct heddle_alignment *alignment);

#endif
