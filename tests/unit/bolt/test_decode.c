/* test_decode.c: every value comes back, and nothing that a peer can send makes the decoder read or recurse too far. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "bolt/packstream/decode.h"

static struct heddle_arena *arena;

/* Decodes a copy of exactly `length` heap bytes, so that reading one byte too far is an error of the sanitizer's. */
static int decode(const void *bytes, size_t length, struct heddle_value *value_out,
                  struct heddle_error *error)
{
    struct heddle_unpack unpack;
    uint8_t *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    heddle_arena_reset(arena);
    heddle_unpack_init(&unpack, copy, length);
    int status = heddle_unpack_value(&unpack, arena, value_out, error);
    if (status == HEDDLE_OK && unpack.position != length) {
        status = HEDDLE_END;
    }
    free(copy);
    return status;
}

static int skip_all(const void *bytes, size_t length)
{
    struct heddle_unpack unpack;
    uint8_t *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    heddle_unpack_init(&unpack, copy, length);
    const int status = heddle_unpack_skip(&unpack, NULL);
    const bool all = unpack.position == length;
    free(copy);
    return status == HEDDLE_OK && !all ? HEDDLE_END : status;
}

static struct heddle_value good(const char *bytes, size_t length)
{
    struct heddle_value value;
    struct heddle_error error = {0};
    if (decode(bytes, length, &value, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return value;
}
#define GOOD(bytes) good(bytes, sizeof(bytes) - 1)

static void assert_bad(const char *bytes, size_t length, const char *says)
{
    struct heddle_value value;
    struct heddle_error error = {0};
    assert_int_equal(decode(bytes, length, &value, &error), HEDDLE_PROTOCOL);
    if (strstr(error.message, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, says);
    }
}
#define BAD(bytes, says) assert_bad(bytes, sizeof(bytes) - 1, says)

#define NODE                                                                                                 \
    "\xB4\x4E\x01\x91\x81L\xA1\x81k\x02\x84"                                                                 \
    "4:x1"
#define RELATIONSHIP                                                                                         \
    "\xB8\x52\x07\x01\x02\x81T\xA0\x82"                                                                      \
    "r7\x82"                                                                                                 \
    "n1\x82"                                                                                                 \
    "n2"
#define UNBOUND                                                                                              \
    "\xB4\x72\x07\x81T\xA0\x82"                                                                              \
    "r7"
#define PATH "\xB3\x50\x92" NODE NODE "\x91" UNBOUND "\x94\x01\x01\xFF\x00"

static void scalars_of_every_width_come_back(void **state)
{
    (void)state;
    assert_int_equal(GOOD("\xC0").type, HEDDLE_VALUE_NULL);
    assert_true(GOOD("\xC3").boolean);
    assert_false(GOOD("\xC2").boolean);
    assert_int_equal(GOOD("\x7F").integer, 127);
    assert_int_equal(GOOD("\xF0").integer, -16);
    assert_int_equal(GOOD("\xC8\x80").integer, -128);
    assert_int_equal(GOOD("\xC9\x80\x00").integer, -32768);
    assert_int_equal(GOOD("\xCA\x80\x00\x00\x00").integer, INT32_MIN);
    assert_int_equal(GOOD("\xCB\x80\x00\x00\x00\x00\x00\x00\x00").integer, INT64_MIN);
    assert_int_equal(GOOD("\xCB\x00\x00\x00\x00\x00\x00\x00\x05").integer,
                     5); /* wider than needed is allowed */
    assert_true(GOOD("\xC1\x3F\xF8\x00\x00\x00\x00\x00\x00").real == 1.5);
    const struct heddle_value text = GOOD("\xD0\x03"
                                          "a\0b");
    assert_int_equal(text.string.length, 3);
    assert_memory_equal(text.string.text, "a\0b", 4);
    const struct heddle_value bytes = GOOD("\xCC\x02\x00\xFF");
    assert_memory_equal(bytes.bytes.bytes, "\x00\xFF", 2);
    const struct heddle_value uuid = GOOD("\xE0"
                                          "0123456789abcdef");
    assert_int_equal(uuid.type, HEDDLE_VALUE_UUID);
    assert_memory_equal(uuid.uuid, "0123456789abcdef", 16);
}

static void the_last_of_repeated_keys_counts(void **state)
{
    (void)state;
    const struct heddle_value map = GOOD("\xA3\x81"
                                         "a\x01\x81"
                                         "b\x81t\x81"
                                         "a\x03");
    assert_int_equal(heddle_value_map_integer(&map, "a", 0), 3);
    assert_string_equal(heddle_value_map_text(&map, "b", ""), "t");
    assert_int_equal(heddle_value_map_integer(&map, "b", -9), -9); /* another type */
    assert_null(heddle_value_map_get(&map, "c"));
    assert_null(heddle_value_map_get(NULL, "c"));
    assert_true(heddle_value_map_boolean(&map, "c", true));
}

static void nodes_relationships_and_paths_come_back(void **state)
{
    (void)state;
    const struct heddle_value node = GOOD(NODE);
    assert_int_equal(node.type, HEDDLE_VALUE_NODE);
    assert_int_equal(node.node->id, 1);
    assert_string_equal(node.node->element_id.text, "4:x1");
    assert_string_equal(node.node->labels.items[0].string.text, "L");
    assert_string_equal(node.node->properties.entries[0].key.text, "k");

    const struct heddle_value relationship = GOOD(RELATIONSHIP);
    assert_int_equal(relationship.type, HEDDLE_VALUE_RELATIONSHIP);
    assert_string_equal(relationship.relationship->type.text, "T");
    assert_string_equal(relationship.relationship->start_element_id.text, "n1");
    assert_string_equal(relationship.relationship->end_element_id.text, "n2");

    const struct heddle_value path = GOOD(PATH);
    assert_int_equal(path.type, HEDDLE_VALUE_PATH);
    assert_int_equal(path.path->nodes.count, 2);
    assert_int_equal(path.path->indices.items[2].integer, -1);
}

static void bolt_4_entities_get_their_element_id_from_the_number(void **state)
{
    (void)state;
    assert_string_equal(GOOD("\xB3\x4E\x2A\x90\xA0").node->element_id.text, "42");
    const struct heddle_value relationship = GOOD("\xB5\x52\x07\x01\x02\x81T\xA0");
    assert_string_equal(relationship.relationship->element_id.text, "7");
    assert_string_equal(relationship.relationship->end_element_id.text, "2");
    assert_string_equal(GOOD("\xB3\x72\x07\x81T\xA0").relationship->element_id.text, "7");
}

static void temporal_and_spatial_values_come_back(void **state)
{
    (void)state;
    assert_int_equal(GOOD("\xB1\x44\xF1").integer, -15);
    const struct heddle_value time = GOOD("\xB2\x54\x05\x3C");
    assert_int_equal(time.type, HEDDLE_VALUE_TIME);
    assert_int_equal(time.time.offset_seconds, 60);
    assert_int_equal(GOOD("\xB1\x74\x05").type, HEDDLE_VALUE_LOCAL_TIME);
    assert_int_equal(GOOD("\xB3\x49\x64\x05\x3C").datetime->seconds, 100);
    assert_int_equal(GOOD("\xB3\x46\x64\x05\x3C").datetime->seconds, 40); /* local seconds less the offset */
    const struct heddle_value zoned = GOOD("\xB3\x69\x64\x05\x83UTC");
    assert_int_equal(zoned.type, HEDDLE_VALUE_DATETIME_ZONE);
    assert_string_equal(zoned.datetime->zone, "UTC");
    assert_false(zoned.datetime->wall_clock);
    assert_true(GOOD("\xB3\x66\x64\x05\x83UTC").datetime->wall_clock);
    assert_true(GOOD("\xB2\x64\x64\x05").datetime->wall_clock);
    const struct heddle_value duration = GOOD("\xB4\x45\x01\x02\x03\x04");
    assert_int_equal(duration.duration->months, 1);
    assert_int_equal(duration.duration->nanoseconds, 4);
    const struct heddle_value point =
        GOOD("\xB3\x58\xC9\x10\xE6\xC1\x3F\xF8\0\0\0\0\0\0\xC1\x40\0\0\0\0\0\0\0");
    assert_int_equal(point.point->srid, 4326);
    assert_int_equal(point.point->dimensions, 2);
    assert_true(point.point->coordinates[1] == 2.0);
}

static void vectors_of_every_inner_type_come_back(void **state)
{
    (void)state;
    assert_int_equal(((const int8_t *)GOOD("\xB2\x56\xCC\x01\xC8\xCC\x02\x01\xFF").vector->values)[1], -1);
    assert_int_equal(((const int16_t *)GOOD("\xB2\x56\xCC\x01\xC9\xCC\x02\x01\x02").vector->values)[0],
                     0x0102);
    assert_int_equal(((const int32_t *)GOOD("\xB2\x56\xCC\x01\xCA\xCC\x04\0\0\x01\x02").vector->values)[0],
                     0x0102);
    assert_int_equal(
        ((const int64_t *)GOOD("\xB2\x56\xCC\x01\xCB\xCC\x08\0\0\0\0\0\0\x01\x02").vector->values)[0], 258);
    assert_true(((const float *)GOOD("\xB2\x56\xCC\x01\xC6\xCC\x04\x3F\xC0\0\0").vector->values)[0] == 1.5F);
    assert_true(
        ((const double *)GOOD("\xB2\x56\xCC\x01\xC1\xCC\x08\x3F\xF8\0\0\0\0\0\0").vector->values)[0] == 1.5);
    assert_int_equal(GOOD("\xB2\x56\xCC\x01\xC8\xCC\x00").vector->count, 0);
    BAD("\xB2\x56\xCC\x01\xC6\xCC\x03\x3F\xC0\x00", "vector");
    BAD("\xB2\x56\xCC\x01\xC7\xCC\x04\x3F\xC0\0\0", "vector");
    BAD("\xB2\x56\xCC\x00\xCC\x04\x3F\xC0\0\0", "vector");
}

static void newer_types_are_named_and_unknown_structures_kept(void **state)
{
    (void)state;
    const struct heddle_value newer = GOOD("\xB4\x3F\x84Quux\x07\x01\xA1\x87message\x83hey");
    assert_int_equal(newer.type, HEDDLE_VALUE_UNSUPPORTED);
    assert_string_equal(newer.unsupported->name.text, "Quux");
    assert_int_equal(newer.unsupported->minimum_major, 7);
    assert_string_equal(newer.unsupported->message.text, "hey");
    const struct heddle_value unknown = GOOD("\xB2\x7B\x01\x81x");
    assert_int_equal(unknown.type, HEDDLE_VALUE_STRUCT);
    assert_int_equal(unknown.structure->tag, 0x7B);
    assert_int_equal(unknown.structure->fields.count, 2);
}

static void uuids_exist_from_bolt_6_1_on(void **state)
{
    (void)state;
    static const uint8_t uuid[] = "\xE0\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F";
    struct heddle_unpack unpack;
    struct heddle_value value;
    struct heddle_error error = {0};
    heddle_unpack_init(&unpack, uuid, sizeof uuid - 1);
    assert_int_equal(heddle_unpack_value(&unpack, arena, &value, &error), HEDDLE_OK);
    assert_int_equal(value.type, HEDDLE_VALUE_UUID);
    assert_int_equal(value.uuid[15], 0x0F);
    heddle_unpack_init(&unpack, uuid, sizeof uuid - 1);
    unpack.no_uuids = true;
    assert_int_equal(heddle_unpack_value(&unpack, arena, &value, &error), HEDDLE_PROTOCOL);
    assert_non_null(strstr(error.message, "marker 0xE0 does not exist before Bolt 6.1"));
}

static void malformed_values_are_refused_with_their_place(void **state)
{
    (void)state;
    BAD("", "byte 0 of 0");
    BAD("\xC4", "marker 0xC4 does not exist");
    BAD("\xDF", "marker 0xDF does not exist");
    BAD("\xE1", "marker 0xE1 does not exist");
    BAD("\x81", "beyond the end");
    BAD("\xD2\xFF\xFF\xFF\xFF", "beyond the end");
    BAD("\xCE\x7F\xFF\xFF\xFF", "beyond the end");
    BAD("\xD6\xFF\xFF\xFF\xFF\x01", "beyond the end");
    BAD("\xDA\xFF\xFF\xFF\xFF\x01", "beyond the end");
    BAD("\xA1\x01\x01", "key is no text");
    BAD("\xB1\x4E\x01", "Node");
    BAD("\xB3\x4E\x01\x91\x01\xA0", "labels");
    BAD("\xB4\x4E\x01\x90\xA0\x01", "Node");
    BAD("\xB3\x49\x64\xFF\x00", "out of range");
    BAD("\xB3\x46\xCB\x80\0\0\0\0\0\0\0\x00\x01", "out of range");
    BAD("\xB4\x45\x01\x02\x03\xCA\x3B\x9A\xCA\x00", "out of range");
    BAD("\xB3\x50\x90\x90\x90", "path");
    BAD("\xB3\x50\x91" NODE "\x90\x92\x01\x00", "path");            /* relationship 1 of 0 */
    BAD("\xB3\x50\x91" NODE "\x91" UNBOUND "\x92\x01\x01", "path"); /* node 1 of 1 */
    BAD("\xB3\x50\x91" NODE "\x91" UNBOUND "\x92\x00\x00", "path"); /* relationships count from 1 */
    BAD("\xB3\x50\x91" NODE "\x91" UNBOUND "\x91\x01", "path");
}

static void nesting_is_limited(void **state)
{
    (void)state;
    enum { DEEP = 1000000 };
    static const uint8_t openers[] = {0x91, 0xA1, 0xB1};
    uint8_t *bytes = malloc(DEEP);
    assert_non_null(bytes);
    memset(bytes, 0x91, DEEP);
    struct heddle_value value;
    struct heddle_error error = {0};
    assert_int_equal(decode(bytes, DEEP, &value, &error), HEDDLE_PROTOCOL);
    assert_non_null(strstr(error.message, "nested"));
    assert_int_equal(skip_all(bytes, DEEP), HEDDLE_PROTOCOL);
    memset(bytes, 0x91, HEDDLE_UNPACK_DEPTH_MAX);
    bytes[HEDDLE_UNPACK_DEPTH_MAX] = 0x01;
    assert_int_equal(decode(bytes, HEDDLE_UNPACK_DEPTH_MAX + 1, &value, NULL), HEDDLE_OK);
    assert_int_equal(skip_all(bytes, HEDDLE_UNPACK_DEPTH_MAX + 1), HEDDLE_OK);
    memset(bytes, 0x91, HEDDLE_UNPACK_DEPTH_MAX + 1);
    bytes[HEDDLE_UNPACK_DEPTH_MAX + 1] = 0x01;
    assert_int_equal(decode(bytes, HEDDLE_UNPACK_DEPTH_MAX + 2, &value, NULL), HEDDLE_PROTOCOL);
    /* Maps and structures count too. */
    for (size_t i = 0, at = 0; at + 3 < DEEP; i++) {
        const uint8_t opener = openers[i % 3];
        bytes[at++] = opener;
        if (opener == 0xA1) {
            bytes[at++] = 0x80;
        } else if (opener == 0xB1) {
            bytes[at++] = 0x7B;
        }
    }
    assert_int_equal(decode(bytes, DEEP, &value, NULL), HEDDLE_PROTOCOL);
    free(bytes);
}

static void a_list_of_more_values_than_allowed_is_refused_before_memory_is_taken(void **state)
{
    (void)state;
    const size_t length = (size_t)HEDDLE_UNPACK_VALUES_MAX + 6;
    uint8_t *bytes = calloc(1, length);
    assert_non_null(bytes);
    bytes[0] = 0xD6;
    bytes[1] = 0x01;
    bytes[4] = 0x01; /* 2^24 + 1 zeros */
    struct heddle_value value;
    struct heddle_error error = {0};
    assert_int_equal(decode(bytes, length, &value, &error), HEDDLE_PROTOCOL);
    assert_non_null(strstr(error.message, "more values"));
    assert_in_range(heddle_arena_bytes(arena), 0, 1 << 20);
    free(bytes);
}

/* One message with every kind of value in it. */
static uint8_t sample[512];
static size_t sample_length;

static void sample_build(void)
{
    static const char parts[] =
        "\xD4\x10" NODE RELATIONSHIP PATH "\xC9\x12\x34\xC1\x3F\xF8\0\0\0\0\0\0\xD0\x05hello\xCC\x02\x01\x02"
        "\xA2\x81"
        "a\x92\x01\x02\x81"
        "b\xC0\xC3\xB3\x69\x64\x05\x83UTC\xB4\x45\x01\x02\x03\x04"
        "\xB2\x56\xCC\x01\xC6\xCC\x04\x3F\xC0\0\0\xE0"
        "0123456789abcdef"
        "\xB2\x7B\x01\x02\xB3\x58\x07\xC1\0\0\0\0\0\0\0\0\xC1\0\0\0\0\0\0\0\0"
        "\xB2\x54\x05\x06";
    sample_length = sizeof parts - 1;
    memcpy(sample, parts, sample_length);
}

static void a_message_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct heddle_value value;
    sample_build();
    assert_int_equal(decode(sample, sample_length, &value, NULL), HEDDLE_OK);
    assert_int_equal(value.list.count, 16);
    assert_int_equal(skip_all(sample, sample_length), HEDDLE_OK);
    for (size_t length = 0; length < sample_length; length++) {
        assert_int_equal(decode(sample, length, &value, NULL), HEDDLE_PROTOCOL);
        assert_int_equal(skip_all(sample, length), HEDDLE_PROTOCOL);
    }
}

static void flipped_bits_never_do_harm(void **state)
{
    (void)state;
    struct heddle_value value;
    int refused = 0;
    sample_build();
    for (size_t bit = 0; bit < sample_length * 8; bit++) {
        sample[bit / 8] = (uint8_t)(sample[bit / 8] ^ 1U << bit % 8);
        refused += decode(sample, sample_length, &value, NULL) != HEDDLE_OK;
        (void)skip_all(sample, sample_length);
        sample[bit / 8] = (uint8_t)(sample[bit / 8] ^ 1U << bit % 8);
    }
    assert_in_range(refused, 500, sample_length * 8);
}

static void random_bytes_never_do_harm(void **state)
{
    (void)state;
    uint64_t random_state = 42;
    uint8_t bytes[64];
    for (int round = 0; round < 20000; round++) {
        struct heddle_value value;
        const size_t length = heddle_random_below(&random_state, sizeof bytes + 1);
        for (size_t i = 0; i < length; i++) {
            bytes[i] = (uint8_t)heddle_random_next(&random_state);
        }
        const int decoded = decode(bytes, length, &value, NULL);
        const int skipped = skip_all(bytes, length);
        /* The tree checks more than skipping does, never less. */
        assert_true(decoded != HEDDLE_OK || skipped == HEDDLE_OK);
    }
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    sample_build();
    int failures = 0;
    for (int64_t n = 0; n < 1000; n++) {
        struct heddle_unpack unpack;
        struct heddle_value value;
        struct heddle_arena *small = NULL;
        heddle_memory_fail_at(n);
        int status = heddle_arena_create(64, &small, NULL);
        if (status == HEDDLE_OK) {
            heddle_unpack_init(&unpack, sample, sample_length);
            status = heddle_unpack_value(&unpack, small, &value, NULL);
        }
        heddle_memory_fail_at(-1);
        heddle_arena_destroy(small);
        if (status == HEDDLE_OK) {
            break;
        }
        assert_int_equal(status, HEDDLE_OUT_OF_MEMORY);
        failures++;
    }
    assert_in_range(failures, 10, 999);
}

static void small_readers_refuse_other_types(void **state)
{
    (void)state;
    struct heddle_unpack unpack;
    uint32_t count = 0;
    uint8_t tag = 0;
    uint8_t fields = 0;
    int64_t integer = 0;
    const char *text = NULL;
    size_t length = 0;
    heddle_unpack_init(&unpack, "\x01", 1);
    assert_int_equal(heddle_unpack_map(&unpack, &count, NULL), HEDDLE_PROTOCOL);
    assert_int_equal(heddle_unpack_list(&unpack, &count, NULL), HEDDLE_PROTOCOL);
    assert_int_equal(heddle_unpack_struct(&unpack, &tag, &fields, NULL), HEDDLE_PROTOCOL);
    assert_int_equal(heddle_unpack_string(&unpack, &text, &length, NULL), HEDDLE_PROTOCOL);
    assert_int_equal(heddle_unpack_integer(&unpack, &integer, NULL), HEDDLE_OK);
    assert_int_equal(integer, 1);
    assert_int_equal(heddle_unpack_integer(&unpack, &integer, NULL), HEDDLE_PROTOCOL);
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
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_of_every_width_come_back),
        cmocka_unit_test(the_last_of_repeated_keys_counts),
        cmocka_unit_test(nodes_relationships_and_paths_come_back),
        cmocka_unit_test(bolt_4_entities_get_their_element_id_from_the_number),
        cmocka_unit_test(temporal_and_spatial_values_come_back),
        cmocka_unit_test(vectors_of_every_inner_type_come_back),
        cmocka_unit_test(newer_types_are_named_and_unknown_structures_kept),
        cmocka_unit_test(uuids_exist_from_bolt_6_1_on),
        cmocka_unit_test(malformed_values_are_refused_with_their_place),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(a_list_of_more_values_than_allowed_is_refused_before_memory_is_taken),
        cmocka_unit_test(a_message_cut_anywhere_is_refused),
        cmocka_unit_test(flipped_bits_never_do_harm),
        cmocka_unit_test(random_bytes_never_do_harm),
        cmocka_unit_test(every_failing_allocation_is_reported),
        cmocka_unit_test(small_readers_refuse_other_types),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
