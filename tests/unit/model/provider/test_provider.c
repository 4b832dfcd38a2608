/* test_provider.c: providers against a scripted service: what is sent, what is tried again, halved or given up, and what a
 * caller is told. */
#include "fake_service.h"

#include "base/clock.h"

static struct http_script script;
static struct fake fake;
static struct fake_clock ticking;
static struct heddle_provider_clock nobody_waits = {fake_now_ns, fake_unix_ms, fake_sleep_ms, &ticking};
static struct heddle_embedder_service service;
static struct heddle_embedder_options options;
static struct heddle_engine *engine;
static struct heddle_error error;
static char url[HTTP_SCRIPT_URL_MAX];

/* Texts on their way, and what came of them. */
enum { TEXTS_MAX = 200 };
static struct heddle_engine_item items[TEXTS_MAX];
static struct heddle_embed_status statuses[TEXTS_MAX];
static float vectors[TEXTS_MAX][WIDTH];

static int begin_with(const struct fake *like, const char *provider, const char *model)
{
    fake = *like;
    ticking = (struct fake_clock){.now_ns = 1000000000};
    error = (struct heddle_error){0};
    engine = NULL;
    http_script_start_handler(&script, fake_handle, &fake);
    service.url = http_script_url(&script, "", url);
    service.api_key = KEY;
    options = (struct heddle_embedder_options){
        .provider = provider, .dimensions = options.dimensions, .service = &service};
    const int status = heddle_provider_open(model, &options, &nobody_waits, &engine, &error);
    assert_null(strstr(error.message, KEY));
    return status;
}

