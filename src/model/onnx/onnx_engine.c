/* onnx_engine.c: texts -> tokens, sorted by length -> padded batches -> ONNX Runtime -> vectors.
 *
 * A padded batch costs rows x longest, so texts of nearly one length go together: all texts of a call are tokenized first,
 * sorted, and taken from the longest down (the library's arena then grows once). One session is shared by all workers, and
 * each call computes on its caller's thread.
 */
#include "model/onnx/onnx_engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/memory.h"
#include "model/directory.h"
#include "model/head.h"
#include "model/identity.h"
#include "model/model_file.h"
#include "model/onnx/onnx_model.h"
#include "model/prompt_tokens.h"
#include "model/tokenizer/tokenizer.h"

enum {
    BATCH_TOKENS = 2048, /* padded: activations of a base model stay within some megabytes */
    BATCH_ROWS = 64,
    POSITIONS_DEFAULT = 512,
    POSITIONS_MAX = 1 << 20,
    WIDTH_MAX = 65536,
    IDS_MAX = 1 << 24,
};

struct onnx_engine {
    struct heddle_engine engine;
    char *directory;
    char architecture[48];
    char kernel[48];
    size_t hidden;
    size_t max_tokens;
    size_t prompt_tokens; /* that do not count in a vector, the special token before them included */
    size_t padding;       /* id of the token that fills up a batch */
    bool normalizes;
    uint64_t file_bytes;
    struct heddle_tokenizer *tokenizer;
    struct heddle_head *head; /* NULL: the file answers sentence vectors */
    struct heddle_onnx_model model;
};

/* One text of a call, tokenized. */
struct sequence {
    size_t first; /* of its ids */
    size_t count;
    struct heddle_engine_item *item;
};

struct session {
    struct heddle_engine_session session;
    const struct onnx_engine *onnx;
    struct heddle_tokenizer_scratch scratch;
    uint32_t *ids; /* of all texts of a call */
    size_t id_count;
    size_t id_capacity;
    struct sequence *sequences;
    size_t sequence_capacity;
    struct heddle_onnx_batch batch;
    size_t batch_capacity; /* numbers in each of its arrays */
    float *head_scratch;
};

static void describe(const struct heddle_engine *engine, struct heddle_embedder_info *info)
{
    const struct onnx_engine *onnx = (const struct onnx_engine *)engine;
    info->provider = "onnx";
    info->architecture = onnx->architecture;
    info->pooling = onnx->head == NULL ? "in the model file" : heddle_head_pooling(onnx->head);
    info->precision = "onnx"; /* what the file says: fp32 or quantized */
    info->kernel = onnx->kernel;
    info->normalized = onnx->normalizes;
    info->vocabulary = heddle_tokenizer_vocabulary_size(onnx->tokenizer);
    info->max_tokens = onnx->max_tokens;
    info->file_bytes = onnx->file_bytes;
}

static int identify(const struct heddle_engine *engine, uint64_t identity_out[static 2],
                    struct heddle_error *error)
{
    const struct onnx_engine *onnx = (const struct onnx_engine *)engine;
    return heddle_model_identify(onnx->directory, identity_out, error);
}

static void session_destroy(struct heddle_engine_session *opened)
{
    struct session *session = (struct session *)opened;
    if (session == NULL) {
        return;
    }
    heddle_tokenizer_scratch_free(&session->scratch);
    for (size_t i = 0; i < HEDDLE_ONNX_INPUTS; i++) {
        free(session->batch.values[i]);
    }
    free(session->head_scratch);
    free(session->sequences);
    free(session->ids);
    free(session);
}

static int session_create(const struct heddle_engine *engine, struct heddle_engine_session **session_out,
                          struct heddle_error *error)
{
    const struct onnx_engine *onnx = (const struct onnx_engine *)engine;
    struct session *session = heddle_calloc(1, sizeof *session);
    if (session == NULL) {
        return heddle_error_out_of_memory(error);
    }
    session->session.class = engine->class;
    session->onnx = onnx;
    session->batch_capacity = onnx->max_tokens > BATCH_TOKENS ? onnx->max_tokens : BATCH_TOKENS;
    bool has_all = true;
    for (size_t i = 0; i < HEDDLE_ONNX_INPUTS; i++) {
        session->batch.values[i] = heddle_calloc(session->batch_capacity, sizeof(int64_t));
        has_all = has_all && session->batch.values[i] != NULL;
    }
    const size_t scratch = onnx->head == NULL ? 0 : heddle_head_scratch(onnx->head);
    session->head_scratch = heddle_calloc(scratch + 1, sizeof *session->head_scratch);
    if (!has_all || session->head_scratch == NULL) {
        session_destroy(&session->session);
        return heddle_error_out_of_memory(error);
    }
    *session_out = &session->session;
    return HEDDLE_OK;
}

