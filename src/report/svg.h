/* svg.h: the few shapes that reports draw, and text that is safe inside HTML and SVG.
 *
 * A picture stands inline in a page and takes its colours from the page's style sheet: `.cell` is coloured by opacity, so that
 * it reads on light and dark ground. Running out of memory is noted in the buffer.
 *
 * Threads: pure functions.
 */
#ifndef HEDDLE_REPORT_SVG_H
#define HEDDLE_REPORT_SVG_H

#include <stddef.h>

#include "base/buffer.h"

/* Appends text with &, <, >, " and ' written as entities; bytes that are no UTF-8, and control characters, as U+FFFD. */
void heddle_svg_text(struct heddle_buffer *out, const char *text);

/* A square of cells, the darker the larger its value in relation to the largest. */
struct heddle_svg_grid {
    const double *values; /* rows x columns */
    size_t rows;
    size_t columns;
    const char *title;        /* said to those who cannot see the picture */
    const char *row_label;    /* written at its left side */
    const char *column_label; /* and above */
};

/* Cells are merged (summed) into at most HEDDLE_SVG_GRID_MAX a side. */
enum { HEDDLE_SVG_GRID_MAX = 64 };
void heddle_svg_heat_map(struct heddle_buffer *out, const struct heddle_svg_grid *grid);

/* One line of a chart. */
struct heddle_svg_line {
    const char *name;
    const double *values; /* a point */
    const char *style;    /* class of the line in the page's style sheet */
};

/* Lines over points that stand at equal distances, from 0 upwards. */
struct heddle_svg_chart {
    const char *title;
    const char *const *points; /* their labels */
    size_t point_count;
    const struct heddle_svg_line *lines;
    size_t line_count;
};
void heddle_svg_chart(struct heddle_buffer *out, const struct heddle_svg_chart *chart);

#endif
