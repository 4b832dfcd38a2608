/* bert.h: the settings of BERT's normalizer and of WordPiece, and the algorithm that goes by them. */
#ifndef HEDDLE_MODEL_TOKENIZER_BERT_H
#define HEDDLE_MODEL_TOKENIZER_BERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A word of more characters is unknown; BERT's limit is 100, and the word is kept on the stack. */
enum { HEDDLE_WORD_CHARACTERS_MAX = 1000 };

/* What a byte below 0x80 is; the plain cases skip the code-point tables. */
enum heddle_ascii_class {
    HEDDLE_ASCII_WORD = 0,
    HEDDLE_ASCII_SPACE,
    HEDDLE_ASCII_PUNCTUATION,
    HEDDLE_ASCII_DROP,
};

struct heddle_bert {
    bool clean_text;
    bool chinese_characters;
    bool strip_accents;
    bool lowercase;
    size_t word_characters_max; /* 1 .. HEDDLE_WORD_CHARACTERS_MAX */
    uint8_t ascii_class[128];
    char ascii_lower[128];
};

/* Fills the two tables, which follow from the settings. */
void heddle_bert_finish(struct heddle_bert *bert);

struct heddle_tokenizer_algorithm; /* tokenizer_parts.h */
extern const struct heddle_tokenizer_algorithm heddle_bert_algorithm;

#endif
