/* tokenizer.c: one pass over a text, from bytes to token ids.
 *
 * The library runs its steps one after the other over the whole text. Every step but one looks at a single code
 * point, so they are chained here code point by code point; the exception is canonical ordering, which sorts a run of
 * combining marks. Those few marks that survive stripping wait in the scratch until the run ends.
 */
#include "model/tokenizer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/tokenizer/tokenizer_parts.h"
#include "model/tokenizer/unicode.h"

enum { UTF8_MAX = 4, CLASSES = 256 };

struct walk {
    const struct heddle_tokenizer *tokenizer;
    struct heddle_tokenizer_scratch *scratch;
    uint32_t *ids;
    size_t count;
    size_t limit; /* ids that fit before [SEP] */
    bool truncated;
    bool out_of_memory;
    size_t word_length;     /* bytes */
    size_t word_characters; /* counted on past the limit, where bytes are no longer kept */
    char word[HEDDLE_WORD_CHARACTERS_MAX * UTF8_MAX];
};

static void push_id(struct walk *walk, uint32_t id)
{
    if (walk->count == walk->limit) {
        walk->truncated = true;
    } else {
        walk->ids[walk->count++] = id;
    }
}

static void end_word(struct walk *walk)
{
    if (walk->word_characters == 0) {
        return;
    }
    uint32_t pieces[HEDDLE_WORD_CHARACTERS_MAX * UTF8_MAX];
    size_t count = 0;
    if (walk->word_characters <= walk->tokenizer->word_characters_max) {
        count = heddle_wordpiece_split(walk->tokenizer->wordpiece, walk->word, walk->word_length, pieces);
    }
    if (count == 0) {
        push_id(walk, walk->tokenizer->unknown_id);
    }
    for (size_t i = 0; i < count; i++) {
        push_id(walk, pieces[i]);
    }
    walk->word_length = 0;
    walk->word_characters = 0;
}

static void add_to_word(struct walk *walk, uint32_t point)
{
    if (walk->word_characters < walk->tokenizer->word_characters_max) {
        walk->word_length += heddle_unicode_encode(point, walk->word + walk->word_length);
    }
    walk->word_characters++;
}

/* The pre-tokenizer: `point` is fully normalized. */
static void split_words(struct walk *walk, uint32_t point)
{
    const uint8_t flags = heddle_unicode_flags(point);
    if (flags & HEDDLE_UNICODE_SPLIT) {
        end_word(walk);
    } else if (flags & HEDDLE_UNICODE_PUNCTUATION) {
        end_word(walk);
        add_to_word(walk, point);
        end_word(walk);
    } else {
        add_to_word(walk, point);
    }
}

static void lower(struct walk *walk, uint32_t point)
{
    uint32_t parts[HEDDLE_UNICODE_LOWER_MAX] = {point};
    const size_t count = walk->tokenizer->lowercase ? heddle_unicode_lower(point, parts) : 1;
    for (size_t i = 0; i < count; i++) {
        split_words(walk, parts[i]);
    }
}

/* Sends the waiting marks on, sorted by combining class, stable. The classes that occur are few (the marks that
 * survive stripping are Mc), so one pass a class beats sorting and is linear for any input. */
static void flush_marks(struct walk *walk)
{
    struct heddle_tokenizer_scratch *scratch = walk->scratch;
    if (scratch->mark_count == 0) {
        return;
    }
    bool occurs[CLASSES] = {false};
    for (size_t i = 0; i < scratch->mark_count; i++) {
        occurs[heddle_unicode_combining_class(scratch->marks[i])] = true;
    }
    for (size_t class = 1; class < CLASSES; class ++) {
        for (size_t i = 0; occurs[class] && i < scratch->mark_count; i++) {
            if (heddle_unicode_combining_class(scratch->marks[i]) == class) {
                lower(walk, scratch->marks[i]);
            }
        }
    }
    scratch->mark_count = 0;
}