static void begin(const struct fake *like, const char *provider, const char *model)
{
    if (begin_with(like, provider, model) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

static void end(void)
{
    assert_null(strstr(error.message, KEY));
    if (engine != NULL) {
        engine->class->destroy(engine);
    }
    http_script_stop(&script);
    http_script_free(&script);
    service = (struct heddle_embedder_service){0};
    options.dimensions = 0;
}

static int embed(const char *const *texts, size_t count)
{
    struct heddle_engine_session *session = NULL;
    assert_int_equal(engine->class->session_create(engine, &session, NULL), HEDDLE_OK);
    memset(statuses, 0, sizeof statuses);
    memset(vectors, 0x7f, sizeof vectors);
    for (size_t i = 0; i < count; i++) {
        items[i] = (struct heddle_engine_item){texts[i], strlen(texts[i]), vectors[i], &statuses[i]};
    }
    error = (struct heddle_error){0};
    const int status = engine->class->embed(session, items, count, &error);
    engine->class->session_destroy(session);
    return status;
}

static void assert_vector(size_t i)
{
    float expected[WIDTH];
    fake_vector(items[i].text, items[i].length, expected);
    assert_int_equal(statuses[i].result, HEDDLE_EMBED_DONE);
    assert_memory_equal(vectors[i], expected, sizeof expected);
}

static void assert_all_done(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_vector(i);
    }
}

/* All but number `bad` have their vectors; that one says why not. */
static void assert_only_fails(size_t count, size_t bad, const char *reason)
{
    for (size_t i = 0; i < count; i++) {
        if (i != bad) {
            assert_vector(i);
        }
    }
    assert_int_equal(statuses[bad].result, HEDDLE_EMBED_FAILED);
    assert_non_null(strstr(statuses[bad].reason, reason));
    assert_null(strstr(statuses[bad].reason, KEY));
}

static const char *const three[] = {"worn brake discs", "a", "hydraulic leak, \"left\" gear"};
static const char *const eight[] = {"one", "two", "three", "four", "five BAD", "six", "seven", "eight"};

/* ---- each service in its own way ---------------------------------------------------------------------------------------- */

static void assert_asked(const char *target, const char *body)
{
    char value[64];
    const struct http_script_request *asked = http_script_request(&script, http_script_count(&script) - 1);
    assert_string_equal(asked->method, "POST");
    assert_string_equal(asked->target, target);
    assert_string_equal(asked->body, body);
    assert_string_equal(http_script_header(asked, "authorization", value, sizeof value), "Bearer " KEY);
    assert_string_equal(http_script_header(asked, "content-type", value, sizeof value), "application/json");
}

static void openai_is_asked_for_base64_and_its_own_model(void **state)
{
    (void)state;
    options.dimensions = WIDTH;
    begin(&(struct fake){.base64 = true, .backwards = true}, "openai", "text-embedding-3-small");
    assert_int_equal(engine->dimensions, WIDTH);
    assert_int_equal(embed(three, 3), HEDDLE_OK);
    assert_all_done(3);
    assert_asked("/v1/embeddings",
                 "{\"model\":\"text-embedding-3-small\",\"input\":[\"a\",\"worn brake discs\","
                 "\"hydraulic leak, \\\"left\\\" gear\"],\"encoding_format\":\"base64\",\"dimensions\":4}");
    assert_int_equal(statuses[0].tokens + statuses[1].tokens + statuses[2].tokens, 70);
    assert_int_equal(http_script_count(&script), 2); /* one to open, one to embed */
    end();
}

static void a_service_that_knows_no_base64_is_asked_for_numbers(void **state)
{
    (void)state;
    begin(&(struct fake){0}, "openai", "m");
    assert_int_equal(embed(three, 3), HEDDLE_OK);
    assert_asked(
        "/v1/embeddings",
        "{\"model\":\"m\",\"input\":[\"a\",\"worn brake discs\",\"hydraulic leak, \\\"left\\\" gear\"]}");
    assert_vector(0);
    assert_vector(2);
    end();
}

static void fewer_dimensions_are_asked_for_where_the_service_knows_them(void **state)
{
    (void)state;
    static const char *const x[] = {"x"};
    options.dimensions = 3;
    begin(&(struct fake){.shape = HEDDLE_REQUEST_TEI}, "tei", "");
    assert_int_equal(embed(x, 1), HEDDLE_OK);
    assert_asked("/embed", "{\"inputs\":[\"x\"],\"truncate\":true,\"dimensions\":3}");
    end();
    options.dimensions = 3;
    begin(&(struct fake){.shape = HEDDLE_REQUEST_OLLAMA, .whole = true}, "ollama", "m");
    assert_int_equal(engine->dimensions, WIDTH); /* the embedder cuts */
    assert_int_equal(embed(x, 1), HEDDLE_OK);
    assert_asked("/api/embed", "{\"model\":\"m\",\"input\":[\"x\"],\"truncate\":true}");
    end();
}

static void databricks_forms_are_found_by_trying(void **state)
{
    (void)state;
    static const struct {
        enum heddle_request_shape shape;
        const char *model;
        const char *shape_name; /* as a setting */
        const char *body;
    } cases[] = {
        {HEDDLE_REQUEST_SPLIT, "minilm", NULL,
         "{\"dataframe_split\":{\"columns\":[\"text\"],\"data\":[[\"x\"]]}}"},
        {HEDDLE_REQUEST_INPUTS, "minilm", NULL, "{\"inputs\":[\"x\"]}"},
        {HEDDLE_REQUEST_INSTANCES, "minilm", NULL, "{\"instances\":[\"x\"]}"},
        {HEDDLE_REQUEST_OPENAI, "minilm", NULL, "{\"input\":[\"x\"]}"},
        {HEDDLE_REQUEST_OPENAI, "databricks-gte-large-en", NULL, "{\"input\":[\"x\"]}"},
        {HEDDLE_REQUEST_RECORDS, "minilm", "dataframe_records", "{\"dataframe_records\":[{\"text\":\"x\"}]}"},
    };
    static const char *const x[] = {"x"};
    char target[128];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        service.shape = cases[i].shape_name;
        begin(&(struct fake){.shape = cases[i].shape}, "databricks", cases[i].model);
        assert_int_equal(embed(x, 1), HEDDLE_OK);
        assert_vector(0);
        snprintf(target, sizeof target, "/serving-endpoints/%s/invocations", cases[i].model);
        assert_asked(target, cases[i].body);
        end();
    }
    service.column = "text";
    service.shape = "instances";
    begin(&(struct fake){.shape = HEDDLE_REQUEST_INSTANCES}, "databricks", "minilm");
    assert_int_equal(embed(x, 1), HEDDLE_OK);
    assert_asked("/serving-endpoints/minilm/invocations", "{\"instances\":[{\"text\":\"x\"}]}");
    end();
    /* a form that was named is the only one tried */
    service.shape = "dataframe_split";
    assert_int_equal(begin_with(&(struct fake){.shape = HEDDLE_REQUEST_INPUTS}, "databricks", "minilm"),
                     HEDDLE_MODEL);
    assert_int_equal(http_script_count(&script), 1);
    assert_non_null(strstr(error.message, "wrong form"));
    assert_string_equal(error.code, "BAD_REQUEST");
    end();
}

