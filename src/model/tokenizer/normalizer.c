/* normalizer.c: each step reads one buffer and writes the other; a step that finds nothing to do writes nothing. */
#include "model/tokenizer/normalizer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/tokenizer/unicode.h"

enum { UTF8_MAX = 4 };

/* A step: reads `text`, appends to `out` and sets *text to it, or leaves both alone. */
typedef void step_function(const struct heddle_normalizer_step *step, struct heddle_normal_text *text,
                           struct heddle_buffer *out);

static void take_output(struct heddle_normal_text *text, const struct heddle_buffer *out, size_t origin)
{
    *text = (struct heddle_normal_text){(const char *)out->bytes, out->length, origin};
}

static void precompiled(const struct heddle_normalizer_step *step, struct heddle_normal_text *text,
                        struct heddle_buffer *out)
{
    struct heddle_alignment alignment;
    heddle_alignment_begin(&alignment, text->text, text->length, text->origin);
    heddle_charsmap_apply(step->charsmap, text->text, text->length, out, &alignment);
    take_output(text, out, heddle_alignment_end(&alignment));
}

/* The next place to replace in text[from ..], and its length; NULL if there is none. */
static const char *find_match(const struct heddle_normalizer_step *step, const char *from, size_t length,
                              size_t *length_out)
{
    if (step->kind == HEDDLE_NORMALIZER_REPLACE) {
        *length_out = step->pattern_length;
        return memmem(from, length, step->pattern, step->pattern_length);
    }
    const char *start = memmem(from, length, "  ", 2);
    if (start != NULL) {
        size_t run = 2;
        while ((size_t)(start - from) + run < length && start[run] == ' ') {
            run++;
        }
        *length_out = run;
    }
    return start;
}

static void replace(const struct heddle_normalizer_step *step, struct heddle_normal_text *text,
                    struct heddle_buffer *out)
{
    size_t done = 0;
    size_t matched = 0;
    size_t origin = text->origin;
    const char *match = find_match(step, text->text, text->length, &matched);
    if (match == NULL) {
        return;
    }
    for (; match != NULL; match = find_match(step, text->text + done, text->length - done, &matched)) {
        const size_t start = (size_t)(match - text->text);
        heddle_buffer_append(out, text->text + done, start - done);
        /* What is put in has the offset of the last byte taken out. */
        if (start + matched <= text->origin) {
            origin = origin + step->content_length - matched;
        } else if (start < text->origin) {
            origin = origin - (text->origin - start);
        }
        heddle_buffer_append(out, step->content, step->content_length);
        done = start + matched;
    }
    heddle_buffer_append(out, text->text + done, text->length - done);
    take_output(text, out, origin);
}

static bool is_space(const char *text, size_t *at)
{
    return (heddle_unicode_flags(heddle_unicode_decode(text, at)) & HEDDLE_UNICODE_SPLIT) != 0;
}

static void strip(const struct heddle_normalizer_step *step, struct heddle_normal_text *text,
                  struct heddle_buffer *out)
{
    (void)out;
    size_t first = 0;
    for (size_t at = 0; step->left && at < text->length && is_space(text->text, &at);) {
        first = at;
    }
    size_t last = text->length;
    while (step->right && last > first) {
        size_t start = last - 1;
        while (((unsigned char)text->text[start] & 0xc0) == 0x80) {
            start--;
        }
        size_t at = start;
        if (!is_space(text->text, &at)) {
            break;
        }
        last = start;
    }
    text->text += first;
    text->length = last - first;
    text->origin = text->origin > first ? text->origin - first : 0;
}

static void lowercase(const struct heddle_normalizer_step *step, struct heddle_normal_text *text,
                      struct heddle_buffer *out)
{
    (void)step;
    struct heddle_alignment alignment;
    heddle_alignment_begin(&alignment, text->text, text->length, text->origin);
    for (size_t at = 0; at < text->length;) {
        uint32_t parts[HEDDLE_UNICODE_LOWER_MAX];
        const size_t count = heddle_unicode_lower(heddle_unicode_decode(text->text, &at), parts);
        for (size_t i = 0; i < count; i++) {
            char bytes[UTF8_MAX];
            const size_t length = heddle_unicode_encode(parts[i], bytes);
            heddle_buffer_append(out, bytes, length);
            if (alignment.active) {
                heddle_alignment_add(&alignment, length, i == 0 ? 0 : 1);
            }
        }
    }
    take_output(text, out, heddle_alignment_end(&alignment));
}

static void prepend(const struct heddle_normalizer_step *step, struct heddle_normal_text *text,
                    struct heddle_buffer *out)
{
    heddle_buffer_append(out, step->content, step->content_length);
    heddle_buffer_append(out, text->text, text->length);
    take_output(text, out, text->origin == 0 ? 0 : text->origin + step->content_length);
}

static step_function *const functions[] = {
    [HEDDLE_NORMALIZER_PRECOMPILED] = precompiled, [HEDDLE_NORMALIZER_REPLACE] = replace,
    [HEDDLE_NORMALIZER_REPLACE_SPACES] = replace,  [HEDDLE_NORMALIZER_STRIP] = strip,
    [HEDDLE_NORMALIZER_LOWERCASE] = lowercase,     [HEDDLE_NORMALIZER_PREPEND] = prepend,
};

int heddle_normalizer_run(const struct heddle_normalizer *normalizer, struct heddle_buffer buffers[static 2],
                          struct heddle_normal_text *text)
{
    size_t other = 0;
    for (size_t i = 0; i < normalizer->count && text->length > 0; i++) { /* nothing comes of nothing */
        struct heddle_buffer *out = &buffers[other];
        heddle_buffer_reset(out);
        const struct heddle_normalizer_step *step = &normalizer->steps[i];
        functions[step->kind](step, text, out);
        if (out->failed) {
            return -1;
        }
        other = out->length > 0 ? 1 - other : other;
    }
    return 0;
}

void heddle_normalizer_free(struct heddle_normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->count; i++) {
        heddle_charsmap_destroy(normalizer->steps[i].charsmap);
        free(normalizer->steps[i].pattern);
        free(normalizer->steps[i].content);
    }
    free(normalizer->steps);
    *normalizer = (struct heddle_normalizer){0};
}