static void keep_mark(struct walk *walk, uint32_t point)
{
    struct heddle_tokenizer_scratch *scratch = walk->scratch;
    if (heddle_grow((void **)&scratch->marks, &scratch->mark_capacity, scratch->mark_count + 1,
                    sizeof *scratch->marks) != 0) {
        walk->out_of_memory = true;
        return;
    }
    scratch->marks[scratch->mark_count++] = point;
}

/* NFD without Mn. A mark of class 0 ends the run that is sorted although it is dropped itself. */
static void strip_accents(struct walk *walk, uint32_t point)
{
    uint32_t parts[HEDDLE_UNICODE_DECOMPOSITION_MAX];
    const size_t count = heddle_unicode_decompose(point, parts);
    for (size_t i = 0; i < count; i++) {
        const uint8_t class = heddle_unicode_combining_class(parts[i]);
        const bool dropped = (heddle_unicode_flags(parts[i]) & HEDDLE_UNICODE_MARK) != 0;
        if (class == 0) {
            flush_marks(walk);
        }
        if (!dropped && class == 0) {
            lower(walk, parts[i]);
        } else if (!dropped) {
            keep_mark(walk, parts[i]);
        }
    }
}

static void accents(struct walk *walk, uint32_t point)
{
    if (walk->tokenizer->strip_accents) {
        strip_accents(walk, point);
    } else {
        lower(walk, point);
    }
}

/* Cleaning, and spaces around Chinese characters. */
static void normalize(struct walk *walk, uint32_t point)
{
    const uint8_t flags = heddle_unicode_flags(point);
    if (walk->tokenizer->clean_text) {
        if (flags & HEDDLE_UNICODE_DROP) {
            return;
        }
        if (flags & HEDDLE_UNICODE_SPACE) {
            point = ' ';
        }
    }
    if (walk->tokenizer->chinese_characters && (flags & HEDDLE_UNICODE_CHINESE)) {
        accents(walk, ' ');
        accents(walk, point);
        accents(walk, ' ');
    } else {
        accents(walk, point);
    }
}

static void ascii(struct walk *walk, unsigned char byte)
{
    const struct heddle_tokenizer *tokenizer = walk->tokenizer;
    const uint8_t class = tokenizer->ascii_class[byte];
    if (class == HEDDLE_ASCII_DROP) {
        return; /* gone before marks are put in order, so it does not end their run */
    }
    flush_marks(walk);
    if (class != HEDDLE_ASCII_WORD) {
        end_word(walk);
    }
    if (class != HEDDLE_ASCII_SPACE) {
        if (walk->word_characters < tokenizer->word_characters_max) {
            walk->word[walk->word_length++] = tokenizer->ascii_lower[byte];
        }
        walk->word_characters++;
    }
    if (class == HEDDLE_ASCII_PUNCTUATION) {
        end_word(walk);
    }
}

/* One stretch between special tokens: the library normalizes each by itself. */
static void walk_stretch(struct walk *walk, const char *text, size_t length)
{
    for (size_t at = 0; at < length && !walk->truncated && !walk->out_of_memory;) {
        const unsigned char byte = (unsigned char)text[at];
        if (byte < 0x80) {
            ascii(walk, byte);
            at++;
        } else {
            normalize(walk, heddle_unicode_decode(text, &at));
        }
    }
    flush_marks(walk);
    end_word(walk);
}

/* The longest added token at the start of `text`, or NULL. */
static const struct heddle_added_token *added_token_at(const struct heddle_tokenizer *tokenizer,
                                                       const char *text, size_t length)
{
    const struct heddle_added_token *found = NULL;
    for (size_t i = 0; i < tokenizer->added_count; i++) {
        const struct heddle_added_token *token = &tokenizer->added[i];
        if (token->length <= length && memcmp(token->text, text, token->length) == 0 &&
            (found == NULL || found->length < token->length)) {
            found = token;
        }
    }
    return found;
}

