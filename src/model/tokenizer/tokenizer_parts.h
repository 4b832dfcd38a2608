/* tokenizer_parts.h: what a tokenizer consists of; shared by loading (load.c) and encoding (tokenizer.c) only. */
#ifndef HEDDLE_MODEL_TOKENIZER_TOKENIZER_PARTS_H
#define HEDDLE_MODEL_TOKENIZER_TOKENIZER_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/wordpiece.h"

/* A word of more characters is unknown; BERT's limit is 100, and the word is kept on the stack. */
enum { HEDDLE_WORD_CHARACTERS_MAX = 1000 };

/* A token that is found in the raw text, before anything else. */
struct heddle_added_token {
    char *text;
    size_t length;
    uint32_t id;
};

/* What a byte below 0x80 is; the plain cases skip the code-point tables. */
enum heddle_ascii_class {
    HEDDLE_ASCII_WORD = 0,
    HEDDLE_ASCII_SPACE,
    HEDDLE_ASCII_PUNCTUATION,
    HEDDLE_ASCII_DROP,
};

struct heddle_tokenizer {
    struct heddle_wordpiece *wordpiece;
    struct heddle_added_token *added;
    size_t added_count;
    bool added_starts[256]; /* bytes that an added token starts with */
    uint8_t ascii_class[128];
    char ascii_lower[128];
    bool clean_text;
    bool chinese_characters;
    bool strip_accents;
    bool lowercase;
    size_t word_characters_max; /* 1 .. HEDDLE_WORD_CHARACTERS_MAX */
    uint32_t unknown_id;
    uint32_t start_id; /* [CLS] */
    uint32_t end_id;   /* [SEP] */
    uint32_t id_max;
    size_t vocabulary_size;
};

/* Fills the tables that follow from the settings. */
void heddle_tokenizer_finish(struct heddle_tokenizer *tokenizer);

#endif
