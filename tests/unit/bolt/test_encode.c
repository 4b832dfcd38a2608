/* test_encode.c: markers at every size boundary, chunk boundaries, columns, rewinding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bolt/framing.h"
#include "bolt/packstream/decode.h"
#include "bolt/packstream/encode.h"

static struct heddle_buffer buffer;
static struct heddle_pack pack;
static struct heddle_framing framing;
static struct heddle_arena *arena;

enum { TAG = 0x7A };

static struct heddle_pack *begin(struct heddle_pack_dialect dialect, uint8_t fields)
{
    heddle_buffer_reset(&buffer);
    heddle_pack_init(&pack, &buffer, dialect);
    heddle_pack_message_begin(&pack, TAG, fields);
    return &pack;
}

/* Ends the message, joins its chunks and answers the bytes behind its two bytes of structure header. */
static const uint8_t *body(size_t *length_out)
{
    size_t used = 0;
    bool complete = false;
    heddle_pack_message_end(&pack);
    assert_int_equal(heddle_buffer_check(&buffer, NULL), HEDDLE_OK);
    heddle_framing_reset(&framing);
    framing.limit = SIZE_MAX / 2;
    assert_int_equal(heddle_framing_feed(&framing, buffer.bytes, buffer.length, &used, &complete, NULL),
                     HEDDLE_OK);
    assert_true(complete);
    assert_int_equal(used, buffer.length);
    assert_int_equal(framing.message.bytes[1], TAG);
    *length_out = framing.message.length - 2;
    return framing.message.bytes + 2;
}

