/* ids_read.c: keys and internal ids of a node target's nodes, page by page, two pages at a time. */
#include "sink/neo4j/ids_read.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/memory.h"
#include "sink/neo4j/ask.h"

/* Keys put into the table at a time. */
enum { READ_CHUNK = 1024, READ_KEYS_MAX = 16 };

/* Each page scans all nodes of the label, so nodes that are scattered over many times their number of ids are not worth
 * it. */
enum { READ_SPARSE = 4, READ_SPARSE_PAGES = 8 };

/* A page keeps one core of the server busy, and then the client: two are asked for at once, of so many ids at least. */
enum { READERS = 2, READ_PAGE_LEAST = 50000 };

/* What the readers of one node target share. */
struct reading {
    struct heddle_load *load;
    const struct heddle_write_plan *plan;
    const char *text; /* asks for a page */
    int64_t high;     /* the last id */
    int64_t page;     /* ids of one */
    _Atomic int64_t next;
};

struct reader {
    struct reading *reading;
    struct heddle_bolt_connection *connection;
    struct heddle_arena *arena;
    struct heddle_buffer key;
    uint64_t hashes[READ_CHUNK];
    int64_t ids[READ_CHUNK];
    size_t count;
};

static void flush(struct reader *reader)
{
    heddle_ids_put(reader->reading->load->ids, reader->hashes, reader->ids, reader->count);
    reader->count = 0;
}

/* A value as a column of one row, so that it has the bytes that a key from a source has (schedule/key.h); of the types
 * that keys mostly are. `offsets` is memory for a text. */
static bool as_column(const struct heddle_value *value, struct heddle_column *column,
                      uint32_t offsets[static 2])
{
    *column = (struct heddle_column){.length = 1};
    switch (value->type) {
    case HEDDLE_VALUE_INTEGER:
        column->type = HEDDLE_TYPE_INTEGER;
        column->values = &value->integer;
        return true;
    case HEDDLE_VALUE_FLOAT:
        column->type = HEDDLE_TYPE_FLOAT;
        column->values = &value->real;
        return true;
    case HEDDLE_VALUE_STRING:
        column->type = HEDDLE_TYPE_STRING;
        offsets[0] = 0;
        offsets[1] = (uint32_t)value->string.length;
        column->offsets = offsets;
        column->bytes = (const uint8_t *)value->string.text;
        return value->string.length <= UINT32_MAX;
    default: return false;
    }
}

/* [id, key …] */
static void take_node(struct reader *reader, const struct heddle_value *item)
{
    const struct reading *reading = reader->reading;
    const size_t keys = reading->plan->target->key_count;
    struct heddle_column columns[READ_KEYS_MAX];
    uint32_t offsets[READ_KEYS_MAX][2];
    int64_t id = HEDDLE_IDS_NONE;
    if (item->type != HEDDLE_VALUE_LIST || item->list.count != keys + 1 ||
        !heddle_ids_of_value(reading->load->ids, &item->list.items[0], &id)) {
        return;
    }
    for (size_t i = 0; i < keys; i++) {
        if (!as_column(&item->list.items[i + 1], &columns[i], offsets[i])) {
            return;
        }
    }
    reader->hashes[reader->count] =
        heddle_ids_hash(columns, keys, 0, reading->plan->id_space_a, &reader->key);
    reader->ids[reader->count++] = id;
    if (reader->count == READ_CHUNK) {
        flush(reader);
    }
}

static int ask(struct reader *reader, const char *text, int64_t from, int64_t to,
               struct heddle_bolt_result *result, struct heddle_error *error)
{
    const struct heddle_ask_parameter range[] = {
        {.name = "from", .kind = HEDDLE_ASK_INTEGER, .integer = from},
        {.name = "to", .kind = HEDDLE_ASK_INTEGER, .integer = to},
    };
    const struct heddle_ask ask = {
        .text = text,
        .parameters = range,
        .parameter_count = 2,
        .mode = HEDDLE_BOLT_WRITE, /* of the server that the load writes to, so that nothing is out of date */
        .database = reader->reading->load->ability.database,
    };
    heddle_arena_reset(reader->arena);
    return heddle_ask_run(reader->connection, &ask, reader->arena, result, error);
}

static int read_page(struct reader *reader, int64_t from, struct heddle_error *error)
{
    const struct reading *reading = reader->reading;
    struct heddle_bolt_result result;
    HEDDLE_TRY(ask(reader, reading->text, from, from + reading->page, &result, error));
    for (size_t i = 0; i < result.record_count; i++) {
        const struct heddle_value *list = heddle_ask_cell(&result, i, 0);
        for (size_t j = 0; list->type == HEDDLE_VALUE_LIST && j < list->list.count; j++) {
            take_node(reader, &list->list.items[j]);
        }
    }
    flush(reader);
    return HEDDLE_OK;
}

