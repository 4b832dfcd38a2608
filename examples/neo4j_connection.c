/* neo4j_connection.c: connect to a Neo4j server, write a node, count what is there, disconnect.
 *
 *   cc neo4j_connection.c $(pkg-config --cflags --libs heddle) -o neo4j_connection
 *   NEO4J_URI=neo4j://localhost NEO4J_USERNAME=neo4j NEO4J_PASSWORD=… ./neo4j_connection
 */
#include <stdio.h>
#include <stdlib.h>

#include <heddle/bolt.h>

static int write_and_read(struct heddle_neo4j *neo4j, struct heddle_error *error)
{
    struct heddle_neo4j_result *result = NULL;
    int64_t count = 0;
    int status =
        heddle_neo4j_write(neo4j, "CREATE (n:Test {name: $name})", "{\"name\": \"example\"}", &result, error);
    if (status != HEDDLE_OK) {
        return status;
    }
    printf("created %lld node\n", (long long)heddle_neo4j_result_counter(result, "nodes-created"));
    heddle_neo4j_result_destroy(result);

    result = NULL;
    status =
        heddle_neo4j_read(neo4j, "MATCH (n:Test) RETURN count(n) AS count, collect(n.name)[..3] AS names",
                          NULL, &result, error);
    if (status != HEDDLE_OK) {
        return status;
    }
    if (heddle_neo4j_result_integer(result, 0, 0, &count)) {
        printf("%lld nodes are called Test\n", (long long)count);
    }
    printf("as JSON: %s\n", heddle_neo4j_result_json(result));
    heddle_neo4j_result_destroy(result);
    return HEDDLE_OK;
}

int main(void)
{
    struct heddle_error error = {0};
    struct heddle_neo4j *neo4j = NULL;
    const char *uri = getenv("NEO4J_URI");
    int status = heddle_neo4j_open(uri != NULL ? uri : "neo4j://localhost", getenv("NEO4J_USERNAME"),
                                   getenv("NEO4J_PASSWORD"), getenv("NEO4J_DATABASE"), &neo4j, &error);
    if (status == HEDDLE_OK) {
        printf("connected to %s\n", heddle_neo4j_server(neo4j));
        status = write_and_read(neo4j, &error);
    }
    heddle_neo4j_close(neo4j);
    if (status != HEDDLE_OK) {
        fprintf(stderr, "%s\n", error.message);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