/* Tokenizes a text behind those before it; *truncated_out as the tokenizer says. */
static int add_text(struct session *session, const char *text, size_t length, size_t *count_out,
                    bool *truncated_out, struct heddle_error *error)
{
    const size_t room = session->onnx->max_tokens;
    if (heddle_grow((void **)&session->ids, &session->id_capacity, session->id_count + room,
                    sizeof *session->ids) != 0) {
        return heddle_error_out_of_memory(error);
    }
    return heddle_tokenizer_encode(session->onnx->tokenizer, &session->scratch, text, length,
                                   session->ids + session->id_count, room, count_out, truncated_out, error);
}

/* Longest first; of equal lengths as the caller has them. */
static int compare_lengths(const void *a, const void *b)
{
    const struct sequence *one = a;
    const struct sequence *other = b;
    if (one->count != other->count) {
        return one->count > other->count ? -1 : 1;
    }
    return one->first < other->first ? -1 : 1;
}

static void fill_batch(struct session *session, const struct sequence *sequences, size_t rows)
{
    struct heddle_onnx_batch *batch = &session->batch;
    batch->rows = rows;
    batch->tokens = sequences[0].count;
    for (size_t row = 0; row < rows; row++) {
        const struct sequence *sequence = &sequences[row];
        for (size_t i = 0; i < batch->tokens; i++) {
            const size_t at = row * batch->tokens + i;
            const bool is_token = i < sequence->count;
            batch->values[HEDDLE_ONNX_IDS][at] =
                is_token ? (int64_t)session->ids[sequence->first + i] : (int64_t)session->onnx->padding;
            batch->values[HEDDLE_ONNX_MASK][at] = is_token;
            batch->values[HEDDLE_ONNX_TOKEN_TYPES][at] = 0;
            batch->values[HEDDLE_ONNX_POSITIONS][at] = (int64_t)i;
        }
    }
}

/* A vector with a number that is none would poison every comparison that it takes part in. */
static void check_vector(struct heddle_engine_item *item, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        float value = 0;
        memcpy(&value, item->vector + i, sizeof value);
        if (!isfinite(value)) {
            item->status->result = HEDDLE_EMBED_FAILED;
            snprintf(item->status->reason, sizeof item->status->reason,
                     "the model answered numbers that are none (NaN or infinite)");
            return;
        }
    }
}

static void take_vectors(struct session *session, const struct sequence *sequences, const float *data)
{
    const struct onnx_engine *onnx = session->onnx;
    const struct heddle_onnx_batch *batch = &session->batch;
    for (size_t row = 0; row < batch->rows; row++) {
        struct heddle_engine_item *item = sequences[row].item;
        if (onnx->head == NULL) {
            memcpy(item->vector, data + row * onnx->hidden, onnx->hidden * sizeof *data);
        } else {
            heddle_head_apply(onnx->head, data + row * batch->tokens * onnx->hidden, sequences[row].count,
                              onnx->prompt_tokens, session->head_scratch, item->vector);
        }
        check_vector(item, onnx->engine.dimensions);
    }
}

static int run_batch(struct session *session, const struct sequence *sequences, size_t rows,
                     struct heddle_error *error)
{
    const struct onnx_engine *onnx = session->onnx;
    struct onnx_value *answer = NULL;
    const float *data = NULL;
    fill_batch(session, sequences, rows);
    HEDDLE_TRY(heddle_onnx_model_run(&onnx->model, &session->batch, onnx->hidden, &answer, &data, error));
    take_vectors(session, sequences, data);
    heddle_onnx_answer_release(&onnx->model, answer);
    return HEDDLE_OK;
}

static int run_batches(struct session *session, size_t count, struct heddle_error *error)
{
    for (size_t first = 0; first < count;) {
        const size_t longest = session->sequences[first].count;
        size_t rows = session->batch_capacity / longest;
        rows = rows > BATCH_ROWS ? BATCH_ROWS : rows;
        rows = rows > count - first ? count - first : rows;
        HEDDLE_TRY(run_batch(session, session->sequences + first, rows, error));
        first += rows;
    }
    return HEDDLE_OK;
}

