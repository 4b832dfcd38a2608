/* receipt.c: the balance, as text and as JSON. */
#include "run/receipt.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static uint64_t accounted(const struct heddle_target_counts *counts)
{
    return counts->created + counts->matched + counts->folded + counts->rejected + counts->removed;
}

int heddle_receipt_check(const struct heddle_receipt *receipt, struct heddle_error *error)
{
    for (size_t i = 0; i < receipt->target_count; i++) {
        const struct heddle_receipt_target *target = &receipt->targets[i];
        const struct heddle_target_counts *counts = &target->counts;
        if (counts->read != target->rows_offered || counts->read != accounted(counts)) {
            return heddle_error_set(error, HEDDLE_UNBALANCED,
                                    "the receipt of target '%s' does not balance: %" PRIu64
                                    " rows from the source, %" PRIu64 " taken, %" PRIu64 " created + %" PRIu64
                                    " matched + %" PRIu64 " folded + %" PRIu64 " rejected + %" PRIu64
                                    " removed",
                                    target->name, target->rows_offered, counts->read, counts->created,
                                    counts->matched, counts->folded, counts->rejected, counts->removed);
        }
    }
    for (size_t i = 0; i < receipt->load.target_count; i++) {
        const struct heddle_totals_target *target = &receipt->load.targets[i];
        if (target->counts.read != accounted(&target->counts)) {
            return heddle_error_set(
                error, HEDDLE_UNBALANCED,
                "the totals of target '%s' over all runs of the load do not balance: %" PRIu64
                " rows, and %" PRIu64 " of them accounted for",
                target->name, target->counts.read, accounted(&target->counts));
        }
    }
    return HEDDLE_OK;
}

/* The lines of a receipt start with a name each, in one column. */
static int name_width(const struct heddle_receipt *receipt)
{
    size_t widest = strlen("embedding");
    for (size_t i = 0; i < receipt->target_count; i++) {
        const size_t width = strlen(receipt->targets[i].name);
        widest = width > widest ? width : widest;
    }
    return (int)widest;
}

static void print_targets(const struct heddle_receipt *receipt, int width, struct heddle_buffer *out)
{
    for (size_t i = 0; i < receipt->target_count; i++) {
        const struct heddle_totals_target target = {receipt->targets[i].name, receipt->targets[i].counts};
        heddle_totals_print_target(&target, width, out);
    }
}

/* Of a load that took more than this run: the whole of it, so far. */
static void print_load(const struct heddle_receipt *receipt, int width, struct heddle_buffer *out)
{
    const struct heddle_totals *load = &receipt->load;
    char rows[32], batches[32], mine[32];
    if (load->micro_batches <= receipt->micro_batches) {
        return;
    }
    heddle_buffer_append_format(out, "the load so far: %s rows in %s micro-batches, %s of them in this run\n",
                                heddle_text_grouped(load->rows_read, rows),
                                heddle_text_grouped(load->micro_batches, batches),
                                heddle_text_grouped(receipt->micro_batches, mine));
    for (size_t i = 0; i < load->target_count; i++) {
        heddle_totals_print_target(&load->targets[i], width, out);
    }
}

