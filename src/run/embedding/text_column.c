/* text_column.c: finds the column, or says which there are. */
#include "run/embedding/text_column.h"

#include "base/buffer.h"

enum { COLUMNS_LISTED = 20 }; /* in a message */

static void list_columns(const struct heddle_schema *schema, bool texts_only, struct heddle_buffer *out)
{
    size_t listed = 0;
    for (size_t i = 0; i < schema->count && listed < COLUMNS_LISTED; i++) {
        if (!texts_only || schema->fields[i].type == HEDDLE_TYPE_STRING) {
            heddle_buffer_append_format(out, "%s%s", listed++ == 0 ? "" : ", ", schema->fields[i].name);
        }
    }
}

static int refuse(const struct heddle_schema *schema, const char *table, const char *name, size_t texts,
                  struct heddle_error *error)
{
    struct heddle_buffer list = {0};
    list_columns(schema, name == NULL && texts > 0, &list);
    const char *names = heddle_buffer_text(&list);
    names = names == NULL ? "" : names;
    const int status =
        name != NULL
            ? heddle_error_set(error, HEDDLE_SOURCE, "%s has no column '%s'; it has: %s", table, name, names)
            : heddle_error_set(
                  error, HEDDLE_SOURCE,
                  "%s has %zu text columns: say which to embed with --column NAME; there are: %s", table,
                  texts, names);
    heddle_buffer_free(&list);
    return status;
}

int heddle_text_column_find(const struct heddle_schema *schema, const char *table, const char *name,
                            size_t *column_out, struct heddle_error *error)
{
    if (name != NULL) {
        const int found = heddle_schema_find(schema, name);
        *column_out = (size_t)found;
        return found < 0 ? refuse(schema, table, name, 0, error) : HEDDLE_OK;
    }
    size_t texts = 0;
    for (size_t i = 0; i < schema->count; i++) {
        if (schema->fields[i].type == HEDDLE_TYPE_STRING) {
            *column_out = i;
            texts++;
        }
    }
    return texts == 1 ? HEDDLE_OK : refuse(schema, table, name, texts, error);
}
