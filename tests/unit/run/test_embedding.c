/* test_embedding.c: the embedding stage gives each row the vector of its own text, remembered or not. Needs the MiniLM
 * weights; without them the program says so and is skipped (77). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "run/embedding.h"

static struct heddle_embedder *embedder;
static const struct heddle_field field = {.name = "text", .type = HEDDLE_TYPE_STRING};
static const struct heddle_schema schema = {&field, 1};

/* A batch of one text column; a NULL text is a null. */
static struct heddle_batch *batch_of(const char *const *texts, size_t count)
{
    struct heddle_batch *batch = NULL;
    assert_int_equal(heddle_batch_create(&schema, &batch, NULL), HEDDLE_OK);
    uint32_t *offsets = heddle_arena_calloc(batch->arena, count + 1, sizeof *offsets);
    uint8_t *bytes = heddle_arena_calloc(batch->arena, 4096, 1);
    uint8_t *valid = heddle_arena_calloc(batch->arena, count / 8 + 1, 1);
    for (size_t i = 0; i < count; i++) {
        const size_t length = texts[i] == NULL ? 0 : strlen(texts[i]);
        memcpy(bytes + offsets[i], texts[i] == NULL ? "" : texts[i], length);
        offsets[i + 1] = offsets[i] + (uint32_t)length;
        valid[i / 8] = (uint8_t)(valid[i / 8] | (texts[i] != NULL) << (i % 8));
    }
    batch->rows = count;
    batch->columns[0] = (struct heddle_column){
        .type = HEDDLE_TYPE_STRING, .length = count, .valid = valid, .offsets = offsets, .bytes = bytes};
    return batch;
}

static void assert_vector_of(const struct heddle_batch *batch, size_t row, const char *text)
{
    struct heddle_embedder_worker *worker = NULL;
    float expected[1024];
    assert_true(heddle_embedder_dimensions(embedder) <= 1024);
    assert_int_equal(heddle_embedder_worker_create(embedder, &worker, NULL), HEDDLE_OK);
    const struct heddle_embed_text one = {text, strlen(text)};
    assert_int_equal(heddle_embedder_embed(worker, &one, 1, expected, NULL, NULL), HEDDLE_OK);
    assert_false(heddle_column_is_null(&batch->vectors[0], row));
    assert_memory_equal(heddle_column_vector(&batch->vectors[0], row), expected,
                        heddle_embedder_dimensions(embedder) * sizeof(float));
    heddle_embedder_worker_destroy(worker);
}

static void each_row_gets_the_vector_of_its_text_bit_for_bit_from_encoder_or_memory(void **state)
{
    (void)state;
    struct heddle_text_cache *cache = NULL;
    assert_int_equal(heddle_text_cache_create(heddle_embedder_dimensions(embedder), &cache, NULL), HEDDLE_OK);
    const struct heddle_embedding_slot slot = {.embedder = embedder, .cache = cache};
    struct heddle_embedding_thread *thread = NULL;
    assert_int_equal(heddle_embedding_thread_create(&slot, 1, &thread, NULL), HEDDLE_OK);
    const char *const first[] = {"pump leaks", "valve stuck", "pump leaks", NULL, "  "};
    const char *const second[] = {"cracked blade", "valve stuck", NULL, "pump leaks"};
    struct heddle_batch *one = batch_of(first, 5);
    struct heddle_batch *two = batch_of(second, 4);
    assert_int_equal(heddle_embedding_run(thread, one, NULL), HEDDLE_OK);
    assert_int_equal(heddle_embedding_run(thread, two, NULL), HEDDLE_OK);
    assert_vector_of(one, 0, "pump leaks");
    assert_vector_of(one, 1, "valve stuck");
    assert_vector_of(one, 2, "pump leaks");
    assert_true(heddle_column_is_null(&one->vectors[0], 3));
    assert_true(heddle_column_is_null(&one->vectors[0], 4));
    assert_vector_of(two, 0, "cracked blade");
    assert_vector_of(two, 1, "valve stuck");
    assert_true(heddle_column_is_null(&two->vectors[0], 2));
    assert_vector_of(two, 3, "pump leaks");
    struct heddle_embed_statistics statistics = {0};
    heddle_embedding_statistics(thread, &statistics);
    assert_int_equal(statistics.texts, 9);
    assert_int_equal(statistics.texts_folded, 3); /* one in its own batch, two from the batch before */
    assert_int_equal(statistics.no_text, 3);
    heddle_batch_release(one);
    heddle_batch_release(two);
    heddle_embedding_thread_destroy(thread);
    heddle_text_cache_destroy(cache);
}

int main(void)
{
    const char *directory = HEDDLE_SOURCE_DIR "/build/deps/models/all-MiniLM-L6-v2";
    struct heddle_error error = {0};
    if (heddle_embedder_open(directory, NULL, &embedder, &error) != HEDDLE_OK) {
        printf("skipped: %s\n", error.message);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_gets_the_vector_of_its_text_bit_for_bit_from_encoder_or_memory),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    heddle_embedder_close(embedder);
    return failed;
}
