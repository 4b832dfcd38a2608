/* unigram.h: the Unigram model (Kudo, 2018): the way to spell a word whose pieces' scores add up to most.
 *
 * Pieces are found with a byte trie; Viterbi's algorithm keeps for every place of the word the best way to it. Scores
 * are f64 and added from the left; of equal ways the one found first stays, as in the library, so ties fall alike. A
 * character that is no piece costs the worst score - 10; unknown characters in a row become one unknown piece, which
 * is looked up once more as a whole, then, where the model says so, spelled in bytes.
 *
 * Threads: immutable once filled.
 */
#ifndef HEDDLE_MODEL_TOKENIZER_UNIGRAM_H
#define HEDDLE_MODEL_TOKENIZER_UNIGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/tokenizer/normalizer.h"
#include "model/tokenizer/trie.h"

struct heddle_id_sink;             /* tokenizer_parts.h */
struct heddle_tokenizer_algorithm; /* tokenizer_parts.h */

/* Where Metaspace puts its mark before a word that does not start with one. */
enum heddle_prepend_scheme {
    HEDDLE_PREPEND_ALWAYS,
    HEDDLE_PREPEND_FIRST, /* only where the text starts */
    HEDDLE_PREPEND_NEVER,
};

enum { HEDDLE_BYTES = 256, HEDDLE_MARK_MAX = 4 };

struct heddle_unigram {
    struct heddle_normalizer normalizer;
    /* the pre-tokenizers: WhitespaceSplit, then Metaspace; either may be missing */
    bool splits_white_space;
    bool metaspace;        /* spaces become marks */
    bool metaspace_splits; /* and every mark starts a word */
    enum heddle_prepend_scheme scheme;
    char mark[HEDDLE_MARK_MAX]; /* U+2581 as a rule */
    size_t mark_length;
    /* the model */
    double *scores; /* by id; owned */
    double unknown_score;
    bool byte_fallback;             /* the vocabulary has all 256 bytes, or some: see byte_ids */
    int32_t byte_ids[HEDDLE_BYTES]; /* -1: the vocabulary has no piece for this byte */
};

/* A place in the word. */
struct heddle_lattice_node {
    double score;   /* of the best way here */
    uint32_t start; /* where its last piece starts */
    uint32_t id;    /* that piece */
};

/* Grown by heddle_unigram_split, freed by the owner; {0} is empty. */
struct heddle_lattice {
    struct heddle_lattice_node **nodes;
    size_t *capacity;
};

/* Appends the ids of one word (well-formed UTF-8, at least a byte). A word of 4 GiB is refused as out of memory. */
void heddle_unigram_split(const struct heddle_unigram *unigram, const struct heddle_trie *vocabulary,
                          uint32_t unknown_id, const char *word, size_t length, struct heddle_lattice lattice,
                          struct heddle_id_sink *sink);

extern const struct heddle_tokenizer_algorithm heddle_unigram_algorithm;

#endif
