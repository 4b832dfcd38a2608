/* native.c: texts -> tokens -> groups of about 256 tokens -> vectors, by one thread from end to end.
 *
 * Texts are tokenized behind each other until a group is full; the group goes through the encoder; so memory does not
 * depend on the number of texts.
 */
#include "model/native.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "model/encoder/encoder.h"
#include "model/head.h"
#include "model/identity.h"
#include "model/prompt_tokens.h"
#include "model/tokenizer/tokenizer.h"

enum { SHORTEST_TOKENS = 2, SPARE_ROWS_MAX = 1024 };

struct native {
    struct heddle_engine engine;
    char *directory;
    struct heddle_model_config config;
    const struct heddle_kernel *kernel;
    struct heddle_tokenizer *tokenizer;
    struct heddle_weights *weights;
    struct heddle_head *head;
    size_t prompt_tokens; /* that do not count in a vector, the special token before them included */
};

struct session {
    struct heddle_engine_session session;
    const struct native *native;
    struct heddle_tokenizer_scratch scratch;
    struct heddle_encoder_workspace *workspace;
    struct heddle_sequence *sequences; /* of the group being filled */
    float **vectors;                   /* where the vector of each goes */
    float *head_scratch;
    size_t sequence_count;
    uint32_t *ids; /* room for a full group and one more text */
    size_t id_count;
    size_t group_tokens;
};

static void describe(const struct heddle_engine *engine, struct heddle_embedder_info *info)
{
    const struct native *native = (const struct native *)engine;
    const struct heddle_model_config *config = &native->config;
    info->provider = "native";
    info->architecture = heddle_architecture_name(config->architecture);
    info->pooling = heddle_head_pooling(native->head);
    info->precision = heddle_precision_name(native->kernel->precision);
    info->kernel = native->kernel->name;
    info->normalized = heddle_head_normalizes(native->head);
    info->layers = config->layers;
    info->heads = config->heads;
    info->intermediate = config->intermediate;
    info->vocabulary = heddle_tokenizer_vocabulary_size(native->tokenizer);
    info->max_tokens = config->max_tokens;
    info->parameters = heddle_weights_count(native->weights) + heddle_head_count(native->head);
    info->file_bytes = heddle_weights_file_bytes(native->weights);
    info->packed_bytes = heddle_weights_packed_bytes(native->weights);
}

static void session_destroy(struct heddle_engine_session *opened)
{
    struct session *session = (struct session *)opened;
    if (session == NULL) {
        return;
    }
    heddle_encoder_workspace_destroy(session->workspace);
    heddle_tokenizer_scratch_free(&session->scratch);
    free(session->sequences);
    free(session->vectors);
    free(session->head_scratch);
    free(session->ids);
    free(session);
}

static int session_create(const struct heddle_engine *engine, struct heddle_engine_session **session_out,
                          struct heddle_error *error)
{
    const struct native *native = (const struct native *)engine;
    struct session *session = heddle_calloc(1, sizeof *session);
    if (session == NULL) {
        return heddle_error_out_of_memory(error);
    }
    session->session.class = engine->class;
    session->native = native;
    session->group_tokens = heddle_encoder_group_tokens(&native->config);
    session->sequences = heddle_calloc(session->group_tokens / SHORTEST_TOKENS, sizeof *session->sequences);
    session->vectors = heddle_calloc(session->group_tokens / SHORTEST_TOKENS, sizeof *session->vectors);
    session->head_scratch = heddle_calloc(heddle_head_scratch(native->head) + 1, sizeof(float));
    session->ids = heddle_calloc(session->group_tokens + native->config.max_tokens, sizeof *session->ids);
    int status = session->sequences == NULL || session->vectors == NULL || session->head_scratch == NULL ||
                         session->ids == NULL
                     ? heddle_error_out_of_memory(error)
                     : HEDDLE_OK;
    if (status == HEDDLE_OK) {
        status = heddle_encoder_workspace_create(&native->config, native->kernel, &session->workspace, error);
    }
    if (status != HEDDLE_OK) {
        session_destroy(&session->session);
        return status;
    }
    *session_out = &session->session;
    return HEDDLE_OK;
}

static void encode_group(struct session *session)
{
    if (session->sequence_count == 0) {
        return;
    }
    const uint64_t start = heddle_clock_ns();
    const struct native *native = session->native;
    const float *rows =
        heddle_encoder_run(native->weights, session->workspace, session->sequences, session->sequence_count);
    for (size_t i = 0; i < session->sequence_count; i++) {
        const size_t tokens = session->sequences[i].tokens;
        heddle_head_apply(native->head, rows, tokens, native->prompt_tokens, session->head_scratch,
                          session->vectors[i]);
        rows += tokens * native->config.hidden;
    }
    session->session.encode_ns += heddle_clock_ns() - start;
    session->sequence_count = 0;
    session->id_count = 0;
}

