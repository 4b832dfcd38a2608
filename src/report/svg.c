/* svg.c: heat maps and line charts as text. */
#include "report/svg.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

/* Sizes in the picture's own units; the page scales it. */
enum { GRID_SIDE = 360, MARGIN = 24, CHART_WIDTH = 460, CHART_HEIGHT = 240, AXIS = 34, NAMES = 96 };

/* Cells fainter than this are not drawn: most tiles of a large space are nearly empty. */
static const double FAINTEST = 0.004;

static void put(struct heddle_buffer *out, const char *text)
{
    heddle_buffer_append_text(out, text);
}

void heddle_svg_text(struct heddle_buffer *out, const char *text)
{
    const bool clean = heddle_text_is_utf8(text, strlen(text));
    for (const char *at = text; *at != '\0'; at++) {
        const unsigned char byte = (unsigned char)*at;
        switch (byte) {
        case '&': put(out, "&amp;"); break;
        case '<': put(out, "&lt;"); break;
        case '>': put(out, "&gt;"); break;
        case '"': put(out, "&quot;"); break;
        case '\'': put(out, "&#39;"); break;
        default:
            if (byte < ' ' || byte == 0x7f || (byte >= 0x80 && !clean)) {
                put(out, "\xef\xbf\xbd");
            } else {
                heddle_buffer_append_byte(out, byte);
            }
        }
    }
}

/* The sum of the values that fall into cell (row, column) of a picture of `rows` x `columns` cells. */
static double merged(const struct heddle_svg_grid *grid, size_t row, size_t rows, size_t column,
                     size_t columns)
{
    double sum = 0;
    for (size_t i = row * grid->rows / rows; i < (row + 1) * grid->rows / rows; i++) {
        for (size_t j = column * grid->columns / columns; j < (column + 1) * grid->columns / columns; j++) {
            sum += grid->values[i * grid->columns + j];
        }
    }
    return sum;
}

static double largest_of(const struct heddle_svg_grid *grid, size_t rows, size_t columns)
{
    double largest = 0;
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            largest = fmax(largest, merged(grid, i, rows, j, columns));
        }
    }
    return largest;
}

void heddle_svg_heat_map(struct heddle_buffer *out, const struct heddle_svg_grid *grid)
{
    const size_t rows = grid->rows < HEDDLE_SVG_GRID_MAX ? grid->rows : HEDDLE_SVG_GRID_MAX;
    const size_t columns = grid->columns < HEDDLE_SVG_GRID_MAX ? grid->columns : HEDDLE_SVG_GRID_MAX;
    const double side = (double)GRID_SIDE / (double)(rows > columns ? rows : columns);
    const double largest = largest_of(grid, rows, columns);
    const double width = side * (double)columns;
    const double height = side * (double)rows;
    heddle_buffer_append_format(out, "<svg viewBox=\"0 0 %.1f %.1f\" role=\"img\" class=\"map\"><title>",
                                width + MARGIN, height + MARGIN);
    heddle_svg_text(out, grid->title);
    heddle_buffer_append_format(out, "</title><text x=\"%d\" y=\"14\">", MARGIN);
    heddle_svg_text(out, grid->column_label);
    heddle_buffer_append_format(out, "</text><text transform=\"translate(14 %.1f) rotate(-90)\">",
                                height + MARGIN);
    heddle_svg_text(out, grid->row_label);
    heddle_buffer_append_format(
        out, "</text><rect class=\"ground\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%.1f\"/>", MARGIN,
        MARGIN, width, height);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            const double share = largest > 0 ? merged(grid, i, rows, j, columns) / largest : 0;
            if (share >= FAINTEST) {
                heddle_buffer_append_format(out,
                                            "<rect class=\"cell\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" "
                                            "height=\"%.2f\" opacity=\"%.3f\"/>",
                                            MARGIN + side * (double)j, MARGIN + side * (double)i, side, side,
                                            share);
            }
        }
    }
    put(out, "</svg>");
}

static double chart_top(const struct heddle_svg_chart *chart)
{
    double top = 1;
    for (size_t i = 0; i < chart->line_count; i++) {
        for (size_t j = 0; j < chart->point_count; j++) {
            top = fmax(top, chart->lines[i].values[j]);
        }
    }
    return top;
}

static double chart_x(const struct heddle_svg_chart *chart, size_t point)
{
    const size_t gaps = chart->point_count > 1 ? chart->point_count - 1 : 1;
    return AXIS + (double)(CHART_WIDTH - AXIS - NAMES) * (double)point / (double)gaps;
}

static double chart_y(double value, double top)
{
    return CHART_HEIGHT - AXIS - (double)(CHART_HEIGHT - AXIS - MARGIN) * value / top;
}

static void put_axes(struct heddle_buffer *out, const struct heddle_svg_chart *chart, double top)
{
    for (int i = 0; i <= 4; i++) {
        const double value = top * i / 4;
        const double y = chart_y(value, top);
        heddle_buffer_append_format(out,
                                    "<line class=\"rule\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                                    "<text class=\"end\" x=\"%d\" y=\"%.1f\">%.3g</text>",
                                    AXIS, CHART_WIDTH - NAMES, y, y, AXIS - 6, y + 4, value);
    }
    for (size_t i = 0; i < chart->point_count; i++) {
        heddle_buffer_append_format(out, "<text class=\"middle\" x=\"%.1f\" y=\"%d\">", chart_x(chart, i),
                                    CHART_HEIGHT - AXIS + 18);
        heddle_svg_text(out, chart->points[i]);
        put(out, "</text>");
    }
}

void heddle_svg_chart(struct heddle_buffer *out, const struct heddle_svg_chart *chart)
{
    const double top = chart_top(chart);
    heddle_buffer_append_format(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" class=\"chart\"><title>",
                                CHART_WIDTH, CHART_HEIGHT);
    heddle_svg_text(out, chart->title);
    put(out, "</title>");
    put_axes(out, chart, top);
    double last_y = -MARGIN;
    for (size_t i = 0; i < chart->line_count && chart->point_count > 0; i++) {
        const struct heddle_svg_line *line = &chart->lines[i];
        heddle_buffer_append_format(out, "<polyline class=\"line %s\" points=\"", line->style);
        for (size_t j = 0; j < chart->point_count; j++) {
            heddle_buffer_append_format(out, "%.1f,%.1f ", chart_x(chart, j), chart_y(line->values[j], top));
        }
        /* Names stand at the ends of their lines, at least a line of text apart. */
        const double end = chart_y(line->values[chart->point_count - 1], top);
        last_y = end < last_y + 14 ? last_y + 14 : end;
        heddle_buffer_append_format(out, "\"/><text class=\"%s\" x=\"%d\" y=\"%.1f\">", line->style,
                                    CHART_WIDTH - NAMES + 8, last_y + 4);
        heddle_svg_text(out, line->name);
        put(out, "</text>");
    }
    put(out, "</svg>");
}