static void print_embedding(const struct heddle_receipt *receipt, int width, struct heddle_buffer *out)
{
    if (receipt->model[0] == '\0') {
        return;
    }
    uint64_t vectors = 0;
    for (size_t i = 0; i < receipt->target_count; i++) {
        vectors += receipt->targets[i].counts.vectors;
    }
    char written[32], without[32], truncated[32], embedded[32], folded[32], tokens[32];
    heddle_buffer_append_format(out, "  %-*s  %s written, %s rows without text, %s texts truncated\n", width,
                                "vectors", heddle_text_grouped(vectors, written),
                                heddle_text_grouped(receipt->embedded.no_text, without),
                                heddle_text_grouped(receipt->embedded.truncated, truncated));
    heddle_buffer_append_format(
        out, "  %-*s  %s texts (%s tokens), %s more equal to one of them; %s, %s, %s\n", width, "embedding",
        heddle_text_grouped(receipt->embedded.texts_embedded, embedded),
        heddle_text_grouped(receipt->embedded.tokens, tokens),
        heddle_text_grouped(receipt->embedded.texts_folded, folded), receipt->model, receipt->precision,
        receipt->kernel);
    if (receipt->texts_unchanged > 0) {
        heddle_buffer_append_format(out,
                                    "  %-*s  %s embeddings kept: the texts of updated rows did not change\n",
                                    width, "", heddle_text_grouped(receipt->texts_unchanged, embedded));
    }
    if (receipt->embedded.texts_remembered > receipt->kept.found) {
        heddle_buffer_append_format(
            out, "  %-*s  %s texts known from the embedding cache\n", width, "",
            heddle_text_grouped(receipt->embedded.texts_remembered - receipt->kept.found, embedded));
    }
    if (receipt->kept.found > 0 || receipt->kept.again > 0) {
        heddle_buffer_append_format(out,
                                    "  %-*s  %s vectors were kept by earlier runs, %s texts embedded again\n",
                                    width, "", heddle_text_grouped(receipt->kept.found, embedded),
                                    heddle_text_grouped(receipt->kept.again, folded));
    }
    if (receipt->kept.problem[0] != '\0') {
        heddle_buffer_append_format(out, "  %-*s  vectors were not kept for a resume: %s\n", width, "",
                                    receipt->kept.problem);
    }
    if (receipt->embedded.repaired > 0) {
        heddle_buffer_append_format(out,
                                    "  %-*s  %s texts were not UTF-8: what could not be read became U+FFFD\n",
                                    width, "", heddle_text_grouped(receipt->embedded.repaired, embedded));
    }
    if (receipt->embedded.cache_failures > 0) {
        heddle_buffer_append_format(
            out, "  %-*s  %s texts could not be looked up or kept in the embedding cache: %s\n", width, "",
            heddle_text_grouped(receipt->embedded.cache_failures, embedded),
            receipt->cache_problem == NULL ? "" : receipt->cache_problem);
    }
}

static void print_times(const struct heddle_receipt *receipt, int width, struct heddle_buffer *out)
{
    const double rate = receipt->total.wall > 0 ? (double)receipt->rows_read / receipt->total.wall : 0;
    char rows[32], per_second[32];
    heddle_buffer_append_format(out, "  %-*s  %.1f s for %s rows: %s rows/s; CPU %.1f s, at most %.0f MB\n",
                                width, "time", receipt->total.wall,
                                heddle_text_grouped(receipt->rows_read, rows),
                                heddle_text_grouped((uint64_t)rate, per_second), receipt->total.cpu,
                                (double)receipt->rss_bytes_max / 1e6);
    heddle_buffer_append_format(out,
                                "  %-*s  read %.2f s, embed %.2f s (%.1f s CPU), write %.2f s, index %.2f s, "
                                "verify %.2f s\n",
                                width, "", receipt->read.wall, receipt->embed.wall, receipt->embed.cpu,
                                receipt->write.wall, receipt->index.wall, receipt->verify.wall);
}

void heddle_receipt_print(const struct heddle_receipt *receipt, struct heddle_buffer *out)
{
    if (receipt->micro_batches == 0) {
        heddle_buffer_append_format(
            out,
            "nothing new for %s: all that its tables hold was loaded before, says the "
            "checkpoint %s; --fresh loads it again\n",
            receipt->job, receipt->checkpoint != NULL ? receipt->checkpoint : "");
        return;
    }
    heddle_buffer_append_format(out, "loaded %s into %s\n", receipt->job, receipt->to);
    const int width = name_width(receipt);
    print_targets(receipt, width, out);
    print_embedding(receipt, width, out);
    char transactions[32], retries[32];
    heddle_buffer_append_format(
        out,
        "  %-*s  %s transactions, %s retries, %.1f MB, %zu writers, at most %zu rows a "
        "transaction\n",
        width, "written", heddle_text_grouped(receipt->sink.transactions, transactions),
        heddle_text_grouped(receipt->sink.retries, retries), (double)receipt->sink.bytes_sent / 1e6,
        receipt->sink.writers, receipt->sink.batch_rows);
    if (receipt->sink.claim[0] != '\0') {
        heddle_buffer_append_format(out, "  %-*s  %s\n", width, "warning", receipt->sink.claim);
    }
    print_times(receipt, width, out);
    if (receipt->verified) {
        heddle_buffer_append_format(out, "  %-*s  %s\n", width, "verified", receipt->verification.summary);
    }
    if (receipt->rejected > 0) {
        char rejected[32];
        heddle_buffer_append_format(out, "  %-*s  %s records, with reasons, below %s\n", width, "rejects",
                                    heddle_text_grouped(receipt->rejected, rejected),
                                    receipt->rejects_folder);
    }
    print_load(receipt, width, out);
}