static void walk_text(struct walk *walk, const char *text, size_t length)
{
    const struct heddle_tokenizer *tokenizer = walk->tokenizer;
    size_t stretch = 0;
    for (size_t at = 0; at < length && !walk->truncated && !walk->out_of_memory;) {
        const struct heddle_added_token *token = NULL;
        if (tokenizer->added_starts[(unsigned char)text[at]]) {
            token = added_token_at(tokenizer, text + at, length - at);
        }
        if (token == NULL) {
            at++;
            continue;
        }
        walk_stretch(walk, text + stretch, at - stretch);
        push_id(walk, token->id);
        at += token->length;
        stretch = at;
    }
    if (!walk->truncated && !walk->out_of_memory) {
        walk_stretch(walk, text + stretch, length - stretch);
    }
}

int heddle_tokenizer_encode(const struct heddle_tokenizer *tokenizer,
                            struct heddle_tokenizer_scratch *scratch, const char *text, size_t length,
                            uint32_t *ids_out, size_t capacity, size_t *count_out, bool *truncated_out,
                            struct heddle_error *error)
{
    struct walk walk;
    walk.tokenizer = tokenizer;
    walk.scratch = scratch;
    walk.ids = ids_out;
    walk.count = 0;
    walk.limit = capacity - 1;
    walk.truncated = false;
    walk.out_of_memory = false;
    walk.word_length = 0;
    walk.word_characters = 0;
    scratch->mark_count = 0;
    push_id(&walk, tokenizer->start_id);
    walk_text(&walk, text, length);
    if (walk.out_of_memory) {
        return heddle_error_out_of_memory(error);
    }
    ids_out[walk.count++] = tokenizer->end_id;
    *count_out = walk.count;
    *truncated_out = walk.truncated;
    return HEDDLE_OK;
}

void heddle_tokenizer_scratch_free(struct heddle_tokenizer_scratch *scratch)
{
    free(scratch->marks);
    *scratch = (struct heddle_tokenizer_scratch){0};
}

static enum heddle_ascii_class class_of(const struct heddle_tokenizer *tokenizer, uint32_t point)
{
    const uint8_t flags = heddle_unicode_flags(point);
    if (tokenizer->clean_text && (flags & HEDDLE_UNICODE_DROP)) {
        return HEDDLE_ASCII_DROP;
    }
    if (flags & HEDDLE_UNICODE_SPLIT) {
        return HEDDLE_ASCII_SPACE;
    }
    return flags & HEDDLE_UNICODE_PUNCTUATION ? HEDDLE_ASCII_PUNCTUATION : HEDDLE_ASCII_WORD;
}

void heddle_tokenizer_finish(struct heddle_tokenizer *tokenizer)
{
    for (uint32_t point = 0; point < 128; point++) {
        uint32_t lowered[HEDDLE_UNICODE_LOWER_MAX] = {point};
        tokenizer->ascii_class[point] = (uint8_t)class_of(tokenizer, point);
        if (tokenizer->lowercase) {
            (void)heddle_unicode_lower(point, lowered);
        }
        tokenizer->ascii_lower[point] = (char)lowered[0];
    }
    for (size_t i = 0; i < tokenizer->added_count; i++) {
        tokenizer->added_starts[(unsigned char)tokenizer->added[i].text[0]] = true;
    }
}

void heddle_tokenizer_destroy(struct heddle_tokenizer *tokenizer)
{
    if (tokenizer == NULL) {
        return;
    }
    heddle_wordpiece_destroy(tokenizer->wordpiece);
    for (size_t i = 0; i < tokenizer->added_count; i++) {
        free(tokenizer->added[i].text);
    }
    free(tokenizer->added);
    free(tokenizer);
}

size_t heddle_tokenizer_vocabulary_size(const struct heddle_tokenizer *tokenizer)
{
    return tokenizer->vocabulary_size;
}

uint32_t heddle_tokenizer_id_max(const struct heddle_tokenizer *tokenizer)
{
    return tokenizer->id_max;
}
