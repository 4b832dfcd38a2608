/* ids.c: an open-addressed table from hashes of keys to internal ids. */
#include "sink/neo4j/ids.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "schedule/key.h"

enum { IDS_SLOTS_FIRST = 1024, IDS_PREFIX_MAX = 64 };

/* Reading pays with a good margin from one row for this many nodes on. */
enum { NODES_A_ROW = 10 };

/* The whole hash is kept, so that growing needs no keys. value + 1, so that 0 means free. */
struct ids_slot {
    uint64_t hash;
    uint64_t value;
};

struct heddle_ids {
    pthread_rwlock_t lock;
    struct ids_slot *slots; /* NULL = given up */
    size_t capacity;        /* power of two */
    size_t count;
    size_t limit; /* slots */
    char prefix[IDS_PREFIX_MAX];
};

int heddle_ids_create(size_t limit, struct heddle_ids **ids_out, struct heddle_error *error)
{
    struct heddle_ids *ids = heddle_calloc(1, sizeof *ids);
    if (ids == NULL) {
        return heddle_error_out_of_memory(error);
    }
    ids->slots = heddle_calloc(IDS_SLOTS_FIRST, sizeof *ids->slots);
    if (ids->slots == NULL) {
        free(ids);
        return heddle_error_out_of_memory(error);
    }
    ids->capacity = IDS_SLOTS_FIRST;
    ids->limit = (limit == 0 ? HEDDLE_IDS_BYTES_MAX : limit) / sizeof *ids->slots;
    pthread_rwlock_init(&ids->lock, NULL);
    *ids_out = ids;
    return HEDDLE_OK;
}

void heddle_ids_destroy(struct heddle_ids *ids)
{
    if (ids != NULL) {
        pthread_rwlock_destroy(&ids->lock);
        free(ids->slots);
        free(ids);
    }
}

uint64_t heddle_ids_hash(const struct heddle_column *keys, size_t count, size_t row, uint64_t space,
                         struct heddle_buffer *buffer)
{
    const uint64_t seed = heddle_hash_mix(space + 1);
    heddle_buffer_reset(buffer);
    if (heddle_key_append(buffer, keys, count, row) != HEDDLE_KEY_USABLE || buffer->failed) {
        return 0;
    }
    return heddle_hash_bytes(buffer->bytes, buffer->length, seed);
}

/* The slot of a hash, or the free one where it belongs. */
static struct ids_slot *find(struct ids_slot *slots, size_t capacity, uint64_t hash)
{
    size_t at = (size_t)hash & (capacity - 1);
    while (slots[at].value != 0 && slots[at].hash != hash) {
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

static void give_up(struct heddle_ids *ids)
{
    free(ids->slots);
    ids->slots = NULL;
    ids->count = 0;
}

/* Room for one more; false = given up. */
static bool make_room(struct heddle_ids *ids)
{
    if ((ids->count + 1) * 8 <= ids->capacity * 7) {
        return true;
    }
    const size_t capacity = ids->capacity * 2;
    struct ids_slot *slots = capacity > ids->limit ? NULL : heddle_calloc(capacity, sizeof *slots);
    if (slots == NULL) {
        give_up(ids);
        return false;
    }
    for (size_t i = 0; i < ids->capacity; i++) {
        if (ids->slots[i].value != 0) {
            *find(slots, capacity, ids->slots[i].hash) = ids->slots[i];
        }
    }
    free(ids->slots);
    ids->slots = slots;
    ids->capacity = capacity;
    return true;
}

void heddle_ids_put(struct heddle_ids *ids, const uint64_t *hashes, const int64_t *values, size_t count)
{
    pthread_rwlock_wrlock(&ids->lock);
    for (size_t i = 0; i < count && ids->slots != NULL; i++) {
        if (values[i] < 0 || !make_room(ids)) {
            continue;
        }
        struct ids_slot *slot = find(ids->slots, ids->capacity, hashes[i]);
        ids->count += slot->value == 0 ? 1 : 0;
        *slot = (struct ids_slot){.hash = hashes[i], .value = (uint64_t)values[i] + 1};
    }
    pthread_rwlock_unlock(&ids->lock);
}

void heddle_ids_get(struct heddle_ids *ids, const uint64_t *hashes, int64_t *values_out, size_t count)
{
    pthread_rwlock_rdlock(&ids->lock);
    for (size_t i = 0; i < count; i++) {
        const struct ids_slot *slot = ids->slots == NULL ? NULL : find(ids->slots, ids->capacity, hashes[i]);
        values_out[i] = slot == NULL || slot->value == 0 ? HEDDLE_IDS_NONE : (int64_t)(slot->value - 1);
    }
    pthread_rwlock_unlock(&ids->lock);
}

size_t heddle_ids_count(struct heddle_ids *ids)
{
    pthread_rwlock_rdlock(&ids->lock);
    const size_t count = ids->count;
    pthread_rwlock_unlock(&ids->lock);
    return count;
}

bool heddle_ids_is_given_up(struct heddle_ids *ids)
{
    pthread_rwlock_rdlock(&ids->lock);
    const bool given_up = ids->slots == NULL;
    pthread_rwlock_unlock(&ids->lock);
    return given_up;
}

/* The first prefix is kept for good; ids of another one (another database) are not of ours. */
static bool keep_prefix(struct heddle_ids *ids, const char *text, size_t length)
{
    pthread_rwlock_wrlock(&ids->lock);
    if (ids->prefix[0] == '\0') {
        memcpy(ids->prefix, text, length);
        ids->prefix[length] = '\0';
    }
    const bool same = strlen(ids->prefix) == length && memcmp(ids->prefix, text, length) == 0;
    pthread_rwlock_unlock(&ids->lock);
    return same;
}

bool heddle_ids_read_element(struct heddle_ids *ids, const char *text, size_t length, int64_t *value_out)
{
    size_t colon = length;
    while (colon > 0 && text[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0 || colon == length || colon >= IDS_PREFIX_MAX) {
        return false;
    }
    int64_t value = 0;
    for (size_t i = colon; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || value > (INT64_MAX - 9) / 10) {
            return false;
        }
        value = value * 10 + (text[i] - '0');
    }
    *value_out = value;
    return keep_prefix(ids, text, colon);
}

bool heddle_ids_of_value(struct heddle_ids *ids, const struct heddle_value *value, int64_t *id_out)
{
    if (value->type == HEDDLE_VALUE_INTEGER) {
        *id_out = value->integer;
        return true;
    }
    return value->type == HEDDLE_VALUE_STRING &&
           heddle_ids_read_element(ids, value->string.text, value->string.length, id_out);
}

const char *heddle_ids_element_prefix(struct heddle_ids *ids)
{
    return ids->prefix;
}

bool heddle_ids_reading_pays(uint64_t nodes, uint64_t rows)
{
    return nodes > 0 && rows >= nodes / NODES_A_ROW;
}
