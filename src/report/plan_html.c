/* plan_html.c: a forecast as one page that needs no other file, no script and no network. */
#include "report/plan_report.h"

#include <string.h>

#include "base/text.h"
#include "report/svg.h"

static const char STYLE[] =
    ":root{color-scheme:light "
    "dark;--ink:#1c1f24;--ground:#fff;--soft:#6b7280;--line:#d7dbe0;--heat:#c2410c;--a:#c2410c;"
    "--b:#6b7280;--c:#2563eb}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--ground:#14171b;--soft:#9aa3ad;--line:#333941;--"
    "heat:#fb923c;"
    "--a:#fb923c;--b:#9aa3ad;--c:#60a5fa}}"
    "body{font:15px/1.5 "
    "system-ui,sans-serif;color:var(--ink);background:var(--ground);max-width:60rem;margin:2rem auto;"
    "padding:0 1rem}h1{font-size:1.5rem}h2{font-size:1.15rem;margin:2.5rem 0 .3rem;border-top:1px solid "
    "var(--line);"
    "padding-top:1.2rem}h3{font-size:.95rem;margin:.3rem 0}p{margin:.3rem 0}.soft{color:var(--soft)}"
    "table{border-collapse:collapse;margin:.6rem 0;font-variant-numeric:tabular-nums}td,th{padding:.15rem "
    ".8rem .15rem 0;"
    "text-align:right;font-weight:normal}th{color:var(--soft)}td:first-child,th:first-child{text-align:left}"
    ".pictures{display:flex;flex-wrap:wrap;gap:1.5rem}figure{margin:.6rem 0;flex:1 1 18rem;max-width:27rem}"
    "figcaption{color:var(--soft);font-size:.85rem}svg{width:100%;height:auto;font:11px system-ui,sans-serif}"
    "svg "
    "text{fill:var(--soft)}.ground{fill:none;stroke:var(--line)}.cell{fill:var(--heat)}.rule{stroke:var(--"
    "line)}"
    ".line{fill:none;stroke-width:2}.tiles{stroke:var(--a)}.bound{stroke:var(--b);stroke-dasharray:4 3}"
    ".barriers{stroke:var(--c)}svg text.tiles{fill:var(--a);stroke:none}svg "
    "text.bound{fill:var(--b);stroke:none}"
    "svg text.barriers{fill:var(--c);stroke:none}.end{text-anchor:end}.middle{text-anchor:middle}";

static void put(struct heddle_buffer *out, const char *text)
{
    heddle_buffer_append_text(out, text);
}

static void put_number(struct heddle_buffer *out, uint64_t value)
{
    char text[32];
    put(out, heddle_text_grouped(value, text));
}

static void put_heading(const struct heddle_forecast_target *target, struct heddle_buffer *out)
{
    struct heddle_buffer what = {0};
    char bytes[32];
    heddle_plan_report_what(target->target, &what);
    put(out, "<section><h2>");
    heddle_svg_text(out, target->target->name);
    put(out, " <span class=\"soft\">");
    const char *text = heddle_buffer_text(&what);
    heddle_svg_text(out, text == NULL ? "" : text);
    put(out, "</span></h2><p>");
    heddle_buffer_free(&what);
    put_number(out, target->rows);
    put(out, " rows");
    if (target->keys > 0) {
        put(out, ", about ");
        put_number(out, target->keys);
        put(out, " different ones");
    }
    put(out, ", ");
    put_number(out, target->transactions);
    put(out, " transactions, ");
    put(out, heddle_plan_report_bytes(target->bytes, bytes));
    put(out, " to send.</p><p>Road: <b>");
    put(out, heddle_road_choice_name(&target->road));
    put(out, "</b> <span class=\"soft\">");
    heddle_svg_text(out, target->road.reason);
    put(out, "</span></p>");
    for (size_t i = 0; i < target->reason_count; i++) {
        put(out, "<p>Rejects: ");
        put_number(out, target->reasons[i].rows);
        put(out, " rows, ");
        heddle_svg_text(out, target->reasons[i].code);
        put(out, ": ");
        heddle_svg_text(out, target->reasons[i].example);
        put(out, "</p>");
    }
}

