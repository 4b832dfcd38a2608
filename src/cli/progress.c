/* progress.c: counters to a line. */
#include "cli/progress.h"

#include "base/text.h"

/* A rate from less than this many seconds is noise. */
static const double RATE_SECONDS_MIN = 0.5;

static void append_duration(struct heddle_buffer *out, double seconds)
{
    const uint64_t whole = seconds < 0 ? 0 : (uint64_t)(seconds + 0.5);
    if (whole >= 3600) {
        heddle_buffer_append_format(out, "%llu h %02llu min", (unsigned long long)(whole / 3600),
                                    (unsigned long long)(whole / 60 % 60));
    } else if (whole >= 60) {
        heddle_buffer_append_format(out, "%llu min %02llu s", (unsigned long long)(whole / 60),
                                    (unsigned long long)(whole % 60));
    } else {
        heddle_buffer_append_format(out, "%llu s", (unsigned long long)whole);
    }
}

static void append_loading(const struct heddle_run_progress *progress, struct heddle_buffer *out)
{
    const uint64_t rows = progress->embeds ? progress->rows_embedded : progress->rows_read;
    char number[32], expected[32], rate_text[32];
    heddle_buffer_append_format(out, "%s", heddle_text_grouped(rows, number));
    if (progress->rows_expected > 0) {
        heddle_buffer_append_format(out, " of %s rows (%.0f %%)",
                                    heddle_text_grouped((uint64_t)progress->rows_expected, expected),
                                    100.0 * (double)rows / (double)progress->rows_expected);
    } else {
        heddle_buffer_append_text(out, " rows");
    }
    if (progress->pass_count > 1) {
        heddle_buffer_append_format(out, ", pass %zu of %zu", progress->pass, progress->pass_count);
    }
    if (progress->pass_elapsed_s >= RATE_SECONDS_MIN && rows > 0) {
        const double rate = (double)rows / progress->pass_elapsed_s;
        heddle_buffer_append_format(out, ", %s rows/s", heddle_text_grouped((uint64_t)rate, rate_text));
        if (progress->rows_expected > 0 && rate > 0) {
            heddle_buffer_append_text(out, ", left ");
            append_duration(out, ((double)progress->rows_expected - (double)rows) / rate);
        }
    }
}

void heddle_progress_line(const struct heddle_run_progress *progress, struct heddle_buffer *out)
{
    heddle_buffer_append_format(out, "%-10s ", heddle_run_phase_name(progress->phase));
    if (progress->phase == HEDDLE_PHASE_LOADING) {
        append_loading(progress, out);
    } else {
        append_duration(out, progress->elapsed_s);
    }
    char number[32];
    if (progress->sink.transactions > 0) {
        heddle_buffer_append_format(out, ", written %s",
                                    heddle_text_grouped(progress->sink.rows_done, number));
        heddle_buffer_append_format(out, ", %zu writers x %zu", progress->sink.writers,
                                    progress->sink.batch_rows);
    }
    if (progress->rows_removed > 0) {
        heddle_buffer_append_format(out, ", removed %s", heddle_text_grouped(progress->rows_removed, number));
    }
    if (progress->rejected > 0) {
        heddle_buffer_append_format(out, ", rejects %s", heddle_text_grouped(progress->rejected, number));
    }
    if (progress->sink.waits_for[0] != '\0') {
        heddle_buffer_append_format(out, ", waiting for %s", progress->sink.waits_for);
    }
    if (progress->sink.retries > 0) {
        heddle_buffer_append_format(out, ", retries %s", heddle_text_grouped(progress->sink.retries, number));
    }
}

void heddle_progress_show(const struct heddle_cli *cli, const struct heddle_run_progress *progress)
{
    struct heddle_buffer line = {0};
    heddle_progress_line(progress, &line);
    const char *text = heddle_buffer_text(&line);
    if (text != NULL) {
        fprintf(cli->err, cli->terminal ? "\r\033[K%s" : "%s\n", text);
        fflush(cli->err);
    }
    heddle_buffer_free(&line);
}

void heddle_progress_clear(const struct heddle_cli *cli)
{
    if (cli->terminal) {
        fputs("\r\033[K", cli->err);
        fflush(cli->err);
    }
}
