/* bert.c: the BERT normalizer and pre-tokenizer in one pass over a text, then WordPiece.
 *
 * The library runs its steps one after the other over the whole text. Every step but one looks at a single code
 * point, so they are chained here code point by code point; the exception is canonical ordering, which sorts a run of
 * combining marks. Those few marks that survive stripping wait in the scratch until the run ends.
 *
 * Where added tokens must be found in normalized text, the chain ends in a buffer, and that is split into words.
 */
#include "model/tokenizer/bert.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/tokenizer/tokenizer_parts.h"
#include "model/tokenizer/unicode.h"
#include "model/tokenizer/wordpiece.h"

enum { UTF8_MAX = 4, CLASSES = 256 };

struct walk {
    const struct heddle_tokenizer *tokenizer;
    const struct heddle_bert *bert;
    struct heddle_tokenizer_scratch *scratch;
    struct heddle_id_sink *sink;
    struct heddle_buffer *collect; /* normalized text goes here; NULL: straight into words */
    size_t word_length;            /* bytes */
    size_t word_characters;        /* counted on past the limit, where bytes are no longer kept */
    char word[HEDDLE_WORD_CHARACTERS_MAX * UTF8_MAX];
};

static void end_word(struct walk *walk)
{
    if (walk->word_characters == 0) {
        return;
    }
    uint32_t pieces[HEDDLE_WORD_CHARACTERS_MAX * UTF8_MAX];
    size_t count = 0;
    if (walk->word_characters <= walk->bert->word_characters_max) {
        count = heddle_wordpiece_split(walk->tokenizer->vocabulary, walk->word, walk->word_length, pieces);
    }
    if (count == 0) {
        heddle_id_push(walk->sink, walk->tokenizer->unknown_id);
    }
    for (size_t i = 0; i < count; i++) {
        heddle_id_push(walk->sink, pieces[i]);
    }
    walk->word_length = 0;
    walk->word_characters = 0;
}

