/* request.c: addresses and bodies of the embedding services.
 *
 * Sources: OpenAI's OpenAPI description of POST /v1/embeddings; Databricks' "query custom models" and "query embedding models";
 * the router of text-embeddings-inference; Ollama's docs/api.md.
 */
#include "model/provider/request.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

static const char *const kind_names[] = {"openai", "databricks", "tei", "ollama"};

static const struct {
    const char *name;
    enum heddle_request_shape shape;
} shape_names[] = {
    {"openai", HEDDLE_REQUEST_OPENAI},
    {"dataframe_split", HEDDLE_REQUEST_SPLIT},
    {"dataframe_records", HEDDLE_REQUEST_RECORDS},
    {"inputs", HEDDLE_REQUEST_INPUTS},
    {"instances", HEDDLE_REQUEST_INSTANCES},
};

bool heddle_provider_kind_parse(const char *name, enum heddle_provider_kind *kind_out)
{
    for (size_t i = 0; i < sizeof kind_names / sizeof kind_names[0]; i++) {
        if (strcmp(kind_names[i], name) == 0) {
            *kind_out = (enum heddle_provider_kind)i;
            return true;
        }
    }
    return false;
}

const char *heddle_provider_kind_name(enum heddle_provider_kind kind)
{
    return kind_names[kind];
}

bool heddle_request_shape_parse(const char *name, enum heddle_request_shape *shape_out)
{
    for (size_t i = 0; i < sizeof shape_names / sizeof shape_names[0]; i++) {
        if (strcmp(shape_names[i].name, name) == 0) {
            *shape_out = shape_names[i].shape;
            return true;
        }
    }
    return false;
}

enum heddle_answer_shape heddle_request_answer_shape(enum heddle_request_shape shape)
{
    switch (shape) {
    case HEDDLE_REQUEST_OPENAI: return HEDDLE_ANSWER_DATA;
    case HEDDLE_REQUEST_TEI: return HEDDLE_ANSWER_ROWS;
    case HEDDLE_REQUEST_OLLAMA: return HEDDLE_ANSWER_EMBEDDINGS;
    default: return HEDDLE_ANSWER_PREDICTIONS;
    }
}

struct heddle_request_budget heddle_request_budget_default(enum heddle_provider_kind kind,
                                                           enum heddle_request_shape shape)
{
    switch (kind) {
    case HEDDLE_PROVIDER_OPENAI: /* 2,048 inputs, 300,000 tokens: a fifth less, because tokens are estimated */
        return (struct heddle_request_budget){2048, 240000, (size_t)8 << 20};
    case HEDDLE_PROVIDER_DATABRICKS: /* 4 MB foundation models, 16 MB custom; 150 texts is what users found to work */
        return (struct heddle_request_budget){
            150, SIZE_MAX, shape == HEDDLE_REQUEST_OPENAI ? (size_t)3900000 : (size_t)15600000};
    case HEDDLE_PROVIDER_TEI: /* max_client_batch_size 32 unless /info says otherwise; payload limit 2 MB */
        return (struct heddle_request_budget){32, SIZE_MAX, 1950000};
    default: /* it works text by text: a request is only as long as one may wait for it */
        return (struct heddle_request_budget){64, SIZE_MAX, (size_t)4 << 20};
    }
}

/* ---- addresses ---------------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, size_t length, const char *ending)
{
    const size_t ending_length = strlen(ending);
    return length >= ending_length && memcmp(text + length - ending_length, ending, ending_length) == 0;
}

/* Characters that stand in a path as they are and in every name that Databricks allows. */
static bool name_is_plain(const char *name)
{
    return name[0] != '\0' &&
           name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                             "._-")] == '\0';
}

static bool has_path(const char *url, size_t length)
{
    const char *host = memmem(url, length, "://", 3);
    const size_t gone = host == NULL ? 0 : (size_t)(host - url) + 3;
    return memchr(url + gone, '/', length - gone) != NULL;
}

