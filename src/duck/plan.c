/* plan.c: which heddle type a DuckDB type becomes, and the way back.
 *
 * The pairs are those of the table in duck/README.md. Integers wider than 64 bits become DECIMAL text, so
 * that no digit is lost; whether one fits an INTEGER property is decided where the property's type is known
 * (column/convert.h).
 */
#include "duck/internal.h"

#include <string.h>

#include "base/memory.h"

/* An ENUM's texts are copied once a result; a dictionary this large is data, not an enumeration. */
enum { ENUM_LABELS_MAX = 1000000 };

const char *heddle_duck_type_id_name(int id)
{
    static const char *const names[] = {
        [DUCK_BOOLEAN] = "BOOLEAN",
        [DUCK_TINYINT] = "TINYINT",
        [DUCK_SMALLINT] = "SMALLINT",
        [DUCK_INTEGER] = "INTEGER",
        [DUCK_BIGINT] = "BIGINT",
        [DUCK_UTINYINT] = "UTINYINT",
        [DUCK_USMALLINT] = "USMALLINT",
        [DUCK_UINTEGER] = "UINTEGER",
        [DUCK_UBIGINT] = "UBIGINT",
        [DUCK_FLOAT] = "FLOAT",
        [DUCK_DOUBLE] = "DOUBLE",
        [DUCK_TIMESTAMP] = "TIMESTAMP",
        [DUCK_DATE] = "DATE",
        [DUCK_TIME] = "TIME",
        [DUCK_INTERVAL] = "INTERVAL",
        [DUCK_HUGEINT] = "HUGEINT",
        [DUCK_VARCHAR] = "VARCHAR",
        [DUCK_BLOB] = "BLOB",
        [DUCK_DECIMAL] = "DECIMAL",
        [DUCK_TIMESTAMP_S] = "TIMESTAMP_S",
        [DUCK_TIMESTAMP_MS] = "TIMESTAMP_MS",
        [DUCK_TIMESTAMP_NS] = "TIMESTAMP_NS",
        [DUCK_ENUM] = "ENUM",
        [DUCK_LIST] = "LIST",
        [DUCK_STRUCT] = "STRUCT",
        [DUCK_MAP] = "MAP",
        [DUCK_UUID] = "UUID",
        [DUCK_UNION] = "UNION",
        [DUCK_BIT] = "BIT",
        [DUCK_TIME_TZ] = "TIME WITH TIME ZONE",
        [DUCK_TIMESTAMP_TZ] = "TIMESTAMP WITH TIME ZONE",
        [DUCK_UHUGEINT] = "UHUGEINT",
        [DUCK_ARRAY] = "ARRAY",
        [DUCK_BIGNUM] = "BIGNUM",
        [DUCK_SQLNULL] = "NULL",
        [DUCK_TIME_NS] = "TIME_NS",
    };
    const bool known = id > 0 && (size_t)id < sizeof names / sizeof names[0] && names[id] != NULL;
    return known ? names[id] : "a type unknown to heddle";
}

/* The heddle type of a scalar, or -1. */
static int scalar_type(enum duck_type_id id)
{
    switch (id) {
    case DUCK_BOOLEAN: return HEDDLE_TYPE_BOOLEAN;
    case DUCK_TINYINT:
    case DUCK_SMALLINT:
    case DUCK_INTEGER:
    case DUCK_BIGINT:
    case DUCK_UTINYINT:
    case DUCK_USMALLINT:
    case DUCK_UINTEGER: return HEDDLE_TYPE_INTEGER;
    case DUCK_UBIGINT:
    case DUCK_HUGEINT:
    case DUCK_UHUGEINT:
    case DUCK_DECIMAL: return HEDDLE_TYPE_DECIMAL;
    case DUCK_FLOAT:
    case DUCK_DOUBLE: return HEDDLE_TYPE_FLOAT;
    case DUCK_VARCHAR:
    case DUCK_ENUM:
    case DUCK_UUID: return HEDDLE_TYPE_STRING;
    case DUCK_BLOB: return HEDDLE_TYPE_BYTES;
    case DUCK_DATE: return HEDDLE_TYPE_DATE;
    case DUCK_TIME:
    case DUCK_TIME_NS: return HEDDLE_TYPE_TIME;
    case DUCK_TIMESTAMP_TZ: return HEDDLE_TYPE_TIMESTAMP;
    case DUCK_TIMESTAMP:
    case DUCK_TIMESTAMP_S:
    case DUCK_TIMESTAMP_MS:
    case DUCK_TIMESTAMP_NS: return HEDDLE_TYPE_DATETIME;
    case DUCK_SQLNULL: return HEDDLE_TYPE_NULL;
    default: return -1;
    }
}