static void assert_body(const char *expected_hex)
{
    char text[512] = "";
    size_t length = 0;
    const uint8_t *bytes = body(&length);
    assert_true(length * 2 < sizeof text);
    for (size_t i = 0; i < length; i++) {
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    assert_string_equal(text, expected_hex);
}

static struct heddle_value decoded(void)
{
    size_t length = 0;
    struct heddle_unpack unpack;
    struct heddle_value value;
    const uint8_t *bytes = body(&length);
    heddle_unpack_init(&unpack, bytes, length);
    assert_int_equal(heddle_unpack_value(&unpack, arena, &value, NULL), HEDDLE_OK);
    assert_int_equal(unpack.position, length);
    return value;
}

static const struct heddle_pack_dialect bolt_44 = {0};
static const struct heddle_pack_dialect bolt_5 = {.utc = true};
static const struct heddle_pack_dialect bolt_6 = {.utc = true, .native_vectors = true};

static void integers_take_their_smallest_form(void **state)
{
    (void)state;
    const struct {
        int64_t value;
        const char *bytes;
    } cases[] = {
        {0, "00"},
        {127, "7f"},
        {-16, "f0"},
        {-1, "ff"},
        {-17, "c8ef"},
        {-128, "c880"},
        {128, "c90080"},
        {-129, "c9ff7f"},
        {32767, "c97fff"},
        {-32768, "c98000"},
        {32768, "ca00008000"},
        {-32769, "caffff7fff"},
        {INT32_MAX, "ca7fffffff"},
        {INT32_MIN, "ca80000000"},
        {(int64_t)INT32_MAX + 1, "cb0000000080000000"},
        {INT64_MAX, "cb7fffffffffffffff"},
        {INT64_MIN, "cb8000000000000000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heddle_pack_integer(begin(bolt_5, 1), cases[i].value);
        assert_body(cases[i].bytes);
    }
}

static void scalars_have_their_markers(void **state)
{
    (void)state;
    begin(bolt_5, 8);
    heddle_pack_null(&pack);
    heddle_pack_bool(&pack, false);
    heddle_pack_bool(&pack, true);
    heddle_pack_float(&pack, 1.5);
    heddle_pack_text(&pack, "");
    heddle_pack_bytes(&pack, "\x01\x02", 2);
    heddle_pack_date(&pack, -1);
    heddle_pack_local_time(&pack, 1);
    assert_body("c0c2c3c13ff800000000000080cc020102b144ffb17401");
}

static void sizes_change_the_header_at_16_256_and_65536(void **state)
{
    (void)state;
    static char text[70000];
    memset(text, 'a', sizeof text);
    const struct {
        size_t size;
        uint8_t string[5];
        uint8_t list[5];
        uint8_t map[5];
        size_t header;
    } cases[] = {
        {15, {0x8F}, {0x9F}, {0xAF}, 1},
        {16, {0xD0, 16}, {0xD4, 16}, {0xD8, 16}, 2},
        {255, {0xD0, 255}, {0xD4, 255}, {0xD8, 255}, 2},
        {256, {0xD1, 1, 0}, {0xD5, 1, 0}, {0xD9, 1, 0}, 3},
        {65535, {0xD1, 255, 255}, {0xD5, 255, 255}, {0xD9, 255, 255}, 3},
        {65536, {0xD2, 0, 1, 0, 0}, {0xD6, 0, 1, 0, 0}, {0xDA, 0, 1, 0, 0}, 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length = 0;
        heddle_pack_string(begin(bolt_5, 1), text, cases[i].size);
        assert_memory_equal(body(&length), cases[i].string, cases[i].header);
        assert_int_equal(length, cases[i].header + cases[i].size);
        heddle_pack_list(begin(bolt_5, 1), (uint32_t)cases[i].size);
        assert_memory_equal(body(&length), cases[i].list, cases[i].header);
        heddle_pack_map(begin(bolt_5, 1), (uint32_t)cases[i].size);
        assert_memory_equal(body(&length), cases[i].map, cases[i].header);
    }
}

static void texts_of_every_length_around_a_chunk_come_back(void **state)
{
    (void)state;
    static char text[HEDDLE_PACK_CHUNK_MAX * 2 + 64];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)('a' + i % 23);
    }
    for (size_t chunks = 1; chunks <= 2; chunks++) {
        for (size_t length = chunks * HEDDLE_PACK_CHUNK_MAX - 24;
             length < chunks * HEDDLE_PACK_CHUNK_MAX + 24; length++) {
            heddle_arena_reset(arena);
            heddle_pack_string(begin(bolt_5, 1), text, length);
            const struct heddle_value value = decoded();
            assert_int_equal(value.type, HEDDLE_VALUE_STRING);
            assert_int_equal(value.string.length, length);
            assert_memory_equal(value.string.text, text, length);
        }
    }
}

static void a_run_of_bytes_fills_its_chunks_to_the_brim(void **state)
{
    (void)state;
    static const uint8_t bytes[200000];
    size_t length = 0;
    heddle_pack_bytes(begin(bolt_5, 1), bytes, sizeof bytes);
    body(&length);
    /* 2 + 5 bytes of headers, so 4 chunks: 3 full ones and the rest, and the end marker. */
    assert_int_equal(buffer.bytes[0] << 8 | buffer.bytes[1], HEDDLE_PACK_CHUNK_MAX);
    assert_int_equal(buffer.length, 2 + 5 + sizeof bytes + 4 * 2 + 2);
}

static void small_values_across_chunks_come_back_in_order(void **state)
{
    (void)state;
    enum { COUNT = 40000 };
    begin(bolt_5, 1);
    heddle_pack_list(&pack, COUNT);
    for (int64_t i = 0; i < COUNT; i++) {
        heddle_pack_integer(&pack, i % 7 == 0 ? i << 40 : i);
    }
    const struct heddle_value value = decoded();
    assert_int_equal(value.list.count, COUNT);
    for (int64_t i = 0; i < COUNT; i++) {
        assert_int_equal(value.list.items[i].integer, i % 7 == 0 ? i << 40 : i);
    }
}

static void a_vector_of_384_floats_takes_1544_bytes_or_3459_as_a_list(void **state)
{
    (void)state;
    float values[384];
    size_t length = 0;
    for (size_t i = 0; i < 384; i++) {
        values[i] = (float)i / 7.0F;
    }
    heddle_pack_vector(begin(bolt_6, 1), values, 384);
    const uint8_t *bytes = body(&length);
    assert_int_equal(length, 1544);
    assert_memory_equal(bytes, "\xB2\x56\xCC\x01\xC6\xCD\x06\x00", 8);
    heddle_pack_vector(begin(bolt_5, 1), values, 384);
    bytes = body(&length);
    assert_int_equal(length, 3459);
    assert_memory_equal(bytes, "\xD5\x01\x80\xC1", 4);
}

static void vectors_survive_chunk_boundaries_bit_for_bit(void **state)
{
    (void)state;
    enum { DIMENSIONS = 385, VECTORS = 100 };
    static float values[VECTORS * DIMENSIONS];
    for (size_t i = 0; i < VECTORS * DIMENSIONS; i++) {
        const uint32_t bits = (uint32_t)i * 2654435761U;
        memcpy(&values[i], &bits, sizeof bits); /* NaNs, infinities and subnormals among them */
    }
    begin(bolt_6, 1);
    heddle_pack_list(&pack, VECTORS);
    for (size_t i = 0; i < VECTORS; i++) {
        heddle_pack_vector(&pack, values + i * DIMENSIONS, DIMENSIONS);
    }
    const struct heddle_value value = decoded();
    assert_int_equal(value.list.count, VECTORS);
    for (size_t i = 0; i < VECTORS; i++) {
        assert_int_equal(value.list.items[i].type, HEDDLE_VALUE_VECTOR);
        assert_int_equal(value.list.items[i].vector->type, HEDDLE_VECTOR_F32);
        assert_int_equal(value.list.items[i].vector->count, DIMENSIONS);
        assert_memory_equal(value.list.items[i].vector->values, values + i * DIMENSIONS,
                            DIMENSIONS * sizeof(float));
    }
}

static void float_lists_survive_chunk_boundaries(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static float values[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = (float)i * 0.1F;
    }
    heddle_pack_vector_list(begin(bolt_6, 1), values, COUNT);
    const struct heddle_value value = decoded();
    assert_int_equal(value.list.count, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(value.list.items[i].real == (double)values[i]);
    }
}

static void vectors_that_bolt_cannot_hold_go_as_lists(void **state)
{
    (void)state;
    static const float values[HEDDLE_PACK_VECTOR_MAX + 1];
    size_t length = 0;
    heddle_pack_vector(begin(bolt_6, 1), values, HEDDLE_PACK_VECTOR_MAX);
    assert_int_equal(body(&length)[0], 0xB2);
    heddle_pack_vector(begin(bolt_6, 1), values, HEDDLE_PACK_VECTOR_MAX + 1);
    assert_int_equal(body(&length)[0], 0xD5);
    heddle_pack_vector(begin(bolt_6, 1), values, 0);
    assert_int_equal(body(&length)[0], 0x90);
}

static void zoned_datetimes_take_the_dialects_form(void **state)
{
    (void)state;
    heddle_pack_datetime(begin(bolt_5, 1), 100, 5, 60);
    assert_body("b3496405"
                "3c");
    heddle_pack_datetime(begin(bolt_44, 1), 100, 5, 60);
    assert_body("b346c900a0"
                "05"
                "3c");
}

static void cells_of_every_column_type_are_written(void **state)
{
    (void)state;
    const uint8_t booleans[] = {1, 0};
    const int64_t integers[] = {300, -1500000}; /* also days, ns and us */
    const double floats[] = {1.5, 0};
    const float vectors[] = {1, 2, 3, 4};
    const uint32_t offsets[] = {0, 2, 3};
    const uint8_t second_is_null[] = {1};
    const struct heddle_column items = {.type = HEDDLE_TYPE_STRING,
                                        .length = 3,
                                        .offsets = (uint32_t[]){0, 1, 2, 3},
                                        .bytes = (const uint8_t *)"xyz"};
    const struct {
        struct heddle_column column;
        const char *first;
        const char *second;
    } cases[] = {
        {{.type = HEDDLE_TYPE_NULL}, "c0", "c0"},
        {{.type = HEDDLE_TYPE_BOOLEAN, .values = booleans}, "c3", "c2"},
        {{.type = HEDDLE_TYPE_INTEGER, .values = integers}, "c9012c", "caffe91ca0"},
        {{.type = HEDDLE_TYPE_INTEGER, .values = integers, .valid = second_is_null}, "c9012c", "c0"},
        {{.type = HEDDLE_TYPE_FLOAT, .values = floats}, "c13ff8000000000000", "c10000000000000000"},
        {{.type = HEDDLE_TYPE_STRING, .offsets = offsets, .bytes = (const uint8_t *)"abc"}, "826162", "8163"},
        {{.type = HEDDLE_TYPE_DECIMAL, .offsets = offsets, .bytes = (const uint8_t *)"-12"},
         "822d31",
         "8132"},
        {{.type = HEDDLE_TYPE_BYTES, .offsets = offsets, .bytes = (const uint8_t *)"abc"},
         "cc026162",
         "cc0163"},
        {{.type = HEDDLE_TYPE_DATE, .values = integers}, "b144c9012c", "b144caffe91ca0"},
        {{.type = HEDDLE_TYPE_TIME, .values = integers}, "b174c9012c", "b174caffe91ca0"},
        /* -1.5 s is second -2 and half a second: 500,000,000 ns. */
        {{.type = HEDDLE_TYPE_TIMESTAMP, .values = integers}, "b34900ca000493e000", "b349feca1dcd650000"},
        {{.type = HEDDLE_TYPE_DATETIME, .values = integers}, "b26400ca000493e0", "b264feca1dcd6500"},
        {{.type = HEDDLE_TYPE_LIST, .offsets = offsets, .items = &items}, "9281788179", "91817a"},
        {{.type = HEDDLE_TYPE_MAP, .offsets = offsets, .items = &items, .keys = &items},
         "a28178817881798179",
         "a1817a817a"},
        {{.type = HEDDLE_TYPE_VECTOR, .values = vectors, .width = 2},
         "b256cc01c6cc083f80000040000000",
         "b256cc01c6cc084040000040800000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heddle_pack_column_value(begin(bolt_6, 1), &cases[i].column, 0);
        assert_body(cases[i].first);
        heddle_pack_column_value(begin(bolt_6, 1), &cases[i].column, 1);
        assert_body(cases[i].second);
    }
}

static void a_list_of_unknown_length_gets_its_count_at_the_end(void **state)
{
    (void)state;
    begin(bolt_5, 1);
    const struct heddle_pack_mark mark = heddle_pack_list_open(&pack);
    heddle_pack_integer(&pack, 1);
    heddle_pack_integer(&pack, 2);
    heddle_pack_list_close(&pack, mark, 2);
    assert_body("d6000000020102");
}

static void rewinding_takes_a_row_back_even_across_chunks(void **state)
{
    (void)state;
    static const uint8_t bytes[150000];
    for (size_t filled = HEDDLE_PACK_CHUNK_MAX - 30; filled < HEDDLE_PACK_CHUNK_MAX + 10; filled++) {
        heddle_arena_reset(arena);
        begin(bolt_5, 1);
        const struct heddle_pack_mark list = heddle_pack_list_open(&pack);
        heddle_pack_bytes(&pack, bytes, filled);
        const struct heddle_pack_mark row = heddle_pack_mark(&pack);
        const size_t size = heddle_pack_message_bytes(&pack);
        heddle_pack_bytes(&pack, bytes, sizeof bytes);
        heddle_pack_rewind(&pack, row);
        assert_int_equal(heddle_pack_message_bytes(&pack), size);
        heddle_pack_integer(&pack, 77);
        heddle_pack_list_close(&pack, list, 2);
        const struct heddle_value value = decoded();
        assert_int_equal(value.list.count, 2);
        assert_int_equal(value.list.items[0].bytes.length, filled);
        assert_int_equal(value.list.items[1].integer, 77);
    }
}

/* A message of every kind of value and several chunks; its memory comes in many steps. */
static void write_much(void)
{
    static const uint8_t bytes[100000];
    static const float values[4096];
    begin(bolt_6, 1);
    const struct heddle_pack_mark mark = heddle_pack_list_open(&pack);
    for (size_t length = 10; length < sizeof bytes; length *= 3) {
        heddle_pack_bytes(&pack, bytes, length);
    }
    heddle_pack_vector_native(&pack, values, 4096);
    heddle_pack_vector_list(&pack, values, 4096);
    heddle_pack_integer(&pack, 1);
    const struct heddle_pack_mark row = heddle_pack_mark(&pack);
    heddle_pack_text(&pack, "gone");
    heddle_pack_rewind(&pack, row);
    heddle_pack_list_close(&pack, mark, 12);
    heddle_pack_message_end(&pack);
}

static void running_out_of_memory_anywhere_is_noted_and_harmless(void **state)
{
    (void)state;
    int failures = 0;
    for (int64_t n = 0; n < 100; n++) {
        heddle_buffer_free(&buffer);
        heddle_memory_fail_at(n);
        write_much();
        heddle_memory_fail_at(-1);
        if (heddle_buffer_check(&buffer, NULL) == HEDDLE_OK) {
            break;
        }
        failures++;
    }
    assert_in_range(failures, 5, 99);
}

static int set_up(void **state)
{
    (void)state;
    return heddle_arena_create(0, &arena, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    heddle_arena_destroy(arena);
    heddle_framing_free(&framing);
    heddle_buffer_free(&buffer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_take_their_smallest_form),
        cmocka_unit_test(scalars_have_their_markers),
        cmocka_unit_test(sizes_change_the_header_at_16_256_and_65536),
        cmocka_unit_test(texts_of_every_length_around_a_chunk_come_back),
        cmocka_unit_test(a_run_of_bytes_fills_its_chunks_to_the_brim),
        cmocka_unit_test(small_values_across_chunks_come_back_in_order),
        cmocka_unit_test(a_vector_of_384_floats_takes_1544_bytes_or_3459_as_a_list),
        cmocka_unit_test(vectors_survive_chunk_boundaries_bit_for_bit),
        cmocka_unit_test(float_lists_survive_chunk_boundaries),
        cmocka_unit_test(vectors_that_bolt_cannot_hold_go_as_lists),
        cmocka_unit_test(zoned_datetimes_take_the_dialects_form),
        cmocka_unit_test(cells_of_every_column_type_are_written),
        cmocka_unit_test(a_list_of_unknown_length_gets_its_count_at_the_end),
        cmocka_unit_test(rewinding_takes_a_row_back_even_across_chunks),
        cmocka_unit_test(running_out_of_memory_anywhere_is_noted_and_harmless),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