static void tei_says_what_it_takes(void **state)
{
    (void)state;
    struct heddle_embedder_info info = {0};
    begin(&(struct fake){.shape = HEDDLE_REQUEST_TEI, .items_max = 3, .head = "x-compute-tokens: 40\r\n"},
          "tei", "");
    assert_int_equal(embed(eight, 8), HEDDLE_OK);
    assert_all_done(8);
    size_t requests = 0;
    for (size_t i = 0; i < http_script_count(&script); i++) {
        requests += strcmp(http_script_request(&script, i)->target, "/embed") == 0;
    }
    assert_int_equal(requests, 1 + 3); /* 8 texts, 3 a request as /info says */
    uint64_t tokens = 0;
    for (size_t i = 0; i < 8; i++) {
        tokens += statuses[i].tokens;
    }
    assert_int_equal(tokens, 3 * 40);
    engine->class->describe(engine, &info);
    assert_string_equal(info.provider, "tei");
    assert_string_equal(info.precision, "service");
    assert_non_null(strstr(info.kernel, "127.0.0.1:"));
    assert_int_equal(info.max_tokens, 512);
    end();
}

static void ollama_is_asked_by_model(void **state)
{
    (void)state;
    static const char *const x[] = {"x"};
    begin(&(struct fake){.shape = HEDDLE_REQUEST_OLLAMA}, "ollama", "all-minilm");
    assert_int_equal(embed(x, 1), HEDDLE_OK);
    assert_vector(0);
    assert_int_equal(statuses[0].tokens, 70);
    assert_asked("/api/embed", "{\"model\":\"all-minilm\",\"input\":[\"x\"],\"truncate\":true}");
    end();
}

static void two_services_or_models_have_different_identities(void **state)
{
    (void)state;
    uint64_t one[2] = {0};
    uint64_t two[2] = {0};
    begin(&(struct fake){.shape = HEDDLE_REQUEST_OLLAMA}, "ollama", "a");
    assert_int_equal(engine->class->identify(engine, one, NULL), HEDDLE_OK);
    assert_int_equal(engine->class->identify(engine, two, NULL), HEDDLE_OK);
    assert_memory_equal(one, two, sizeof one);
    struct heddle_engine *other = NULL;
    assert_int_equal(heddle_provider_open("b", &options, &nobody_waits, &other, NULL), HEDDLE_OK);
    assert_int_equal(other->class->identify(other, two, NULL), HEDDLE_OK);
    assert_true(one[0] != two[0] && one[1] != two[1] && one[0] != one[1]);
    other->class->destroy(other);
    end();
}

static void vectors_are_given_unit_length_if_asked(void **state)
{
    (void)state;
    struct heddle_embedder_info info = {0};
    service.normalize = true;
    begin(&(struct fake){0}, "openai", "m");
    assert_int_equal(embed(three, 3), HEDDLE_OK);
    for (size_t i = 0; i < 3; i++) {
        float raw[WIDTH];
        double sum = 0;
        fake_vector(items[i].text, items[i].length, raw);
        for (size_t k = 0; k < WIDTH; k++) {
            sum += (double)vectors[i][k] * (double)vectors[i][k];
            assert_true((vectors[i][k] > 0) == (raw[k] > 0));
        }
        assert_true(fabs(sum - 1) < 1e-6);
    }
    engine->class->describe(engine, &info);
    assert_true(info.normalized);
    end();
    begin(&(struct fake){0}, "openai", "m");
    engine->class->describe(engine, &info);
    assert_false(info.normalized); /* these vectors have other lengths, and nobody asked */
    end();
}