/* Pages that nobody has taken yet, until there are none. */
static void read_pages(struct reader *reader)
{
    struct reading *reading = reader->reading;
    struct heddle_error ignored = {0};
    int status = HEDDLE_OK;
    while (status == HEDDLE_OK && !heddle_ids_is_given_up(reading->load->ids)) {
        const int64_t from = atomic_fetch_add(&reading->next, reading->page);
        status = from > reading->high ? HEDDLE_END : read_page(reader, from, &ignored);
    }
}

static struct reader *reader_create(struct reading *reading)
{
    struct reader *reader = heddle_calloc(1, sizeof *reader);
    if (reader == NULL || heddle_arena_create(0, &reader->arena, NULL) != HEDDLE_OK) {
        free(reader);
        return NULL;
    }
    reader->reading = reading;
    return reader;
}

static void reader_destroy(struct reader *reader)
{
    if (reader != NULL) {
        heddle_arena_destroy(reader->arena);
        heddle_buffer_free(&reader->key);
        free(reader);
    }
}

/* A second reader, over a connection of its own; where it comes to nothing the first one reads all. */
static void *help(void *context)
{
    struct reading *reading = context;
    struct reader *reader = reader_create(reading);
    struct heddle_error ignored = {0};
    if (reader != NULL &&
        heddle_bolt_open(&reading->load->bolt, &reader->connection, &ignored) == HEDDLE_OK) {
        read_pages(reader);
        heddle_bolt_close(reader->connection);
    }
    reader_destroy(reader);
    return NULL;
}

/* Divides the ids into pages. False where there are none, or too many for the nodes among them. */
static bool find_range(struct reader *reader, const char *text)
{
    struct reading *reading = reader->reading;
    struct heddle_error ignored = {0};
    struct heddle_bolt_result result;
    if (ask(reader, text, 0, 0, &result, &ignored) != HEDDLE_OK ||
        heddle_ask_cell(&result, 0, 0)->type != HEDDLE_VALUE_INTEGER) {
        return false;
    }
    const int64_t low = heddle_ask_cell_integer(&result, 0, 0);
    reading->high = heddle_ask_cell_integer(&result, 0, 1);
    const int64_t there = reading->load->nodes_before[reading->plan->index];
    const int64_t each = (reading->high - low) / READERS + 1;
    reading->page = each < READ_PAGE_LEAST   ? READ_PAGE_LEAST
                    : each > HEDDLE_IDS_PAGE ? HEDDLE_IDS_PAGE
                                             : each;
    atomic_init(&reading->next, low);
    return (reading->high - low) / HEDDLE_IDS_PAGE <=
           READ_SPARSE_PAGES + READ_SPARSE * (there / HEDDLE_IDS_PAGE);
}

static void read_all(struct reader *reader, const char *range)
{
    struct reading *reading = reader->reading;
    pthread_t helper;
    if (!find_range(reader, range)) {
        return;
    }
    const bool helped = reading->load->writer_max > 1 &&
                        atomic_load(&reading->next) + reading->page <= reading->high &&
                        pthread_create(&helper, NULL, help, reading) == 0;
    read_pages(reader);
    if (helped) {
        pthread_join(helper, NULL);
    }
}

/* Ids are hints, and a server that is not there will be missed by the writers too: so no failure is told. */
static void read_nodes(struct heddle_load *load, const struct heddle_write_plan *plan)
{
    struct heddle_buffer range = {0};
    struct heddle_buffer page = {0};
    heddle_cypher_id_range(&range, plan->target, &load->ability.dialect);
    heddle_cypher_read_ids(&page, plan->target, &load->ability.dialect);
    const char *range_text = heddle_buffer_text(&range);
    struct reading reading = {.load = load, .plan = plan, .text = heddle_buffer_text(&page)};
    struct reader *reader = reader_create(&reading);
    if (reader != NULL && range_text != NULL && reading.text != NULL) {
        reader->connection = load->control;
        read_all(reader, range_text);
    }
    reader_destroy(reader);
    heddle_buffer_free(&range);
    heddle_buffer_free(&page);
}

static uint64_t rows_read(struct heddle_load *load, size_t target)
{
    pthread_mutex_lock(&load->lock);
    const uint64_t rows = load->counts[target].read;
    pthread_mutex_unlock(&load->lock);
    return rows;
}

void heddle_ids_consider(struct heddle_load *load, const struct heddle_write_plan *plan, size_t more_rows)
{
    const struct heddle_target *target = plan->target;
    if (!plan->uses_ids || load->nodes_before == NULL) {
        return;
    }
    const uint64_t seen = rows_read(load, plan->index) + more_rows;
    const uint64_t rows = target->rows_expected > seen ? target->rows_expected : seen;
    const size_t ends[2] = {target->start.node, target->end.node};
    for (size_t i = 0; i < 2; i++) {
        struct heddle_write_plan *node = &load->plans[ends[i]];
        const int64_t there = load->nodes_before[ends[i]];
        if (!node->ids_asked && there > 0 && node->target->key_count <= READ_KEYS_MAX &&
            heddle_ids_reading_pays((uint64_t)there, rows) && rows_read(load, ends[i]) < (uint64_t)there) {
            node->ids_asked = true;
            read_nodes(load, node);
        }
    }
}
