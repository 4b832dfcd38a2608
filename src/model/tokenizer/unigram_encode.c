/* unigram_encode.c: a stretch of text into the words of a Unigram model: normalizers, WhitespaceSplit, Metaspace. */
#include <stdlib.h>
#include <string.h>

#include "model/tokenizer/tokenizer_parts.h"
#include "model/tokenizer/unicode.h"

struct walk {
    const struct heddle_tokenizer *tokenizer;
    const struct heddle_unigram *unigram;
    struct heddle_tokenizer_scratch *scratch;
    struct heddle_id_sink *sink;
};

static bool is_over(const struct walk *walk)
{
    return walk->sink->truncated || walk->sink->out_of_memory;
}

static void split(struct walk *walk, const char *word, size_t length)
{
    const struct heddle_lattice lattice = {&walk->scratch->lattice, &walk->scratch->lattice_capacity};
    heddle_unigram_split(walk->unigram, walk->tokenizer->vocabulary, walk->tokenizer->unknown_id, word,
                         length, lattice, walk->sink);
}

static bool starts_with_mark(const struct heddle_unigram *unigram, const char *text, size_t length)
{
    return length >= unigram->mark_length && memcmp(text, unigram->mark, unigram->mark_length) == 0;
}

/* Writes the word with its mark into the scratch: spaces become marks. */
static const struct heddle_buffer *mark_word(struct walk *walk, const char *text, size_t length,
                                             bool at_start)
{
    const struct heddle_unigram *unigram = walk->unigram;
    struct heddle_buffer *piece = &walk->scratch->piece;
    heddle_buffer_reset(piece);
    const bool wanted =
        unigram->scheme == HEDDLE_PREPEND_ALWAYS || (unigram->scheme == HEDDLE_PREPEND_FIRST && at_start);
    if (wanted && text[0] != ' ' && !starts_with_mark(unigram, text, length)) {
        heddle_buffer_append(piece, unigram->mark, unigram->mark_length);
    }
    for (size_t at = 0; at < length;) {
        const char *space = memchr(text + at, ' ', length - at);
        const size_t end = space == NULL ? length : (size_t)(space - text);
        heddle_buffer_append(piece, text + at, end - at);
        at = end;
        if (space != NULL) {
            heddle_buffer_append(piece, unigram->mark, unigram->mark_length);
            at++;
        }
    }
    walk->sink->out_of_memory = walk->sink->out_of_memory || piece->failed;
    return piece;
}

/* Metaspace. `text` is not empty; `at_start`: it stems from the start of the original text. */
static void walk_word(struct walk *walk, const char *text, size_t length, bool at_start)
{
    const struct heddle_unigram *unigram = walk->unigram;
    if (!unigram->metaspace) {
        split(walk, text, length);
        return;
    }
    const struct heddle_buffer *piece = mark_word(walk, text, length, at_start);
    const char *bytes = (const char *)piece->bytes;
    for (size_t at = 0; !is_over(walk) && at < piece->length;) {
        size_t end = piece->length;
        if (unigram->metaspace_splits) {
            const char *mark =
                memmem(bytes + at + 1, piece->length - at - 1, unigram->mark, unigram->mark_length);
            end = mark == NULL ? end : (size_t)(mark - bytes);
        }
        split(walk, bytes + at, end - at);
        at = end;
    }
}

/* WhitespaceSplit, over a part of the normalized text between added tokens. */
static void walk_part(struct walk *walk, const struct heddle_normal_text *text, size_t start, size_t end)
{
    if (!walk->unigram->splits_white_space) {
        walk_word(walk, text->text + start, end - start, start < text->origin);
        return;
    }
    size_t word = start;
    for (size_t at = start; at < end && !is_over(walk);) {
        const size_t here = at;
        const uint32_t point = heddle_unicode_decode(text->text, &at);
        if ((heddle_unicode_flags(point) & HEDDLE_UNICODE_SPLIT) != 0) {
            if (word < here) {
                walk_word(walk, text->text + word, here - word, word < text->origin);
            }
            word = at;
        }
    }
    if (word < end && !is_over(walk)) {
        walk_word(walk, text->text + word, end - word, word < text->origin);
    }
}

static void encode(const struct heddle_tokenizer *tokenizer, struct heddle_tokenizer_scratch *scratch,
                   const char *text, size_t length, bool at_start, struct heddle_id_sink *sink)
{
    struct walk walk = {tokenizer, &tokenizer->unigram, scratch, sink};
    struct heddle_normal_text normal = {text, length, 0};
    if (at_start && tokenizer->unigram.scheme == HEDDLE_PREPEND_FIRST) {
        (void)heddle_unicode_decode(text, &normal.origin); /* the bytes of the first character */
    }
    if (heddle_normalizer_run(&tokenizer->unigram.normalizer, scratch->text, &normal) != 0) {
        sink->out_of_memory = true;
        return;
    }
    struct heddle_added_walk parts = {
        .set = &tokenizer->added_normalized, .text = normal.text, .length = normal.length};
    struct heddle_added_part part;
    while (!is_over(&walk) && heddle_added_walk_next(&parts, &part)) {
        if (part.token != NULL) {
            heddle_id_push(sink, part.token->id);
        } else {
            walk_part(&walk, &normal, part.start, part.end);
        }
    }
}

static int normalize(const struct heddle_tokenizer *tokenizer, const char *text, size_t length,
                     struct heddle_buffer *out)
{
    struct heddle_buffer buffers[2] = {{0}, {0}};
    struct heddle_normal_text normal = {text, length, 0};
    int status = heddle_normalizer_run(&tokenizer->unigram.normalizer, buffers, &normal);
    if (status == 0) {
        heddle_buffer_append(out, normal.text, normal.length);
        status = out->failed ? -1 : 0;
    }
    heddle_buffer_free(&buffers[0]);
    heddle_buffer_free(&buffers[1]);
    return status;
}

static void destroy(struct heddle_tokenizer *tokenizer)
{
    heddle_normalizer_free(&tokenizer->unigram.normalizer);
    free(tokenizer->unigram.scores);
}

const struct heddle_tokenizer_algorithm heddle_unigram_algorithm = {
    .encode = encode, .normalize = normalize, .destroy = destroy};