static void empty_texts_are_not_sent(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "x", ""};
    static const float zeros[WIDTH] = {0};
    begin(&(struct fake){0}, "openai", "m");
    assert_int_equal(embed(texts, 3), HEDDLE_OK);
    assert_asked("/v1/embeddings", "{\"model\":\"m\",\"input\":[\"x\"]}");
    assert_vector(1);
    assert_memory_equal(vectors[0], zeros, sizeof zeros);
    assert_memory_equal(vectors[2], zeros, sizeof zeros);
    const size_t before = http_script_count(&script);
    assert_int_equal(embed(texts, 1), HEDDLE_OK);
    assert_int_equal(embed(texts, 0), HEDDLE_OK);
    assert_int_equal(http_script_count(&script), before);
    end();
}

static void a_request_keeps_to_the_callers_budget(void **state)
{
    (void)state;
    service.items_max = 2;
    begin(&(struct fake){.items_max = 2}, "openai", "m");
    assert_int_equal(embed(eight, 8), HEDDLE_OK);
    assert_all_done(8);
    assert_int_equal(http_script_count(&script), 2 + 4); /* base64 was tried and refused when opening */
    end();
    service.tokens_max = 6; /* each of these texts is estimated at 3 or 4 */
    begin(&(struct fake){.items_max = 2}, "openai", "m");
    assert_int_equal(embed(eight, 8), HEDDLE_OK);
    assert_in_range(http_script_count(&script), 2 + 5, 2 + 8);
    end();
}

/* ---- what is tried again ------------------------------------------------------------------------------------------------ */

static void a_wish_to_wait_is_honoured(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        uint64_t least_ms;
        uint64_t most_ms;
    } cases[] = {
        {"Retry-After: 3\r\n", 3000, 4000},
        {"Retry-After: Sun, 06 Nov 1994 08:50:00 GMT\r\n", 20000,
         25000}, /* the fake clock starts at 08:49:38 */
        {"retry-after-ms: 1500\r\n", 1500, 2000},
        {"x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 7.66s\r\n", 7660, 9000},
        {NULL, 0, 500},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct http_script_answer busy = {
            .status = 429, .head = cases[i].head, .body = "{\"error\":\"busy\"}"};
        begin(&(struct fake){.base64 = true, .first = &busy, .first_count = 1, .open_first = 1}, "openai",
              "m");
        const uint64_t start = ticking.now_ns;
        assert_int_equal(embed(three, 3), HEDDLE_OK);
        assert_all_done(3);
        assert_in_range((ticking.now_ns - start) / 1000000, cases[i].least_ms, cases[i].most_ms);
        assert_int_equal(http_script_count(&script), 3);
        end();
    }
}

static void nothing_is_sent_while_the_limit_is_used_up(void **state)
{
    (void)state;
    begin(&(struct fake){.base64 = true,
                         .head = "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 2s\r\n"},
          "openai", "m");
    assert_int_equal(embed(three, 3), HEDDLE_OK);
    assert_true(ticking.slept_ms >= 2000); /* told so by the answer of the opening */
    end();
}

static void what_may_pass_is_tried_again(void **state)
{
    (void)state;
    static const struct http_script_answer troubles[] = {
        {.status = 408},
        {.status = 502, .body = "<html>bad gateway</html>"},
        {.status = 504},
        {.status = 503, .body = "{\"error\":\"loading\"}"},
        {.body = "{\"data\":[{\"embedding\":[1,2,3,4]}]}", .end = HTTP_SCRIPT_CUT},
        {.end = HTTP_SCRIPT_HANG_UP},
        {.body = "{\"data\":[]}"}, /* an answer that is none may be a moment's trouble, once */
    };
    begin(&(struct fake){.base64 = true, .first = troubles, .first_count = 7, .open_first = 1}, "openai",
          "m");
    assert_int_equal(embed(three, 1), HEDDLE_OK);
    assert_vector(0);
    assert_int_equal(http_script_count(&script), 1 + 7 + 1);
    assert_true(ticking.slept_ms > 0);
    end();
}