static void put_speed_chart(const struct heddle_forecast_target *target, struct heddle_buffer *out)
{
    static const char *const points[HEDDLE_FORECAST_SPEEDS] = {"1", "2", "4", "8", "16", "32", "64"};
    double bound[HEDDLE_FORECAST_SPEEDS], tiles[HEDDLE_FORECAST_SPEEDS], barriers[HEDDLE_FORECAST_SPEEDS];
    for (size_t i = 0; i < HEDDLE_FORECAST_SPEEDS; i++) {
        bound[i] = target->speeds[i].bound;
        tiles[i] = target->speeds[i].tiles;
        barriers[i] = target->speeds[i].rounds;
    }
    const struct heddle_svg_line lines[] = {
        {"bound", bound, "bound"}, {"tiles", tiles, "tiles"}, {"barriers", barriers, "barriers"}};
    const struct heddle_svg_chart chart = {
        .title = "Times one writer, by number of writers",
        .points = points,
        .point_count = HEDDLE_FORECAST_SPEEDS,
        .lines = lines,
        .line_count = target->target->kind == HEDDLE_TARGET_RELATIONSHIP ? 3 : 2,
    };
    put(out, "<figure>");
    heddle_svg_chart(out, &chart);
    put(out, "<figcaption>Times one writer, by number of writers, on a server that is perfect otherwise. No "
             "schedule "
             "beats the bound; tiles are heddle's schedule, simulated on these keys; barriers are rounds of "
             "groups that "
             "wait for each other.</figcaption></figure>");
}

/* Rows of the tiles as numbers to draw. The buffer's memory is what the values lie in. */
static const double *tile_values(const struct heddle_forecast_target *target, struct heddle_buffer *room)
{
    const size_t count = target->parts * target->parts;
    uint8_t *bytes = heddle_buffer_reserve(room, count * sizeof(double));
    if (bytes == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const double rows = (double)target->tiles[i];
        memcpy(bytes + i * sizeof rows, &rows, sizeof rows);
    }
    return (const double *)(const void *)bytes;
}

static void put_maps(const struct heddle_forecast_target *target, struct heddle_buffer *out)
{
    struct heddle_buffer room = {0};
    const bool pairs = target->target->kind == HEDDLE_TARGET_RELATIONSHIP;
    const double *tiles = pairs ? tile_values(target, &room) : NULL;
    if (tiles != NULL) {
        put(out, "<figure>");
        heddle_svg_heat_map(out, &(struct heddle_svg_grid){.values = tiles,
                                                           .rows = target->parts,
                                                           .columns = target->parts,
                                                           .title = "Rows of each tile",
                                                           .row_label = "part of the start",
                                                           .column_label = "part of the end"});
        put(out, "<figcaption>Heat map: rows of each tile, a pair of parts. A transaction holds the parts of "
                 "its rows; "
                 "two that share none run together.</figcaption></figure>");
    }
    put(out, "<figure>");
    heddle_svg_heat_map(out, &(struct heddle_svg_grid){.values = target->together,
                                                       .rows = target->together_parts,
                                                       .columns = target->together_parts,
                                                       .title = "Parts that are written to at the same time",
                                                       .row_label = "part",
                                                       .column_label = "part"});
    heddle_buffer_append_format(
        out,
        "<figcaption>Groups: how long two parts are both being written to, with %zu writers. No "
        "cell on the diagonal has two writers: a part has one at a time.</figcaption></figure>",
        target->writers);
    heddle_buffer_free(&room);
}

static void put_hubs(const struct heddle_forecast_target *target, struct heddle_buffer *out)
{
    if (target->hub_count == 0) {
        return;
    }
    put(out, "<table><tr><th>Hub</th><th></th><th>rows</th><th>share</th></tr>");
    for (size_t i = 0; i < target->hub_count; i++) {
        const struct heddle_forecast_hub *hub = &target->hubs[i];
        put(out, "<tr><td>");
        heddle_svg_text(out, hub->label);
        put(out, "</td><td>");
        heddle_svg_text(out, hub->key);
        put(out, "</td><td>");
        put_number(out, hub->rows);
        heddle_buffer_append_format(out, "</td><td>%.1f %%</td></tr>", 100 * hub->share);
    }
    put(out, "</table>");
}

