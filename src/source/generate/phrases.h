/* phrases.h: the words that removal reasons are made of. Private to src/source/generate.
 *
 * In a phrase, `#` stands for a random digit and `%` for a random capital letter. Phrases are written in
 * capitals; the grammar lowers some texts.
 */
#ifndef HEDDLE_SOURCE_GENERATE_PHRASES_H
#define HEDDLE_SOURCE_GENERATE_PHRASES_H

#include <stddef.h>

struct heddle_phrases {
    const char *const *items;
    size_t count;
};

/* Things of one kind that fail in the same ways. */
struct heddle_phrase_class {
    struct heddle_phrases parts;
    struct heddle_phrases faults;
    struct heddle_phrases evidence;
};

extern const struct heddle_phrase_class heddle_phrase_classes[];
extern const size_t heddle_phrase_class_count;

/* What fits every kind of part. */
extern const struct heddle_phrases heddle_phrase_positions;
extern const struct heddle_phrases heddle_phrase_contexts;
extern const struct heddle_phrases heddle_phrase_actions;
extern const struct heddle_phrases heddle_phrase_notes;

#endif