static void trouble_without_end_is_given_up(void **state)
{
    (void)state;
    static struct http_script_answer trouble[HEDDLE_PROVIDER_ATTEMPTS_MAX];
    for (size_t i = 0; i < HEDDLE_PROVIDER_ATTEMPTS_MAX; i++) {
        trouble[i] = (struct http_script_answer){.status = 502, .body = "{\"message\":\"no " KEY " today\"}"};
    }
    begin(
        &(struct fake){
            .base64 = true, .first = trouble, .first_count = HEDDLE_PROVIDER_ATTEMPTS_MAX, .open_first = 1},
        "openai", "m");
    assert_int_equal(embed(three, 3), HEDDLE_NETWORK);
    assert_int_equal(error.action, HEDDLE_ACTION_RETRY);
    assert_non_null(strstr(error.message, "given up after 10 attempts"));
    assert_non_null(strstr(error.message, "answered 502: no *** today"));
    assert_int_equal(http_script_count(&script), 1 + HEDDLE_PROVIDER_ATTEMPTS_MAX);
    assert_int_equal(embed(three, 3), HEDDLE_OK); /* the next call begins afresh */
    end();
}

static void a_wait_beyond_patience_is_not_begun(void **state)
{
    (void)state;
    const struct http_script_answer busy = {.status = 429, .head = "Retry-After: 3600\r\n"};
    begin(&(struct fake){.base64 = true, .first = &busy, .first_count = 1, .open_first = 1}, "openai", "m");
    assert_int_equal(embed(three, 3), HEDDLE_NETWORK);
    assert_non_null(strstr(error.message, "answered 429"));
    assert_int_equal(http_script_count(&script), 2);
    assert_int_equal(ticking.slept_ms, 0);
    end();
}

static void what_cannot_pass_is_not_tried_again(void **state)
{
    (void)state;
    static const struct {
        struct http_script_answer answer;
        const char *text;
    } cases[] = {
        {{.status = 401, .body = "{\"error\":{\"message\":\"Incorrect key " KEY "\"}}"}, "check the API key"},
        {{.status = 403}, "check the API key"},
        {{.status = 404}, "check the address"},
        {{.status = 415}, "embedding service"},
        {{.status = 429, .body = "{\"error\":{\"message\":\"pay\",\"code\":\"insufficient_quota\"}}"}, "pay"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(&(struct fake){.base64 = true, .first = &cases[i].answer, .first_count = 1, .open_first = 1},
              "openai", "m");
        assert_int_equal(embed(three, 3), HEDDLE_MODEL);
        assert_non_null(strstr(error.message, cases[i].text));
        assert_int_equal(http_script_count(&script), 2);
        end();
        /* and when opening */
        assert_int_equal(
            begin_with(&(struct fake){.first = &cases[i].answer, .first_count = 1}, "openai", "m"),
            HEDDLE_MODEL);
        assert_non_null(strstr(error.message, cases[i].text));
        assert_int_equal(http_script_count(&script), 1);
        end();
    }
}

/* ---- halves ------------------------------------------------------------------------------------------------------------- */

/* No body was sent twice: a refusal is final for exactly what was refused. */
static void assert_no_body_came_twice(void)
{
    for (size_t i = 0; i < http_script_count(&script); i++) {
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(http_script_request(&script, i)->body,
                                    http_script_request(&script, k)->body);
        }
    }
}

