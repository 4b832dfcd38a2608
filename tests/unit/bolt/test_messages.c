/* test_messages.c: requests byte for byte as the official drivers write them, and what each version leaves out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "bolt/messages.h"

static struct heddle_buffer buffer;
static struct heddle_pack pack;

static struct heddle_pack *fresh(void)
{
    heddle_buffer_reset(&buffer);
    heddle_pack_init(&pack, &buffer, (struct heddle_pack_dialect){0});
    return &pack;
}

/* What was written, as hex. */
static const char *hex(void)
{
    static char text[4096];
    assert_true(buffer.length * 2 < sizeof text);
    for (size_t i = 0; i < buffer.length; i++) {
        snprintf(text + 2 * i, 3, "%02x", buffer.bytes[i]);
    }
    text[2 * buffer.length] = '\0';
    return text;
}

static bool says(const char *text)
{
    return memmem(buffer.bytes, buffer.length, text, strlen(text)) != NULL;
}

static void login_messages_have_the_drivers_bytes(void **state)
{
    (void)state;
    const struct heddle_message_hello hello = {
        .user_agent = "x/1", .product = "x/1", .auth = {.scheme = "none"}};
    heddle_message_hello(fresh(), (struct heddle_bolt_version){5, 4}, &hello);
    assert_string_equal(
        hex(), "002ab101a28a757365725f6167656e7483782f318a626f6c745f6167656e74a18770726f6475637483782f31"
               "0000");
    const struct heddle_message_auth auth = {.scheme = "basic", .principal = "neo4j", .credentials = "pw"};
    heddle_message_logon(fresh(), &auth);
    assert_string_equal(
        hex(), "002fb16aa386736368656d65856261736963897072696e636970616c856e656f346a8b63726564656e7469616c"
               "738270770000");
}

static void work_messages_have_the_drivers_bytes(void **state)
{
    (void)state;
    const struct heddle_message_transaction transaction = {.database = "neo4j"};
    heddle_message_begin(fresh(), &transaction);
    assert_string_equal(hex(), "000cb111a1826462856e656f346a0000");

    heddle_message_run_open(fresh(), "UNWIND $r AS x CREATE (n:A{i:x.i})");
    heddle_pack_map(&pack, 1);
    heddle_pack_text(&pack, "r");
    heddle_pack_list(&pack, 3);
    const int64_t values[] = {1, -17, 128};
    for (size_t i = 0; i < 3; i++) {
        heddle_pack_map(&pack, 1);
        heddle_pack_text(&pack, "i");
        heddle_pack_integer(&pack, values[i]);
    }
    heddle_message_run_close(&pack, NULL);
    assert_string_equal(
        hex(), "003ab310d022554e57494e4420247220415320782043524541544520286e3a417b693a782e697d29a1817293a1"
               "816901a18169c8efa18169c90080a00000");
}

static void bare_messages_have_the_drivers_bytes(void **state)
{
    (void)state;
    const struct {
        void (*write)(struct heddle_pack *);
        const char *bytes;
    } cases[] = {
        {heddle_message_discard_all, "0006b12fa1816eff0000"},
        {heddle_message_pull_all, "0006b13fa1816eff0000"},
        {heddle_message_commit, "0002b0120000"},
        {heddle_message_rollback, "0002b0130000"},
        {heddle_message_reset, "0002b00f0000"},
        {heddle_message_goodbye, "0002b0020000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cases[i].write(fresh());
        assert_string_equal(hex(), cases[i].bytes);
    }
}

static void route_differs_between_4_3_and_4_4(void **state)
{
    (void)state;
    const struct heddle_message_routing routing = {"h:7687", ""};
    heddle_message_route(fresh(), (struct heddle_bolt_version){4, 4}, &routing,
                         &(struct heddle_message_route){.database = "neo4j"});
    assert_string_equal(hex(), "001db366a1876164647265737386683a3736383790a1826462856e656f346a0000");
    heddle_message_route(fresh(), (struct heddle_bolt_version){4, 3}, &routing,
                         &(struct heddle_message_route){.database = "neo4j"});
    assert_string_equal(hex(), "0019b366a1876164647265737386683a3736383790856e656f346a0000");
    heddle_message_route(fresh(), (struct heddle_bolt_version){4, 3}, &routing,
                         &(struct heddle_message_route){.database = NULL});
    assert_string_equal(hex(), "0014b366a1876164647265737386683a3736383790c00000");
}

static void hello_holds_what_each_version_knows_and_nothing_else(void **state)
{
    (void)state;
    static const struct heddle_message_routing routing = {"h:7687", "policy=eu&b="};
    const struct heddle_message_hello hello = {
        .user_agent = "x/1",
        .product = "x/1",
        .filter = {.minimum_severity = "OFF"},
        .routing = &routing,
        .auth = {.scheme = "basic", .principal = "neo4j", .credentials = "pw"}};
    const struct {
        struct heddle_bolt_version version;
        bool credentials;
        bool notifications;
        bool agent;
        bool patch;
    } cases[] = {
        {{4, 1}, true, false, false, false}, {{4, 2}, true, false, false, false},
        {{4, 3}, true, false, false, true},  {{4, 4}, true, false, false, true},
        {{5, 0}, true, false, false, false}, {{5, 1}, false, false, false, false},
        {{5, 2}, false, true, false, false}, {{5, 3}, false, true, true, false},
        {{5, 8}, false, true, true, false},  {{6, 0}, false, true, true, false},
        {{6, 1}, false, true, true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heddle_message_hello(fresh(), cases[i].version, &hello);
        assert_int_equal(says("credentials"), cases[i].credentials);
        assert_int_equal(says("notifications_minimum_severity"), cases[i].notifications);
        assert_int_equal(says("bolt_agent"), cases[i].agent);
        assert_int_equal(says("patch_bolt"), cases[i].patch);
        assert_true(says("\x86policy\x82"
                         "eu"));
        assert_true(says("\x81"
                         "b\x80"));
    }
}

static void begin_carries_every_option_that_is_set(void **state)
{
    (void)state;
    const char *const bookmarks[] = {"bm:1", "bm:2"};
    const char *const metadata[] = {"app", "heddle"};
    const struct heddle_message_transaction transaction = {.bookmarks = bookmarks,
                                                           .bookmark_count = 2,
                                                           .timeout_ms = 300000,
                                                           .metadata = metadata,
                                                           .metadata_count = 1,
                                                           .read = true,
                                                           .database = "db"};
    heddle_message_begin(fresh(), &transaction);
    assert_string_equal(hex(), "004db111a5"
                               "89626f6f6b6d61726b739284626d3a3184626d3a32"
                               "8a74785f74696d656f7574ca000493e0"
                               "8b74785f6d65746164617461a18361707086686564646c65"
                               "846d6f64658172"
                               "826462826462"
                               "0000");
}

static int free_buffer(void **state)
{
    (void)state;
    heddle_buffer_free(&buffer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(login_messages_have_the_drivers_bytes),
        cmocka_unit_test(work_messages_have_the_drivers_bytes),
        cmocka_unit_test(bare_messages_have_the_drivers_bytes),
        cmocka_unit_test(route_differs_between_4_3_and_4_4),
        cmocka_unit_test(hello_holds_what_each_version_knows_and_nothing_else),
        cmocka_unit_test(begin_carries_every_option_that_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, free_buffer);
}