static int labels_fill(const struct heddle_duck_api *api, struct heddle_arena *arena, struct duck_type *type,
                       struct heddle_duck_plan *plan, struct heddle_error *error)
{
    plan->storage = (enum duck_type_id)api->enum_internal_type(type);
    plan->label_count = api->enum_dictionary_size(type);
    if (plan->label_count > ENUM_LABELS_MAX) {
        return heddle_error_set(error, HEDDLE_SOURCE, "an ENUM of %u texts is larger than %d",
                                plan->label_count, ENUM_LABELS_MAX);
    }
    plan->labels = heddle_arena_calloc(arena, plan->label_count, sizeof(char *));
    plan->label_lengths = heddle_arena_calloc(arena, plan->label_count, sizeof(uint32_t));
    if (plan->labels == NULL || plan->label_lengths == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (uint32_t i = 0; i < plan->label_count; i++) {
        char *label = api->enum_dictionary_value(type, i);
        const size_t length = label != NULL ? strlen(label) : 0;
        plan->labels[i] = label != NULL ? heddle_arena_copy_text(arena, label, length) : NULL;
        plan->label_lengths[i] = (uint32_t)length;
        api->free(label);
        if (plan->labels[i] == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    return HEDDLE_OK;
}

static int scalar_fill(const struct heddle_duck_api *api, struct heddle_arena *arena, struct duck_type *type,
                       struct heddle_duck_plan *plan, const char **refused_out, struct heddle_error *error)
{
    const int heddle_type = scalar_type(plan->id);
    if (heddle_type < 0) {
        *refused_out = heddle_duck_type_id_name((int)plan->id);
        return HEDDLE_OK;
    }
    plan->field.type = (enum heddle_type)heddle_type;
    if (plan->id == DUCK_DECIMAL) {
        plan->field.scale = api->decimal_scale(type);
        plan->storage = (enum duck_type_id)api->decimal_internal_type(type);
    } else if (plan->id == DUCK_ENUM) {
        return labels_fill(api, arena, type, plan, error);
    }
    return HEDDLE_OK;
}

/* Fills plan->item from a type that the callee takes and destroys. */
static int item_fill(const struct heddle_duck_api *api, struct heddle_arena *arena, struct duck_type *type,
                     struct heddle_duck_plan *plan, const char **refused_out, struct heddle_error *error)
{
    int status = HEDDLE_OK;
    plan->item = heddle_arena_calloc(arena, 1, sizeof *plan->item);
    if (plan->item == NULL || type == NULL) {
        status = heddle_error_out_of_memory(error);
    } else {
        plan->item->id = (enum duck_type_id)api->get_type_id(type);
        status = scalar_fill(api, arena, type, plan->item, refused_out, error);
        plan->field.item_type = plan->item->field.type;
        plan->field.scale = plan->item->field.scale;
    }
    api->destroy_logical_type(&type);
    return status;
}

static int map_fill(const struct heddle_duck_api *api, struct heddle_arena *arena, struct duck_type *type,
                    struct heddle_duck_plan *plan, const char **refused_out, struct heddle_error *error)
{
    plan->field.type = HEDDLE_TYPE_MAP;
    struct duck_type *key = api->map_type_key_type(type);
    const int key_id = api->get_type_id(key);
    api->destroy_logical_type(&key);
    if (key_id != DUCK_VARCHAR) {
        *refused_out = "MAP whose keys are not VARCHAR";
        return HEDDLE_OK;
    }
    return item_fill(api, arena, api->map_type_value_type(type), plan, refused_out, error);
}

int heddle_duck_plan_fill(const struct heddle_duck_api *api, struct heddle_arena *arena,
                          struct duck_type *type, struct heddle_duck_plan *plan, const char **refused_out,
                          struct heddle_error *error)
{
    *refused_out = NULL;
    plan->id = (enum duck_type_id)api->get_type_id(type);
    switch (plan->id) {
    case DUCK_LIST:
        plan->field.type = HEDDLE_TYPE_LIST;
        return item_fill(api, arena, api->list_type_child_type(type), plan, refused_out, error);
    case DUCK_ARRAY:
        plan->field.type = HEDDLE_TYPE_LIST;
        plan->array_size = (uint32_t)api->array_type_array_size(type);
        HEDDLE_TRY(item_fill(api, arena, api->array_type_child_type(type), plan, refused_out, error));
        if (plan->item->id == DUCK_FLOAT) {
            plan->field.type = HEDDLE_TYPE_VECTOR;
            plan->field.item_type = HEDDLE_TYPE_NULL;
            plan->field.width = plan->array_size;
        }
        return HEDDLE_OK;
    case DUCK_MAP: return map_fill(api, arena, type, plan, refused_out, error);
    default: return scalar_fill(api, arena, type, plan, refused_out, error);
    }
}

/* DuckDB's type for a scalar of heddle. */
static enum duck_type_id scalar_id(enum heddle_type type)
{
    switch (type) {
    case HEDDLE_TYPE_BOOLEAN: return DUCK_BOOLEAN;
    case HEDDLE_TYPE_INTEGER: return DUCK_BIGINT;
    case HEDDLE_TYPE_FLOAT: return DUCK_DOUBLE;
    case HEDDLE_TYPE_DECIMAL: return DUCK_DECIMAL;
    case HEDDLE_TYPE_BYTES: return DUCK_BLOB;
    case HEDDLE_TYPE_DATE: return DUCK_DATE;
    case HEDDLE_TYPE_TIME: return DUCK_TIME;
    case HEDDLE_TYPE_TIMESTAMP: return DUCK_TIMESTAMP_TZ;
    case HEDDLE_TYPE_DATETIME: return DUCK_TIMESTAMP;
    case HEDDLE_TYPE_NULL:
    case HEDDLE_TYPE_STRING:
    case HEDDLE_TYPE_LIST:
    case HEDDLE_TYPE_MAP:
    case HEDDLE_TYPE_VECTOR: break;
    }
    return DUCK_VARCHAR;
}

/* The most digits that a DECIMAL of DuckDB holds. */
enum { DECIMAL_WIDTH_MAX = 38 };

static void scalar_sql(struct heddle_buffer *sql, enum heddle_type type, uint8_t scale)
{
    if (type == HEDDLE_TYPE_DECIMAL) {
        heddle_buffer_append_format(sql, "DECIMAL(%d,%u)", DECIMAL_WIDTH_MAX, scale);
        return;
    }
    heddle_buffer_append_text(sql, heddle_duck_type_id_name((int)scalar_id(type)));
}

void heddle_duck_type_sql(struct heddle_buffer *sql, const struct heddle_field *field)
{
    switch (field->type) {
    case HEDDLE_TYPE_LIST:
        scalar_sql(sql, field->item_type, field->scale);
        heddle_buffer_append_text(sql, "[]");
        return;
    case HEDDLE_TYPE_MAP:
        heddle_buffer_append_text(sql, "MAP(VARCHAR, ");
        scalar_sql(sql, field->item_type, field->scale);
        heddle_buffer_append_text(sql, ")");
        return;
    case HEDDLE_TYPE_VECTOR: heddle_buffer_append_format(sql, "FLOAT[%u]", field->width); return;
    default: scalar_sql(sql, field->type, field->scale); return;
    }
}

static struct duck_type *scalar_create(const struct heddle_duck_api *api, enum heddle_type type,
                                       uint8_t scale)
{
    if (type == HEDDLE_TYPE_DECIMAL) {
        return api->create_decimal_type(DECIMAL_WIDTH_MAX, scale);
    }
    return api->create_logical_type((int)scalar_id(type));
}

struct duck_type *heddle_duck_type_create(const struct heddle_duck_api *api, const struct heddle_field *field)
{
    struct duck_type *whole = NULL;
    if (field->type == HEDDLE_TYPE_LIST) {
        struct duck_type *item = scalar_create(api, field->item_type, field->scale);
        whole = api->create_list_type(item);
        api->destroy_logical_type(&item);
    } else if (field->type == HEDDLE_TYPE_MAP) {
        struct duck_type *key = api->create_logical_type(DUCK_VARCHAR);
        struct duck_type *item = scalar_create(api, field->item_type, field->scale);
        whole = api->create_map_type(key, item);
        api->destroy_logical_type(&key);
        api->destroy_logical_type(&item);
    } else if (field->type == HEDDLE_TYPE_VECTOR) {
        struct duck_type *item = api->create_logical_type(DUCK_FLOAT);
        whole = api->create_array_type(item, field->width);
        api->destroy_logical_type(&item);
    } else {
        whole = scalar_create(api, field->type, field->scale);
    }
    return whole;
}