static void a_refused_request_is_halved_down_to_the_one_bad_text(void **state)
{
    (void)state;
    static const int refusals[] = {413, 400, 422};
    for (size_t i = 0; i < 3; i++) {
        begin(&(struct fake){.base64 = true, .bad_status = refusals[i]}, "openai", "m");
        assert_int_equal(embed(eight, 8), HEDDLE_OK);
        assert_only_fails(8, 4, "this text is too long");
        assert_int_equal(http_script_count(&script), 1 + 7); /* 8, then 4 4, 2 2, 1 1 */
        assert_no_body_came_twice();
        end();
    }
}

static void a_service_that_takes_less_than_it_says_gets_less(void **state)
{
    (void)state;
    begin(&(struct fake){.base64 = true, .items_max = 1}, "openai", "m");
    assert_int_equal(embed(eight, 8), HEDDLE_OK);
    assert_all_done(8);
    end();
}

static void a_text_that_breaks_the_service_fails_alone(void **state)
{
    (void)state;
    begin(&(struct fake){.base64 = true, .bad_status = 500}, "openai", "m");
    assert_int_equal(embed(eight, 8), HEDDLE_OK);
    assert_only_fails(8, 4, "answered 500");
    end();
}

static void a_service_that_breaks_on_everything_ends_the_call(void **state)
{
    (void)state;
    static struct http_script_answer broken[400];
    for (size_t i = 0; i < 400; i++) {
        broken[i] = (struct http_script_answer){.status = 500, .body = "{\"message\":\"boom\"}"};
    }
    begin(&(struct fake){.base64 = true, .first = broken, .first_count = 400, .open_first = 1}, "openai",
          "m");
    assert_int_equal(embed(eight, 8), HEDDLE_NETWORK);
    assert_non_null(strstr(error.message, "boom"));
    assert_in_range(http_script_count(&script), HEDDLE_PACING_TRIP, 60);
    end();
}

static void a_bad_vector_is_its_texts_failure(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        const char *reason;
    } cases[] = {
        {"[1,2,3]", "answered 3 numbers, expected 4"},
        {"[1,2,3,4,5]", "answered 5 numbers, expected 4"},
        {"[1,NaN,3,4]", "not finite"},
        {"null", "answered null"},
        {"\"AAAAAAA\"", "no vector"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(&(struct fake){.backwards = true, .bad_row = cases[i].row}, "openai", "m");
        assert_int_equal(embed(eight, 8), HEDDLE_OK);
        assert_only_fails(8, 4, cases[i].reason);
        end();
    }
}

static void a_short_answer_is_asked_again_then_halved(void **state)
{
    (void)state;
    begin(&(struct fake){.base64 = true, .short_by = 1}, "openai", "m");
    assert_int_equal(embed(eight, 8), HEDDLE_OK);
    assert_only_fails(8, 4, "0 vectors for 1 texts");
    end();
}

/* ---- opening ------------------------------------------------------------------------------------------------------------ */

/* Somebody loses patience while the engine waits. */
static void sleep_and_stop(void *context, uint64_t milliseconds)
{
    fake_sleep_ms(context, milliseconds);
    if (engine != NULL && ticking.slept_ms >= 300) {
        engine->class->stop(engine);
    }
}

static void stopping_ends_what_waits_for_a_service(void **state)
{
    (void)state;
    static struct http_script_answer busy[20];
    for (size_t i = 0; i < 20; i++) {
        busy[i] = (struct http_script_answer){.status = 429, .head = "Retry-After: 30\r\n"};
    }
    nobody_waits.sleep_ms = sleep_and_stop;
    begin(&(struct fake){.base64 = true, .first = busy, .first_count = 20, .open_first = 1}, "openai", "m");
    assert_int_equal(embed(three, 3), HEDDLE_INTERRUPTED);
    assert_in_range(ticking.slept_ms, 300, 1000); /* of 30,000 */
    assert_int_equal(embed(three, 3), HEDDLE_INTERRUPTED);
    end();
    nobody_waits.sleep_ms = fake_sleep_ms;
}