int heddle_request_url(enum heddle_provider_kind kind, const char *url, const char *model, char **url_out,
                       struct heddle_error *error)
{
    static const char *const endings[] = {"/embeddings", "/invocations", "/embed", "/api/embed"};
    const char *query = url + strcspn(url, "?#");
    size_t length = (size_t)(query - url);
    while (length > 0 && url[length - 1] == '/') {
        length--;
    }
    const bool whole = ends_with(url, length, endings[kind]);
    if (kind == HEDDLE_PROVIDER_DATABRICKS && !whole && !name_is_plain(model)) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "\"%.80s\" is no name of a serving endpoint: letters, digits, '-', '_' and '.'", model);
    }
    struct heddle_buffer buffer = {0};
    heddle_buffer_append(&buffer, url, length);
    if (!whole && kind == HEDDLE_PROVIDER_DATABRICKS) {
        heddle_buffer_append_format(&buffer, "/serving-endpoints/%s", model);
    } else if (!whole && kind == HEDDLE_PROVIDER_OPENAI && !has_path(url, length)) {
        heddle_buffer_append_text(&buffer, "/v1");
    }
    if (!whole) {
        heddle_buffer_append_text(&buffer, endings[kind]);
    }
    heddle_buffer_append(&buffer, query, *query == '?' ? strcspn(query, "#") : 0);
    *url_out = buffer.failed ? NULL : heddle_strdup(heddle_buffer_text(&buffer));
    heddle_buffer_free(&buffer);
    return *url_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