static void add_to_word(struct walk *walk, uint32_t point)
{
    if (walk->word_characters < walk->bert->word_characters_max) {
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
    const size_t count = walk->bert->lowercase ? heddle_unicode_lower(point, parts) : 1;
    for (size_t i = 0; i < count; i++) {
        if (walk->collect == NULL) {
            split_words(walk, parts[i]);
        } else {
            char bytes[UTF8_MAX];
            heddle_buffer_append(walk->collect, bytes, heddle_unicode_encode(parts[i], bytes));
        }
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
        walk->sink->out_of_memory = true;
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
    if (walk->bert->strip_accents) {
        strip_accents(walk, point);
    } else {
        lower(walk, point);
    }
}

/* Cleaning, and spaces around Chinese characters. */
static void normalize(struct walk *walk, uint32_t point)
{
    const uint8_t flags = heddle_unicode_flags(point);
    if (walk->bert->clean_text) {
        if (flags & HEDDLE_UNICODE_DROP) {
            return;
        }
        if (flags & HEDDLE_UNICODE_SPACE) {
            point = ' ';
        }
    }
    if (walk->bert->chinese_characters && (flags & HEDDLE_UNICODE_CHINESE)) {
        accents(walk, ' ');
        accents(walk, point);
        accents(walk, ' ');
    } else {
        accents(walk, point);
    }
}

static void ascii(struct walk *walk, unsigned char byte)
{
    const struct heddle_bert *bert = walk->bert;
    const uint8_t class = bert->ascii_class[byte];
    if (class == HEDDLE_ASCII_DROP) {
        return; /* gone before marks are put in order, so it does not end their run */
    }
    flush_marks(walk);
    if (class != HEDDLE_ASCII_WORD) {
        end_word(walk);
    }
    if (class != HEDDLE_ASCII_SPACE) {
        if (walk->word_characters < bert->word_characters_max) {
            walk->word[walk->word_length++] = bert->ascii_lower[byte];
        }
        walk->word_characters++;
    }
    if (class == HEDDLE_ASCII_PUNCTUATION) {
        end_word(walk);
    }
}

/* True when more input cannot change the ids. */
static bool is_over(const struct walk *walk)
{
    return walk->sink->truncated || walk->sink->out_of_memory;
}

/* The usual way: from bytes to ids in one pass. */
static void walk_text(struct walk *walk, const char *text, size_t length)
{
    for (size_t at = 0; at < length && !is_over(walk);) {
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

static void collect_text(struct walk *walk, const char *text, size_t length, struct heddle_buffer *out)
{
    walk->collect = out;
    for (size_t at = 0; at < length && !walk->sink->out_of_memory;) {
        normalize(walk, heddle_unicode_decode(text, &at));
    }
    flush_marks(walk);
    walk->collect = NULL;
    walk->sink->out_of_memory = walk->sink->out_of_memory || out->failed;
}

/* Added tokens in the normalized text; what stands between them is split into words. */
static void walk_normalized(struct walk *walk, const struct heddle_buffer *normalized)
{
    struct heddle_added_walk parts = {.set = &walk->tokenizer->added_normalized,
                                      .text = (const char *)normalized->bytes,
                                      .length = normalized->length};
    struct heddle_added_part part;
    while (!is_over(walk) && heddle_added_walk_next(&parts, &part)) {
        if (part.token != NULL) {
            heddle_id_push(walk->sink, part.token->id);
            continue;
        }
        for (size_t at = part.start; at < part.end && !is_over(walk);) {
            split_words(walk, heddle_unicode_decode(parts.text, &at));
        }
        end_word(walk);
    }
}

static void begin(struct walk *walk, const struct heddle_tokenizer *tokenizer,
                  struct heddle_tokenizer_scratch *scratch, struct heddle_id_sink *sink)
{
    walk->tokenizer = tokenizer;
    walk->bert = &tokenizer->bert;
    walk->scratch = scratch;
    walk->sink = sink;
    walk->collect = NULL;
    walk->word_length = 0;
    walk->word_characters = 0;
    scratch->mark_count = 0;
}

static void encode(const struct heddle_tokenizer *tokenizer, struct heddle_tokenizer_scratch *scratch,
                   const char *text, size_t length, bool at_start, struct heddle_id_sink *sink)
{
    (void)at_start;
    struct walk walk; /* not cleared: the word is large, and most of it is never used */
    begin(&walk, tokenizer, scratch, sink);
    if (tokenizer->added_normalized.count == 0) {
        walk_text(&walk, text, length);
        return;
    }
    heddle_buffer_reset(&scratch->text[0]);
    collect_text(&walk, text, length, &scratch->text[0]);
    if (!sink->out_of_memory) {
        walk_normalized(&walk, &scratch->text[0]);
    }
}

static int normalize_text(const struct heddle_tokenizer *tokenizer, const char *text, size_t length,
                          struct heddle_buffer *out)
{
    struct walk walk;
    struct heddle_tokenizer_scratch scratch = {0};
    struct heddle_id_sink sink = {0};
    begin(&walk, tokenizer, &scratch, &sink);
    collect_text(&walk, text, length, out);
    heddle_tokenizer_scratch_free(&scratch);
    return sink.out_of_memory ? -1 : 0;
}

static enum heddle_ascii_class class_of(const struct heddle_bert *bert, uint32_t point)
{
    const uint8_t flags = heddle_unicode_flags(point);
    if (bert->clean_text && (flags & HEDDLE_UNICODE_DROP)) {
        return HEDDLE_ASCII_DROP;
    }
    if (flags & HEDDLE_UNICODE_SPLIT) {
        return HEDDLE_ASCII_SPACE;
    }
    return flags & HEDDLE_UNICODE_PUNCTUATION ? HEDDLE_ASCII_PUNCTUATION : HEDDLE_ASCII_WORD;
}

void heddle_bert_finish(struct heddle_bert *bert)
{
    for (uint32_t point = 0; point < 128; point++) {
        uint32_t lowered[HEDDLE_UNICODE_LOWER_MAX] = {point};
        bert->ascii_class[point] = (uint8_t)class_of(bert, point);
        if (bert->lowercase) {
            (void)heddle_unicode_lower(point, lowered);
        }
        bert->ascii_lower[point] = (char)lowered[0];
    }
}

/* The trie belongs to the tokenizer. */
static void destroy(struct heddle_tokenizer *tokenizer)
{
    (void)tokenizer;
}

const struct heddle_tokenizer_algorithm heddle_bert_algorithm = {
    .encode = encode, .normalize = normalize_text, .destroy = destroy};
