/* driver_fixture.h: a driver whose server is a script, for the tests of the public driver. */
#ifndef HEDDLE_TESTS_UNIT_BOLT_DRIVER_FIXTURE_H
#define HEDDLE_TESTS_UNIT_BOLT_DRIVER_FIXTURE_H

#include <heddle/bolt.h>

#include "bolt/driver/driver_parts.h"
#include "support/bolt_script.h"

#define LOGIN "C: HELLO", "C: LOGON", "S: SUCCESS {\"server\": \"Neo4j/5.26.30\"}", "S: SUCCESS {}"

/* Its server routes by itself. */
#define LOGIN_ROUTING                                                                                        \
    "C: HELLO", "C: LOGON",                                                                                  \
        "S: SUCCESS {\"server\": \"Neo4j/5.26.30\", \"hints\": {\"ssr.enabled\": true}}", "S: SUCCESS {}"

/* The routes of a database that two servers have. */
#define ROUTES(database, servers)                                                                            \
    "S: SUCCESS {\"rt\": {\"ttl\": 300, \"db\": \"" database "\", \"servers\": ["                            \
    "{\"role\": \"ROUTE\", \"addresses\": [\"router:7687\"]}, "                                              \
    "{\"role\": \"READ\", \"addresses\": [" servers "]}, {\"role\": \"WRITE\", \"addresses\": [" servers     \
    "]}]}}"

static struct bolt_script script;

/* A driver whose connections are those of the script. */
static inline struct heddle_driver *driver_with(const struct heddle_driver_options *options,
                                                struct heddle_error *error)
{
    struct heddle_driver *driver = NULL;
    const struct heddle_bolt_options dialling = bolt_script_options(&script);
    struct heddle_driver_options complete = *options;
    complete.uri = complete.uri != NULL ? complete.uri : "bolt://script:7687";
    complete.auth = heddle_auth_basic("neo4j", "secret");
    if (heddle_driver_open(&complete, &driver, error) != HEDDLE_OK) {
        return NULL;
    }
    driver->dial = dialling.dial;
    driver->dial_context = dialling.dial_context;
    return driver;
}

static inline struct heddle_driver *driver_for(const char *const *lines, uint8_t minor)
{
    bolt_script_init(&script, 5, minor, lines);
    return driver_with(&(struct heddle_driver_options){.fetch_size = 2}, NULL);
}

static inline struct heddle_session *session_of(struct heddle_driver *driver,
                                                const struct heddle_session_options *options)
{
    struct heddle_session *session = NULL;
    assert_int_equal(heddle_session_open(driver, options, &session, NULL), HEDDLE_OK);
    return session;
}

static inline void finish(struct heddle_driver *driver)
{
    heddle_driver_close(driver);
    bolt_script_check(&script);
    bolt_script_free(&script);
}

static const struct heddle_query query = {.text = "RETURN 1"};

#endif