static json_t *time_json(const struct heddle_receipt_time *time)
{
    return time->cpu < 0 ? json_pack("{s:f}", "wall_s", time->wall)
                         : json_pack("{s:f, s:f}", "wall_s", time->wall, "cpu_s", time->cpu);
}

static json_t *targets_json(const struct heddle_receipt *receipt)
{
    json_t *array = json_array();
    for (size_t i = 0; i < receipt->target_count; i++) {
        json_array_append_new(
            array, heddle_totals_target_json(receipt->targets[i].name, &receipt->targets[i].counts));
    }
    return array;
}

static json_t *embedding_json(const struct heddle_receipt *receipt)
{
    const struct heddle_embed_statistics *embedded = &receipt->embedded;
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {
        {"threads", receipt->embed_threads},
        {"texts_embedded", embedded->texts_embedded},
        {"texts_folded", embedded->texts_folded},
        {"texts_remembered", embedded->texts_remembered},
        {"texts_kept", receipt->kept.found},
        {"texts_again", receipt->kept.again},
        {"texts_unchanged", receipt->texts_unchanged},
        {"tokens", embedded->tokens},
        {"no_text", embedded->no_text},
        {"truncated", embedded->truncated},
        {"repaired", embedded->repaired},
        {"failed", embedded->failed},
        {"cache_failures", embedded->cache_failures},
    };
    json_t *object = json_pack("{s:s, s:s, s:s}", "model", receipt->model, "precision", receipt->precision,
                               "kernel", receipt->kernel);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        json_object_set_new(object, counts[i].name, json_integer((json_int_t)counts[i].value));
    }
    json_object_set_new(object, "tokenize_s", json_real((double)embedded->tokenize_ns / 1e9));
    json_object_set_new(object, "encode_s", json_real((double)embedded->encode_ns / 1e9));
    return object;
}

static json_t *writing_json(const struct heddle_sink_progress *sink)
{
    return json_pack("{s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:f, s:f}", "transactions",
                     (json_int_t)sink->transactions, "retries", (json_int_t)sink->retries, "deadlocks",
                     (json_int_t)sink->deadlocks, "claim", sink->claim, "bytes_sent",
                     (json_int_t)sink->bytes_sent, "writers", (json_int_t)sink->writers, "batch_rows",
                     (json_int_t)sink->batch_rows, "wait_s", (double)sink->wait_ns / 1e9, "encode_s",
                     (double)sink->encode_ns / 1e9);
}

static json_t *verification_json(const struct heddle_receipt *receipt)
{
    if (!receipt->verified) {
        return json_null();
    }
    const struct heddle_verification *found = &receipt->verification;
    json_t *object = json_pack("{s:b, s:s, s:s}", "ok", found->ok, "summary", found->summary, "index_state",
                               found->index_state);
    json_object_set_new(object, "recall", found->recall < 0 ? json_null() : json_real(found->recall));
    return object;
}

int heddle_receipt_json(const struct heddle_receipt *receipt, const char *status, bool pretty,
                        struct heddle_buffer *out, struct heddle_error *error)
{
    json_t *root = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o, s:o, s:o, s:o}, "
        "s:I, "
        "s:o}",
        "status", status, "job", receipt->job, "load_id", receipt->load_id, "to", receipt->to,
        "micro_batches", (json_int_t)receipt->micro_batches, "rows_read", (json_int_t)receipt->rows_read,
        "rows_unreadable", (json_int_t)receipt->rows_unreadable, "rejected", (json_int_t)receipt->rejected,
        "rejects_folder", receipt->rejects_folder, "targets", targets_json(receipt), "load",
        heddle_totals_json(&receipt->load), "embedding",
        receipt->model[0] == '\0' ? json_null() : embedding_json(receipt), "writing",
        writing_json(&receipt->sink), "time", "total", time_json(&receipt->total), "read",
        time_json(&receipt->read), "embed", time_json(&receipt->embed), "write", time_json(&receipt->write),
        "index", time_json(&receipt->index), "verify", time_json(&receipt->verify), "rss_bytes_max",
        (json_int_t)receipt->rss_bytes_max, "verification", verification_json(receipt));
    char *text = root == NULL
                     ? NULL
                     : json_dumps(root, (pretty ? JSON_INDENT(2) : JSON_COMPACT) | JSON_REAL_PRECISION(9));
    json_decref(root);
    if (text == NULL) {
        return heddle_error_out_of_memory(error);
    }
    heddle_buffer_append_text(out, text);
    heddle_buffer_append_byte(out, '\n');
    free(text);
    return heddle_buffer_check(out, error);
}
