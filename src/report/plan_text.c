/* plan_text.c: a forecast in a terminal. */
#include "report/plan_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* A map of characters is about as wide as high at twice as many columns. */
enum { MAP_SIDE = 16 };

static const char SHADES[] = " .:-=+*#%@";

char *heddle_plan_report_bytes(uint64_t bytes, char out[static 32])
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1000;
        unit++;
    }
    snprintf(out, 32, value < 9.95 && unit > 0 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return out;
}

char *heddle_plan_report_time(double seconds, char out[static 32])
{
    if (seconds < 100) {
        snprintf(out, 32, "%.1f s", seconds);
    } else if (seconds < 6000) {
        snprintf(out, 32, "%.0f min", seconds / 60);
    } else {
        snprintf(out, 32, "%.1f h", seconds / 3600);
    }
    return out;
}

void heddle_plan_report_what(const struct heddle_target *target, struct heddle_buffer *out)
{
    if (target->kind == HEDDLE_TARGET_QUERY) {
        heddle_buffer_append_text(out, "query");
        return;
    }
    if (target->kind == HEDDLE_TARGET_RELATIONSHIP) {
        heddle_buffer_append_format(out, "-[:%s]->", target->type);
    }
    for (size_t i = 0; i < target->label_count; i++) {
        heddle_buffer_append_format(out, ":%s", target->labels[i]);
    }
    heddle_buffer_append_text(out, target->merge ? ", merge" : ", create");
}

const char *heddle_plan_report_scenario(const struct heddle_forecast_target *target)
{
    switch (target->scenario) {
    case HEDDLE_SCENARIO_COMPONENTS: return "predefined";
    case HEDDLE_SCENARIO_BIPARTITE: return "bipartite";
    case HEDDLE_SCENARIO_MONOPARTITE: return "monopartite";
    }
    return "";
}

static void put_size(const struct heddle_forecast_target *target, struct heddle_buffer *out)
{
    char rows[32], keys[32], transactions[32], bytes[32], batch[32];
    const bool keyed = target->keys > 0;
    heddle_buffer_append_format(
        out, "  %-10s %s rows%s%s%s, %s transactions of up to %s rows, %s to send\n", "size",
        heddle_text_grouped(target->rows, rows), keyed ? ", about " : "",
        keyed ? heddle_text_grouped(target->keys, keys) : "", keyed ? " different ones" : "",
        heddle_text_grouped(target->transactions, transactions),
        heddle_text_grouped(target->batch_rows, batch), heddle_plan_report_bytes(target->bytes, bytes));
    if (target->texts > 0) {
        heddle_buffer_append_format(out, "  %-10s %s texts of %.0f bytes on average\n", "embedding",
                                    heddle_text_grouped(target->texts, rows),
                                    (double)target->characters / (double)target->texts);
    }
    for (size_t i = 0; i < target->reason_count; i++) {
        heddle_buffer_append_format(out, "  %-10s %s rows, %s: %s\n", i == 0 ? "rejects" : "",
                                    heddle_text_grouped(target->reasons[i].rows, rows),
                                    target->reasons[i].code, target->reasons[i].example);
    }
}

static void put_parts(const struct heddle_forecast_target *target, struct heddle_buffer *out)
{
    const bool pairs = target->target->kind == HEDDLE_TARGET_RELATIONSHIP;
    char busiest[32];
    heddle_buffer_append_format(
        out, "  %-10s %s%s%zu parts%s for %zu writers, the fullest %.2f times the mean\n", "parts",
        pairs ? heddle_plan_report_scenario(target) : "", pairs ? ", " : "", target->parts,
        pairs && target->scenario == HEDDLE_SCENARIO_BIPARTITE ? " a side" : "", target->writers,
        target->imbalance);
    heddle_buffer_append_format(out, "  %-10s at most %s rows touch one node\n", "",
                                heddle_text_grouped(target->busiest, busiest));
    for (size_t i = 0; i < target->hub_count; i++) {
        const struct heddle_forecast_hub *hub = &target->hubs[i];
        heddle_buffer_append_format(out, "  %-10s %s %s: %s rows, %.1f %%\n", i == 0 ? "hubs" : "",
                                    hub->label, hub->key, heddle_text_grouped(hub->rows, busiest),
                                    100 * hub->share);
    }
}

static void put_speeds(const struct heddle_forecast_target *target, struct heddle_buffer *out)
{
    const bool pairs = target->target->kind == HEDDLE_TARGET_RELATIONSHIP;
    heddle_buffer_append_format(out, "  %-10s", "writers");
    for (size_t i = 0; i < HEDDLE_FORECAST_SPEEDS; i++) {
        heddle_buffer_append_format(out, " %6zu", target->speeds[i].writers);
    }
    heddle_buffer_append_format(out, "\n  %-10s", "bound");
    for (size_t i = 0; i < HEDDLE_FORECAST_SPEEDS; i++) {
        heddle_buffer_append_format(out, " %6.2f", target->speeds[i].bound);
    }
    heddle_buffer_append_format(out, "\n  %-10s", "tiles");
    for (size_t i = 0; i < HEDDLE_FORECAST_SPEEDS; i++) {
        heddle_buffer_append_format(out, " %6.2f", target->speeds[i].tiles);
    }
    if (pairs) {
        heddle_buffer_append_format(out, "\n  %-10s", "barriers");
        for (size_t i = 0; i < HEDDLE_FORECAST_SPEEDS; i++) {
            heddle_buffer_append_format(out, " %6.2f", target->speeds[i].rounds);
        }
    }
    heddle_buffer_append_byte(out, '\n');
}

