/* test_provider_load.c: many texts, many sessions, one service: how many requests are under way at once, and that every text
 * gets its own vector whatever the order of the answers. */
#include "fake_service.h"

#include <pthread.h>

enum { SESSIONS = 4, CALLS = 6, TEXTS = 300, CONNECTIONS = 8 };

static struct http_script script;
static struct fake fake;
static struct heddle_engine *engine;
static char url[HTTP_SCRIPT_URL_MAX];

/* A service like OpenAI's that is busy when more than so many requests come at once. */
struct busy {
    struct fake fake;
    int room;
    atomic_int under_way;
    atomic_int refused;
};

static void busy_handle(void *context, const struct http_script_request *request,
                        struct http_script_answer *answer, struct heddle_buffer *scratch)
{
    struct busy *busy = context;
    const int under_way = atomic_fetch_add(&busy->under_way, 1) + 1;
    if (under_way > busy->room) {
        atomic_fetch_add(&busy->refused, 1);
        *answer = (struct http_script_answer){.status = 429, .body = "{\"error\":\"busy\"}"};
    } else {
        fake_handle(&busy->fake, request, answer, scratch);
    }
    heddle_clock_sleep_ms(2); /* the work; answers are sent at once after it */
    atomic_fetch_sub(&busy->under_way, 1);
}

