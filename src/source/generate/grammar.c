/* grammar.c: part, fault, then clauses until the text is as long as it wants to be.
 *
 *   text   = head { separator clause }
 *   head   = [context separator] [position] part fault
 *   clause = evidence | context | action | note
 */
#include "source/generate/grammar.h"

#include <stdbool.h>
#include <string.h>

#include "base/hash.h"
#include "source/generate/phrases.h"

enum {
    TRIES_MAX = 4,
    CLAUSES_MAX = 10, /* the shortest ten of them are longer than a text may be */
    SHORT_REST = 60,  /* two clauses */
};

struct text {
    char *bytes;
    size_t length;
};

static const char *pick(uint64_t *state, const struct heddle_phrases *phrases)
{
    return phrases->items[heddle_random_below(state, phrases->count)];
}

/* Appends a phrase with its digits and letters drawn; false, and nothing appended, where it has no room. */
static bool put(struct text *text, uint64_t *state, const char *separator, const char *phrase)
{
    const size_t separator_length = text->length > 0 ? strlen(separator) : 0;
    const size_t length = strlen(phrase);
    if (text->length + separator_length + length > HEDDLE_REMOVALS_TEXT_MAX) {
        return false;
    }
    memcpy(text->bytes + text->length, separator, separator_length);
    text->length += separator_length;
    for (size_t i = 0; i < length; i++) {
        char c = phrase[i];
        if (c == '#') {
            /* No phrase means a number with a leading zero when it begins with `#`. */
            const bool first = i == 0 || phrase[i - 1] == ' ';
            c = (char)('0' + (first ? 1 + heddle_random_below(state, 9) : heddle_random_below(state, 10)));
        } else if (c == '%') {
            c = (char)('A' + heddle_random_below(state, 26));
        }
        text->bytes[text->length++] = c;
    }
    return true;
}

/* Lowers a text but for its first letter: some stations do not write in capitals. */
static void lower(struct text *text)
{
    for (size_t i = 1; i < text->length; i++) {
        const char c = text->bytes[i];
        if (c >= 'A' && c <= 'Z') {
            text->bytes[i] = (char)(c - 'A' + 'a');
        }
    }
}

/* How long a text wants to be: mostly long, some short; drawn as the largest of three. */
static size_t length_wanted(uint64_t *state)
{
    const uint64_t range = HEDDLE_REMOVALS_TEXT_MAX - HEDDLE_REMOVALS_TEXT_MIN;
    uint64_t largest = 0;
    for (int i = 0; i < 3; i++) {
        const uint64_t drawn = heddle_random_below(state, range);
        largest = drawn > largest ? drawn : largest;
    }
    return (size_t)(HEDDLE_REMOVALS_TEXT_MIN + largest);
}

/* A phrase that the text does not hold yet, if four draws find one; NULL otherwise. */
static const char *pick_new(uint64_t *state, const struct heddle_phrases *phrases, const char *const *used,
                            size_t used_count)
{
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        const char *phrase = pick(state, phrases);
        size_t at = 0;
        while (at < used_count && used[at] != phrase) {
            at++;
        }
        if (at == used_count) {
            return phrase;
        }
    }
    return NULL;
}

/* Writes the head; answers true where it began with a context. */
static bool head_put(struct text *text, uint64_t *state, const struct heddle_phrase_class *class,
                     const char *separator)
{
    const bool has_context = heddle_random_below(state, 4) == 0;
    if (has_context) {
        put(text, state, "", pick(state, &heddle_phrase_contexts));
    }
    const char *between = separator;
    if (heddle_random_below(state, 3) != 0) {
        put(text, state, between, pick(state, &heddle_phrase_positions));
        between = " ";
    }
    put(text, state, between, pick(state, &class->parts));
    put(text, state, " ", pick(state, &class->faults));
    return has_context;
}

size_t heddle_grammar_text(uint64_t *state, char out[static HEDDLE_REMOVALS_TEXT_MAX + 1])
{
    static const char *const separators[] = {". ", ", ", " - ", "; ", ". "};
    struct text text = {.bytes = out};
    const struct heddle_phrase_class *class =
        &heddle_phrase_classes[heddle_random_below(state, heddle_phrase_class_count)];
    const char *separator = separators[heddle_random_below(state, sizeof separators / sizeof separators[0])];
    const size_t wanted = length_wanted(state);
    const bool has_context = head_put(&text, state, class, separator);
    /* What a mechanic writes after the fault, in the order of writing: when, what was seen, what was done,
     * what else. */
    const struct heddle_phrases *const kinds[CLAUSES_MAX] = {
        has_context ? &class->evidence : &heddle_phrase_contexts,
        &class->evidence,
        &heddle_phrase_actions,
        &heddle_phrase_notes,
        &heddle_phrase_notes,
        &class->evidence,
        &heddle_phrase_notes,
        &heddle_phrase_notes,
        &heddle_phrase_notes,
        &heddle_phrase_notes,
    };
    const char *used[CLAUSES_MAX] = {0};
    /* A short text may begin anywhere in that order; a long one needs all of it. */
    const size_t left_out = heddle_random_below(state, 3);
    for (size_t i = text.length + SHORT_REST < wanted ? 0 : left_out; i < CLAUSES_MAX && text.length < wanted;
         i++) {
        used[i] = pick_new(state, kinds[i], used, i);
        if (used[i] != NULL) {
            put(&text, state, separator, used[i]);
        }
    }
    if (heddle_random_below(state, 4) == 0) {
        lower(&text);
    }
    out[text.length] = '\0';
    return text.length;
}
