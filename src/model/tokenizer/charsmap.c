/* charsmap.c: walking the double array, and the choice between cluster and character. */
#include "model/tokenizer/charsmap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/tokenizer/segmentation.h"
#include "model/tokenizer/unicode.h"

/* Longer clusters are taken character by character: the library's number. */
enum { CLUSTER_LIMIT = 6 };

enum { ASCII = 128, UNIT_BYTES = 4 };

struct replacement {
    const char *text; /* NULL: no entry */
    size_t length;
};

struct heddle_charsmap {
    uint32_t *units;
    size_t unit_count;
    char *texts; /* a NUL behind the last */
    size_t texts_length;
    bool plain[ASCII]; /* characters that stay as they are, unless a cluster begins with them */
};

/* A unit of the double array (Darts, as sentencepiece uses it): bit 31 and the low byte are the label, bit 8 says that
 * a value stands below, the rest is the distance to the children, 256-fold where bit 9 is set. */
static uint32_t unit_label(uint32_t unit)
{
    return unit & (1u << 31 | 0xffu);
}

static size_t unit_offset(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
}

/* The text that value `place` stands for, if it is one. */
static struct replacement text_at(const struct heddle_charsmap *charsmap, uint32_t place)
{
    if (place > charsmap->texts_length || ((unsigned char)charsmap->texts[place] & 0xc0) == 0x80) {
        return (struct replacement){0};
    }
    const char *text = charsmap->texts + place;
    return (struct replacement){text, strlen(text)};
}

/* The shortest entry that starts `key`. */
static struct replacement find(const struct heddle_charsmap *charsmap, const char *key, size_t length)
{
    size_t node = unit_offset(charsmap->units[0]);
    for (size_t i = 0; i < length && key[i] != '\0'; i++) {
        const uint8_t byte = (uint8_t)key[i];
        node ^= byte;
        if (node >= charsmap->unit_count || unit_label(charsmap->units[node]) != byte) {
            break;
        }
        const uint32_t unit = charsmap->units[node];
        node ^= unit_offset(unit);
        if ((unit & 1u << 8) != 0) {
            return node < charsmap->unit_count ? text_at(charsmap, charsmap->units[node] & ~(1u << 31))
                                               : (struct replacement){0};
        }
    }
    return (struct replacement){0};
}

static uint32_t read_u32(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

int heddle_charsmap_create(const uint8_t *bytes, size_t length, struct heddle_charsmap **charsmap_out,
                           struct heddle_error *error)
{
    const size_t units = length < UNIT_BYTES ? 0 : read_u32(bytes) / UNIT_BYTES;
    if (units == 0 || units > length / UNIT_BYTES - 1) {
        return heddle_error_set(error, HEDDLE_MODEL, "precompiled_charsmap is cut short");
    }
    const char *texts = (const char *)bytes + (units + 1) * UNIT_BYTES;
    const size_t texts_length = length - (units + 1) * UNIT_BYTES;
    if (!heddle_text_is_utf8(texts, texts_length)) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "the replacements of precompiled_charsmap are not UTF-8");
    }
    struct heddle_charsmap *charsmap = heddle_calloc(1, sizeof *charsmap);
    if (charsmap == NULL) {
        return heddle_error_out_of_memory(error);
    }
    charsmap->unit_count = units;
    charsmap->units = heddle_malloc(units * sizeof *charsmap->units);
    charsmap->texts_length = texts_length;
    charsmap->texts = heddle_malloc(texts_length + 1);
    if (charsmap->units == NULL || charsmap->texts == NULL) {
        heddle_charsmap_destroy(charsmap);
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < units; i++) {
        charsmap->units[i] = read_u32(bytes + (i + 1) * UNIT_BYTES);
    }
    memcpy(charsmap->texts, texts, texts_length);
    charsmap->texts[texts_length] = '\0';
    for (size_t i = 0; i < ASCII; i++) {
        const char character = (char)i;
        charsmap->plain[i] = find(charsmap, &character, 1).text == NULL;
    }
    *charsmap_out = charsmap;
    return HEDDLE_OK;
}

void heddle_charsmap_destroy(struct heddle_charsmap *charsmap)
{
    if (charsmap == NULL) {
        return;
    }
    free(charsmap->units);
    free(charsmap->texts);
    free(charsmap);
}

static void put(struct heddle_buffer *out, struct heddle_alignment *alignment, const char *text,
                size_t length, struct replacement replacement)
{
    heddle_buffer_append(out, replacement.text, replacement.length);
    if (alignment->active) {
        heddle_alignment_replace(alignment, text, length, replacement.text, replacement.length);
    }
}

static void apply_to_cluster(const struct heddle_charsmap *charsmap, const char *text, size_t length,
                             struct heddle_buffer *out, struct heddle_alignment *alignment)
{
    if (length < CLUSTER_LIMIT) {
        const struct replacement whole = find(charsmap, text, length);
        if (whole.text != NULL) {
            put(out, alignment, text, length, whole);
            return;
        }
    }
    for (size_t at = 0; at < length;) {
        const size_t start = at;
        (void)heddle_unicode_decode(text, &at);
        struct replacement one = find(charsmap, text + start, at - start);
        if (one.text == NULL) {
            one = (struct replacement){text + start, at - start};
        }
        put(out, alignment, text + start, at - start, one);
    }
}

/* The length of a run of plain characters that are clusters by themselves, because ASCII follows each (no extender,
 * and no CR before LF: a map that leaves CR alone is the exception, and CR ends the run). */
static size_t plain_run(const struct heddle_charsmap *charsmap, const char *text, size_t length)
{
    size_t run = 0;
    while (run < length && (unsigned char)text[run] < ASCII && charsmap->plain[(unsigned char)text[run]] &&
           text[run] != '\r') {
        run++;
    }
    if (run > 0 && run < length && (unsigned char)text[run] >= ASCII) {
        run--; /* what follows may join the last one */
    }
    return run;
}

void heddle_charsmap_apply(const struct heddle_charsmap *charsmap, const char *text, size_t length,
                           struct heddle_buffer *out, struct heddle_alignment *alignment)
{
    for (size_t at = 0; at < length;) {
        const size_t run = plain_run(charsmap, text + at, length - at);
        heddle_buffer_append(out, text + at, run);
        for (size_t i = 0; i < run && alignment->active; i++) {
            heddle_alignment_add(alignment, 1, 0);
        }
        at += run;
        if (at < length) {
            const size_t end = heddle_grapheme_end(text, at, length);
            apply_to_cluster(charsmap, text + at, end - at, out, alignment);
            at = end;
        }
    }
}
