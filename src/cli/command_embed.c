/* command_embed.c: `heddle embed IN OUT`: a column of vectors for a table. */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "run/embedding/embed_file.h"
#include "run/models/model_open.h"
#include "run/run.h"

enum {
    TERMINAL_EVERY_MS = 200,
    PLAIN_EVERY_MS = 5000,
    TICK_MS = 50, /* how late a signal may be noticed */
};

struct showing {
    const struct heddle_cli *cli;
    uint64_t start_ns;
    uint64_t shown_ns;
    struct heddle_embedder *_Atomic embedder; /* NULL while it is being opened */
    sigset_t signals;                         /* blocked in every thread, taken by the watcher */
    _Atomic bool stop;
    _Atomic bool done;
};

/* A thread of its own: the others may be waiting for a service. First signal: stop, write nothing. Second, or before anything
 * has begun: at once. */
static void *watch_signals(void *argument)
{
    struct showing *showing = argument;
    const struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    while (!atomic_load(&showing->done)) {
        if (sigtimedwait(&showing->signals, NULL, &tick) <= 0) {
            continue;
        }
        struct heddle_embedder *embedder = atomic_load(&showing->embedder);
        if (embedder == NULL || atomic_exchange(&showing->stop, true)) {
            _Exit(HEDDLE_EXIT_INTERRUPTED);
        }
        fprintf(showing->cli->err, "%sheddle: stopping; nothing is written\n",
                showing->cli->terminal ? "\r\033[K" : "");
        heddle_embedder_stop(embedder);
    }
    return NULL;
}

static int show(void *context, uint64_t rows, int64_t rows_expected)
{
    struct showing *showing = context;
    const struct heddle_cli *cli = showing->cli;
    const uint64_t now = heddle_clock_ns();
    const uint64_t every = (cli->terminal ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS) * 1000000ull;
    if (atomic_load(&showing->stop)) {
        return HEDDLE_INTERRUPTED;
    }
    if (!cli->show_progress || cli->quiet || now - showing->shown_ns < every) {
        return HEDDLE_OK;
    }
    char done[32], all[32];
    const double rate = (double)rows / ((double)(now - showing->start_ns) / 1e9);
    fprintf(cli->err, "%sembedded %s", cli->terminal ? "\r\033[K" : "", heddle_text_grouped(rows, done));
    if (rows_expected > 0) {
        fprintf(cli->err, " of %s rows, %.0f rows/s, %.0f s left",
                heddle_text_grouped((uint64_t)rows_expected, all), rate,
                ((double)rows_expected - (double)rows) / rate);
    } else {
        fprintf(cli->err, " rows, %.0f rows/s", rate);
    }
    fprintf(cli->err, "%s", cli->terminal ? "" : "\n");
    fflush(cli->err);
    showing->shown_ns = now;
    return HEDDLE_OK;
}

static void print_result(const struct heddle_cli *cli, const struct heddle_embed_file_options *options,
                         const struct heddle_embed_file_result *result, struct heddle_buffer *out)
{
    const struct heddle_embed_statistics *embedded = &result->embedded;
    struct heddle_embedder_info info;
    heddle_embedder_describe(options->embedder, &info);
    const double rate = result->seconds > 0 ? (double)result->rows / result->seconds : 0;
    if (cli->json) {
        heddle_buffer_append_format(
            out,
            "{\"rows\": %" PRIu64 ", \"dimensions\": %zu, \"texts_embedded\": %" PRIu64
            ", \"texts_folded\": %" PRIu64 ", \"texts_remembered\": %" PRIu64 ", \"no_text\": %" PRIu64
            ", \"truncated\": %" PRIu64 ", \"repaired\": %" PRIu64 ", \"rejected\": %" PRIu64
            ", \"tokens\": %" PRIu64
            ", \"precision\": \"%s\", \"kernel\": \"%s\", \"seconds\": %.3f, \"cpu_seconds\": %.3f}\n",
            result->rows, info.dimensions, embedded->texts_embedded, embedded->texts_folded,
            embedded->texts_remembered, embedded->no_text, embedded->truncated, embedded->repaired,
            result->rejected, embedded->tokens, info.precision, info.kernel, result->seconds,
            result->embed_cpu_seconds);
        return;
    }
    char rows[32], texts[32], folded[32], remembered[32], tokens[32], none[32], cut[32], rejected[32];
    heddle_buffer_append_format(
        out,
        "%s rows in %s (%.1f s, %.0f rows/s)\n"
        "  embedded    %s texts, %s tokens; %s more were equal to another, %s known from the cache\n"
        "  without     %s rows had no text; %s texts were cut to %zu tokens\n"
        "  model       %s, %zu dimensions, %s, kernel %s\n",
        heddle_text_grouped(result->rows, rows), options->out, result->seconds, rate,
        heddle_text_grouped(embedded->texts_embedded, texts), heddle_text_grouped(embedded->tokens, tokens),
        heddle_text_grouped(embedded->texts_folded, folded),
        heddle_text_grouped(embedded->texts_remembered, remembered),
        heddle_text_grouped(embedded->no_text, none), heddle_text_grouped(embedded->truncated, cut),
        info.max_tokens, info.name, info.dimensions, info.precision, info.kernel);
    if (result->rejected > 0) {
        heddle_buffer_append_format(out, "  rejected    %s rows have no vector: see %s\n",
                                    heddle_text_grouped(result->rejected, rejected), options->rejects_folder);
    }
}

