/* ability.h: what the server at the other end is and can do, asked once after the login. */
#ifndef HEDDLE_SINK_NEO4J_ABILITY_H
#define HEDDLE_SINK_NEO4J_ABILITY_H

#include "bolt/connection.h"
#include "sink/neo4j/statements.h"

struct heddle_ability {
    int major; /* 5, 2026 */
    int minor;
    char version[32];    /* "5.26.30" */
    char edition[24];    /* "community", "enterprise", "" where it would not say */
    char database[128];  /* the one that statements go to, by name; "" where the server did not say */
    size_t cores;        /* the server's processors; 0 = it would not say (the question needs rights) */
    bool native_vectors; /* Bolt 6: vectors travel as VECTOR, a third less work for the server */
    struct heddle_cypher_dialect dialect;
};

/* Errors: those of the connection. A question that is not allowed is no error. */
HEDDLE_MUST_CHECK int heddle_ability_learn(struct heddle_bolt_connection *connection, const char *database,
                                           struct heddle_ability *ability_out, struct heddle_error *error);

/* Reads "5.26.30", "2026.08.1", "5.27-aura" into major and minor; 0.0 where it is none of these. */
void heddle_ability_parse_version(const char *text, int *major_out, int *minor_out);

/* Writers by default: the server's cores, at most 8 (more costs CPU and gains nothing); 4 where it would not say. */
size_t heddle_ability_writers(const struct heddle_ability *ability);

#endif