static int embed(struct heddle_engine_session *opened, struct heddle_engine_item *items, size_t count,
                 struct heddle_error *error)
{
    struct session *session = (struct session *)opened;
    session->id_count = 0;
    if (heddle_grow((void **)&session->sequences, &session->sequence_capacity, count,
                    sizeof *session->sequences) != 0) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        struct sequence *sequence = &session->sequences[i];
        *sequence = (struct sequence){.first = session->id_count, .item = &items[i]};
        HEDDLE_TRY(add_text(session, items[i].text, items[i].length, &sequence->count,
                            &items[i].status->truncated, error));
        session->id_count += sequence->count;
        items[i].status->tokens = (uint32_t)sequence->count;
    }
    if (count > 0) {
        qsort(session->sequences, count, sizeof *session->sequences, compare_lengths);
    }
    const uint64_t start = heddle_clock_ns();
    const int status = run_batches(session, count, error);
    session->session.encode_ns += heddle_clock_ns() - start;
    return status;
}

static int tokenize(struct heddle_engine_session *opened, const char *text, size_t length,
                    const uint32_t **ids_out, size_t *count_out, bool *truncated_out,
                    struct heddle_error *error)
{
    struct session *session = (struct session *)opened;
    session->id_count = 0;
    HEDDLE_TRY(add_text(session, text, length, count_out, truncated_out, error));
    *ids_out = session->ids;
    return HEDDLE_OK;
}

static void destroy(struct heddle_engine *engine)
{
    struct onnx_engine *onnx = (struct onnx_engine *)engine;
    heddle_onnx_model_close(&onnx->model);
    heddle_head_destroy(onnx->head);
    heddle_tokenizer_destroy(onnx->tokenizer);
    free(onnx->directory);
    free(onnx);
}

static const struct heddle_engine_class onnx_class = {
    .describe = describe,
    .identify = identify,
    .session_create = session_create,
    .session_destroy = session_destroy,
    .embed = embed,
    .tokenize = tokenize,
    .destroy = destroy,
};

/* The first of `keys` that config.json has, checked; `fallback` where it has none. */
static int read_size(const json_t *json, const char *const *keys, size_t minimum, size_t maximum,
                     size_t fallback, size_t *out, struct heddle_error *error)
{
    *out = fallback;
    for (size_t i = 0; keys[i] != NULL; i++) {
        const json_t *value = json_object_get(json, keys[i]);
        if (value != NULL && !json_is_null(value)) {
            return heddle_model_json_size(json, "config.json", keys[i], minimum, maximum, out, error);
        }
    }
    return HEDDLE_OK;
}

/* RoBERTa's kind counts positions from the padding token's id + 1, so that its table has rows for fewer tokens. */
static bool counts_from_padding(const char *type)
{
    static const char *const types[] = {"roberta", "xlm-roberta", "camembert", "mpnet", "xlm-roberta-xl"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i], type) == 0) {
            return true;
        }
    }
    return false;
}

static int read_config(struct onnx_engine *onnx, struct heddle_error *error)
{
    static const char *const widths[] = {"hidden_size", "dim", "d_model", NULL};
    static const char *const limits[] = {"max_position_embeddings", "n_positions", NULL};
    static const char *const paddings[] = {"pad_token_id", NULL};
    json_t *json = NULL;
    HEDDLE_TRY(heddle_model_json_read(onnx->directory, "config.json", &json, error));
    const char *type = json_string_value(json_object_get(json, "model_type"));
    snprintf(onnx->architecture, sizeof onnx->architecture, "%s", type == NULL ? "" : type);
    const bool shifted = type != NULL && counts_from_padding(type);
    size_t positions = 0;
    int status = read_size(json, widths, 1, WIDTH_MAX, 0, &onnx->hidden, error);
    if (status == HEDDLE_OK) {
        status = read_size(json, paddings, 0, IDS_MAX, shifted ? 1 : 0, &onnx->padding, error);
    }
    if (status == HEDDLE_OK) {
        status = read_size(json, limits, 3, POSITIONS_MAX, POSITIONS_DEFAULT, &positions, error);
    }
    json_decref(json);
    HEDDLE_TRY(status);
    if (shifted) {
        const size_t rows_in_front = onnx->padding + 1;
        positions = positions > rows_in_front + 3 ? positions - rows_in_front : 3;
    }
    return heddle_model_tokens_read(onnx->directory, positions, &onnx->max_tokens, error);
}

