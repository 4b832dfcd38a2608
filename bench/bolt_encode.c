/* bolt_encode.c: how fast rows become Bolt messages: (source, target) pairs, and rows with a 384-float vector.
 *
 *     bolt_encode [--quick]
 *
 * Prints a line of JSON for each shape: rows and bytes a second of one core, the best of the rounds (a shared machine is
 * only ever slower than itself). The rows stand in columns, as the loader has them; the buffer is the one of the round
 * before, as the loader's is. bench/bolt compares with the Python driver packing the same rows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bolt/messages.h"

enum { PAIR_ROWS = 200000, VECTOR_ROWS = 5000, DIMENSIONS = 384, ROUNDS = 15, QUICK_ROUNDS = 3 };

/* Columns of one shape. */
struct shape {
    const char *name;
    struct heddle_column columns[2];
    size_t rows;
    bool native;
};

static void encode(const struct shape *shape, struct heddle_buffer *buffer)
{
    struct heddle_pack pack;
    heddle_buffer_reset(buffer);
    heddle_pack_init(&pack, buffer,
                     (struct heddle_pack_dialect){.utc = true, .native_vectors = shape->native});
    heddle_message_run_open(&pack, "UNWIND $rows AS r CREATE (n)");
    heddle_pack_map(&pack, 1);
    heddle_pack_text(&pack, "rows");
    heddle_pack_list(&pack, (uint32_t)shape->rows);
    for (size_t row = 0; row < shape->rows; row++) {
        heddle_pack_list(&pack, 2);
        heddle_pack_column_value(&pack, &shape->columns[0], row);
        heddle_pack_column_value(&pack, &shape->columns[1], row);
    }
    heddle_message_run_close(&pack, NULL);
}

static int measure(const struct shape *shape, int rounds)
{
    struct heddle_buffer buffer = {0};
    uint64_t best = UINT64_MAX;
    encode(shape, &buffer); /* warms up, and sizes the buffer */
    for (int round = 0; round < rounds; round++) {
        const uint64_t start = heddle_clock_thread_cpu_ns();
        encode(shape, &buffer);
        const uint64_t taken = heddle_clock_thread_cpu_ns() - start;
        best = taken < best ? taken : best;
    }
    const int status = heddle_buffer_check(&buffer, NULL);
    const double seconds = (double)best / 1e9;
    printf("{\"shape\": \"%s\", \"rows\": %zu, \"bytes\": %zu, \"rows_per_second\": %.0f, \"gb_per_second\": "
           "%.3f}\n",
           shape->name, shape->rows, buffer.length, (double)shape->rows / seconds,
           (double)buffer.length / seconds / 1e9);
    heddle_buffer_free(&buffer);
    return status;
}

int main(int argc, char **argv)
{
    const bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    int64_t *sources = malloc(PAIR_ROWS * sizeof *sources);
    int64_t *targets = malloc(PAIR_ROWS * sizeof *targets);
    float *vectors = malloc((size_t)VECTOR_ROWS * DIMENSIONS * sizeof *vectors);
    if (sources == NULL || targets == NULL || vectors == NULL) {
        fprintf(stderr, "bolt_encode: out of memory\n");
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < PAIR_ROWS; i++) { /* the Python side makes the same numbers */
        sources[i] = (int64_t)(i * 7919 % 1000003);
        targets[i] = (int64_t)(i * 104729 % 1000003);
    }
    for (size_t i = 0; i < (size_t)VECTOR_ROWS * DIMENSIONS; i++) {
        vectors[i] = (float)(i % 1009) / 1009.0F;
    }
    const struct heddle_column source = {.type = HEDDLE_TYPE_INTEGER, .values = sources};
    const struct heddle_column target = {.type = HEDDLE_TYPE_INTEGER, .values = targets};
    const struct heddle_column vector = {.type = HEDDLE_TYPE_VECTOR, .values = vectors, .width = DIMENSIONS};
    const struct shape shapes[] = {{"pairs", {source, target}, PAIR_ROWS, false},
                                   {"vectors as lists", {source, vector}, VECTOR_ROWS, false},
                                   {"vectors", {source, vector}, VECTOR_ROWS, true}};
    int status = EXIT_SUCCESS;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (measure(&shapes[i], quick ? QUICK_ROUNDS : ROUNDS) != 0) {
            status = EXIT_FAILURE;
        }
    }
    free(sources);
    free(targets);
    free(vectors);
    return status;
}
