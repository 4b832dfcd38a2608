/* test_handshake.c: which version is agreed on, and what is said about peers that are no Neo4j server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "bolt/handshake.h"

/* Feeds `piece` bytes at a time. */
static int feed(struct heddle_handshake *handshake, const void *bytes, size_t length, size_t piece,
                size_t *used_out, struct heddle_error *error)
{
    *handshake = (struct heddle_handshake){0};
    *used_out = 0;
    for (size_t at = 0; at < length && handshake->step != HEDDLE_HANDSHAKE_DONE;) {
        size_t used = 0;
        const size_t part = length - at < piece ? length - at : piece;
        const int status = heddle_handshake_feed(handshake, (const uint8_t *)bytes + at, part, &used, error);
        at += used;
        *used_out = at;
        if (status != HEDDLE_OK) {
            return status;
        }
    }
    return HEDDLE_OK;
}

static void assert_agrees(const char *bytes, size_t length, uint8_t major, uint8_t minor,
                          size_t used_expected)
{
    for (size_t piece = 1; piece <= length; piece++) {
        struct heddle_handshake handshake;
        size_t used = 0;
        assert_int_equal(feed(&handshake, bytes, length, piece, &used, NULL), HEDDLE_OK);
        assert_int_equal(handshake.step, HEDDLE_HANDSHAKE_DONE);
        assert_int_equal(handshake.version.major, major);
        assert_int_equal(handshake.version.minor, minor);
        assert_int_equal(used, used_expected);
    }
}

static void assert_refused(const char *bytes, size_t length, const char *says)
{
    for (size_t piece = 1; piece <= length; piece++) {
        struct heddle_handshake handshake;
        struct heddle_error error = {0};
        size_t used = 0;
        assert_int_equal(feed(&handshake, bytes, length, piece, &used, &error), HEDDLE_PROTOCOL);
        if (strstr(error.message, says) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", error.message, says);
        }
    }
}
#define AGREES(bytes, major, minor) assert_agrees(bytes, sizeof(bytes) - 1, major, minor, sizeof(bytes) - 1)
#define REFUSED(bytes, says) assert_refused(bytes, sizeof(bytes) - 1, says)

static void
the_offer_holds_the_manifest_the_ranges_and_4_1_by_itself_for_servers_that_know_no_ranges(void **state)
{
    (void)state;
    uint8_t offer[HEDDLE_HANDSHAKE_OFFER_SIZE];
    heddle_handshake_offer(offer);
    assert_memory_equal(offer,
                        "\x60\x60\xB0\x17\x00\x00\x01\xFF\x00\x08\x08\x05\x00\x02\x04\x04\x00\x00\x01\x04",
                        sizeof offer);
}

static void a_chosen_version_is_taken(void **state)
{
    (void)state;
    AGREES("\x00\x00\x08\x05", 5, 8);
    AGREES("\x00\x00\x00\x05", 5, 0);
    AGREES("\x00\x00\x04\x04", 4, 4);
    AGREES("\x00\x00\x01\x04", 4, 1);
    struct heddle_handshake handshake = {0};
    size_t used = 0;
    assert_int_equal(heddle_handshake_feed(&handshake, (const uint8_t *)"\x00\x00\x04\x05", 4, &used, NULL),
                     HEDDLE_OK);
    assert_int_equal(handshake.reply_length, 0);
}

static void bytes_behind_the_answer_are_left_alone(void **state)
{
    (void)state;
    assert_agrees("\x00\x00\x04\x05\x00\x02", 6, 5, 4, 4);
    assert_agrees("\x00\x00\x01\xFF\x01\x00\x00\x00\x06\x00\x00\x02", 12, 6, 0, 10);
}

static void the_manifest_of_the_specification_is_understood(void **state)
{
    (void)state;
    static const char manifest[] = "\x00\x00\x01\xFF\x02\x00\x02\x08\x05\x00\x04\x04\x04\x09";
    struct heddle_handshake handshake;
    size_t used = 0;
    AGREES("\x00\x00\x01\xFF\x02\x00\x02\x08\x05\x00\x04\x04\x04\x09", 5, 8);
    assert_int_equal(feed(&handshake, manifest, sizeof manifest - 1, 99, &used, NULL), HEDDLE_OK);
    assert_int_equal(handshake.reply_length, 5);
    assert_memory_equal(handshake.reply, "\x00\x00\x08\x05\x00", 5);
}

static void the_newest_common_version_wins_in_any_order_and_range(void **state)
{
    (void)state;
    AGREES("\x00\x00\x01\xFF\x03\x00\x04\x04\x04\x00\x01\x01\x06\x00\x08\x08\x05\x00", 6, 1);
    AGREES("\x00\x00\x01\xFF\x02\x00\x00\x00\x06\x00\x08\x08\x05\x00", 6, 0);
    AGREES("\x00\x00\x01\xFF\x03\x00\x07\x07\xF2\x00\xFF\xFF\x05\x00\x00\x09\x07\x00", 5,
           8);                                                        /* 5.255-5.0, unknown majors */
    AGREES("\x00\x00\x01\xFF\x01\x00\x09\x09\x06\x00", 6, 1);         /* 6.9-6.0 */
    AGREES("\x00\x00\x01\xFF\x01\x00\x01\x05\x05\x00", 5, 4);         /* 5.5-5.4: never 5.5 */
    AGREES("\x00\x00\x01\xFF\x01\x00\x00\x08\x05\xFF\x82\x71", 5, 8); /* long capabilities */
}

static void no_common_version_is_said_so(void **state)
{
    (void)state;
    REFUSED("\x00\x00\x00\x00", "no Bolt version that heddle knows");
    REFUSED("\x00\x00\x01\xFF\x00\x00", "no Bolt version that heddle knows");
    REFUSED("\x00\x00\x01\xFF\x01\x00\x00\x05\x05\x00", "no Bolt version that heddle knows"); /* only 5.5 */
    REFUSED("\x00\x00\x01\xFF\x01\x00\x00\x07\xF2\x00", "no Bolt version that heddle knows");
}

static void other_services_are_recognised(void **state)
{
    (void)state;
    REFUSED("HTTP/1.1 400 Bad Request", "this port answers HTTP: Bolt is usually at 7687");
    REFUSED("\x15\x03\x03\x00\x02", "this port wants TLS");
    REFUSED("SSH-2.0", "does not speak Bolt");
    REFUSED("\x00\x00\x05\x05",
            "does not speak Bolt"); /* 5.5 stands in the range and is refused all the same */
    REFUSED("\x00\x00\x00\x06", "does not speak Bolt"); /* 6.x only comes through a manifest */
    REFUSED("\x01\x00\x04\x05", "does not speak Bolt");
}

static void endless_numbers_and_manifests_are_refused(void **state)
{
    (void)state;
    REFUSED("\x00\x00\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", "endless number");
    REFUSED("\x00\x00\x01\xFF\x81\x08\x00", "1025 entries");
    REFUSED("\x00\x00\x01\xFF\x01\x00\x00\x08\x05\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", "endless number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            the_offer_holds_the_manifest_the_ranges_and_4_1_by_itself_for_servers_that_know_no_ranges),
        cmocka_unit_test(a_chosen_version_is_taken),
        cmocka_unit_test(bytes_behind_the_answer_are_left_alone),
        cmocka_unit_test(the_manifest_of_the_specification_is_understood),
        cmocka_unit_test(the_newest_common_version_wins_in_any_order_and_range),
        cmocka_unit_test(no_common_version_is_said_so),
        cmocka_unit_test(other_services_are_recognised),
        cmocka_unit_test(endless_numbers_and_manifests_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
