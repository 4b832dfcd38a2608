/* normalizer.h: the normalizers of Unigram models, one after the other over a text.
 *
 * Supported, because known files of this kind use them: Precompiled, Replace (a text, or runs of two and more spaces),
 * Strip, Lowercase, Prepend, and sequences of these.
 *
 * Threads: immutable once filled.
 */
#ifndef HEDDLE_MODEL_TOKENIZER_NORMALIZER_H
#define HEDDLE_MODEL_TOKENIZER_NORMALIZER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "model/tokenizer/charsmap.h"

enum heddle_normalizer_kind {
    HEDDLE_NORMALIZER_PRECOMPILED,
    HEDDLE_NORMALIZER_REPLACE,        /* each `pattern` becomes `content` */
    HEDDLE_NORMALIZER_REPLACE_SPACES, /* each run of two or more spaces becomes `content` */
    HEDDLE_NORMALIZER_STRIP,
    HEDDLE_NORMALIZER_LOWERCASE,
    HEDDLE_NORMALIZER_PREPEND, /* `content`, unless the text is empty */
};

struct heddle_normalizer_step {
    enum heddle_normalizer_kind kind;
    struct heddle_charsmap *charsmap; /* owned */
    char *pattern;                    /* owned */
    size_t pattern_length;            /* at least 1 */
    char *content;                    /* owned */
    size_t content_length;
    bool left;
    bool right;
};

/* {0} changes nothing. */
struct heddle_normalizer {
    struct heddle_normalizer_step *steps;
    size_t count;
    size_t capacity;
};

/* A text on its way through the steps. */
struct heddle_normal_text {
    const char *text;
    size_t length;
    size_t
        origin; /* leading bytes that stem from the start of the original text: alignment.h; 0 if nobody asks */
};

/* Runs the steps over *text (well-formed UTF-8), which then lies where it was or in one of the buffers.
 * 0, or -1 when out of memory. */
int heddle_normalizer_run(const struct heddle_normalizer *normalizer, struct heddle_buffer buffers[static 2],
                          struct heddle_normal_text *text);

/* Frees what the steps hold and leaves {0}. */
void heddle_normalizer_free(struct heddle_normalizer *normalizer);

#endif
