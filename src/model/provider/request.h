/* request.h: what is asked of an embedding service: its addresses, its bodies, how much it takes at once.
 *
 * Threads: pure functions on the caller's memory.
 */
#ifndef HEDDLE_MODEL_PROVIDER_REQUEST_H
#define HEDDLE_MODEL_PROVIDER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "model/engine.h"
#include "model/provider/answer.h"

enum heddle_provider_kind {
    HEDDLE_PROVIDER_OPENAI = 0,
    HEDDLE_PROVIDER_DATABRICKS,
    HEDDLE_PROVIDER_TEI,
    HEDDLE_PROVIDER_OLLAMA,
};

/* How the texts stand in a request's body. */
enum heddle_request_shape {
    HEDDLE_REQUEST_OPENAI = 0, /* {"input": ["..", ..]} with model, encoding_format, dimensions where given */
    HEDDLE_REQUEST_SPLIT,      /* {"dataframe_split": {"columns": ["text"], "data": [[".."], ..]}} */
    HEDDLE_REQUEST_RECORDS,    /* {"dataframe_records": [{"text": ".."}, ..]} */
    HEDDLE_REQUEST_INPUTS, /* {"inputs": ["..", ..]}, with a column named {"inputs": {"text": ["..", ..]}} */
    HEDDLE_REQUEST_INSTANCES, /* {"instances": ["..", ..]}, with a column named [{"text": ".."}, ..] */
    HEDDLE_REQUEST_TEI,       /* {"inputs": ["..", ..], "truncate": true} */
    HEDDLE_REQUEST_OLLAMA,    /* {"model": "..", "input": ["..", ..], "truncate": true} */
};

/* Everything that decides a body. */
struct heddle_request_form {
    enum heddle_request_shape shape;
    const char *model;  /* NULL = the address says it */
    const char *column; /* name of the text column; NULL = "text" where there must be one */
    size_t dimensions;  /* asked of the service; 0 = all */
    bool base64;        /* OPENAI: ask for it */
};

/* What a service takes in one request. SIZE_MAX = no limit known. */
struct heddle_request_budget {
    size_t items;
    size_t tokens; /* estimated */
    size_t bytes;  /* of the body */
};

/* "openai", "databricks", "tei", "ollama"; false if it is none of them. */
bool heddle_provider_kind_parse(const char *name, enum heddle_provider_kind *kind_out);
const char *heddle_provider_kind_name(enum heddle_provider_kind kind);

/* "openai", "dataframe_split", "dataframe_records", "inputs", "instances": what a setting may say for databricks. */
bool heddle_request_shape_parse(const char *name, enum heddle_request_shape *shape_out);

/* The shape that its answers have. */
enum heddle_answer_shape heddle_request_answer_shape(enum heddle_request_shape shape);

/* What the service is documented to take, a little under it. */
struct heddle_request_budget heddle_request_budget_default(enum heddle_provider_kind kind,
                                                           enum heddle_request_shape shape);

/* The address to ask, from what the user gave: a whole endpoint is kept, a base is completed; a query stays. `model` becomes
 * part of the path for databricks. *url_out is the caller's to free. Errors: HEDDLE_INVALID (a model name that cannot stand
 * in a path), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_request_url(enum heddle_provider_kind kind, const char *url, const char *model,
                                         char **url_out, struct heddle_error *error);

/* TEI's /info beside its /embed. *url_out is the caller's to free. */
HEDDLE_MUST_CHECK int heddle_request_info_url(const char *embed_url, char **url_out,
                                              struct heddle_error *error);

/* Appends the body for `count` texts to `body` (whose `failed` says if memory ran out). */
void heddle_request_build(const struct heddle_request_form *form,
                          const struct heddle_engine_item *const *items, size_t count,
                          struct heddle_buffer *body);

/* Bytes that a text takes in a body, quotes and separators of any shape included. */
size_t heddle_request_text_bytes(const struct heddle_engine_item *item);

/* How many of the first items go into one request: as many as the budget allows, at least one (whether a text is too large
 * alone is the service's to say). `count` > 0. */
size_t heddle_request_take(const struct heddle_engine_item *const *items, size_t count,
                           const struct heddle_request_budget *budget);

/* Tokens of a text, estimated without the service's tokenizer: 4 ASCII characters a token (English prose has 4 to 5) and 2
 * bytes of anything else, 2 more for special tokens. Texts of digits or codes may have twice that; a request that turns out
 * too large is halved, so a low estimate costs one refused request. */
size_t heddle_request_text_tokens(const struct heddle_engine_item *item);

#endif
