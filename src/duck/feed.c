/* feed.c: a table function whose rows are batches of ours. */
#include "duck/feed.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "duck/internal.h"

typedef void *extra_info_function(struct duck_info *info);

/* A callback of DuckDB is handed an opaque `info` and nothing else, and only these two functions lead from
 * there to our own data; they are addresses inside a library that is never unloaded, the same for every
 * database of the process. Written once: register() refuses a second libduckdb in one process. */
static _Atomic(extra_info_function *) bind_extra_info;
static _Atomic(extra_info_function *) function_extra_info;

/* What the callbacks need; lives as long as the registered function. */
struct feed_state {
    const struct heddle_duck_api *api;
    struct heddle_duck_feed *feed;
    struct heddle_duck_slot *slots; /* one a column, behind the struct */
};

static void feed_bind(struct duck_info *info)
{
    const struct feed_state *state = atomic_load(&bind_extra_info)(info);
    for (size_t i = 0; i < state->feed->schema->count; i++) {
        const struct heddle_field *field = &state->feed->schema->fields[i];
        struct duck_type *type = heddle_duck_type_create(state->api, field);
        if (type == NULL || !heddle_duck_slot_fill(state->api, type, &state->slots[i])) {
            state->api->bind_set_error(info, "a column of the feed cannot be made");
        } else {
            state->api->bind_add_result_column(info, field->name, type);
        }
        state->api->destroy_logical_type(&type);
    }
}

static void feed_init(struct duck_info *info)
{
    (void)info; /* one thread reads a function by default, which is what the order of the rows needs */
}

/* Copies the rest of the current batch into the chunk behind its first `filled` rows; answers the new
 * fill. */
static int batch_copy(const struct feed_state *state, struct duck_chunk *output, size_t *filled,
                      struct heddle_error *error)
{
    struct heddle_duck_feed *feed = state->feed;
    size_t count = feed->current->rows - feed->row;
    if (count > DUCK_CHUNK_ROWS - *filled) {
        count = DUCK_CHUNK_ROWS - *filled;
    }
    for (size_t i = 0; i < feed->schema->count; i++) {
        const int status = heddle_duck_vector_write(
            state->api, &state->slots[i], state->api->data_chunk_get_vector(output, i), *filled,
            &feed->current->columns[i], NULL, feed->row, count, error);
        if (status != HEDDLE_OK) {
            heddle_error_prefix(error, "column `%s`", feed->schema->fields[i].name);
            return status;
        }
    }
    *filled += count;
    feed->row += count;
    if (feed->row == feed->current->rows) {
        heddle_batch_release(feed->current);
        feed->current = NULL;
        feed->row = 0;
    }
    return HEDDLE_OK;
}

static void feed_fill(struct duck_info *info, struct duck_chunk *output)
{
    const struct feed_state *state = atomic_load(&function_extra_info)(info);
    struct heddle_duck_feed *feed = state->feed;
    size_t filled = 0;
    int status = HEDDLE_OK;
    while (status == HEDDLE_OK && filled < DUCK_CHUNK_ROWS) {
        if (feed->current == NULL) {
            status = feed->next(feed->context, &feed->current, &feed->failure);
        }
        if (status == HEDDLE_OK) {
            status = batch_copy(state, output, &filled, &feed->failure);
        }
    }
    if (status != HEDDLE_OK && status != HEDDLE_END) {
        feed->failure.status = status;
        state->api->function_set_error(info, feed->failure.message);
        filled = 0;
    }
    state->api->data_chunk_set_size(output, filled);
}

/* Takes note of the two ways back from a callback. */
static int ways_back_set(const struct heddle_duck_api *api, struct heddle_error *error)
{
    extra_info_function *bind = NULL;
    extra_info_function *function = NULL;
    const bool first = atomic_compare_exchange_strong(&bind_extra_info, &bind, api->bind_get_extra_info);
    const bool second =
        atomic_compare_exchange_strong(&function_extra_info, &function, api->function_get_extra_info);
    if ((!first && bind != api->bind_get_extra_info) ||
        (!second && function != api->function_get_extra_info)) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "two different libduckdb are loaded in this process; set HEDDLE_DUCKDB to one of them");
    }
    return HEDDLE_OK;
}

int heddle_duck_feed_register(struct heddle_duck_connection *connection, const char *name,
                              struct heddle_duck_feed *feed, struct heddle_error *error)
{
    const struct heddle_duck_api *api = &connection->duck->api;
    HEDDLE_TRY(ways_back_set(api, error));
    struct feed_state *state = heddle_calloc(1, sizeof *state + feed->schema->count * sizeof *state->slots);
    if (state == NULL) {
        return heddle_error_out_of_memory(error);
    }
    state->api = api;
    state->feed = feed;
    state->slots = (struct heddle_duck_slot *)(state + 1);
    struct duck_function *function = api->create_table_function();
    api->table_function_set_name(function, name);
    api->table_function_set_extra_info(function, state, free);
    api->table_function_set_bind(function, feed_bind);
    api->table_function_set_init(function, feed_init);
    api->table_function_set_function(function, feed_fill);
    const int state_code = api->register_table_function(connection->handle, function);
    api->destroy_table_function(&function);
    if (state_code != DUCK_OK) {
        return heddle_error_set(error, HEDDLE_DATABASE, "the table function %s cannot be made", name);
    }
    return HEDDLE_OK;
}

void heddle_duck_feed_reset(struct heddle_duck_feed *feed)
{
    heddle_batch_release(feed->current);
    feed->current = NULL;
    feed->row = 0;
}
