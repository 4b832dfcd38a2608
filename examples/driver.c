/* driver.c: the driver of heddle/bolt.h: a managed transaction that writes, and a query that reads as a stream.
 *
 *   cc driver.c $(pkg-config --cflags --libs heddle) -o driver
 *   NEO4J_URI=neo4j://localhost NEO4J_USERNAME=neo4j NEO4J_PASSWORD=… ./driver
 */
#include <stdio.h>
#include <stdlib.h>

#include <heddle/bolt.h>

enum { READINGS = 2500 };

/* Parameters without a copy: straight from the program's own arrays onto the wire. */
static int write_readings(struct heddle_writer *writer, void *context, struct heddle_error *error)
{
    const double *readings = context;
    (void)error;
    heddle_write_map(writer, 1);
    heddle_write_name(writer, "readings");
    heddle_write_list(writer, READINGS);
    for (size_t i = 0; i < READINGS; i++) {
        heddle_write_float(writer, readings[i]);
    }
    return HEDDLE_OK;
}

/* The work of a transaction; done again by itself when a deadlock or a lost connection ends it. */
static int create(struct heddle_transaction *transaction, void *context, struct heddle_error *error)
{
    const struct heddle_query query = {.text = "UNWIND range(0, size($readings) - 1) AS i "
                                               "CREATE (:Reading {place: i, value: $readings[i]})",
                                       .write = write_readings,
                                       .context = context};
    struct heddle_cursor *cursor = NULL;
    const struct heddle_summary *summary = NULL;
    int status = heddle_transaction_run(transaction, &query, &cursor, error);
    if (status == HEDDLE_OK) {
        status = heddle_cursor_consume(cursor, &summary, error);
    }
    if (status == HEDDLE_OK) {
        printf("created %lld nodes on %s\n", (long long)summary->counters.nodes_created,
               summary->server.agent);
    }
    heddle_cursor_destroy(cursor);
    return status;
}

static int read_all(struct heddle_session *session, struct heddle_error *error)
{
    const struct heddle_value_entry parameters[] = {{heddle_text("least"), heddle_float(0.5)}};
    const struct heddle_query query = {
        .text = "MATCH (r:Reading) WHERE r.value >= $least RETURN r, r.value AS value",
        .parameters = parameters,
        .parameter_count = 1};
    struct heddle_cursor *cursor = NULL;
    struct heddle_record record;
    size_t count = 0;
    double sum = 0;
    int status = heddle_session_run(session, &query, NULL, &cursor, error);
    while (status == HEDDLE_OK && (status = heddle_cursor_next(cursor, &record, error)) == HEDDLE_OK) {
        count++;
        sum += record.values[1].real; /* record.values[0].node has labels and properties */
    }
    if (status == HEDDLE_END) {
        printf("%zu readings of at least 0.5, %.3f on average\n", count, count > 0 ? sum / (double)count : 0);
        status = HEDDLE_OK;
    }
    heddle_cursor_destroy(cursor);
    return status;
}

static int clean_up(struct heddle_driver *driver, struct heddle_error *error)
{
    const struct heddle_query query = {.text = "MATCH (r:Reading) DELETE r"};
    struct heddle_cursor *cursor = NULL;
    const int status = heddle_driver_execute(driver, NULL, &query, &cursor, error);
    heddle_cursor_destroy(cursor);
    return status;
}

static int use(struct heddle_driver *driver, struct heddle_error *error)
{
    static double readings[READINGS];
    struct heddle_session *session = NULL;
    for (size_t i = 0; i < READINGS; i++) {
        readings[i] = (double)i / READINGS;
    }
    int status = heddle_session_open(
        driver, &(struct heddle_session_options){.database = getenv("NEO4J_DATABASE")}, &session, error);
    if (status == HEDDLE_OK) {
        status = heddle_session_execute(session, false, create, readings, NULL, error);
    }
    if (status == HEDDLE_OK) {
        status = read_all(session, error);
    }
    heddle_session_close(session);
    return status == HEDDLE_OK ? clean_up(driver, error) : status;
}

int main(void)
{
    struct heddle_error error = {0};
    struct heddle_driver *driver = NULL;
    const char *uri = getenv("NEO4J_URI");
    const char *user = getenv("NEO4J_USERNAME");
    struct heddle_driver_options options = {.uri = uri != NULL ? uri : "neo4j://localhost"};
    if (user != NULL) {
        options.auth = heddle_auth_basic(user, getenv("NEO4J_PASSWORD"));
    }
    int status = heddle_driver_open(&options, &driver, &error);
    if (status == HEDDLE_OK) {
        status = use(driver, &error);
    }
    heddle_driver_close(driver);
    if (status != HEDDLE_OK) {
        fprintf(stderr, "%s\n", error.message);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