int heddle_request_info_url(const char *embed_url, char **url_out, struct heddle_error *error)
{
    const size_t length = strcspn(embed_url, "?") - strlen("/embed");
    struct heddle_buffer buffer = {0};
    heddle_buffer_append(&buffer, embed_url, length);
    heddle_buffer_append_text(&buffer, "/info");
    *url_out = buffer.failed ? NULL : heddle_strdup(heddle_buffer_text(&buffer));
    heddle_buffer_free(&buffer);
    return *url_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

/* ---- bodies ------------------------------------------------------------------------------------------------------------- */

/* Bytes that a byte of UTF-8 takes inside a JSON string (RFC 8259 section 7). */
static size_t escaped_bytes(unsigned char byte)
{
    if (byte == '"' || byte == '\\' || byte == '\n' || byte == '\t' || byte == '\r') {
        return 2;
    }
    return byte < 0x20 ? 6 : 1;
}

static void text_append(struct heddle_buffer *body, const char *text, size_t length)
{
    size_t plain = 0; /* start of what needs no escape */
    heddle_buffer_append_byte(body, '"');
    for (size_t i = 0; i < length; i++) {
        const unsigned char byte = (unsigned char)text[i];
        if (escaped_bytes(byte) == 1) {
            continue;
        }
        heddle_buffer_append(body, text + plain, i - plain);
        plain = i + 1;
        switch (byte) {
        case '\n': heddle_buffer_append_text(body, "\\n"); break;
        case '\t': heddle_buffer_append_text(body, "\\t"); break;
        case '\r': heddle_buffer_append_text(body, "\\r"); break;
        case '"': heddle_buffer_append_text(body, "\\\""); break;
        case '\\': heddle_buffer_append_text(body, "\\\\"); break;
        default: heddle_buffer_append_format(body, "\\u%04x", byte); break;
        }
    }
    heddle_buffer_append(body, text + plain, length - plain);
    heddle_buffer_append_byte(body, '"');
}

/* [BEFORE "text" AFTER, ..] */
static void list_append(struct heddle_buffer *body, const struct heddle_engine_item *const *items,
                        size_t count, const char *before, const char *column, const char *after)
{
    heddle_buffer_append_byte(body, '[');
    for (size_t i = 0; i < count; i++) {
        heddle_buffer_append_text(body, i == 0 ? "" : ",");
        heddle_buffer_append_text(body, before);
        if (column != NULL) {
            text_append(body, column, strlen(column));
            heddle_buffer_append_byte(body, ':');
        }
        text_append(body, items[i]->text, items[i]->length);
        heddle_buffer_append_text(body, after);
    }
    heddle_buffer_append_byte(body, ']');
}

static void model_append(struct heddle_buffer *body, const char *model)
{
    if (model != NULL) {
        heddle_buffer_append_text(body, "\"model\":");
        text_append(body, model, strlen(model));
        heddle_buffer_append_byte(body, ',');
    }
}

static void dimensions_append(struct heddle_buffer *body, size_t dimensions)
{
    if (dimensions > 0) {
        heddle_buffer_append_format(body, ",\"dimensions\":%zu", dimensions);
    }
}

static void columnar_append(const struct heddle_request_form *form,
                            const struct heddle_engine_item *const *items, size_t count,
                            struct heddle_buffer *body)
{
    const char *column = form->column == NULL ? "text" : form->column;
    if (form->shape == HEDDLE_REQUEST_SPLIT) {
        heddle_buffer_append_text(body, "\"dataframe_split\":{\"columns\":[");
        text_append(body, column, strlen(column));
        heddle_buffer_append_text(body, "],\"data\":");
        list_append(body, items, count, "[", NULL, "]");
        heddle_buffer_append_byte(body, '}');
    } else if (form->shape == HEDDLE_REQUEST_RECORDS) {
        heddle_buffer_append_text(body, "\"dataframe_records\":");
        list_append(body, items, count, "{", column, "}");
    } else if (form->shape == HEDDLE_REQUEST_INSTANCES) {
        heddle_buffer_append_text(body, "\"instances\":");
        list_append(body, items, count, form->column == NULL ? "" : "{", form->column,
                    form->column == NULL ? "" : "}");
    } else {
        heddle_buffer_append_text(body, "\"inputs\":");
        if (form->column != NULL) {
            heddle_buffer_append_byte(body, '{');
            text_append(body, column, strlen(column));
            heddle_buffer_append_byte(body, ':');
        }
        list_append(body, items, count, "", NULL, "");
        heddle_buffer_append_text(body, form->column == NULL ? "" : "}");
    }
}

void heddle_request_build(const struct heddle_request_form *form,
                          const struct heddle_engine_item *const *items, size_t count,
                          struct heddle_buffer *body)
{
    heddle_buffer_append_byte(body, '{');
    switch (form->shape) {
    case HEDDLE_REQUEST_OPENAI:
        model_append(body, form->model);
        heddle_buffer_append_text(body, "\"input\":");
        list_append(body, items, count, "", NULL, "");
        heddle_buffer_append_text(body, form->base64 ? ",\"encoding_format\":\"base64\"" : "");
        dimensions_append(body, form->dimensions);
        break;
    case HEDDLE_REQUEST_TEI:
        heddle_buffer_append_text(body, "\"inputs\":");
        list_append(body, items, count, "", NULL, "");
        heddle_buffer_append_text(body, ",\"truncate\":true");
        dimensions_append(body, form->dimensions);
        break;
    case HEDDLE_REQUEST_OLLAMA:
        model_append(body, form->model);
        heddle_buffer_append_text(body, "\"input\":");
        list_append(body, items, count, "", NULL, "");
        heddle_buffer_append_text(body, ",\"truncate\":true");
        dimensions_append(body, form->dimensions);
        break;
    default: columnar_append(form, items, count, body); break;
    }
    heddle_buffer_append_byte(body, '}');
}

size_t heddle_request_text_bytes(const struct heddle_engine_item *item)
{
    enum { AROUND = 24 }; /* quotes, comma, brackets, a column's name */
    size_t bytes = AROUND;
    for (size_t i = 0; i < item->length; i++) {
        bytes += escaped_bytes((unsigned char)item->text[i]);
    }
    return bytes;
}

size_t heddle_request_text_tokens(const struct heddle_engine_item *item)
{
    enum { SPECIAL = 2, ASCII_PER_TOKEN = 4, OTHER_BYTES_PER_TOKEN = 2 };
    size_t other = 0;
    for (size_t i = 0; i < item->length; i++) {
        other += (unsigned char)item->text[i] >= 0x80;
    }
    return SPECIAL + (item->length - other + ASCII_PER_TOKEN - 1) / ASCII_PER_TOKEN +
           (other + OTHER_BYTES_PER_TOKEN - 1) / OTHER_BYTES_PER_TOKEN;
}

size_t heddle_request_take(const struct heddle_engine_item *const *items, size_t count,
                           const struct heddle_request_budget *budget)
{
    enum { ENVELOPE = 256 }; /* the body without its texts: names, model, column */
    size_t bytes = ENVELOPE;
    size_t tokens = 0;
    size_t taken = 0;
    while (taken < count && taken < budget->items) {
        bytes += heddle_request_text_bytes(items[taken]);
        tokens += heddle_request_text_tokens(items[taken]);
        if (taken > 0 && (bytes > budget->bytes || tokens > budget->tokens)) {
            break;
        }
        taken++;
    }
    return taken > 0 ? taken : 1;
}