/* Tokenizes a text behind the group being filled; the group goes first where both are too many. */
static int add_item(struct session *session, struct heddle_engine_item *item, struct heddle_error *error)
{
    const struct native *native = session->native;
    uint32_t *ids = session->ids + session->id_count;
    size_t count = 0;
    HEDDLE_TRY(heddle_tokenizer_encode(native->tokenizer, &session->scratch, item->text, item->length, ids,
                                       native->config.max_tokens, &count, &item->status->truncated, error));
    if (session->id_count + count > session->group_tokens) {
        encode_group(session);
        memmove(session->ids, ids, count * sizeof *ids);
        ids = session->ids;
    }
    session->vectors[session->sequence_count] = item->vector;
    session->sequences[session->sequence_count++] = (struct heddle_sequence){ids, count};
    session->id_count += count;
    item->status->tokens = (uint32_t)count;
    return HEDDLE_OK;
}

static int embed(struct heddle_engine_session *opened, struct heddle_engine_item *items, size_t count,
                 struct heddle_error *error)
{
    struct session *session = (struct session *)opened;
    session->sequence_count = 0;
    session->id_count = 0;
    for (size_t i = 0; i < count; i++) {
        HEDDLE_TRY(add_item(session, &items[i], error));
    }
    encode_group(session);
    return HEDDLE_OK;
}

static int tokenize(struct heddle_engine_session *opened, const char *text, size_t length,
                    const uint32_t **ids_out, size_t *count_out, bool *truncated_out,
                    struct heddle_error *error)
{
    struct session *session = (struct session *)opened;
    *ids_out = session->ids;
    return heddle_tokenizer_encode(session->native->tokenizer, &session->scratch, text, length, session->ids,
                                   session->native->config.max_tokens, count_out, truncated_out, error);
}

static int identify(const struct heddle_engine *engine, uint64_t identity_out[static 2],
                    struct heddle_error *error)
{
    const struct native *native = (const struct native *)engine;
    return heddle_model_identify(native->directory, identity_out, error);
}

static void destroy(struct heddle_engine *engine)
{
    struct native *native = (struct native *)engine;
    heddle_weights_destroy(native->weights);
    heddle_head_destroy(native->head);
    heddle_tokenizer_destroy(native->tokenizer);
    free(native->directory);
    free(native);
}

static const struct heddle_engine_class native_class = {
    .describe = describe,
    .identify = identify,
    .session_create = session_create,
    .session_destroy = session_destroy,
    .embed = embed,
    .tokenize = tokenize,
    .destroy = destroy,
};

/* A tokenizer and weights of one model fit each other. Tables are rounded up, by 128 rows at most as far as is known; a
 * tokenizer of another model would find a wrong row for every token, and nobody would notice. */
static int check_vocabulary(const struct native *native, struct heddle_error *error)
{
    const size_t highest = heddle_tokenizer_id_max(native->tokenizer);
    const size_t rows = native->config.vocabulary;
    if (highest < rows && rows - highest <= SPARE_ROWS_MAX) {
        return HEDDLE_OK;
    }
    return heddle_error_set(
        error, HEDDLE_MODEL,
        "the tokenizer's highest id is %zu, but config.json says vocab_size %zu: the files "
        "are of different models",
        highest, rows);
}

static int open_parts(const char *directory, const char *prompt, struct native *native,
                      struct heddle_error *error)
{
    HEDDLE_TRY(heddle_head_load(directory, native->config.hidden, &native->head, error));
    native->engine.dimensions = heddle_head_dimensions(native->head);
    HEDDLE_TRY(heddle_tokenizer_open(directory, &native->tokenizer, error));
    HEDDLE_TRY(check_vocabulary(native, error));
    HEDDLE_TRY(heddle_prompt_tokens_count(native->head, native->tokenizer, prompt, native->config.max_tokens,
                                          &native->prompt_tokens, error));
    return heddle_weights_load(directory, &native->config, native->kernel, &native->weights, error);
}

int heddle_native_open(const char *directory, const struct heddle_model_config *config,
                       const struct heddle_kernel *kernel, const char *prompt,
                       struct heddle_engine **engine_out, struct heddle_error *error)
{
    struct native *native = heddle_calloc(1, sizeof *native);
    if (native == NULL) {
        return heddle_error_out_of_memory(error);
    }
    native->engine = (struct heddle_engine){.class = &native_class};
    native->config = *config;
    native->kernel = kernel;
    native->directory = heddle_strdup(directory);
    const int status = native->directory == NULL ? heddle_error_out_of_memory(error)
                                                 : open_parts(directory, prompt, native, error);
    if (status != HEDDLE_OK) {
        destroy(&native->engine);
        return status;
    }
    *engine_out = &native->engine;
    return HEDDLE_OK;
}