/* Rows of the tiles that fall into one character. */
static uint64_t map_cell(const struct heddle_forecast_target *target, size_t side, size_t row, size_t column)
{
    uint64_t sum = 0;
    for (size_t a = row * target->parts / side; a < (row + 1) * target->parts / side; a++) {
        for (size_t b = column * target->parts / side; b < (column + 1) * target->parts / side; b++) {
            sum += target->tiles[a * target->parts + b];
        }
    }
    return sum;
}

static void put_map(const struct heddle_forecast_target *target, struct heddle_buffer *out)
{
    const size_t side = target->parts < MAP_SIDE ? target->parts : MAP_SIDE;
    uint64_t most = 1;
    for (size_t i = 0; i < side * side; i++) {
        const uint64_t rows = map_cell(target, side, i / side, i % side);
        most = rows > most ? rows : most;
    }
    for (size_t i = 0; i < side; i++) {
        heddle_buffer_append_format(out, "  %-10s |", i == 0 ? "heat map" : "");
        for (size_t j = 0; j < side; j++) {
            const uint64_t rows = map_cell(target, side, i, j);
            const size_t shade = rows == 0 ? 0 : 1 + (size_t)((sizeof SHADES - 3) * rows / most);
            heddle_buffer_append_byte(out, (uint8_t)SHADES[shade]);
            heddle_buffer_append_byte(out, (uint8_t)SHADES[shade]);
        }
        heddle_buffer_append_text(out, "|\n");
    }
}

static void put_prediction(const struct heddle_plan_about *about, struct heddle_buffer *out)
{
    const struct heddle_probe *probe = about->probe;
    const struct heddle_prediction *whole = about->prediction;
    char a[32], b[32], c[32], d[32], e[32];
    heddle_buffer_append_format(
        out, "\nprobe  %s rows in %s, with %zu writers, deleted again\n", heddle_text_grouped(probe->rows, a),
        heddle_plan_report_time(probe->fixed_s + probe->load_s + probe->index_s, b), probe->writers);
    heddle_buffer_append_format(
        out, "  %-10s about %s: %s to load (read %s, embed %s, write %s, beside each other)", "all rows",
        heddle_plan_report_time(whole->wall_s, a), heddle_plan_report_time(whole->load_s, b),
        heddle_plan_report_time(whole->read_s, c), heddle_plan_report_time(whole->embed_s, d),
        heddle_plan_report_time(whole->write_s, e));
    if (whole->index_s > 0) {
        heddle_buffer_append_format(out, ", %s for the vector index",
                                    heddle_plan_report_time(whole->index_s, a));
    }
    heddle_buffer_append_format(
        out, "\n  %-10s about %s in the store, up to %s of transaction logs where the server keeps them\n",
        "server", heddle_plan_report_bytes(whole->store_bytes, a),
        heddle_plan_report_bytes(whole->log_bytes, b));
    heddle_buffer_append_format(out, "  %-10s at most %s beside the checkpoint", "spill",
                                heddle_plan_report_bytes(whole->spill_bytes, a));
    if (whole->spill_free != UINT64_MAX) {
        heddle_buffer_append_format(out, ", %s are free", heddle_plan_report_bytes(whole->spill_free, b));
    }
    heddle_buffer_append_byte(out, '\n');
}

static void put_target(const struct heddle_forecast_target *target, struct heddle_buffer *out)
{
    heddle_buffer_append_format(out, "\n%s  ", target->target->name);
    heddle_plan_report_what(target->target, out);
    heddle_buffer_append_byte(out, '\n');
    put_size(target, out);
    heddle_buffer_append_format(out, "  %-10s %s: %s\n", "road", heddle_road_choice_name(&target->road),
                                target->road.reason);
    if (!target->parted) {
        return;
    }
    put_parts(target, out);
    put_speeds(target, out);
    if (target->target->kind == HEDDLE_TARGET_RELATIONSHIP) {
        put_map(target, out);
    }
}

void heddle_plan_report_text(const struct heddle_forecast *forecast, const struct heddle_plan_about *about,
                             struct heddle_buffer *out)
{
    char rows[32];
    heddle_buffer_append_format(out, "%s\n", forecast->job);
    for (size_t i = 0; i < forecast->source_count; i++) {
        const struct heddle_forecast_source *source = &forecast->sources[i];
        heddle_buffer_append_format(out, "  %-10s %s, %s%s%s: %s rows", i == 0 ? "sources" : "", source->name,
                                    source->type, source->path[0] == '\0' ? "" : " ", source->path,
                                    heddle_text_grouped(source->rows, rows));
        if (source->unreadable > 0) {
            heddle_buffer_append_format(out, ", %s unreadable",
                                        heddle_text_grouped(source->unreadable, rows));
        }
        heddle_buffer_append_byte(out, '\n');
    }
    heddle_buffer_append_format(out, "  %-10s %s\n", "graph",
                                about->server != NULL ? about->server
                                                      : "not asked (--to URI): taken as empty");
    for (size_t i = 0; i < forecast->target_count; i++) {
        put_target(&forecast->targets[i], out);
    }
    if (about->probe != NULL) {
        put_prediction(about, out);
    }
    heddle_buffer_append_text(out, "\nSpeeds are times one writer, on a server that is perfect otherwise: "
                                   "`bound` no schedule beats, `tiles` is\n"
                                   "heddle's, simulated on these keys, `barriers` the published way, rounds "
                                   "of groups that wait for each other.\n");
}
