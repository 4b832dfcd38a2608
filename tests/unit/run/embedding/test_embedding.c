/* test_embedding.c: the embedding stage gives each row the vector of its own text, remembered or not. Needs the MiniLM
 * weights; without them the program says so and is skipped (77). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "run/embedding/embedding.h"

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
    assert_int_equal(heddle_embedding_thread_create(&slot, 1, NULL, &thread, NULL), HEDDLE_OK);
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

/* ---- a run after a kill ---- */

enum { BATCH_POSITION = 100 };

static const char *const texts_of_run[] = {"pump leaks", "valve stuck", NULL, "cracked blade"};

/* Rows 100 of target 0, and 100 and 103 of target 1, are settled; the others are new. */
static size_t recall_some(void *context, size_t target, uint64_t position, size_t rows, uint8_t *fates)
{
    (void)context;
    size_t old = 0;
    for (size_t i = 0; i < rows; i++) {
        const uint64_t row = position + i - BATCH_POSITION;
        fates[i] = row == 0 || (target == 1 && row == 3) ? HEDDLE_FATE_DONE : HEDDLE_FATE_NEW;
        old += fates[i] != HEDDLE_FATE_NEW;
    }
    return old;
}

/* Embeds the texts of the run as one batch; what was done is added to *statistics. */
static struct heddle_batch *embed_with(const struct heddle_embedding_memory *memory,
                                       struct heddle_embed_statistics *statistics)
{
    const struct heddle_embedding_slot slot = {.embedder = embedder};
    struct heddle_embedding_thread *thread = NULL;
    assert_int_equal(heddle_embedding_thread_create(&slot, 1, memory, &thread, NULL), HEDDLE_OK);
    struct heddle_batch *batch = batch_of(texts_of_run, 4);
    batch->position = BATCH_POSITION;
    assert_int_equal(heddle_embedding_run(thread, batch, NULL), HEDDLE_OK);
    *statistics = (struct heddle_embed_statistics){0};
    heddle_embedding_statistics(thread, statistics);
    heddle_embedding_thread_destroy(thread);
    return batch;
}

static struct heddle_kept_vectors *open_kept(const char *folder)
{
    const struct heddle_kept_vectors_options options = {folder, 1, "test", true, 0, false};
    struct heddle_kept_vectors *kept = NULL;
    assert_int_equal(heddle_kept_vectors_open(&options, &kept, NULL), HEDDLE_OK);
    return kept;
}

static void a_vector_that_was_kept_is_not_computed_again(void **state)
{
    (void)state;
    char folder[64];
    snprintf(folder, sizeof folder, "%s/heddle-embed-XXXXXX", P_tmpdir);
    assert_non_null(mkdtemp(folder));
    struct heddle_embed_statistics statistics;
    struct heddle_embedding_memory memory = {.kept = open_kept(folder)};
    heddle_batch_release(embed_with(&memory, &statistics));
    assert_int_equal(statistics.texts_embedded, 3);
    heddle_kept_vectors_close(memory.kept);
    memory.kept = open_kept(folder);
    struct heddle_batch *batch = embed_with(&memory, &statistics);
    assert_int_equal(statistics.texts_embedded, 0);
    assert_int_equal(statistics.texts_remembered, 3);
    assert_int_equal(statistics.texts, 4);
    assert_int_equal(statistics.no_text, 1);
    assert_vector_of(batch, 0, "pump leaks");
    assert_vector_of(batch, 1, "valve stuck");
    assert_true(heddle_column_is_null(&batch->vectors[0], 2));
    assert_vector_of(batch, 3, "cracked blade");
    heddle_batch_release(batch);
    struct heddle_kept_vectors_statistics kept;
    heddle_kept_vectors_statistics(memory.kept, &kept);
    assert_int_equal(kept.again, 0);
    heddle_kept_vectors_finish(memory.kept);
    heddle_kept_vectors_close(memory.kept);
    assert_int_equal(rmdir(folder), 0);
}

static void a_row_that_every_target_has_is_not_embedded(void **state)
{
    (void)state;
    const struct heddle_target targets[] = {
        {.kind = HEDDLE_TARGET_NODE, .vector_property = "v", .vector_slot = 0},
        {.kind = HEDDLE_TARGET_NODE, .vector_property = "v", .vector_slot = 0},
        {.kind = HEDDLE_TARGET_NODE}, /* takes no vector: nobody asks about its rows */
    };
    const size_t all[] = {0, 1, 2};
    const struct heddle_ledger ledger = {.recall = recall_some};
    struct heddle_embedding_memory memory = {
        .ledger = &ledger, .targets = targets, .pass_targets = all, .pass_target_count = 3};
    struct heddle_embed_statistics statistics;
    struct heddle_batch *batch = embed_with(&memory, &statistics);
    assert_int_equal(statistics.texts_embedded, 2);
    assert_true(heddle_column_is_null(&batch->vectors[0], 0));
    assert_vector_of(batch, 1, "valve stuck");
    assert_vector_of(batch, 3, "cracked blade"); /* target 0 has not got it */
    heddle_batch_release(batch);
    memory.pass_targets = &all[1]; /* a pass that feeds target 1 alone */
    memory.pass_target_count = 1;
    batch = embed_with(&memory, &statistics);
    assert_int_equal(statistics.texts_embedded, 1);
    assert_vector_of(batch, 1, "valve stuck");
    heddle_batch_release(batch);
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
        cmocka_unit_test(a_vector_that_was_kept_is_not_computed_again),
        cmocka_unit_test(a_row_that_every_target_has_is_not_embedded),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    heddle_embedder_close(embedder);
    return failed;
}