static void open_engine(const struct heddle_provider_clock *clock, size_t items_max)
{
    struct heddle_error error = {0};
    const struct heddle_embedder_service service = {
        .url = http_script_url(&script, "", url), .items_max = items_max, .connections_max = CONNECTIONS};
    const struct heddle_embedder_options options = {.provider = "openai", .service = &service};
    if (heddle_provider_open("m", &options, clock, &engine, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

static void close_engine(void)
{
    engine->class->destroy(engine);
    http_script_stop(&script);
    http_script_free(&script);
}

struct lane {
    pthread_t thread;
    size_t number;
    size_t good;
    int status;
};

/* One session's work: every text is another one. */
static void *work(void *context)
{
    struct lane *lane = context;
    static _Thread_local char texts[TEXTS][48];
    static _Thread_local float vectors[TEXTS][WIDTH];
    static _Thread_local struct heddle_embed_status statuses[TEXTS];
    static _Thread_local struct heddle_engine_item items[TEXTS];
    struct heddle_engine_session *session = NULL;
    lane->status = engine->class->session_create(engine, &session, NULL);
    for (int call = 0; call < CALLS && lane->status == HEDDLE_OK; call++) {
        memset(statuses, 0, sizeof statuses);
        for (size_t i = 0; i < TEXTS; i++) {
            snprintf(texts[i], sizeof texts[i], "text %zu of call %d of session %zu%s", i, call, lane->number,
                     i == 77 ? " BAD" : "");
            items[i] = (struct heddle_engine_item){texts[i], strlen(texts[i]), vectors[i], &statuses[i]};
        }
        lane->status = session->class->embed(session, items, TEXTS, NULL);
        for (size_t i = 0; i < TEXTS; i++) {
            float expected[WIDTH];
            fake_vector(texts[i], strlen(texts[i]), expected);
            const bool is_bad = i == 77;
            lane->good += (statuses[i].result == HEDDLE_EMBED_FAILED) == is_bad &&
                          (is_bad || memcmp(expected, vectors[i], sizeof expected) == 0);
        }
    }
    engine->class->session_destroy(session);
    return NULL;
}

static void run_sessions(void)
{
    struct lane lanes[SESSIONS] = {0};
    for (size_t i = 0; i < SESSIONS; i++) {
        lanes[i].number = i;
        assert_int_equal(pthread_create(&lanes[i].thread, NULL, work, &lanes[i]), 0);
    }
    for (size_t i = 0; i < SESSIONS; i++) {
        pthread_join(lanes[i].thread, NULL);
        assert_int_equal(lanes[i].status, HEDDLE_OK);
        assert_int_equal(lanes[i].good, CALLS * TEXTS);
    }
}

static void sessions_share_the_connections(void **state)
{
    (void)state;
    fake = (struct fake){.base64 = true, .backwards = true, .bad_status = 400, .delay_ms = 2};
    http_script_start_handler(&script, fake_handle, &fake);
    open_engine(NULL, 16);
    run_sessions();
    assert_in_range(script.in_flight_max, 2, CONNECTIONS);
    assert_in_range(script.connections, 2, CONNECTIONS + 1); /* kept alive: not one a request */
    assert_true(http_script_count(&script) > 10 * CONNECTIONS);
    close_engine();
}

static void concurrency_goes_down_to_what_the_service_bears_and_up_again(void **state)
{
    (void)state;
    struct fake_clock ticking = {.now_ns = 1000000000};
    const struct heddle_provider_clock clock = {fake_now_ns, fake_unix_ms, fake_sleep_ms, &ticking};
    struct busy busy = {.fake = {.base64 = true, .bad_status = 413}, .room = 2};
    http_script_start_handler(&script, busy_handle, &busy);
    open_engine(&clock, 16);
    run_sessions();
    const struct heddle_provider *provider = (const struct heddle_provider *)engine;
    assert_true(busy.refused > 0);
    assert_in_range(heddle_pacing_limit(&provider->pacing), 1, CONNECTIONS - 1);
    /* Most requests are not refused: without adapting, 8 at once to room for 2 would be refused 3 times in 4. */
    assert_true((size_t)busy.refused * 2 < http_script_count(&script));
    const int refused = busy.refused;
    busy.room = CONNECTIONS + 1;
    run_sessions();
    assert_int_equal(busy.refused, refused);
    assert_int_equal(heddle_pacing_limit(&provider->pacing), CONNECTIONS);
    close_engine();
}

static void an_error_that_ends_one_call_leaves_the_engine_usable(void **state)
{
    (void)state;
    const struct http_script_answer denied = {.status = 403, .body = "{\"message\":\"not now\"}"};
    struct lane lane = {0};
    fake =
        (struct fake){.base64 = true, .bad_status = 400, .first = &denied, .first_count = 1, .open_first = 5};
    http_script_start_handler(&script, fake_handle, &fake);
    open_engine(NULL, 16);
    work(&lane);
    assert_int_equal(lane.status, HEDDLE_MODEL);
    lane = (struct lane){0};
    work(&lane);
    assert_int_equal(lane.status, HEDDLE_OK);
    assert_int_equal(lane.good, CALLS * TEXTS);
    close_engine();
}

static void the_public_embedder_takes_a_service(void **state)
{
    (void)state;
    const struct heddle_embedder_service service = {.url = http_script_url(&script, "", url)};
    struct heddle_embedder_options options = {.provider = "tei", .service = &service, .prompt = "query: "};
    struct heddle_embedder *embedder = NULL;
    struct heddle_embed_text texts[5] = {{"x", 1}, {NULL, 0}, {" x ", 3}, {"BAD", 3}, {"y", 1}};
    struct heddle_embed_status statuses[5];
    struct heddle_embed_statistics statistics;
    float vectors[5][WIDTH];
    float expected[WIDTH];
    fake = (struct fake){.shape = HEDDLE_REQUEST_TEI, .bad_status = 413};
    http_script_start_handler(&script, fake_handle, &fake);
    (void)http_script_url(&script, "", url);
    assert_int_equal(heddle_embedder_open("", &options, &embedder, NULL), HEDDLE_OK);
    assert_int_equal(heddle_embedder_dimensions(embedder), WIDTH);
    assert_int_equal(heddle_embedder_max_tokens(embedder), 512);
    assert_int_equal(heddle_embedder_precision(embedder), HEDDLE_PRECISION_AUTO);
    assert_int_equal(
        heddle_embedder_embed_all(embedder, 2, texts, 5, vectors[0], statuses, &statistics, NULL), HEDDLE_OK);
    fake_vector("query: x", 8, expected);
    assert_memory_equal(vectors[0], expected, sizeof expected);
    fake_vector("query:  x", 9, expected); /* the prompt stands in front before the text is stripped */
    assert_memory_equal(vectors[2], expected, sizeof expected);
    assert_true(statuses[1].no_text && statuses[1].result == HEDDLE_EMBED_DONE);
    assert_int_equal(statuses[3].result, HEDDLE_EMBED_FAILED);
    assert_non_null(strstr(statuses[3].reason, "this text is too long"));
    assert_int_equal(statistics.texts, 5);
    assert_int_equal(statistics.failed, 1);
    assert_int_equal(statistics.texts_embedded, 3);
    heddle_embedder_close(embedder);
    options.provider = "cohere";
    struct heddle_error error = {0};
    assert_int_equal(heddle_embedder_open("", &options, &embedder, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "ollama"));
    http_script_stop(&script);
    http_script_free(&script);
}

static int group_setup(void **state)
{
    (void)state;
    return setenv("no_proxy", "*", 1); /* the tests talk to loopback whatever the environment says */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_share_the_connections),
        cmocka_unit_test(concurrency_goes_down_to_what_the_service_bears_and_up_again),
        cmocka_unit_test(an_error_that_ends_one_call_leaves_the_engine_usable),
        cmocka_unit_test(the_public_embedder_takes_a_service),
    };
    return cmocka_run_group_tests(tests, group_setup, NULL);
}