static int open_file(struct onnx_engine *onnx, const char *library, struct heddle_error *error)
{
    static const char *const files[] = {"onnx/model.onnx", "model.onnx"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (heddle_model_file_exists(onnx->directory, files[i])) {
            char *path = heddle_model_path(onnx->directory, files[i]);
            if (path == NULL) {
                return heddle_error_out_of_memory(error);
            }
            struct stat about;
            onnx->file_bytes = stat(path, &about) == 0 ? (uint64_t)about.st_size : 0;
            const int status = heddle_onnx_model_open(library, path, &onnx->model, error);
            free(path);
            return status;
        }
    }
    return heddle_error_set(
        error, HEDDLE_MODEL,
        "there is no onnx/model.onnx and no model.onnx: fetch a model that has one, or export "
        "it (the Python package optimum does)");
}

/* Width of the file's output, and what stands behind it. */
static int settle_head(struct onnx_engine *onnx, struct heddle_error *error)
{
    onnx->hidden = onnx->model.width == 0 ? onnx->hidden : onnx->model.width;
    if (onnx->hidden == 0) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "neither the ONNX model nor config.json says how wide its vectors are");
    }
    onnx->engine.dimensions = onnx->hidden;
    if (onnx->model.is_sentence) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_head_load(onnx->directory, onnx->hidden, &onnx->head, error));
    onnx->engine.dimensions = heddle_head_dimensions(onnx->head);
    onnx->normalizes = heddle_head_normalizes(onnx->head);
    return HEDDLE_OK;
}

/* One text through everything, so that a library or file that does not do shows when opening. */
static int try_out(struct onnx_engine *onnx, struct heddle_error *error)
{
    struct heddle_engine_session *session = NULL;
    struct heddle_embed_status fate = {0};
    float *vector = heddle_calloc(onnx->engine.dimensions, sizeof *vector);
    struct heddle_engine_item item = {.text = "trial", .length = 5, .vector = vector, .status = &fate};
    int status =
        vector == NULL ? heddle_error_out_of_memory(error) : session_create(&onnx->engine, &session, error);
    if (status == HEDDLE_OK) {
        status = embed(session, &item, 1, error);
    }
    if (status == HEDDLE_OK && fate.result == HEDDLE_EMBED_FAILED) {
        status = heddle_error_set(error, HEDDLE_MODEL, "%s", fate.reason);
    }
    if (status == HEDDLE_OK && onnx->head == NULL) {
        double squares = 0;
        for (size_t i = 0; i < onnx->engine.dimensions; i++) {
            squares += (double)vector[i] * (double)vector[i];
        }
        onnx->normalizes = fabs(squares - 1) < 1e-4;
    }
    session_destroy(session);
    free(vector);
    return status;
}

static int open_parts(struct onnx_engine *onnx, const char *library, const char *prompt,
                      struct heddle_error *error)
{
    HEDDLE_TRY(read_config(onnx, error));
    HEDDLE_TRY(heddle_tokenizer_open(onnx->directory, &onnx->tokenizer, error));
    HEDDLE_TRY(open_file(onnx, library, error));
    snprintf(onnx->kernel, sizeof onnx->kernel, "onnxruntime %s", onnx->model.api.version);
    HEDDLE_TRY(settle_head(onnx, error));
    if (onnx->head != NULL) {
        HEDDLE_TRY(heddle_prompt_tokens_count(onnx->head, onnx->tokenizer, prompt, onnx->max_tokens,
                                              &onnx->prompt_tokens, error));
    }
    return try_out(onnx, error);
}

int heddle_onnx_open(const char *directory, const char *library, const char *prompt,
                     struct heddle_engine **engine_out, struct heddle_error *error)
{
    struct onnx_engine *onnx = heddle_calloc(1, sizeof *onnx);
    if (onnx == NULL) {
        return heddle_error_out_of_memory(error);
    }
    onnx->engine.class = &onnx_class;
    onnx->directory = heddle_strdup(directory);
    const int status = onnx->directory == NULL ? heddle_error_out_of_memory(error)
                                               : open_parts(onnx, library, prompt, error);
    if (status != HEDDLE_OK) {
        destroy(&onnx->engine);
        return status;
    }
    *engine_out = &onnx->engine;
    return HEDDLE_OK;
}