static void put_speed_table(const struct heddle_forecast_target *target, struct heddle_buffer *out)
{
    const bool pairs = target->target->kind == HEDDLE_TARGET_RELATIONSHIP;
    put(out, "<table><tr><th>Writers</th><th>parts</th><th>bound</th><th>tiles</th>");
    put(out, pairs ? "<th>barriers</th></tr>" : "</tr>");
    for (size_t i = 0; i < HEDDLE_FORECAST_SPEEDS; i++) {
        const struct heddle_forecast_speed *speed = &target->speeds[i];
        heddle_buffer_append_format(out, "<tr><td>%zu</td><td>%zu</td><td>%.2f</td><td>%.2f</td>",
                                    speed->writers, speed->parts, speed->bound, speed->tiles);
        if (pairs) {
            heddle_buffer_append_format(out, "<td>%.2f</td>", speed->rounds);
        }
        put(out, "</tr>");
    }
    put(out, "</table>");
}

static void put_prediction(const struct heddle_plan_about *about, struct heddle_buffer *out)
{
    const struct heddle_prediction *whole = about->prediction;
    char a[32], b[32], c[32];
    put(out, "<section><h2>All rows</h2><p>About <b>");
    put(out, heddle_plan_report_time(whole->wall_s, a));
    put(out, "</b>: ");
    put(out, heddle_plan_report_time(whole->load_s, b));
    put(out, " to load and ");
    put(out, heddle_plan_report_time(whole->index_s, c));
    put(out, " for the vector index, by a sample of ");
    put_number(out, about->probe->rows);
    put(out, " rows.</p><table><tr><th>Stage</th><th>time of its own</th></tr><tr><td>read</td><td>");
    put(out, heddle_plan_report_time(whole->read_s, a));
    put(out, "</td></tr><tr><td>embed</td><td>");
    put(out, heddle_plan_report_time(whole->embed_s, a));
    put(out, "</td></tr><tr><td>write</td><td>");
    put(out, heddle_plan_report_time(whole->write_s, a));
    put(out, "</td></tr></table><p>Store about ");
    put(out, heddle_plan_report_bytes(whole->store_bytes, a));
    put(out, "; transaction logs up to ");
    put(out, heddle_plan_report_bytes(whole->log_bytes, a));
    put(out, "; spill at most ");
    put(out, heddle_plan_report_bytes(whole->spill_bytes, a));
    put(out, ".</p></section>");
}

static void put_target(const struct heddle_forecast_target *target, struct heddle_buffer *out)
{
    put_heading(target, out);
    if (target->parted) {
        const bool pairs = target->target->kind == HEDDLE_TARGET_RELATIONSHIP;
        heddle_buffer_append_format(
            out, "<p>%s%s%zu parts%s for %zu writers; the fullest holds %.2f times the mean. At most ",
            pairs ? heddle_plan_report_scenario(target) : "", pairs ? ", " : "", target->parts,
            pairs && target->scenario == HEDDLE_SCENARIO_BIPARTITE ? " a side" : "", target->writers,
            target->imbalance);
        put_number(out, target->busiest);
        put(out, " rows touch one node.</p><div class=\"pictures\">");
        put_maps(target, out);
        put_speed_chart(target, out);
        put(out, "</div>");
        put_speed_table(target, out);
        put_hubs(target, out);
    }
    put(out, "</section>");
}

void heddle_plan_report_html(const struct heddle_forecast *forecast, const struct heddle_plan_about *about,
                             struct heddle_buffer *out)
{
    put(out, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
             "content=\"width=device-width,initial-scale=1\"><title>");
    heddle_svg_text(out, forecast->job);
    put(out, ": plan</title><style>");
    put(out, STYLE);
    put(out, "</style></head><body><h1>");
    heddle_svg_text(out, forecast->job);
    put(out, "</h1>");
    for (size_t i = 0; i < forecast->source_count; i++) {
        const struct heddle_forecast_source *source = &forecast->sources[i];
        put(out, "<p>");
        heddle_svg_text(out, source->name);
        put(out, " <span class=\"soft\">");
        heddle_svg_text(out, source->type);
        put(out, " ");
        heddle_svg_text(out, source->path);
        put(out, "</span>: ");
        put_number(out, source->rows);
        put(out, " rows</p>");
    }
    put(out, "<p class=\"soft\">");
    heddle_svg_text(out, about->server != NULL ? about->server
                                               : "No database was asked: the graph is taken as empty.");
    put(out, "</p>");
    if (about->probe != NULL) {
        put_prediction(about, out);
    }
    for (size_t i = 0; i < forecast->target_count; i++) {
        put_target(&forecast->targets[i], out);
    }
    put(out, "</body></html>\n");
}