/* The settings behind `options`. 0, or an exit code after having said why. */
static int fill(struct heddle_cli *cli, struct heddle_embed_file_options *options)
{
    const struct heddle_option_value *values = cli->options.values;
    const struct heddle_option_value *limit = &values[HEDDLE_OPTION_LIMIT];
    const struct heddle_option_value *reject = &values[HEDDLE_OPTION_REJECT_LIMIT];
    const char *as = heddle_cli_flag_value(cli, "as");
    options->in = cli->positional[0];
    options->out = cli->positional[1];
    options->type = heddle_cli_flag_value(cli, "type");
    options->format = heddle_cli_flag_value(cli, "format");
    options->column = heddle_cli_flag_value(cli, "column");
    options->as = as == NULL ? "embedding" : as;
    options->limit = limit->text != NULL && limit->number > 0 ? (uint64_t)limit->number : UINT64_MAX;
    options->threads = heddle_embed_threads(&cli->options);
    options->rejects_folder = heddle_arena_format(cli->arena, "%s.rejects", options->out);
    options->reject_limit = heddle_reject_limit_of(reject);
    return options->rejects_folder == NULL ? HEDDLE_EXIT_INTERNAL : 0;
}

static int embed(struct heddle_cli *cli, struct showing *showing, struct heddle_buffer *out,
                 uint64_t *rejected, struct heddle_error *error)
{
    const char *model = cli->options.values[HEDDLE_OPTION_MODEL].text;
    struct heddle_stores stores;
    struct heddle_embed_file_options options = {
        .stores = &stores, .progress = show, .context = showing, .stop = &showing->stop};
    heddle_stores_fill(&cli->options, &stores);
    struct heddle_embed_file_result result = {0};
    if (fill(cli, &options) != 0) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_model_open(&cli->options, model == NULL || model[0] == '\0' ? NULL : model,
                                 HEDDLE_MODEL_FOR_DOCUMENTS, cli->arena, &options.embedder, error));
    atomic_store(&showing->embedder, options.embedder);
    const int status = heddle_embed_file(&options, &result, error);
    heddle_stores_close(&stores);
    atomic_store(&showing->done, true);
    if (cli->terminal && cli->show_progress && !cli->quiet) {
        fputs("\r\033[K", cli->err);
    }
    if (status == HEDDLE_OK) {
        print_result(cli, &options, &result, out);
    }
    *rejected = result.rejected;
    heddle_embedder_close(options.embedder);
    return status;
}

int heddle_command_embed(struct heddle_cli *cli)
{
    struct heddle_error error = {0};
    struct heddle_buffer out = {0};
    uint64_t rejected = 0;
    struct showing showing = {.cli = cli, .start_ns = heddle_clock_ns(), .shown_ns = heddle_clock_ns()};
    sigemptyset(&showing.signals);
    sigaddset(&showing.signals, SIGINT);
    sigaddset(&showing.signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &showing.signals, NULL);
    pthread_t watcher;
    const bool watched = pthread_create(&watcher, NULL, watch_signals, &showing) == 0;
    const int status = embed(cli, &showing, &out, &rejected, &error);
    atomic_store(&showing.done, true);
    if (watched) {
        pthread_join(watcher, NULL);
    }
    if (status != HEDDLE_OK) {
        heddle_buffer_free(&out);
        return heddle_cli_fail_local(cli, &error);
    }
    const int code = heddle_cli_print(cli, &out);
    return code == HEDDLE_EXIT_OK && rejected > 0 ? HEDDLE_EXIT_WITH_REJECTS : code;
}
