/* test_framing.c: messages come out whole however the bytes arrive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/memory.h"
#include "bolt/framing.h"

/* Keep-alives everywhere they may stand, a message of one chunk, one of three. */
static const uint8_t stream[] = {0,   0, 0, 0,   0, 2, 'a', 'b', 0,   0, 0, 0, 0, 1,
                                 'c', 0, 1, 'd', 0, 3, 'e', 'f', 'g', 0, 0, 0, 0};

/* Feeds the stream cut at `cut` and then in pieces of `piece`; answers how many messages came out right. */
static int messages_of(size_t cut, size_t piece)
{
    static const char *const expected[] = {"ab", "cdefg"};
    struct heddle_framing framing = {.limit = 100};
    int count = 0;
    for (size_t at = 0; at < sizeof stream;) {
        size_t used = 0;
        bool complete = false;
        size_t part = at < cut ? cut - at : piece;
        part = part < sizeof stream - at ? part : sizeof stream - at;
        assert_int_equal(heddle_framing_feed(&framing, stream + at, part, &used, &complete, NULL), HEDDLE_OK);
        assert_true(used > 0);
        at += used;
        if (complete) {
            assert_in_range(count, 0, 1);
            assert_int_equal(framing.message.length, strlen(expected[count]));
            assert_memory_equal(framing.message.bytes, expected[count], framing.message.length);
            count++;
        }
    }
    heddle_framing_free(&framing);
    return count;
}

static void messages_survive_every_cut(void **state)
{
    (void)state;
    for (size_t cut = 0; cut <= sizeof stream; cut++) {
        for (size_t piece = 1; piece <= sizeof stream; piece++) {
            assert_int_equal(messages_of(cut, piece), 2);
        }
    }
}

static void a_message_over_the_limit_is_refused_before_it_is_stored(void **state)
{
    (void)state;
    struct heddle_framing framing = {.limit = 5};
    struct heddle_error error = {0};
    size_t used = 0;
    bool complete = false;
    const uint8_t first[] = {0, 4, 1, 2, 3, 4};
    const uint8_t second[] = {0, 2};
    assert_int_equal(heddle_framing_feed(&framing, first, sizeof first, &used, &complete, &error), HEDDLE_OK);
    assert_int_equal(heddle_framing_feed(&framing, second, sizeof second, &used, &complete, &error),
                     HEDDLE_PROTOCOL);
    assert_non_null(strstr(error.message, "longer than 5 bytes"));
    heddle_framing_free(&framing);
}

static void running_out_of_memory_is_reported(void **state)
{
    (void)state;
    struct heddle_framing framing = {.limit = 100};
    size_t used = 0;
    bool complete = false;
    heddle_memory_fail_at(0);
    assert_int_equal(heddle_framing_feed(&framing, stream, sizeof stream, &used, &complete, NULL),
                     HEDDLE_OUT_OF_MEMORY);
    heddle_memory_fail_at(-1);
    heddle_framing_free(&framing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_survive_every_cut),
        cmocka_unit_test(a_message_over_the_limit_is_refused_before_it_is_stored),
        cmocka_unit_test(running_out_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