static void a_service_that_sleeps_is_waited_for(void **state)
{
    (void)state;
    static struct http_script_answer asleep[30];
    for (size_t i = 0; i < 30; i++) {
        asleep[i] =
            (struct http_script_answer){.status = i % 2 == 0 ? 503 : 504, .head = "Retry-After: 10\r\n"};
    }
    begin(&(struct fake){.base64 = true, .first = asleep, .first_count = 30}, "openai", "m");
    assert_int_equal(http_script_count(&script), 31); /* more than the attempts of a service that is awake */
    assert_in_range(ticking.slept_ms, 290000, 620000);
    end();
    /* but not for ever */
    service.cold_timeout_ms = 60000;
    assert_int_equal(begin_with(&(struct fake){.first = asleep, .first_count = 30}, "openai", "m"),
                     HEDDLE_NETWORK);
    assert_non_null(strstr(error.message, "answered 50"));
    assert_in_range(http_script_count(&script), 3, 8);
    end();
}

static void the_first_answer_may_take_longer_than_the_others(void **state)
{
    (void)state;
    service.timeout_ms = 40;
    service.cold_timeout_ms = 20000;
    begin(&(struct fake){.base64 = true, .delay_ms = 120}, "openai", "m");
    const size_t before = http_script_count(&script);
    assert_int_equal(before, 1);
    assert_int_equal(embed(three, 3), HEDDLE_NETWORK); /* each attempt is over after 40 ms */
    assert_int_equal(http_script_count(&script), before + HEDDLE_PROVIDER_ATTEMPTS_MAX);
    end();
}

static void an_address_where_nobody_is_fails_soon(void **state)
{
    (void)state;
    static const struct http_script_answer none[] = {{0}};
    ticking = (struct fake_clock){.now_ns = 1};
    http_script_start(&script, none, 1);
    http_script_stop(&script);
    service.url = http_script_url(&script, "", url);
    service.api_key = KEY;
    options = (struct heddle_embedder_options){.provider = "tei", .service = &service};
    engine = NULL;
    assert_int_equal(heddle_provider_open("", &options, &nobody_waits, &engine, &error), HEDDLE_NETWORK);
    assert_non_null(strstr(error.message, "given up after 3 attempts"));
    assert_null(strstr(error.message, KEY));
    http_script_free(&script);
    service = (struct heddle_embedder_service){0};
}

static void a_redirect_to_another_server_does_not_get_the_key(void **state)
{
    (void)state;
    static const struct http_script_answer stolen[] = {{.body = "[[1,2,3,4]]"}};
    struct http_script other;
    char head[128];
    http_script_start(&other, stolen, 1);
    snprintf(head, sizeof head, "Location: http://127.0.0.1:%u/embed\r\n", other.port);
    const struct http_script_answer moved = {.status = 307, .head = head};
    assert_int_equal(begin_with(&(struct fake){.first = &moved, .first_count = 1}, "tei", ""), HEDDLE_MODEL);
    assert_non_null(strstr(error.message, "another server"));
    end();
    http_script_stop(&other);
    assert_int_equal(http_script_count(&other), 0);
    http_script_free(&other);
}

static void options_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct heddle_embedder_service service;
        const char *provider;
        const char *model;
        const char *text;
    } cases[] = {
        {{.url = "https://h"}, "cohere", "", "known are"},
        {{.url = NULL}, "tei", "", "needs the address"},
        {{.url = ""}, "tei", "", "needs the address"},
        {{.url = "h:8080"}, "tei", "", "must start with"},
        {{.url = "ftp://h"}, "tei", "", "must start with"},
        {{.url = "https://u:swordfish@h/"}, "tei", "", "must not hold"},
        {{.url = "https://h"}, "databricks", "a/b", "serving endpoint"},
        {{.url = "https://h", .shape = "rows"}, "databricks", "a", "dataframe_split"},
        {{.url = "https://h", .shape = "openai"}, "tei", "", "have one each"},
        {{.url = "https://h", .connections_max = 1000}, "tei", "", "over 256"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct heddle_embedder_options asked = {.provider = cases[i].provider,
                                                      .service = &cases[i].service};
        assert_int_equal(heddle_provider_open(cases[i].model, &asked, NULL, &engine, &error), HEDDLE_INVALID);
        assert_non_null(strstr(error.message, cases[i].text));
        assert_null(strstr(error.message, "swordfish"));
    }
    assert_int_equal(heddle_provider_open("", NULL, NULL, &engine, NULL), HEDDLE_INVALID);
    assert_true(heddle_provider_is("tei") && !heddle_provider_is("native") && !heddle_provider_is(NULL));
}

