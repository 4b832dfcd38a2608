/* ability.c: asking the server about itself. */
#include "sink/neo4j/ability.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sink/neo4j/ask.h"

enum { ABILITY_WRITERS_MAX = 8, ABILITY_WRITERS_UNKNOWN = 4 };

static bool version_at_least(const struct heddle_ability *ability, int major, int minor)
{
    return ability->major > major || (ability->major == major && ability->minor >= minor);
}

void heddle_ability_parse_version(const char *text, int *major_out, int *minor_out)
{
    char *end = NULL;
    const long major = strtol(text, &end, 10);
    long minor = 0;
    *major_out = 0;
    *minor_out = 0;
    if (end == text || major < 0 || major > 9999) {
        return;
    }
    if (*end == '.') {
        minor = strtol(end + 1, NULL, 10);
    }
    *major_out = (int)major;
    *minor_out = minor < 0 || minor > 9999 ? 0 : (int)minor;
}

static int learn_components(struct heddle_bolt_connection *connection, const char *database,
                            struct heddle_arena *arena, struct heddle_ability *ability,
                            struct heddle_error *error)
{
    const struct heddle_ask ask = {
        .text = "CALL dbms.components() YIELD versions, edition RETURN versions[0], edition",
        .mode = HEDDLE_BOLT_READ,
        .database = database,
    };
    struct heddle_bolt_result result;
    HEDDLE_TRY(heddle_ask_run(connection, &ask, arena, &result, error));
    snprintf(ability->version, sizeof ability->version, "%s", heddle_ask_cell_text(&result, 0, 0));
    snprintf(ability->edition, sizeof ability->edition, "%s", heddle_ask_cell_text(&result, 0, 1));
    snprintf(ability->database, sizeof ability->database, "%s",
             database != NULL && database[0] != '\0' ? database : result.database);
    return HEDDLE_OK;
}

/* The processors, where the user may ask. */
static void learn_cores(struct heddle_bolt_connection *connection, struct heddle_arena *arena,
                        struct heddle_ability *ability)
{
    struct heddle_buffer text = {0};
    heddle_cypher_prefix(&text, &ability->dialect);
    heddle_buffer_append_text(&text, "CALL dbms.queryJmx('java.lang:type=OperatingSystem') YIELD attributes "
                                     "RETURN attributes.AvailableProcessors.value");
    const struct heddle_ask ask = {
        .text = heddle_buffer_text(&text),
        .mode = HEDDLE_BOLT_READ,
        .database = ability->database,
    };
    struct heddle_bolt_result result;
    if (ask.text != NULL && heddle_ask_run(connection, &ask, arena, &result, NULL) == HEDDLE_OK) {
        const int64_t cores = heddle_ask_cell_integer(&result, 0, 0);
        ability->cores = cores > 0 ? (size_t)cores : 0;
    }
    heddle_buffer_free(&text);
}

/* A database whose own language is Cypher 25 is spoken to in that: there id() is on its way out, and elementId() stays. */
static void learn_language(struct heddle_bolt_connection *connection, struct heddle_arena *arena,
                           struct heddle_ability *ability)
{
    struct heddle_buffer text = {0};
    heddle_buffer_append_text(&text, "SHOW DATABASE ");
    heddle_cypher_quote(&text, ability->database);
    heddle_buffer_append_text(&text, " YIELD defaultLanguage RETURN defaultLanguage");
    const struct heddle_ask ask = {
        .text = heddle_buffer_text(&text),
        .mode = HEDDLE_BOLT_READ,
        .database = ability->database,
    };
    struct heddle_bolt_result result;
    if (ability->dialect.versions && ability->database[0] != '\0' && ask.text != NULL &&
        heddle_ask_run(connection, &ask, arena, &result, NULL) == HEDDLE_OK && result.record_count > 0) {
        ability->dialect.element_ids = strcmp(heddle_ask_cell_text(&result, 0, 0), "CYPHER 25") == 0;
    }
    heddle_buffer_free(&text);
}

int heddle_ability_learn(struct heddle_bolt_connection *connection, const char *database,
                         struct heddle_ability *ability_out, struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    struct heddle_ability ability = {0};
    const int status = learn_components(connection, database, arena, &ability, error);
    if (status == HEDDLE_OK) {
        if (ability.version[0] == '\0') {
            const char *agent = heddle_bolt_server_agent(connection);
            const char *slash = strchr(agent, '/');
            snprintf(ability.version, sizeof ability.version, "%s", slash == NULL ? agent : slash + 1);
        }
        heddle_ability_parse_version(ability.version, &ability.major, &ability.minor);
        ability.native_vectors = heddle_bolt_connection_dialect(connection).native_vectors;
        ability.dialect.scoped_call = version_at_least(&ability, 5, 23);
        ability.dialect.versions = version_at_least(&ability, 2025, 6);
        ability.dialect.key_constraints = strcmp(ability.edition, "enterprise") == 0;
        learn_cores(connection, arena, &ability);
        learn_language(connection, arena, &ability);
        *ability_out = ability;
    }
    heddle_arena_destroy(arena);
    return status;
}

size_t heddle_ability_writers(const struct heddle_ability *ability)
{
    if (ability->cores == 0) {
        return ABILITY_WRITERS_UNKNOWN;
    }
    return ability->cores < ABILITY_WRITERS_MAX ? ability->cores : ABILITY_WRITERS_MAX;
}
