/* load_setting.h: what the programs that load edges share: the server and the file of edges they are told, and the line of
 * JSON they print.
 */
#ifndef HEDDLE_BENCH_LOAD_SETTING_H
#define HEDDLE_BENCH_LOAD_SETTING_H

#include <inttypes.h>
#include <sys/stat.h>

#include "column/reject.h"
#include "raw_client.h"
#include "sink/neo4j/ability.h"

struct load_edges {
    int64_t *pairs;
    size_t count;
};

struct load_setting {
    struct heddle_bolt_options bolt;
    struct heddle_ability ability;
    const char *type;
    const char *write; /* create, merge, guarded */
    bool by_id;
    size_t writers;
    size_t batch_rows;
};

static inline int load_complain(const struct heddle_error *error)
{
    fprintf(stderr, "%s %s\n", error->code, error->message);
    return EXIT_FAILURE;
}

/* A reject sink: a row that is rejected here is a fault of the bench. */
static inline int load_print_reject(void *context, const struct heddle_reject *reject,
                                    struct heddle_error *error)
{
    (void)context;
    (void)error;
    fprintf(stderr, "rejected: %s %s\n", reject->code, reject->reason);
    return HEDDLE_OK;
}

static inline bool load_edges_read(const char *path, struct load_edges *edges)
{
    struct stat info;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &info) != 0) {
        fprintf(stderr, "%s cannot be read\n", path);
        return false;
    }
    edges->count = (size_t)info.st_size / (2 * sizeof *edges->pairs);
    edges->pairs = malloc(edges->count * 2 * sizeof *edges->pairs + 1);
    const bool whole = edges->pairs != NULL &&
                       fread(edges->pairs, 2 * sizeof *edges->pairs, edges->count, file) == edges->count;
    fclose(file);
    return whole;
}

static inline void load_print_result(const char *engine, const struct raw_result *result, double ids_seconds,
                                     size_t rows, size_t transactions, const char *road)
{
    printf("{\"engine\": \"%s\", \"seconds\": %.4f, \"ids_seconds\": %.4f, \"rows\": %zu, \"transactions\": "
           "%zu, "
           "\"retries\": %zu, \"deadlocks\": %zu, \"wasted_seconds\": %.4f, \"created\": %" PRId64
           ", \"road\": \"%s\"}\n",
           engine, result->seconds + ids_seconds, ids_seconds, rows, transactions, result->retries,
           result->deadlocks, result->wasted, result->relationships_created, road);
}

static inline bool load_open_all(const struct load_setting *setting,
                                 struct heddle_bolt_connection **connections)
{
    struct heddle_error error = {0};
    for (size_t i = 0; i < setting->writers; i++) {
        if (heddle_bolt_open(&setting->bolt, &connections[i], &error) != HEDDLE_OK) {
            load_complain(&error);
            return false;
        }
    }
    return true;
}

static inline int load_learn_server(struct load_setting *setting)
{
    struct heddle_bolt_connection *connection = NULL;
    struct heddle_error error = {0};
    setting->bolt = (struct heddle_bolt_options){
        .uri = getenv("NEO4J_URI"), .user = getenv("NEO4J_USERNAME"), .secret = getenv("NEO4J_PASSWORD")};
    setting->bolt.auth = setting->bolt.secret == NULL ? HEDDLE_BOLT_AUTH_NONE : HEDDLE_BOLT_AUTH_BASIC;
    if (setting->bolt.uri == NULL) {
        fprintf(stderr, "NEO4J_URI is not set\n");
        return EXIT_FAILURE;
    }
    int status = heddle_bolt_open(&setting->bolt, &connection, &error);
    status = status != HEDDLE_OK ? status : heddle_ability_learn(connection, NULL, &setting->ability, &error);
    heddle_bolt_close(connection);
    return status == HEDDLE_OK ? EXIT_SUCCESS : load_complain(&error);
}

#endif