/* ---- memory ------------------------------------------------------------------------------------------------------------- */

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const struct http_script_answer answers[] = {{.body = "[[1,2,3,4]]"}};
    static const char *const x[] = {"x"};
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t n = 0;
    http_script_start(&script, answers, 1);
    service.url = http_script_url(&script, "", url);
    service.api_key = KEY;
    options = (struct heddle_embedder_options){.provider = "tei", .service = &service};
    for (; status != HEDDLE_OK; n++) {
        assert_in_range(n, 0, 500);
        engine = NULL;
        heddle_memory_fail_at(n);
        status = heddle_provider_open("", &options, &nobody_waits, &engine, NULL);
        assert_true((status == HEDDLE_OK) == (engine != NULL));
        if (engine != NULL) {
            struct heddle_engine_session *session = NULL;
            items[0] = (struct heddle_engine_item){x[0], 1, vectors[0], &statuses[0]};
            status = engine->class->session_create(engine, &session, NULL);
            if (status == HEDDLE_OK) {
                status = engine->class->embed(session, items, 1, NULL);
            }
            engine->class->session_destroy(session);
            engine->class->destroy(engine);
        }
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
    }
    assert_true(n > 20);
    http_script_stop(&script);
    http_script_free(&script);
    service = (struct heddle_embedder_service){0};
}

static int group_setup(void **state)
{
    (void)state;
    return setenv("no_proxy", "*", 1); /* the tests talk to loopback whatever the environment says */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openai_is_asked_for_base64_and_its_own_model),
        cmocka_unit_test(a_service_that_knows_no_base64_is_asked_for_numbers),
        cmocka_unit_test(fewer_dimensions_are_asked_for_where_the_service_knows_them),
        cmocka_unit_test(databricks_forms_are_found_by_trying),
        cmocka_unit_test(tei_says_what_it_takes),
        cmocka_unit_test(ollama_is_asked_by_model),
        cmocka_unit_test(two_services_or_models_have_different_identities),
        cmocka_unit_test(vectors_are_given_unit_length_if_asked),
        cmocka_unit_test(empty_texts_are_not_sent),
        cmocka_unit_test(a_request_keeps_to_the_callers_budget),
        cmocka_unit_test(a_wish_to_wait_is_honoured),
        cmocka_unit_test(nothing_is_sent_while_the_limit_is_used_up),
        cmocka_unit_test(what_may_pass_is_tried_again),
        cmocka_unit_test(trouble_without_end_is_given_up),
        cmocka_unit_test(a_wait_beyond_patience_is_not_begun),
        cmocka_unit_test(what_cannot_pass_is_not_tried_again),
        cmocka_unit_test(a_refused_request_is_halved_down_to_the_one_bad_text),
        cmocka_unit_test(a_service_that_takes_less_than_it_says_gets_less),
        cmocka_unit_test(a_text_that_breaks_the_service_fails_alone),
        cmocka_unit_test(a_service_that_breaks_on_everything_ends_the_call),
        cmocka_unit_test(a_bad_vector_is_its_texts_failure),
        cmocka_unit_test(a_short_answer_is_asked_again_then_halved),
        cmocka_unit_test(stopping_ends_what_waits_for_a_service),
        cmocka_unit_test(a_service_that_sleeps_is_waited_for),
        cmocka_unit_test(the_first_answer_may_take_longer_than_the_others),
        cmocka_unit_test(an_address_where_nobody_is_fails_soon),
        cmocka_unit_test(a_redirect_to_another_server_does_not_get_the_key),
        cmocka_unit_test(options_that_make_no_sense_are_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, group_setup, NULL);
}
